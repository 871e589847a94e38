"""A DICOM file built anew from the table: nothing of the source is edited, everything is looked up and checked."""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cache, lru_cache
from typing import BinaryIO, Literal, NamedTuple

from imaging.formats import Format, Refused
from imaging.formats import dicom as reader
from imaging.formats.dictionary import ATTRIBUTES
from imaging.formats.header import BIG_ENDIAN, DEFLATED, IMPLICIT, Header, read
from imaging.formats.inspection import patient_age
from imaging.formats.limits import refusing
from imaging.formats.pixeldata import Encapsulated, Layout, Native, extract

from . import table
from .boxes import TextBox
from .encoding import Encoding, file_meta
from .keys import Keyed, patient_pseudonym
from .report import SOFTWARE, Entry, Report
from .rules import Fixed, Uid, Values, code, moved
from .table import DATES, DX, METHODS, TABLE, TOGETHER, WRITTEN, Row

_PROVEN = tuple(ATTRIBUTES[keyword][0] for keyword in ("SOPInstanceUID", "PatientID", *sum(DATES, ())))
_PIXEL_DATA = ATTRIBUTES["PixelData"][0]
_ANONYMOUS = "Anonymous"
_PATIENT_ID_LENGTH = 16
_STILL = timedelta()
_COPIED = "copied without decoding"  # as painting.settle says it
_MAX_SEEN, _MAX_SEEN_BYTES = 4096, 64
_PATIENT_ID = re.compile(rf"[0-9a-f]{{{_PATIENT_ID_LENGTH}}}")


class _Plan(NamedTuple):
    """A row with all that is the same for every file.

    ``changes``: what is written is not what was read. ``repeats``: and it hangs on nothing else than what was read.
    """

    row: Row
    tag: int
    vr: str
    kept: Entry
    otherwise: Entry
    empty: Entry
    changes: bool
    measured: bool
    repeats: bool


def _plan(row: Row) -> _Plan:
    keyword, rule = row.keyword, row.rule
    tag, vr = ATTRIBUTES[keyword]
    entries = (Entry(keyword, rule.name), Entry(keyword, f"no {rule.name}"), Entry(keyword, "was empty"))
    changes = isinstance(rule, Fixed | Uid)
    return _Plan(row, tag, vr, *entries, changes, rule == table.MEASURED, vr != "SQ" and not isinstance(rule, Uid))


_PLANS = {plan.tag: plan for plan in map(_plan, TABLE)}
_TOGETHER = [tuple(ATTRIBUTES[keyword][0] for keyword in group) for group in TOGETHER]
_HANDLED = frozenset(
    ATTRIBUTES[keyword][0]
    for keyword in (*WRITTEN, *(row.keyword for row in TABLE), *(keyword for pair in DATES for keyword in pair))
)


class Rebuilt:
    """The new file of one source: ``chunks`` gives its bytes, ``report`` (after that) what was done.

    ``patient``: the patient's pseudonym; None: from the Patient ID in the file, which a file that has been through
    keeps. ``boxes``: text to be painted over. ``looked``: a detector has searched the picture for text; ``checked``: a
    person has looked at it too. Raises Refused.
    """

    def __init__(
        self,
        file: BinaryIO,
        key: bytes,
        hospital: int,
        patient: str | None,
        *,
        former: Sequence[bytes] = (),
        boxes: Sequence[TextBox] = (),
        checked: bool = False,
    ) -> None:
        self._source = header = read(file)
        self._kept: list[Entry] = []
        self._replaced: list[Entry] = []
        self._removed: list[Entry] = []
        self._elements: dict[int, bytes] = {}
        self._moved: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._checked = checked
        with refusing():
            self._pixels, self._pixels_done = _pixels(header, boxes)
            self._painted = any(box.painted for box in boxes)
            self._syntax = self._pixels.syntax
            self._encoding = _encoding(self._syntax)
            patient = self._recognise(key, hospital, patient, former)
            self._identify(file, patient)
            self._rows()
            self._together()
            dated = [self._date(date, time) for date, time in DATES]
            self._prove()
            self._age()
            self._burned_in = self._text_in_picture()
            self._options = _methods(any(dated), checked)
            self._elements.update(_applied(self._encoding, any(dated), checked))

    def _recognise(self, key: bytes, hospital: int, patient: str | None, former: Sequence[bytes]) -> str:
        """Whether the file has been through already (``again``), and the patient's pseudonym.

        The UID alone proves little, it is published: somebody may have put a number or true dates beside it. What
        would be passed on unchanged must have been written here, all of it together.
        """
        header = self._source
        number = header.text("PatientID")
        self._keyed = Keyed(key, hospital, patient or "", former)
        self._facts = _facts({tag: data for tag, (_, data) in header.elements.items()})
        software, _, self._proof = header.raw("DeidentificationMethod").decode("latin-1").strip(" \x00").partition("\\")
        self.again = (
            software == SOFTWARE
            and _PATIENT_ID.fullmatch(number) is not None
            and header.text("PatientName") == _ANONYMOUS
            and header.text("PatientIdentityRemoved") == "YES"
            and self._keyed.proves(self._proof, self._facts)
        )
        if patient is None:
            patient = number
            if not self.again:
                patient = patient_pseudonym(key, hospital, *self._whose(number))
                self._keyed = Keyed(key, hospital, patient, former)
        return patient

    def _whose(self, number: str) -> tuple[str, str]:
        """Patient ID and issuer. Without an ID a study is a patient of its own: nobody knows whether two are one's."""
        if number:
            return number, self._source.text("IssuerOfPatientID")
        return "", self._source.text("StudyInstanceUID") or self._source.text("SOPInstanceUID")

    def _prove(self) -> None:
        """Say who de-identified, so that it is known again; a file that has been through keeps what it says."""
        facts = _facts({tag: self._elements[tag][8:] for tag in _PROVEN if tag in self._elements})
        proof = self._proof if self.again and facts == self._facts else self._keyed.proof(facts)
        self._put("DeidentificationMethod", [SOFTWARE, proof], Entry("DeidentificationMethod", "set"), self._replaced)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """The bytes of the file; each chunk is valid until the next. Raises Refused when pixel data is cut."""
        meta = file_meta(self._sop_class, self.instance, self._syntax)
        if self._syntax != DEFLATED:
            data = self._dataset()
            yield meta + next(data)
            yield from data
            return
        yield meta
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
        pixels = [Entry("PixelData", self._pixels_done)]
        copied = self._pixels_done == _COPIED
        return Report(
            Format.DICOM,
            key_id,
            self._kept + (pixels if copied else []),
            self._replaced + ([] if copied else pixels),
            [*self._removed, *self._left_out(), *cut],
            burned_in_declared=self._burned_in,
            checked=self._checked,
            needs_person=self._burned_in is True and not self._checked,
            options=self._options,
        )

    def _dataset(self) -> Iterator[bytes | memoryview]:
        head = b"".join([self._elements[tag] for tag in sorted(self._elements)])
        pixels, encoding = self._pixels, self._encoding
        if isinstance(pixels, Encapsulated):
            size = len(pixels.frame) + len(pixels.frame) % 2
            yield head + encoding.head(_PIXEL_DATA, "OB", 0xFFFFFFFF)
            yield encoding.delimiter(0xFFFEE000, 4) + b"\x00" * 4  # offset table: the one frame is at 0
            yield encoding.delimiter(0xFFFEE000, size) + pixels.frame + b"\x00" * (len(pixels.frame) % 2)
            yield encoding.delimiter(0xFFFEE0DD, 0)
        else:
            yield head + encoding.head(_PIXEL_DATA, pixels.vr, pixels.length + pixels.length % 2)
            yield from pixels.chunks()
            if pixels.length % 2:
                yield b"\x00"

    def _identify(self, file: BinaryIO, patient: str) -> None:
        """Write what identifies the object, and what says that it was de-identified."""
        self._sop_class = self._source.text("SOPClassUID")
        found = self._source.text("SOPInstanceUID")
        if not found:  # malformed, yet usable: the content itself is the identity
            file.seek(0)
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            found = digest.hexdigest()
        self.instance = self._keyed.uid(found)
        self._elements.update(_constants(self._encoding))
        self._replaced += _CONSTANT_ENTRIES
        self._put("SOPClassUID", [self._sop_class], Entry("SOPClassUID", "SOP class"), self._kept)
        self._put("SOPInstanceUID", [self.instance], Entry("SOPInstanceUID", Uid().name), self._replaced)
        self._put("PatientID", [patient[:_PATIENT_ID_LENGTH]], Entry("PatientID", "pseudonym"), self._replaced)

    def _rows(self) -> None:
        layout, elements = self._pixels.layout, self._elements
        elements.update(_measured(self._encoding, layout))
        self._kept += _MEASURED_ENTRIES
        seen = _seen(self._encoding, layout.signed)
        for tag, (_, data) in self._source.elements.items():
            plan = _PLANS.get(tag)
            if plan is None or plan.measured:
                continue
            written = seen.get((tag, data))
            if written is None:
                written = self._row(plan)
                if written is None:
                    continue
                if plan.repeats and len(data) <= _MAX_SEEN_BYTES:
                    if len(seen) >= _MAX_SEEN:
                        seen.clear()
                    seen[tag, data] = written
            elements[tag], changed = written
            (self._replaced if changed else self._kept).append(plan.kept)

    def _row(self, plan: _Plan) -> tuple[bytes, bool] | None:
        """The element of a value that may stay, and whether it was changed; None: what is done instead is done."""
        values, row = self._values(plan), plan.row
        if not values and isinstance(row.rule, Uid):  # type 1: a study of its own
            values = [f"{row.keyword} {self.instance}"]
        kept = row.rule.clean(values, self._keyed) if values else None
        if kept is not None:
            return self._encoded(plan, kept), plan.changes or kept == ["090Y"]
        otherwise = row.by_class.get(self._sop_class, row.otherwise)
        if otherwise is not None:
            self._elements[plan.tag] = self._encoded(plan, otherwise)
            (self._replaced if values else self._kept).append(plan.otherwise if values else plan.empty)
        elif values:
            self._removed.append(plan.otherwise)
        return None

    def _together(self) -> None:
        """Drop what does not stay without its fellows; a DX image for presentation needs a window all the same."""
        for tags in _TOGETHER:
            present = [tag for tag in tags if tag in self._elements]
            if 0 < len(present) < len(tags):
                for tag in present:
                    del self._elements[tag]
                    plan = _PLANS[tag]
                    self._kept = [entry for entry in self._kept if entry.attribute != plan.row.keyword]
                    self._replaced = [entry for entry in self._replaced if entry.attribute != plan.row.keyword]
                    self._removed.append(Entry(plan.row.keyword, "incomplete without another attribute"))
        windows = ("WindowCenter", "VOILUTSequence")
        given = any(keyword in self._source for keyword in windows)
        if self._sop_class == DX and given and not any(ATTRIBUTES[word][0] in self._elements for word in windows):
            layout = self._pixels.layout
            width = layout.high - layout.low + 1
            for keyword, value in (("WindowCenter", layout.low + width // 2), ("WindowWidth", width)):
                self._put(keyword, [str(value)], Entry(keyword, "the whole range of values"), self._replaced)

    def _date(self, date: str, time: str) -> bool:
        """Move a date and its time, if there is one; a file that has been through keeps them."""
        source = self._source
        if date not in source and time not in source:
            return False
        given = source.text(date), source.text(time)
        if given not in self._moved:  # most often all are the same
            self._moved[given] = moved(*given, _STILL if self.again else self._keyed.shift)
        found = self._moved[given]
        for keyword, new in zip((date, time), found or ("", ""), strict=True):
            if keyword not in source:
                continue
            filled = source.raw(keyword).strip(b" \x00") != b""
            if new:
                self._put(keyword, [new], Entry(keyword, "moved by the patient's shift"), self._replaced)
            elif keyword in DATES[0]:
                entry = Entry(keyword, "unreadable: emptied" if filled else "was empty")
                self._put(keyword, [], entry, self._replaced if filled else self._kept)
            elif filled:
                self._removed.append(Entry(keyword, "unreadable date or time"))
        return found is not None

    def _age(self) -> None:
        """The birth date goes, so the age takes its place where the file does not give one."""
        if ATTRIBUTES["PatientAge"][0] not in self._elements:
            years = patient_age(self._source)
            if years is not None:
                entry = Entry("PatientAge", "from birth and study date, over 89 pooled")
                self._put("PatientAge", [f"{years:03d}Y"], entry, self._replaced)

    def _text_in_picture(self) -> bool | None:
        """What the file declared. NO is written only when a person has looked, YES when text may still be there.

        DX wants the attribute (PS3.3 C.8.11.3): there a claim of NO stays as long as no text was found.
        """
        declared = self._source.text("BurnedInAnnotation").upper()
        known = {"YES": True, "NO": False}.get(declared)
        wanted = "BurnedInAnnotation" in self._source and self._sop_class.startswith(DX)
        if self._checked:
            self._put("BurnedInAnnotation", ["NO"], Entry("BurnedInAnnotation", "a person has looked"), self._replaced)
        elif known is True and (wanted or not self._painted):
            self._put("BurnedInAnnotation", ["YES"], Entry("BurnedInAnnotation", "as declared"), self._kept)
        elif wanted:
            claim = known is False and not self._painted
            entry = Entry("BurnedInAnnotation", "as declared" if claim else "not verified")
            self._put("BurnedInAnnotation", ["NO" if claim else "YES"], entry, self._kept if claim else self._replaced)
        elif declared:
            self._removed.append(Entry("BurnedInAnnotation", "not verified"))
        return known

    def _left_out(self) -> list[Entry]:
        from pydicom.datadict import keyword_for_tag

        entries = []
        for tag in sorted(self._source.elements.keys() - _HANDLED):
            private = tag >> 16 & 1
            name = "" if private else keyword_for_tag(tag)
            rule = "private" if private else "not in the table"
            entries.append(Entry(name or f"({tag >> 16:04x},{tag & 0xFFFF:04x})", rule))
        return entries

    def _put(self, keyword: str, values: Values, entry: Entry, entries: list[Entry]) -> None:
        tag, vr = ATTRIBUTES[keyword]
        self._elements[tag] = self._encoding.element(tag, vr, values)
        entries.append(entry)

    def _encoded(self, plan: _Plan, values: Values) -> bytes:
        vr = plan.vr
        if vr == "US or SS":
            vr = "SS" if self._pixels.layout.signed else "US"
        return self._encoding.element(plan.tag, vr, values)

    def _values(self, plan: _Plan) -> Values:
        """The values as the standard's representation gives them; empty when there are none."""
        vr, data = plan.vr, self._source.elements[plan.tag][1]
        if vr == "SQ":
            try:
                return [data] * bool(data) if plan.changes else list(self._source.items(plan.row.keyword))
            except Refused:
                return []
        if vr in ("US", "SS", "US or SS"):
            if len(data) != 2:
                return ["malformed"] if data else []
            order: Literal["little", "big"] = "little" if self._source.codec.order == "<" else "big"
            signed = vr == "SS" or (vr != "US" and self._pixels.layout.signed)
            return [int.from_bytes(data, order, signed=signed)]
        plain = data.decode("latin-1").strip(" \x00")
        if "\\" in plain:
            return [part.strip(" \x00") for part in plain.split("\\")]
        return [plain] if plain else []


def _facts(values: Mapping[int, bytes]) -> bytes:
    """What a proof is about: identity, patient and dates."""
    return b"\\".join(values.get(tag, b"").strip(b" \x00") for tag in _PROVEN)


def _pixels(header: Header, boxes: Sequence[TextBox]) -> tuple[Native | Encapsulated, str]:
    """The pixels that are written, which decide on the transfer syntax, and what was done to them."""
    pixels = extract(reader.layout(header), header.syntax, header.stream)
    if isinstance(pixels, Native) and not any(box.painted for box in boxes):
        return pixels, _COPIED
    from .painting import settle

    return settle(pixels, boxes)


@cache
def _encoding(syntax: str) -> Encoding:
    return Encoding(syntax == IMPLICIT, syntax != BIG_ENDIAN)


@cache
def _seen(encoding: Encoding, signed: bool) -> dict[tuple[int, bytes], tuple[bytes, bool]]:
    """(tag, value) -> what ``_row`` made of it, if it may stay: files of one hospital have most values in common."""
    return {}


_MEASURED_ENTRIES = [plan.kept for plan in _PLANS.values() if plan.measured]


@lru_cache(maxsize=64)
def _measured(encoding: Encoding, layout: Layout) -> dict[int, bytes]:
    """Elements that say how the pixels are stored."""
    values: dict[str, Values] = {
        "SamplesPerPixel": [1],
        "PhotometricInterpretation": [layout.photometric],
        "Rows": [layout.rows],
        "Columns": [layout.columns],
        "BitsAllocated": [layout.allocated],
        "BitsStored": [layout.stored],
        "HighBit": [layout.stored - 1],
        "PixelRepresentation": [int(layout.signed)],
    }
    return {ATTRIBUTES[word][0]: encoding.element(*ATTRIBUTES[word], value) for word, value in values.items()}


_CONSTANT_ENTRIES = [
    Entry("PatientName", "pseudonym"),
    Entry("PatientIdentityRemoved", "set"),
    Entry("DeidentificationMethodCodeSequence", "set"),
    Entry("LongitudinalTemporalInformationModified", "set"),
]


@cache
def _constants(encoding: Encoding) -> dict[int, bytes]:
    """Elements that are the same in every file."""
    constant = {"PatientName": _ANONYMOUS, "PatientIdentityRemoved": "YES"}
    return {ATTRIBUTES[word][0]: encoding.element(*ATTRIBUTES[word], [value]) for word, value in constant.items()}


@cache
def _applied(encoding: Encoding, dated: bool, checked: bool) -> dict[int, bytes]:
    """Elements that say which options were applied."""
    codes = [code(value, "DCM", METHODS[value]) for value in _methods(dated, checked)]
    values: dict[str, Values] = {
        "DeidentificationMethodCodeSequence": codes,
        "LongitudinalTemporalInformationModified": ["MODIFIED" if dated else "REMOVED"],
    }
    return {ATTRIBUTES[word][0]: encoding.element(*ATTRIBUTES[word], value) for word, value in values.items()}


def _methods(dated: bool, checked: bool) -> list[str]:
    """Clean pixel data only when a person has looked, modified dates only where there are dates."""
    return [value for value in METHODS if (checked or value != "113101") and (dated or value != "113107")]
