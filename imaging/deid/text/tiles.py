"""Where print may be that is too small to be seen in the shrunken picture of a large radiograph."""

import cv2
import numpy as np
from numpy.typing import NDArray

from imaging.deid.text.views import view

_SIDE = 256
_OVERLAP = 32
_MOST = 10  # tiles looked at, each about a tenth of the first look's time
_OUTLIER = 8.0  # times the tile's median second difference: strokes, not noise
_STROKES = 40  # outlying pixels of a tile with print of 12 pixels


def fine_print(stored: NDArray[np.integer]) -> list[tuple[int, int, NDArray[np.uint8]]]:
    """The parts of ``stored`` with the most strokes: left, top and the view at its own size, at most ten.

    Strokes of print are pixels whose second difference stands far out of the noise around them.
    """
    differences = np.abs(cv2.Laplacian(np.asarray(stored, dtype=np.float32), cv2.CV_32F, ksize=3))
    floor = float(stored.max() - stored.min()) / 200
    ranked = []
    for top in range(0, stored.shape[0], _SIDE):
        for left in range(0, stored.shape[1], _SIDE):
            part = differences[top : top + _SIDE, left : left + _SIDE]
            noise = float(np.median(part[::3, ::3]))
            strokes = int(np.count_nonzero(part > _OUTLIER * max(noise, floor)))
            if strokes > _STROKES:
                ranked.append((strokes, left, top))
    tiles = []
    for _, left, top in sorted(ranked, reverse=True)[:_MOST]:
        left, top = max(0, left - _OVERLAP), max(0, top - _OVERLAP)
        part = stored[top : top + _SIDE + 2 * _OVERLAP, left : left + _SIDE + 2 * _OVERLAP]
        if min(part.shape) >= 2 * _OVERLAP:
            tiles.append((left, top, view(part, 1.0)))
    return tiles
