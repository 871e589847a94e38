"""What a curator decides. Each verdict is one transaction on the locked row, so that two curators, or one who clicks
twice, cannot both have their way: the second is told."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from audit.services import record
from curation.policies import OPEN_STAGES
from curation.services.errors import CurationError
from curation.services.waiting import check_seen, check_waits, locked, picture
from datasets.models import Radiograph
from datasets.models.collection import Quality
from datasets.services import NewFile, add_radiograph
from imaging.deid import attest
from imaging.formats import Refused
from intake import candidates, keys
from intake import services as intake
from intake.models import Stage, UploadedFile
from intake.quarantine import Damaged
from intake.words import REJECTIONS

# What of an assessment stays with the image; the rest is about files that are destroyed.
FOUND = (
    *("quality", "score", "reasons", "findings", "usable", "view", "turned"),
    *("properties", "lung_height_px", "lung_width_px"),
)
SEEN = {"frontal": "frontal", "lateral": "lateral"}  # where the header names no view position
CLEAN_PIXELS = "113101"  # DICOM PS3.16 CID 7050
MISSING = gettext_lazy("The picture is missing in the store. Tell whoever runs the portal.")


@dataclass(frozen=True)
class Attested:
    """The image as the library gets it: where a person looked for text, it says so of itself."""

    path: Path
    picture: str
    report: dict[str, Any]


def accept(
    file: UploadedFile,
    curator: User,
    quality: str,
    no_text_seen: bool,
    seen: str = "",
    *,
    imported: bool = False,
    **details: Any,
) -> Radiograph:
    """Takes the candidate into its dataset as Good or Bad; the original and the candidate's files are destroyed.

    `no_text_seen`: the curator looked for text that identifies the patient and saw none; without that nothing is
    accepted. The image says so from then on (113101 Clean Pixel Data, Burned In Annotation NO). `imported`: nobody here
    looked, the collection was published elsewhere; then the image does not say so. `seen`: the SHA-256 of the picture
    that the curator looked at; empty: not compared. `details` (ids, counts, codes) go to the audit trail. Raises
    AlreadyJudged and CurationError.
    """
    if not no_text_seen:
        raise CurationError(_("Look for text that identifies the patient, and confirm that there is none."))
    if quality not in Quality.values:
        raise CurationError(_("Choose Good or Bad."))
    with _attested(file, looked=not imported) as attested, transaction.atomic():
        row = locked(file, Stage.CURATE)
        # Between the look, or the writing of the attested file, and now somebody may have had it painted anew.
        check_seen(row, seen)
        check_seen(row, attested.picture)
        try:
            radiograph = _into_library(row, curator, quality, attested)
        except FileNotFoundError:
            raise CurationError(MISSING) from None
        row.deid_report = attested.report
        row.radiograph = radiograph
        _verdict(row, curator, Stage.ACCEPTED)
        details |= {"imported": True} if imported else {}
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
        row = locked(file, *OPEN_STAGES)
        row.reason_code, row.reason = code, reason
        _verdict(row, curator, Stage.REJECTED)
        record("file.rejected", actor=curator, about=row, code=code)
    return row


def retry(file: UploadedFile, curator: User) -> UploadedFile:
    """Sends a file that was set aside through the failed stage once more. Raises intake.IntakeError."""
    return intake.retry(file, curator)


def record_look(file: UploadedFile, curator: User, look: str) -> None:
    """A curator was sent a picture of a candidate: `look` is "window" or "full_range"."""
    record("curation.looked", actor=curator, about=file, look=look)


@contextmanager
def _attested(file: UploadedFile, *, looked: bool) -> Iterator[Attested]:
    """The candidate's image in a folder that lives as long as this does; written once more, as checked by a person, if
    one `looked`.

    Outside of any transaction: others judge meanwhile."""
    row = UploadedFile.objects.select_related("hospital").get(pk=file.pk)
    check_waits(row, Stage.CURATE)
    report = row.deid_report
    if not isinstance(report.get("text"), list):
        raise CurationError(
            _("The program has not looked for text in this picture, so it cannot be accepted. Reject it.")
        )
    with tempfile.TemporaryDirectory(prefix="cxr-accept-") as folder:
        image = _written(row, Path(folder), looked=looked)
        yield Attested(image, picture(row), _checked_report(report, image) if looked else report)


def _written(row: UploadedFile, folder: Path, *, looked: bool) -> Path:
    name = row.deid_report["output"]["name"]
    try:
        source = candidates.fetch(row.pk, name, folder / name, sha256=picture(row))
        if not looked:
            return source
        target = folder / f"attested-{name}"
        key = keys.pseudonym_key(row.deid_report["key_id"])
        attest(source, target, key=key.secret, hospital=row.hospital.number)
    except FileNotFoundError:
        raise CurationError(MISSING) from None
    except Refused as refused:
        raise CurationError(_(refused.message)) from None
    except (Damaged, ValueError):
        raise CurationError(_("The stored picture is damaged. Have it painted anew, or reject it.")) from None
    return target


def _checked_report(report: dict[str, Any], image: Path) -> dict[str, Any]:
    """The report of an image that a person has checked, as `image` now says of itself."""
    with image.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    return {
        **report,
        "checked": True,
        "needs_person": False,
        "options": [*report["options"], CLEAN_PIXELS] if report.get("options") else [],
        "output": {**report["output"], "size": image.stat().st_size, "sha256": sha256},
    }


def _verdict(row: UploadedFile, curator: User, stage: Stage) -> None:
    row.stage = stage
    row.verdict_by, row.verdict_at = curator, timezone.now()
    row.stage_since = row.verdict_at
    row.save()
    intake.clean_up_on_commit(row.pk)


def _into_library(row: UploadedFile, curator: User, quality: str, attested: Attested) -> Radiograph:
    report, lungs, assessment = attested.report, row.segmentation, row.assessment
    if row.group is None:
        raise CurationError(_("The hospital has not given the diagnosis yet."))

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
        assessment={name: assessment[name] for name in FOUND if name in assessment},
        view=row.facts.get("view") or SEEN.get(assessment.get("view"), ""),
        set=row.set,
        findings=list(row.batch.dataset.findings.filter(code__in=row.findings).values_list("code", flat=True)),
        image=NewFile(open=lambda: attested.path.open("rb"), sha256=report["output"]["sha256"]),
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
