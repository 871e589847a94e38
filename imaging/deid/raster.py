"""JPEG, PNG and TIFF without what is no picture: EXIF, XMP, IPTC, ICC, comments, text, thumbnails, further pages.

A JPEG is rewritten segment by segment, so that its coefficients stay as they are. PNG and TIFF are lossless: the
pixels are decoded and written into a new container, with the same depth and colour. A JPEG that EXIF turns would have
to be compressed again to be upright; it becomes a PNG instead, which loses nothing. So does one whose entropy-coded
data holds more than the picture, or may do so unseen (several scans, restart
intervals), and one in which text is painted over.
"""

import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffTags import TAGS_V2

from imaging.formats import Format, jpeg, raster
from imaging.formats.directories import check_directory
from imaging.formats.limits import guarded

from .boxes import TextBox
from .painting import paint
from .report import Entry, Report

# Tags without which there is no picture: sizes, depth, compression, strips and tiles, resolution, palette.
_TIFF_PICTURE = {
    254,
    256,
    257,
    258,
    259,
    262,
    266,
    273,
    277,
    278,
    279,
    284,
    317,
    320,
    322,
    323,
    324,
    325,
    338,
    339,
    347,
}
_PNG_PICTURE = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
_PNG_KNOWN = (
    b"tEXt",
    b"zTXt",
    b"iTXt",
    b"eXIf",
    b"iCCP",
    b"tIME",
    b"pHYs",
    b"gAMA",
    b"cHRM",
    b"sRGB",
    b"tRNS",
    b"bKGD",
)


def rewrite(source: Path, kind: Format, key_id: str, boxes: Sequence[TextBox] = ()) -> tuple[bytes, Report]:
    """The clean file, and the report, whose ``format`` is PNG where a JPEG had to become one.

    ``boxes``: those that say so are painted black. Raises Refused.
    """
    cleaned: jpeg.Jpeg | None = raster.check_stream(source) if kind is Format.JPEG else None
    image, turned = raster.open_image(source, kind)
    report = Report(kind, key_id)
    painted = [box for box in boxes if box.painted]
    if cleaned is not None:
        report.removed.extend(Entry(part, "not needed to decode") for part in cleaned.removed)
        exact = raster.scan_is_exact(cleaned)
        if not turned and exact and not painted:
            report.kept.append(Entry("pixels", "copied without decoding"))
            return cleaned.data, report
        report = Report(Format.PNG, key_id, removed=report.removed)
        if not exact:
            report.removed.append(Entry("bytes within the scan", "not needed to decode"))
    else:
        report.removed.extend(Entry(part, "not needed to decode") for part in _left_out(source, kind))
    report.kept.append(Entry("pixels", "same values in a new container"))
    if painted:
        image = Image.fromarray(paint(np.asarray(image), painted))
        report.replaced.append(Entry("pixels", "text painted over"))
    if turned:
        report.replaced.append(Entry("orientation", "applied to the pixels"))
    return _plain(image, report.format), report


def _plain(image: Image.Image, kind: Format) -> bytes:
    """The pixels alone, compressed by deflate."""
    fresh = Image.frombytes(image.mode, image.size, image.tobytes())  # no info dictionary comes along
    out = BytesIO()
    if kind is Format.PNG:
        fresh.save(out, format="PNG", compress_type=zlib.Z_RLE)  # noise never repeats: see imaging.formats.png
    else:
        fresh.save(out, format="TIFF", compression="tiff_adobe_deflate")
    return out.getvalue()


def _left_out(source: Path, kind: Format) -> list[str]:
    """Names of the parts that do not come along; never a name that the file itself could have made up."""
    with guarded():
        if kind is Format.PNG:
            data, at, found = source.read_bytes(), 8, set()
            while at + 8 <= len(data) and b"IEND" not in found:
                found.add(data[at + 4 : at + 8])
                at += 12 + int.from_bytes(data[at : at + 4])
            names = [chunk.decode() for chunk in _PNG_KNOWN if chunk in found]
            names += ["other chunks"] if found - _PNG_PICTURE - set(_PNG_KNOWN) else []
            return names + (["bytes after IEND"] if at < len(data) else [])
        with Image.open(source, formats=["TIFF"]) as image:
            tags = set(image.tag_v2) - _TIFF_PICTURE  # type: ignore[attr-defined]
            names = [TAGS_V2[tag].name for tag in sorted(tags) if tag in TAGS_V2]
            names += ["other tags"] if tags - set(TAGS_V2) else []
        with source.open("rb") as file:
            return names + (["further pages"] if check_directory(file) else [])
