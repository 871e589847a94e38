"""The index (CSV) of a collection of masks: which columns it has, and what a row says."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path, PurePosixPath

from django.utils.translation import gettext as _

from datasets.models import SegmentationEntry, SegmentationSource
from datasets.segmentation.sets import set_of

# What a row may tell, and the heading that tells it unless the importer names another one.
COLUMNS = {
    "mask": "mask",
    "image": "image",
    "filename": "filename",
    "source": "source",
    "source_id": "source_id",
    "set": "set",
    "patient": "patient",
    "licence": "licence",
    "convention": "mask_convention",
    "radiograph": "radiograph",
    "text_checked": "text_checked",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._()+,-]*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST = {
    "source": SegmentationSource._meta.get_field("source").max_length,
    "convention": SegmentationEntry._meta.get_field("convention").max_length,
    "licence": SegmentationEntry._meta.get_field("licence").max_length,
}


class BadTable(ValueError):  # noqa: N818 (the name says what is wrong)
    """The index can't be used at all; the message is for people."""


class BadRow(ValueError):  # noqa: N818
    """A row can't be used; the message is for people and repeats no cell."""


@dataclass(frozen=True)
class Row:
    """One mask. `line` counts as a spreadsheet does; `filename` is the published one; "" where the row is silent."""

    line: int
    mask: str
    filename: str
    source: str
    image: str = ""
    source_id: int | None = None
    set: str = ""
    patient: str = ""
    licence: str = ""
    convention: str = ""
    radiograph: str = ""
    text_checked: bool = False


assert set(COLUMNS) <= {field.name for field in fields(Row)}  # noqa: S101 (holds when the module loads, or never)


@contextmanager
def _text(path: Path) -> Iterator[Iterator[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except FileNotFoundError:
        raise BadTable(_("There is no such table.")) from None
    except UnicodeDecodeError:
        raise BadTable(_("The table is not in UTF-8. Save it as 'CSV UTF-8'.")) from None


def records(path: Path) -> Iterator[tuple[int, dict[str, str] | None]]:
    """The rows of a CSV (UTF-8, with or without a byte order mark; comma, semicolon or tab) with their numbers.

    The first pair is (1, headings as keys). None stands for a row with more cells than headings. Raises BadTable.
    """
    with _text(path) as file:
        first = next(file, "")
        separator = max(",;\t", key=first.count)
        reader = csv.reader(chain([first], file), delimiter=separator, strict=True)
        try:
            headings = [cell.strip() for cell in next(reader, [])]
            if len(set(headings)) != len(headings):
                raise BadTable(_("The table has two columns of one name."))
            yield 1, dict.fromkeys(headings, "")
            for number, cells in enumerate(reader, start=2):
                if len(cells) > len(headings):
                    yield number, None
                elif any(cell.strip() for cell in cells):
                    cells += [""] * (len(headings) - len(cells))
                    yield number, {name: cell.strip() for name, cell in zip(headings, cells, strict=True)}
        except csv.Error:
            raise BadTable(
                _("Row %(row)s can't be read: a quotation mark is missing or misplaced.") % {"row": reader.line_num}
            ) from None


@dataclass(frozen=True)
class Reader:
    """Reads rows of an index. `columns` name other headings than those of COLUMNS, "" for a column to be passed over;
    `source` stands where a row names none.

    `name_suffix` is put at the end of every published name, so that two readings of one image can stand side by side.
    With `skip_without_mask` rows that name no mask are passed over; without it they are problems.
    """

    path: Path
    columns: Mapping[str, str]
    source: str = ""
    name_suffix: str = ""
    skip_without_mask: bool = False

    def rows(self, problems: list[tuple[int, str]] | None = None) -> Iterator[Row]:
        """The good rows, one after the other; the others go to `problems` where given. Raises BadTable."""
        table = records(self.path)
        _line, headings = next(table)
        self._check_headings(headings or {})
        for line, cells in table:
            try:
                if cells is None:
                    raise BadRow(_("more cells than columns"))
                if cells.get(self._heading("mask")) or not self.skip_without_mask:
                    yield self._row(line, cells)
            except BadRow as error:
                if problems is not None:
                    problems.append((line, str(error)))

    def _check_headings(self, headings: Iterable[str]) -> None:
        present = set(headings)
        if unknown := set(self.columns) - set(COLUMNS):
            raise BadTable(_("There is no column called %(names)s.") % {"names": ", ".join(sorted(unknown))})
        needed = {self._heading("mask"), *self.columns.values()}
        if not self.source:
            needed.add(self._heading("source"))
        if missing := needed - present - {""}:
            raise BadTable(_("The table lacks the columns %(names)s.") % {"names": ", ".join(sorted(missing))})

    def _heading(self, column: str) -> str:
        return self.columns.get(column, COLUMNS[column])

    def _row(self, line: int, cells: Mapping[str, str]) -> Row:
        said = {column: cells.get(self._heading(column), "") for column in COLUMNS}
        if any(ord(letter) < 32 for text in said.values() for letter in text):
            raise BadRow(_("control characters in a cell"))
        if not said["mask"]:
            raise BadRow(_("no mask is named"))
        source = said["source"] or self.source
        if not source:
            raise BadRow(_("no source is named"))
        for column, text in {**said, "source": source}.items():
            longest = _LONGEST.get(column)
            if longest is not None and (len(text) > longest or text.startswith(_FORMULA)):
                raise BadRow(_("%(column)s: too long, or a formula") % {"column": column})
        set_name = set_of(said["set"]) if said["set"] else ""
        if set_name is None:
            raise BadRow(_("set: write train, validation or test"))
        if said["source_id"] and not re.fullmatch(r"[1-9]\d{0,3}", said["source_id"]):
            raise BadRow(_("source_id: write a number from 1"))
        return Row(
            line=line,
            mask=said["mask"],
            filename=self._filename(said["filename"] or said["mask"]),
            source=source,
            image=said["image"],
            source_id=int(said["source_id"]) if said["source_id"] else None,
            set=set_name,
            patient=said["patient"],
            licence=said["licence"],
            convention=said["convention"],
            radiograph=said["radiograph"],
            text_checked=said["text_checked"].casefold() in ("yes", "true", "1"),
        )

    def _filename(self, cell: str) -> str:
        """The published name: without folders, ending and whatever a file system or spreadsheet would stumble over."""
        name = PurePosixPath(cell.replace("\\", "/")).name
        stem, point, ending = name.rpartition(".")
        if not point or ending.casefold() not in ("png", "tif", "tiff", "jpg", "jpeg", "dcm", "dicom"):
            stem = name
        published = f"{stem}{self.name_suffix}.png"
        if not _NAME.fullmatch(published) or len(published) > 120:
            raise BadRow(_("file name: use letters, digits, space and . _ - ( ) + , only, 120 at most"))
        return published
