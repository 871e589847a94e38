// data-shortcut="g" on a button, link or checkbox: the key clicks it, except while somebody types.
// Single keys can be switched off (WCAG 2.1.4) in the list that components/shortcuts.html shows; "?" opens that list.
import { onReady } from "./ready.js";

const STORE = "cxr-shortcuts";
const TYPING = "input:not([type=checkbox], [type=radio], [type=button], [type=submit], [type=range]), textarea, select";

const enabled = () => localStorage.getItem(STORE) !== "off";

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.(TYPING) || event.target.isContentEditable || !enabled()) return;
  const key = event.key.toLowerCase();
  if (key === "?") {
    const help = document.querySelector("details[data-shortcuts]");
    if (help) help.open = !help.open;
    return;
  }
  if (key.length !== 1 || key === " ") return;
  const target = document.querySelector(`[data-shortcut="${CSS.escape(key)}"]:not(:disabled)`);
  if (!target || !target.checkVisibility()) return;
  event.preventDefault();
  if (target.matches("input:not([type=checkbox], [type=radio]), textarea, select")) target.focus();
  else target.click();
});

onReady("[data-shortcut]", (element) => element.setAttribute("aria-keyshortcuts", element.dataset.shortcut));

onReady("details[data-shortcuts]", (help) => {
  help.hidden = false;
  const list = help.querySelector("dl");
  const fill = () => {
    list.replaceChildren();
    for (const element of document.querySelectorAll("[data-shortcut]")) {
      const name = document.createElement("dt");
      const key = document.createElement("kbd");
      key.textContent = element.dataset.shortcut;
      name.append(key);
      const what = document.createElement("dd");
      what.textContent = labelOf(element);
      list.append(name, what);
    }
  };
  help.addEventListener("toggle", fill);
  const toggle = help.querySelector("input[type=checkbox]");
  toggle.checked = enabled();
  toggle.addEventListener("change", () => localStorage.setItem(STORE, toggle.checked ? "on" : "off"));
});

function labelOf(element) {
  const source = element.labels?.[0] ?? element;
  const copy = source.cloneNode(true);
  for (const key of copy.querySelectorAll("kbd")) key.remove();
  return element.getAttribute("aria-label") ?? copy.textContent.trim();
}
