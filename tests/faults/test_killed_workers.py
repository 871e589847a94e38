"""A real worker is killed at its work; nothing is lost, nothing is done twice, and the queue goes on."""

import csv
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imaging.phantoms import draw, write_jpeg
from imaging.phantoms.writers import FakePerson
from tests.e2e.installation import Installation

FILES = 6
SETUP = """
from portal.demo.make import ensure_dataset
from portal.demo.people import ensure_people
ensure_dataset(ensure_people())
"""
STATE = """
import json
from intake.models import StageRun, UploadedFile
print(json.dumps({
    "stages": list(UploadedFile.objects.values_list("stage", flat=True)),
    "runs": list(StageRun.objects.values_list("file_id", "stage", "status")),
}, default=str))
"""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    portal = Installation(CXR_STAGE_LEASE_SECONDS="20")
    try:
        portal.manage("shell", "--no-imports", "-c", SETUP)
        _collection(tmp_path)
        portal.manage("import_collection", str(tmp_path), "--dataset", "demo-cxr", "--hospital", "1")
        yield portal
    finally:
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


def _state(portal: Installation) -> dict[str, Any]:
    return json.loads(portal.manage("shell", "--no-imports", "-c", STATE))


def _wait_for_the_end(portal: Installation) -> dict[str, Any]:
    for _ in range(60):
        state = _state(portal)
        if all(stage in ("curate", "set_aside") for stage in state["stages"]):
            return state
        time.sleep(2)
    raise AssertionError(state)


def _assert_each_stage_was_done_once(state: dict[str, Any]) -> None:
    assert state["stages"] == ["curate"] * FILES
    done = [(file, stage) for file, stage, status in state["runs"] if status == "done"]
    assert len(done) == len(set(done)) == 4 * FILES
    assert not [run for run in state["runs"] if run[2] == "running"], "no attempt is left open"


def _kill_a_busy_pool_process(portal: Installation) -> None:
    for _ in range(200):
        if any(status == "running" for _file, _stage, status in _state(portal)["runs"]):
            break
    for process in portal.worker_children():
        os.kill(process, signal.SIGKILL)


def test_killed_pool_processes(installation: Installation) -> None:
    for _ in range(2):
        _kill_a_busy_pool_process(installation)
        time.sleep(1)
    _assert_each_stage_was_done_once(_wait_for_the_end(installation))


def test_killed_worker(installation: Installation) -> None:
    """The whole worker dies, its unacknowledged task with it; the supervisor starts another one."""
    for process in [*installation.worker_mains(), *installation.worker_children()]:
        os.kill(process, signal.SIGKILL)
    _assert_each_stage_was_done_once(_wait_for_the_end(installation))
