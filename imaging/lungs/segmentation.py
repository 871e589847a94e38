"""From a radiograph to the mask of its lungs: one pass of the network, then what is plainly wrong is mended."""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy import ndimage

from imaging.lungs.preparation import prepare, resize

WEIGHTS = Path(__file__).with_name("weights") / "lungs.onnx"
"""The network; lungs.json beside it holds its version, its input's side in pixels, its conventions and its SHA-256."""
_SPECK = 0.01
"""A component smaller than this part of the picture is no lung."""

Convention = Literal["full", "field"]


@dataclass(frozen=True)
class Segmentation:
    """The lungs of one image.

    mask: (H, W) bool, at the image's own size. probability: (H, W) float32, 0..1, the mean of what the network says of
    the image and of the mirrored image.
    confidence: how far the network agrees with itself on the mirrored image, as the Dice of the two masks, 0..1; 0
    when no lung was found. (A network trained on Dice loss is sure of every pixel, right or wrong.)
    """

    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    confidence: float
    model_version: str


@cache
def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(WEIGHTS.with_suffix(".json").read_text())
    return facts


@cache
def _session() -> onnxruntime.InferenceSession:
    """One session per process, made at the first use; raises RuntimeError when the weights are damaged."""
    weights = WEIGHTS.read_bytes()
    if hashlib.sha256(weights).hexdigest() != _facts()["sha256"]:
        raise RuntimeError(f"{WEIGHTS.name} is damaged or does not belong to {WEIGHTS.stem}.json")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


# A session does not survive a fork: the child makes its own.
os.register_at_fork(after_in_child=_session.cache_clear)


def model_version() -> str:
    """What names the weights in every record: their version and the first 8 digits of their SHA-256."""
    return f"{_facts()['version']}-{_facts()['sha256'][:8]}"


def segment(pixels: NDArray[np.float32], convention: Convention = "full") -> Segmentation:
    """The lungs of a frontal chest radiograph.

    pixels: (H, W) float, bright = dense, any range. convention: "full" has the lung behind the heart in the mask,
    "field" has not. An image without contrast gives an empty mask with confidence 0. Raises ValueError unless the
    array has two dimensions and the convention is known. U-Net after Ronneberger et al. 2015 with SELU and Dice loss
    as Prazuch et al. used them; see training/MODEL_CARD.md.
    """
    conventions: list[str] = _facts()["conventions"]
    if convention not in conventions:
        raise ValueError(f"unknown convention {convention!r}: 'full' or 'field'")
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    try:
        canvas, frame = prepare(pixels, _facts()["size"])
    except ValueError:
        return _nothing(pixels.shape)
    channel = conventions.index(convention)
    straight = _run(canvas, channel)[frame.on_canvas()]
    mirrored = _run(canvas[:, ::-1], channel)[:, ::-1][frame.on_canvas()]
    found: NDArray[np.float32] = (straight + mirrored) / np.float32(2)
    kept = _two_lungs(found >= 0.5)
    # Holes and specks change sides before the enlargement, so that the outline is smooth at the image's own size.
    mended = np.where((found >= 0.5) == kept, found, np.float32(1) - found)
    mask = resize(mended, frame.height, frame.width) >= 0.5
    probability = np.clip(resize(found, frame.height, frame.width), 0, 1)
    confidence = _dice(straight >= 0.5, mirrored >= 0.5) if kept.any() else 0.0
    return Segmentation(mask, probability, confidence, model_version())


def _run(canvas: NDArray[np.float32], channel: int) -> NDArray[np.float32]:
    output = _session().run(None, {"image": np.ascontiguousarray(canvas)[None, None]})[0]
    return np.asarray(output[0, channel], dtype=np.float32)


def _nothing(shape: tuple[int, ...]) -> Segmentation:
    return Segmentation(np.zeros(shape, bool), np.zeros(shape, np.float32), 0.0, model_version())


def _two_lungs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The two largest components that are no specks, without holes."""
    components, _ = ndimage.label(mask)
    areas = np.bincount(components.ravel())[1:]
    kept = [number + 1 for number in np.argsort(-areas)[:2] if areas[number] >= _SPECK * mask.size]
    return np.asarray(ndimage.binary_fill_holes(np.isin(components, kept)), bool)


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return 2 * int((one & other).sum()) / max(1, int(one.sum()) + int(other.sum()))
