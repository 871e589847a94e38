"""The work of each stage: what it does with the bytes, and what it writes on the row afterwards.

A stage may run again from its start at any time: it reads what the stages before it left, replaces its own files and
changes the row only through `Outcome.apply`. What needs the model's runtime is imported by the stage itself, so that
the web process never loads it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from imaging.deid import deidentify as remove_identity
from imaging.deid import pseudonym
from imaging.formats import Format, decode, inspect, to_png
from intake import candidates, keys
from intake.models import Stage, UploadedFile
from intake.quarantine import open_original, workspace
from intake.services.patients import set_patient

PREVIEW_SIDE = 1600  # px; a curator's screen


@dataclass(frozen=True)
class Outcome:
    """`result` goes to the record of the run; `apply` changes the locked row, which the caller saves."""

    result: dict[str, Any]
    apply: Callable[[UploadedFile], None]


def image_name(file: UploadedFile) -> str:
    """The candidate's name, e.g. image.dcm; a JPEG that EXIF turned has become a PNG."""
    name: str = file.deid_report["output"]["name"]
    return name


def _inspect(file: UploadedFile) -> Outcome:
    with workspace(file.pk) as work:
        open_original(file.pk, file.sha256, work / "original")
        found = inspect(work / "original")

    def apply(row: UploadedFile) -> None:
        row.facts = found.facts()
        # What the hospital typed stands; the header fills gaps.
        row.sex = row.sex or found.sex or ""
        row.age = found.age if row.age is None else row.age
        if not row.patient_key_hash and found.patient_id:
            set_patient(row, file.hospital.number, found.patient_id)

    return Outcome({"format": found.format.value, "width": found.width, "height": found.height}, apply)


def _deidentify(file: UploadedFile) -> Outcome:
    key = keys.pseudonym_key()
    # Without a patient key every image is a patient of its own.
    patient = file.patient_key_hash or pseudonym(key.secret, "file", str(file.pk))
    with workspace(file.pk) as work:
        source, target = work / "original", work / "image"
        open_original(file.pk, file.sha256, source)
        report = remove_identity(
            source,
            target,
            key=key.secret,
            key_id=key.id,
            hospital=file.hospital.number,
            patient=patient,
            decoded=True,  # inspection decoded these very bytes: their hash was checked
        ).as_dict()
        name = f"image.{Format(report['format']).extension}"
        size = target.stat().st_size
        sha256 = candidates.store(file.pk, name, target)
    # Fail closed: a header that declares text in the picture is for a person to look at.
    report["needs_person"] = bool(report.get("needs_person") or file.facts.get("burned_in"))
    report["output"] = {"name": name, "size": size, "sha256": sha256}

    def apply(row: UploadedFile) -> None:
        row.deid_report = report

    return Outcome({"removed": len(report.get("removed", ())), "needs_person": report["needs_person"]}, apply)


def _segment(file: UploadedFile) -> Outcome:
    from imaging.lungs import segment

    name = image_name(file)
    with workspace(file.pk) as work:
        found = segment(decode(candidates.fetch(file.pk, name, work / name)))
        Image.fromarray(found.mask).save(work / "mask.png", optimize=True)
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

    name = image_name(file)
    with workspace(file.pk) as work:
        pixels = decode(candidates.fetch(file.pk, name, work / name))
        with Image.open(candidates.fetch(file.pk, "mask.png", work / "mask.png")) as image:
            mask = np.asarray(image.convert("1"))
        to_png(pixels, work / "preview.png", max_side=PREVIEW_SIDE)
        candidates.store(file.pk, "preview.png", work / "preview.png")
        judged = quality.assess(mask, file.segmentation["confidence"])
        assessment: dict[str, Any] = {
            "quality": str(judged.quality),
            "score": round(float(judged.score), 4),
            "reasons": [str(reason) for reason in judged.reasons],
            "properties": {key: round(float(value), 4) for key, value in judged.properties.items()},
            "lung_height_px": int(judged.lung_height_px),
            "lung_width_px": int(judged.lung_width_px),
        }
        if mask.any():
            region = regions.cut(pixels, mask)
            Image.fromarray(region.image).save(work / "region.png", optimize=True)
            Image.fromarray(region.mask).save(work / "region_mask.png", optimize=True)
            assessment["region_sha256"] = candidates.store(file.pk, "region.png", work / "region.png")
            assessment["region_mask_sha256"] = candidates.store(file.pk, "region_mask.png", work / "region_mask.png")
            assessment["transform"] = region.transform
        else:
            assessment["quality"] = "Bad"

    def apply(row: UploadedFile) -> None:
        row.assessment = assessment

    return Outcome({"quality": assessment["quality"], "score": assessment["score"]}, apply)


WORK: dict[Stage, Callable[[UploadedFile], Outcome]] = {
    Stage.INSPECT: _inspect,
    Stage.DEIDENTIFY: _deidentify,
    Stage.SEGMENT: _segment,
    Stage.ASSESS: _assess,
}
