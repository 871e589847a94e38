"""Files and folders as the commands of this package take them: every file in turn, whatever becomes of the others."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from imaging.formats import Refused

Result = TypeVar("Result")


@dataclass(frozen=True)
class Done(Generic[Result]):
    """What became of one file: a result, or the code and the words of the reason for which there is none."""

    source: Path
    result: Result | None = None
    code: str = ""
    message: str = ""


def sources(given: Path, *without: Path) -> list[Path]:
    """The file, or every file below the folder in the order of their names, but those under a folder of `without`."""
    if given.is_file():
        return [given]
    left_out = [folder.resolve() for folder in without]
    found = sorted(path for path in given.rglob("*") if path.is_file())
    return [path for path in found if not any(path.resolve().is_relative_to(folder) for folder in left_out)]


def relative(path: Path, given: Path) -> Path:
    """The path below the folder that was given; its name alone where the file itself was given."""
    return Path(path.name) if path == given else path.relative_to(given)


def run(
    work: Callable[..., Result], paths: Sequence[Path], *more: Sequence[object], jobs: int = 1
) -> Iterator[Done[Result]]:
    """`work` on each path and what stands beside it in `more`, in `jobs` processes, in the order of the paths.

    One that fails stops no other.
    """
    one = partial(_one, work)
    if jobs <= 1:
        yield from map(one, paths, *more)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(one, paths, *more)


def _one(work: Callable[..., Result], path: Path, *more: object) -> Done[Result]:
    try:
        return Done(path, work(path, *more))
    except Refused as refused:
        return Done(path, code=refused.code, message=refused.message)
    except OSError:
        return Done(path, code="unreadable", message="The file cannot be read or its result not written.")
    except Exception:  # an error of this program on one file must not cost the results of a thousand others
        return Done(path, code="failed", message="This program failed on the file. Please report it.")
