"""The pixel data element of a DICOM file: found, measured and cleaned without being decoded (PS3.5 8 and Annex A)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from . import jpeg, jpeg2000, rle
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


@dataclass
class Encapsulated:
    """One compressed frame without what no decoder needs; ``removed`` names what was dropped."""

    frame: bytes
    removed: list[str]

    def put_into(self, dataset: Dataset) -> None:
        """Set PixelData, one fragment behind an empty offset table, for pydicom to decode."""
        dataset.PixelData = encapsulate([self.frame], has_bot=False)
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True


@dataclass
class Native:
    """Uncompressed pixels, left where they are in ``stream``; ``removed`` is complete after ``chunks`` has run."""

    stream: BinaryIO
    offset: int
    length: int
    vr: str
    allocated: int
    stored: int
    signed: bool
    big_endian: bool
    removed: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes of the rows and columns, high bits beyond BitsStored cleared (signed: sign-extended)."""
        self.stream.seek(self.offset)
        left = self.length
        while left:
            data = self.stream.read(min(_CHUNK, left))
            if not data:
                raise Refused("truncated")
            left -= len(data)
            yield data if self.stored == self.allocated else self._cleared(data)

    def _cleared(self, data: bytes) -> bytes | memoryview:
        order = ">" if self.big_endian else "<"
        values = np.frombuffer(data, dtype=f"{order}{'i' if self.signed else 'u'}{self.allocated // 8}")
        low, high = (
            (-(1 << self.stored - 1), (1 << self.stored - 1) - 1) if self.signed else (0, (1 << self.stored) - 1)
        )
        if values.max() <= high and values.min() >= low:
            return data
        if self.signed:
            spare = self.allocated - self.stored
            clean = (values << spare) >> spare
        else:
            clean = values & np.array(high, dtype=values.dtype)
        if "unused high bits" not in self.removed:
            self.removed.append("unused high bits")
        return clean.astype(values.dtype).tobytes()  # arithmetic answers in native order

    def put_into(self, dataset: Dataset) -> None:
        """Set PixelData for pydicom to decode."""
        data = b"".join(self.chunks())
        dataset.PixelData = data + b"\x00" * (len(data) % 2)
        dataset["PixelData"].VR = self.vr


def extract(dataset: Dataset, stream: BinaryIO) -> Encapsulated | Native:
    """The pixel data of a checked data set, ``stream`` standing at its element.

    Raises Refused: no_pixels, truncated, undecodable, unsupported_pixels.
    """
    syntax = str(dataset.file_meta.TransferSyntaxUID)
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
        return _frame(dataset, kind, _fragments(stream))
    rows, columns, allocated = int(dataset.Rows), int(dataset.Columns), int(dataset.BitsAllocated)
    expected = rows * columns * allocated // 8
    vr = "OW" if allocated == 16 or vr == "UN" else vr
    if big and vr == "OW" and allocated == 8 and expected % 2:  # the last pixel would stand behind the padding
        raise Refused("unsupported_pixels")
    end = stream.seek(0, 2)
    if length == _UNDEFINED:
        raise Refused("undecodable")
    if length < expected or end - offset < expected:
        raise Refused("truncated")
    signed = dataset.get("PixelRepresentation", 0) == 1
    native = Native(stream, offset, expected, vr, allocated, int(dataset.BitsStored), signed, big)
    if end - offset > expected + expected % 2:
        native.removed.append("bytes after the last pixel")
    return native


def _fragments(stream: BinaryIO) -> tuple[bytes, bool]:
    """All fragments joined (one frame), and whether bytes follow the end of the sequence."""
    parts = []
    while True:
        head = stream.read(8)
        length = int.from_bytes(head[4:8], "little")
        if head[:4] == _ITEM and len(head) == 8:
            data = stream.read(length) if length != _UNDEFINED else b""
            if len(data) != length:
                raise Refused("truncated")
            parts.append(data)
        elif head == b"" or head[:4] == _DELIMITER:  # a missing delimiter is harmless: the codestream has its own end
            break
        else:
            raise Refused("undecodable")
    if len(parts) < 2:  # the first item is the offset table
        raise Refused("no_pixels")
    return b"".join(parts[1:]), bool(stream.read(1))


def _frame(dataset: Dataset, kind: str, fragments: tuple[bytes, bool]) -> Encapsulated:
    data, trailing = fragments
    rows, columns, allocated = int(dataset.Rows), int(dataset.Columns), int(dataset.BitsAllocated)
    removed = ["bytes after the pixel data"] if trailing else []
    if kind == "rle":
        frame, cut = rle.clean(data, rows * columns, allocated // 8)
        return Encapsulated(frame, removed + (["bytes after the last pixel"] if cut else []))
    found = jpeg.clean(data) if kind == "jpeg" else jpeg2000.clean(data)
    if found.components != 1:
        raise Refused("colour")
    if (found.width, found.height) != (columns, rows) or found.bits > allocated:
        raise Refused("undecodable")
    return Encapsulated(found.data, removed + list(found.removed))
