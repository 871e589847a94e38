"""What a curator decides. Each verdict is one transaction on the locked row, so that two curators, or one who clicks
twice, cannot both have their way: the second is told."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from curation.policies import OPEN_STAGES
from datasets.models import Radiograph
from datasets.models.collection import Quality
from datasets.services import NewFile, add_radiograph
from intake import candidates
from intake import services as intake
from intake.models import Stage, UploadedFile
from intake.words import REJECTIONS


class CurationError(ValueError):
    """The verdict cannot be taken; the message says why and what to do."""


class AlreadyJudged(CurationError):  # noqa: N818
    """Somebody was first."""


def accept(file: UploadedFile, curator: User, quality: str, no_text_seen: bool, **details: Any) -> Radiograph:
    """Takes the candidate into its dataset as Good or Bad; the original and the candidate's files are destroyed.

    `no_text_seen`: the curator looked for text that identifies the patient and saw none; without that nothing is
    accepted. `details` (ids, counts, codes) go to the audit trail. Raises AlreadyJudged and CurationError.
    """
    if not no_text_seen:
        raise CurationError(_("Look for text that identifies the patient, and confirm that there is none."))
    if quality not in Quality.values:
        raise CurationError(_("Choose Good or Bad."))
    with transaction.atomic():
        row = _locked(file, (Stage.CURATE,))
        try:
            radiograph = _into_library(row, curator, quality)
        except FileNotFoundError:
            raise CurationError(_("The picture is missing in the store. Tell whoever runs the portal.")) from None
        row.radiograph = radiograph
        _verdict(row, curator, Stage.ACCEPTED)
        record("file.accepted", actor=curator, about=row, quality=quality, radiograph=radiograph.pk, **details)
    return radiograph


def reject(file: UploadedFile, curator: User, reason: str, code: str = "other") -> UploadedFile:
    """Turns a candidate or a file that was set aside away; its bytes are destroyed and the hospital reads why.

    `code` is one of `intake.words.REJECTIONS`; with "other" the `reason` has to say it. Raises AlreadyJudged and
    CurationError.
    """
    reason = reason.strip()
    if code not in REJECTIONS or (code == "other" and not reason):
        raise CurationError(_("Say why: the hospital reads it."))
    with transaction.atomic():
        row = _locked(file, OPEN_STAGES)
        row.reason_code, row.reason = code, reason
        _verdict(row, curator, Stage.REJECTED)
        record("file.rejected", actor=curator, about=row, code=code)
    return row


def retry(file: UploadedFile, curator: User) -> UploadedFile:
    """Sends a file that was set aside through the failed stage once more. Raises intake.IntakeError."""
    return intake.retry(file, curator)


def record_look(file: UploadedFile, curator: User) -> None:
    """A curator was sent the picture of a candidate."""
    record("curation.looked", actor=curator, about=file)


def _locked(file: UploadedFile, stages: tuple[Stage, ...]) -> UploadedFile:
    rows = UploadedFile.objects.select_for_update(of=("self",)).select_related("batch__dataset", "group", "hospital")
    row = rows.get(pk=file.pk)
    if row.stage not in stages:
        stage = row.get_stage_display()
        raise AlreadyJudged(
            _("This file is no longer waiting: somebody was faster. It is now: {stage}.").format(stage=stage)
        )
    return row


def _verdict(row: UploadedFile, curator: User, stage: Stage) -> None:
    row.stage = stage
    row.verdict_by, row.verdict_at = curator, timezone.now()
    row.stage_since = row.verdict_at
    row.save()
    intake.clean_up_on_commit(row.pk)


def _into_library(row: UploadedFile, curator: User, quality: str) -> Radiograph:
    report, lungs, assessment = row.deid_report, row.segmentation, row.assessment

    def new(name: str, sha256: str) -> NewFile:
        return NewFile(open=lambda: candidates.open_file(row.pk, name), sha256=sha256)

    has_region = "region_sha256" in assessment
    return add_radiograph(
        dataset=row.batch.dataset,
        group=row.group,
        hospital=row.hospital,
        patient_key_hash=row.patient_key_hash,
        patient_key_id=row.patient_key_id,
        demographics={"sex": row.sex, "age": row.age, "smoke": row.smoke, "smoke_packyears": row.smoke_packyears},
        quality=quality,
        quality_score=assessment["score"],
        view=row.facts.get("view") or "",
        set=row.set,
        image=new(report["output"]["name"], report["output"]["sha256"]),
        mask=new("mask.png", lungs["mask_sha256"]),
        region=new("region.png", assessment["region_sha256"]) if has_region else None,
        region_mask=new("region_mask.png", assessment["region_mask_sha256"]) if has_region else None,
        transform=assessment.get("transform"),
        model_version=lungs["model_version"],
        confidence=lungs["confidence"],
        deid_report=report,
        format=report["format"],
        width=row.facts["width"],
        height=row.facts["height"],
        accepted_by=curator,
    )
