"""What a hospital's table says, cell by cell, from CSV and XLSX, and what hostile ones do not do."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import xlsxwriter

from datasets.models import DiagnosisGroup
from intake import tables
from intake.tables import Table, columns, paths, sheets, xlsx

GROUPS = [DiagnosisGroup(class_id=1, label="NORMAL"), DiagnosisGroup(class_id=3, label="COVID-19")]


def _read(text: str, encoding: str = "utf-8") -> Table:
    return tables.read(text.encode(encoding), GROUPS)


def _problems(text: str) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in _read(text).problems]


def _said(table: Table) -> dict[str, Any]:
    return {row.name or row.uid: row.demographics for row in table.rows}


def workbook(*rows: list[Any], write: Callable[[Any, Any], None] | None = None) -> bytes:
    """An XLSX file with these rows; dates get a date format. `write(workbook, sheet)` may add more."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "dd.mm.yyyy"})
        for number, row in enumerate(rows):
            for position, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, position, value, day)
                else:
                    sheet.write(number, position, value)
        if write is not None:
            write(book, sheet)
    return target.getvalue()


def repacked(content: bytes, **parts: bytes | None) -> bytes:
    """The workbook with parts replaced or left out; __ stands for /, _x for .xml."""
    target = io.BytesIO()
    changed = {name.replace("__", "/").replace("_x", ".xml"): data for name, data in parts.items()}
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in {**dict.fromkeys(source.namelist()), **changed}:
            data = changed[name] if name in changed else source.read(name)
            if data is not None:
                copy.writestr(name, data)
    return target.getvalue()


SHEET = (
    "<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>{}</sheetData></worksheet>"
)


def sheet(xml: str) -> bytes:
    return repacked(workbook(["filename"], ["a"]), xl__worksheets__sheet1_x=SHEET.format(xml).encode())


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
    first, second = table.rows
    assert (first.name, first.row, first.group, first.patient_key) == ("płuca.dcm", 2, GROUPS[1], "77/a")
    assert first.demographics == {"sex": "F", "age": 63, "smoke": "yes", "smoke_packyears": Decimal("12.5")}
    assert (second.name, second.group, second.demographics) == ("b.png", GROUPS[0], {"sex": "M"})


def test_what_excel_writes() -> None:
    """Numbers, numbers as text, dates as dates, serials and text, decimal commas, yes as TRUE."""
    table = tables.read(
        workbook(
            [
                "Nazwa pliku",
                "Rozpoznanie",
                "Płeć",
                "data urodzenia",
                "Data badania",
                "Palenie",
                "Paczkolata",
                "nr pacjenta",
            ],
            [1001, 3, "K", date(1954, 3, 1), date(2026, 2, 28), True, 12.5, 4711],
            ["b.dcm", "NORMAL", "m", 19784, "28.02.2026", "nie", "12,5", "0042"],
            ["c.dcm", "1", "kobieta", "1930-01-01", 46081, "były", "", ""],
        ),
        GROUPS,
    )
    assert table.problems == []
    assert [(row.name, row.group, row.patient_key) for row in table.rows] == [
        ("1001", GROUPS[1], "4711"),
        ("b.dcm", GROUPS[0], "0042"),
        ("c.dcm", GROUPS[0], ""),
    ]
    assert [row.demographics for row in table.rows] == [
        {"sex": "F", "age": 71, "smoke": "yes", "smoke_packyears": Decimal("12.5")},
        {"sex": "M", "age": 71, "smoke": "no", "smoke_packyears": Decimal("12.5")},
        {"sex": "F", "age": 90, "smoke": "former"},
    ]
    assert [row.born for row in table.rows] == [None, None, None]


def test_very_old_people_are_one_group() -> None:
    assert _said(_read("filename,age\na,97\n")) == {"a": {"age": 90}}


def test_a_date_of_birth_waits_for_the_header_only_where_it_is_needed() -> None:
    table = _read("filename,date of birth,age\na,01.03.1954,\nb,1954-03-01,70\n")
    assert [(row.born, row.demographics) for row in table.rows] == [(date(1954, 3, 1), {}), (None, {"age": 70})]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("filename,age\na,old\n", [(2, "age")]),
        ("filename,age\na,-1\n", [(2, "age")]),
        ("filename,age\na,63.5\n", [(2, "age")]),
        ("filename,age\na,NaN\n", [(2, "age")]),
        ("filename,sex\na,x\n", [(2, "sex")]),
        ("filename,Płeć\na,x\n", [(2, "Płeć")]),
        ("filename,smoke\na,often\n", [(2, "smoke")]),
        ("filename,smoke_packyears\na,301\n", [(2, "smoke_packyears")]),
        ("filename,smoke_packyears\na,Infinity\n", [(2, "smoke_packyears")]),
        ("filename,class\na,FLU\n", [(2, "class")]),
        ("filename,sex\n,F\n", [(2, "filename")]),
        ("filename,sex\n../,F\n", [(2, "filename")]),
        ("filename,sex\na,F\na,M\n", [(3, "filename")]),
        ("filename,sex\nx/A,F\nx\\a,M\n", [(3, "filename")]),
        ("sop uid\n1.2.3\n1.2.3\n", [(3, "sop uid")]),
        ("sop uid\n1.2.three\n", [(2, "sop uid")]),
        ("filename,sex\na,F,extra\n", [(2, "")]),
        ("filename,name\na,Jan\n", [(1, "name")]),
        ("filename,sex,sex\na,F,M\n", [(1, "sex"), (1, "sex")]),
        ("filename,sex,Płeć\na,F,M\n", [(1, "Płeć"), (1, "sex")]),
        ("sex\nF\n", [(1, "filename")]),
        ("", [(1, "filename")]),
        ("filename,sex\n", [(0, "")]),
        ('filename,sex\n"a,F\n', [(2, "")]),
        ("filename,birth_date\na,54-03-01\n", [(2, "birth_date")]),
        ("filename,birth_date\na,03/01/1954\n", [(2, "birth_date")]),
        ("filename,birth_date\na,1954\n", [(2, "birth_date")]),
        ("filename,birth_date,exam date\na,2026-03-01,2025-03-01\n", [(2, "birth_date")]),
        ("filename,birth_date,exam date,age\na,1954-03-01,2026-03-01,27\n", [(2, "age")]),
        ("filename,patient\na,1.23457E+19\n", [(2, "patient")]),
        ("filename\n" + "x" * 1001 + "\n", [(2, "filename")]),
        # Every problem at once, not the first only.
        (
            "filename,sex,age,class\na,x,old,FLU\nb,F,1,1\nc,y,,\n",
            [(2, "class"), (2, "sex"), (2, "age"), (3 + 1, "sex")],
        ),
    ],
)
def test_every_problem_is_told_by_row_and_column(text: str, expected: list[tuple[int, str]]) -> None:
    assert sorted(_problems(text)) == sorted(expected)


def test_zeros_that_people_protect_stay() -> None:
    assert _read('filename,patient\na,"=""0042"""\n').rows[0].patient_key == "0042"


@pytest.mark.parametrize(
    "content",
    [
        "filename\npłuca\n".encode("cp1250"),
        "filename\na\n".encode("utf-16"),
        b"filename\n\x00a\n",
        b"\xd0\xcf\x11\xe0" + b"\x00" * 600,
        b"PK\x03\x04" + b"\x00" * 100,
        b"%PDF-1.7",
        workbook(["filename"], ["a"])[:-300],
        repacked(workbook(["filename"], ["a"]), xl__workbook_x=None),
        repacked(workbook(["filename"], ["a"]), xl__worksheets__sheet1_x=None),
        repacked(workbook(["filename"], ["a"]), xl__worksheets__sheet1_x=b"<worksheet><sheetData><row>"),
        repacked(workbook(["filename"], ["a"]), xl__workbook_x=b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"),
        sheet("<row r='x'/>"),
        sheet("<row r='1'><c r='??' t='s'><v>0</v></c></row>"),
    ],
)
def test_what_is_no_table_is_said(content: bytes) -> None:
    table = tables.read(content, GROUPS)
    assert table.problems
    assert table.rows == []


def test_rows_beyond_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 5)
    for content in (b"filename\n" + b"a\n" * 9, workbook(["filename"], *[["a"]] * 9)):
        assert [problem.row for problem in tables.read(content, GROUPS).problems][-1] == 7


@pytest.mark.parametrize("age", ["1e999999999", "-1e999999999", "1e-999999999"])
def test_a_number_that_would_take_hours_to_write_out_is_refused_at_once(age: str) -> None:
    """Ten characters in a cell once made the web process compute a number of 400 megabytes."""
    assert _problems(f"filename,age,smoke_packyears\na.dcm,{age},1\n") == [(2, "age")]


class TestWorkbook:
    """calamine alone would reserve memory for every one of these, or abort the process."""

    @pytest.mark.parametrize(
        ("content", "row"),
        [
            (
                sheet("<row r='1'><c r='A1'><v>1</v></c></row><row r='1048576'><c r='A1048576'><v>1</v></c></row>"),
                1048576,
            ),
            (sheet("<row r='1'><c r='A1'><v>1</v></c><c r='XFD1'><v>1</v></c></row>"), 1),
            (sheet("<row r='1048576'><c><is><t>filename</t></is></c></row>"), 1048576),
            (sheet("<row r='1'>" + "<c><v>1</v></c>" * 61 + "</row>"), 1),
        ],
    )
    def test_far_cells_get_no_room(self, content: bytes, row: int) -> None:
        problem = tables.read(content, GROUPS).problems[0]
        assert problem.row == row
        assert "at most" in problem.message

    def test_another_sheet_may_be_of_any_size(self) -> None:
        def more(book: Any, _sheet: Any) -> None:
            book.add_worksheet("raw").write(1_000_000, 9000, "far")

        assert _said(tables.read(workbook(["filename"], ["a"], write=more), GROUPS)) == {"a": {}}

    def test_a_hidden_first_sheet_is_passed_over(self) -> None:
        target = io.BytesIO()
        with xlsxwriter.Workbook(target) as book:
            hidden, shown = book.add_worksheet(), book.add_worksheet()
            shown.write_column(0, 0, ["filename", "a"])
            shown.activate()
            shown.set_first_sheet()
            hidden.hide()
        assert _said(tables.read(target.getvalue(), GROUPS)) == {"a": {}}

    def test_a_bomb_is_not_unpacked(self) -> None:
        bomb = repacked(workbook(["filename"], ["a"]), xl__styles_x=b" " * (xlsx.MAX_UNPACKED + 1))
        assert len(bomb) < 200_000
        assert "too large" in tables.read(bomb, GROUPS).problems[0].message

    def test_a_size_that_lies_does_not_help(self) -> None:
        content = bytearray(repacked(workbook(["filename"], ["a"]), xl__styles_x=b" " * (xlsx.MAX_UNPACKED + 1)))
        claimed = (xlsx.MAX_UNPACKED + 1).to_bytes(4, "little")
        assert content.count(claimed) == 2
        assert tables.read(bytes(content).replace(claimed, (10).to_bytes(4, "little")), GROUPS).problems

    def test_one_long_text_in_every_cell_is_not_copied(self) -> None:
        cells = "".join(f"<row r='{row}'>" + "<c t='s'><v>0</v></c>" * 50 + "</row>" for row in range(1, 100))
        shared = "<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>" + "x" * 32767
        content = repacked(
            workbook(["filename"]),
            xl__worksheets__sheet1_x=SHEET.format(cells).encode(),
            xl__sharedStrings_x=f"{shared}</t></si></sst>".encode(),
        )
        assert "too large" in tables.read(content, GROUPS).problems[0].message

    def test_an_unusual_compression_is_refused(self) -> None:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
            archive.writestr("xl/workbook.xml", b" " * 1000)
        assert tables.read(target.getvalue(), GROUPS).problems

    def test_formulas_and_errors_are_told_by_row_and_column(self) -> None:
        def add(_book: Any, sheet: Any) -> None:
            sheet.write_formula(1, 1, "=YEARFRAC(A1,B1)", None, 63)
            sheet.write_formula(2, 1, "='[other.xlsx]a'!A1", None, 63)
            sheet.write_formula(3, 0, '=HYPERLINK("http://example.org")')

        table = tables.read(workbook(["filename", "wiek"], ["a"], ["b"], ["c", 1], write=add), GROUPS)
        assert [(problem.row, problem.column) for problem in table.problems[:3]] == [
            (2, "wiek"),
            (3, "wiek"),
            (4, "filename"),
        ]
        error = sheet("<row><c t='inlineStr'><is><t>filename</t></is></c></row><row><c t='e'><v>#N/A</v></c></row>")
        assert "error" in tables.read(error, GROUPS).problems[0].message

    def test_macros_and_links_are_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[list[str]] = []
        copy = xlsx._copy
        monkeypatch.setattr(xlsx, "_copy", lambda parts: seen.append(sorted(parts)) or copy(parts))  # type: ignore[func-returns-value]
        content = repacked(
            workbook(["filename"], ["a"]), xl__vbaProject_bin=b"x", xl__externalLinks__externalLink1_x=b"<a/>"
        )
        assert _said(tables.read(content, GROUPS)) == {"a": {}}
        assert not [name for name in seen[0] if "vba" in name or "external" in name]

    def test_spoilt_numbers_and_dates_are_told(self) -> None:
        table = tables.read(
            workbook(["filename", "patient"], ["a", 12345678901234567890], ["b", date(2026, 1, 2)]), GROUPS
        )
        assert [(problem.row, problem.column) for problem in table.problems] == [(2, "patient"), (3, "patient")]


class TestPaths:
    @pytest.mark.parametrize(
        ("rows", "file", "found"),
        [
            (["a.dcm"], "x/A.DCM", "a.dcm"),
            (["C:\\scans\\z\u0307.dcm"], "ż.dcm", "C:\\scans\\z\u0307.dcm"),
            (["x/a", "y/a"], "march/y/a", "y/a"),
            (["D:\\march\\x\\a", "D:\\march\\y\\a"], "march/y/a", "D:\\march\\y\\a"),
            (["D:\\march\\x\\a", "b"], "march/x/a", "D:\\march\\x\\a"),
            (["a", "x/a"], "x/a", "x/a"),
            (["a", "x/a"], "y/a", "a"),
            (["x/a", "q/x/a"], "x/a", "x/a"),
            # One folder only is in the table: another folder's file of the same name is not meant.
            (["march/x/a", "march/x/b"], "march/y/a", None),
            (["x/a", "y/a"], "a", paths.Several),
            (["a"], "b", None),
            (["a"], "", None),
        ],
    )
    def test_which_row_speaks_of_a_file(self, rows: list[str], file: str, found: Any) -> None:
        said = {name: paths.path(name) for name in rows}
        shared = paths.shared(said.values())

        def choose() -> str | None:
            return paths.choose(
                paths.path(file),
                said.__getitem__,
                lambda ends: [name for name in rows if said[name][shared:] in ends],
                lambda last: [name for name in rows if said[name][-1] == last],
            )

        if found is paths.Several:
            with pytest.raises(paths.Several):
                choose()
        else:
            assert choose() == found


class TestTemplate:
    @pytest.mark.parametrize("language", ["en", "pl"])
    def test_what_was_filled_in_is_read_back(self, language: str) -> None:
        known = {
            "filename": "=cmd|'/c calc'!A1/x.dcm",
            "class": "COVID-19",
            "sex": "F",
            "age": 63,
            "smoke": "former",
            "smoke_packyears": Decimal("12.5"),
        }
        content = tables.as_xlsx(language, [group.label for group in GROUPS], [known])
        table = tables.read(content, GROUPS)
        assert table.problems == []
        assert table.rows[0].name == known["filename"]
        assert table.rows[0].group == GROUPS[1]
        assert table.rows[0].demographics == {key: known[key] for key in ("sex", "age", "smoke", "smoke_packyears")}
        assert list(table.columns.values()) == columns.headings(language)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            written = archive.read("xl/worksheets/sheet1.xml").decode()
        assert written.count("<dataValidation ") == 3
        assert "<f>" not in written
        assert ("tak,nie,były" in written) == (language == "pl")

    def test_the_headings_as_csv(self) -> None:
        assert tables.as_csv() == "\ufeff" + ",".join(tables.COLUMNS) + "\r\n"


def test_every_heading_means_one_column() -> None:
    names = [
        (columns.plain(name), column)
        for column, languages in columns.HEADINGS.items()
        for some in languages.values()
        for name in some
    ]
    assert len(dict(names)) == len(set(names))
    assert columns.column("  DATA_Urodzenia ") == "birth_date"
