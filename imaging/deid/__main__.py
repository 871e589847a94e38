"""``python -m imaging.deid IN OUT``: de-identify files or folders before anything leaves the house.

Exit status: 0 all files were written, 1 some were refused (each is named with its reason), 2 wrong use.
"""

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from imaging.formats import Format, Refused, dicom, sniff

from .engine import deidentify
from .keys import Keyed, key_id, patient_pseudonym
from .report import Report


@dataclass(frozen=True)
class Outcome:
    """What became of one file: where it lies for the moment and what it should be called, or why it was refused."""

    source: Path
    part: Path
    name: str = ""
    report: Report | None = None
    code: str = ""
    message: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status."""
    options = _parser().parse_args(arguments)
    source, out = Path(options.source), Path(options.out)
    if not source.exists():
        return _wrong("IN does not exist.")
    try:
        key = Path(options.key_file).read_bytes().strip() if options.key_file else secrets.token_bytes(32)
    except OSError:
        return _wrong("The key file cannot be read.")
    if len(key) < 16:
        return _wrong("The key has fewer than 16 bytes. Make one with: openssl rand -hex 32 > FILE")
    if not options.key_file:
        print("No --key-file: a new key is used for this run only, so later runs will not match.", file=sys.stderr)
    single = source.is_file() and bool(out.suffix) and not out.is_dir()
    folder = out.parent if single else out
    sources = [source] if source.is_file() else [path for path in _files(source) if not path.is_relative_to(folder)]
    if not sources:
        return _wrong("IN holds no files.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _wrong("OUT cannot be made.")
    parts = [folder / f".{os.getpid()}-{number}.part" for number in range(len(sources))]
    results: list[dict[str, Any]] = []
    taken: set[Path] = set()
    for outcome in _outcomes(partial(_one, key, options.hospital), sources, parts, options.jobs):
        target = _target(outcome, source, out, single, options.keep_names)
        results.append(_settle(outcome, _free(target, taken), folder))
    if options.report:
        Path(options.report).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    refused = sum("refused" in result for result in results)
    print(f"{len(results) - refused} written, {refused} refused")
    return 1 if refused else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m imaging.deid", description="De-identify chest radiographs.")
    parser.add_argument("source", metavar="IN", help="a file or a folder")
    parser.add_argument("out", metavar="OUT", help="a folder (or, for a single IN, a file name with an extension)")
    parser.add_argument("--key-file", metavar="FILE", help="secret key, 16 bytes or more; keep it, never share it")
    parser.add_argument("--hospital", metavar="N", type=int, default=0, help="number of the hospital (default 0)")
    parser.add_argument("--keep-names", action="store_true", help="keep relative paths (file names can identify)")
    parser.add_argument("--report", metavar="FILE", help="write what was done, as JSON")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (default 1)")
    return parser


def _wrong(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _outcomes(work: Any, sources: list[Path], parts: list[Path], jobs: int) -> Iterator[Outcome]:
    if jobs <= 1:
        yield from map(work, sources, parts)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(work, sources, parts, chunksize=4)


def _one(key: bytes, hospital: int, source: Path, part: Path) -> Outcome:
    """De-identify one file; whatever happens to it stops nothing else."""
    try:
        patient, name = _identity(key, hospital, source)
        report = deidentify(source, part, key=key, key_id=key_id(key), hospital=hospital, patient=patient)
    except Refused as refused:
        return Outcome(source, part, code=refused.code, message=refused.message)
    except OSError:
        return Outcome(source, part, code="unreadable", message="The file cannot be read or its copy not written.")
    return Outcome(source, part, f"{name}.{report.format.extension}", report)


def _identity(key: bytes, hospital: int, source: Path) -> tuple[str, str]:
    """The patient's pseudonym and the new UID; a file that has been through already keeps both."""
    keyed = Keyed(key, hospital, "")
    if sniff(source) is not Format.DICOM:
        with source.open("rb") as file:
            return "", keyed.uid(hashlib.file_digest(file, "sha256").digest())
    with source.open("rb") as file:
        header, _ = dicom.read_header(file)
    number, uid = dicom.text(header, "PatientID"), dicom.text(header, "SOPInstanceUID")
    if not keyed.made(uid):
        number = patient_pseudonym(key, hospital, number, dicom.text(header, "IssuerOfPatientID"))
    return number, keyed.uid(uid) if uid else keyed.uid(hashlib.sha256(source.read_bytes()).digest())


def _target(outcome: Outcome, source: Path, out: Path, single: bool, keep_names: bool) -> Path:
    if single:
        return out
    if not keep_names:
        return out / outcome.name
    relative = outcome.source.relative_to(source) if source.is_dir() else Path(outcome.source.name)
    if (
        outcome.report is not None
        and outcome.report.format is Format.PNG
        and relative.suffix.lower() in (".jpg", ".jpeg")
    ):
        relative = relative.with_suffix(".png")
    return out / relative


def _free(target: Path, taken: set[Path]) -> Path:
    """``target``, or the same name with _2, _3, ... when this run has written it already."""
    found, number = target, 1
    while found in taken:
        number += 1
        found = target.with_stem(f"{target.stem}_{number}")
    taken.add(found)
    return found


def _settle(outcome: Outcome, target: Path, folder: Path) -> dict[str, Any]:
    """Give a written file its name; name a refused one with its reason."""
    if outcome.report is None:
        print(f"refused: {outcome.source}: {outcome.message}", file=sys.stderr)
        return {"refused": outcome.code, "message": outcome.message, "input": str(outcome.source)}
    target.parent.mkdir(parents=True, exist_ok=True)
    outcome.part.replace(target)
    return {"output": str(target.relative_to(folder)), "report": outcome.report.as_dict()}


if __name__ == "__main__":
    sys.exit(main())
