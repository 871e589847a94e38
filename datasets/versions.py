"""Versions of releases, e.g. 1.1. The first number grows when images change or leave, the second when some come."""

import re

FIRST = "1.0"
_VERSION = re.compile(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")


def parse(version: str) -> tuple[int, int] | None:
    """The two numbers of a version, or None if it is not of the form N.N."""
    match = _VERSION.fullmatch(version)
    return (int(match[1]), int(match[2])) if match else None


def suggest(last: str | None, *, only_additions: bool) -> str:
    """The version after `last` (None: there is none yet)."""
    if last is None or (numbers := parse(last)) is None:
        return FIRST
    return f"{numbers[0]}.{numbers[1] + 1}" if only_additions else f"{numbers[0] + 1}.0"
