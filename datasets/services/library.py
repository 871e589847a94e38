"""What a curator accepts comes into the library here."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO
from typing import IO, Any, TypedDict

from django.core.files.storage import Storage, storages
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import Hospital, User
from audit.services import record
from datasets.digests import Digested
from datasets.errors import DatasetError, LibraryFault
from datasets.models import Dataset, DiagnosisGroup, LungMask, LungRegion, Patient, Radiograph
from datasets.services.findings import known_findings
from datasets.services.scores import count_score, discount_score

EXTENSIONS = {"dicom": "dcm", "jpeg": "jpg", "png": "png", "tiff": "tif"}


@dataclass(frozen=True)
class NewFile:
    """A file on its way into the library: `open()` gives its bytes, `sha256` (hex) is what they must hash to."""

    open: Callable[[], IO[bytes]]
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "NewFile":
        """A small file that is in memory."""
        return cls(lambda: BytesIO(data), hashlib.sha256(data).hexdigest())


class Facts(TypedDict, total=False):
    """What is known of the patient; a missing key or an empty value means unknown."""

    sex: str
    age: int | None
    smoke: str
    smoke_packyears: Decimal | None


@transaction.atomic
def add_radiograph(
    *,
    dataset: Dataset,
    group: DiagnosisGroup,
    hospital: Hospital,
    patient_key_hash: str = "",
    patient_key_id: str = "",
    demographics: Facts,
    quality: str,
    quality_score: float | None = None,
    assessment: dict[str, Any] | None = None,
    view: str = "",
    set: str = "",
    findings: Sequence[str] = (),
    image: NewFile,
    mask: NewFile | None = None,
    region: NewFile | None = None,
    region_mask: NewFile | None = None,
    transform: dict[str, Any] | None = None,
    model_version: str = "",
    confidence: float | None = None,
    deid_report: dict[str, Any] | None = None,
    format: str,
    width: int,
    height: int,
    accepted_by: User,
) -> Radiograph:
    """Takes one accepted, de-identified image into the library, within the caller's transaction.

    The patient is found by `patient_key_hash` within the hospital or gets the hospital's next number; without a key
    every image is a patient of its own. The image is named Anonymous_<hospital>_<patient>_<class>[_n].<ext>. The lung
    region (PNG, 512 x 512 px) and its mask come together or not at all. `format` is one of EXTENSIONS, `findings` are
    codes of the dataset. Raises DatasetError where one is unknown, and LibraryFault if a file does not hash to its
    sha256; what was written by then is removed.
    """
    if group.dataset_id != dataset.pk:
        raise ValueError("the group is of another dataset")
    if (region is None) != (region_mask is None):
        raise ValueError("a lung region comes with its mask")
    # Everybody who numbers a patient of this hospital queues here, until the caller's transaction ends.
    Hospital.objects.select_for_update().get(pk=hospital.pk)
    patient = _patient(hospital, patient_key_hash, patient_key_id)
    stem = _stem(hospital, patient, dataset, group)
    filename = f"{stem}.{EXTENSIONS[format]}"
    shelf = Shelf(f"{dataset.slug}/{stem}.{secrets.token_hex(8)}")
    try:
        path = shelf.put(filename, image)
        radiograph = Radiograph.objects.create(
            dataset=dataset,
            group=group,
            patient=patient,
            filename=filename,
            file=path,
            format=format,
            size=shelf.storage.size(path),
            sha256=image.sha256,
            width=width,
            height=height,
            view=view,
            quality=quality,
            quality_score=quality_score,
            assessment=assessment or {},
            set=set,
            deid_report=deid_report or {},
            accepted_by=accepted_by,
            sex=demographics.get("sex") or "",
            age=demographics.get("age"),
            smoke=demographics.get("smoke") or "",
            smoke_packyears=demographics.get("smoke_packyears"),
        )
        if mask is not None:
            LungMask.objects.create(
                radiograph=radiograph,
                kind=LungMask.Kind.MODEL,
                model_version=model_version,
                confidence=confidence,
                file=(mask_path := shelf.put("mask.png", mask)),
                sha256=mask.sha256,
                size=shelf.storage.size(mask_path),
            )
        if region is not None and region_mask is not None:
            LungRegion.objects.create(
                radiograph=radiograph,
                image=(image_path := shelf.put("region.png", region)),
                image_sha256=region.sha256,
                image_size=shelf.storage.size(image_path),
                mask=(mask_path := shelf.put("region_mask.png", region_mask)),
                mask_sha256=region_mask.sha256,
                mask_size=shelf.storage.size(mask_path),
                transform=transform or {},
            )
        if findings:
            radiograph.findings.set(known_findings(dataset, findings))
        # Last: nobody else's image of this dataset is counted before this transaction ends.
        count_score(radiograph)
    except BaseException:
        shelf.clear()
        raise
    record("radiograph.added", actor=accepted_by, about=radiograph, dataset=dataset.pk, hospital=hospital.pk)
    return radiograph


@transaction.atomic
def withdraw_radiograph(*, manager: User, radiograph: Radiograph) -> Radiograph:
    """Takes an image out of what the next release has. Its row stays, its name is never given again; releases that have
    it do not change. Raises DatasetError if it is withdrawn already."""
    row = Radiograph.objects.select_for_update(of=("self",)).select_related("dataset").get(pk=radiograph.pk)
    if row.status == Radiograph.Status.WITHDRAWN:
        raise DatasetError(_("This image is withdrawn already."))
    row.status = Radiograph.Status.WITHDRAWN
    row.save(update_fields=["status"])
    discount_score(row)
    record("radiograph.withdrawn", actor=manager, about=row, dataset=row.dataset_id)
    return row


def _patient(hospital: Hospital, key_hash: str, key_id: str) -> Patient:
    """The patient with that key, or a new one with the next number. The hospital's row is locked by the caller."""
    patients = Patient.objects.filter(hospital=hospital)
    if key_hash and (known := patients.filter(key_hash=key_hash).first()):
        return known
    last = patients.order_by("-number").values_list("number", flat=True).first() or 0
    return Patient.objects.create(hospital=hospital, number=last + 1, key_hash=key_hash or None, key_id=key_id)


def _stem(hospital: Hospital, patient: Patient, dataset: Dataset, group: DiagnosisGroup) -> str:
    """The file name without extension. Withdrawn images keep theirs, so a name is never given twice."""
    before = Radiograph.objects.filter(dataset=dataset, group=group, patient=patient).count()
    suffix = f"_{before + 1}" if before else ""
    return f"Anonymous_{hospital.number}_{patient.number}_{group.class_id}{suffix}"


class Shelf:
    """A folder of the library that this attempt alone writes to: a try that is rolled back leaves no wrong file."""

    def __init__(self, folder: str) -> None:
        self.storage: Storage = storages["library"]
        self.folder = folder
        self.paths: list[str] = []

    def put(self, name: str, new: NewFile) -> str:
        with new.open() as source:
            content = Digested(source)
            path = self.storage.save(f"{self.folder}/{name}", content)
        self.paths.append(path)
        if content.sha256 != new.sha256:
            raise LibraryFault(_("A file changed on its way into the library. Run the stage again."))
        return path

    def clear(self) -> None:
        for path in self.paths:
            self.storage.delete(path)
