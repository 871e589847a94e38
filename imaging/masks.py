"""Lung masks that people drew, in whatever file they come, and the images they were drawn on: pixels, nothing else."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.formats import Format, Refused, inspect, sniff, stored, write_png
from imaging.formats.directories import check_directory
from imaging.formats.limits import check_size, guarded
from imaging.formats.raster import check_chunks, check_stream
from imaging.formats.refusal import gettext_noop

MAX_BETWEEN = 0.05
"""Part of the pixels that may lie between black and white: soft edges of a JPEG or of a resized mask, no picture."""
_MARGIN = 0.1  # of the way from black to white, and back


class NotAMask(Refused):
    """A picture that is no mask of two lungs."""

    MESSAGES = {
        "mask_grey": gettext_noop("The mask has grey levels or colours. Save it with two values: lung and not lung."),
        "mask_empty": gettext_noop("Nothing is marked in the mask."),
        "mask_inverted": gettext_noop("The mask marks the corners of the picture. Save it with the lungs in white."),
        "mask_format": gettext_noop("A mask is a PNG, TIFF or JPEG picture."),
    }


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The mask (H, W), true in the lungs, of a PNG, TIFF or JPEG file: the brighter of two values is lung.

    Soft edges are cut half-way; pictures with more than MAX_BETWEEN of grey are none. Raises Refused and NotAMask.
    """
    values = _levels(path)
    low, high = int(values.min()), int(values.max())
    if low == high:
        raise NotAMask("mask_empty")
    margin = (high - low) * _MARGIN
    if np.count_nonzero((values > low + margin) & (values < high - margin)) > MAX_BETWEEN * values.size:
        raise NotAMask("mask_grey")
    mask = values > (low + high) / 2
    if mask[0, 0] and mask[0, -1] and mask[-1, 0] and mask[-1, -1]:
        raise NotAMask("mask_inverted")
    return np.asarray(mask)


def _levels(path: Path) -> NDArray[Any]:
    """Grey levels (H, W) of 1, 8 or 16 bits, as stored."""
    kind = sniff(path)
    if kind is Format.DICOM:
        raise NotAMask("mask_format")
    if kind is Format.JPEG:
        check_stream(path)
    with guarded():
        if kind is Format.TIFF:
            with path.open("rb") as file:
                check_directory(file)
        if kind is Format.PNG:
            check_chunks(path)
        with Image.open(path, formats=[kind.name]) as opened:
            check_size(*opened.size)
            if opened.mode not in ("1", "L", "P", "RGB", "I;16", "I;16B"):
                raise NotAMask("mask_grey")
            opened.load()
            image = opened.convert("RGB") if opened.mode == "P" else opened
            values = np.asarray(image)
    if values.ndim == 3:
        if (values[..., :1] != values).any():
            raise NotAMask("mask_grey")
        values = values[..., 0]
    return values.astype(np.uint16)


def resized(mask: NDArray[np.bool_], width: int, height: int) -> NDArray[np.bool_]:
    """The mask at another size, each pixel the nearest of the old ones."""
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """The mask as a 1-bit PNG, white is lung."""
    out = BytesIO()
    write_png(mask, out)
    return out.getvalue()


def read_grey(path: Path) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The picture of a DICOM, JPEG, PNG or TIFF file, upright, every grey level of its own, bright where it is dense.

    Signed values are moved up by half their range; nothing is windowed. Raises Refused.
    """
    values = stored(path)
    if sniff(path) is Format.DICOM:
        found = inspect(path)
        top = (1 << found.bits) - 1
        wide = values.astype(np.int32)
        if np.issubdtype(values.dtype, np.signedinteger):
            wide += (top + 1) // 2
        if found.photometric == "MONOCHROME1":
            wide = top - wide
        return wide.astype(np.uint8) if found.bits <= 8 else wide.astype(np.uint16)
    return values.astype(np.uint8) if values.dtype == np.uint8 else values.astype(np.uint16)


def grey_tiff(values: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """The picture (H, W) as a TIFF of 8 or 16 bits, deflated, with the tags that a picture needs and no other."""
    out = BytesIO()
    Image.fromarray(values).save(out, format="TIFF", compression="tiff_adobe_deflate")
    return out.getvalue()
