"""The kinds of validators that the rows of the table are made of.

A rule gets the values of one attribute as read (text without padding, integers, or the data sets of a sequence) and
answers with the values to write, or None when they do not validate. It never hands on what it did not check.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import numpy as np
from pydicom.dataset import Dataset

from .keys import Keyed

Values = list[Any]


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
        found = self.known.get(re.sub(r"[^A-Z0-9]+", "", str(values[0]).upper())) if len(values) == 1 else None
        return [found] if found is not None else None


@dataclass(frozen=True)
class Number:
    """Decimal text within a plausible range, written with at most 8 significant digits."""

    low: float
    high: float
    count: tuple[int, ...] = (1,)
    whole: bool = False
    name: str = "plausible number"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        if len(values) not in self.count:
            return None
        found = []
        for value in values:
            if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", text := str(value)) or len(text) > 24:
                return None
            number = float(text)
            if not self.low <= number <= self.high or (self.whole and number != int(number)):
                return None
            found.append(str(int(number)) if self.whole else f"{number:.8g}")
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
        found = re.fullmatch(r"(\d{1,3})([DWMY]?)", str(values[0]).upper()) if len(values) == 1 else None
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
        return [keyed.uid(str(values[0]))] if len(values) == 1 and values[0] else None


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
        scheme = _text(values[0], "CodingSchemeDesignator").replace("SNM3", "SRT").replace("99SDM", "SRT")
        meaning = self.known.get((scheme, _text(values[0], "CodeValue")))
        if meaning is None:
            return None
        item = code(_text(values[0], "CodeValue"), scheme, meaning)
        if self.inner and self.inner[0] in values[0]:
            keyword, rule = self.inner
            kept = values[0].get(keyword)
            setattr(item, keyword, (rule.clean(list(kept), keyed) if kept else None) or [])
        return [item]


@dataclass(frozen=True)
class Lut:
    """A sequence of lookup tables: descriptor and monotonic data, nothing else (a picture hides in any other curve)."""

    types: frozenset[str] | None = None
    name: str = "lookup table"

    def clean(self, values: Values, keyed: Keyed) -> Values | None:
        items = []
        for source in values:
            entries, first, bits = (int(value) for value in source.LUTDescriptor)
            data = source["LUTData"].value
            numbers = np.frombuffer(data, "<u2") if isinstance(data, bytes) else np.asarray(data, np.int64)
            steps = np.diff(numbers.astype(np.int64))
            if (
                numbers.size != (entries or 65536)
                or not (np.all(steps >= 0) or np.all(steps <= 0))
                or not 8 <= bits <= 16
            ):
                return None
            item = Dataset()
            item.add_new(0x00283002, "SS" if first < 0 else "US", [entries, first, bits])
            item.add_new(0x00283006, "US", numbers.tolist())
            if self.types is not None:
                kind = _text(source, "ModalityLUTType").upper()
                item.ModalityLUTType = kind if kind in self.types else "US"
            items.append(item)
        return items or None


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """The item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def moved(date: str, time: str, shift: timedelta) -> tuple[str, str] | None:
    """Date (DA) and time (TM) moved together; an unreadable time counts as midnight and is
    left empty. None for an unreadable date, or one from before radiography."""
    try:
        day = datetime.strptime(date.replace(".", ""), "%Y%m%d")
    except ValueError:
        return None
    if not 1895 <= day.year <= 2200 or not date.replace(".", "").isascii() or len(date.replace(".", "")) != 8:
        return None
    digits = re.fullmatch(r"([01]\d|2[0-3]):?([0-5]\d)?:?([0-5]\d)?(\.\d{1,6})?", time)
    if digits:
        day = day.replace(hour=int(digits[1]), minute=int(digits[2] or 0), second=int(digits[3] or 0))
    shifted = day + shift
    return f"{shifted:%Y%m%d}", f"{shifted:%H%M%S}" if digits else ""


def _text(item: Dataset, keyword: str) -> str:
    return str(item.get(keyword) or "").strip()
