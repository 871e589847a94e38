"""From a radiograph to the mask of its lungs: one pass of the network, then what is plainly wrong is mended."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imaging.inference import Network
from imaging.lungs.preparation import prepare, resize, without_border

NETWORK = Network(Path(__file__).with_name("weights") / "lungs.onnx")
"""Its facts: its input's side in pixels (`size`) and its `conventions`, one output channel each."""
_SPECK = 0.01
"""A component smaller than this part of the picture is no lung."""
_SMALL = 0.5
"""Lungs that fill less of the longer side of the picture are looked at again from closer."""

Convention = Literal["full", "field"]


@dataclass(frozen=True)
class Segmentation:
    """The lungs of one image.

    mask: (H, W) bool, at the image's own size.
    confidence: how far the network agrees with itself on the mirrored image, as the Dice of the two masks, 0..1; 0
    when no lung was found. (A network trained on Dice loss is sure of every pixel, right or wrong.)
    """

    mask: NDArray[np.bool_]
    confidence: float
    model_version: str
    _small: NDArray[np.float32] = field(repr=False)
    _place: tuple[slice, slice] = field(repr=False)

    @cached_property
    def probability(self) -> NDArray[np.float32]:
        """(H, W) float32, 0..1: the mean of what the network says of the image and of the mirrored image.

        Made when it is first asked for: at 15 megapixels that costs more than the network.
        """
        found = np.zeros(self.mask.shape, np.float32)
        inner = found[self._place]
        inner[:] = np.clip(_enlarged(self._small, *inner.shape), 0, 1)
        return found


def segment(pixels: NDArray[np.float32], convention: Convention = "full") -> Segmentation:
    """The lungs of a frontal chest radiograph.

    pixels: (H, W) float, bright = dense, any range. convention: "full" has the lung behind the heart in the mask,
    "field" has not. An image without contrast gives an empty mask with confidence 0. Raises ValueError unless the
    array has two dimensions and the convention is known. U-Net after Ronneberger et al. 2015; see
    training/MODEL_CARD.md.
    """
    conventions: list[str] = NETWORK.facts["conventions"]
    if convention not in conventions:
        raise ValueError(f"unknown convention {convention!r}: 'full' or 'field'")
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    channel = conventions.index(convention)
    place = without_border(pixels)
    found = _look(pixels[place], channel)
    closer = _closer(found.mask, pixels[place].shape)
    if closer is not None:
        inside = _within(place[0], closer[0]), _within(place[1], closer[1])
        again = _look(pixels[inside], channel)
        if again.confidence >= found.confidence:
            found, place = again, inside
    mask = np.zeros(pixels.shape, bool)
    mask[place] = found.enlarged(*pixels[place].shape)
    return Segmentation(mask, found.confidence, NETWORK.version, found.probability, place)


@dataclass(frozen=True)
class _Look:
    """What the network sees in a picture, at its own scale, without the canvas around the picture: (h, w) each."""

    probability: NDArray[np.float32]
    mask: NDArray[np.bool_]
    confidence: float

    def enlarged(self, height: int, width: int) -> NDArray[np.bool_]:
        # Holes and specks change sides before the enlargement, so that the outline is smooth at the image's own size.
        mended = np.where((self.probability >= 0.5) == self.mask, self.probability, np.float32(1) - self.probability)
        return _enlarged(mended, height, width) >= 0.5


def _look(pixels: NDArray[np.float32], channel: int) -> _Look:
    try:
        canvas, frame = prepare(pixels, NETWORK.facts["size"])
    except ValueError:  # without contrast
        return _Look(np.zeros((1, 1), np.float32), np.zeros((1, 1), bool), 0.0)
    straight = _run(canvas, channel)[frame.on_canvas()]
    mirrored = _run(canvas[:, ::-1], channel)[:, ::-1][frame.on_canvas()]
    found: NDArray[np.float32] = (straight + mirrored) / np.float32(2)
    mask = _two_lungs(found >= 0.5)
    return _Look(found, mask, _dice(straight >= 0.5, mirrored >= 0.5) if mask.any() else 0.0)


def _closer(mask: NDArray[np.bool_], shape: tuple[int, int]) -> tuple[slice, slice] | None:
    """Where in a picture of that shape to look again, because its lungs fill a small part of it; None if they do not.

    In radiographs lungs fill 0.55 of the longer side or more; a picture of one on a page or screen has them smaller.
    """
    spans = [np.flatnonzero(mask.any(axis=other)) for other in (1, 0)]
    if not spans[0].size:
        return None
    if max(span[-1] + 1 - span[0] for span in spans) >= _SMALL * max(mask.shape):
        return None
    margin = 0.2 * max(span[-1] + 1 - span[0] for span in spans)
    scale = max(shape) / max(mask.shape)
    top, left = (max(0, round((span[0] - margin) * scale)) for span in spans)
    bottom, right = (min(side, round((span[-1] + 1 + margin) * scale)) for span, side in zip(spans, shape, strict=True))
    return slice(top, bottom), slice(left, right)


def _enlarged(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """`preparation.resize`, ten times as fast where nothing shrinks; the values agree to the last bits of a float32."""
    if height < pixels.shape[0] or width < pixels.shape[1]:
        return resize(pixels, height, width)
    enlarged = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, dtype=np.float32)


def _within(outer: slice, inner: slice) -> slice:
    return slice(outer.start + inner.start, outer.start + inner.stop)


def _run(canvas: NDArray[np.float32], channel: int) -> NDArray[np.float32]:
    lungs: NDArray[np.float32] = NETWORK(image=np.ascontiguousarray(canvas)[None, None])[0, channel]
    return lungs


def _two_lungs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The two largest components that are no specks, without holes."""
    components, _ = ndimage.label(mask)
    areas = np.bincount(components.ravel())[1:]
    kept = [number + 1 for number in np.argsort(-areas)[:2] if areas[number] >= _SPECK * mask.size]
    return np.asarray(ndimage.binary_fill_holes(np.isin(components, kept)), bool)


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return 2 * int((one & other).sum()) / max(1, int(one.sum()) + int(other.sum()))
