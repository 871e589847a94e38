"""De-identification of radiographs: rebuilt from a table of permitted attributes, never edited."""

from .engine import attest, deidentify
from .keys import key_id, patient_pseudonym, pseudonym, read_keys
from .report import Entry, Report

__all__ = ["Entry", "Report", "attest", "deidentify", "key_id", "patient_pseudonym", "pseudonym", "read_keys"]
