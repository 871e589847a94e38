"""Taking files over from a hospital: bytes first, then the row, then the word to the workers."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Hospital
from audit.services import record
from datasets.models import Dataset, DiagnosisGroup
from intake import names
from intake.models import UploadBatch, UploadedFile
from intake.quarantine import Sealed
from intake.services import duplicates, limits
from intake.services.describing import describe_arrival
from intake.services.errors import Duplicate, IntakeError
from intake.services.patients import set_patient
from intake.services.publishing import publish_on_commit

DEMOGRAPHICS = ("sex", "age", "smoke", "smoke_packyears")


def open_batch(*, user: Any, hospital: Hospital, dataset: Dataset, title: str) -> UploadBatch:
    """Opens an empty batch; files are added to it with `receive_file`."""
    with transaction.atomic():
        batch = UploadBatch.objects.create(user=user, hospital=hospital, dataset=dataset, title=title)
        record("batch.opened", actor=user, about=batch, hospital=hospital.number, dataset=dataset.slug)
    return batch


def receive_file(
    *,
    batch: UploadBatch,
    user: Any,
    name: str,
    sealed: Sealed,
    group: DiagnosisGroup | None,
    demographics: Mapping[str, Any] | None = None,
    patient_key: str = "",
    set: str = "",
    findings: Sequence[str] = (),
    limited: bool = True,
) -> UploadedFile:
    """Makes the row of bytes that lie sealed in the quarantine, and publishes the first stage.

    `demographics` may hold sex ("F", "M"), age (years), smoke ("yes", "no", "former") and smoke_packyears; what is
    not known is left out or None. What the batch's table says of `name` goes before all of it. Without a `group` the
    file waits for its diagnosis after processing. `sealed.sha256` may be empty: inspection finds it then. `patient_key`
    is the hospital's own; only its keyed hash is stored. `name` is the path below the folder that was sent, with "/",
    where the way in knows it. `findings` are codes of the dataset. Not `limited`: the limits
    were applied before (`intake.services.partial`), or do not apply.

    Raises IntakeError, and the blob is then gone: Duplicate when the hospital sent these bytes before, TooLarge,
    TypeNotTaken, BatchFull, QuotaReached, PatientUnclear, or for a diagnosis that is not of the batch's dataset.
    """
    try:
        if limited:
            limits.check_size(sealed.size, sealed.head)
            limits.check_kind(sealed.head)
        _check(batch, sealed, group)
        file = _new_file(batch, name, sealed, group, demographics or {}, patient_key, set, findings)
    except IntakeError:
        sealed.discard()
        raise
    # From here on the blob stays: were the answer to the commit lost, the row could be there. Without a row the
    # sweep removes it a day later.
    keeper, sealed.kept = sealed.kept, True
    try:
        with transaction.atomic():
            if limited:
                limits.check_room(batch, sealed.size)
            file.save(force_insert=True)
            describe_arrival(file, name)
            publish_on_commit(file.pk)
            hospital = batch.hospital.number
            record("file.received", actor=user, about=file, batch=batch.pk, hospital=hospital, size=file.size)
    except (IntegrityError, IntakeError) as error:
        # Somebody sent the same bytes in the same moment, or there is no room; the transaction is undone for certain.
        refusal = error if isinstance(error, IntakeError) else _duplicate(batch.hospital_id, sealed.sha256)
        if refusal is None:
            raise
        sealed.kept = keeper
        sealed.discard()
        raise refusal from None
    return file


def _check(batch: UploadBatch, sealed: Sealed, group: DiagnosisGroup | None) -> None:
    if group is not None and group.dataset_id != batch.dataset_id:
        raise IntakeError(_("This diagnosis does not belong to the dataset of the batch. Choose another one."))
    if (duplicate := _duplicate(batch.hospital_id, sealed.sha256)) is not None:
        raise duplicate


def _new_file(
    batch: UploadBatch,
    name: str,
    sealed: Sealed,
    group: DiagnosisGroup | None,
    demographics: Mapping[str, Any],
    patient_key: str,
    set: str,
    findings: Sequence[str],
) -> UploadedFile:
    known = {field: value for field, value in demographics.items() if value not in (None, "")}
    file = UploadedFile(
        id=sealed.id,
        batch=batch,
        hospital_id=batch.hospital_id,
        group=group,
        sealed_name=names.seal(name),
        size=sealed.size,
        sha256=sealed.sha256,
        set=set,
        findings=list(findings),
        **{field: known[field] for field in DEMOGRAPHICS if field in known},
    )
    set_patient(file, batch.hospital.number, patient_key)
    return file


def _duplicate(hospital_id: int, sha256: str) -> Duplicate | None:
    earlier = _same_bytes(hospital_id, sha256)
    return Duplicate(_duplicate_words(earlier)) if earlier is not None else None


def _same_bytes(hospital_id: int, sha256: str) -> UploadedFile | None:
    return duplicates.find(hospital_id, "sha256", [sha256]) if sha256 else None


def _duplicate_words(earlier: UploadedFile) -> str:
    return _("Your hospital sent the same file on {date} already (batch {batch}); it was not stored again.").format(
        date=date_format(timezone.localtime(earlier.received_at), "SHORT_DATETIME_FORMAT"), batch=earlier.batch_id
    )
