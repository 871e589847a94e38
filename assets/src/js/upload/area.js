// <div data-upload> inside the plain upload form: many files, folders, pause and resume (Uppy, tus 1.0). What the form
// says beside its file field is said of every file when its upload starts. Without this script the form sends itself.
import Uppy from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import Tus from "@uppy/tus";
import { described, isValid } from "./description.js";
import { Outcome } from "./outcome.js";
import { AddressBook } from "./storage.js";

// What systems and CDs put beside images.
const LITTER = /^(\.DS_Store|\._.*|Thumbs\.db|desktop\.ini|DICOMDIR)$/i;
const AT_ONCE = 4;
// Ten minutes without the server are endured; then the file says so and can be retried by hand.
const RETRY_DELAYS = [500, 1000, 3000, 5000, 10000, 20000, ...Array(20).fill(30000)];
const LOCALES = { pl: () => import("./polish.js") };
const REFRESH_MS = 2000;

/** @param {HTMLElement} area */
export async function openDropArea(area) {
  const form = area.closest("form");
  const { endpoint, batch, max_bytes: maxFileSize, salt, classes, words } = JSON.parse(
    document.getElementById("upload-settings").textContent,
  );
  const language = document.documentElement.lang.slice(0, 2);
  const locale = await LOCALES[language]?.();
  const uppy = new Uppy({
    id: "upload",
    allowMultipleUploadBatches: true,
    restrictions: { maxFileSize },
    locale: locale?.default,
    onBeforeFileAdded: (file) => !LITTER.test(file.name),
    onBeforeUpload: () => isValid(form),
  });
  const outcome = new Outcome(area.parentElement.querySelector("[data-upload-outcome]"), words);
  let token = form.elements.csrfmiddlewaretoken.value;

  uppy.use(Dashboard, {
    target: area,
    inline: true,
    width: "100%",
    height: 430,
    theme: "auto",
    note: words.note,
    fileManagerSelectionType: "both",
    disableThumbnailGenerator: true,
    showLinkToFileUploadResult: false,
    proudlyDisplayPoweredByUppy: false,
    doneButtonHandler: () => uppy.clear(),
  });
  uppy.use(Tus, {
    endpoint,
    limit: AT_ONCE,
    retryDelays: RETRY_DELAYS,
    urlStorage: new AddressBook(salt),
    onBeforeRequest: (request) => request.setHeader("X-CSRFToken", token),
  });

  uppy.addPreProcessor(async (ids) => {
    const said = { ...described(form, classes), batch: String(batch) };
    const files = { ...uppy.getState().files };
    for (const id of ids) {
      const { name, relativePath, batch: before } = files[id].meta;
      if (before) continue; // a retry keeps what was said at first
      files[id] = { ...files[id], meta: { name, ...(relativePath && { relativePath }), ...said } };
    }
    uppy.setState({ files });
  });

  uppy.on("upload-success", refreshSoon());
  uppy.on("upload-error", (file, error, response) => {
    if (response?.status === 401 || response?.status === 403) {
      uppy.pauseAll();
      outcome.signedOut();
    } else if (outcome.isFinal(response)) {
      outcome.refused(file, response);
      // Trying again would not help, so that only what may be retried stays in the area, and it goes on with the rest.
      queueMicrotask(() => {
        uppy.removeFile(file.id);
        uppy.setState({ error: null });
        uppy.hideInfo();
      });
    }
  });
  for (const event of ["resume-all", "retry-all", "upload-retry"]) {
    uppy.on(event, async () => {
      outcome.signedIn();
      token = (await freshToken()) ?? token;
    });
  }
  uppy.on("upload", () => outcome.clear());
  addEventListener("beforeunload", (event) => {
    if (uppy.getFiles().some((file) => !file.progress.uploadComplete)) event.preventDefault();
  });

  form.classList.add("has-upload");
  area.hidden = false;
}

/** The files' table asks for itself anew: at once, then not oftener than every two seconds. */
function refreshSoon() {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      document.getElementById("files")?.dispatchEvent(new Event("arrived"));
    }, REFRESH_MS);
  };
}

/** Signing in anew changes the token that Django wants to see; any page of the portal tells it. */
async function freshToken() {
  const answer = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return null;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.querySelector("[name=csrfmiddlewaretoken]")?.value;
}
