"""From a radiograph to the mask of its lungs: one pass of the network, then what is plainly wrong is mended."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label, regionprops

from imaging.lungs.preparation import prepare, resize

WEIGHTS = Path(__file__).with_name("weights") / "lungs.onnx"
SIZE = 256
"""Side of the network's square input in pixels; the weights hold for the size that they were trained at."""
_CHANNELS = {"full": 0, "field": 1}
_SPECK = 0.01
"""A component smaller than this part of the canvas is no lung."""

Convention = Literal["full", "field"]


@dataclass(frozen=True)
class Segmentation:
    """The lungs of one image.

    mask: (H, W) bool, at the image's own size. probability: (H, W) float32, 0..1, before anything was mended.
    confidence: mean certainty |2p - 1| of the network within and around the mask, 0..1; 0 when no lung was found.
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    confidence: float
    model_version: str


@cache
def _session() -> onnxruntime.InferenceSession:
    """One session per process, made at the first use, so that a forked worker never shares its parent's threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(WEIGHTS), options, providers=["CPUExecutionProvider"])


@cache
def model_version() -> str:
    """What names the weights in every record: the first 12 digits of their SHA-256."""
    return "unet-" + hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:12]


def segment(pixels: NDArray[np.float32], convention: Convention = "full") -> Segmentation:
    """The lungs of a frontal chest radiograph.

    pixels: (H, W) float, bright = dense, any range. convention: "full" has the lung behind the heart in the mask,
    "field" has not. An image without contrast gives an empty mask with confidence 0. Raises ValueError unless the
    array has two dimensions and the convention is known. U-Net after Ronneberger et al. 2015 with SELU and Dice loss
    as Prazuch et al. used them; see training/MODEL_CARD.md.
    """
    if convention not in _CHANNELS:
        raise ValueError(f"unknown convention {convention!r}: 'full' or 'field'")
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    try:
        canvas, frame = prepare(pixels, SIZE)
    except ValueError:
        return _nothing(pixels.shape)
    output = _session().run(None, {"image": canvas[None, None]})[0]
    inner = np.asarray(output[0, _CHANNELS[convention]], dtype=np.float32)[frame.on_canvas()]
    kept = _two_lungs(inner >= 0.5)
    probability = np.clip(resize(inner, frame.height, frame.width), 0, 1)
    # Enlarged before it is cut at one half, so that the outline is smooth at the image's own resolution.
    near = resize(ndimage.binary_dilation(kept, iterations=2).astype(np.float32), frame.height, frame.width) > 0
    mask = ndimage.binary_fill_holes((probability >= 0.5) & near) if kept.any() else np.zeros(pixels.shape, bool)
    return Segmentation(np.asarray(mask, bool), probability, _confidence(inner, kept), model_version())


def _nothing(shape: tuple[int, ...]) -> Segmentation:
    return Segmentation(np.zeros(shape, bool), np.zeros(shape, np.float32), 0.0, model_version())


def _two_lungs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The two largest components that are no specks, without holes."""
    components = label(mask, connectivity=1)
    regions = sorted(regionprops(components), key=lambda region: region.area, reverse=True)[:2]
    kept = [region.label for region in regions if region.area >= _SPECK * mask.size]
    return np.asarray(ndimage.binary_fill_holes(np.isin(components, kept)), bool)


def _confidence(probability: NDArray[np.float32], kept: NDArray[np.bool_]) -> float:
    if not kept.any():
        return 0.0
    around = ndimage.binary_dilation(kept, iterations=8)
    return float(np.abs(2 * probability[around] - 1).mean())
