"""Identifiers of which no two are alike, and the search for them in everything that a file can be turned into."""

import contextlib
import random
import re
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO

import numpy as np
import pydicom
from pydicom.pixels.utils import iter_pixels

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_WINDOW = 6
# What a name can be written in: DICOM's character sets by Python's names, and what Windows and Unix make of them.
_ENCODINGS = (
    "utf-8", "utf-16-le", "utf-16-be", "gb18030", "euc_jp", "iso2022_jp", "iso2022_jp_2", "shift_jis", "euc_kr",
    "iso2022_kr", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-8", "iso8859-9", "cp1250", "cp1251", "cp1253",
    "koi8-r", "iso8859-1",
)  # fmt: skip
_DEFLATED = "1.2.840.10008.1.2.1.99"
_UNCOMPRESSED = {"1.2.840.10008.1.2": "<", "1.2.840.10008.1.2.1": "<", "1.2.840.10008.1.2.2": ">", _DEFLATED: "<"}


@dataclass(frozen=True)
class Plant:
    """One identifier in one place. ``scope``: DICOM PS3.15 Table E.1-1 names its attribute (or private, 50xx, 60xx)."""

    kind: str
    text: str
    scope: bool


@dataclass
class Case:
    """One file. ``written``: whether a de-identifier has to pass it on; None where it may also refuse."""

    name: str
    data: bytes
    plants: list[Plant] = field(default_factory=list)
    written: bool | None = True
    extension: str = "dcm"


class Planter:
    """Draws secrets and remembers them as plants."""

    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(str(seed))
        self.plants: list[Plant] = []

    def _plant(self, text: str, kind: str, scope: bool) -> str:
        self.plants.append(Plant(kind, text, scope))
        return text

    def word(self, kind: str, scope: bool = False) -> str:
        """12 letters that are part of no word or defined term."""
        return self._plant("".join(self._random.choices(_LETTERS, k=12)), kind, scope)

    def number(self, kind: str, scope: bool = False) -> str:
        """11 digits, like a national number."""
        return self._plant("9" + "".join(self._random.choices("0123456789", k=10)), kind, scope)

    def uid(self, kind: str, scope: bool = False) -> str:
        """A UID whose last component is the secret."""
        return f"1.2.3.{self._plant('4' + ''.join(self._random.choices('0123456789', k=19)), kind, scope)}"

    def date(self, kind: str, scope: bool = False) -> str:
        """A date of birth, DICOM form."""
        day = f"{self._random.randint(1905, 1969)}{self._random.randint(1, 12):02d}{self._random.randint(13, 28)}"
        return self._plant(day, kind, scope)

    def name(self, alphabet: str, kind: str, scope: bool = False) -> str:
        """8 letters of an alphabet."""
        return self._plant("".join(self._random.choices(alphabet, k=8)), kind, scope)


@cache
def needles(text: str) -> tuple[bytes, ...]:
    """The byte strings that give ``text`` or a telling part of it away, in upper case."""
    forms: set[bytes] = set()
    if re.fullmatch(r"\d{8}", text):
        year, month, day = text[:4], text[4:6], text[6:]
        forms |= {
            form.encode() for form in (text, f"{year}-{month}-{day}", f"{day}.{month}.{year}", day + month + year)
        }
    elif text.isdecimal():
        forms |= {text[at : at + 8].encode() for at in range(len(text) - 7)}
    elif text.isascii():
        forms |= {text[at : at + _WINDOW].encode() for at in (0, 3, 6)}
        forms |= {_swapped(text.encode(), size)[:8] for size in (2, 4, 8)} | {text[::-1].encode()}
    else:
        for encoding in _ENCODINGS:
            with contextlib.suppress(UnicodeEncodeError):
                data = text.encode(encoding)
                # Escape sequences at the ends depend on what stands around the name.
                forms.add(re.sub(rb"^\x1b\S{2}|\x1b\S{2}$", b"", data))
                forms.add(text[:4].encode(encoding) if encoding.startswith("utf") else data)
    return tuple(sorted(form.upper() for form in forms if len(form) >= _WINDOW))


def _swapped(data: bytes, size: int) -> bytes:
    padded = data.ljust(-(-len(data) // size) * size)
    return b"".join(padded[at : at + size][::-1] for at in range(0, len(padded), size))


def found(data: bytes, plants: Iterable[Plant]) -> list[Plant]:
    """The plants that can be read in ``data``."""
    forms = [(needle, plant) for plant in plants for needle in needles(plant.text)]
    by_start: dict[bytes, list[tuple[bytes, Plant]]] = {}
    for needle, plant in forms:
        by_start.setdefault(needle[:_WINDOW], []).append((needle, plant))
    hits: dict[Plant, None] = {}
    for view in views(data):
        if len(forms) < 1000:
            hits.update({plant: None for needle, plant in forms if needle in view})
            continue
        windows = {view[at : at + _WINDOW] for at in range(len(view) - _WINDOW + 1)}
        for start in windows & by_start.keys():
            hits.update({plant: None for needle, plant in by_start[start] if needle in view})
    return list(hits)


def views(data: bytes) -> Iterator[bytes]:
    """The raw bytes, without NULs (UTF-16), what inflates out of them, unused bits of the pixels; in upper case."""
    plain = [data, *_inflated(data)]
    for part in plain:
        yield part.upper()
        yield part.replace(b"\x00", b"").upper()
    yield from _planes(data)


def _inflated(data: bytes) -> Iterator[bytes]:
    count = 0
    for mark in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        with contextlib.suppress(zlib.error):
            part = zlib.decompressobj().decompress(data[mark.start() :])
            if len(part) >= _WINDOW:
                yield part
                count += 1
        if count > 50:
            break
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        at, parts = 8, b""
        while at + 8 <= len(data):
            size = int.from_bytes(data[at : at + 4])
            parts += data[at + 8 : at + 8 + size] if data[at + 4 : at + 8] == b"IDAT" else b""
            at += size + 12
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(parts)
    if data[128:132] == b"DICM" and _DEFLATED.encode() in data[:1000]:
        at = 132
        while data[at : at + 2] == b"\x02\x00":
            long = data[at + 4 : at + 6] in (b"OB", b"UN", b"UT", b"UR", b"OW")
            size = int.from_bytes(data[at + 8 : at + 12] if long else data[at + 6 : at + 8], "little")
            at += size + (12 if long else 8)
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj(-15).decompress(data[at:])


def _planes(data: bytes) -> Iterator[bytes]:
    """The bits of 16 bit pixels above BitsStored as a stream, in nibbles and single bits."""
    if data[128:132] != b"DICM":
        return
    with contextlib.suppress(Exception), warnings.catch_warnings():  # rivals write all sorts of things
        warnings.simplefilter("ignore")
        read = pydicom.dcmread(BytesIO(data), force=True)
        if read.BitsAllocated != 16 or read.BitsStored > 12 or read.PixelRepresentation:
            return
        order = _UNCOMPRESSED.get(str(read.file_meta.TransferSyntaxUID))
        if order:
            values = np.frombuffer(read.PixelData[: len(read.PixelData) // 2 * 2], order + "u2")
        else:
            read.BitsStored, read.HighBit = 16, 15  # pydicom clears the others
            values = next(iter_pixels(read, raw=True)).ravel()
        nibbles = (values >> 12).astype(np.uint8)
        nibbles = nibbles[: nibbles.size // 2 * 2]
        if nibbles.any():
            yield (nibbles[::2] << 4 | nibbles[1::2]).tobytes().upper()
            yield (nibbles[1::2] << 4 | nibbles[::2]).tobytes().upper()
            for bit in range(4):
                yield np.packbits(nibbles >> bit & 1).tobytes().upper()
                yield np.packbits(nibbles >> bit & 1, bitorder="little").tobytes().upper()


def summary(results: Iterable[tuple[Plant, bool]]) -> dict[str, tuple[int, int]]:
    """Kind -> (planted, leaked), with two totals: in the scope of Table E.1-1 and beyond it."""
    planted: Counter[str] = Counter()
    leaked: Counter[str] = Counter()
    for plant, leaks in results:
        for key in (plant.kind, "= in the scope of E.1-1" if plant.scope else "= beyond it"):
            planted[key] += 1
            leaked[key] += leaks
    return {kind: (planted[kind], leaked[kind]) for kind in sorted(planted)}
