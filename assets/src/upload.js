// The batch page's drop area. A second entry: Uppy is several times as large as everything else that pages load.
import "@uppy/core/css/style.min.css";
import "@uppy/dashboard/css/style.min.css";
import "./styles/upload.scss";
import { onReady } from "./js/ready.js";
import { openDropArea } from "./js/upload/area.js";
import "./js/upload/selection.js";

onReady("[data-upload]", openDropArea);
