"""The pixel data element of a DICOM file: found, measured and cleaned without being decoded (PS3.5 8 and Annex A)."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from . import jpeg, jpeg2000, rle, tail
from .limits import guarded
from .refusal import Refused

# Transfer syntax UID -> how the pixels are coded.
SYNTAXES = {
    "1.2.840.10008.1.2": "native",
    "1.2.840.10008.1.2.1": "native",
    "1.2.840.10008.1.2.1.99": "native",
    "1.2.840.10008.1.2.2": "native",
    "1.2.840.10008.1.2.4.50": "jpeg",
    "1.2.840.10008.1.2.4.51": "jpeg",
    "1.2.840.10008.1.2.4.57": "jpeg",
    "1.2.840.10008.1.2.4.70": "jpeg",
    "1.2.840.10008.1.2.4.80": "jpeg",
    "1.2.840.10008.1.2.4.81": "jpeg",
    "1.2.840.10008.1.2.4.90": "jpeg2000",
    "1.2.840.10008.1.2.4.91": "jpeg2000",
    "1.2.840.10008.1.2.5": "rle",
}
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_ITEM, _DELIMITER = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_UNDEFINED = 0xFFFFFFFF
_CHUNK = 1 << 20
_MOST_FRAGMENTS = 100_000  # of one frame
UNUSED_BITS = "unused high bits"


@dataclass(frozen=True)
class Layout:
    """How the pixels of one grey frame are stored (PS3.3 C.7.6.3); checked by who makes it."""

    rows: int
    columns: int
    allocated: int
    stored: int
    signed: bool
    photometric: str

    @property
    def size(self) -> int:
        """Bytes of all pixels, uncompressed."""
        return self.rows * self.columns * self.allocated // 8

    @property
    def low(self) -> int:
        """The least value that BitsStored allows."""
        return -(1 << self.stored - 1) if self.signed else 0

    @property
    def high(self) -> int:
        """The greatest value that BitsStored allows."""
        return (1 << self.stored - self.signed) - 1

    def options(self) -> dict[str, Any]:
        """The same as pydicom's decoders and encoders want it."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "bits_allocated": self.allocated,
            "bits_stored": self.stored,
            "pixel_representation": int(self.signed),
            "photometric_interpretation": self.photometric,
            "samples_per_pixel": 1,
            "number_of_frames": 1,
        }

    def dtype(self, order: str = "<") -> np.dtype[Any]:
        """The type of a stored value, in byte order ``order``."""
        return np.dtype(f"{order}{'i' if self.signed else 'u'}{self.allocated // 8}")


@dataclass
class Encapsulated:
    """One compressed frame without what no decoder needs; ``removed`` names what was dropped."""

    frame: bytes
    syntax: str
    layout: Layout
    removed: list[str]

    def values(self) -> NDArray[np.integer[Any]]:
        """The stored values (H, W), decoded. Raises Refused."""
        return decode_frame(self.frame, self.syntax, self.layout)

    def is_exact(self) -> bool:
        """Whether the compressed data holds the picture and no more, by two decodings; False where it can't be told."""

        def decode(frame: bytes) -> NDArray[np.integer[Any]]:
            return decode_frame(frame, self.syntax, self.layout)

        kind = SYNTAXES[self.syntax]
        if kind == "rle":  # the walk has cut each byte plane at its last pixel
            return True
        if kind == "jpeg":
            return jpeg.clean(self.frame).plain and tail.jpeg_is_exact(self.frame, decode)
        found = jpeg2000.clean(self.frame)
        return found.plain and tail.jpeg2000_is_exact(self.frame, found.last_part, decode)


def decode_frame(frame: bytes, syntax: str, layout: Layout) -> NDArray[np.integer[Any]]:
    """The stored values (H, W) of one compressed frame. Raises Refused (undecodable)."""
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    with guarded():
        values, _ = get_decoder(UID(syntax)).as_array(
            encapsulate([frame], has_bot=False),
            raw=True,
            pixel_keyword="PixelData",  # type: ignore[arg-type]
            correct_unused_bits=False,  # type: ignore[arg-type]  # they are to be seen
            **layout.options(),
        )
        if values.shape != (layout.rows, layout.columns):
            raise Refused("undecodable")
    return values


@dataclass
class Native:
    """Uncompressed pixels, left where they are in ``stream``; ``removed`` is complete after ``chunks`` has run."""

    stream: BinaryIO
    offset: int
    vr: str
    layout: Layout
    syntax: str
    removed: list[str] = field(default_factory=list)

    @property
    def length(self) -> int:
        """Bytes that ``chunks`` gives."""
        return self.layout.size

    @property
    def big_endian(self) -> bool:
        """Whether values are stored with the most significant byte first."""
        return self.syntax == _BIG_ENDIAN

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes of the rows and columns, high bits beyond BitsStored cleared (signed: sign-extended).

        Each chunk is valid until the next one is asked for. Raises Refused (truncated).
        """
        self.stream.seek(self.offset)
        left = self.length
        whole = memoryview(bytearray(min(_CHUNK, left)))
        while left:
            part = whole[: min(_CHUNK, left)]
            at = 0
            while at < len(part):
                read = self.stream.readinto(part[at:])  # type: ignore[attr-defined]
                if not read:
                    raise Refused("truncated")
                at += read
            left -= len(part)
            yield self._cleared(part) if self._spare_bits(part) else part

    def _spare_bits(self, data: memoryview) -> bool:
        """Whether a bit is set that no value may have, or (signed) that only negative ones have: one fast look."""
        layout = self.layout
        spare = (1 << layout.allocated) - (1 << layout.stored - layout.signed)
        if layout.stored == layout.allocated:
            return False
        size = layout.allocated // 8
        mask = int.from_bytes(spare.to_bytes(size, "big" if self.big_endian else "little") * (8 // size), sys.byteorder)
        words = len(data) // 8 * 8
        seen = int(np.bitwise_or.reduce(np.frombuffer(data[:words], np.uint64)))
        return bool((seen | int.from_bytes(bytes(data[words:]).ljust(8, b"\x00"), sys.byteorder)) & mask)

    def _cleared(self, data: memoryview) -> bytes | memoryview:
        values = np.frombuffer(data, dtype=self.layout.dtype(">" if self.big_endian else "<"))
        clean = cleared(values, self.layout)
        if clean is values:
            return data
        if UNUSED_BITS not in self.removed:
            self.removed.append(UNUSED_BITS)
        return clean.tobytes()

    def values(self) -> NDArray[np.integer[Any]]:
        """The stored values (H, W) in native byte order, high bits cleared. Raises Refused (truncated)."""
        data = bytearray()
        for chunk in self.chunks():  # joining them would keep each beyond its time
            data += chunk
        values = np.frombuffer(self._in_words(bytes(data)), dtype=self._dtype)
        return values.reshape(self.layout.rows, self.layout.columns).astype(self.layout.dtype("="))

    def packed(self, values: NDArray[Any]) -> bytes:
        """The bytes that ``values`` (H, W) are stored as."""
        return self._in_words(values.astype(self._dtype).tobytes())

    @property
    def _dtype(self) -> np.dtype[Any]:
        return self.layout.dtype(">" if self.big_endian else "<")

    def _in_words(self, data: bytes) -> bytes:
        """Pixels of 8 bits in words of 16 change places in big endian (PS3.5 8.1.1, Annex D)."""
        if self.layout.allocated == 8 and self.big_endian and self.vr == "OW":
            return np.frombuffer(data, np.uint16).byteswap().tobytes()
        return data


def cleared(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """``values`` without the bits beyond BitsStored; the very same array when none is set."""
    if values.max() <= layout.high and values.min() >= layout.low:
        return values
    if layout.signed:
        spare = layout.allocated - layout.stored
        clean = (values << spare) >> spare
    else:
        clean = values & np.array(layout.high, dtype=values.dtype)
    return clean.astype(values.dtype)  # arithmetic answers in native order


def extract(layout: Layout, syntax: str, stream: BinaryIO) -> Encapsulated | Native:
    """The pixel data of a checked file, ``stream`` standing at its element.

    Raises Refused: no_pixels, truncated, undecodable, unsupported_pixels.
    """
    big = syntax == _BIG_ENDIAN
    head = stream.read(12)
    if head[:4] != (b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00") or len(head) < 12:
        raise Refused("no_pixels")
    order: Literal["big", "little"] = "big" if big else "little"
    explicit = head[4:6] in (b"OB", b"OW", b"UN")  # as implicit lengths these would be odd
    if explicit:
        vr, length = head[4:6].decode(), int.from_bytes(head[8:12], order)
    else:
        vr, length = "OW", int.from_bytes(head[4:8], order)
        stream.seek(-4, 1)
    offset = stream.tell()
    kind = SYNTAXES[syntax]
    if kind != "native":
        if length != _UNDEFINED:
            raise Refused("undecodable")
        return _frame(layout, syntax, _fragments(stream))
    expected = layout.size
    vr = "OW" if layout.allocated == 16 or vr == "UN" else vr
    if big and vr == "OW" and layout.allocated == 8 and expected % 2:  # the last pixel would stand behind the padding
        raise Refused("unsupported_pixels")
    end = stream.seek(0, 2)
    if length == _UNDEFINED:
        raise Refused("undecodable")
    if length < expected or end - offset < expected:
        raise Refused("truncated")
    native = Native(stream, offset, vr, layout, syntax)
    if end - offset > expected + expected % 2:
        native.removed.append("bytes after the last pixel")
    return native


def _fragments(stream: BinaryIO) -> tuple[bytes, bool]:
    """All fragments joined (one frame), and whether bytes follow the end of the sequence."""
    parts: list[bytes] = []
    here = stream.tell()
    left = stream.seek(0, 2) - here
    stream.seek(here)
    while len(parts) < _MOST_FRAGMENTS:
        head = stream.read(8)
        length = int.from_bytes(head[4:8], "little")
        left -= len(head)
        if head[:4] == _ITEM and len(head) == 8:
            if length > left:  # before memory is asked for it
                raise Refused("truncated")
            parts.append(stream.read(length))
            left -= length
        elif head == b"" or head[:4] == _DELIMITER:  # a missing delimiter is harmless: the codestream has its own end
            break
        else:
            raise Refused("undecodable")
    else:
        raise Refused("undecodable")
    if len(parts) < 2:  # the first item is the offset table
        raise Refused("no_pixels")
    return b"".join(parts[1:]), bool(stream.read(1))


def _frame(layout: Layout, syntax: str, fragments: tuple[bytes, bool]) -> Encapsulated:
    data, trailing = fragments
    kind = SYNTAXES[syntax]
    removed = ["bytes after the pixel data"] if trailing else []
    if kind == "rle":
        frame, cut = rle.clean(data, layout.rows * layout.columns, layout.allocated // 8)
        removed += ["bytes after the last pixel"] if cut else []
        return Encapsulated(frame, syntax, layout, removed)
    found = jpeg.clean(data) if kind == "jpeg" else jpeg2000.clean(data)
    if found.components != 1:
        raise Refused("colour")
    if (found.width, found.height) != (layout.columns, layout.rows) or found.bits > layout.allocated:
        raise Refused("undecodable")
    return Encapsulated(found.data, syntax, layout, removed + list(found.removed))
