"""A walk over a JPEG 2000 codestream (ITU-T T.800 Annex A) that drops comments and what follows the end."""

from dataclasses import dataclass

from .refusal import Refused

_SOC, _SOT, _SOD, _EOC, _SIZ = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF51
_COD, _COC, _QCD, _QCC, _RGN, _POC, _CAP = 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF50
_KEPT_TILE = {_COD, _COC, _QCD, _QCC, _RGN, _POC}
_KEPT_MAIN = {_SIZ, _CAP, *_KEPT_TILE}
# Dropped without loss: COM, and the optional pointer segments TLM, PLM, PLT, CRG, which name lengths or registration.
_MOST_PARTS, _MOST_SEGMENTS = 65_535, 10_000  # of a codestream; of one header
# Coders write some twenty layers and precincts of 128 pixels or more: a few thousand packets.
_MOST_LAYERS, _MOST_PACKETS = 500, 200_000
_DROPPED = {0xFF64: "COM", 0xFF55: "TLM", 0xFF57: "PLM", 0xFF58: "PLT", 0xFF63: "CRG"}


@dataclass(frozen=True)
class Jpeg2000:
    """A clean codestream (``data``) with what its SIZ segment says, and the names of the dropped parts.

    ``plain``: one tile as large as the picture, and no parameter that another overrides or that a writer may choose
    freely, so that only the tile's end can hide foreign bytes.
    """

    data: bytes
    width: int
    height: int
    bits: int
    components: int
    removed: tuple[str, ...]
    plain: bool
    last_part: int  # where the last tile-part starts


def clean(data: bytes | memoryview) -> Jpeg2000:
    """The codestream without COM and pointer segments and without anything after EOC.

    A JP2 box file around the codestream (illegal in DICOM, yet met) is unwrapped first.
    Raises Refused: undecodable, truncated.
    """
    data = bytes(data)
    if data[4:8] == b"jP  ":
        start = data.find(b"jp2c")
        if start < 0:
            raise Refused("undecodable")
        data = data[start + 4 :]
    if _word(data, 0) != _SOC:
        raise Refused("undecodable")
    removed: dict[str, None] = {}
    levels = _Levels()
    main, at = _segments(data, 2, _KEPT_MAIN, _SOT, removed, levels)
    if _word(data, 2) != _SIZ or len(main) < 40 or _word(main, 2) != 38 + 3 * _word(main, 38):
        raise Refused("undecodable")
    siz = main[4:]
    width, height = _extent(siz)
    components, bits = int.from_bytes(siz[34:36]), (siz[36] & 0x7F) + 1
    out, parts, tiles = [b"\xff\x4f", main], 0, set()
    plain = levels.plain and _one_tile(siz)
    last, size = 0, 2 + len(main)
    while _word(data, at) == _SOT:
        psot = int.from_bytes(data[at + 6 : at + 10])
        end = at + psot if psot else data.rfind(b"\xff\xd9")  # 0: the last tile-part, up to EOC
        if end > len(data):
            raise Refused("truncated")
        header, body = _segments(data, at + 12, _KEPT_TILE, _SOD, removed, levels)
        parts += 1
        if body > end or parts > _MOST_PARTS:
            raise Refused("undecodable")
        plain = plain and not header
        length = 12 + len(header) + end - body
        tiles.add(_word(data, at + 4))
        last, size = size, size + length
        out += [data[at : at + 6], length.to_bytes(4), data[at + 10 : at + 12], header, data[body:end]]
        at = end
    if at + 2 > len(data):
        raise Refused("truncated")
    if _word(data, at) != _EOC or len(out) == 2:
        raise Refused("undecodable")
    if data[at + 2 :].strip(b"\x00"):
        removed["bytes after EOC"] = None
    plain = plain and len(tiles) == 1
    return Jpeg2000(b"".join([*out, b"\xff\xd9"]), width, height, bits, components, tuple(removed), plain, last)


def _extent(siz: bytes) -> tuple[int, int]:
    """Width and height of the picture."""
    right, bottom, left, top = (int.from_bytes(siz[at : at + 4]) for at in (2, 6, 10, 14))
    return right - left, bottom - top


def _one_tile(siz: bytes) -> bool:
    """Whether picture and tile begin at 0 and end at the same place (T.800 A.5.1)."""
    return siz[2:10] == siz[18:26] and not any(siz[10:18]) and not any(siz[26:34])


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


class _Levels:
    """Lengths of the parameter segments (T.800 A.6), which hang on the number of decomposition levels."""

    def __init__(self) -> None:
        self._levels = 32
        self._layers = 1
        self._width = self._height = 0
        self.plain = True  # what was allowed so far says no more than a decoder needs

    def allows(self, marker: int, body: bytes) -> bool:
        """Whether the segment is as long as its own fields say. ``body``: what follows the length, one component."""
        size = len(body)
        self.plain = self.plain and marker in (_SIZ, _COD, _QCD)
        if marker in (_COD, _COC):
            start = 1 + (4 if marker == _COD else 1)
            if size < start + 5:
                return False
            self._levels = body[start]
            if marker == _COD:
                self._layers = int.from_bytes(body[2:4])
            precincts = body[0 if marker == _COD else 1] & 1
            if size != start + 5 + precincts * (self._levels + 1):
                return False
            if self._layers > _MOST_LAYERS or self._packets(body[start + 5 :]) > _MOST_PACKETS:
                raise Refused("decompression_bomb")
            # Square precincts leave too few values for a text.
            self.plain = self.plain and all(value % 17 == 0 for value in body[start + 5 :])
            return True
        if marker in (_QCD, _QCC):
            body = body[marker == _QCC :]
            steps = 3 * self._levels + 1
            if body and body[0] & 0x1F == 0:  # exponents, and three bits that nobody reads
                self.plain = self.plain and not any(value & 7 for value in body[1:])
            return bool(body) and len(body) - 1 == {0: steps, 1: 2, 2: 2 * steps}.get(body[0] & 0x1F)
        if marker == _RGN:
            return size == 3
        if marker == _POC:
            return size % 7 == 0 and size > 0
        if marker == _CAP:
            return size == 4 + 2 * int.from_bytes(body[:4]).bit_count()
        if marker == _SIZ and size >= 18:
            self._width, self._height = _extent(body)
        return marker == _SIZ  # measured by the caller

    def _packets(self, precincts: bytes) -> int:
        """About how many packets the picture is cut into: resolutions, their precincts, layers (T.800 B.6, B.9)."""
        count = 0
        for level, sizes in enumerate(precincts.ljust(self._levels + 1, b"\xff")):
            down = self._levels - level
            across = (self._width >> down + (sizes & 0x0F)) + 1
            count += across * ((self._height >> down + (sizes >> 4)) + 1)
        return count * self._layers


def _segments(
    data: bytes, at: int, kept: set[int], until: int, removed: dict[str, None], levels: _Levels
) -> tuple[bytes, int]:
    """The kept marker segments from ``at`` up to the marker ``until``, and where that marker stands."""
    out: dict[int, bytes] = {}
    left = _MOST_SEGMENTS
    while (marker := _word(data, at)) != until:
        left -= 1
        if left < 0:
            raise Refused("undecodable")
        length = _word(data, at + 2)
        if at + 4 > len(data) or at + 2 + length > len(data):
            raise Refused("truncated")
        if (
            marker in kept
            and length >= 2
            and marker not in out
            and levels.allows(marker, data[at + 4 : at + 2 + length])
        ):
            out[marker] = data[at : at + 2 + length]
        elif marker in _DROPPED and length >= 2:
            removed[_DROPPED[marker]] = None
        else:
            raise Refused("undecodable")
        at += 2 + length
    return b"".join(out.values()), at
