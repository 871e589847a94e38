"""Quality of a radiograph by its lungs: large enough, both there, and shaped as lungs are."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.measure import regionprops

MIN_LUNG_PX = 300
"""Under this height or width of the lungs in the image a radiograph is Bad (POLCOVID's rule of resolution)."""
MIN_CONFIDENCE = 0.9
"""The lowest of 172 validation radiographs had 0.937; photographs, legs and inverted chests had 0.87 or less."""
_SHAPE_SIDE = 256
"""A lung's shape is taken at about this size: its convex hull at 16 megapixels would cost a second."""
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


@dataclass(frozen=True)
class _Lung:
    """One lung's box in the image, and its own pixels in that box."""

    box: tuple[slice, slice]
    image: NDArray[np.bool_]


def assess(mask: NDArray[np.bool_], confidence: float) -> Quality:
    """Judges a (H, W) bool mask of the lungs at the image's own size, and the network's confidence in it, 0..1.

    The score is the mean over the lungs of eccentricity, orientation, area and solidity (skimage.regionprops), each
    scaled to 0..1 by what lungs have: eccentricity is 0..1 by itself; orientation is 1 for an upright axis and 0 for a
    lying one; area is 1 from 8 % of the image per lung on; solidity is 0..1 by itself.
    """
    lungs = _lungs(mask)
    if not lungs:
        return Quality("Bad", 0.0, ["no_lungs"], 0, 0)
    height, width = (
        max(lung.box[axis].stop for lung in lungs) - min(lung.box[axis].start for lung in lungs) for axis in (0, 1)
    )
    shapes = [_shape(lung.image) for lung in lungs]
    properties = {
        "eccentricity": float(np.mean([shape.eccentricity for shape in shapes])),
        "orientation": float(np.mean([1 - abs(shape.orientation) / (np.pi / 2) for shape in shapes])),
        "area": float(np.mean([min(1.0, lung.image.sum() / mask.size / 0.08) for lung in lungs])),
        "solidity": float(np.mean([shape.solidity for shape in shapes])),
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


def _shape(lung: NDArray[np.bool_]) -> Any:
    small = (
        np.asarray(Image.fromarray(lung.astype(np.uint8) * 255).reduce(max(1, max(lung.shape) // _SHAPE_SIDE))) > 127
    )
    return regionprops((small if small.any() else lung).astype(np.uint8))[0]  # type: ignore[no-untyped-call]


def _lungs(mask: NDArray[np.bool_]) -> list[_Lung]:
    components, _ = ndimage.label(mask)
    areas = np.bincount(components.ravel())[1:]
    boxes = ndimage.find_objects(components)
    return [
        _Lung(boxes[number], components[boxes[number]] == number + 1)
        for number in np.argsort(-areas)[:2]
        if areas[number] >= _MIN_LUNG_PART * mask.size
    ]
