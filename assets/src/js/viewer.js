// Zoom, brightness and contrast of components/viewer.html. The mask's toggle needs no script.
import { onReady } from "./ready.js";

const MAX_ZOOM = 4;

onReady("[data-viewer]", (viewer) => {
  const stage = viewer.querySelector(".viewer-stage");

  const zoomTo = (level) => {
    const middle = (stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth;
    const height = (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight;
    viewer.dataset.zoom = level;
    stage.scrollLeft = middle * stage.scrollWidth - stage.clientWidth / 2;
    stage.scrollTop = height * stage.scrollHeight - stage.clientHeight / 2;
  };

  for (const tool of viewer.querySelectorAll("[data-script-only]")) tool.hidden = false;
  for (const button of viewer.querySelectorAll("[data-zoom-by]")) {
    button.addEventListener("click", () => {
      const level = Number(viewer.dataset.zoom ?? 1) + Number(button.dataset.zoomBy);
      zoomTo(Math.min(Math.max(level, 1), MAX_ZOOM));
    });
  }
  for (const range of viewer.querySelectorAll("input[type=range]")) {
    // Through the CSSOM: a style attribute in the markup would need 'unsafe-inline'.
    range.addEventListener("input", () => viewer.style.setProperty(`--viewer-${range.name}`, range.value));
  }
});
