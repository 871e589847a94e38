// The files' table is replaced while files move; what was ticked in it stays ticked.
const ticked = new Set();

const boxes = () => document.querySelectorAll("#files input[name=file]");

function remember() {
  for (const box of boxes()) {
    if (box.checked) ticked.add(box.value);
    else ticked.delete(box.value);
  }
}

document.addEventListener("htmx:beforeSwap", remember);
document.addEventListener("htmx:afterSwap", () => {
  for (const box of boxes()) box.checked = ticked.has(box.value);
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.("#files [data-tick-all]")) {
    for (const box of boxes()) box.checked = event.target.checked;
  }
});
