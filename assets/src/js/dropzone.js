// <div class="dropzone" data-dropzone> around an <input type="file" multiple>: files may be dropped on it, and what
// was chosen is listed before it is sent. Without this script the input works as it is.
import { onReady } from "./ready.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

function size(bytes) {
  const step = bytes > 0 ? Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1) : 0;
  return new Intl.NumberFormat(document.documentElement.lang, {
    style: "unit",
    unit: UNITS[step],
    maximumFractionDigits: 1,
  }).format(bytes / 1000 ** step);
}

onReady("[data-dropzone]", (zone) => {
  const input = zone.querySelector("input[type=file]");
  const summary = zone.querySelector(".dropzone-summary");
  const list = zone.querySelector(".dropzone-list");

  const show = () => {
    const files = [...input.files];
    const total = files.reduce((sum, file) => sum + file.size, 0);
    summary.textContent = files.length ? `${zone.dataset.chosen} ${files.length} (${size(total)})` : "";
    list.hidden = !files.length;
    list.replaceChildren(
      ...files.map((file) => {
        const row = document.createElement("li");
        const bytes = document.createElement("span");
        bytes.textContent = size(file.size);
        row.append(file.name, bytes);
        return row;
      }),
    );
  };

  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    zone.classList.toggle("is-over", event.type === "dragover");
  };
  zone.addEventListener("dragover", over);
  zone.addEventListener("dragleave", over);
  zone.addEventListener("drop", (event) => {
    over(event);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  input.addEventListener("change", show);
  input.form?.addEventListener("reset", () => setTimeout(show));
});
