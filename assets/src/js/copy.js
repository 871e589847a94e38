// <button data-copy="#id" data-copied="Copied" hidden>: copies the text of #id; shown only where copying works.
import { onReady } from "./ready.js";

onReady("[data-copy]", (button) => {
  if (!navigator.clipboard) return;
  button.hidden = false;
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    if (!source) return;
    await navigator.clipboard.writeText(source.textContent.trim());
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = label), 2000);
  });
});
