"""Pictures and masks written as PNG: for eyes, and for the lungs' masks and regions."""

import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray


def write_png(pixels: NDArray[np.uint8] | NDArray[np.bool_], target: Path | BinaryIO) -> None:
    """Write (H, W) values as they are: uint8 as 8 bit grey, bool as 1 bit, white where true."""
    from PIL import Image

    # A radiograph's noise never repeats and a mask is runs: to search what PNG's filters leave for repeats takes up to
    # eight times as long, and the files get no smaller.
    Image.fromarray(pixels).save(target, format="PNG", compress_type=zlib.Z_RLE)


def to_png(pixels: NDArray[np.float32], target: Path | BinaryIO, max_side: int | None = None) -> None:
    """Write (H, W) values in 0..1 as an 8 bit grey PNG, made smaller so that no side exceeds ``max_side``."""
    from PIL import Image

    levels = np.clip(pixels, 0, 1)
    levels *= 255
    grey = np.rint(levels, out=levels).astype(np.uint8)
    if max_side is not None and max(grey.shape) > max_side:
        image = Image.fromarray(grey)
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
        grey = np.asarray(image)
    write_png(grey, target)
