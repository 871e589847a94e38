"""``python -m imaging.deid IN OUT``: de-identify files or folders before anything leaves the house.

Exit status: 0 all files were written, 1 some were refused (each is named with its reason), 2 wrong use.
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .batch import Outcome, Settings, Task, outcomes
from .keys import read_keys

_NEW_KEY = "No --key-file: a new key is used for this run only, so later runs will not match."


def main(arguments: list[str] | None = None, prog: str = "python -m imaging.deid") -> int:
    """Run the command. Returns the exit status."""
    options = _parser(prog).parse_args(arguments)
    source, out = Path(options.source), Path(options.out)
    if not source.exists():
        return _wrong("IN does not exist.")
    try:
        keys = read_keys(Path(options.key_file).read_bytes()) if options.key_file else (secrets.token_bytes(32),)
    except OSError:
        return _wrong("The key file cannot be read.")
    except ValueError:
        return _wrong("The key has fewer than 16 bytes. Make one with: openssl rand -hex 32 > FILE")
    if not options.key_file:
        print(_NEW_KEY, file=sys.stderr)
    single = source.is_file() and bool(out.suffix) and not out.is_dir()
    folder = out.parent if single else out
    if out.resolve() == source.resolve():
        return _wrong("OUT is IN. Name another place: originals are never overwritten.")
    found = _Found([source], [], []) if source.is_file() else _files(source, folder)
    if not found.files and not found.links and not found.closed:
        return _wrong("IN holds no files.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _wrong("OUT cannot be made.")
    if options.report:
        report = Path(options.report)
        if (
            not report.parent.is_dir()
            or report.is_dir()
            or report.resolve() in {path.resolve() for path in found.files}
        ):
            return _wrong("The --report cannot be written there. Name a new file in a folder that exists.")
    settings = Settings(keys, options.hospital, options.header_only, bool(options.report))
    names = _Names(source, out, single, options.keep_names, {path.resolve() for path in found.files})
    results = [_refused(path, "link", "This link leads out of IN and was not followed.") for path in found.links]
    results += [_refused(path, "unreadable", "This folder cannot be opened.") for path in found.closed]
    try:
        results += _write(settings, found.files, folder, options.jobs, names)
    except ImportError as missing:
        return _wrong(f"A package is not installed: {missing.name}. Install it, or leave out the text: --header-only")
    if options.report:
        _replace(Path(options.report), json.dumps(results, indent=1) + "\n")
    refused = sum("refused" in result for result in results)
    print(f"{len(results) - refused} written, {refused} refused")
    return 1 if refused else 0


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="De-identify chest radiographs.")
    parser.add_argument("source", metavar="IN", help="a file or a folder")
    parser.add_argument("out", metavar="OUT", help="a folder (or, for a single IN, a file name with an extension)")
    parser.add_argument(
        "--key-file",
        metavar="FILE",
        help="secret keys, one a line, 16 bytes or more each: the first is used, files made under the others are "
        "recognised; keep it, never share it",
    )
    parser.add_argument("--hospital", metavar="N", type=_number, default=0, help="number of the hospital (default 0)")
    parser.add_argument("--keep-names", action="store_true", help="keep relative paths (file names can identify)")
    parser.add_argument("--report", metavar="FILE", help="write what was done, as JSON")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (default 1)")
    parser.add_argument(
        "--header-only", action="store_true", help="do not look for text in the picture (something else must)"
    )
    return parser


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 63:
        raise ValueError
    return number


def _wrong(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


@dataclass(frozen=True)
class _Found:
    """Regular files, links that lead out of the folder, and folders that cannot be read."""

    files: list[Path]
    links: list[Path]
    closed: list[Path]


def _files(source: Path, out: Path) -> _Found:
    """What lies in ``source`` but not in ``out``. A link to something within is passed over: that is met itself."""
    found, home, skipped = _Found([], [], []), source.resolve(), out.resolve()

    def closed(error: OSError) -> None:
        found.closed.append(Path(os.fsdecode(error.filename)))

    for folder, folders, names in os.walk(source, onerror=closed):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() != skipped)
        for name in sorted((*names, *folders)):
            path = here / name
            if path.is_symlink():
                if not path.resolve().is_relative_to(home):
                    found.links.append(path)
            elif path.is_file():
                found.files.append(path)
    return _Found(sorted(found.files), sorted(found.links), sorted(found.closed))


class _Names:
    """Which path each result gets: its new UID, or with ``keep`` where it lay in ``source``; never that of an input."""

    def __init__(self, source: Path, out: Path, single: bool, keep: bool, inputs: set[Path]) -> None:
        self._source, self._out, self._single, self._keep = source, out, single, keep
        self._folder = source.is_dir()
        self._inputs = (
            inputs if single or out.resolve() in {parent for path in inputs for parent in path.parents} else set()
        )
        self._taken: set[Path] = set()

    def target(self, outcome: Outcome) -> Path:
        """The path, with _2, _3, ... when this run has written it already."""
        first = found = self._wanted(outcome)
        number = 1
        while found in self._taken or (self._inputs and found.resolve() in self._inputs):
            number += 1
            found = first.with_stem(f"{first.stem}_{number}")
        self._taken.add(found)
        return found

    def _wanted(self, outcome: Outcome) -> Path:
        if self._single:
            return self._out
        if not self._keep:
            return self._out / f"{outcome.uid}.{outcome.extension}"
        relative = outcome.source.relative_to(self._source) if self._folder else Path(outcome.source.name)
        if outcome.extension == "png" and relative.suffix.lower() in (".jpg", ".jpeg"):
            relative = relative.with_suffix(".png")
        return self._out / relative


def _write(settings: Settings, files: list[Path], folder: Path, jobs: int, names: _Names) -> Iterator[dict[str, Any]]:
    """De-identify the files and give each result its name; a refused one is named with its reason."""
    tasks = [Task(path, folder / f".{os.getpid()}-{number}.part") for number, path in enumerate(files)]
    made = {folder}
    try:
        for task, outcome in zip(tasks, outcomes(settings, tasks, jobs), strict=True):
            if outcome.code:
                yield _refused(outcome.source, outcome.code, outcome.message)
                continue
            target = names.target(outcome)
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            task.part.replace(target)
            if outcome.doubtful:
                print(f"look at: {_shown(target)}", file=sys.stderr)
            yield {"output": str(target.relative_to(folder)), "report": outcome.report}
    except BaseException:
        for task in tasks:
            task.part.unlink(missing_ok=True)
        raise


def _shown(path: Path) -> str:
    """The path for a terminal, which a name may otherwise command: on one line, all else escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(path))


def _refused(path: Path, code: str, message: str) -> dict[str, Any]:
    print(f"refused: {_shown(path)}: {message}", file=sys.stderr)
    return {"refused": code, "message": message, "input": str(path)}


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    sys.exit(main())
