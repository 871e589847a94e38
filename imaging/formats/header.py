"""The header of a DICOM file, flat: every top-level element, found by its length and left as bytes (PS3.5 7.1).

pydicom's readers build objects that the de-identifier would look at once; this walk takes a sixth of their time
(docs/decisions/0016). It is bounded in size, in number of elements and in depth, and trusts no length. What needs
converted values (lookup tables, windows) gets a pydicom data set from ``DataSet.converted``.
"""

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from .dictionary import ATTRIBUTES
from .limits import MAX_FILE_BYTES, guarded, refusing
from .pixeldata import SYNTAXES
from .refusal import Refused

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

IMPLICIT, BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
MAX_ELEMENTS = 10_000  # in one header, those of sequences without a length among them
MAX_VALUE_BYTES = 1 << 20  # a lookup table of 65,536 entries has an eighth of it; longer values are not kept
MAX_SEQUENCE_BYTES = 32 << 20  # of a sequence without a length, which must be walked to be passed over
MAX_DEPTH = 16

_KNOWN = frozenset(tag for tag, _ in ATTRIBUTES.values())  # only their values are kept
_BLOCK = 64 * 1024
_UNDEFINED = 0xFFFFFFFF
_PIXELS = 0x7FE00008  # float, double float and integer pixel data are the last elements of an image
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


class _Codec(NamedTuple):
    """How elements are written: representation named or not, byte order."""

    implicit: bool
    order: str

    def structs(self) -> tuple[struct.Struct, struct.Struct]:
        """Group, element, representation and short length; a long length."""
        return _STRUCTS[self.order]


_STRUCTS = {order: (struct.Struct(f"{order}HH2sH"), struct.Struct(f"{order}L")) for order in "<>"}


class _ShortError(Exception):
    """The bytes at hand end before the element does."""


class DataSet:
    """Elements by tag as (representation, bytes), of a file or of an item of a sequence.

    ``signed``: what PixelRepresentation says, which decides for attributes that are US or SS.
    """

    def __init__(
        self, elements: dict[int, tuple[bytes, bytes]], codec: _Codec, charset: bytes = b"", signed: bool = False
    ) -> None:
        self.elements = elements
        self.codec = codec
        self.signed = signed or self.integer("PixelRepresentation") == 1
        self._charset = self.raw("SpecificCharacterSet") or charset

    def __contains__(self, keyword: str) -> bool:
        return ATTRIBUTES[keyword][0] in self.elements

    def raw(self, keyword: str) -> bytes:
        """The bytes of the value; empty when absent."""
        return self.elements.get(ATTRIBUTES[keyword][0], (b"", b""))[1]

    def text(self, keyword: str) -> str:
        """The first value as text without padding; empty when absent or unreadable."""
        data = self.raw(keyword)
        plain = data.decode("ascii") if data.isascii() else self._decoded(data)
        return plain.split("\\", 1)[0].strip(" \x00")

    def integer(self, keyword: str) -> int | None:
        """The one binary integer of an attribute; None when it is absent or something else."""
        vr, data = self.elements.get(ATTRIBUTES[keyword][0], (b"", b""))
        if len(data) not in (2, 4) or vr not in (b"US", b"SS", b"UL", b"SL", b"UN", b""):
            return None
        signed = vr in (b"SS", b"SL")
        return int.from_bytes(data, "little" if self.codec.order == "<" else "big", signed=signed)

    def items(self, keyword: str) -> list["DataSet"]:
        """The items of a sequence. Raises Refused for a malformed one."""
        vr, data = self.elements.get(ATTRIBUTES[keyword][0], (b"", b""))
        codec = _Codec(True, "<") if vr == b"UN" else self.codec  # PS3.5 6.2.2, note 2
        budget = [MAX_ELEMENTS]
        found, at = [], 0
        signed = self.signed
        with refusing():
            while at < len(data):
                at, elements = _item(data, at, codec, budget)
                if elements is None:
                    break
                found.append(DataSet(elements, codec, self._charset, signed))
        return found

    def converted(self) -> "Dataset":
        """The same for pydicom, which converts values when they are asked for."""
        import pydicom.config
        from pydicom.dataelem import RawDataElement
        from pydicom.dataset import Dataset
        from pydicom.tag import BaseTag

        # Values are checked here and by the de-identifier's table; pydicom's checks only warn, with the values.
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
        implicit, little = self.codec.implicit, self.codec.order == "<"
        raw = {
            BaseTag(tag): RawDataElement(BaseTag(tag), vr.decode() or None, len(data), data, 0, implicit, little)
            for tag, (vr, data) in self.elements.items()
            if tag in _KNOWN
        }
        return Dataset(raw)  # type: ignore[arg-type]

    def _decoded(self, data: bytes) -> str:
        from pydicom.charset import convert_encodings, decode_bytes

        with guarded():
            names = [name.strip() for name in self._charset.decode("ascii", "replace").split("\\")]
            return decode_bytes(data, convert_encodings(names), {0x09, 0x0A, 0x0C, 0x0D})


class Header(DataSet):
    """The top level of a file up to its pixel data, which ``stream`` stands at.

    ``stream`` is the file itself or, for a deflated one, the inflated bytes.
    """

    def __init__(self, elements: dict[int, tuple[bytes, bytes]], codec: _Codec, syntax: str, stream: BinaryIO) -> None:
        super().__init__(elements, codec)
        self.syntax = syntax
        self.stream = stream


def read(file: BinaryIO) -> Header:
    """The header of a Part 10 file. Raises Refused: undecodable, truncated, unsupported_transfer_syntax, ..."""
    file.seek(0)
    data = file.read(_BLOCK)
    with refusing():
        syntax, start = _transfer_syntax(data)
        stream, order = file, ">" if syntax == BIG_ENDIAN else "<"
        if syntax == DEFLATED:
            file.seek(start)
            stream, start = BytesIO(inflate(file.read())), 0
            data = stream.read(_BLOCK)
        size = stream.seek(0, 2)
        codec = _Codec(_implicit(data[start + 4 : start + 6], syntax == IMPLICIT), order)
        elements, end = _top(stream, data, start, size, codec)
        stream.seek(end)
    return Header(elements, codec, syntax, stream)


def inflate(data: bytes) -> bytes:
    """The data set of a deflated file (PS3.5 A.5), at most MAX_FILE_BYTES long. Raises Refused."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(data, MAX_FILE_BYTES)
    except zlib.error:
        raise Refused("undecodable") from None
    if not inflater.eof:
        raise Refused("decompression_bomb" if inflater.unconsumed_tail else "truncated")
    return plain


def _transfer_syntax(data: bytes) -> tuple[str, int]:
    """The transfer syntax from the file meta information (PS3.10 7.1), and where the data set begins.

    ``data``: the first bytes of the file. The group length is not trusted.
    """
    at, syntax, end = 132, "", len(data)
    while data[at : at + 2] == b"\x02\x00":
        long = data[at + 4 : at + 6] in _LONG_VRS
        start = at + (12 if long else 8)
        length = int.from_bytes(data[at + 8 : start] if long else data[at + 6 : start], "little")
        if start + length > end:
            raise Refused("truncated" if end < _BLOCK else "undecodable")
        if data[at + 2 : at + 4] == b"\x10\x00":
            syntax = data[start : start + length].rstrip(b"\x00 ").decode("ascii", "replace")
        at = start + length
    if syntax not in SYNTAXES:
        raise Refused("unsupported_transfer_syntax")
    return syntax, at


def _implicit(vr: bytes, declared: bool) -> bool:
    """Some writers declare one and write the other; the first element tells."""
    if declared:
        return vr not in _SHORT_VRS and vr not in _LONG_VRS
    return not (vr.isalpha() and vr.isupper())


def _top(
    stream: BinaryIO, data: bytes, at: int, size: int, codec: _Codec
) -> tuple[dict[int, tuple[bytes, bytes]], int]:
    """All elements before the pixel data, and where that begins. Those without a use keep no value.

    ``data``: the first bytes of the stream, ``at``: where the data set begins in them, ``size``: of the stream.
    """
    found: dict[int, tuple[bytes, bytes]] = {}
    budget = [MAX_ELEMENTS]
    base, block = 0, _BLOCK
    while True:
        try:
            at = _elements(data, at, codec, found, budget)
        except _ShortError as short:
            if base + len(data) >= size:
                raise Refused("truncated") from None
            at = short.args[0]
            tag, vr, start, length = _head(data, at, codec)
            if start and length != _UNDEFINED and (length > MAX_VALUE_BYTES or tag not in _KNOWN):
                found[tag] = (vr, b"")
                base, at, block = base + start + length, 0, _BLOCK
                if base > size:
                    raise Refused("truncated") from None
            else:  # come back with more bytes of the same element
                base, at = base + at, 0
                block = length + _BLOCK if start and length != _UNDEFINED else block * 4
                if block > MAX_SEQUENCE_BYTES:
                    raise Refused("undecodable") from None
            stream.seek(base)
            data = stream.read(block)
        else:
            if at < len(data) or base + at >= size:
                return found, base + at
            base, at, block = base + at, 0, _BLOCK  # an element ended where the block did
            stream.seek(base)
            data = stream.read(block)


def _elements(
    data: bytes,
    at: int,
    codec: _Codec,
    found: dict[int, tuple[bytes, bytes]] | None,
    budget: list[int],
    depth: int = 0,
) -> int:
    """Collect elements (``found`` None: pass over them) from ``at`` on.

    Returns where the pixel data (at the top) or the end of the item stands, or the end of ``data``. Raises _ShortError
    with the place of the element that is not all there.
    """
    short, long = (part.unpack_from for part in codec.structs())
    implicit, end = codec.implicit, len(data)
    while budget[0] >= 0:
        if at + 8 > end:
            if at == end:
                return at
            raise _ShortError(at)
        group, number, vr, length = short(data, at)
        start = at + 8
        if implicit or group == 0xFFFE:
            vr, length = b"", long(data, at + 4)[0]
        elif vr not in _SHORT_VRS:
            if vr in _LONG_VRS:
                if at + 12 > end:
                    raise _ShortError(at)
                length, start = long(data, at + 8)[0], at + 12
            elif not (vr.isalpha() and vr.isupper()):  # written without a representation in the midst of others
                vr, length = b"", long(data, at + 4)[0]
        tag = group << 16 | number
        if tag >= _PIXELS and (depth == 0 or tag in (_ITEM_END, _SEQUENCE_END)):
            return at
        stop = start + length
        after = stop
        if length == _UNDEFINED:
            left = budget[0]
            try:
                stop, after = _past(data, start, _Codec(True, "<") if vr == b"UN" else codec, budget, depth + 1)
            except _ShortError:
                budget[0] = left  # it will be walked again
                raise _ShortError(at) from None
        if after > end:
            raise _ShortError(at)
        if found is not None:
            found[tag] = vr, data[start:stop] if tag in _KNOWN and stop - start <= MAX_VALUE_BYTES else b""
        at = after
        budget[0] -= 1
    raise Refused("undecodable")


def _head(data: bytes, at: int, codec: _Codec) -> tuple[int, bytes, int, int]:
    """Tag, representation, start of the value and length of the element at ``at``; a start of 0 when cut."""
    if at + 12 > len(data):
        return 0, b"", 0, 0
    short, long = codec.structs()
    group, number, vr, length = short.unpack_from(data, at)
    start = at + 8
    if codec.implicit or not (vr.isalpha() and vr.isupper()):
        vr, length = b"", long.unpack_from(data, at + 4)[0]
    elif vr in _LONG_VRS:
        length, start = long.unpack_from(data, at + 8)[0], at + 12
    return group << 16 | number, vr, start, length


def _past(data: bytes, at: int, codec: _Codec, budget: list[int], depth: int) -> tuple[int, int]:
    """Where the items of a sequence without a length end, and where its delimiter ends. Fragments are items too."""
    if depth > MAX_DEPTH:
        raise Refused("undecodable")
    while True:
        before = at
        if at + 8 > len(data):
            raise _ShortError(at)
        if _tag(data, at, codec) == _SEQUENCE_END:
            return before, at + 8
        at, _ = _item(data, at, codec, budget, depth, wanted=False)


def _item(
    data: bytes, at: int, codec: _Codec, budget: list[int], depth: int = 1, *, wanted: bool = True
) -> tuple[int, dict[int, tuple[bytes, bytes]] | None]:
    """Where the item at ``at`` ends, and its elements (None: it is no item but the end of the sequence)."""
    budget[0] -= 1
    if budget[0] < 0 or depth > MAX_DEPTH:
        raise Refused("undecodable")
    if at + 8 > len(data):
        raise _ShortError(at)
    tag, length = _tag(data, at, codec), codec.structs()[1].unpack_from(data, at + 4)[0]
    if tag == _SEQUENCE_END:
        return at + 8, None
    if tag != _ITEM:
        raise Refused("undecodable")
    start = at + 8
    elements: dict[int, tuple[bytes, bytes]] = {}
    kept = elements if wanted else None
    if length != _UNDEFINED:
        if start + length > len(data):
            raise _ShortError(at)
        if wanted:
            _elements(data[start : start + length], 0, codec, kept, budget, depth)
        return start + length, elements
    end = _elements(data, start, codec, kept, budget, depth)
    if end + 8 > len(data):
        raise _ShortError(at)
    if _tag(data, end, codec) != _ITEM_END:
        raise Refused("undecodable")
    return end + 8, elements


def _tag(data: bytes, at: int, codec: _Codec) -> int:
    group, number = struct.unpack_from(codec.order + "HH", data, at)
    return int(group << 16 | number)
