"""Many files in several processes. Whatever happens to one of them, a crashed decoder included, stops nothing else."""

import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imaging.formats.refusal import Refused

from .engine import Done, work
from .keys import key_id

_MOST_AT_ONCE = 32  # files that a process is given together
_SKIPPED = "The picture was not searched for text."


@dataclass(frozen=True)
class Settings:
    """``keys``: the first is used. ``header_only``: nobody looks for text. ``reports``: whether they are wanted."""

    keys: tuple[bytes, ...]
    hospital: int
    header_only: bool
    reports: bool


@dataclass(frozen=True)
class Task:
    """A file, and where the result is put until it has a name."""

    source: Path
    part: Path


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its new UID, extension and report, or (``code``, ``message``) why it was refused."""

    source: Path
    uid: str = ""
    extension: str = ""
    report: dict[str, Any] | None = None
    doubtful: bool = False
    code: str = ""
    message: str = ""


def outcomes(settings: Settings, tasks: Sequence[Task], jobs: int) -> Iterator[Outcome]:
    """The outcome of each task, in order. None is done in this process, which a decoder could take with it."""
    size = max(1, min(_MOST_AT_ONCE, len(tasks) // (4 * max(jobs, 1))))
    waiting = [tasks[at : at + size] for at in range(0, len(tasks), size)]
    while waiting:
        with _pool(min(max(jobs, 1), len(waiting))) as pool:
            futures = [pool.submit(_several, settings, chunk) for chunk in waiting]
            try:
                for future in futures:
                    yield from future.result()
                    waiting.pop(0)
            except BrokenProcessPool:  # one of the files, not known which
                pass
        if waiting:
            yield from (_alone(settings, task) for task in waiting.pop(0))


def one(settings: Settings, task: Task) -> Outcome:
    """De-identify one file. Raises ImportError when what searches for text is not installed."""
    try:
        return _one(settings, task)
    except Refused as refused:
        code, message = refused.code, refused.message
    except OSError:
        code, message = "unreadable", "The file cannot be read or its copy not written."
    except MemoryError:
        code, message = "out_of_memory", "There is not enough memory for this file. Use fewer --jobs."
    except ImportError:  # the installation's fault, not the file's
        task.part.unlink(missing_ok=True)
        raise
    except Exception:  # no file may stop the others; what an exception says may hold what the file says
        code, message = "undecodable", Refused.MESSAGES["undecodable"]
    task.part.unlink(missing_ok=True)
    return Outcome(task.source, code=code, message=message)


def _one(settings: Settings, task: Task) -> Outcome:
    key, *former = settings.keys
    text = None
    if not settings.header_only:
        from imaging.formats import stored

        from .text import find_text

        text = find_text(stored(task.source))
    with task.part.open("wb") as out:
        done = work(task.source, out, key=key, hospital=settings.hospital, patient=None, text=text, former=former)
    report = _report(done, key, settings) if settings.reports else None
    doubtful = text is not None and text.doubtful
    return Outcome(task.source, done.uid, done.format.extension, report, doubtful)


def _report(done: Done, key: bytes, settings: Settings) -> dict[str, Any]:
    report = done.report(key_id(key))
    if settings.header_only:
        report.warnings.append(_SKIPPED)
    return report.as_dict()


def _several(settings: Settings, tasks: Sequence[Task]) -> list[Outcome]:
    return [one(settings, task) for task in tasks]


def _alone(settings: Settings, task: Task) -> Outcome:
    """One file in a process of its own, because one of its fellows, or it, has ended the process they shared."""
    with _pool(1) as pool:
        try:
            return pool.submit(one, settings, task).result()
        except BrokenProcessPool:
            task.part.unlink(missing_ok=True)
            return Outcome(task.source, code="undecodable", message=Refused.MESSAGES["undecodable"])


def _pool(processes: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, multiprocessing.get_context("fork" if _forks() else "spawn"))


def _forks() -> bool:
    """A fork starts at once. Where this process runs onnxruntime, a fork would lack its threads and hang."""
    return "fork" in multiprocessing.get_all_start_methods() and "onnxruntime" not in sys.modules
