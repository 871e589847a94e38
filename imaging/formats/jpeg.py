"""A walk over the segments of a JPEG stream (ITU-T T.81 Annex B; JPEG-LS: T.87): what decodes stays, the rest goes.

No Python library rewrites a JPEG losslessly and also serves 12 bit, lossless and JPEG-LS streams from DICOM, so
the walk is done here; nothing is decoded.
"""

import re
from dataclasses import dataclass

from .refusal import Refused

_EOI, _SOS, _DHT, _DQT, _DNL, _DRI, _LSE = 0xD9, 0xDA, 0xC4, 0xDB, 0xDC, 0xDD, 0xF8
_PROGRESSIVE, _LOSSLESS, _LS = 0xC2, 0xC3, 0xF7
_SOF = {0xC0, 0xC1, _PROGRESSIVE, _LOSSLESS, _LS}  # baseline, extended, progressive, lossless (Huffman); JPEG-LS
# The end of entropy-coded data: FF followed by neither a stuffed zero nor a restart marker nor a fill byte.
# In JPEG-LS the byte after FF is below 0x80 inside the data.
_DATA_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_DATA_END_LS = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
_FILL = re.compile(rb"\xff+")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# More take longer to decode than any picture should; a progressive picture in colour has ten scans.
_MOST_SEGMENTS, _MOST_SCANS = 10_000, 20
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

    Kept segments must have exactly the length that their own fields say, and of the tables only those are written that
    the frame and its scans name, so that nothing rides along. ``jfif``: write a minimal JFIF header where the source
    had one (files on disk, not frames in DICOM). Raises Refused: undecodable, truncated.
    """
    data = bytes(data)
    if data[:2] != b"\xff\xd8":
        raise Refused("undecodable")
    out = [b"\xff\xd8"]
    removed: dict[str, None] = {}
    tables = _Tables()
    parameters: dict[int, bytes] = {}  # restart interval, JPEG-LS preset
    frame = b""  # the segment of the frame header, until it is written before the first scan
    facts: tuple[int, int, int, int] | None = None
    kind = 0
    plain = scanned = False
    at = 2
    segments = scans = 0
    while True:
        if at + 2 > len(data):
            raise Refused("truncated")
        if data[at] != 0xFF:
            raise Refused("undecodable")
        marker = data[at + 1]
        if marker == 0xFF:  # fill bytes
            at = _fill_end(data, at)
            continue
        if marker == _EOI:
            break
        segments, scans = segments + 1, scans + (marker == _SOS)
        if segments > _MOST_SEGMENTS or scans > _MOST_SCANS:
            raise Refused("decompression_bomb")
        if at + 4 > len(data):
            raise Refused("truncated")
        length = int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            raise Refused("truncated")
        segment = data[at : at + 2 + length]
        at += 2 + length
        if marker in _SOF:
            if facts is not None or len(body) < 6 or len(body) != 6 + 3 * body[5]:
                raise Refused("undecodable")
            facts = (int.from_bytes(body[3:5]), int.from_bytes(body[1:3]), body[0], body[5])
            frame, kind = segment, marker
            plain = marker != _PROGRESSIVE
        elif marker == _SOS:
            if facts is None or not body or len(body) != 4 + 2 * body[0]:
                raise Refused("undecodable")
            end = (_DATA_END_LS if kind == _LS else _DATA_END).search(data, at)
            if end is None:
                raise Refused("truncated")
            scan = data[at : end.start()].rstrip(b"\xff")
            plain = plain and not scanned and _RESTART.search(scan) is None
            if kind != _LS:
                out.append(tables.needed(frame, body))
            out += parameters.values()
            parameters.clear()
            out += [segment, scan] if scanned else [frame, segment, scan]
            at = end.start()
            scanned = True
        elif marker in (_DHT, _DQT):
            tables.take(marker, body)
        elif marker in (_DRI, _LSE):
            if not _exact(marker, body):
                raise Refused("undecodable")
            parameters[marker] = segment  # the last one before a scan holds
        elif marker == _DNL and len(body) == 2 and scanned:
            out.append(segment)
            plain = False
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
    if facts is None or not scanned:
        raise Refused("undecodable")
    if tables.unused:
        removed["unused tables"] = None
    if data[at + 2 :].strip(b"\x00"):
        removed["bytes after EOI"] = None
    out.append(b"\xff\xd9")
    width, height, bits, components = facts
    return Jpeg(b"".join(out), width, height, bits, components, tuple(removed), plain)


def _fill_end(data: bytes, at: int) -> int:
    """The last of the bytes FF that begin at ``at``."""
    found = _FILL.match(data, at)
    return found.end() - 1 if found else at


class _Tables:
    """The quantisation and Huffman tables met so far; a scan gets those that it names (B.2.4.1, B.2.4.2)."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int], bytes] = {}
        self._overwritten = False

    @property
    def unused(self) -> bool:
        """Whether some table was defined that no scan so far wanted."""
        return self._overwritten or bool(self._waiting)

    def take(self, marker: int, body: bytes) -> None:
        """Split a segment into its tables. Raises Refused when it holds anything else."""
        at = 0
        while at < len(body):
            if marker == _DQT:
                size, number = 129 if body[at] >> 4 else 65, body[at] & 0x0F
            else:
                size, number = 17 + sum(body[at + 1 : at + 17]), body[at]
                symbols = body[at + 17 : at + size]
                if len(set(symbols)) != len(symbols):  # no symbol needs a second code
                    raise Refused("undecodable")
            if at + size > len(body):
                raise Refused("undecodable")
            self._overwritten |= (marker, number) in self._waiting
            self._waiting[marker, number] = body[at : at + size]
            at += size

    def needed(self, frame: bytes, scan: bytes) -> bytes:
        """The segments of the tables that this scan uses and that were not written since they were defined."""
        selectors = scan[2 : 1 + 2 * scan[0] : 2]
        names = [(_DHT, selector >> 4) for selector in selectors]  # DC, or the only one
        if frame[1] != _LOSSLESS:
            names += [(_DHT, 0x10 | selector & 0x0F) for selector in selectors]
            names += [(_DQT, number) for number in frame[12::3]]
        found = [(name, self._waiting.pop(name)) for name in sorted(set(names)) if name in self._waiting]
        return b"".join(
            b"\xff" + bytes([marker]) + (len(table) + 2).to_bytes(2) + table for (marker, _), table in found
        )


def _exact(marker: int, body: bytes) -> bool:
    """Whether a segment holds nothing but its parameters."""
    if marker == _DRI:
        return len(body) in (2, 4)
    # LSE: preset coding parameters only; mapping tables are for palettes.
    return len(body) == 11 and body[0] == 1
