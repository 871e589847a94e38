"""The second look that a curator takes: the whole stored range with the local contrast equalised."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

TILES = 12  # per side: print is a small part of one
CLIP = 60.0  # how steep the grey scale of a tile may become, in multiples of an even histogram of the levels in use
_LEVELS = 65536  # of OpenCV's histogram


def enhanced(stored: NDArray[np.integer[Any]], max_side: int, *, inverted: bool = False) -> NDArray[np.float32]:
    """Stored values (H, W) as a picture in 0..1, no side over `max_side` px, in which print as faint as the noise, or
    outside the window that the file asks for, stands out. `inverted`: small values are bright (MONOCHROME1).

    Contrast-limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of all levels."""
    import cv2

    # Stored values have 16 bits at the most: wider arrays take memory and time.
    offset = np.subtract(stored, int(stored.min()), dtype=np.int32).astype(np.uint16)
    used = max(int(np.count_nonzero(cv2.calcHist([offset], [0], None, [_LEVELS], [0, _LEVELS]))), 2)
    values = offset.astype(np.float32)
    scale = max_side / max(values.shape)
    if scale < 1:
        size = (max(round(values.shape[1] * scale), 1), max(round(values.shape[0] * scale), 1))
        values = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    levels = np.rint(values * ((_LEVELS - 1) / max(float(values.max()), 1))).astype(np.uint16)
    equal = cv2.createCLAHE(CLIP * _LEVELS / used, (TILES, TILES)).apply(levels)
    shown: NDArray[np.float32] = equal.astype(np.float32) / np.float32(_LEVELS - 1)
    return np.float32(1) - shown if inverted else shown
