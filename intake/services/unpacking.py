"""Unpacking a ZIP file of radiographs: each entry becomes a file of the same batch, with the same description.

It goes in steps that are short beside the lease of a stage. Each entry is taken or refused in one transaction with
the note of how far the container is, which also checks the claim: so an entry is never taken twice, whoever dies.
"""

import io
import time
import zipfile
from collections.abc import Iterator
from typing import IO, cast

from django.conf import settings
from django.db import transaction

from imaging.formats import Refused
from imaging.formats.kinds import recognise
from intake import kinds, names, originals
from intake.models import RefusedEntry, Stage, UploadedFile
from intake.quarantine import HEAD, Damaged, Sealed, Sealer
from intake.services import duplicates, zips
from intake.services.errors import BatchFull, Duplicate, IntakeError, QuotaReached
from intake.services.outcomes import Outcome
from intake.services.receiving import DEMOGRAPHICS, receive_file

STEP_SECONDS = 60  # after which others have their turn
_CHUNK = 1024 * 1024
_ARCHIVES = ("zip", "gzip", "7z", "rar")


class _Superseded(Exception):  # noqa: N818
    """Somebody else has the container now, or it was withdrawn."""


class _Bad(Exception):  # noqa: N818
    """This entry cannot be unpacked; the message is its code."""


def is_zip(file: UploadedFile) -> bool:
    """By the first bytes, and where the portal takes ZIP files at all. Raises Damaged."""
    return kinds.ZIP in settings.CXR_ALLOWED_TYPES and kinds.kind(originals.head(file.pk)) == kinds.ZIP


def unpack(file: UploadedFile) -> Outcome:
    """Takes out what comes next. The container waits for its next step or, in the end, is UNPACKED.

    `file` is the container as claimed, with its batch. Raises ZipRefused where nothing or nothing more can be taken
    out, Damaged, and duplicates.Repeated for a container that was sent before."""
    with originals.opened(file.pk, duplicates.received_sha256(file), most=zips.most_at_once()) as original:
        if original.size != file.size:
            raise Damaged("another size than received")
        duplicates.settle_bytes(file, original.sha256)
        with zips.opened(cast(IO[bytes], original)) as archive:
            # Counted from here: reading a large container through takes a time of its own, at every step.
            until = time.monotonic() + min(STEP_SECONDS, settings.CXR_STAGE_LEASE_SECONDS / 4)
            step = _Step(file, archive)
            try:
                done = step.run(until)
            except _Superseded:
                done = False
    progress = step.progress
    if done and not progress["taken"] and not progress["known"]:
        raise zips.ZipRefused("zip_nothing")

    def apply(row: UploadedFile) -> None:
        row.facts["zip"] = progress

    return Outcome(dict(progress), apply, then=Stage.UNPACKED if done else Stage.INSPECT)


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """What an entry holds, never more than it declared, its CRC-32 checked at the end. Raises _Bad."""
    try:
        with archive.open(info) as source:
            while data := source.read(_CHUNK):
                yield data
    except (MemoryError, Damaged, GeneratorExit):
        raise
    except Exception:  # hostile bytes make zipfile and zlib raise nearly anything
        raise _Bad("damaged") from None


def _check_head(head: bytes) -> None:
    """Lets images through, and DICOM data without a file header: inspection tells how to export that."""
    if kinds.kind(head) in _ARCHIVES:
        raise _Bad("nested")
    try:
        recognise(io.BytesIO(head))
    except Refused as refused:
        if refused.code != "not_part10":
            raise _Bad(refused.code) from None


class _Step:
    """One pass over some of the entries. `progress` is what the container's row says in `facts["zip"]`."""

    def __init__(self, file: UploadedFile, archive: zipfile.ZipFile) -> None:
        self.file = file
        self.archive = archive
        self.infos = archive.infolist()
        found: dict[str, int] = file.facts.get("zip", {})
        begin = dict.fromkeys(("next", "taken", "known", "refused", zips.SYSTEM, zips.DICOMDIR), 0)
        self.progress: dict[str, int] = {**begin, **found, "entries": len(self.infos)}

    def run(self, until: float) -> bool:
        """Goes on until the time (time.monotonic) is over; True when all is done."""
        while self.progress["next"] < len(self.infos):
            self._one(self.progress["next"])
            if time.monotonic() > until:
                break
        return self.progress["next"] == len(self.infos)

    def _one(self, number: int) -> None:
        info = self.infos[number]
        if passed := zips.passed_over(info):
            if passed != zips.FOLDER:
                self.progress[passed] += 1
            # Noted with the next entry that is taken or refused; until then it may be counted anew.
            self.progress["next"] += 1
        elif code := zips.refusal(info):
            self._refuse(number, code)
        else:
            try:
                sealed = self._seal(info)
            except _Bad as bad:
                self._refuse(number, str(bad))
            else:
                self._take(number, sealed)

    def _seal(self, info: zipfile.ZipInfo) -> Sealed:
        chunks = _chunks(self.archive, info)
        first = next(chunks, b"")
        _check_head(first[:HEAD])
        sealer = Sealer()
        try:
            sealer.write(first)
            for data in chunks:
                sealer.write(data)
            return sealer.finish()
        except BaseException:
            sealer.discard()
            raise

    def _take(self, number: int, sealed: Sealed) -> None:
        container = self.file
        try:
            with transaction.atomic():
                self._note(number, taken=1)
                file = receive_file(
                    batch=container.batch,
                    user=None,  # who sent the container stands there
                    name=zips.name_of(self.infos[number]),
                    sealed=sealed,
                    group=container.group,
                    demographics={field: getattr(container, field) for field in DEMOGRAPHICS},
                    set=container.set,
                )
                file.container = container
                if container.patient_key_hash and not file.patient_key_hash:
                    file.patient_key_hash, file.patient_key_id = container.patient_key_hash, container.patient_key_id
                file.save(update_fields=["container", "patient_key_hash", "patient_key_id"])
        except (BatchFull, QuotaReached):
            raise zips.ZipRefused("zip_no_room") from None
        except Duplicate:
            earlier = duplicates.find(container.hospital_id, "sha256", [sealed.sha256])
            self._refuse(number, "duplicate", earlier=earlier)
        except IntakeError as error:
            self._refuse(number, error.code)
        except BaseException:
            sealed.discard()
            raise
        else:
            self._count(taken=1)

    def _refuse(self, number: int, code: str, earlier: UploadedFile | None = None) -> None:
        counts = {"known": 1} if code == "duplicate" else {"refused": 1}
        with transaction.atomic():
            self._note(number, **counts)
            RefusedEntry.objects.create(
                container=self.file,
                number=number,
                sealed_name=names.seal(zips.name_of(self.infos[number])),
                code=code,
                earlier=earlier,
            )
        self._count(**counts)

    def _note(self, number: int, **counts: int) -> None:
        """Writes on the container's row, in the caller's transaction, that the entry is done. Raises _Superseded."""
        row = UploadedFile.objects.select_for_update().get(pk=self.file.pk)
        mine = (self.file.stage, self.file.attempts, self.file.claimed_by)
        if (row.stage, row.attempts, row.claimed_by) != mine or row.facts.get("zip", {}).get("next", 0) > number:
            raise _Superseded
        row.facts["zip"] = self._after(counts)
        row.save(update_fields=["facts"])

    def _count(self, **counts: int) -> None:
        self.progress = self._after(counts)

    def _after(self, counts: dict[str, int]) -> dict[str, int]:
        added = {key: self.progress[key] + count for key, count in counts.items()}
        return {**self.progress, **added, "next": self.progress["next"] + 1}
