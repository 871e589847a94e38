"""The table (CSV) by which a hospital describes many files at once. Every problem is told by row and column."""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from datasets.models import DiagnosisGroup

COLUMNS = ("filename", "class", "sex", "age", "smoke", "smoke_packyears", "patient_key")
MAX_ROWS = 10_000
OLDEST = 90  # ages above 89 are one group
_SEX = {"f": "F", "female": "F", "k": "F", "m": "M", "male": "M"}
_SMOKE = {"yes": "yes", "no": "no", "former": "former", "tak": "yes", "nie": "no"}


@dataclass(frozen=True)
class Problem:
    """`row` as a spreadsheet counts (the headings are row 1); 0 where it is about the whole table."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class Described:
    """What one row says of one file; what it leaves empty is None, "" or missing."""

    row: int
    group: DiagnosisGroup | None
    demographics: dict[str, Any]
    patient_key: str


@dataclass
class Table:
    files: dict[str, Described] = field(default_factory=dict)  # by normalised file name
    problems: list[Problem] = field(default_factory=list)


def normalised(name: str) -> str:
    """A file name as it is compared: without folders, and composed (macOS sends accents as separate characters)."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1].strip())


def read(content: bytes, groups: Iterable[DiagnosisGroup]) -> Table:
    """Reads UTF-8 CSV, with or without a byte order mark, separated by comma, semicolon or tab. `groups` are the
    diagnoses that the column `class` may name, by label or class id. A table with problems is not to be used."""
    table = Table()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        table.problems.append(Problem(0, "", _("The table is not in UTF-8. Save it as 'CSV UTF-8'.")))
        return table
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        headings = [cell.strip().lower() for cell in next(lines, [])]
        if not _good_headings(headings, table):
            return table
        reader = _Reader(headings, list(groups), table)
        for number, cells in enumerate(lines, start=2):
            if number > MAX_ROWS + 1:
                table.problems.append(Problem(number, "", _("The table has too many rows. Send it in parts.")))
                break
            if any(cell.strip() for cell in cells):
                reader.take(number, cells)
    except csv.Error:
        table.problems.append(
            Problem(lines.line_num, "", _("This row cannot be read: a quotation mark is missing or misplaced."))
        )
    return table


def _good_headings(headings: list[str], table: Table) -> bool:
    known = _("The columns are: {columns}.").format(columns=", ".join(COLUMNS))
    for heading in headings:
        if heading not in COLUMNS:
            table.problems.append(Problem(1, heading, _("Unknown column.") + " " + known))
        elif headings.count(heading) > 1:
            table.problems.append(Problem(1, heading, _("This column is there twice.")))
    if "filename" not in headings:
        table.problems.append(Problem(1, "filename", _("This column is missing.") + " " + known))
    return not table.problems


class _Reader:
    def __init__(self, headings: list[str], groups: list[DiagnosisGroup], table: Table) -> None:
        self.headings, self.table = headings, table
        self.groups = {group.label.casefold(): group for group in groups}
        self.groups |= {str(group.class_id): group for group in groups}
        self.classes = ", ".join(f"{group.class_id} {group.label}" for group in groups)

    def take(self, number: int, cells: list[str]) -> None:
        def problem(column: str, message: str) -> None:
            self.table.problems.append(Problem(number, column, message))

        if len(cells) > len(self.headings):
            problem("", _("This row has more cells than there are columns."))
            return
        row = {heading: cell.strip() for heading, cell in zip(self.headings, cells, strict=False)}
        name = normalised(row.get("filename", ""))
        if not name:
            problem("filename", _("The file name is missing."))
        elif name in self.table.files:
            problem("filename", _("This file is in row {row} already.").format(row=self.table.files[name].row))
        described = Described(
            number, self._group(row.get("class", ""), problem), _demographics(row, problem), row.get("patient_key", "")
        )
        if name:
            self.table.files.setdefault(name, described)

    def _group(self, text: str, problem: Callable[[str, str], None]) -> DiagnosisGroup | None:
        if text and text.casefold() not in self.groups:
            problem("class", _("Unknown class. The dataset has: {classes}.").format(classes=self.classes))
        return self.groups.get(text.casefold())


def _demographics(row: dict[str, str], problem: Callable[[str, str], None]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if text := row.get("sex", ""):
        found["sex"] = _SEX.get(text.casefold(), "")
        if not found["sex"]:
            problem("sex", _("Write F or M, or leave it empty."))
    if text := row.get("smoke", ""):
        found["smoke"] = _SMOKE.get(text.casefold(), "")
        if not found["smoke"]:
            problem("smoke", _("Write yes, no or former, or leave it empty."))
    if text := row.get("age", ""):
        age = _number(text)
        # The range first: int() of 1e999999999, ten characters in a cell, would not end in hours.
        if age is None or not 0 <= age <= 130 or age != int(age):
            problem("age", _("Write the age in whole years, from 0 to 130, or leave it empty."))
        else:
            found["age"] = min(int(age), OLDEST)
    if text := row.get("smoke_packyears", ""):
        packyears = _number(text)
        if packyears is None or not 0 <= packyears <= 300:
            problem("smoke_packyears", _("Write a number from 0 to 300, such as 12.5, or leave it empty."))
        else:
            found["smoke_packyears"] = packyears.quantize(Decimal("0.1"))
    return found


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.replace(",", "."))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
