"""From the bytes of a table to its rows of cells: CSV, or the first visible sheet of an XLSX workbook.

Which of the two it is, its content says. A cell is text, or a date where the spreadsheet knows that it is one; numbers
come as text. Nothing in here raises anything but `Unreadable` for what somebody sends.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _

from intake.tables import xlsx
from intake.tables.unreadable import Unreadable
from intake.tables.values import Cell
from intake.tables.xlsx import Fault

MAX_ROWS = 20_000  # without the headings
MAX_COLUMNS = 60

_ZIP, _OLE = b"PK", b"\xd0\xcf\x11\xe0"


def rows(content: bytes) -> Iterator[tuple[int, list[Cell | Fault]]]:
    """The rows that are not empty, with the number that a spreadsheet program shows; cells without outer blanks."""
    if content.startswith(_OLE):
        raise Unreadable(
            _("This is an old Excel file, or one with a password. Save it as XLSX without a password, or as CSV UTF-8.")
        )
    source = _xlsx(content) if content.startswith(_ZIP) else _csv(content)
    for number, cells in source:
        if any(cells):
            if number > MAX_ROWS + 1:
                raise Unreadable(_("The table has too many rows: at most {count}.").format(count=MAX_ROWS), number)
            if len(cells) > MAX_COLUMNS and any(cells[MAX_COLUMNS:]):
                raise Unreadable(_("A table has at most {count} columns.").format(count=MAX_COLUMNS), number)
            yield number, cells[:MAX_COLUMNS]


def _csv(content: bytes) -> Iterator[tuple[int, list[Cell | Fault]]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable(_("The table is not in UTF-8. Save it as 'CSV UTF-8', or as XLSX.")) from None
    if "\0" in text:
        raise Unreadable(_("This is no table. Save it as 'CSV UTF-8', or as XLSX."))
    first = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    number = 0
    try:
        for number, cells in enumerate(lines, start=1):
            yield number, [_unquoted(cell.strip()) for cell in cells]
    except csv.Error:
        words = _("This row cannot be read: a quotation mark is missing or misplaced, or a cell is too long.")
        raise Unreadable(words, number + 1) from None


def _unquoted(cell: str) -> str:
    """="0042" is how people keep a spreadsheet program from taking the zeros away."""
    return cell[2:-1].strip() if len(cell) > 2 and cell[:2] == '="' and cell[-1] == '"' else cell


def _xlsx(content: bytes) -> Iterator[tuple[int, list[Cell | Fault]]]:
    for number, cells in xlsx.rows(content, MAX_ROWS + 1, MAX_COLUMNS):
        yield number, [_cell(cell) for cell in cells]


def _cell(value: Any) -> Cell | Fault:
    if isinstance(value, Fault):
        return value
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Beyond fifteen digits a spreadsheet has lost the rest; that must show.
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    return str(value).strip()
