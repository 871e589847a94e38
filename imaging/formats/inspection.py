"""What a file is: the facts that the pipeline needs, and the few secrets that find the patient again."""

import re
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from . import dicom, raster
from .kinds import Format, sniff
from .limits import guarded

MAX_AGE = 90  # PS3.15 E.3.6 and common rules on health data: ages above 89 are one group
_OLDEST = 130  # anything above is an error, not an age
_VIEWS = {"AP", "PA", "LL", "RL", "LLD", "RLD", "LLO", "RLO"}
# DX View (PS3.16 CID 4010); pydicom's codes also equal their older SRT forms.
_VIEW_CODES = (
    (Code("399348003", "SCT", "antero-posterior"), "AP"),
    (Code("272479007", "SCT", "postero-anterior"), "PA"),
    (Code("399173006", "SCT", "left lateral"), "LL"),
    (Code("399198007", "SCT", "right lateral"), "RL"),
)
_SECRETS = ("patient_id", "issuer", "sop_instance_uid")


@dataclass(frozen=True)
class Inspection:
    """A file that holds one grey radiograph-like picture. Sizes in pixels, age in whole years (90: 90 and older)."""

    format: Format
    width: int
    height: int
    bits: int
    photometric: str
    transfer_syntax: str | None = None
    sop_class: str | None = None
    view: str | None = None
    sex: str | None = None
    age: int | None = None
    burned_in: bool | None = None
    patient_id: str | None = field(default=None, repr=False)
    issuer: str | None = field(default=None, repr=False)
    sop_instance_uid: str | None = field(default=None, repr=False)

    def facts(self) -> dict[str, str | int | bool | None]:
        """Everything that identifies nobody, JSON-able, safe to store and show."""
        return {key: value for key, value in asdict(self).items() if key not in _SECRETS}


def inspect(path: Path) -> Inspection:
    """Parse the file at ``path`` completely and decode its pixels once. Raises Refused."""
    kind = sniff(path)
    if kind is Format.DICOM:
        dataset, _ = dicom.read_pixels(path)
        return _from_dicom(dataset)
    if kind is Format.JPEG:
        raster.check_stream(path)
    image, _ = raster.open_image(path, kind)
    return Inspection(
        kind, image.width, image.height, 16 if image.mode == "I;16" else 8,
        "RGB" if image.mode == "RGB" else "MONOCHROME2",
    )  # fmt: skip


def decode(path: Path) -> NDArray[np.float32]:
    """The picture as it should be seen: (H, W) float32 in 0..1, bright = dense bone. Raises Refused."""
    kind = sniff(path)
    if kind is Format.DICOM:
        dataset, stored = dicom.read_pixels(path)
        return dicom.display_values(dataset, stored)
    if kind is Format.JPEG:
        raster.check_stream(path)
    return raster.to_float(raster.open_image(path, kind)[0])


def stored(path: Path) -> NDArray[np.integer[Any]]:
    """The stored values, upright: (H, W) integer of the file's own depth and sign; colour tints become grey levels.

    Nothing is windowed or inverted, so that all that is in the pixels is there to be found. Raises Refused.
    """
    kind = sniff(path)
    if kind is Format.DICOM:
        return dicom.read_pixels(path)[1]
    if kind is Format.JPEG:
        raster.check_stream(path)
    image, _ = raster.open_image(path, kind)
    return np.asarray(image.convert("L") if image.mode == "RGB" else image)


def to_png(pixels: NDArray[np.float32], target: Path | BinaryIO, max_side: int | None = None) -> None:
    """Write (H, W) values in 0..1 as an 8 bit grey PNG, made smaller so that no side exceeds ``max_side``."""
    image = Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    if max_side is not None and max(image.size) > max_side:
        image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    image.save(target, format="PNG")


def _from_dicom(dataset: Dataset) -> Inspection:
    sex = dicom.text(dataset, "PatientSex").upper()
    declared = dicom.text(dataset, "BurnedInAnnotation").upper()
    return Inspection(
        Format.DICOM,
        int(dataset.Columns),
        int(dataset.Rows),
        int(dataset.BitsStored),
        dicom.text(dataset, "PhotometricInterpretation"),
        transfer_syntax=str(dataset.file_meta.TransferSyntaxUID),
        sop_class=dicom.text(dataset, "SOPClassUID"),
        view=_view(dataset),
        sex=sex if sex in ("F", "M") else None,
        age=patient_age(dataset),
        burned_in={"YES": True, "NO": False}.get(declared),
        patient_id=dicom.text(dataset, "PatientID") or None,
        issuer=dicom.text(dataset, "IssuerOfPatientID") or None,
        sop_instance_uid=dicom.text(dataset, "SOPInstanceUID") or None,
    )


def _view(dataset: Dataset) -> str | None:
    view = dicom.text(dataset, "ViewPosition").upper()
    if view in _VIEWS:
        return view
    with guarded():
        codes: Any = dataset.get("ViewCodeSequence") or ()
        for item in codes:
            found = Code(dicom.text(item, "CodeValue"), dicom.text(item, "CodingSchemeDesignator"), "")
            return next((name for code, name in _VIEW_CODES if code == found), None)
    return None


def patient_age(dataset: Dataset) -> int | None:
    """Age in whole years, 90 for all above 89: PatientAge, else from the dates of birth and study."""
    found = re.fullmatch(r"(\d{1,3})([DWMY]?)", dicom.text(dataset, "PatientAge").upper())
    years = int(found[1]) // {"D": 365, "W": 52, "M": 12, "Y": 1}[found[2] or "Y"] if found else None
    if years is None or years > _OLDEST:
        born, seen = _date(dataset, "PatientBirthDate"), _date(dataset, "StudyDate")
        if born is None or seen is None or born > seen:
            return None
        years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return min(years, MAX_AGE) if years <= _OLDEST else None


def _date(dataset: Dataset, keyword: str) -> date | None:
    value = dicom.text(dataset, keyword)
    try:
        return datetime.strptime(value, "%Y%m%d").date() if len(value) == 8 else None
    except ValueError:
        return None
