"""`cxr upload` against a portal as `manage.py serve` starts it: gunicorn, Celery, Valkey."""

import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from imaging import phantoms
from intake.quarantine import SEGMENT
from tests.e2e.installation import Installation

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
import json
from accounts.models import HospitalMembership
from accounts.services.tokens import issue_token
from intake.services import open_batch
from portal.demo.make import ensure_dataset
from portal.demo.people import ensure_people
dataset = ensure_dataset(ensure_people())
ours = HospitalMembership.objects.first()
theirs = HospitalMembership.objects.exclude(hospital=ours.hospital).first()
known = {"hospital": ours.hospital.number, "dataset": dataset.slug}
known["theirs"] = open_batch(user=theirs.user, hospital=theirs.hospital, dataset=dataset, title="t").pk
known["token"] = issue_token(user=ours.user, name="t", scopes=["upload"], days=1)[1]
known["read_only"] = issue_token(user=ours.user, name="r", scopes=["read"], days=1)[1]
print(json.dumps(known))
"""
SENT = "SELECT size, sha256 FROM intake_uploadedfile WHERE batch_id = {}"
PERSON = phantoms.FakePerson.invent(7, "F")
MARK = "kowalski_jan"


@dataclass
class Desk:
    """A radiographer's machine."""

    portal: Installation
    token: str
    read_only: str
    theirs: int
    hospital: int
    dataset: str
    home: Path

    def start(self, *arguments: str, url: str = "", token: str | None = None) -> "subprocess.Popen[str]":
        path = f"{ROOT / 'client/src'}:{ROOT}"
        environment = {**os.environ, "PYTHONPATH": path, "XDG_STATE_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        environment["CXR_TOKEN"] = self.token if token is None else token
        command = [sys.executable, "-m", "cxr", "upload", "--url", url or self.portal.origin, *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=environment, cwd=self.home, text=True, **pipes)

    def upload(self, *arguments: str, url: str = "", token: str | None = None) -> tuple[int, str, str]:
        process = self.start(*arguments, url=url, token=token)
        out, err = process.communicate(timeout=120)
        for secret in (self.token, "Traceback"):
            assert secret not in out + err, out + err
        return process.returncode, out, err

    def new(self, title: str) -> tuple[str, ...]:
        return "--new-batch", title, "--dataset", self.dataset, "--hospital", str(self.hospital), "--class-id", "1"

    def ask(self, path: str) -> list[dict[str, object]]:
        answer = httpx.get(f"{self.portal.origin}/api/v1/{path}", headers={"Authorization": f"Bearer {self.token}"})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["results"])

    def batch(self, title: str) -> int:
        newest, *_ = [batch["id"] for batch in self.ask("batches/") if batch["title"] == title]
        return int(str(newest))

    def state(self) -> Path:
        return self.home / "cxr" / "uploads.sqlite3"


@pytest.fixture(scope="module")
def portal() -> Iterator[Installation]:
    installation = Installation()
    try:
        yield installation
    finally:
        print(installation.logs())  # noqa: T201 (pytest shows it when a test failed)
        installation.close()


@pytest.fixture(scope="module")
def known(portal: Installation) -> dict[str, object]:
    return dict(json.loads(portal.manage("shell", "--no-imports", "-c", SETUP).splitlines()[-1]))


@pytest.fixture
def desk(portal: Installation, known: dict[str, object], tmp_path: Path) -> Desk:
    home = tmp_path / "home"
    home.mkdir()
    return Desk(portal, home=home, **known)  # type: ignore[arg-type]


def _picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    phantoms.write_png(path, phantoms.draw(seed, size=(320, 300)), phantoms.FakePerson.invent(seed))
    return path


def _hash(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def test_a_folder(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "ward"
    pictures = [_picture(folder / name, seed) for seed, name in enumerate(("a.png", f"sub/{MARK}.png", "sub/ź ó.png"))]
    shutil.copy(pictures[0], folder / "zz_again.png")
    (folder / "leaflet.pdf").write_bytes(b"%PDF-1.7 " + b"x" * 500)
    (folder / "empty.dcm").touch()
    (folder / "link.png").symlink_to(pictures[0])
    for junk in ("Thumbs.db", ".DS_Store", "sub/DICOMDIR", "__MACOSX/._a.png"):
        (folder / junk).parent.mkdir(exist_ok=True)
        (folder / junk).write_bytes(b"junk")
    status, out, err = desk.upload(str(folder), *desk.new("ward"))
    batch = desk.batch("ward")
    assert status == 1
    assert f"Batch {batch} was opened." in out
    assert "3 sent, 1 the same as another file of this folder, 3 refused, 3 passed over (system files)" in out
    assert "refused: leaflet.pdf: This is a file of type PDF" in err
    assert "refused: empty.dcm: The file is empty." in err
    assert "refused: link.png: This is a link" in err
    assert "not sent twice: " in err
    assert set(desk.portal.query(SENT.format(batch))) == {_hash(path) for path in pictures}
    listed = desk.ask(f"batches/{batch}/files/")
    assert {file["name"] for file in listed} in (
        {"a.png", f"sub/{MARK}.png", "sub/ź ó.png"},
        {"zz_again.png", f"sub/{MARK}.png", "sub/ź ó.png"},
    )
    assert {file["class_id"] for file in listed} == {1}

    # What it remembers identifies nobody, and nobody else may read it.
    assert MARK.encode() not in desk.state().read_bytes()
    assert _hash(pictures[0])[1] not in "\n".join(sqlite3.connect(desk.state()).iterdump())
    assert desk.state().stat().st_mode & 0o077 == 0

    # The same command again: the same batch, and only what is new.
    late = _picture(folder / "late.png", 9)
    status, out, _ = desk.upload(str(folder), *desk.new("ward"))
    assert "opened" not in out
    assert "1 sent, 3 there already" in out
    assert set(desk.portal.query(SENT.format(batch))) == {_hash(path) for path in (*pictures, late)}

    # Another machine knows nothing of it; the portal does.
    desk.state().unlink()
    for rubbish in ("leaflet.pdf", "empty.dcm", "link.png"):
        (folder / rubbish).unlink()
    status, out, err = desk.upload(str(folder), "--batch", str(batch))
    assert (status, "4 there already" in out) == (0, True)
    assert err.count("Your hospital sent the same file on") == 4
    assert len(desk.portal.query(SENT.format(batch))) == 4


class Line:
    """The line to the portal, which lets through so many bytes and then cuts, or (`freezes`) falls silent."""

    def __init__(self, port: int, lets: int, *, freezes: bool) -> None:
        self._target, self._freezes = port, freezes
        self.left, self.passed = lets, 0
        self.stuck = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            portal = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._up, args=(client, portal), daemon=True).start()
            threading.Thread(target=self._down, args=(portal, client), daemon=True).start()

    def _up(self, client: socket.socket, portal: socket.socket) -> None:
        try:
            while data := client.recv(16_384):
                self.left -= len(data)
                if self.left <= 0 and not self.stuck.is_set():
                    self.stuck.set()
                    while self._freezes and client.recv(16_384):
                        pass
                    client.close()
                    break
                portal.sendall(data)
                self.passed += len(data)
        except OSError:
            pass
        with suppress(OSError):
            portal.shutdown(socket.SHUT_RDWR)

    def _down(self, portal: socket.socket, client: socket.socket) -> None:
        try:
            while data := portal.recv(16_384):
                client.sendall(data)
        except OSError:
            pass

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Of several segments; new bytes each time."""
    path = tmp_path / "in" / f"{MARK}.dcm"
    path.parent.mkdir()
    path.write_bytes(os.urandom(3 * SEGMENT))
    return path


def test_a_cut_line_is_taken_up_again(desk: Desk, big: Path) -> None:
    line = Line(desk.portal.port, lets=2 * SEGMENT, freezes=False)
    status, out, _err = desk.upload(str(big.parent), *desk.new("cut"), url=line.url)
    line.close()
    assert line.stuck.is_set()
    assert (status, "1 sent" in out) == (0, True)
    assert line.passed < big.stat().st_size + SEGMENT, "it did not begin anew"
    _whole(desk, "cut", big)


def test_a_killed_run_is_gone_on_with(desk: Desk, big: Path) -> None:
    line = Line(desk.portal.port, lets=2 * SEGMENT, freezes=True)
    process = desk.start(str(big), *desk.new("killed"), url=line.url)
    assert line.stuck.wait(60)
    process.kill()
    process.communicate()
    before = line.passed
    assert desk.portal.query(SENT.format(desk.batch("killed"))) == []
    status, out, _err = desk.upload(str(big), *desk.new("killed"), url=line.url)
    line.close()
    assert (status, "1 sent" in out) == (0, True)
    assert line.passed - before < big.stat().st_size - SEGMENT, "it did not begin anew"
    _whole(desk, "killed", big)


def _whole(desk: Desk, title: str, path: Path) -> None:
    batch = desk.batch(title)
    for _ in range(300):  # inspection finds the SHA-256 of what came in pieces
        rows = desk.portal.query(SENT.format(batch))
        if rows and rows[0][1]:
            break
        threading.Event().wait(0.2)
    assert rows == [_hash(path)]
    assert desk.portal.query(f"SELECT count(*) FROM intake_partialupload WHERE batch_id = {batch}") == [(1,)]


def test_a_portal_that_is_not_there_is_waited_for_and_no_longer(desk: Desk, tmp_path: Path) -> None:
    _picture(tmp_path / "in" / "a.png", 1)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    status, _out, err = desk.upload(str(tmp_path / "in"), "--batch", "1", "--patience", "0.5", url=url)
    assert (status, "cannot be reached" in err) == (3, True)


def test_wrong_use_sends_nothing(desk: Desk, tmp_path: Path) -> None:
    folder = str(_picture(tmp_path / "in" / "a.png", 1).parent)
    before = desk.portal.query("SELECT count(*) FROM intake_partialupload")
    theirs = str(desk.theirs)
    for arguments, token, words in (
        ((folder, "--batch", theirs), None, f"There is no batch {theirs} of your hospital."),
        ((folder, "--batch", "99999"), None, "There is no batch 99999"),
        ((folder, "--batch", theirs), "cxr_wrong", "This token is unknown"),
        ((folder, "--batch", theirs), desk.read_only, "You do not have permission"),
        ((folder, "--batch", theirs), "", "There is no token."),
        ((folder, "--batch", theirs, "--token-file", f"{folder}/none"), None, "cannot be read"),
        ((f"{folder}/none", "--batch", theirs), None, "DIR does not exist."),
        ((folder, "--new-batch", "t"), None, "--dataset and --hospital"),
        ((folder, "--new-batch", "t", "--dataset", "none", "--hospital", "1"), None, "dataset: "),
        ((folder, "--batch", theirs, "--key-file", "k"), None, "belong to --deidentify"),
        ((folder, "--batch", theirs, "--deidentify", "--hospital", "1"), None, "needs --key-file"),
        ((folder, "--batch", theirs, "--url", "http://portal.example"), None, "must begin with https://"),
        ((folder,), None, "required"),
    ):
        status, out, err = desk.upload(*arguments, token=token)
        assert (status, out) == (2, ""), (arguments, out, err)
        assert words in err, (arguments, err)
    assert desk.portal.query("SELECT count(*) FROM intake_partialupload") == before


def test_de_identified_before_it_is_sent(desk: Desk, tmp_path: Path) -> None:
    folder, key = tmp_path / "in", tmp_path / "key"
    folder.mkdir()
    phantoms.write_dicom(folder / f"{MARK}.dcm", phantoms.draw(7, sex="F", size=(400, 380)), PERSON)
    (folder / "letter.txt").write_text("Dear colleague")
    key.write_text("0123456789abcdef" * 4)
    options = ("--deidentify", "--key-file", str(key), "--send-unsure")
    status, out, err = desk.upload(str(folder), *desk.new("deid"), *options)
    assert status == 1, err
    assert "1 sent, 1 refused" in out
    assert "refused: letter.txt: " in err
    batch = desk.batch("deid")
    ours = tmp_path / "out"
    command = [sys.executable, "-m", "imaging.deid", str(folder), str(ours), "--key-file", str(key)]
    subprocess.run([*command, "--hospital", str(desk.hospital)], cwd=ROOT, capture_output=True, check=False)
    (copy,) = ours.iterdir()
    assert PERSON.name.encode() not in copy.read_bytes()
    assert desk.portal.query(SENT.format(batch)) == [_hash(copy)]
    assert [file["name"] for file in desk.ask(f"batches/{batch}/files/")] == [copy.name]
    status, out, _err = desk.upload(str(folder), *desk.new("deid"), *options)
    assert "1 there already, 1 refused" in out
    assert not list(Path(desk.home).glob("cxr-*")), "no copy is left behind"


def test_a_table_goes_before_the_files(desk: Desk, tmp_path: Path) -> None:
    folder, table = _picture(tmp_path / "in" / "sub" / "t.png", 21).parent.parent, tmp_path / f"{MARK}.csv"
    new = desk.new("table")[:-2]  # no diagnosis but the table's
    table.write_text("filename;class;sex;age\nsub/t.png;2;F;abc\n")
    status, out, err = desk.upload(str(folder), *new, "--table", str(table))
    assert (status, "1 problems" in out) == (2, True)
    assert "table: row 2, age: " in err
    batch = desk.batch("table")
    assert desk.portal.query(SENT.format(batch)) == []
    table.write_text("filename;class;sex;age\nsub/t.png;2;F;44\n")
    status, out, _err = desk.upload(str(folder), *new, "--table", str(table))
    assert (status, "1 for files to come; 0 problems" in out, "1 sent" in out) == (0, True, True)
    (file,) = desk.ask(f"batches/{batch}/files/")
    assert (file["class_id"], file["sex"], file["age"]) == (2, "F", 44)
