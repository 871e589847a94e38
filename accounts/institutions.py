"""Institutions by name: what counts as the same name, and what a form suggests while somebody types."""

import re
import unicodedata

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import Institution

# https://ror.readme.io/docs/identifier: a zero, six characters of Crockford's base 32, two digits of checksum.
_ROR = re.compile(r"^(?:https?://)?(?:www\.)?(?:ror\.org/)?(0[0-9a-hjkmnp-tv-z]{6}[0-9]{2})/?$", re.IGNORECASE)
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"
SUGGESTIONS = 200


def plain(name: str) -> str:
    """The name as it is kept: one space between words, Unicode composed."""
    return " ".join(unicodedata.normalize("NFC", name).split())


def key_of(name: str) -> str:
    """Two names with the same key are the same institution: capitals, spaces and compatibility forms do not count."""
    return plain(unicodedata.normalize("NFKC", name).casefold())[:500]


def find(name: str) -> Institution | None:
    """The institution that goes by `name`, after all merges; None where nobody has typed it yet."""
    found = Institution.objects.select_related("merged_into").filter(key=key_of(name)).first()
    return None if found is None else standing(found)


def standing(institution: Institution) -> Institution:
    """The row that counts: `institution` itself, or what it was merged into. Merging keeps the way one step long."""
    return institution.merged_into or institution


def named(name: str, country: str = "") -> Institution | None:
    """Finds or makes the institution that goes by `name`; None for an empty name. Called by services."""
    name = plain(name)
    if not name:
        return None
    found = find(name)
    if found is None:
        made, _made = Institution.objects.get_or_create(key=key_of(name), defaults={"name": name, "country": country})
        found = standing(made)
    return found


def suggestions(typed: str = "") -> list[str]:
    """Names for a type-ahead. Only institutions that a data manager has looked at (a ROR id) or that several people
    work at are told to everybody: what a single person typed may say who that person is."""
    known = listed().annotate(colleagues=Count("people")).filter(~Q(ror_id=None) | Q(colleagues__gte=3))
    key = key_of(typed)
    rows = known.filter(key__contains=key) if key else known
    return list(rows.order_by("name").values_list("name", flat=True)[:SUGGESTIONS])


def listed() -> QuerySet[Institution]:
    """Institutions that stand, each with `count`, the people who work there."""
    return Institution.objects.filter(merged_into=None).annotate(count=Count("people"))


def ror(value: str) -> str:
    """The ROR id as an address, https://ror.org/...; empty stays empty. Raises `ValidationError` where it is none:
    the last two digits are a checksum (ISO/IEC 7064, 97-10)."""
    value = value.strip()
    if not value:
        return ""
    match = _ROR.match(value)
    if match is None or not _sums_up(match[1].lower()):
        raise ValidationError(_("This is no ROR id. It looks like https://ror.org/0161xgx34."))
    return f"https://ror.org/{match[1].lower()}"


def _sums_up(identifier: str) -> bool:
    number = 0
    for letter in identifier[:7]:
        number = number * 32 + _BASE32.index(letter)
    return 98 - (number * 100) % 97 == int(identifier[7:])
