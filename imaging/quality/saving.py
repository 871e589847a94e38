"""Pictures that were saved wrongly: grey levels lost, contrast lost, or more in the picture than the radiograph."""

import numpy as np
from numpy.typing import NDArray

from imaging.lungs.preparation import CLIPPED_PERCENTILES, without_border

# Limits, each beside what 439 radiographs of four sources had.
MAX_SATURATED = 0.2
"""Share of pixels around the lungs that are quite black or quite white; 99 % had 0.014 or less, one had 0.16."""
MAX_IN_FEW_LEVELS = 0.6
"""Share of pixels in the 16 most frequent of 256 grey levels, black and white aside; the highest had 0.49."""
MIN_RANGE = 0.15
"""Between the 1st and 99th percentile; the lowest had 0.28."""
MAX_DARK_BORDER = 0.35
MAX_BRIGHT_BORDER = 0.05
"""Share of the picture that is a border of one shade. Collimation leaves dark ones (0.09 or less); screens and pages
have others."""

_SAMPLES = 400


def saved_wrongly(
    pixels: NDArray[np.float32], mask: NDArray[np.bool_], place: tuple[slice, slice] | None = None
) -> dict[str, float]:
    """What is wrong with how (H, W) pixels in 0..1 were saved: code -> confidence, 0..1; empty when nothing is.

    mask: (H, W) bool, the lungs; where it is empty the whole picture is looked at. place: what `without_border` gave
    for the pixels, if that is known. Codes: `flat` (hardly any contrast), `saturated`, `posterised` (too few grey
    levels), `framed` (a screen or page around the radiograph).
    """
    found = {}
    rows, columns = place or without_border(pixels)
    border = 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / pixels.size
    if border > MAX_BRIGHT_BORDER:
        outside = np.ones(pixels.shape, bool)
        outside[rows, columns] = False
        low, high = np.percentile(_sample(pixels), CLIPPED_PERCENTILES)
        dark = float(np.median(pixels[outside])) <= low + 0.1 * (high - low)
        if border > (MAX_DARK_BORDER if dark else MAX_BRIGHT_BORDER):
            found["framed"] = min(1.0, 0.5 + border)
    inner = _sample(_around(pixels, mask) if mask.any() else pixels[rows, columns])
    spread = float(np.ptp(np.percentile(inner, (1, 99))))
    if spread < MIN_RANGE:
        found["flat"] = 1 - spread
    shares = np.bincount(np.rint(np.clip(inner, 0, 1) * 255).astype(np.int64).ravel(), minlength=256) / inner.size
    saturated = float(shares[0] + shares[-1])
    if saturated > MAX_SATURATED:
        found["saturated"] = min(1.0, 0.5 + saturated)
    frequent = float(np.sort(shares[1:-1])[-16:].sum())
    if frequent > MAX_IN_FEW_LEVELS * (1 - saturated) and "flat" not in found:
        found["posterised"] = min(1.0, frequent / (1 - saturated) if saturated < 1 else 1.0)
    return found


def _around(pixels: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The pixels in the lungs' bounding box."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _sample(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    step = max(1, min(pixels.shape) // _SAMPLES)
    sample = pixels[::step, ::step]
    return np.where(np.isfinite(sample), sample, np.float32(0))
