"""What a file is: the facts that the pipeline needs, and the few secrets that find the patient again."""

import re
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import dicom
from .header import DataSet, Header
from .header import read as read_header
from .kinds import Format, sniff

if TYPE_CHECKING:
    from PIL import Image

MAX_AGE = 90  # PS3.15 E.3.6 and common rules on health data: ages above 89 are one group
_OLDEST = 130  # anything above is an error, not an age
_VIEWS = {"AP", "PA", "LL", "RL", "LLD", "RLD", "LLO", "RLO"}
# DX View (PS3.16 CID 4010) in SNOMED CT and in the older SRT codes.
_VIEW_CODES = {
    "399348003": "AP", "R-10206": "AP",
    "272479007": "PA", "R-10214": "PA", "R-40888": "PA",
    "399173006": "LL", "R-10236": "LL",
    "399198007": "RL", "R-10232": "RL",
}  # fmt: skip
_SECRETS = ("patient_id", "issuer", "sop_instance_uid", "taken_on")


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
    taken_on: date | None = field(default=None, repr=False)

    def facts(self) -> dict[str, str | int | bool | None]:
        """Everything that identifies nobody, JSON-able, safe to store and show."""
        return {key: value for key, value in asdict(self).items() if key not in _SECRETS}


def inspect(path: Path) -> Inspection:
    """Parse the file at ``path`` completely and decode its pixels once. Raises Refused."""
    kind = sniff(path)
    if kind is Format.DICOM:
        header, _ = dicom.read_pixels(path)
        return _from_dicom(header)
    from . import raster

    if kind is Format.JPEG:
        raster.check_stream(path)
    image, _ = raster.open_image(path, kind)
    return Inspection(
        kind, image.width, image.height, 16 if image.mode == "I;16" else 8,
        "RGB" if image.mode == "RGB" else "MONOCHROME2",
    )  # fmt: skip


def decode(path: Path) -> NDArray[np.float32]:
    """The picture as it should be seen: (H, W) float32 in 0..1, bright = dense bone. Raises Refused."""
    return stored_and_decoded(path)[1]


def stored(path: Path) -> NDArray[np.integer[Any]]:
    """The stored values, upright: (H, W) integer of the file's own depth and sign; colour tints become grey levels.

    Nothing is windowed or inverted, so that all that is in the pixels is there to be found. Raises Refused.
    """
    kind = sniff(path)
    return dicom.read_pixels(path)[1] if kind is Format.DICOM else np.asarray(_grey(path, kind))


def stored_and_decoded(path: Path) -> tuple[NDArray[np.integer[Any]], NDArray[np.float32]]:
    """What `stored` and `decode` give, for the price of one of them. Raises Refused."""
    kind = sniff(path)
    if kind is Format.DICOM:
        header, values = dicom.read_pixels(path)
        return values, dicom.display_values(header, values)
    from . import raster

    image = _grey(path, kind)
    return np.asarray(image), raster.to_float(image)


def _grey(path: Path, kind: Format) -> "Image.Image":
    """Mode L or I;16, upright. Raises Refused."""
    from . import raster

    if kind is Format.JPEG:
        raster.check_stream(path)
    image, _ = raster.open_image(path, kind)
    return image.convert("L") if image.mode == "RGB" else image


def date_taken(path: Path) -> date | None:
    """The day of the examination as the header of the file at ``path`` says it. Raises Refused."""
    if sniff(path) is not Format.DICOM:
        return None
    with path.open("rb") as file:
        return taken_on(read_header(file))


def _from_dicom(header: Header) -> Inspection:
    layout = dicom.layout(header)
    sex = header.text("PatientSex").upper()
    declared = header.text("BurnedInAnnotation").upper()
    return Inspection(
        Format.DICOM,
        layout.columns,
        layout.rows,
        layout.stored,
        layout.photometric,
        transfer_syntax=header.syntax,
        sop_class=header.text("SOPClassUID"),
        view=_view(header),
        sex=sex if sex in ("F", "M") else None,
        age=patient_age(header),
        burned_in={"YES": True, "NO": False}.get(declared),
        patient_id=header.text("PatientID") or None,
        issuer=header.text("IssuerOfPatientID") or None,
        sop_instance_uid=header.text("SOPInstanceUID") or None,
        taken_on=taken_on(header),
    )


def _view(header: Header) -> str | None:
    view = header.text("ViewPosition").upper()
    if view in _VIEWS:
        return view
    codes = header.items("ViewCodeSequence")
    known = codes and codes[0].text("CodingSchemeDesignator") in ("SCT", "SRT", "SNM3", "99SDM")
    return _VIEW_CODES.get(codes[0].text("CodeValue")) if known else None


def patient_age(header: DataSet) -> int | None:
    """Age in whole years, 90 for all above 89: PatientAge, else from the dates of birth and study."""
    found = re.fullmatch(r"(\d{1,3})([DWMY]?)", header.text("PatientAge").upper())
    years = int(found[1]) // {"D": 365, "W": 52, "M": 12, "Y": 1}[found[2] or "Y"] if found else None
    if years is None or years > _OLDEST:
        return age_on(_date(header, "PatientBirthDate"), taken_on(header))
    return min(years, MAX_AGE)


def age_on(born: date | None, seen: date | None) -> int | None:
    """Age in whole years on the day ``seen``, 90 for all above 89; None where a date is missing or they cannot be."""
    if born is None or seen is None or born > seen:
        return None
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return min(years, MAX_AGE) if years <= _OLDEST else None


def taken_on(header: DataSet) -> date | None:
    """The day of the examination: that of the study, else of the acquisition (PS3.3 C.7.2.1, C.7.6.1)."""
    return _date(header, "StudyDate") or _date(header, "AcquisitionDate")


def _date(header: DataSet, keyword: str) -> date | None:
    value = header.text(keyword)
    try:
        return datetime.strptime(value, "%Y%m%d").date() if len(value) == 8 else None
    except ValueError:
        return None
