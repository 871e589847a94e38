"""Processes are killed (SIGKILL) in the middle of their work: nothing is lost, nothing is done twice."""

import csv
import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from imaging.phantoms import draw, write_jpeg
from imaging.phantoms.writers import FakePerson
from tests.e2e.installation import Installation

FILES = 4
SETUP = """
from portal.demo.make import ensure_dataset
from portal.demo.people import ensure_people
ensure_dataset(ensure_people())
"""
PUBLISH = """
from accounts.models import User
from curation.services import accept
from datasets.models import Dataset
from datasets.services import publish_release
from intake.models import UploadedFile
curator = User.objects.get(email="curator@demo.example")
for file in UploadedFile.objects.filter(stage="curate"):
    accept(file, curator, "Good", no_text_seen=True)
publish_release(manager=User.objects.get(email="manager@demo.example"), dataset=Dataset.objects.get(),
                version="1.0", changes="The first.")
"""
STAGE_AT_WORK = "SELECT id FROM intake_stagerun WHERE status = 'running'"
ARCHIVE_AT_WORK = "SELECT id, attempts FROM datasets_archive WHERE status = 'building'"


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Starts a portal with one worker process and a dataset; a hospital's radiographs come in from now on."""
    started: list[Installation] = []
    with ThreadPoolExecutor(1) as background:

        def start(**environment: str) -> Installation:
            portal = Installation(**environment)
            started.append(portal)
            portal.manage("shell", "--no-imports", "-c", SETUP)
            _collection(tmp_path)
            background.submit(
                portal.manage, "import_collection", str(tmp_path), "--dataset", "demo-cxr", "--hospital", "1"
            )
            return portal

        yield start
    for portal in started:
        print(portal.logs())  # noqa: T201 (pytest shows it when the test failed)
        portal.close()


def _collection(folder: Path) -> None:
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["filename", "label3", "patient", "split", "sex", "age"])
        writer.writeheader()
        for number in range(FILES):
            name = f"{number}.jpg"
            write_jpeg(folder / name, draw(number, size=(500, 460)), FakePerson.invent(number))
            writer.writerow(
                {"filename": name, "label3": "Normal", "patient": f"p{number}", "split": "train", "sex": "F", "age": 50}
            )


def _send(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        os.kill(process, number)


def _until(ask: Callable[[], Any], pause: float = 0.2, tries: int = 900) -> Any:
    for _ in range(tries):
        if found := ask():
            return found
        time.sleep(pause)
    raise AssertionError("it did not happen")


def _catch_at_work(portal: Installation, at_work: str) -> tuple[list[int], set[Any]]:
    """The pool's processes, paused in the middle of what `at_work` asks for, and the rows that it found."""

    def caught() -> tuple[list[int], set[Any]] | None:
        pool = portal.worker_children()
        _send(pool, signal.SIGCONT)
        _until(lambda: portal.query(at_work), pause=0.001, tries=60_000)
        _send(pool, signal.SIGSTOP)
        rows = set(portal.query(at_work))
        return (pool, rows) if pool and rows else None

    pool, rows = _until(caught)
    return pool, rows


def _kill_at_work(portal: Installation, at_work: str, while_caught: Callable[[], None] = lambda: None) -> None:
    """Kills the pool in the middle of it, and waits until somebody took over."""
    pool, rows = _catch_at_work(portal, at_work)
    while_caught()
    _send(pool, signal.SIGKILL)
    _until(lambda: rows.isdisjoint(portal.query(at_work)))


def _wait_for_the_files(portal: Installation) -> None:
    """Until every file waits for a curator, each stage of each was done once, and no attempt is left open."""
    _until(lambda: portal.query("SELECT stage FROM intake_uploadedfile") == [("curate",)] * FILES)
    runs = portal.query("SELECT file_id, stage, status FROM intake_stagerun")
    done = [(file, stage) for file, stage, status in runs if status == "done"]
    assert len(done) == len(set(done)) == 4 * FILES
    assert {status for _file, _stage, status in runs} <= {"done", "lost"}


def _lost(portal: Installation) -> int:
    return len(portal.query("SELECT 1 FROM intake_stagerun WHERE status = 'lost'"))


def test_killed_pool_processes(serve: Callable[..., Installation]) -> None:
    """The broker gives the task out again at once: the lease, which the sweep waits for, is far too long to help."""
    portal = serve(CXR_STAGE_LEASE_SECONDS="3600")
    for _ in range(2):
        _kill_at_work(portal, STAGE_AT_WORK)
    _wait_for_the_files(portal)
    assert _lost(portal) == 2


def test_killed_worker(serve: Callable[..., Installation]) -> None:
    """The whole worker dies, its task with it; another one is started, and the sweep finds the task's file."""
    portal = serve(CXR_STAGE_LEASE_SECONDS="30")
    (pool, _rows), mains = _catch_at_work(portal, STAGE_AT_WORK), portal.worker_mains()
    _send([*mains, *pool], signal.SIGKILL)
    _wait_for_the_files(portal)
    assert _lost(portal) == 1
    assert set(portal.worker_mains()).isdisjoint(mains)


def test_killed_broker(serve: Callable[..., Installation]) -> None:
    """Valkey dies with the queue in it; it is started again, and every file comes through."""
    portal = serve(CXR_STAGE_LEASE_SECONDS="30")
    (pool, _rows), brokers = _catch_at_work(portal, STAGE_AT_WORK), portal.brokers()
    assert len(brokers) == 1
    _send(brokers, signal.SIGKILL)
    _send(pool, signal.SIGCONT)
    _wait_for_the_files(portal)
    assert len(portal.brokers()) == 1
    assert portal.brokers() != brokers
    assert "The broker ended by itself" in (portal.var / "serve.log").read_text()


def test_killed_while_archives_are_built(serve: Callable[..., Installation]) -> None:
    """The release stays unpublished until every archive is whole, and nothing half lies in the store."""
    portal = serve(CXR_STAGE_LEASE_SECONDS="3600", CXR_STAGE_MAX_ATTEMPTS="10")
    _wait_for_the_files(portal)

    def unpublished() -> None:
        assert portal.query("SELECT status FROM datasets_release") == [("building",)]

    with ThreadPoolExecutor(1) as background:
        background.submit(portal.manage, "shell", "--no-imports", "-c", PUBLISH)
        _kill_at_work(portal, ARCHIVE_AT_WORK, unpublished)
    _until(lambda: portal.query("SELECT 1 FROM datasets_release WHERE status = 'published'"))
    archives = portal.query("SELECT status, file, size, md5, sha256, attempts FROM datasets_archive")
    assert len(archives) == 14
    for status, file, size, md5, sha256, _attempts in archives:
        content = (portal.var / "files" / "archives" / file).read_bytes()
        assert (status, size) == ("ready", len(content))
        assert (md5, sha256) == (hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())
    assert sum(attempts for *_rest, attempts in archives) == len(archives) + 1
    stored = [path for path in (portal.var / "files" / "archives").rglob("*") if path.is_file()]
    assert len(stored) == len(archives), "no half file of a killed attempt is left"
