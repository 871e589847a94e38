"""De-identification of radiographs: rebuilt from a table of permitted attributes, never edited."""

from .engine import deidentify
from .keys import key_id, patient_pseudonym, pseudonym
from .report import Entry, Report

__all__ = ["Entry", "Report", "deidentify", "key_id", "patient_pseudonym", "pseudonym"]
