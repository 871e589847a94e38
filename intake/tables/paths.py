"""Which row of a table speaks of which file: names and paths as two programs write them differently.

A row may give a name, a path from the folder that was sent, or a path from the root of somebody's disk; a file may come
with its folders or without. They fit when the shorter of the two is the end of the longer one, folder by folder.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Path = tuple[str, ...]
Row = TypeVar("Row")


class Several(Exception):  # noqa: N818
    """More than one row fits equally well."""


def path(name: str) -> Path:
    """The folders and the name, as they are compared: composed (macOS sends accents as separate characters), without
    case, drive letter and empty parts. Empty for a name of nothing."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).replace("\\", "/")
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 1 and len(parts[0]) == 2 and parts[0][1] == ":":
        parts = parts[1:]
    return tuple(part for part in parts if part not in ("", ".", ".."))


def fits(one: Path, other: Path) -> int:
    """How many parts agree from the end, if the whole shorter path does; else 0."""
    count = min(len(one), len(other))
    return count if count and one[-count:] == other[-count:] else 0


def shared(paths: Iterable[Path]) -> int:
    """How many leading folders all paths have in common. What they share tells no two of them apart."""
    common: Path | None = None
    for found in paths:
        folders = found[:-1]
        if common is None:
            common = folders
        while common != folders[: len(common)]:
            common = common[:-1]
        if not common:
            break
    return len(common or ())


def ends(found: Path) -> list[Path]:
    """Every end of a path that has a folder, longest first."""
    return [found[start:] for start in range(len(found) - 1)]


def choose(
    file: Path,
    of_row: Callable[[Row], Path],
    by_end: Callable[[Sequence[Path]], Iterable[Row]],
    by_name: Callable[[str], Iterable[Row]],
) -> Row | None:
    """The row that speaks of `file`. `by_end` gives rows whose path without the shared folders is one of these ends,
    `by_name` those whose path ends in this name; `of_row` is a row's whole path. Raises Several."""
    if not file:
        return None
    for rows in (by_end(ends(file)) if len(file) > 1 else (), by_name(file[-1])):
        fitting = [(fits(of_row(row), file), row) for row in rows]
        best = max((count for count, _row in fitting), default=0)
        chosen = [row for count, row in fitting if count == best]
        if best and len(chosen) > 1:
            # A row that says just this, and nothing of folders above it, goes before those that say more.
            chosen = [row for row in chosen if len(of_row(row)) == best]
            if len(chosen) != 1:
                raise Several
        if best:
            return chosen[0]
    return None
