import csv
import io
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from datasets import metadata
from datasets.metadata import IMAGE_COLUMNS, csv_lines, image_row, write_xlsx
from tests.datasets.library import Library


def row(**values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(IMAGE_COLUMNS), "filename": "Anonymous_1_1_1.png", "patient_id": 1, **values}


def sheet(rows: list[dict[str, Any]], folder: Path) -> bytes:
    buffer = io.BytesIO()
    assert write_xlsx(buffer, iter(rows), tmpdir=str(folder)) == len(rows)
    return buffer.getvalue()


def test_the_columns_are_those_that_the_field_knows() -> None:
    assert ", ".join(IMAGE_COLUMNS) == (
        "origin, filename, patient_id, hospital, hospital_eng, hospital_id, sex, age, smoke, smoke_packyears, class, "
        "class_id, quality, subtype, set"
    )


def test_a_row_says_what_is_known(library: Library) -> None:
    facts = {"sex": "M", "age": 44, "smoke": "former", "smoke_packyears": "12.5"}
    radiograph = library.add(3, demographics=facts, set="train")
    radiograph.refresh_from_db()
    assert image_row(radiograph) == {
        "origin": "POLCOVID",
        "filename": "Anonymous_7_1_3.png",
        "patient_id": 1,
        "hospital": library.hospital.name,
        "hospital_eng": library.hospital.name_eng,
        "hospital_id": 7,
        "sex": "M",
        "age": 44,
        "smoke": "former",
        "smoke_packyears": 12.5,
        "class": "COVID-19",
        "class_id": 3,
        "quality": "Good",
        "subtype": None,
        "set": "train",
    }


def test_what_is_unknown_is_none(library: Library) -> None:
    values = image_row(library.add(demographics={}))
    assert {key for key, value in values.items() if value is None} == {
        "sex",
        "age",
        "smoke",
        "smoke_packyears",
        "subtype",
        "set",
    }


def test_csv_is_read_back_as_it_was() -> None:
    text = b"".join(csv_lines([row(hospital='Szpital "Łódź", ul. Długa', age=61), row()])).decode()
    first, second = csv.DictReader(io.StringIO(text))
    assert first["hospital"] == 'Szpital "Łódź", ul. Długa'
    assert (first["age"], second["age"]) == ("61", "")
    assert list(first) == list(IMAGE_COLUMNS)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(A1)", "http://example.org"])
def test_text_that_looks_like_a_formula_stays_text(text: str, tmp_path: Path) -> None:
    cells = load_workbook(io.BytesIO(sheet([row(hospital=text)], tmp_path)))["images"]
    cell = cells.cell(2, IMAGE_COLUMNS.index("hospital") + 1)
    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)
    line = b"".join(csv_lines([row(hospital=text)])).decode().splitlines()[1]
    assert not any(value.startswith(("=", "+", "-", "@")) for value in next(csv.reader([line])))


def test_the_sheet_has_numbers_as_numbers_and_unknown_as_nothing(tmp_path: Path) -> None:
    cells = load_workbook(io.BytesIO(sheet([row(age=61, smoke_packyears=12.5)], tmp_path)))["images"]
    head, values = cells.iter_rows(values_only=True)
    assert head == IMAGE_COLUMNS
    named = dict(zip(head, values, strict=True))
    assert (named["age"], named["smoke_packyears"], named["sex"], named["patient_id"]) == (61, 12.5, None, 1)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    assert sheet([row(age=1), row()], tmp_path) == sheet([row(age=1), row()], tmp_path)


def test_a_sheet_that_is_full_goes_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "MAX_SHEET_ROWS", 3)
    book = load_workbook(io.BytesIO(sheet([row(age=age) for age in range(5)], tmp_path)))
    column = IMAGE_COLUMNS.index("age")
    ages = [[line[column] for line in cells.iter_rows(values_only=True)] for cells in book]
    assert ages == [["age", 0, 1], ["age", 2, 3], ["age", 4]]
    assert book.sheetnames == ["images", "images_2", "images_3"]


def test_a_table_without_rows_has_its_heading(tmp_path: Path) -> None:
    cells = load_workbook(io.BytesIO(sheet([], tmp_path)))["images"]
    assert next(cells.iter_rows(values_only=True)) == IMAGE_COLUMNS
