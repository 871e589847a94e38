"""XLSX (ECMA-376) of unknown origin. calamine reads it, but only a copy that holds nothing but what was checked here.

A workbook is a ZIP of XML. calamine believes the ZIP's sizes, and makes a rectangle in memory of all cells between the
first and the last one, so that a kilobyte can ask for terabytes. Hence: every part is unpacked here, up to a limit; the
cells of every sheet are counted; what a table does not need (macros, links to other workbooks, pictures) is left out.
Results of formulas are not taken: who wrote the file may have calculated them or not.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

import python_calamine
from django.utils.translation import gettext as _

from intake.tables.unreadable import Unreadable

MAX_PARTS = 1000
MAX_ELEMENTS = 1_000_000  # XML elements of one sheet; 20,000 rows of 10 full columns have 420,000
MAX_UNPACKED = 48 * 1024 * 1024  # of all parts that are read; 20,000 rows of 10 columns take about 15 MB
_NEEDED = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|xl/workbook\.xml|xl/_rels/workbook\.xml\.rels|xl/sharedStrings\.xml"
    r"|xl/styles\.xml|xl/worksheets/[^/]+\.xml"
)
_SHEET = "xl/worksheets/"
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


@dataclass(frozen=True)
class Fault:
    """Stands in for a cell whose value cannot be taken."""

    message: str


def rows(content: bytes, max_rows: int, max_columns: int) -> Iterator[tuple[int, list[Any]]]:
    """The rows of the first visible sheet with their numbers (from 1): calamine's values, "" for empty cells, Faults.

    Raises Unreadable."""
    parts = _parts(content)
    if "xl/workbook.xml" not in parts:
        raise Unreadable(_("This is no XLSX workbook. Save the table as XLSX or as CSV UTF-8."))
    lengths = _lengths(parts.get("xl/sharedStrings.xml", b""))
    scans: dict[str, _Scan] = {}
    for name in [name for name in parts if name.startswith(_SHEET)]:
        scans[name] = scan = _Scan(max_rows, max_columns, lengths)
        if not scan.read(parts[name]):
            # Another sheet may be of any size; without its part calamine cannot open it.
            del parts[name]
    sheet, part = _first_sheet(parts)
    if part not in scans:
        raise _broken()
    if (refusal := scans[part].refusal) is not None:
        raise refusal
    found = dict(_read(_copy(parts), sheet))
    for (row, column), fault in scans[part].faults.items():
        cells = found.setdefault(row, [])
        cells.extend([""] * (column - len(cells)))
        cells[column - 1] = fault
    for number in sorted(found):
        yield number, found[number]


def _broken() -> Unreadable:
    return Unreadable(_("This XLSX file is damaged or cut off. Save it once more, or as CSV UTF-8."))


def _parts(content: bytes) -> dict[str, bytes]:
    """The parts of the workbook that are needed, unpacked."""
    parts: dict[str, bytes] = {}
    left = MAX_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = archive.infolist()
            if len(found) > MAX_PARTS:
                raise _too_large()
            for info in found:
                if _NEEDED.fullmatch(info.filename) is None or info.filename in parts:
                    continue
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise _broken()  # zipfile unpacks the others without a limit
                # The size in the ZIP's directory is what somebody claims: never more than is left is unpacked.
                with archive.open(info) as part:
                    data = part.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise _too_large()
                parts[info.filename] = data
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else _broken() from None
    return parts


def _too_large() -> Unreadable:
    return Unreadable(_("This workbook is too large. Keep only the table in it, or save it as CSV UTF-8."))


def _parse(data: bytes, start: Any, end: Any = None, text: Any = None) -> None:
    """Calls `start(name, attributes)`, `end(name)` and `text(characters)`, names without prefix. A document type
    declaration is refused: it has no use here but entities that grow."""

    def refuse(*_arguments: Any) -> None:
        raise _broken()

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else _broken() from None


def _first_sheet(parts: dict[str, bytes]) -> tuple[str, str]:
    """Name and part of the first sheet that is not hidden."""
    sheets: list[tuple[str, str]] = []
    targets: dict[str, str] = {}

    def workbook(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet" and attributes.get("state", "visible") == "visible":
            by_id = [value for key, value in attributes.items() if key.rpartition(":")[2] == "id" and ":" in key]
            sheets.append((attributes.get("name", ""), by_id[0] if by_id else ""))

    def relations(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            targets.setdefault(attributes.get("Id", ""), attributes.get("Target", ""))

    _parse(parts["xl/workbook.xml"], workbook)
    _parse(parts.get("xl/_rels/workbook.xml.rels", b""), relations)
    if not sheets:
        raise _broken()
    name, by_id = sheets[0]
    target = targets.get(by_id, "")
    return name, target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _lengths(data: bytes) -> list[int]:
    """How long each of the shared strings is."""
    lengths: list[int] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        if name == "si":
            lengths.append(0)

    def text(characters: str) -> None:
        if lengths:
            lengths[-1] += len(characters)

    if data:
        _parse(data, start, text=text)
    return lengths


class _Scan:
    """Where a sheet's cells lie, before anybody makes room for them. `refusal` says why it is not to be opened,
    `faults` which cells (row, column, from 1) have nothing to be taken."""

    def __init__(self, max_rows: int, max_columns: int, lengths: list[int]) -> None:
        self.max_rows, self.max_columns, self.lengths = max_rows, max_columns, lengths
        self.refusal: Unreadable | None = None
        self.faults: dict[tuple[int, int], Fault] = {}
        self.row = self.column = 0
        self.kind, self.shared = "", ""
        self.left = MAX_UNPACKED
        self.elements = 0

    def read(self, data: bytes) -> bool:
        try:
            _parse(data, self._start, self._end, self._text)
        except Unreadable as refusal:
            self.refusal = refusal
        return self.refusal is None

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise _too_large()
        if name == "row":
            self.row = self._number(attributes.get("r", str(self.row + 1)))
            self.column = 0
        elif name == "c":
            self.row, self.column = self._place(attributes.get("r", ""))
            self.kind = attributes.get("t", "n")
        elif name in ("f", "v", "is"):
            self._take(name)
        self.shared = ""

    def _text(self, characters: str) -> None:
        if self.kind == "s" and len(self.shared) < 10:
            self.shared += characters

    def _end(self, name: str) -> None:
        # One long shared string in every cell is how a small workbook fills the memory.
        if name == "v" and self.kind == "s" and self.shared.strip().isdecimal():
            index = int(self.shared)
            self.left -= self.lengths[index] if index < len(self.lengths) else 0
            if self.left < 0:
                raise _too_large()

    def _take(self, name: str) -> None:
        if self.row > self.max_rows:
            words = _("The table has too many rows: at most {count}.").format(count=self.max_rows - 1)
            raise Unreadable(words, self.row)
        if self.column > self.max_columns:
            raise Unreadable(_("A table has at most {count} columns.").format(count=self.max_columns), self.row)
        if name == "f":
            words = _("There is a formula in this cell. Copy the column and paste it in place as values.")
            self.faults[self.row, self.column] = Fault(words)
        elif self.kind == "e":
            words = _("There is an error in this cell. Write the value, or empty it.")
            self.faults.setdefault((self.row, self.column), Fault(words))

    def _place(self, reference: str) -> tuple[int, int]:
        if not reference:
            return self.row, self.column + 1
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise _broken()
        column = 0
        for letter in found[1]:
            column = 26 * column + ord(letter) - ord("A") + 1
        return self._number(found[2]), column

    @staticmethod
    def _number(text: str) -> int:
        if not text.isdecimal() or len(text) > 7 or int(text) < 1:
            raise _broken()
        return int(text)


def _copy(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return target.getvalue()


def _read(content: bytes, sheet: str) -> list[tuple[int, list[Any]]]:
    try:
        workbook = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
        found = workbook.get_sheet_by_name(sheet)
        first_row, first_column = found.start or (0, 0)
        before = [""] * first_column
        return [(number, [*before, *cells]) for number, cells in enumerate(found.to_python(), start=first_row + 1)]
    except (python_calamine.CalamineError, ValueError, OSError):
        raise _broken() from None
    except BaseException as error:
        # What Rust gives up on comes as an exception that is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise _broken() from None
