"""The lung region: a radiograph cut to its lungs at a fixed size, and the way back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.lungs.preparation import CLIPPED_PERCENTILES, enhance

SIZE = 512
MARGIN = 0.03
"""Of the longer side of the lungs' bounding box, added on every side."""


@dataclass(frozen=True)
class Region:
    """image: (size, size) uint8, contrast enhanced. mask: (size, size) bool. transform: what `put_back` needs."""

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    transform: dict[str, Any]


def cut(pixels: NDArray[np.float32], mask: NDArray[np.bool_], *, size: int = SIZE, margin: float = MARGIN) -> Region:
    """Cuts (H, W) pixels in 0..1 and their mask to the lungs' bounding box, size x size, aspect ratio kept, padded.

    Raises ValueError when the mask is empty or its shape is not the image's.
    """
    if mask.shape != pixels.shape:
        raise ValueError("image and mask differ in shape")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("the mask is empty")
    pad = round(margin * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
    top, bottom = max(0, int(rows[0]) - pad), min(mask.shape[0], int(rows[-1]) + 1 + pad)
    left, right = max(0, int(columns[0]) - pad), min(mask.shape[1], int(columns[-1]) + 1 + pad)
    height, width = bottom - top, right - left
    scale = size / max(height, width)
    inner_height, inner_width = max(1, round(height * scale)), max(1, round(width * scale))
    offset_top, offset_left = (size - inner_height) // 2, (size - inner_width) // 2
    inner = (slice(offset_top, offset_top + inner_height), slice(offset_left, offset_left + inner_width))

    image = np.zeros((size, size), np.uint8)
    image[inner] = _shown(pixels[top:bottom, left:right], inner_height, inner_width)
    region_mask = np.zeros((size, size), bool)
    region_mask[inner] = _resized_mask(mask[top:bottom, left:right], inner_height, inner_width)
    transform = {
        "shape": list(mask.shape),
        "box": [top, left, bottom, right],
        "size": size,
        "inner": [offset_top, offset_left, inner_height, inner_width],
    }
    return Region(image, region_mask, transform)


def put_back(region_mask: NDArray[np.bool_], transform: dict[str, Any]) -> NDArray[np.bool_]:
    """The (H, W) bool mask on the original image that a (size, size) mask of its region stands for.

    Exact: lungs that were enlarged to the region return bit for bit; where they were shrunk, every pixel of the
    region's mask returns as a block of the original's, from which the same cut makes the same region's mask.
    Raises ValueError when the mask has not the region's size.
    """
    if region_mask.shape != (transform["size"], transform["size"]):
        raise ValueError("the mask has not the size of the region")
    top, left, bottom, right = transform["box"]
    offset_top, offset_left, inner_height, inner_width = transform["inner"]
    inner = region_mask[offset_top : offset_top + inner_height, offset_left : offset_left + inner_width]
    mask = np.zeros(tuple(transform["shape"]), bool)
    mask[top:bottom, left:right] = _resized_mask(inner, bottom - top, right - left)
    return mask


def _shown(pixels: NDArray[np.float32], height: int, width: int) -> NDArray[np.uint8]:
    """Standardised to the percentiles and contrast-enhanced as the network sees it, 8 bit."""
    shrunk = np.asarray(
        Image.fromarray(np.ascontiguousarray(pixels, np.float32)).resize((width, height), Image.Resampling.LANCZOS)
    )
    low, high = np.percentile(shrunk, CLIPPED_PERCENTILES)
    return enhance(np.clip((shrunk - low) / max(float(high - low), 1e-6), 0, 1))


def _resized_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    # Nearest neighbour: what was enlarged comes back bit for bit, whichever way went first.
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST), bool)
