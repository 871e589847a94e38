// Where an upload that was begun lies on the server, so that it goes on after a reload (tus-js-client's UrlStorage).
// File names identify patients: what is kept is a hash of them under a secret of the page, and no metadata.
const PREFIX = "cxr-upload:";
const KEPT_MS = 14 * 24 * 3600 * 1000;

export class AddressBook {
  /** @param {string} salt a secret of this person and batch, known to the page alone */
  constructor(salt) {
    this.salt = salt;
    this.forgetOld();
  }

  async key(fingerprint) {
    // Browsers hash only on https and on the machine itself; elsewhere a reload starts a file anew.
    if (!crypto.subtle) return null;
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${this.salt}\n${fingerprint}`));
    return PREFIX + btoa(String.fromCharCode(...new Uint8Array(bytes)));
  }

  async findAllUploads() {
    return [];
  }

  async findUploadsByFingerprint(fingerprint) {
    const key = await this.key(fingerprint);
    const kept = key && JSON.parse(localStorage.getItem(key));
    if (!kept) return [];
    const { size, uploadUrl, creationTime } = kept;
    return [{ size, uploadUrl, creationTime, metadata: {}, urlStorageKey: key, parallelUploadUrls: null }];
  }

  async addUpload(fingerprint, { size, uploadUrl, creationTime }) {
    const key = await this.key(fingerprint);
    if (!key) return undefined;
    try {
      localStorage.setItem(key, JSON.stringify({ size, uploadUrl, creationTime }));
    } catch {
      // Full: without its address a file starts anew after a reload, and nothing else is lost.
    }
    return key;
  }

  async removeUpload(key) {
    localStorage.removeItem(key);
  }

  forgetOld() {
    for (const key of Object.keys(localStorage).filter((name) => name.startsWith(PREFIX))) {
      const { creationTime } = JSON.parse(localStorage.getItem(key));
      if (Date.now() - Date.parse(creationTime) > KEPT_MS) localStorage.removeItem(key);
    }
  }
}
