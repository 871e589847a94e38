// The list of text boxes beside a radiograph, <form data-boxes>: rectangles are drawn on the picture of the page's
// viewer or added by numbers, and the list and the outlines follow each other. What is changed is sent by the form;
// until then the verdict waits. Without this script the ticks and the four numbers work as they are.
import { onReady } from "./ready.js";

const SVG = "http://www.w3.org/2000/svg";
const SIDES = ["left", "top", "width", "height"];
const SMALLEST = 3; // px on the screen: less is a click, no rectangle

onReady("form[data-boxes]", (form) => {
  const svg = document.querySelector(".viewer-boxes");
  const list = form.querySelector("[data-boxes-list]");
  const pending = form.querySelector("[data-boxes-pending]");
  if (!svg || !pending) return;
  const template = form.querySelector("template");
  const { width: across, height: down } = svg.viewBox.baseVal;
  const fields = SIDES.map((side) => form.elements[side]);
  let count = 0;

  const outlineOf = (item) => svg.querySelector(`[data-box="${item.dataset.box}"]`);

  const update = () => {
    for (const item of list.children) {
      outlineOf(item)?.classList.toggle("is-left", !item.querySelector("input").checked);
    }
    const ticks = [...list.querySelectorAll("input")];
    const drawn = ticks.some((tick) => tick.name === "drawn" && tick.checked);
    const changed = ticks.some((tick) => tick.name === "painted" && tick.checked !== tick.defaultChecked);
    const waits = drawn || changed || fields.some((field) => field.value !== "");
    const words = waits ? pending.dataset.words : "";
    if (pending.textContent !== words) pending.textContent = words;
    for (const other of document.querySelectorAll("form[data-boxes-first]")) {
      other.querySelector("[data-boxes-hint]").hidden = !waits;
      for (const button of other.querySelectorAll("button[type=submit]")) button.disabled = waits;
    }
  };

  const outline = (box, key) => {
    const group = document.createElementNS(SVG, "g");
    const rect = document.createElementNS(SVG, "rect");
    group.classList.add("is-new");
    if (key !== undefined) group.dataset.box = key;
    SIDES.forEach((side, i) => rect.setAttribute({ left: "x", top: "y" }[side] ?? side, box[i]));
    group.append(rect);
    svg.append(group);
    return group;
  };

  const name = (item, box) => {
    const key = `new-${(count += 1)}`;
    const [tick, label, note] = item.children;
    item.dataset.box = key;
    tick.id = `box-${key}`;
    tick.value = box.join(",");
    label.htmlFor = tick.id;
    note.id = `${tick.id}-note`;
    tick.setAttribute("aria-describedby", note.id);
    note.textContent = SIDES.reduce((words, side, i) => words.replace(`{${side}}`, box[i]), template.dataset.note);
    outline(box, key);
  };

  const add = (box) => {
    const item = template.content.firstElementChild.cloneNode(true);
    name(item, box);
    list.append(item);
    item.scrollIntoView({ block: "nearest" });
    update();
  };

  for (const item of list.querySelectorAll("[data-drawn]")) {
    name(item, item.querySelector("input").value.split(",").map(Number));
  }

  // Point at a line of the list, and its outline stands out.
  const mark = (event) => {
    const on = event.type === "mouseover" || event.type === "focusin";
    const item = event.target.closest("li");
    if (item) outlineOf(item)?.classList.toggle("is-marked", on);
  };
  for (const kind of ["mouseover", "mouseout", "focusin", "focusout"]) list.addEventListener(kind, mark);
  form.addEventListener("input", update);

  const button = form.querySelector("[data-boxes-add]");
  button.hidden = false;
  button.addEventListener("click", () => {
    for (const field of fields) field.required = true;
    const fits = fields.every((field) => field.reportValidity());
    for (const field of fields) field.required = false;
    if (!fits) return;
    add(fields.map((field) => Number(field.value)));
    for (const field of fields) field.value = "";
    fields[0].focus();
    update();
  });

  const pen = document.querySelector("[data-draw]");
  pen.hidden = false;
  const setDrawing = (on) => {
    pen.setAttribute("aria-pressed", on);
    svg.classList.toggle("is-drawing", on);
    const shown = document.querySelector(".viewer-boxes-toggle");
    if (on && !shown.checked) shown.click();
  };
  pen.addEventListener("click", () => setDrawing(pen.getAttribute("aria-pressed") !== "true"));

  let start = null;
  let rubber = null;
  const at = (event) => {
    const place = svg.getBoundingClientRect();
    return [
      Math.min(Math.max((event.clientX - place.left) / place.width, 0), 1) * across,
      Math.min(Math.max((event.clientY - place.top) / place.height, 0), 1) * down,
    ];
  };
  const between = ([x1, y1], [x2, y2]) => {
    const [left, top] = [Math.floor(Math.min(x1, x2)), Math.floor(Math.min(y1, y2))];
    return [left, top, Math.ceil(Math.max(x1, x2)) - left, Math.ceil(Math.max(y1, y2)) - top];
  };
  const stop = () => {
    rubber?.remove();
    start = rubber = null;
  };
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || start) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    start = { point: at(event), x: event.clientX, y: event.clientY };
    rubber = outline([0, 0, 0, 0]);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!start) return;
    rubber.remove();
    rubber = outline(between(start.point, at(event)));
  });
  svg.addEventListener("pointerup", (event) => {
    if (!start) return;
    const large = Math.abs(event.clientX - start.x) >= SMALLEST && Math.abs(event.clientY - start.y) >= SMALLEST;
    const box = between(start.point, at(event));
    stop();
    if (large) add(box);
  });
  svg.addEventListener("pointercancel", stop);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (start) stop();
    else if (pen.getAttribute("aria-pressed") === "true") setDrawing(false);
  });

  update();
});
