"""The sheet that a phantom is drawn on: soft shapes, lines, blobs and noise.

Coordinates: x from -1 (image left, the patient's right) to 1, y from 0 (top) to 1. One unit of x is half the width.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.interpolate import splev, splprep
from scipy.ndimage import gaussian_filter

Field = NDArray[np.float32]
Points = Sequence[tuple[float, float]]


class Sheet:
    """One chest in the making: its size, its randomness and the attenuation summed so far."""

    def __init__(self, seed: int, height: int, width: int) -> None:
        self.random = np.random.default_rng(seed)
        self.height, self.width = height, width
        self.x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        self.y = np.linspace(0, 1, height, dtype=np.float32)[:, None]

    def vary(self, value: float, share: float = 0.06) -> float:
        """``value``, a little different in every chest."""
        return float(value * self.random.normal(1, share))

    def blur(self, field: Field, sigma: float) -> Field:
        """Gaussian blur, ``sigma`` in thousandths of the height; wide ones on a coarse grid."""
        pixels = sigma * self.height / 1000
        if pixels < 5:
            return np.asarray(gaussian_filter(field, pixels, truncate=3))
        step = max(2, int(pixels / 3))
        small = gaussian_filter(field[::step, ::step], pixels / step)
        return self._enlarge(small)

    def fill(self, points: Points, soft: float = 3) -> Field:
        """1 inside the closed smooth curve through ``points``, 0 outside."""
        knots, _ = splprep(np.array([*points, points[0]]).T, s=0, per=True)
        x, y = splev(np.linspace(0, 1, 160), knots)
        canvas = Image.new("L", (self.width, self.height))
        ImageDraw.Draw(canvas).polygon(self._pixels(x, y), fill=255)
        return self.blur(np.asarray(canvas, dtype=np.float32) / np.float32(255), soft)

    def stroke(self, canvas: ImageDraw.ImageDraw, points: Points, wide: float, level: int = 255) -> None:
        """An open line (smooth from four points on) through ``points``, ``wide`` in thousandths of the height."""
        x, y = np.array(points).T
        if len(points) > 3:
            knots, _ = splprep([x, y], s=0)
            x, y = splev(np.linspace(0, 1, 40), knots)
        canvas.line(self._pixels(x, y), fill=level, width=max(1, round(wide * self.height / 1000)), joint="curve")

    def strokes(self, lines: Sequence[tuple[Points, float, int]], soft: float = 1.5) -> Field:
        """Several lines (points, width, level 0..255) on one sheet, 0..1; where they cross, the later is above."""
        canvas = Image.new("L", (self.width, self.height))
        draw = ImageDraw.Draw(canvas)
        for points, wide, level in lines:
            self.stroke(draw, points, wide, level)
        return self.blur(np.asarray(canvas, dtype=np.float32) / np.float32(255), soft)

    def blob(self, x: float, y: float, wide: float, high: float) -> Field:
        """A soft round shadow around (x, y), 1 in the middle."""
        return np.exp(-(((self.x - x) / wide) ** 2) - ((self.y - y) / high) ** 2)

    def clouds(self, fineness: float) -> Field:
        """Smooth noise of standard deviation 1 with about ``fineness`` patches across the height."""
        cells = (int(fineness) + 2, int(fineness * self.width / self.height) + 2)
        noise = self.random.standard_normal(cells).astype(np.float32)
        return self._enlarge(noise)

    def _enlarge(self, small: Field) -> Field:
        image = Image.fromarray(small).resize((self.width, self.height), Image.Resampling.BICUBIC)
        return np.asarray(image, dtype=np.float32)

    def _pixels(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> list[tuple[float, float]]:
        columns, rows = (np.asarray(x) + 1) / 2 * (self.width - 1), np.asarray(y) * (self.height - 1)
        return list(zip(columns.tolist(), rows.tolist(), strict=True))
