"""The tables of a release: CSV the same from either database, Parquet with types, and what every column means."""

import csv
import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from datasets import dictionary, metadata
from datasets.archives import tables
from datasets.metadata import IMAGE_COLUMNS, csv_lines, write_parquet
from datasets.models import Archive
from tests.datasets.library import Library, content

HARD = (
    *("=1+1", "+48 22", "-5", "@x", "\tx", "\rx", "'", ""),
    *("a,b", 'say "x"', "two\nlines", "back\rwards", "\\.", " x ", "Łódź"),
)


def hard_rows(library: Library) -> list[dict[str, Any]]:
    """Rows of a release with everything that a table may stumble over; as the database gives them back."""
    for _ in HARD:
        library.add(1, mask=None, region=None, region_mask=None)
    release = library.order()
    for item, words in zip(release.items.order_by("pk"), HARD, strict=True):
        item.metadata |= {"hospital": words, "age": 61, "smoke_packyears": 20.0}
        item.save()
    return [item.metadata for item in release.items.order_by("pk")]


def test_csv_is_rfc_4180_and_formulas_stay_text(library: Library) -> None:
    rows = hard_rows(library)
    data = b"".join(csv_lines(rows))
    assert data.endswith(b"\n")
    assert b"\r\n" not in data
    read = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    for words, row in zip(HARD, read, strict=True):
        assert row["hospital"] == (f"'{words}" if words.startswith(("=", "+", "-", "@", "\t", "\r")) else words)
        assert (row["age"], row["smoke_packyears"], row["subtype"]) == ("61", "20.0", "")


def test_the_table_of_a_group_is_written_as_the_database_likes_and_has_these_bytes(library: Library) -> None:
    """By COPY on PostgreSQL, streamed on SQLite: CI runs this on both."""
    rows = hard_rows(library)
    archive = Archive.objects.get(filename="polcovid-1.0-NORMAL.csv")
    written = io.BytesIO()
    tables.write_table(archive, written, lambda: None, tmpdir="")
    assert written.getvalue() == b"".join(csv_lines(rows))


def test_parquet_has_types_and_the_same_bytes_twice(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "ROW_GROUP", 4)
    rows = hard_rows(library)
    first, second = io.BytesIO(), io.BytesIO()
    for file in (first, second):
        write_parquet(file, iter(rows), dictionary.types(IMAGE_COLUMNS))
    assert first.getvalue() == second.getvalue()
    read = parquet.read_table(first)
    assert read.column_names == list(IMAGE_COLUMNS)
    assert [str(read.schema.field(name).type) for name in ("hospital", "age", "smoke_packyears")] == [
        "string",
        "int32",
        "double",
    ]
    assert read.to_pylist() == rows, "text stays text, unknown is null"
    assert parquet.ParquetFile(first).num_row_groups == 4


def test_every_column_of_every_table_is_explained(library: Library) -> None:
    library.add(1, deid_report={"profile": "p"})
    release = library.publish()
    data = content(release.archives.get(filename="polcovid-1.0-data_dictionary.csv"))
    explained: dict[str, list[str]] = {}
    for row in csv.DictReader(io.StringIO(data.decode())):
        assert row["meaning"]
        assert row["type"] in ("text", "integer", "number")
        explained.setdefault(row["table"], []).append(row["column"])
    for table, name in (("images", "NORMAL"), ("deidentification", "deidentification"), ("quality", "quality")):
        heading = content(release.archives.get(filename=f"polcovid-1.0-{name}.csv")).decode().splitlines()[0]
        assert explained[table] == heading.split(",")
    readme = content(release.archives.get(filename="polcovid-1.0-README.txt")).decode()
    assert all(f"  {column}   " in readme for columns in explained.values() for column in columns)
    assert "Version 1.0." in readme
    assert "Example et al., 2026" in readme


def test_the_checksums_are_those_of_all_other_files(library: Library, tmp_path: Path) -> None:
    library.add(1)
    release = library.publish()
    for archive in release.archives.all():
        (tmp_path / archive.filename).write_bytes(content(archive))
    for program, name in (("sha256sum", "SHA256SUMS"), ("md5sum", "MD5SUMS")):
        command = [program, "--check", "--strict", f"polcovid-1.0-{name}"]
        said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        assert said.count(": OK") == release.archives.exclude(content=Archive.Content.SUMS).count()
    lines = (tmp_path / "polcovid-1.0-SHA256SUMS").read_text().splitlines()
    assert lines == sorted(lines, key=lambda line: line.split("  ")[1])
