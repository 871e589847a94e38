"""A DICOM file built anew from the table: nothing of the source is edited, everything is looked up and checked."""

import hashlib
import zlib
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any, BinaryIO, Literal

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from imaging.formats import Format
from imaging.formats import dicom as reader
from imaging.formats.inspection import patient_age
from imaging.formats.limits import guarded
from imaging.formats.pixeldata import Encapsulated, Native, extract

from .encoding import Encoding, file_meta
from .keys import Keyed
from .report import SOFTWARE, Entry, Report
from .rules import Fixed, Uid, Values, moved
from .table import DATES, METHODS, TABLE, WRITTEN, Row

_IMPLICIT, _BIG, _DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
_DX = "1.2.840.10008.5.1.4.1.1.1.1"
_PIXEL_DATA = 0x7FE00010
_PATIENT_ID_LENGTH = 16


@cache
def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return int(tag)


@cache
def _vr(keyword: str) -> str:
    return dictionary_VR(_tag(keyword))


_HANDLED = frozenset(
    _tag(keyword)
    for keyword in (*WRITTEN, *(row.keyword for row in TABLE), *(keyword for pair in DATES for keyword in pair))
)


class Rebuilt:
    """The new file of one source: ``chunks`` gives its bytes, ``report`` (after that) what was done."""

    def __init__(self, file: BinaryIO, keyed: Keyed, patient: str) -> None:
        self._source, stream = reader.read_header(file)
        self._keyed = keyed
        # Plain integers as keys: looking up pydicom's tags costs more than all the checks.
        self._found = {int(tag): element for tag, element in self._source.items()}
        self._kept: list[Entry] = []
        self._replaced: list[Entry] = []
        self._removed: list[Entry] = []
        self._syntax = str(self._source.file_meta.TransferSyntaxUID)
        self._encoding = Encoding(self._syntax == _IMPLICIT, self._syntax != _BIG)
        self._signed = self._source.get("PixelRepresentation", 0) == 1
        self._elements: dict[int, bytes] = {}
        with guarded():
            self._pixels = extract(reader.layout(self._source), self._syntax, stream)
            self.instance = self._identify(file, patient)
            for row in TABLE:
                self._row(row)
            for date, time in DATES:
                self._date(date, time)
            self._age()
            self._burned_in = self._text_in_picture()
            self._left_out()

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes of the file. Raises Refused when the pixel data turns out to be cut."""
        yield file_meta(self._sop_class, self.instance, self._syntax)
        if self._syntax != _DEFLATED:
            yield from self._dataset()
        else:
            deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            size = 0
            for part in self._dataset():
                size += len(packed := deflater.compress(part))
                yield packed
            packed = deflater.flush()
            yield packed + b"\x00" * ((size + len(packed)) % 2)

    def report(self, key_id: str) -> Report:
        """Names and rules, complete once ``chunks`` is exhausted."""
        cut = [Entry("PixelData", f"cut: {part}") for part in self._pixels.removed]
        return Report(
            Format.DICOM,
            key_id,
            [*self._kept, Entry("PixelData", "copied without decoding")],
            self._replaced,
            self._removed + cut,
            burned_in_declared=self._burned_in,
            needs_person=self._burned_in is True,
        )

    def decode(self) -> None:
        """Prove that compressed pixel data can be decoded; native data was measured. Raises Refused."""
        if isinstance(self._pixels, Encapsulated):
            self._pixels.values()

    def _dataset(self) -> Iterator[bytes | memoryview]:
        yield b"".join(self._elements[tag] for tag in sorted(self._elements))
        if isinstance(self._pixels, Encapsulated):
            frame = self._pixels.frame
            size = len(frame) + len(frame) % 2
            yield self._encoding.head(_PIXEL_DATA, "OB", 0xFFFFFFFF)
            yield self._encoding.head(0xFFFEE000, "", 4) + b"\x00" * 4  # offset table: the one frame is at 0
            yield self._encoding.head(0xFFFEE000, "", size) + frame + b"\x00" * (len(frame) % 2)
            yield self._encoding.head(0xFFFEE0DD, "", 0)
        else:
            pixels: Native = self._pixels
            yield self._encoding.head(_PIXEL_DATA, pixels.vr, pixels.length + pixels.length % 2)
            yield from pixels.chunks()
            yield b"\x00" * (pixels.length % 2)

    def _identify(self, file: BinaryIO, patient: str) -> str:
        """Write what identifies the object, and what says that it was de-identified; answer with the new UID."""
        self._sop_class = reader.text(self._source, "SOPClassUID")
        found = reader.text(self._source, "SOPInstanceUID")
        if found:
            instance = self._keyed.uid(found)
        else:  # malformed, yet usable: the content itself is the identity
            file.seek(0)
            instance = self._keyed.uid(hashlib.sha256(file.read()).digest())
        self._again = self._keyed.made(found)
        self._put("SOPClassUID", [self._sop_class], "SOP class")
        for keyword, value, rule in (
            ("SOPInstanceUID", instance, "new UID by keyed hash"),
            ("PatientName", "Anonymous", "pseudonym"),
            ("PatientID", patient[:_PATIENT_ID_LENGTH], "pseudonym"),
            ("PatientIdentityRemoved", "YES", "set"),
            ("DeidentificationMethod", SOFTWARE, "set"),
            ("LongitudinalTemporalInformationModified", "MODIFIED", "set"),
        ):
            self._put(keyword, [value], rule, replaced=True)
        self._put("DeidentificationMethodCodeSequence", METHODS, "set", replaced=True)
        return instance

    def _row(self, row: Row) -> None:
        values = self._values(row.keyword)
        if values is None:
            return
        name = row.rule.name
        kept = row.rule.clean(values, self._keyed) if values else None
        if kept is not None and (values or kept):
            self._put(row.keyword, kept, name, replaced=isinstance(row.rule, Fixed | Uid) or kept == ["090Y"])
        elif row.otherwise is not None:
            self._put(row.keyword, row.otherwise, f"no {name}" if values else "was empty", replaced=bool(values))
        elif values:
            self._removed.append(Entry(row.keyword, f"no {name}"))

    def _date(self, date: str, time: str) -> None:
        """Move a date and its time; a file that has been through keeps them."""
        days, hours = self._values(date), self._values(time)
        if days is None and hours is None:
            return
        first = date == DATES[0][0]
        day, hour = (str(values[0]) if values else "" for values in (days, hours))
        found = moved(day, hour, timedelta() if self._again else self._keyed.shift)
        for keyword, values, new in ((date, days, found and found[0]), (time, hours, found and found[1])):
            if values is None:
                continue
            if new:
                self._put(keyword, [new], "moved by the patient's shift", replaced=True)
            elif first:
                self._put(keyword, [], "unreadable: emptied" if values else "was empty", replaced=bool(values))
            elif values:
                self._removed.append(Entry(keyword, "unreadable date or time"))

    def _age(self) -> None:
        """The birth date goes, so the age takes its place where the file does not give one."""
        if _tag("PatientAge") not in self._elements:
            years = patient_age(self._source)
            if years is not None:
                self._put("PatientAge", [f"{years:03d}Y"], "from birth and study date, over 89 pooled", replaced=True)

    def _text_in_picture(self) -> bool | None:
        """A declared NO is not repeated: nobody has looked yet. DX wants the attribute, there the claim stays."""
        declared = (self._values("BurnedInAnnotation") or [""])[0]
        known = {"YES": True, "NO": False}.get(str(declared).upper())
        if known is True or (known is False and self._sop_class.startswith(_DX)):
            self._put("BurnedInAnnotation", ["YES" if known else "NO"], "as declared")
        elif declared:
            self._removed.append(Entry("BurnedInAnnotation", "not verified"))
        return known

    def _left_out(self) -> None:
        for tag in sorted(self._found.keys() - _HANDLED):
            private = tag >> 16 & 1
            name = "" if private else keyword_for_tag(tag)
            rule = "private" if private else "not in the table"
            self._removed.append(Entry(name or f"({tag >> 16:04x},{tag & 0xFFFF:04x})", rule))

    def _put(self, keyword: str, values: Values | tuple[Dataset, ...], rule: str, *, replaced: bool = False) -> None:
        vr = _vr(keyword)
        if vr == "US or SS":
            vr = "SS" if self._signed else "US"
        self._elements[_tag(keyword)] = self._encoding.element(_tag(keyword), vr, values)
        (self._replaced if replaced else self._kept).append(Entry(keyword, rule))

    def _values(self, keyword: str) -> Values | None:
        """The values as the standard's representation gives them; None when the attribute is absent."""
        tag = _tag(keyword)
        element = self._found.get(tag)
        if element is None:
            return None
        vr = _vr(keyword)
        if vr == "SQ":
            found = self._source[tag].value
            return [item for item in found if isinstance(item, Dataset)] if found else []
        if isinstance(element, RawDataElement):
            data = element.value or b""
            if vr in ("US", "SS", "US or SS"):
                if len(data) != 2:
                    return ["malformed"] if data else []
                order: Literal["little", "big"] = "little" if element.is_little_endian else "big"
                signed = vr == "SS" or (vr != "US" and self._signed)
                return [int.from_bytes(data, order, signed=signed)]
            plain = data.decode("latin-1").strip(" \x00")
            return [part.strip(" \x00") for part in plain.split("\\")] if plain else []
        return _converted(element)


def _converted(element: DataElement | None) -> Values:
    value: Any = element.value if element is not None else None
    if value is None or value == "":
        return []
    if isinstance(value, str | int) or not hasattr(value, "__iter__"):
        return [value]
    return [part if isinstance(part, int) else str(part) for part in value]
