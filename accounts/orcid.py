"""ORCID iDs: https://support.orcid.org/hc/en-us/articles/360006897674 (structure), ISO/IEC 7064 MOD 11-2 (checksum)."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_ORCID = re.compile(r"^(?:https?://)?(?:www\.)?(?:orcid\.org/)?(\d{4})-?(\d{4})-?(\d{4})-?(\d{3}[\dxX])/?$", re.ASCII)


def normalized(value: str) -> str:
    """0000-0000-0000-0000 from what was typed or copied, the address included; empty stays empty.

    Raises `ValidationError` where it is no ORCID iD or a digit was mistyped."""
    value = "".join(value.split())
    if not value:
        return ""
    match = _ORCID.match(value)
    if match is None:
        raise ValidationError(_("This is no ORCID iD. It looks like 0000-0002-1825-0097."))
    digits = "".join(match.groups()).upper()
    if digits[-1] != _check_digit(digits[:-1]):
        raise ValidationError(_("A digit of the ORCID iD is mistyped: its checksum does not fit."))
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


def _check_digit(digits: str) -> str:
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2
    result = (12 - total % 11) % 11
    return "X" if result == 10 else str(result)
