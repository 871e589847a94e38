"""The kinds of validators that the rows of the table are made of.

A rule gets the values of one attribute as read (text without padding, integers, or the data sets of a sequence) and
answers with the values to write, or None when they do not validate. It never hands on what it did not check.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np

from imaging.formats.dictionary import ATTRIBUTES
from imaging.formats.header import DataSet

from .encoding import Item
from .keys import Keyed

Values = list[Any]

_NUMBER = re.compile(r"[+-]?([0-9]{1,12}\.?[0-9]{0,16}|\.[0-9]{1,16})([eE][+-]?[0-9]{1,2})?")
_AGE = re.compile(r"([0-9]{1,3})([DWMY]?)")
_DAY = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_TIME = re.compile(r"([01][0-9]|2[0-3]):?([0-5][0-9])?:?([0-5][0-9])?(\.[0-9]{1,6})?")
_NO_LETTERS = re.compile(r"[^A-Z0-9]+")


class Rule(Protocol):
    """``name`` is what the report says; ``clean`` is the check."""

    @property
    def name(self) -> str: ...

    def clean(self, values: Values, keyed: Keyed) -> Values | None: ...


@dataclass(frozen=True)
class Terms:
    """Every value is one of the terms."""

    terms: frozenset[str]
    most: int = 1
    name: str = "defined term"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        found = [str(value).upper() for value in values]
        return found if len(found) <= self.most and self.terms.issuperset(found) else None


@dataclass(frozen=True)
class Pattern:
    """Every value is wholly of a harmless form."""

    form: re.Pattern[str]
    most: int = 1
    name: str = "checked form"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        found = [str(value) for value in values]
        return found if len(found) <= self.most and all(self.form.fullmatch(value) for value in found) else None


@dataclass(frozen=True)
class Vocabulary:
    """A name that the vocabulary knows, however written; the vocabulary's spelling is written."""

    known: Mapping[str, str]
    name: str = "vocabulary"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        found = self.known.get(_NO_LETTERS.sub("", str(values[0]).upper())) if len(values) == 1 else None
        return [found] if found is not None else None


@dataclass(frozen=True)
class Number:
    """Decimal text within a plausible range, written with at most ``digits`` significant digits."""

    low: float
    high: float
    count: tuple[int, ...] = (1,)
    whole: bool = False
    digits: int = 6
    name: str = "plausible number"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        if len(values) not in self.count:
            return None
        found = []
        for value in values:
            if not _NUMBER.fullmatch(value):
                return None
            number = float(value)
            if not self.low <= number <= self.high:
                return None
            if self.whole:
                if number != int(number):
                    return None
                found.append(str(int(number)))
            else:
                found.append(f"{number:.{self.digits}g}")
        return found


@dataclass(frozen=True)
class Integer:
    """Binary integers within a range."""

    low: int
    high: int
    name: str = "plausible number"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        ok = len(values) == 1 and isinstance(values[0], int) and self.low <= values[0] <= self.high
        return values if ok else None


@dataclass(frozen=True)
class Age:
    """An age, in years when it names no unit; above 89 all are 090Y (PS3.15 E.3.6, patient characteristics)."""

    name: str = "age, over 89 pooled"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        found = _AGE.fullmatch(str(values[0]).upper()) if len(values) == 1 else None
        if not found:
            return None
        number, unit = int(found[1]), found[2] or "Y"
        years = number / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[unit]
        if years > 130:
            return None
        return ["090Y" if years >= 90 else f"{number:03d}{unit}"]


@dataclass(frozen=True)
class Uid:
    """A new UID, the same for the same old one."""

    name: str = "new UID by keyed hash"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        return [keyed.uid("\\".join(values))]  # more than one is a mistake that the type 1 attribute must survive


@dataclass(frozen=True)
class Fixed:
    """Always the same values, whatever stood there."""

    values: tuple[str, ...] = ()
    name: str = "replaced"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        return list(self.values)


@dataclass(frozen=True)
class Codes:
    """A sequence of one code that PS3.16 lists, rewritten with the standard's meaning.

    ``inner``: a sequence that the standard wants inside the item, kept by its own codes or else left empty.
    """

    known: Mapping[tuple[str, str], str]
    inner: tuple[str, "Codes"] | None = None
    name: str = "known code"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        if len(values) != 1:
            return None
        source: DataSet = values[0]
        scheme = source.text("CodingSchemeDesignator")
        scheme = "SRT" if scheme in ("SNM3", "99SDM") else scheme
        meaning = self.known.get((scheme, source.text("CodeValue")))
        if meaning is None:
            return None
        item = code(source.text("CodeValue"), scheme, meaning)
        if self.inner and self.inner[0] in source:
            keyword, rule = self.inner
            kept = source.items(keyword)
            tag, vr = ATTRIBUTES[keyword]
            item = [*item, (tag, vr, (rule.clean(kept, keyed) if kept else None) or [])]
        return [item]


@dataclass(frozen=True)
class Lut:
    """A sequence of lookup tables: descriptor and monotonic data, nothing else (a picture hides in any other curve).

    Neither many tables nor short ones: a table of one entry is monotonic whatever the entry spells.
    """

    types: frozenset[str] | None = None
    most: int = 8
    least_entries: int = 64
    name: str = "lookup table"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        items = [self._item(source) for source in values[: self.most + 1]]
        return None if None in items or len(items) > self.most else items

    def _item(self, source: DataSet) -> Item | None:
        order, signed = source.codec.order, source.signed or _representation(source, "LUTDescriptor") == b"SS"
        described, data = source.raw("LUTDescriptor"), source.raw("LUTData")
        if len(described) != 6 or len(data) % 2 or _representation(source, "LUTData") == b"OB":
            return None
        entries, first, bits = struct.unpack(order + ("HhH" if signed else "HHH"), described)
        numbers = np.frombuffer(data, f"{order}u2").astype(np.int64)
        steps = np.diff(numbers)
        if not self.least_entries <= numbers.size == (entries or 65536) or not 8 <= bits <= 16 or numbers.max() >> bits:
            return None
        if not (np.all(steps >= 0) or np.all(steps <= 0)):
            return None
        kind: Item = []
        if self.types is not None:
            given = source.text("ModalityLUTType").upper()
            kind = [(*ATTRIBUTES["ModalityLUTType"], [given if given in self.types else "US"])]
        return [
            (ATTRIBUTES["LUTDescriptor"][0], "SS" if first < 0 else "US", _bits(entries, first, bits)),
            *kind,
            (ATTRIBUTES["LUTData"][0], "US", numbers.tolist()),
        ]


def code(value: str, scheme: str, meaning: str) -> Item:
    """The item of a code sequence (PS3.3 8.8)."""
    return [
        (*ATTRIBUTES["CodeValue"], [value]),
        (*ATTRIBUTES["CodingSchemeDesignator"], [scheme]),
        (*ATTRIBUTES["CodeMeaning"], [meaning]),
    ]


def moved(date: str, time: str, shift: timedelta) -> tuple[str, str] | None:
    """Date (DA) and time (TM) moved together; an unreadable time counts as midnight and is
    left empty. None for an unreadable date, or one from before radiography."""
    found = _DAY.fullmatch(date)
    if not found or not 1895 <= int(found[1]) <= 2200:
        return None
    digits = _TIME.fullmatch(time)
    hour, minute, second = (int(part or 0) for part in digits.group(1, 2, 3)) if digits else (0, 0, 0)
    try:
        day = datetime(int(found[1]), int(found[2]), int(found[3]), hour, minute, second) + shift
    except ValueError:  # no such day
        return None
    written = f"{day.hour:02}{day.minute:02}{day.second:02}" if digits else ""
    return f"{day.year:04}{day.month:02}{day.day:02}", written


def _representation(source: DataSet, keyword: str) -> bytes:
    return source.elements.get(ATTRIBUTES[keyword][0], (b"", b""))[0]


def _bits(entries: int, first: int, bits: int) -> list[int]:
    """A descriptor of one representation: PS3.3 C.11.1.1.1 reads entries and bits as unsigned in any case."""
    return [entries - 65536 if first < 0 and entries > 32767 else entries, first, bits]
