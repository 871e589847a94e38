"""What is done to a picture before the network sees it: the same code in training and in use."""

import cv2
import numpy as np
from numpy.typing import NDArray

_PERCENTILES = (0.5, 99.5)
_SAMPLES = 512  # per side: percentiles of a grid this fine are those of the picture
_NEIGHBOURHOOD = 31  # px: a few letters
# Small pictures are enlarged, because letters of eight pixels are too small for the network; larger sides than this
# are reduced, because nobody can read print that disappears then, and a detector needs no more to see that it is there.
_LONGEST = 1600


def working_scale(height: int, width: int) -> float:
    """By what a picture of ``height`` x ``width`` pixels is resized."""
    longest = max(height, width)
    if longest <= 640:
        return 2.0
    return 1.5 if longest <= 900 else min(1.0, _LONGEST / longest)


def resized(picture: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """(H, W) float32 resampled: averaged when it shrinks, cubic when it grows."""
    if scale == 1:
        return picture
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=kind), dtype=np.float32)


def stretched(stored: NDArray[np.generic]) -> NDArray[np.float32]:
    """Stored values (H, W) of any depth as float32: 0..1 between two percentiles, gently on to -0.3 and 1.3 beyond.

    Print is often brighter or darker than everything else, outside the window the file suggests; it stays distinct.
    """
    values = stored.astype(np.float32)
    step_y, step_x = (max(1, side // _SAMPLES) for side in values.shape)
    low, high = (float(value) for value in np.percentile(values[::step_y, ::step_x], _PERCENTILES))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    picture = (values - low) / max(high - low, 1e-6)
    above, below = picture > 1, picture < 0  # a few per cent: tanh of all pixels took most of the time
    picture[above] = 1 + 0.3 * np.tanh(2 * (picture[above] - 1))
    picture[below] = 0.3 * np.tanh(2 * picture[below])
    return picture


def channels(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, H, W) float32: the picture itself, and its contrast against the neighbourhood, where faint print shows."""
    side = (_NEIGHBOURHOOD, _NEIGHBOURHOOD)
    mean, squares = cv2.blur(picture, side), cv2.blur(picture * picture, side)
    deviation = np.sqrt(np.maximum(squares - mean * mean, 0))
    local = np.clip((picture - mean) / (deviation + 0.01), -4, 4) / 2
    return np.stack([picture * 2 - 1, local]).astype(np.float32)
