"""Whose radiograph it is, without knowing: the hospital's patient key as a keyed hash."""

from itertools import pairwise
from typing import NamedTuple

from django.db.models import Q

from datasets.models import Patient
from imaging.deid import patient_pseudonym
from intake import keys
from intake.models import FINAL_STAGES, Stage, UploadedFile
from intake.services.errors import IntakeError


class Identity(NamedTuple):
    """The keyed hash of a patient key, and the id of the key that made it."""

    key_hash: str
    key_id: str


class PatientUnclear(keys.KeyMissing, IntakeError):  # noqa: N818
    """It cannot be told whether this patient is known: patients of the hospital are linked by a key that is missing."""


def identify(hospital_id: int, hospital_number: int, patient_id: str, issuer: str = "") -> Identity:
    """The identity of a hospital's patient: the one that is known, under whichever key of the ring, else a new one
    under the current key.

    A Patient ID with an issuer is another patient than the same with another issuer, but the one that was known
    without any. Raises PatientUnclear rather than making a second person of somebody whose key was taken away.
    """
    ring = keys.pseudonym_keys()
    issuers = (issuer, "") if issuer.strip() else ("",)
    candidates = [
        Identity(patient_pseudonym(key.secret, hospital_number, patient_id, by), key.id)
        for by in issuers
        for key in ring
    ]
    patients = Patient.objects.filter(hospital_id=hospital_id, key_hash__isnull=False)
    uploads = UploadedFile.objects.filter(hospital_id=hospital_id).exclude(patient_key_hash="")
    hashes = [candidate.key_hash for candidate in candidates]
    for known in (
        set(patients.filter(key_hash__in=hashes).values_list("key_hash", flat=True)),
        set(uploads.filter(patient_key_hash__in=hashes).values_list("patient_key_hash", flat=True)),
    ):
        for candidate in candidates:
            if candidate.key_hash in known:
                return candidate
    pending = uploads.filter(stage__in=[stage for stage in Stage if stage not in FINAL_STAGES])
    ids = [key.id for key in ring]
    if patients.filter(_other_than(ids)).exists() or pending.exclude(patient_key_id__in=ids).exists():
        raise PatientUnclear
    return candidates[0]


def _other_than(ids: list[str]) -> Q:
    """Patients whose key is none of `ids`. Said as ranges, so that the index answers without reading every patient."""
    bounds = ["", *sorted(ids)]
    other = Q(key_id__gt=bounds[-1])
    for low, high in pairwise(bounds):
        other |= Q(key_id__gt=low, key_id__lt=high)
    return other


def set_patient(file: UploadedFile, hospital_number: int, patient_key: str, issuer: str = "") -> None:
    """Puts the identity behind a patient key (or DICOM Patient ID) on the row; an empty one changes nothing.

    Raises PatientUnclear as `identify` does.
    """
    if patient_key.strip():
        found = identify(file.hospital_id, hospital_number, patient_key, issuer)
        file.patient_key_hash, file.patient_key_id = found
