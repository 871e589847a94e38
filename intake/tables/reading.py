"""A table as a whole: its headings, its rows, and every problem by row and column."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from datasets.models import DiagnosisGroup
from imaging.formats import age_on
from intake.tables import columns, paths, sheets, values
from intake.tables.columns import AGE, BORN, CLASS, COLUMNS, FILENAME, PACKYEARS, PATIENT, SEX, SMOKE, TAKEN, UID
from intake.tables.unreadable import Unreadable
from intake.tables.xlsx import Fault

MAX_CELL = 1000  # characters
MAX_PROBLEMS = 500
_DEMOGRAPHICS: dict[str, Callable[[values.Cell], Any]] = {
    SEX: values.sex,
    AGE: values.age,
    SMOKE: values.smoke,
    PACKYEARS: values.packyears,
}


@dataclass(frozen=True)
class Problem:
    """`row` as a spreadsheet counts (the headings are row 1); 0 where it is about the whole table. `column` is the
    heading as the table has it."""

    row: int
    column: str
    message: str


@dataclass(frozen=True)
class Described:
    """What one row says of one file; what it leaves empty is None, "" or missing.

    The file is the one with the SOP Instance UID `uid` or, without one, with the name or path `name`. `born` is left
    only where the age has to be worked out with the date of the examination in the file's header."""

    row: int
    name: str
    uid: str
    group: DiagnosisGroup | None
    demographics: dict[str, Any]
    patient_key: str
    born: date | None = None

    @property
    def path(self) -> paths.Path:
        """The name for comparison; empty where the UID decides."""
        return () if self.uid else paths.path(self.name)


@dataclass
class Table:
    """A table with problems is not to be used. `columns`: what the headings are called here, by column."""

    rows: list[Described] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)

    def problem(self, row: int, column: str, message: str) -> None:
        """Adds a problem about one of COLUMNS, by the name that it has in this table."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(row, self.columns.get(column, column), message))
        elif len(self.problems) == MAX_PROBLEMS:
            self.problems.append(Problem(row, "", _("There are more problems; they are not listed.")))


def read(content: bytes, groups: Iterable[DiagnosisGroup]) -> Table:
    """Reads CSV (UTF-8; comma, semicolon or tab) or XLSX. `groups` are the diagnoses that the column `class` may name,
    by label or class id."""
    table = Table()
    try:
        rows = sheets.rows(content)
        first, headings = next(rows, (1, []))
        reader = _Reader(headings, list(groups), table, first)
        if not table.problems:
            for number, cells in rows:
                reader.take(number, cells)
            if not table.rows and not table.problems:
                table.problem(0, "", _("The table has headings, but no rows."))
    except Unreadable as fault:
        table.problems.append(Problem(fault.row, fault.column, str(fault)))
    return table


class _Reader:
    def __init__(
        self, headings: list[values.Cell | Fault], groups: list[DiagnosisGroup], table: Table, number: int
    ) -> None:
        self.table = table
        self.headings = [heading[:60] if isinstance(heading, str) else "?" for heading in headings]
        self.columns = [columns.column(heading) for heading in self.headings]
        self.groups = {group.label.casefold(): group for group in groups}
        self.groups |= {str(group.class_id): group for group in groups}
        self.classes = ", ".join(f"{group.class_id} {group.label}" for group in groups)
        self.seen: dict[tuple[str, Any], int] = {}
        self._check(number)
        table.columns.update({column: name for column, name in zip(self.columns, self.headings, strict=True) if column})

    def _check(self, number: int) -> None:
        known = _("The columns are: {columns}.").format(columns=", ".join(COLUMNS))
        for heading, column in zip(self.headings, self.columns, strict=True):
            if heading and not column:
                words = _("Unknown column. Rename or remove it.") + " " + known
                self.table.problem(number, heading, words)
            elif column and self.columns.count(column) > 1:
                self.table.problem(number, heading, _("This column is there twice."))
        if FILENAME not in self.columns and UID not in self.columns:
            self.table.problem(number, FILENAME, _("This column is missing.") + " " + known)

    def take(self, number: int, cells: list[values.Cell | Fault]) -> None:
        row: dict[str, values.Cell] = {}
        faulty = len(self.table.problems)
        for position, cell in enumerate(cells):
            column = self.columns[position] if position < len(self.columns) else ""
            if isinstance(cell, Fault):
                self.table.problem(number, column, cell.message)
            elif isinstance(cell, str) and len(cell) > MAX_CELL:
                self.table.problem(number, column, _("This cell is too long."))
            elif cell and not column:
                self.table.problem(number, "", _("This row has a cell in a column without a heading."))
            else:
                row[column] = cell
        row.pop("", None)
        if len(self.table.problems) > faulty and not row.get(FILENAME) and not row.get(UID):
            return

        def value(column: str, read: Callable[[values.Cell], Any]) -> Any:
            if not (cell := row.get(column, "")):
                return None
            try:
                return read(cell)
            except values.Wrong as wrong:
                self.table.problem(number, column, str(wrong))
                return None

        name, uid = value(FILENAME, values.text) or "", value(UID, values.uid) or ""
        group = value(CLASS, self._group)
        demographics = {column: value(column, read) for column, read in _DEMOGRAPHICS.items()}
        patient = value(PATIENT, values.patient_key) or ""
        born = self._age(number, demographics, value(BORN, values.day), value(TAKEN, values.day))
        known = {column: found for column, found in demographics.items() if found is not None}
        described = Described(number, name, uid, group, known, patient, born)
        if self._is_named(described, row):
            self.table.rows.append(described)

    def _is_named(self, described: Described, row: dict[str, values.Cell]) -> bool:
        if not described.uid and not described.path:
            if not row.get(FILENAME) and not row.get(UID):
                column = FILENAME if FILENAME in self.columns else UID
                self.table.problem(described.row, column, _("The file name is missing."))
            elif described.name:
                self.table.problem(described.row, FILENAME, _("This is no file name."))
            return False
        key = (UID, described.uid) if described.uid else (FILENAME, described.path)
        if key in self.seen:
            words = _("This file is in row {row} already.").format(row=self.seen[key])
            self.table.problem(described.row, key[0], words)
            return False
        self.seen[key] = described.row
        return True

    def _group(self, cell: values.Cell) -> DiagnosisGroup:
        found = self.groups.get(cell.casefold() if isinstance(cell, str) else "")
        if found is None:
            raise values.Wrong(_("Unknown class. The dataset has: {classes}.").format(classes=self.classes))
        return found

    def _age(self, number: int, demographics: dict[str, Any], born: date | None, taken: date | None) -> date | None:
        """Puts the age among the demographics where the table says enough; returns the date of birth where it does
        not, and it is needed."""
        if born is None:
            return None
        if taken is None:
            return born if demographics[AGE] is None else None
        age = age_on(born, taken)
        if age is None:
            self.table.problem(number, BORN, _("This date of birth does not fit the date of the examination."))
        elif demographics[AGE] is not None and abs(demographics[AGE] - age) > 1:
            words = _("The age does not fit the dates of birth and examination: they make it {age}.").format(age=age)
            self.table.problem(number, AGE, words)
        else:
            demographics[AGE] = age
        return None
