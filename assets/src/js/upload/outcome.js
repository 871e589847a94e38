// What could not be taken over, in words, below the drop area.
const RETRYABLE = new Set([408, 409, 423, 429, 460]);

export class Outcome {
  /** @param {HTMLElement} section @param {Record<string, string>} words */
  constructor(section, words) {
    this.section = section;
    this.words = words;
    this.summary = section.querySelector("[role=status]");
    this.list = section.querySelector("ul");
    this.alert = section.querySelector("[data-signed-out]");
  }

  clear() {
    this.list.replaceChildren();
    this.summary.textContent = "";
    this.signedIn();
    this.section.hidden = true;
  }

  /** Does the server's answer say that sending the same file again would not help? */
  isFinal(response) {
    return response?.status >= 400 && response.status < 500 && !RETRYABLE.has(response.status);
  }

  refused(file, response) {
    const row = document.createElement("li");
    const name = document.createElement("span");
    const note = document.createElement("span");
    name.className = "file-name";
    note.className = "file-note";
    name.textContent = `${file.meta.relativePath || file.name} `;
    note.textContent = message(response) || this.words.refused;
    name.append(note);
    row.append(name);
    this.list.append(row);
    this.summary.textContent = `${this.words.notTaken} ${this.list.children.length}`;
    this.section.hidden = false;
  }

  signedOut() {
    this.alert.hidden = false;
    this.section.hidden = false;
  }

  signedIn() {
    this.alert.hidden = true;
    this.section.hidden = !this.list.children.length;
  }
}

function message(response) {
  try {
    return JSON.parse(response.body.xhr.responseText).message;
  } catch {
    return "";
  }
}
