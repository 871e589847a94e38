"""One call per file: read, rebuild, write at once or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imaging.formats import Format, sniff

from . import raster
from .keys import Keyed
from .rebuild import Rebuilt
from .report import Report


def deidentify(
    source: Path, target: Path, *, key: bytes, key_id: str, hospital: int, patient: str, decoded: bool = False
) -> Report:
    """Write a de-identified copy of ``source`` to ``target``: the same input and key give the same bytes.

    ``patient``: the patient's pseudonym (hex, from ``pseudonym``); its first 16 digits become the Patient ID, and the
    shift of the dates hangs on it. ``hospital``: its number; UIDs are consistent within one hospital.
    ``decoded``: True when ``formats.inspect`` has passed on these very bytes, which saves decoding compressed pixels
    once more. The report's ``format`` says what was written: a JPEG that EXIF turned becomes a PNG.

    Method: DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile as an allow-list, with the options
    113105, 113107 and 113108. Raises Refused (nothing is written then) and OSError.
    """
    kind = sniff(source)
    if kind is not Format.DICOM:
        data, report = raster.rewrite(source, kind, key_id)
        with _replacing(target) as out:
            out.write(data)
        return report
    with source.open("rb") as file:
        rebuilt = Rebuilt(file, Keyed(key, hospital, patient), patient)
        if not decoded:
            rebuilt.decode()
        with _replacing(target) as out:
            for chunk in rebuilt.chunks():
                out.write(chunk)
        return rebuilt.report(key_id)


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of ``target`` when all is written, and leaves nothing behind otherwise."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            yield out
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
