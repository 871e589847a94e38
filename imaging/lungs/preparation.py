"""What is done to a radiograph before the network sees it: the same code in training and in use."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

CLAHE_CLIP_LIMIT, CLAHE_TILES = 3.0, (8, 8)
"""Contrast limited adaptive histogram equalisation (Zuiderveld 1994), as `cv2.createCLAHE` counts both."""
CLIPPED_PERCENTILES = (0.5, 99.5)
"""Grey values outside these percentiles of the picture (markers, collimator edges) do not set the contrast."""
_GRID = 512
"""Borders are looked for on about this many rows and columns."""


@dataclass(frozen=True)
class Frame:
    """Where a picture lies on the network's square canvas: its own size and its box on the canvas, in pixels."""

    height: int
    width: int
    top: int
    left: int
    inner_height: int
    inner_width: int

    def on_canvas(self) -> tuple[slice, slice]:
        """The rows and columns of the canvas that the picture fills."""
        return slice(self.top, self.top + self.inner_height), slice(self.left, self.left + self.inner_width)


def frame_for(height: int, width: int, size: int) -> Frame:
    """Centre a picture of height x width pixels on a size x size canvas, its aspect ratio kept."""
    scale = size / max(height, width)
    inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
    return Frame(height, width, (size - inner_height) // 2, (size - inner_width) // 2, inner_height, inner_width)


def resize(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resample a (H, W) float32 image to height x width, bilinear, with anti-aliasing when it shrinks."""
    image = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    shrunk = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(shrunk, dtype=np.float32)


def without_border(pixels: NDArray[np.float32]) -> tuple[slice, slice]:
    """The rows and columns of a (H, W) image that are left without a border of one grey value around them.

    A border counts when 95 % of each of its rows (columns) are within 3 % of the picture's range of one value: letters
    on it and JPEG's noise are no picture. What collimation leaves, dark and under a tenth of the side, stays: the
    network knows it. A white margin or a wide one would set the contrast and make the lungs small.
    """
    step = max(1, min(pixels.shape) // _GRID)
    small = pixels[::step, ::step]
    finite = small[::2, ::2][np.isfinite(small[::2, ::2])]
    if not finite.size:
        return slice(0, pixels.shape[0]), slice(0, pixels.shape[1])
    low, high = (float(value) for value in np.percentile(finite, CLIPPED_PERCENTILES))
    slack = 0.03 * (high - low)
    rows, columns = (
        _inside(lines, side, step, low + 0.1 * (high - low), slack)
        for lines, side in ((small, pixels.shape[0]), (small.T, pixels.shape[1]))
    )
    return rows, columns


def _inside(lines: NDArray[np.float32], side: int, step: int, dark: float, slack: float) -> slice:
    """The lines between the borders at both ends, of `side` lines of which every `step`-th is in `lines`."""
    ends = []
    for ordered in (lines, lines[::-1]):
        shade = float(np.median(ordered[0]))
        # Few pictures have a border: most are through after the first line.
        count = next((n for n, line in enumerate(ordered) if (np.abs(line - shade) <= slack).mean() < 0.95), 0)
        width = count * step
        ends.append(width if width >= (0.1 if shade <= dark else 0.01) * side else 0)
    return slice(ends[0], side - ends[1])


def fit(pixels: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], Frame]:
    """Put a (H, W) image of any range on a (size, size) float32 canvas in 0..1, with black borders.

    Raises ValueError when the image has no two different finite values: it holds nothing to look at.
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    frame = frame_for(pixels.shape[0], pixels.shape[1], size)
    finite = np.isfinite(pixels)
    if not finite.all():
        floor = pixels[finite].min() if finite.any() else 0.0
        pixels = np.where(finite, pixels, floor).astype(np.float32)
    inner = resize(pixels, frame.inner_height, frame.inner_width)
    low, high = np.percentile(inner, CLIPPED_PERCENTILES)
    if not high > low:
        low, high = float(inner.min()), float(inner.max())
    if not high > low:
        raise ValueError("the image is constant")
    canvas = np.zeros((size, size), dtype=np.float32)
    canvas[frame.on_canvas()] = np.clip((inner - low) / (high - low), 0.0, 1.0)
    return canvas, frame


def enhance(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A (H, W) image in 0..1 with its contrast enhanced (CLAHE), 8 bit."""
    clahe = cv2.createCLAHE(clipLimit=CLAHE_CLIP_LIMIT, tileGridSize=CLAHE_TILES)
    return np.asarray(clahe.apply(np.rint(pixels * 255).astype(np.uint8)), dtype=np.uint8)


def standardise(canvas: NDArray[np.float32]) -> NDArray[np.float32]:
    """`enhance` a canvas in 0..1 and bring it to mean 0 and standard deviation 1, float32."""
    enhanced = enhance(canvas).astype(np.float32) / 255
    return np.asarray((enhanced - enhanced.mean()) / max(float(enhanced.std()), 1e-6), dtype=np.float32)


def prepare(pixels: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], Frame]:
    """`fit` and `standardise` in one: the network's (size, size) float32 input, and where the picture lies on it.

    Raises ValueError as `fit` does, and where all but a hundredth of the picture has one value.
    """
    canvas, frame = fit(pixels, size)
    low, high = np.percentile(canvas[frame.on_canvas()], CLIPPED_PERCENTILES)
    if not high > low:
        raise ValueError("the image is all but constant")
    return standardise(canvas), frame
