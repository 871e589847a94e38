"""``python -m imaging.deid``: names, reasons, exit status, and the same result whatever the number of processes."""

import json
import os
import signal
import sys
from pathlib import Path

import pydicom
import pytest

from imaging.deid import batch
from imaging.deid.__main__ import main
from imaging.deid.engine import Done, work

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
    again = main(
        [str(desk / "out"), str(desk / "again"), "--keep-names", "--header-only", "--key-file", str(desk / "key")]
    )
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


def test_links_out_of_the_folder_are_named_and_not_followed(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    native(desk / "elsewhere.dcm")
    (desk / "in" / "link.dcm").symlink_to(desk / "elsewhere.dcm")
    (desk / "in" / "inner.dcm").symlink_to(desk / "in" / "QPAT-770131" / "again.dcm")
    (desk / "in" / "loop").symlink_to(desk / "in")
    assert run(desk, "out") == 1
    assert "link.dcm: This link leads out of IN" in capsys.readouterr().err
    assert len(contents(desk / "out")) == 3


def test_out_may_lie_within_in_and_is_not_read_again(desk: Path) -> None:
    assert run(desk, "in/out") == 1
    first = contents(desk / "in" / "out")
    assert run(desk, "in/out") == 1
    assert contents(desk / "in" / "out") == first


def test_an_original_is_never_overwritten(desk: Path) -> None:
    before = contents(desk / "in")
    key = ("--header-only", "--key-file", str(desk / "key"))
    assert main([str(desk / "in"), str(desk / "in"), *key]) == 2
    source = str(desk / "in" / "QPAT-770131" / "again.dcm")
    assert main([source, source, *key]) == 2
    main([str(desk / "in"), str(desk), "--keep-names", *key])
    assert contents(desk / "in") == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_crashed_process_takes_one_file_with_it(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    def crash(source: Path, *args: object, **options: object) -> Done:
        if source.name == "again.dcm":
            os.kill(os.getpid(), signal.SIGKILL)
        if source.name == "turned.jpg":
            raise MemoryError
        return work(source, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "work", crash)
    monkeypatch.setattr(batch, "_forks", lambda: True)
    assert run(desk, "out", "--jobs", jobs, "--keep-names") == 1
    said = capsys.readouterr()
    assert "1 written, 3 refused" in said.out
    assert "not enough memory" in said.err
    assert set(contents(desk / "out")) == {"QPAT-770131/QPAT-770131.dcm"}


def test_without_the_detector_the_run_ends_in_its_own_words(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "imaging.deid.text", None)
    monkeypatch.setattr(batch, "_forks", lambda: True)
    assert main([str(desk / "in"), str(desk / "out"), "--key-file", str(desk / "key")]) == 2
    assert "A package is not installed: imaging.deid.text" in capsys.readouterr().err
    assert contents(desk / "out") == {}


def test_a_key_ring_recognises_files_of_the_former_key(desk: Path) -> None:
    run(desk, "one")
    old = (desk / "key").read_bytes()
    (desk / "key").write_bytes(b"f" * 32 + b"\n\n" + old)
    main([str(desk / "one"), str(desk / "two"), "--header-only", "--key-file", str(desk / "key")])
    for name, data in contents(desk / "one").items():
        if name.endswith(".dcm"):
            assert contents(desk / "two")[name] == data


def test_the_report_says_that_nobody_looked(desk: Path) -> None:
    run(desk, "out", "--report", str(desk / "report.json"))
    written = [result["report"] for result in json.loads((desk / "report.json").read_text()) if "report" in result]
    assert all(report["text"] is None and "not searched" in report["warnings"][0] for report in written)


def test_a_single_file_that_crashes_the_decoder_is_named(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash(source: Path, *args: object, **options: object) -> Done:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    monkeypatch.setattr(batch, "work", crash)
    monkeypatch.setattr(batch, "_forks", lambda: True)
    source = str(desk / "in" / "QPAT-770131" / "again.dcm")
    assert main([source, str(desk / "out"), "--header-only", "--key-file", str(desk / "key")]) == 1
    assert f"refused: {source}: " in capsys.readouterr().err
    assert contents(desk / "out") == {}


def test_a_file_name_cannot_command_the_terminal(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "in" / "a\x1b[2J\nrefused: b\u202e Żółć.dcm").write_text("Qwertzuiop")
    (desk / "in" / os.fsdecode(b"\xff.dcm")).write_text("Qwertzuiop")
    assert run(desk, "out", "--report", str(desk / "report.json")) == 1
    said = capsys.readouterr().err
    assert "a\\x1b[2J\\nrefused: b\\u202e Żółć.dcm: This is no DICOM" in said
    assert "\\udcff.dcm: " in said
    assert not {"\x1b", "\u202e"} & set(said)
    assert len(json.loads((desk / "report.json").read_text())) == 6


@pytest.mark.parametrize("options", [["--hospital", "-1"], ["--hospital", "x"], ["--hospital", "9" * 30]])
def test_a_hospital_without_a_number_is_wrong_use(desk: Path, options: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(desk, "out", *options)
    assert ended.value.code == 2


@pytest.mark.parametrize("place", ["nowhere/report.json", "in/QPAT-770131/again.dcm", "in"])
def test_a_report_that_cannot_be_written_is_said_before_the_work(
    desk: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    before = contents(desk / "in")
    assert run(desk, "out", "--report", str(desk / place)) == 2
    assert "--report" in capsys.readouterr().err
    assert contents(desk / "out") == {}
    assert contents(desk / "in") == before


def test_a_folder_that_cannot_be_read_is_named(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed, scandir = str(desk / "in" / "QPAT-770131"), os.scandir

    def scan(path: str) -> object:
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    assert run(desk, "out") == 1
    assert f"refused: {closed}: This folder cannot be opened." in capsys.readouterr().err
