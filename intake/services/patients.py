"""Whose radiograph it is, without knowing: the hospital's patient key as a keyed hash."""

from imaging.deid import pseudonym
from intake import keys
from intake.models import UploadedFile


def set_patient(file: UploadedFile, hospital_number: int, patient_key: str) -> None:
    """Puts the keyed hash of a patient key (or DICOM Patient ID) on the row; an empty one changes nothing."""
    if not patient_key.strip():
        return
    key = keys.pseudonym_key()
    file.patient_key_hash = pseudonym(key.secret, str(hospital_number), patient_key)
    file.patient_key_id = key.id
