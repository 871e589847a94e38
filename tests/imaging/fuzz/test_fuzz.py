"""The first damaged files of ``make fuzz``, and that the fuzzer sees what it is there to see."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from imaging.formats import Refused

from . import __main__ as fuzzer
from .mutations import mutated

NUMBERS = range(1_000_000_007, 1_000_000_007 + 150)


def test_damaged_files_are_refused_or_written_well(tmp_path: Path) -> None:
    worker = fuzzer.Worker()
    results = [(number, *worker.run(number)) for number in NUMBERS]
    worker.stop()
    assert [(number, said) for number, kind, said in results if kind == "bad"] == []
    assert sum(said == "written" for _, _, said in results) > 15
    assert {said for _, _, said in results} - {"written"} <= Refused.MESSAGES.keys()


def test_a_number_always_gives_the_same_file() -> None:
    assert mutated(12345) == mutated(12345)
    assert mutated(12345)[1] != mutated(12346)[1]


def hang(*_: Any, **__: Any) -> str:
    time.sleep(60)
    return ""


def crash(*_: Any, **__: Any) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def fail(*_: Any, **__: Any) -> str:
    raise ZeroDivisionError


def allocate(*_: Any, **__: Any) -> str:
    return str(len(bytes(5 * 1024**3)))


@pytest.mark.parametrize(
    ("fault", "said"), [(hang, "hang"), (crash, "crash"), (fail, "ZeroDivisionError"), (allocate, "MemoryError")]
)
def test_faults_are_seen(monkeypatch: pytest.MonkeyPatch, fault: Any, said: str) -> None:
    monkeypatch.setattr(fuzzer, "check", fault)
    monkeypatch.setattr(fuzzer, "HANG", 3.0)
    worker = fuzzer.Worker()
    kind, found = worker.run(1)
    worker.stop()
    assert kind == "bad"
    assert said in found
