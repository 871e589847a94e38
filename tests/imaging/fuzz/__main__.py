# ruff: noqa: T201
"""Damage files and de-identify them: ``python -m tests.imaging.fuzz [--seconds 600] [--seed 1] [--save FOLDER]``.

Every file is made from its own number, so a finding is repeated with ``python -m tests.imaging.fuzz --only NUMBER``.
Files run one after the other in a worker process with limits on memory and time; its death or silence is a finding.
Exit status: 0 nothing was found, 1 something was.
"""

import argparse
import contextlib
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from .mutations import mutated
from .seeds import SECRET, real, synthetic

MEMORY = 4 * 1024**3
HANG = 20.0  # seconds
_STEP = 1_000_000_007


def check(data: bytes, folder: Path, *, planted: bool) -> str:
    """De-identify, inspect and decode ``data``: what became of it. Raises AssertionError for what must not be."""
    import pydicom

    from imaging.deid import deidentify
    from imaging.formats import Format, Refused, decode, inspect, sniff, stored
    from tests.imaging.deid.corpus import KEY, Plant, found

    source, target = folder / "in", folder / "out"
    source.write_bytes(data)
    target.unlink(missing_ok=True)
    try:
        report = deidentify(source, target, key=KEY, key_id="fuzz", hospital=1, patient="ab" * 32)
    except Refused as refused:
        result, said = refused.code, str(refused)
    else:
        result, said = "written", repr(report.as_dict())
        written = target.read_bytes()
        if planted and found(written, [Plant("", SECRET.decode(), False)]):
            assert SECRET in stored(target).tobytes(), "leak"  # else the damage made it part of the picture
        if sniff(target) is Format.DICOM:
            assert pydicom.dcmread(target).PatientName == "Anonymous", "not readable"
        again = folder / "again"
        try:
            deidentify(target, again, key=KEY, key_id="fuzz", hospital=1, patient="ab" * 32)
        except Refused as refused:
            raise AssertionError(f"what was written is refused: {refused.code}") from None
        assert again.read_bytes() == written, "a second pass changes it"
    assert target.exists() == (result == "written"), "refused and written"
    assert SECRET not in said.encode(), "report or refusal tells a secret"
    for look in (inspect, decode):
        with contextlib.suppress(Refused):
            look(source)
    return result


def _work(pipe: Connection) -> None:
    """The worker: numbers in, results out."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import warnings

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        while True:
            number = pipe.recv()
            try:
                _, data, planted = mutated(number)
                pipe.send(("well", check(data, Path(folder), planted=planted)))
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                pipe.send(("bad", f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"))


class Worker:
    """A process that is replaced when it dies or hangs."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        synthetic(), real()  # made once, before the fork
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def run(self, number: int) -> tuple[str, str]:
        """("well" or "bad", what became of it)."""
        self.pipe.send(number)
        try:
            if self.pipe.poll(HANG):
                answer: tuple[str, str] = self.pipe.recv()
                return answer
            result = ("bad", f"hang: over {HANG:.0f} s")
        except EOFError:
            self.process.join()
            result = ("bad", f"crash: exit status {self.process.exitcode}")
        self.stop()
        self._start()
        return result

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def fuzz(seconds: float, seed: int, save: Path) -> tuple[Counter[str], dict[str, list[int]]]:
    """Run until the time is up: results, and findings with the numbers that show them."""
    results: Counter[str] = Counter()
    findings: dict[str, list[int]] = {}
    worker, start, count = Worker(), time.monotonic(), 0
    try:
        while time.monotonic() - start < seconds:
            number = seed * _STEP + count
            count += 1
            kind, said = worker.run(number)
            results[said if kind == "well" else "FOUND"] += 1
            if kind == "bad":
                numbers = findings.setdefault(said, [])
                numbers.append(number)
                if len(numbers) <= 3:
                    name, data, _ = mutated(number)
                    save.mkdir(parents=True, exist_ok=True)
                    (save / f"{number}.bin").write_bytes(data)
                    print(f"{said}\n  from {name}, saved as {save / f'{number}.bin'}; again: {sys.executable} "
                          f"-m tests.imaging.fuzz --only {number}", flush=True)  # fmt: skip
    finally:
        worker.stop()
    return results, findings


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS", "600")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--only", type=int, help="run this one file in this process")
    options = parser.parse_args()
    if options.only is not None:
        name, data, planted = mutated(options.only)
        print(f"from {name}, {len(data)} bytes")
        with tempfile.TemporaryDirectory() as folder:
            print(check(data, Path(folder), planted=planted))
        return 0
    starts = f"{len(synthetic())} made and {len(real())} real files to start from"
    print(f"seed {options.seed}, {options.seconds:.0f} s, {starts}", flush=True)
    results, findings = fuzz(options.seconds, options.seed, options.save)
    print(f"{results.total()} files: " + ", ".join(f"{count} {name}" for name, count in results.most_common()))
    for said, numbers in findings.items():
        print(f"{len(numbers)} x {said}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
