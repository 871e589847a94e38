"""Uploads that come in pieces: begun, resumed after whatever cut them, taken over when the last byte is there.

The row says how many bytes were acknowledged and how much of the blob they are. It is written after the blob was forced
to the disk, so that a killed process or a power cut costs what came since, never what was acknowledged.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from intake import names, policies, quarantine, resumable
from intake.models import PartialUpload, UploadBatch, UploadedFile
from intake.quarantine import Sealed
from intake.resumable import Appender
from intake.services import limits
from intake.services.errors import IntakeError
from intake.services.patients import PatientUnclear, identify
from intake.services.receiving import receive_file
from intake.tus import protocol
from intake.tus.description import describe

logger = structlog.get_logger(__name__)

FORGOTTEN_SECONDS = 60  # after these the sweep takes over what is complete
BUSY_SECONDS = 2.0  # how long a request waits for the one before it to let go of the blob
MOST_AT_ONCE = 1000


class StorageFailed(Exception):  # noqa: N818
    """The disk or the database did not take it. What was acknowledged stands."""


class WrongChecksum(Exception):  # noqa: N818
    """The bytes of this request are not those that were sent; they were dropped."""


class Expired(Exception):  # noqa: N818
    """Nobody went on with it in time, or the file was taken back since."""


def visible(user: Any) -> "QuerySet[PartialUpload]":
    """A person's own uploads into batches of the hospitals that the person still belongs to."""
    return PartialUpload.objects.filter(user_id=user.pk, batch__in=policies.visible_batches(user))


def metadata_of(row: PartialUpload) -> str:
    """Upload-Metadata as it came."""
    return names.reveal(row.sealed_metadata)


def begin(*, user: Any, batch: UploadBatch, length: int, metadata: str) -> PartialUpload:
    """Makes room for a file of `length` bytes. `metadata` is the header Upload-Metadata.

    Raises IntakeError (too large, batch full, quota, bad metadata, unknown patient key), BadHeader, StorageFailed."""
    limits.check_size(length, None)
    description = describe(protocol.metadata(metadata), batch)
    if description.patient_key.strip():
        # Only whether it can be told whose it is: before the bytes come, not after them.
        identify(batch.hospital_id, batch.hospital.number, description.patient_key)
    row = PartialUpload(
        batch=batch, user=user, length=length, sealed_metadata=names.seal_text(metadata), expires_at=_expiry()
    )
    try:
        quarantine.create(row.pk)
        with transaction.atomic():
            limits.check_room(batch, length)
            row.save(force_insert=True)
    except OSError as error:
        quarantine.remove(row.pk)
        raise _failed(row, error) from None
    except BaseException:
        quarantine.remove(row.pk)
        raise
    return row


def _expiry() -> datetime:
    return timezone.now() + timedelta(days=settings.CXR_PARTIAL_UPLOAD_DAYS)


def _failed(row: PartialUpload, error: Exception) -> StorageFailed:
    logger.error("partial_upload_not_stored", upload=str(row.pk), error=type(error).__name__)
    return StorageFailed()


@dataclass
class Held:
    """An upload that no other request can write to while this one has it. `appender` is None once it is finished."""

    row: PartialUpload
    appender: Appender | None


@contextmanager
def hold(row: PartialUpload, wait: float = BUSY_SECONDS) -> Iterator[Held]:
    """The upload for one writer, with the blob cut to what was acknowledged.

    Raises resumable.Busy, PartialUpload.DoesNotExist (it was terminated meanwhile), Expired, StorageFailed."""
    if row.finished_at is not None:
        yield _finished(row)
        return
    try:
        with resumable.locked(row.pk, wait) as appender:
            row.refresh_from_db()
            if row.offset == row.length and UploadedFile.objects.filter(pk=row.pk).exists():
                _close(row)
            if row.finished_at is not None:
                _leave_no_blob(row)
                yield _finished(row)
                return
            if row.expires_at <= timezone.now():
                raise Expired
            if not appender.rewind(row.offset, row.blob_bytes):
                # A disk that lost bytes after it had promised them: the person who sends still has the file.
                logger.error("partial_upload_damaged", upload=str(row.pk), offset=row.offset)
                _advance(row, appender)
            yield Held(row, appender)
    except OSError as error:
        raise _failed(row, error) from None


def _leave_no_blob(row: PartialUpload) -> None:
    """Taking the lock made the blob anew, empty, where its bytes are destroyed already."""
    if row.refusal_code or UploadedFile.objects.filter(pk=row.pk).exclude(purged_at=None).exists():
        quarantine.remove(row.pk)


def _finished(row: PartialUpload) -> Held:
    """What became of it is told as long as the row is there, unless the file was turned away since."""
    taken_back = UploadedFile.objects.filter(pk=row.pk, stage__in=["rejected", "withdrawn"])
    if not row.refusal_code and taken_back.exists():
        raise Expired
    return Held(row, None)


def append(held: Held, pieces: Iterable[bytes], checksum: protocol.Checksum | None = None) -> None:
    """Adds the body of a request, however far it comes. Without a checksum everything that came is kept and
    acknowledged segment by segment; with one the whole body or nothing.

    Raises TypeNotTaken or TooLarge (the upload is then refused for good), WrongChecksum, StorageFailed."""
    row, appender = held.row, held.appender
    assert appender is not None  # noqa: S101 (whoever calls this has looked)
    whole = hashlib.sha256() if row.offset == 0 else None
    checked = checksum.new() if checksum is not None else None
    start = True
    try:
        for piece in pieces:
            if start and row.offset == 0:
                limits.check_kind(piece[: quarantine.HEAD])
                limits.check_size(row.length, piece[: quarantine.HEAD])
            start = False
            for digest in (whole, checked):
                if digest is not None:
                    digest.update(piece)
            if appender.write(piece) and checksum is None:
                _advance(row, appender)
        if checksum is not None and checked is not None and not checksum.matches(checked):
            appender.rewind(row.offset, row.blob_bytes)
            raise WrongChecksum
        appender.flush()
        if appender.offset == row.length and whole is not None:
            row.sha256 = whole.hexdigest()
        _advance(row, appender)
    except IntakeError as error:
        _refuse(row, error)
        raise
    except OSError as error:
        appender.rewind(row.offset, row.blob_bytes)
        raise _failed(row, error) from None
    except DatabaseError as error:
        # Whether the row was written is not known: the next request cuts the blob to what the row says.
        raise _failed(row, error) from None


def _advance(row: PartialUpload, appender: Appender) -> None:
    """Acknowledges what the blob holds: the disk first, the row second."""
    appender.sync()
    values = {
        "offset": appender.offset,
        "blob_bytes": appender.blob_bytes,
        "sha256": row.sha256,
        "expires_at": _expiry(),
    }
    if not PartialUpload.objects.filter(pk=row.pk).update(**values):
        raise PartialUpload.DoesNotExist
    for name, value in values.items():
        setattr(row, name, value)


def finish(held: Held) -> None:
    """Takes the file over when all of it is there; doing it again changes nothing.

    Raises IntakeError when it is refused; that is remembered, and the bytes are gone. Raises StorageFailed where a key
    of the ring is missing: the bytes stay, and the sweep or the next request tries again."""
    row = held.row
    if held.appender is None or row.offset < row.length:
        return
    description = describe(protocol.metadata(metadata_of(row)), row.batch, strict=False)
    try:
        receive_file(
            batch=row.batch,
            user=row.user,
            name=description.name,
            sealed=Sealed(row.pk, row.length, row.sha256, kept=True),
            group=description.group,
            demographics=description.demographics,
            patient_key=description.patient_key,
            limited=False,
        )
    except PatientUnclear:
        # Whoever runs the portal can mend that; the bytes are acknowledged, so they wait here.
        logger.error("partial_upload_waits_for_key", upload=str(row.pk))
        raise StorageFailed from None
    except IntakeError as error:
        _refuse(row, error)
        raise
    _close(row)
    held.appender = None


def _refuse(row: PartialUpload, error: IntakeError) -> None:
    row.refusal_code, row.refusal = error.code, str(error)
    _close(row)
    quarantine.remove(row.pk)


def _close(row: PartialUpload) -> None:
    row.finished_at = timezone.now()
    row.save(update_fields=["finished_at", "refusal_code", "refusal"])


def terminate(held: Held) -> None:
    """Removes an upload and its bytes. One that was taken over is a file now: raises IntakeError."""
    if held.appender is None and not held.row.refusal_code:
        raise IntakeError(_("This file was taken over already; withdraw it on its page."))
    _remove(held.row)


def _remove(row: PartialUpload) -> None:
    """Row first: without it the blob is nobody's, and removed in time if this does not come to its end."""
    blob_id = row.pk
    row.delete()
    if not UploadedFile.objects.filter(pk=blob_id).exists():
        quarantine.remove(blob_id)


def sweep_partials() -> None:
    """Takes over what was complete when its request was killed, and removes what nobody went on with in time."""
    now = timezone.now()
    late = now - timedelta(seconds=FORGOTTEN_SECONDS)
    open_ = PartialUpload.objects.filter(finished_at=None)
    complete = open_.filter(offset=F("length"), created_at__lt=late, expires_at__gt=now)
    for row in list(complete.select_related("batch__dataset", "batch__hospital", "user")[:MOST_AT_ONCE]):
        # Whatever stops one of them, the next one has its turn.
        with (
            suppress(resumable.Busy, PartialUpload.DoesNotExist, Expired, StorageFailed, IntakeError),
            hold(row, 0) as held,
        ):
            finish(held)
    for row in list(PartialUpload.objects.filter(expires_at__lte=now)[:MOST_AT_ONCE]):
        with suppress(resumable.Busy):
            _remove_expired(row, now)


def _remove_expired(row: PartialUpload, now: datetime) -> None:
    if row.finished_at is not None:
        _remove(row)
        return
    with resumable.locked(row.pk):
        # Somebody may have gone on with it in the last moment.
        if PartialUpload.objects.filter(pk=row.pk, expires_at__lte=now).exists():
            _remove(row)
