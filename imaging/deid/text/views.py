"""A stored picture of any depth as the 8-bit picture that the networks look at."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

_FAINT = 0.02
"""Deviations under this part of the picture's range are noise and are not raised to full contrast."""


def view(stored: NDArray[np.integer], ratio: float, around: int = 24) -> Grey:
    """``stored`` (H, W), any integer type, ``ratio`` times as large, as (h, w, 3) uint8.

    The first plane is the full range of values (print often has a value that no tissue has), the second the range
    between the 1st and 99th percentiles, the third the local contrast within ``around`` pixels, in which faint print
    is as plain as bold print. Nothing depends on which end of the scale is white.
    """
    values: NDArray[Any] = np.asarray(stored, dtype=np.float32)
    size = (max(32, round(values.shape[1] * ratio)), max(32, round(values.shape[0] * ratio)))
    if ratio != 1:
        values = cv2.resize(values, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_CUBIC)
    step = max(1, min(values.shape) // 256)
    low, high = (float(v) for v in np.percentile(values[::step, ::step], (1, 99)))
    inner = max(high - low, 1e-6)
    bottom, top = float(values.min()), float(values.max())
    whole = (values - bottom) * (255 / max(top - bottom, 1e-6))
    window = np.clip((values - low) * (255 / inner), 0, 255)
    return np.asarray(np.dstack((whole, window, _local(values, inner, around))), dtype=np.uint8)


def _local(values: NDArray[np.float32], inner: float, around: int) -> NDArray[np.float32]:
    """(value - local mean) / local deviation, 128 for the mean, 45 levels a deviation."""
    width = 2 * around + 1
    middle = cv2.boxFilter(values, cv2.CV_32F, (width, width))
    rest = values - middle
    deviation = np.sqrt(np.maximum(cv2.boxFilter(rest * rest, cv2.CV_32F, (width, width)), 0))
    local: NDArray[np.float32] = np.clip(128 + 45 * rest / (deviation + _FAINT * inner), 0, 255)
    return local
