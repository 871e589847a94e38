"""How much the outline of the lungs is shaped like two lungs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.measure import regionprops

_SIDE = 256
"""A lung's shape is taken at about this size: its convex hull at 16 megapixels would cost a second."""
_MIN_PART = 0.02
"""A lung smaller than this part of the image is mostly undetected."""


@dataclass(frozen=True)
class Lungs:
    """count: 0, 1 or 2 lungs. height, width: of the box around them, in pixels of the image. score: 0..1."""

    count: int
    height: int
    width: int
    score: float
    properties: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Lung:
    """One lung's own pixels in its box in the image."""

    box: tuple[slice, slice]
    image: NDArray[np.bool_]
    area: int


def measure(mask: NDArray[np.bool_]) -> Lungs:
    """The lungs of a (H, W) bool mask at the image's own size.

    The score is the mean over the lungs of eccentricity, orientation, area and solidity (skimage.regionprops), each
    scaled to 0..1 by what lungs have: eccentricity is 0..1 by itself; orientation is 1 for an upright axis and 0 for a
    lying one; area is 1 from 8 % of the image per lung on; solidity is 0..1 by itself. One lung alone has half of it.
    """
    lungs = _lungs(mask)
    if not lungs:
        return Lungs(0, 0, 0, 0.0)
    height, width = (
        max(lung.box[axis].stop for lung in lungs) - min(lung.box[axis].start for lung in lungs) for axis in (0, 1)
    )
    shapes = [_shape(lung.image) for lung in lungs]
    properties = {
        "eccentricity": float(np.mean([shape.eccentricity for shape in shapes])),
        "orientation": float(np.mean([1 - abs(shape.orientation) / (np.pi / 2) for shape in shapes])),
        "area": float(np.mean([min(1.0, lung.area / mask.size / 0.08) for lung in lungs])),
        "solidity": float(np.mean([shape.solidity for shape in shapes])),
    }
    score = sum(properties.values()) / len(properties)
    return Lungs(len(lungs), height, width, score if len(lungs) == 2 else score / 2, properties)


def _shape(lung: NDArray[np.bool_]) -> Any:
    small = np.asarray(Image.fromarray(lung.astype(np.uint8) * 255).reduce(max(1, max(lung.shape) // _SIDE))) > 127
    return regionprops((small if small.any() else lung).astype(np.uint8))[0]  # type: ignore[no-untyped-call]


def _lungs(mask: NDArray[np.bool_]) -> list[_Lung]:
    """The two largest components that are large enough, the largest first."""
    import cv2  # five times as fast as scipy.ndimage.label, which took most of the time

    count, components, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(mask).view(np.uint8), connectivity=4
    )
    areas = stats[1:count, cv2.CC_STAT_AREA]
    found = []
    for number in np.argsort(-areas, kind="stable")[:2] + 1:
        left, top, width, height, area = (int(value) for value in stats[number])
        if area >= _MIN_PART * mask.size:
            box = slice(top, top + height), slice(left, left + width)
            found.append(_Lung(box, components[box] == number, area))
    return found
