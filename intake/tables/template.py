"""A workbook to fill in: headings and lists to choose from in the person's language, and the files that are there."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from intake.tables.columns import (
    BORN,
    CLASS,
    COLUMNS,
    FILENAME,
    HELP,
    PACKYEARS,
    PATIENT,
    SEX,
    SMOKE,
    TAKEN,
    UID,
    headings,
)
from intake.tables.sheets import MAX_ROWS

_WIDTHS = {FILENAME: 40, UID: 30, PATIENT: 18, CLASS: 20, BORN: 16, TAKEN: 18}
_TEXT, _DATES = (FILENAME, UID, PATIENT), (BORN, TAKEN)
# What the lists offer; `values` reads both languages.
_WORDS: dict[str, dict[str, dict[str, str]]] = {
    "en": {SEX: {"F": "F", "M": "M"}, SMOKE: {"yes": "yes", "no": "no", "former": "former"}},
    "pl": {SEX: {"F": "K", "M": "M"}, SMOKE: {"yes": "tak", "no": "nie", "former": "były"}},
}


def as_csv() -> str:
    """The headings alone, as programs like them; with the mark by which spreadsheet programs know UTF-8."""
    target = io.StringIO(newline="")
    target.write("\ufeff")
    csv.writer(target).writerow(COLUMNS)
    return target.getvalue()


def as_xlsx(language: str, classes: Sequence[str], files: Iterable[Mapping[str, Any]]) -> bytes:
    """The workbook in Polish for `pl`, else in English; headings as well as words. `classes`: the dataset's labels;
    `files`: what is known, by column, codes as the database has them."""
    language = language if language in _WORDS else "en"
    words = _WORDS[language]
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as workbook:
        bold = workbook.add_format({"bold": True, "bottom": 1})
        formats = {column: workbook.add_format({"num_format": "@"}) for column in _TEXT}
        formats |= {column: workbook.add_format({"num_format": "yyyy-mm-dd"}) for column in _DATES}
        sheet = workbook.add_worksheet(_("Radiographs")[:31])
        for position, (column, heading) in enumerate(zip(COLUMNS, headings(language), strict=True)):
            sheet.set_column(position, position, _WIDTHS.get(column, 12), formats.get(column))
            sheet.write_string(0, position, heading, bold)
        sheet.freeze_panes(1, 1)
        _fill(sheet, words, files)
        _explain(workbook, language, bold)
        lists = workbook.add_worksheet("lists")
        lists.hide()
        for row, label in enumerate(classes):
            lists.write_string(row, 0, label)
        choices: dict[str, Any] = {column: list(offered.values()) for column, offered in words.items()}
        if classes:
            choices[CLASS] = f"=lists!$A$1:$A${len(classes)}"
        for column, source in choices.items():
            position = COLUMNS.index(column)
            # A class may also be given by its number, and other words are read, too: the list only offers.
            options = {"validate": "list", "source": source, "error_type": "information"}
            sheet.data_validation(1, position, MAX_ROWS, position, options)
    return target.getvalue()


def _fill(sheet: Any, words: dict[str, dict[str, str]], files: Iterable[Mapping[str, Any]]) -> None:
    for row, known in enumerate(files, start=1):
        if row > MAX_ROWS:
            break
        for position, column in enumerate(COLUMNS):
            value = known.get(column)
            if value is None or value == "":
                continue
            if column in words:
                value = words[column].get(str(value), value)
            # Never `write`: it makes a formula of a file name that begins with an equals sign.
            if isinstance(value, int) or column == PACKYEARS:
                sheet.write_number(row, position, float(value))
            else:
                sheet.write_string(row, position, str(value))


def _explain(workbook: Any, language: str, bold: Any) -> None:
    sheet = workbook.add_worksheet(_("What to write")[:31])
    wrapped = workbook.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 1, 90, wrapped)
    for position, heading in enumerate((_("Column"), _("What to write"))):
        sheet.write_string(0, position, heading, bold)
    for row, (column, heading) in enumerate(zip(COLUMNS, headings(language), strict=True), start=1):
        sheet.write_string(row, 0, heading)
        sheet.write_string(row, 1, str(HELP[column]))
    sheet.write_string(len(COLUMNS) + 2, 0, _("Empty cells"))
    sheet.write_string(
        len(COLUMNS) + 2, 1, _("What is empty stays as it is. Columns that you do not need may be removed.")
    )
