"""Text painted over, and compressed pixels that hold more than the picture written anew, without loss.

What is painted gets the least or the greatest stored value, whichever is shown black. Native pixels keep their transfer
syntax; RLE stays RLE; every other compression becomes JPEG 2000 lossless (PS3.5 A.4.4), which serves all depths.
"""

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imaging.formats import jpeg2000, rle
from imaging.formats.limits import guarded
from imaging.formats.pixeldata import UNUSED_BITS, Encapsulated, Layout, Native, cleared
from imaging.formats.refusal import Refused

from .boxes import TextBox

JPEG_2000_LOSSLESS, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
HIDDEN = "bytes within the compressed data"


def settle(pixels: Native | Encapsulated, boxes: Sequence[TextBox]) -> tuple[Native | Encapsulated, str]:
    """The pixels to write, their ``syntax`` maybe another, and in words what was done to them.

    Of ``boxes`` those are painted that say so. Compressed pixels are decoded, which proves that they can be; those with
    bits beyond BitsStored or foreign bytes in the compressed data are written anew. Raises Refused.
    """
    painted = [box for box in boxes if box.painted]
    if isinstance(pixels, Native):
        if not painted:
            return pixels, "copied without decoding"
        values = paint(pixels.values(), painted, pixels.layout.photometric)
        return replace(pixels, stream=BytesIO(pixels.packed(values)), offset=0), "text painted over"
    values = pixels.values()
    plain = cleared(values, pixels.layout)
    removed = list(pixels.removed)
    if plain is not values:
        removed.append(UNUSED_BITS)
    if not pixels.is_exact():
        removed.append(HIDDEN)
    if not painted and removed == pixels.removed:
        return pixels, "copied without decoding"
    values = paint(plain, painted, pixels.layout.photometric)
    syntax = RLE if pixels.syntax == RLE else JPEG_2000_LOSSLESS
    return (
        Encapsulated(_encode(values, syntax, pixels.layout), syntax, pixels.layout, removed),
        "text painted over" if painted else "same values, compressed anew",
    )


def paint(values: NDArray[Any], boxes: Sequence[TextBox], photometric: str = "MONOCHROME2") -> NDArray[Any]:
    """A copy of ``values`` (H, W[, 3]) with the boxes filled with the value that the picture shows black.

    Raises Refused (undecodable) for a box outside the picture: it was made for another one.
    """
    height, width = values.shape[:2]
    black = values.max() if photometric == "MONOCHROME1" else values.min()
    out = values.copy()
    for box in boxes:
        if box.left + box.width > width or box.top + box.height > height:
            raise Refused("undecodable")
        out[box.top : box.top + box.height, box.left : box.left + box.width] = black
    return out


def _encode(values: NDArray[Any], syntax: str, layout: Layout) -> bytes:
    from pydicom.pixels.encoders.base import get_encoder
    from pydicom.uid import UID

    with guarded():
        frame = bytes(get_encoder(UID(syntax)).encode(np.ascontiguousarray(values), **layout.options()))
    if syntax == RLE:
        return rle.clean(frame, layout.rows * layout.columns, layout.allocated // 8)[0]
    return jpeg2000.clean(frame).data
