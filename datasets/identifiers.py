"""Persistent identifiers as people type or copy them, brought into one form. Empty stays empty."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_DOI = re.compile(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)?(10\.\d{4,9}/[^\s<>\"]+)$", re.IGNORECASE)
_ROR = re.compile(r"^(?:https?://)?(?:ror\.org/)?(0[a-hj-km-np-tv-z0-9]{6}\d{2})/?$", re.IGNORECASE)


def doi(value: str) -> str:
    """10.1234/abc (https://www.doi.org/doi-handbook/), from an address too. Raises ValidationError."""
    value = value.strip()
    if not value:
        return ""
    found = _DOI.match(value)
    if found is None:
        raise ValidationError(_("This is no DOI. It looks like 10.1234/abc."))
    return found[1]


def ror(value: str) -> str:
    """https://ror.org/0xxxxxx00 (https://ror.readme.io/docs/identifier). Raises ValidationError."""
    value = value.strip()
    if not value:
        return ""
    found = _ROR.match(value)
    if found is None:
        raise ValidationError(_("This is no ROR of an institution. It looks like https://ror.org/02dyjk442."))
    return f"https://ror.org/{found[1].lower()}"
