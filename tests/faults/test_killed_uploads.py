"""Web server, worker and Valkey are killed (SIGKILL) at random moments while a hospital uploads, and so is its program.

CXR_FAULT_UPLOADS says how many files are sent, CXR_FAULT_IMAGES how many of them are radiographs that go through every
stage; inspection sets the others aside, which takes a worker a fraction of the time. CXR_FAULT_SEED is the dice's.
For all that is promised: CXR_FAULT_UPLOADS=300 CXR_FAULT_IMAGES=300.
"""

import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imaging.phantoms import FakePerson, draw, write_dicom, write_png
from intake.quarantine import SEGMENT
from tests.e2e.installation import Installation

ROOT = Path(__file__).resolve().parents[2]
FILES = int(os.environ.get("CXR_FAULT_UPLOADS", "30"))
IMAGES = int(os.environ.get("CXR_FAULT_IMAGES", "3"))
SEED = int(os.environ.get("CXR_FAULT_SEED", "5"))
SETUP = """
import json
from accounts.models import HospitalMembership
from accounts.services.tokens import issue_token
from intake.services import open_batch
from portal.demo.make import ensure_dataset
from portal.demo.people import ensure_people
dataset = ensure_dataset(ensure_people())
member = HospitalMembership.objects.first()
batch = open_batch(user=member.user, hospital=member.hospital, dataset=dataset, title="t")
print(json.dumps({"batch": batch.pk, "token": issue_token(user=member.user, name="t", scopes=["upload"], days=1)[1]}))
"""
ORIGINALS = """
import hashlib, json
from intake import quarantine
from intake.models import UploadedFile
found = {}
for file in UploadedFile.objects.all():
    digest = hashlib.sha256()
    with quarantine.open_blob(file.pk) as blob:
        for plain in quarantine.segments(blob):
            digest.update(plain)
    found[str(file.pk)] = digest.hexdigest()
print(json.dumps(found))
"""
AT_WORK = "SELECT count(*) FROM intake_uploadedfile WHERE stage IN ('inspect', 'deidentify', 'segment', 'assess')"
RECEIVED = "SELECT count(*) FROM intake_uploadedfile"


@pytest.fixture
def portal() -> Iterator[Installation]:
    """A file that was at work at every kill is not set aside for that."""
    installation = Installation(CXR_STAGE_LEASE_SECONDS="30", CXR_STAGE_MAX_ATTEMPTS="50")
    try:
        yield installation
    finally:
        print(installation.logs())  # noqa: T201 (pytest shows it when the test failed)
        installation.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Radiographs first; then files of a few pixels, and, so that kills meet uploads half done, some of many MB."""
    folder = tmp_path / "in"
    folder.mkdir()
    drawn = [draw(number, size=(420, 400)) for number in range(3)]
    dice = np.random.default_rng(SEED)
    for number in range(FILES):
        person = FakePerson.invent(number)
        if number < IMAGES:
            pixels = drawn[number % 3] // 4 * 3 + dice.integers(0, 4, drawn[0].shape, dtype=np.uint8)
            if number % 2:
                write_dicom(folder / f"{number}.dcm", pixels, person, seed=number)
            else:
                write_png(folder / f"{number}.png", pixels, person)
        elif number % 10 == 0:
            (folder / f"{number}.dcm").write_bytes(random.Random(number).randbytes(2 * SEGMENT + number))
        else:
            Image.fromarray(dice.integers(0, 255, (90, 120), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


class Program:
    """`cxr upload`, started again as often as it takes."""

    def __init__(self, portal: Installation, folder: Path, known: dict[str, object]) -> None:
        self.state = folder.parent / "state"
        options = ("--batch", str(known["batch"]), "--class-id", "1", "--jobs", "8", "--state", str(self.state))
        self._command = [sys.executable, "-m", "cxr", "upload", str(folder), "--url", portal.origin, *options]
        path = f"{ROOT / 'client/src'}:{ROOT}"
        self._environment = {**os.environ, "PYTHONPATH": path, "CXR_TOKEN": str(known["token"])}
        self.process = self.start()
        self.said = ""

    def start(self) -> "subprocess.Popen[str]":
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(self._command, env=self._environment, text=True, **pipes)

    def kill(self) -> None:
        self.process.kill()

    def to_the_end(self) -> None:
        """Until it says that everything is in the portal."""
        for _ in range(20):
            self.said += self.process.communicate(timeout=540)[0]
            if self.process.returncode == 0:
                return
            assert self.process.returncode in (3, -signal.SIGKILL), self.said
            self.process = self.start()
        raise AssertionError(self.said)

    def acknowledged(self) -> list[str]:
        """The files that the portal said it has, by its own numbers."""
        with closing(sqlite3.connect(self.state)) as rows:
            return [str(uuid.UUID(row[0])) for row in rows.execute("SELECT upload FROM uploads WHERE done = 1")]


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # its parent was faster
            os.kill(process, signal.SIGKILL)


def _until(happened: Callable[[], bool], tries: int = 3000) -> None:
    for _ in range(tries):
        if happened():
            return
        time.sleep(0.2)
    raise AssertionError("it did not happen")


def _kill_now_and_then(portal: Installation, program: Program, stop: threading.Event) -> None:
    """Each kind of process twice, in a random order: whenever some more files are there, and a random moment later."""
    dice = random.Random(SEED)
    kills: list[Callable[[], None]] = [
        lambda: _kill(portal.web_processes()),
        lambda: _kill([*portal.worker_mains(), *portal.worker_children()]),
        lambda: _kill(portal.brokers()),
        program.kill,
    ] * 2
    dice.shuffle(kills)
    for number, kill in enumerate(kills):
        some = dice.randint(number * FILES // 10, (number + 1) * FILES // 10)
        while portal.query(RECEIVED)[0][0] < some and not stop.wait(0.01):
            pass
        stop.wait(dice.uniform(0, 0.5))
        kill()


def test_nothing_is_lost_or_doubled(portal: Installation, folder: Path) -> None:
    known = json.loads(portal.manage("shell", "--no-imports", "-c", SETUP).splitlines()[-1])
    program, stop = Program(portal, folder, known), threading.Event()
    killer = threading.Thread(target=_kill_now_and_then, args=(portal, program, stop))
    killer.start()
    try:
        program.to_the_end()
    finally:
        stop.set()
        killer.join()
    sent = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())
    acknowledged = program.acknowledged()
    assert len(acknowledged) == len(set(acknowledged)) == len(sent) == FILES
    _until(lambda: portal.query(AT_WORK) == [(0,)])

    rows = {
        str(uuid.UUID(str(pk))): rest
        for pk, *rest in portal.query("SELECT id, sha256, stage, reason_code FROM intake_uploadedfile")
    }
    assert set(rows) == set(acknowledged), "each acknowledged file is there, and no other one"
    assert sorted(sha256 for sha256, _stage, _reason in rows.values()) == sent, "each once, with the right bytes"
    ends = [(stage, reason) for _sha256, stage, reason in rows.values()]
    assert ends.count(("curate", "")) == IMAGES, set(ends)
    assert {end for end in ends if end != ("curate", "")} <= {("set_aside", "too_small"), ("set_aside", "not_an_image")}
    runs = portal.query("SELECT file_id, stage FROM intake_stagerun WHERE status = 'done'")
    assert len(runs) == len(set(runs)) == 4 * IMAGES, "each stage of each was done once"

    # The bytes themselves, and nothing beside them that belongs to nobody: once it is old, it is swept.
    originals = json.loads(portal.manage("shell", "--no-imports", "-c", ORIGINALS).splitlines()[-1])
    assert originals == {pk: sha256 for pk, (sha256, _stage, _reason) in rows.items()}
    unfinished = portal.query("SELECT id FROM intake_partialupload WHERE finished_at IS NULL")
    begun = {str(uuid.UUID(str(pk))) for (pk,) in unfinished}
    quarantine = portal.var / "files" / "quarantine"
    two_days_ago = time.time() - 2 * 86_400
    for blob in quarantine.iterdir():
        os.utime(blob, (two_days_ago, two_days_ago))
    portal.manage("shell", "--no-imports", "-c", "from intake.services import purge; purge()")
    assert {blob.name for blob in quarantine.iterdir()} == set(rows) | begun
    assert len(begun) <= 16, "beginnings whose answer a kill cut off, and no more"
    said = (portal.var / "serve.log").read_text()
    for name in ("The web server", "The worker", "The broker"):
        assert f"{name} ended by itself" in said, "it was killed"
