"""``python -m imaging.deid``: names, reasons, exit status, and the same result whatever the number of processes."""

import json
from pathlib import Path

import pydicom
import pytest

from imaging.deid.__main__ import main

from .corpus import leaks, native
from .test_rasters import jpeg


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A hospital's folder with three good files, one bad one, and a key."""
    folder = tmp_path / "in" / "QPAT-770131"
    folder.mkdir(parents=True)
    native(folder / "QPAT-770131.dcm")
    native(folder / "again.dcm")
    jpeg(folder / "turned.jpg", orientation=6)
    (folder / "letter.txt").write_text("Qwertzuiop")
    (tmp_path / "key").write_bytes(b"0123456789abcdef0123456789abcdef\n")
    return tmp_path


def run(desk: Path, out: str, *options: str) -> int:
    return main([str(desk / "in"), str(desk / out), "--header-only", "--key-file", str(desk / "key"), *options])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(desk, "out", "--report", str(desk / "report.json")) == 1
    said = capsys.readouterr()
    assert "letter.txt: This is no DICOM" in said.err
    assert "3 written, 1 refused" in said.out
    found = contents(desk / "out")
    assert len(found) == 3
    assert leaks(repr(sorted(found)).encode()) == []
    assert sorted(Path(name).suffix for name in found) == [".dcm", ".dcm", ".png"]
    for name in found:
        if name.endswith(".dcm"):
            assert name.startswith(str(pydicom.dcmread(desk / "out" / name).SOPInstanceUID))
    results = json.loads((desk / "report.json").read_text())
    assert [result.get("refused", "") for result in results].count("not_an_image") == 1
    assert {result["output"] for result in results if "output" in result} == set(found)


def test_the_same_with_more_processes(desk: Path) -> None:
    run(desk, "one")
    run(desk, "two", "--jobs", "2")
    assert contents(desk / "one") == contents(desk / "two")


def test_keep_names(desk: Path) -> None:
    run(desk, "out", "--keep-names")
    assert set(contents(desk / "out")) == {
        f"QPAT-770131/{name}" for name in ("QPAT-770131.dcm", "again.dcm", "turned.png")
    }


def test_a_second_pass_changes_nothing(desk: Path) -> None:
    run(desk, "out", "--keep-names")
    again = main([str(desk / "out"), str(desk / "again"), "--keep-names", "--header-only", "--key-file", str(desk / "key")])
    assert again == 0
    assert contents(desk / "out") == contents(desk / "again")


def test_hospitals_do_not_share_uids(desk: Path) -> None:
    run(desk, "one", "--hospital", "1")
    run(desk, "two", "--hospital", "2")
    dicoms = [{name for name in contents(desk / folder) if name.endswith(".dcm")} for folder in ("one", "two")]
    assert dicoms[0].isdisjoint(dicoms[1])


def test_a_single_file(desk: Path) -> None:
    source = desk / "in" / "QPAT-770131" / "again.dcm"
    assert main([str(source), str(desk / "clean.dcm"), "--header-only", "--key-file", str(desk / "key")]) == 0
    assert leaks((desk / "clean.dcm").read_bytes()) == []


def test_wrong_use(desk: Path) -> None:
    assert main([str(desk / "nothing"), str(desk / "out")]) == 2
    (desk / "key").write_bytes(b"short")
    assert run(desk, "out") == 2
    assert not (desk / "out").exists()
