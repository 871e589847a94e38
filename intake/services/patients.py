"""Whose radiograph it is, without knowing: the hospital's patient key as a keyed hash."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from django.db.models import Q

from datasets.models import Patient
from imaging.deid import patient_pseudonym
from intake import keys
from intake.models import FINAL_STAGES, DescriptionRow, Stage, UploadedFile
from intake.services.errors import IntakeError

_AT_ONCE = 500  # hashes in one query


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
    issuers = (issuer, "") if issuer.strip() else ("",)
    return _identify(hospital_id, hospital_number, {patient_id: [(patient_id, by) for by in issuers]})[patient_id]


def identify_many(hospital_id: int, hospital_number: int, patient_ids: Iterable[str]) -> dict[str, Identity]:
    """The same for many patients at once, without issuers, by patient id."""
    return _identify(hospital_id, hospital_number, {patient: [(patient, "")] for patient in patient_ids})


def _identify(hospital_id: int, number: int, forms: dict[str, list[tuple[str, str]]]) -> dict[str, Identity]:
    """The identity of each patient, who may be known in any of the forms (patient id, issuer), the first one first."""
    ring = keys.pseudonym_keys()
    candidates = {
        patient: [Identity(patient_pseudonym(key.secret, number, *form), key.id) for form in known for key in ring]
        for patient, known in forms.items()
    }
    places = _known(hospital_id, [one.key_hash for found in candidates.values() for one in found])
    identities: dict[str, Identity] = {}
    for patient, found in candidates.items():
        identities[patient] = next((one for known in places for one in found if one.key_hash in known), found[0])
    if any(not any(identities[patient].key_hash in known for known in places) for patient in identities):
        _check_ring(hospital_id, [key.id for key in ring])
    return identities


def _known(hospital_id: int, hashes: list[str]) -> list[set[str]]:
    """Which of the hashes the hospital's patients have, its files, and the rows of its tables."""
    patients = Patient.objects.filter(hospital_id=hospital_id, key_hash__isnull=False)
    uploads = UploadedFile.objects.filter(hospital_id=hospital_id).exclude(patient_key_hash="")
    rows = DescriptionRow.objects.filter(batch__hospital_id=hospital_id).exclude(patient_key_hash="")
    places: list[set[str]] = [set(), set(), set()]
    for start in range(0, len(hashes), _AT_ONCE):
        some = hashes[start : start + _AT_ONCE]
        places[0].update(str(found) for (found,) in patients.filter(key_hash__in=some).values_list("key_hash"))
        places[1].update(uploads.filter(patient_key_hash__in=some).values_list("patient_key_hash", flat=True))
        places[2].update(rows.filter(patient_key_hash__in=some).values_list("patient_key_hash", flat=True))
    return places


def _check_ring(hospital_id: int, ids: list[str]) -> None:
    """Raises PatientUnclear where a key of the hospital's patients is none of `ids`."""
    patients = Patient.objects.filter(hospital_id=hospital_id, key_hash__isnull=False)
    uploads = UploadedFile.objects.filter(hospital_id=hospital_id).exclude(patient_key_hash="")
    pending = uploads.filter(stage__in=[stage for stage in Stage if stage not in FINAL_STAGES])
    if patients.filter(_other_than(ids)).exists() or pending.exclude(patient_key_id__in=ids).exists():
        raise PatientUnclear


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
