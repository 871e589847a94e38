"""Quality of a radiograph by its lungs: large enough, both there, and shaped as lungs are."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, regionprops

MIN_LUNG_PX = 300
"""Under this height or width of the lungs in the image a radiograph is Bad (POLCOVID's rule of resolution)."""
MIN_CONFIDENCE = 0.6
_MIN_LUNG_PART = 0.02
"""A lung smaller than this part of the image is mostly undetected."""

REASONS = {
    "no_lungs": "No lungs were found. Is this a frontal chest radiograph?",
    "one_lung": "Only one lung was found.",
    "resolution": f"The lungs are under {MIN_LUNG_PX} pixels high or wide.",
    "unsure": "The network is unsure about the outline of the lungs.",
    "shape": "The outline does not look like two lungs.",
}


@dataclass(frozen=True)
class Quality:
    """score: 0..1, how much the outline is shaped like two lungs. reasons: codes of REASONS, most serious first."""

    quality: Literal["Good", "Bad"]
    score: float
    reasons: list[str]
    lung_height_px: int
    lung_width_px: int
    properties: dict[str, float] = field(default_factory=dict)


def assess(mask: NDArray[np.bool_], confidence: float) -> Quality:
    """Judges a (H, W) bool mask of the lungs at the image's own size, and the network's confidence in it, 0..1.

    The score is the mean over the lungs of eccentricity, orientation, area and solidity (skimage.regionprops), each
    scaled to 0..1 by what lungs have: eccentricity is 0..1 by itself; orientation is 1 for an upright axis and 0 for a
    lying one; area is 1 from 8 % of the image per lung on; solidity is 0..1 by itself.
    """
    lungs = _lungs(mask)
    if not lungs:
        return Quality("Bad", 0.0, ["no_lungs"], 0, 0)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)
    properties = {
        "eccentricity": float(np.mean([lung.eccentricity for lung in lungs])),
        "orientation": float(np.mean([1 - abs(lung.orientation) / (np.pi / 2) for lung in lungs])),
        "area": float(np.mean([min(1.0, lung.area / mask.size / 0.08) for lung in lungs])),
        "solidity": float(np.mean([lung.solidity for lung in lungs])),
    }
    score = sum(properties.values()) / len(properties)
    if len(lungs) == 1:
        score /= 2
    found = {
        "one_lung": len(lungs) == 1,
        "resolution": min(height, width) < MIN_LUNG_PX,
        "unsure": confidence < MIN_CONFIDENCE,
        "shape": properties["solidity"] < 0.7 or score < 0.5,
    }
    reasons = [code for code, holds in found.items() if holds]
    return Quality("Bad" if reasons else "Good", score, reasons, height, width, properties)


def _lungs(mask: NDArray[np.bool_]) -> list[Any]:
    regions = sorted(regionprops(label(mask, connectivity=1)), key=lambda region: region.area, reverse=True)[:2]
    return [region for region in regions if region.area >= _MIN_LUNG_PART * mask.size]
