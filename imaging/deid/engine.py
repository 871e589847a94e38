"""One call per file: read, rebuild, write at once or not at all."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from imaging.formats.kinds import Format, recognise

from .keys import Keyed
from .rebuild import Rebuilt
from .report import Report

if TYPE_CHECKING:
    from .text import Text


def deidentify(
    source: Path,
    target: Path,
    *,
    key: bytes,
    key_id: str,
    hospital: int,
    patient: str | None,
    text: "Text | None" = None,
    checked: bool = False,
    former: Sequence[bytes] = (),
) -> Report:
    """Write a de-identified copy of ``source`` to ``target``: the same input and key give the same bytes.

    ``patient``: the patient's pseudonym (hex, from ``pseudonym``); its first 16 digits become the Patient ID, and the
    shift of the dates hangs on it. None: from the Patient ID in the file. ``hospital``: its number; UIDs are consistent
    within one hospital. ``former``: keys of earlier times, whose files are recognised.
    ``text``: what was found in the picture; those boxes that say so are painted over. None: nobody looked.
    ``checked``: a person has looked too. The report's ``format`` says what was written: a JPEG may become a PNG.

    Method: DICOM PS3.15 Annex E, Basic Application Level Confidentiality Profile as an allow-list, with the options
    113105, 113107, 113108 and, when ``checked``, 113101. Raises Refused (nothing is written then), OSError and
    ValueError (``checked`` without ``text``).
    """
    with _replacing(target) as out:
        done = work(source, out, key=key, hospital=hospital, patient=patient, text=text, checked=checked, former=former)
    return done.report(key_id)


@dataclass(frozen=True)
class Done:
    """A file that was written: its format, its new UID, and the report for who wants it."""

    format: Format
    uid: str
    report: Callable[[str], Report]


def work(
    source: Path,
    out: BinaryIO,
    *,
    key: bytes,
    hospital: int,
    patient: str | None,
    text: "Text | None" = None,
    checked: bool = False,
    former: Sequence[bytes] = (),
) -> Done:
    """``deidentify`` into an open file and without its report, which takes longer to make than a small file."""
    if checked and text is None:
        raise ValueError("a person is shown what the detector found")
    boxes = text.boxes if text else ()
    with source.open("rb", buffering=0) as file:
        kind = recognise(file)
        if kind is Format.DICOM:
            rebuilt = Rebuilt(file, key, hospital, patient, former=former, boxes=boxes, checked=checked)
            for chunk in rebuilt.chunks():
                out.write(chunk)
            return Done(kind, rebuilt.instance, lambda key_id: _with_text(rebuilt.report(key_id), text, checked))
        from . import raster  # and with it Pillow

        data, plain = raster.rewrite(source, kind, "", boxes)
        out.write(data)
        uid = Keyed(key, hospital, "", former).uid(hashlib.file_digest(file, "sha256").digest())
        return Done(plain.format, uid, lambda key_id: _with_text(replace(plain, key_id=key_id), text, checked))


def attest(source: Path, target: Path, *, key: bytes, hospital: int, former: Sequence[bytes] = ()) -> None:
    """Write a file that ``deidentify`` made once more, saying that a person has looked at its picture.

    The option 113101 is added and BurnedInAnnotation is NO; UIDs, patient, dates and pixels stay. A raster, which has
    no place for it, is copied. Raises Refused, OSError and ValueError (a DICOM file that this key did not make).
    """
    with source.open("rb", buffering=0) as file:
        if recognise(file) is not Format.DICOM:
            shutil.copyfile(source, target)
            return
        rebuilt = Rebuilt(file, key, hospital, None, former=former, checked=True)
        if not rebuilt.again:
            raise ValueError("not de-identified under this key")
        with _replacing(target) as out:
            for chunk in rebuilt.chunks():
                out.write(chunk)


def _with_text(report: Report, text: "Text | None", checked: bool) -> Report:
    if text is None:
        return report
    return replace(
        report,
        text=list(text.boxes),
        text_version=text.version,
        doubtful=text.doubtful,
        checked=checked,
        needs_person=not checked and (report.needs_person or text.doubtful),
    )


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
