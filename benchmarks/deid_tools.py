"""One de-identifier over one folder of DICOM files, timed: a process of its own for benchmarks.deid.

    python benchmarks/deid_tools.py TOOL IN OUT

Runs in the environment of the tool, so it imports nothing of this program unless TOOL is "cxr-commons". Prints JSON:
wall and CPU seconds for all files, the greatest resident set (KiB), the files that were not written.
"""

import contextlib
import io
import json
import logging
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[[Path, Path], Any]


def copy() -> Work:
    return shutil.copyfile


def pydicom_read_write() -> Work:
    import pydicom

    def work(source: Path, target: Path) -> None:
        dataset = pydicom.dcmread(source)
        dataset.PatientName  # noqa: B018 (somebody looks at it)
        dataset.save_as(target)

    return work


def cxr_commons() -> Work:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from imaging.deid import deidentify

    def work(source: Path, target: Path) -> None:
        deidentify(source, target, key=b"k" * 32, key_id="k", hospital=1, patient="ab" * 32)

    return work


def dicognito() -> Work:
    import pydicom
    from dicognito.anonymizer import Anonymizer  # type: ignore[import-not-found]

    anonymizer = Anonymizer()

    def work(source: Path, target: Path) -> None:
        dataset = pydicom.dcmread(source)
        anonymizer.anonymize(dataset)
        dataset.save_as(target)

    return work


def dicom_anonymizer() -> Work:
    from dicomanonymizer import anonymize_dicom_file  # type: ignore[import-not-found]

    return lambda source, target: anonymize_dicom_file(str(source), str(target))


def deid() -> Work:
    from deid.config import DeidRecipe  # type: ignore[import-not-found]
    from deid.dicom import replace_identifiers  # type: ignore[import-not-found]

    recipe = DeidRecipe()

    def work(source: Path, target: Path) -> None:
        replace_identifiers(
            dicom_files=[str(source)], deid=recipe, save=True, output_folder=str(target.parent), overwrite=True,
            strip_sequences=True, remove_private=True,
        )  # fmt: skip

    return work


TOOLS: dict[str, Callable[[], Work]] = {
    "plain copy": copy,
    "pydicom read + write": pydicom_read_write,
    "cxr-commons": cxr_commons,
    "dicognito": dicognito,
    "dicom-anonymizer": dicom_anonymizer,
    "deid": deid,
}


def main() -> None:
    del sys.path[0]  # this folder has a module named deid
    tool, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    sources, failed = sorted(folder.iterdir()), []
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        work = TOOLS[tool]()
        with contextlib.suppress(Exception):
            work(sources[0], out / sources[0].name)  # imports and tables are not timed
        wall, cpu = time.perf_counter(), time.process_time()
        for source in sources:
            try:
                work(source, out / source.name)
            except (Exception, SystemExit):
                failed.append(source.name)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": _peak(), "failed": failed}))


def _peak() -> int:
    """The greatest resident set, KiB; getrusage would tell the parent's as well."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
