"""What people do with a file on its way: correct what is known of it, send it through once more."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from audit.services import record
from datasets.models import DiagnosisGroup
from intake import quarantine
from intake.models import FINAL_STAGES, NEEDS_ORIGINAL, WORK_STAGES, Stage, StageRun, UploadedFile
from intake.services import duplicates
from intake.services.errors import IntakeError
from intake.services.moves import close_running, move
from intake.services.patients import Identity, identify
from intake.services.pipeline import DAMAGED
from intake.services.receiving import DEMOGRAPHICS
from intake.services.upkeep import ORIGINAL_PURGED


def retry(file: UploadedFile, user: Any) -> UploadedFile:
    """Sends a file that was set aside back to the stage at which it failed, with all its attempts.

    Raises IntakeError when it is no longer set aside, or when its original is needed and was destroyed."""
    with transaction.atomic():
        row = UploadedFile.objects.select_for_update().get(pk=file.pk)
        if row.stage != Stage.SET_ASIDE:
            raise IntakeError(_("This file is no longer set aside; somebody dealt with it."))
        stage = _stage_to_repeat(row)
        # Purged before its stage had begun, the file has only the run of an earlier pass to go by.
        if row.reason_code == ORIGINAL_PURGED or (row.purged_at is not None and stage in NEEDS_ORIGINAL):
            raise IntakeError(_("The original was destroyed in time. Ask the hospital to send the file again."))
        row.reason_code = row.reason = ""
        move(row, stage)
        record("file.retried", actor=user, about=row, stage=stage)
    return row


def _stage_to_repeat(row: UploadedFile) -> Stage:
    last = row.runs.order_by("-started_at", "-pk").first()
    if row.facts.get(duplicates.GAVE_WAY):
        return Stage.INSPECT
    stage = Stage(last.stage) if last is not None and last.stage in WORK_STAGES else Stage.INSPECT
    if not row.sha256:
        # It gave way to the same bytes, should they be sent again; inspection looks whether they were.
        return Stage.INSPECT
    if last is None or stage in NEEDS_ORIGINAL:
        return stage
    # A candidate that is damaged, or was made for another patient, has to be made anew.
    return Stage.DEIDENTIFY if last.reason_code == DAMAGED or "output" not in row.deid_report else stage


def repaint(row: UploadedFile, boxes: list[dict[str, Any]]) -> None:
    """Sends the (locked) row of a file that waits for its verdict back, to be rewritten from its original with these
    boxes of text (`TextBox.as_dict`). Raises IntakeError when the original was destroyed."""
    if row.purged_at is not None or not quarantine.exists(row.pk):
        raise IntakeError(_("The original was destroyed in time, so the picture cannot be painted anew. Reject it."))
    row.text_boxes = boxes
    move(row, Stage.DEIDENTIFY)


def update_file(
    file: UploadedFile,
    *,
    user: Any,
    group: DiagnosisGroup | None,
    demographics: Mapping[str, Any],
    patient_key: str = "",
) -> UploadedFile:
    """Changes the diagnosis and the patient's data of a file that has no verdict yet; an empty key changes no patient,
    and no group leaves the diagnosis as it is. What waited for its diagnosis goes on to the curators.

    Another patient means another pseudonym in the image, so that the file is de-identified once more. Raises
    IntakeError when there is a verdict, or when the original that this takes was destroyed."""
    with transaction.atomic():
        row = UploadedFile.objects.select_for_update(of=("self",)).select_related("hospital", "batch").get(pk=file.pk)
        if row.stage in FINAL_STAGES:
            raise IntakeError(_("This file has its verdict already; it can no longer be changed here."))
        if group is not None and group.dataset_id != row.batch.dataset_id:
            raise IntakeError(_("This diagnosis does not belong to the dataset of the batch. Choose another one."))
        identity = None
        if patient_key.strip():
            identity = identify(row.hospital_id, row.hospital.number, patient_key)
        if changed := change(row, group=group, demographics=demographics, identity=identity):
            go_on(row, changed)
            record("file.edited", actor=user, about=row, fields=changed)
    return row


def change(
    row: UploadedFile, *, group: DiagnosisGroup | None, demographics: Mapping[str, Any], identity: Identity | None
) -> list[str]:
    """Sets on the (locked) row of a file without a verdict what differs, and returns the names of it. Nothing is saved:
    `go_on` does that."""
    before = _described(row)
    row.group = group or row.group
    for field in DEMOGRAPHICS:
        if field in demographics:
            setattr(row, field, demographics[field])
    if identity is not None:
        row.patient_key_hash, row.patient_key_id = identity
    return [name for name, value in _described(row).items() if value != before[name]]


def moves_on(row: UploadedFile, changed: list[str]) -> bool:
    """Whether what changed takes the row to another stage or makes its candidate anew."""
    other_patient = "patient_key" in changed and row.stage != Stage.INSPECT
    return other_patient or (row.stage == Stage.DESCRIBE and row.group_id is not None)


def go_on(row: UploadedFile, changed: list[str]) -> None:
    """Saves the (locked) row after `change`, and moves it where that takes it. Raises IntakeError as `update_file`."""
    if "patient_key" in changed and row.stage != Stage.INSPECT:
        _make_anew(row)
    elif moves_on(row, changed):
        move(row, Stage.CURATE)
    else:
        row.save()


def _described(row: UploadedFile) -> dict[str, Any]:
    fields = {field: getattr(row, field) for field in DEMOGRAPHICS}
    return {"group": row.group_id, "patient_key": row.patient_key_hash, **fields}


def _make_anew(row: UploadedFile) -> None:
    """Has the candidate of the (locked) row made for its new patient, also when a worker is about to make it for the
    old one; that of a file that is set aside when it is sent through again."""
    if row.purged_at is not None:
        raise IntakeError(_("The original was destroyed, so the file cannot be given to another patient."))
    if row.stage == Stage.SET_ASIDE:
        row.deid_report.pop("output", None)
        row.save()
        return
    close_running(row, StageRun.Status.FAILED, "patient_changed")
    move(row, Stage.DEIDENTIFY)
