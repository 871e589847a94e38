"""A walk over the segments of a JPEG stream (ITU-T T.81 Annex B; JPEG-LS: T.87): what decodes stays, the rest goes.

No Python library rewrites a JPEG losslessly and also serves 12 bit, lossless and JPEG-LS streams from DICOM, so
the walk is done here; nothing is decoded.
"""

import re
from dataclasses import dataclass

from .refusal import Refused

_SOI, _EOI, _SOS, _DHT, _DQT, _DNL, _DRI, _LSE = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xDC, 0xDD, 0xF8
_SOF = {0xC0, 0xC1, 0xC2, 0xC3, 0xF7}  # baseline, extended, progressive, lossless (Huffman); JPEG-LS
# The end of entropy-coded data: FF followed by neither a stuffed zero nor a restart marker nor a fill byte.
# In JPEG-LS the byte after FF is below 0x80 inside the data.
_DATA_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_DATA_END_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"


@dataclass(frozen=True)
class Jpeg:
    """A clean JPEG stream (``data``) with what its frame header says, and the names of the dropped parts.

    ``plain``: one scan of a sequential frame without restart intervals, so that only its end can hide foreign bytes.
    """

    data: bytes
    width: int
    height: int
    bits: int
    components: int
    removed: tuple[str, ...]
    plain: bool


def clean(data: bytes | memoryview, *, jfif: bool = False) -> Jpeg:
    """The stream without COM and APPn segments (Adobe APP14 stays), fill bytes and anything after EOI.

    Kept segments must have exactly the length that their own fields say, so that nothing rides along in them.
    ``jfif``: write a minimal JFIF header where the source had one (files on disk, not frames in DICOM).
    Raises Refused: undecodable, truncated.
    """
    data = bytes(data)
    if data[:2] != b"\xff\xd8":
        raise Refused("undecodable")
    out = [b"\xff\xd8"]
    removed: dict[str, None] = {}
    frame: tuple[int, int, int, int] | None = None
    lossless_ls = scanned = False
    plain = True
    at = 2
    while True:
        if at + 2 > len(data):
            raise Refused("truncated")
        if data[at] != 0xFF:
            raise Refused("undecodable")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _EOI:
            break
        if at + 4 > len(data):
            raise Refused("truncated")
        length = int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            raise Refused("truncated")
        segment = data[at : at + 2 + length]
        at += 2 + length
        if marker in _SOF:
            if frame is not None or len(body) < 6 or len(body) != 6 + 3 * body[5]:
                raise Refused("undecodable")
            frame = (int.from_bytes(body[3:5]), int.from_bytes(body[1:3]), body[0], body[5])
            lossless_ls = marker == 0xF7
            plain = plain and marker in (0xC0, 0xC1)
            out.append(segment)
        elif marker == _SOS:
            if frame is None or not body or len(body) != 4 + 2 * body[0]:
                raise Refused("undecodable")
            end = (_DATA_END_LS if lossless_ls else _DATA_END).search(data, at)
            if end is None:
                raise Refused("truncated")
            scan = data[at : end.start()].rstrip(b"\xff")
            plain = plain and not scanned and _RESTART.search(scan) is None
            out += [segment, scan]
            at = end.start()
            scanned = True
        elif marker in (_DHT, _DQT, _DRI, _DNL, _LSE):
            if not _exact(marker, body):
                raise Refused("undecodable")
            out.append(segment)
        elif marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            # Version 100, no flags: only the colour transform matters to a decoder.
            out.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([min(body[11], 2)]))
        elif 0xE0 <= marker <= 0xEF or marker == 0xFE:
            if jfif and marker == 0xE0 and body[:5] == b"JFIF\x00" and len(out) == 1:
                out.append(_JFIF)
            else:
                removed["COM" if marker == 0xFE else f"APP{marker - 0xE0}"] = None
        else:  # hierarchical and arithmetic coding, reserved markers
            raise Refused("undecodable")
    if frame is None or not scanned:
        raise Refused("undecodable")
    if data[at + 2 :].strip(b"\x00"):
        removed["bytes after EOI"] = None
    out.append(b"\xff\xd9")
    width, height, bits, components = frame
    return Jpeg(b"".join(out), width, height, bits, components, tuple(removed), plain)


def _exact(marker: int, body: bytes) -> bool:
    """Whether a table segment holds nothing but its tables."""
    if marker == _DRI:
        return len(body) in (2, 4)
    if marker == _DNL:
        return len(body) == 2
    if marker == _LSE:  # preset coding parameters only; mapping tables are for palettes
        return len(body) == 11 and body[0] == 1
    at = 0
    while at < len(body):
        if marker == _DQT:
            at += 129 if body[at] >> 4 else 65
        else:
            at += 17 + sum(body[at + 1 : at + 17])
    return at == len(body)
