"""Versions of releases, e.g. 1.1. The first number grows when images change or leave, the second when some come. A
third (1.1.1) marks a patch release, which the program makes when images are withdrawn; people give two."""

import re

FIRST = "1.0"
_NUMBER = r"(0|[1-9]\d{0,5})"
_VERSION = re.compile(rf"{_NUMBER}\.{_NUMBER}", re.ASCII)
_ANY = re.compile(rf"{_NUMBER}\.{_NUMBER}(?:\.{_NUMBER})?", re.ASCII)


def parse(version: str) -> tuple[int, int] | None:
    """The two numbers of a version that a person gave, or None if it is not of the form N.N."""
    match = _VERSION.fullmatch(version)
    return (int(match[1]), int(match[2])) if match else None


def order(version: str) -> tuple[int, ...]:
    """What versions sort by: the two or three numbers; () for what is no version."""
    match = _ANY.fullmatch(version)
    return tuple(int(number) for number in match.groups() if number is not None) if match else ()


def patch(version: str) -> str:
    """The patch release after `version`: 1.0.1 after 1.0, 1.0.2 after 1.0.1."""
    first, second, third = (*order(version), 0)[:3]
    return f"{first}.{second}.{third + 1}"


def suggest(last: str | None, *, only_additions: bool) -> str:
    """The version after `last` (None: there is none yet)."""
    if last is None or not (numbers := order(last)):
        return FIRST
    return f"{numbers[0]}.{numbers[1] + 1}" if only_additions else f"{numbers[0] + 1}.0"
