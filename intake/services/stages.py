"""The work of each stage: what it does with the bytes, and what it writes on the row afterwards.

A stage may run again from its start at any time: it reads what the stages before it left, replaces its own files and
changes the row only through `Outcome.apply`. What needs the model's runtime is imported by the stage itself, so that
the web process never loads it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from datasets.selectors import quality_scores
from imaging.deid import deidentify as remove_identity
from imaging.deid import pseudonym
from imaging.deid.boxes import TextBox
from imaging.formats import Format, decode, inspect, stored, stored_and_decoded, to_png, write_png
from intake import candidates, keys
from intake.models import Priority, Stage, UploadedFile
from intake.quarantine import Damaged, open_original, workspace
from intake.services.describing import describe_inspected
from intake.services.duplicates import received_sha256, settle_bytes, settle_instance
from intake.services.enhancing import enhanced
from intake.services.outcomes import Outcome
from intake.services.patients import identify
from intake.services.unpacking import is_zip, unpack

if TYPE_CHECKING:
    from imaging.deid.text import Text

PREVIEW_SIDE = 1600  # px; a curator's screen
PREVIEW, ENHANCED = "preview.png", "preview_enhanced.png"


def image_name(file: UploadedFile) -> str:
    """The candidate's name, e.g. image.dcm; a JPEG that EXIF turned has become a PNG."""
    name: str = file.deid_report["output"]["name"]
    return name


def _inspect(file: UploadedFile) -> Outcome:
    if is_zip(file):
        return unpack(file)
    with workspace(file.pk) as work:
        original = work / "original"
        sha256 = open_original(file.pk, received_sha256(file), original)
        # All that is known of bytes that came in pieces; age has authenticated each piece.
        if original.stat().st_size != file.size:
            raise Damaged("another size than received")
        settle_bytes(file, sha256)
        found = inspect(original)
    settle_instance(file, found.sop_instance_uid)
    patient = None
    if not file.patient_key_hash and found.patient_id:
        patient = identify(file.hospital_id, file.hospital.number, found.patient_id, found.issuer or "")

    def apply(row: UploadedFile) -> None:
        row.facts = found.facts()
        describe_inspected(row, found.sop_instance_uid, found.taken_on)
        # What the hospital said stands; the header fills gaps.
        row.sex = row.sex or found.sex or ""
        row.age = found.age if row.age is None else row.age
        if patient is not None and not row.patient_key_hash:
            row.patient_key_hash, row.patient_key_id = patient

    return Outcome({"format": found.format.value, "width": found.width, "height": found.height}, apply)


def _text(file: UploadedFile, source: Path) -> "Text":
    """The boxes of text: a curator's where one has edited them, else what the detector finds in the original."""
    from imaging.deid.text import Text, find_text

    if file.text_boxes is None:
        return find_text(stored(source))
    boxes = tuple(TextBox.from_dict(box) for box in file.text_boxes)
    found = file.deid_report
    return Text(boxes, doubtful=bool(found.get("doubtful")), version=str(found.get("text_version", "")))


def _deidentify(file: UploadedFile) -> Outcome:
    # The key that already links this patient's, or this file's, images: a rotation must not part them.
    key = keys.pseudonym_key(file.patient_key_id or file.deid_report.get("key_id"))
    # Without a patient key every image is a patient of its own.
    patient = file.patient_key_hash or pseudonym(key.secret, "file", str(file.pk))
    with workspace(file.pk) as work:
        source, target = work / "original", work / "image"
        open_original(file.pk, file.sha256, source)
        text = _text(file, source)
        report = remove_identity(
            source,
            target,
            key=key.secret,
            key_id=key.id,
            hospital=file.hospital.number,
            patient=patient,
            text=text,
        ).as_dict()
        name = f"image.{Format(report['format']).extension}"
        size = target.stat().st_size
        sha256 = candidates.store(file.pk, name, target)
    # Fail closed: a header that declares text in the picture is for a person to look at.
    report["needs_person"] = bool(report.get("needs_person") or file.facts.get("burned_in"))
    report["output"] = {"name": name, "size": size, "sha256": sha256}

    def apply(row: UploadedFile) -> None:
        # A painted JPEG has become a PNG: the unpainted one must not stay beside it. Only who still holds the claim may
        # remove it, or one who came late would remove what was painted.
        candidates.remove_others(row.pk, "image.", name)
        row.deid_report = report

    painted = sum(box.painted for box in text.boxes)
    result = {"removed": len(report["removed"]), "boxes": len(text.boxes), "painted": painted}
    return Outcome({**result, "needs_person": report["needs_person"]}, apply)


def _candidate(file: UploadedFile, work: Path) -> Path:
    """The candidate's image, copied to `work`. Raises Damaged when it is not what de-identification last wrote."""
    output = file.deid_report["output"]
    name = image_name(file)
    return candidates.fetch(file.pk, name, work / name, sha256=output["sha256"])


def _segment(file: UploadedFile) -> Outcome:
    from imaging.lungs import segment

    with workspace(file.pk) as work:
        found = segment(decode(_candidate(file, work)))
        write_png(found.mask, work / "mask.png")
        sha256 = candidates.store(file.pk, "mask.png", work / "mask.png")
    share = round(float(found.mask.mean()), 4)
    segmentation = {
        "model_version": found.model_version,
        "confidence": round(float(found.confidence), 4),
        "lung_share": share,
        "mask_sha256": sha256,
    }

    def apply(row: UploadedFile) -> None:
        row.segmentation = segmentation

    return Outcome({"lung_share": share, "confidence": segmentation["confidence"]}, apply)


def _assess(file: UploadedFile) -> Outcome:
    from imaging import quality
    from imaging.lungs import regions

    with workspace(file.pk) as work:
        values, pixels = stored_and_decoded(_candidate(file, work))
        mask_file = candidates.fetch(file.pk, "mask.png", work / "mask.png", sha256=file.segmentation["mask_sha256"])
        with Image.open(mask_file) as image:
            mask = np.asarray(image.convert("1"))
        to_png(pixels, work / PREVIEW, max_side=PREVIEW_SIDE)
        dark_is_dense = file.facts.get("photometric") == "MONOCHROME1"
        to_png(enhanced(values, PREVIEW_SIDE, inverted=dark_is_dense), work / ENHANCED)
        judged = quality.assess(mask, file.segmentation["confidence"], pixels)
        assessment: dict[str, Any] = {
            "quality": str(judged.quality),
            "score": round(float(judged.score), 4),
            "reasons": [str(reason) for reason in judged.reasons],
            "findings": {code: round(float(sure), 3) for code, sure in judged.findings.items()},
            "usable": judged.usable,
            "view": judged.view,
            "turned": judged.turned,
            "properties": {key: round(float(value), 4) for key, value in judged.properties.items()},
            "lung_height_px": int(judged.lung_height_px),
            "lung_width_px": int(judged.lung_width_px),
            # What a curator looks at is checked against these: it must be the picture that is released.
            "previews": {name: candidates.store(file.pk, name, work / name) for name in (PREVIEW, ENHANCED)},
        }
        if mask.any():
            region = regions.cut(pixels, mask)
            write_png(region.image, work / "region.png")
            write_png(region.mask, work / "region_mask.png")
            assessment["region_sha256"] = candidates.store(file.pk, "region.png", work / "region.png")
            assessment["region_mask_sha256"] = candidates.store(file.pk, "region_mask.png", work / "region_mask.png")
            assessment["transform"] = region.transform
        else:
            assessment["quality"] = "Bad"
    # Who is an outlier is asked again when a curator looks: it depends on what was accepted meanwhile.
    outlier = bool(judged.score) and quality_scores(file.batch.dataset_id).scale().is_outlier(assessment["score"])

    def apply(row: UploadedFile) -> None:
        row.assessment = assessment
        row.priority = _priority(row, outlier=outlier)

    return Outcome({"quality": assessment["quality"], "score": assessment["score"]}, apply)


def _priority(row: UploadedFile, *, outlier: bool) -> Priority:
    # What a curator sent to be painted anew comes first too: that curator wants to see what became of it.
    if row.deid_report.get("needs_person") or row.text_boxes is not None:
        return Priority.TEXT
    return Priority.QUALITY if outlier or row.assessment["quality"] == "Bad" else Priority.ORDINARY


WORK: dict[Stage, Callable[[UploadedFile], Outcome]] = {
    Stage.INSPECT: _inspect,
    Stage.DEIDENTIFY: _deidentify,
    Stage.SEGMENT: _segment,
    Stage.ASSESS: _assess,
}
