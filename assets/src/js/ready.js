/**
 * Run `enhance` once on every element that matches, now and in whatever htmx swaps in later.
 * @param {string} selector
 * @param {(element: HTMLElement) => void} enhance
 */
export function onReady(selector, enhance) {
  const done = new WeakSet();
  const apply = (root) => {
    const found = [...root.querySelectorAll(selector)];
    if (root instanceof Element && root.matches(selector)) found.push(root);
    for (const element of found) {
      if (done.has(element)) continue;
      done.add(element);
      enhance(element);
    }
  };
  apply(document);
  document.addEventListener("htmx:load", (event) => apply(event.target));
}
