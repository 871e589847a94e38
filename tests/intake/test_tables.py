from decimal import Decimal

import pytest

from datasets.models import DiagnosisGroup
from intake import tables
from intake.tables import Table

GROUPS = [DiagnosisGroup(class_id=1, label="NORMAL"), DiagnosisGroup(class_id=3, label="COVID-19")]


def _read(text: str, encoding: str = "utf-8") -> Table:
    return tables.read(text.encode(encoding), GROUPS)


def _problems(text: str) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in _read(text).problems]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_spreadsheet_programs_write(separator: str, encoding: str, newline: str) -> None:
    rows = [
        ["Filename", "class", "sex", "age", "smoke", "smoke_packyears", "patient_key"],
        ["płuca.dcm", "covid-19", "k", "63", "Yes", '"12,5"', "77/a"],
        ["b.png", "1", "M", "", "", "", ""],
        ["", "", "", "", "", "", ""],
    ]
    table = _read(newline.join(separator.join(row) for row in rows) + newline, encoding)
    assert table.problems == []
    first, second = table.files["płuca.dcm"], table.files["b.png"]
    assert (first.row, first.group, first.patient_key) == (2, GROUPS[1], "77/a")
    assert first.demographics == {"sex": "F", "age": 63, "smoke": "yes", "smoke_packyears": Decimal("12.5")}
    assert (second.group, second.demographics) == (GROUPS[0], {"sex": "M"})


def test_names_are_compared_without_folders_and_composed() -> None:
    assert "ż.dcm" in _read("filename\nC:\\scans\\z\u0307.dcm\n").files


def test_very_old_people_are_one_group() -> None:
    assert _read("filename,age\na,97\n").files["a"].demographics == {"age": 90}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("filename,age\na,old\n", [(2, "age")]),
        ("filename,age\na,-1\n", [(2, "age")]),
        ("filename,age\na,63.5\n", [(2, "age")]),
        ("filename,age\na,NaN\n", [(2, "age")]),
        ("filename,sex\na,x\n", [(2, "sex")]),
        ("filename,smoke\na,often\n", [(2, "smoke")]),
        ("filename,smoke_packyears\na,301\n", [(2, "smoke_packyears")]),
        ("filename,smoke_packyears\na,Infinity\n", [(2, "smoke_packyears")]),
        ("filename,class\na,FLU\n", [(2, "class")]),
        ("filename,sex\n,F\n", [(2, "filename")]),
        ("filename,sex\na,F\na,M\n", [(3, "filename")]),
        ("filename,sex\na,F,extra\n", [(2, "")]),
        ("filename,name\na,Jan\n", [(1, "name")]),
        ("filename,sex,sex\na,F,M\n", [(1, "sex"), (1, "sex")]),
        ("sex\nF\n", [(1, "filename")]),
        ("", [(1, "filename")]),
        ('filename,sex\n"a,F\n', [(2, "")]),
        # Every problem at once, not the first only.
        (
            "filename,sex,age,class\na,x,old,FLU\nb,F,1,1\nc,y,,\n",
            [(2, "class"), (2, "sex"), (2, "age"), (3 + 1, "sex")],
        ),
    ],
)
def test_every_problem_is_told_by_row_and_column(text: str, expected: list[tuple[int, str]]) -> None:
    assert sorted(_problems(text)) == sorted(expected)


def test_another_encoding_is_said() -> None:
    assert [problem.row for problem in _read("filename\npłuca\n", "cp1250").problems] == [0]


def test_a_table_without_end_is_refused() -> None:
    table = _read("filename\n" + "".join(f"{number}\n" for number in range(tables.MAX_ROWS + 5)))
    assert [problem.row for problem in table.problems] == [tables.MAX_ROWS + 2]


@pytest.mark.parametrize("age", ["1e999999999", "-1e999999999", "1e-999999999"])
def test_a_number_that_would_take_hours_to_write_out_is_refused_at_once(age: str) -> None:
    """Ten characters in a cell once made the web process compute a number of 400 megabytes."""
    assert _problems(f"filename,age,smoke_packyears\na.dcm,{age},1\n") == [(2, "age")]
