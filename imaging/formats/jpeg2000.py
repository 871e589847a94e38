"""A walk over a JPEG 2000 codestream (ITU-T T.800 Annex A) that drops comments and what follows the end."""

from dataclasses import dataclass

from .refusal import Refused

_SOC, _SOT, _SOD, _EOC, _SIZ = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF51
_KEPT_MAIN = {0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF50}  # SIZ COD COC QCD QCC RGN POC CAP
_KEPT_TILE = {0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F}
# Dropped without loss: COM, and the optional pointer segments TLM, PLM, PLT, CRG, which name lengths or registration.
_DROPPED = {0xFF64: "COM", 0xFF55: "TLM", 0xFF57: "PLM", 0xFF58: "PLT", 0xFF63: "CRG"}


@dataclass(frozen=True)
class Jpeg2000:
    """A clean codestream (``data``) with what its SIZ segment says, and the names of the dropped parts."""

    data: bytes
    width: int
    height: int
    bits: int
    components: int
    removed: tuple[str, ...]


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
    main, at = _segments(data, 2, _KEPT_MAIN, _SOT, removed)
    if _word(data, 2) != _SIZ or len(main) < 40:
        raise Refused("undecodable")
    siz = main[4:]
    width = int.from_bytes(siz[2:6]) - int.from_bytes(siz[10:14])
    height = int.from_bytes(siz[6:10]) - int.from_bytes(siz[14:18])
    components, bits = int.from_bytes(siz[34:36]), (siz[36] & 0x7F) + 1
    out = [b"\xff\x4f", main]
    while _word(data, at) == _SOT:
        psot = int.from_bytes(data[at + 6 : at + 10])
        end = at + psot if psot else data.rfind(b"\xff\xd9")  # 0: the last tile-part, up to EOC
        if end > len(data):
            raise Refused("truncated")
        header, body = _segments(data, at + 12, _KEPT_TILE, _SOD, removed)
        if body > end:
            raise Refused("undecodable")
        length = 12 + len(header) + end - body
        out += [data[at : at + 6], length.to_bytes(4), data[at + 10 : at + 12], header, data[body:end]]
        at = end
    if at + 2 > len(data):
        raise Refused("truncated")
    if _word(data, at) != _EOC or len(out) == 2:
        raise Refused("undecodable")
    if data[at + 2 :].strip(b"\x00"):
        removed["bytes after EOC"] = None
    return Jpeg2000(b"".join([*out, b"\xff\xd9"]), width, height, bits, components, tuple(removed))


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def _segments(data: bytes, at: int, kept: set[int], until: int, removed: dict[str, None]) -> tuple[bytes, int]:
    """The kept marker segments from ``at`` up to the marker ``until``, and where that marker stands."""
    out = []
    while (marker := _word(data, at)) != until:
        length = _word(data, at + 2)
        if at + 4 > len(data) or at + 2 + length > len(data):
            raise Refused("truncated")
        if marker in kept and length >= 2:
            out.append(data[at : at + 2 + length])
        elif marker in _DROPPED and length >= 2:
            removed[_DROPPED[marker]] = None
        else:
            raise Refused("undecodable")
        at += 2 + length
    return b"".join(out), at
