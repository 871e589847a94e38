"""The metadata of images: the row that a release freezes, and the tables that carry it."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import IO, Any

import xlsxwriter

from datasets.models import Radiograph, SegmentationEntry

IMAGE_COLUMNS = (
    "origin",
    "filename",
    "patient_id",
    "hospital",
    "hospital_eng",
    "hospital_id",
    "sex",
    "age",
    "smoke",
    "smoke_packyears",
    "class",
    "class_id",
    "quality",
    "subtype",
    "set",
)
# Before the findings of a labels table, one column each; `set` stands behind them.
LABEL_COLUMNS = ("filename", "class_id", "class")
SEGMENTATION_COLUMNS = ("source", "source_id", "filename", "set")
# What a user of masks must know beside that: what counts as lung, and under which licence each image stands.
DETAIL_COLUMNS = ("filename", "image", "mask_convention", "image_licence", "width", "height")
MAX_SHEET_ROWS = 1_048_576  # of an XLSX, the heading included
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHEET_DATE = datetime(1980, 1, 1)  # a fixed one, so that the same rows give the same bytes

Row = Mapping[str, Any]


def image_row(radiograph: Radiograph, findings: Sequence[str] = ()) -> dict[str, Any]:
    """The frozen row of a radiograph, by IMAGE_COLUMNS: text, int or float; None where it is unknown. Behind them,
    by the codes of the dataset's `findings`, 1 where the image has it, else 0.

    Expects dataset, group and patient__hospital to be loaded.
    """
    hospital = radiograph.patient.hospital
    packyears = radiograph.smoke_packyears
    seen = {finding.code for finding in radiograph.findings.all()} if findings else set()
    return {
        "origin": radiograph.dataset.origin,
        "filename": radiograph.filename,
        "patient_id": radiograph.patient.number,
        "hospital": hospital.name,
        "hospital_eng": hospital.name_eng,
        "hospital_id": hospital.number,
        "sex": radiograph.sex or None,
        "age": radiograph.age,
        "smoke": radiograph.smoke or None,
        "smoke_packyears": None if packyears is None else float(packyears),
        "class": radiograph.group.label,
        "class_id": radiograph.group.class_id,
        "quality": radiograph.quality,
        "subtype": radiograph.subtype or None,
        "set": radiograph.set or None,
        **{code: int(code in seen) for code in findings},
    }


def label_columns(findings: Iterable[str]) -> tuple[str, ...]:
    """The columns of the labels table of a release with these findings (codes)."""
    return (*LABEL_COLUMNS, *findings, "set")


def entry_row(entry: SegmentationEntry) -> dict[str, Any]:
    """The frozen row of a hand-drawn mask, by SEGMENTATION_COLUMNS and DETAIL_COLUMNS: text or int; None where it is
    unknown. Expects the source to be loaded."""
    return {
        "source": entry.source.source,
        "source_id": entry.source.source_id,
        "filename": entry.filename,
        "set": entry.set,
        "image": entry.image_name if entry.image else None,
        "mask_convention": entry.convention or None,
        "image_licence": entry.licence or None,
        "width": entry.width,
        "height": entry.height,
    }


def csv_lines(rows: Iterable[Row], columns: tuple[str, ...] = IMAGE_COLUMNS) -> Iterator[bytes]:
    """The table as CSV (RFC 4180, UTF-8, \\n), one piece of bytes per row, the heading first; unknown is empty.

    A text that a spreadsheet would take for a formula gets an apostrophe in front: it stays text. PostgreSQL's COPY
    gives the same bytes.
    """
    buffer = io.StringIO()
    # With both signs as the end of a line, a cell that has one of them is quoted.
    writer = csv.writer(buffer, lineterminator="\r\n")

    def line(values: Iterable[Any]) -> bytes:
        writer.writerow(values)
        data = buffer.getvalue()[:-2].encode() + b"\n"
        buffer.seek(0)
        buffer.truncate()
        return data

    yield line(columns)
    for row in rows:
        yield line(_harmless(row.get(column)) for column in columns)


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def write_xlsx(file: IO[bytes], rows: Iterable[Row], columns: tuple[str, ...] = IMAGE_COLUMNS, *, tmpdir: str) -> int:
    """Writes the table as XLSX into `file`, row by row in constant memory, and returns the number of rows.

    Text stays text, whatever it begins with; unknown is an empty cell. Past MAX_SHEET_ROWS another sheet begins.
    `tmpdir` takes the sheets while they grow.
    """
    book = xlsxwriter.Workbook(
        file,
        {"constant_memory": True, "tmpdir": tmpdir, "strings_to_formulas": False, "strings_to_urls": False},
    )
    book.set_properties({"created": _SHEET_DATE})
    bold = book.add_format({"bold": True})

    def new_sheet(number: int) -> Any:
        sheet = book.add_worksheet("images" if number == 1 else f"images_{number}")
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, bold)
        return sheet

    sheet, sheets, line, written = new_sheet(1), 1, 1, 0
    for row in rows:
        if line == MAX_SHEET_ROWS:
            sheets += 1
            sheet, line = new_sheet(sheets), 1
        for column, name in enumerate(columns):
            value = row.get(name)
            if isinstance(value, str):
                sheet.write_string(line, column, value)
            elif value is not None:
                sheet.write_number(line, column, value)
        line += 1
        written += 1
    book.close()
    return written


ROW_GROUP = 65_536  # rows of a Parquet file held in memory


def write_parquet(file: IO[bytes], rows: Iterable[Row], types: Mapping[str, str]) -> None:
    """Writes the table as Parquet into `file`, a group of ROW_GROUP rows at a time; unknown is null.

    `types` gives for every column "text", "integer" (32 bits) or "number" (64 bits).
    """
    # Some 60 MB that the web processes can do without.
    import pyarrow  # type: ignore[import-untyped]
    from pyarrow import parquet

    kinds = {"text": pyarrow.string(), "integer": pyarrow.int32(), "number": pyarrow.float64()}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in types.items()])
    with parquet.ParquetWriter(file, schema, compression="snappy") as writer:
        for group in batches(rows, ROW_GROUP):
            columns = [[row.get(name) for row in group] for name in types]
            arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_table(pyarrow.table(arrays, schema=schema), row_group_size=ROW_GROUP)


def batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """`rows` in lists of `size`, the last one shorter."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
