"""What changed between two texts: line by line, and within a changed line word by word."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

SAME, ADDED, REMOVED = "same", "added", "removed"
_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_AROUND = 1  # unchanged lines that are shown before and after a change
_MAX_WORDS = 3_000  # of longer lines only the whole is compared: the time grows with the square


@dataclass(frozen=True)
class Part:
    """A stretch of text that is the `same`, `added` or `removed`."""

    kind: str
    text: str


@dataclass(frozen=True)
class Line:
    """A line as its parts, or, where `skipped` is not 0, so many unchanged lines that are not shown."""

    parts: Sequence[Part]
    skipped: int = 0


def differences(old: str, new: str) -> list[Line]:
    """The lines of both texts in order, runs of unchanged ones shortened; empty for the same text."""
    before, after = _lines(old), _lines(new)
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    lines: list[Line] = []
    steps = matcher.get_opcodes()
    for number, (step, i1, i2, j1, j2) in enumerate(steps):
        if step == "equal":
            lines += _shortened(before[i1:i2], first=number == 0, last=number == len(steps) - 1)
        else:
            lines += _changed(before[i1:i2], after[j1:j2])
    return lines if any(line.parts and {part.kind for part in line.parts} != {SAME} for line in lines) else []


def _lines(text: str) -> list[str]:
    return [line for line in (line.strip() for line in text.splitlines()) if line]


def _shortened(lines: list[str], *, first: bool, last: bool) -> list[Line]:
    head, tail = (0 if first else _AROUND), (0 if last else _AROUND)
    skipped = len(lines) - head - tail
    shown = [Line([Part(SAME, line)]) for line in lines]
    if skipped <= 1:
        return shown
    return [*shown[:head], Line([], skipped=skipped), *shown[len(lines) - tail :]]


def _changed(before: list[str], after: list[str]) -> list[Line]:
    both = min(len(before), len(after))
    lines = [Line(_words(old, new)) for old, new in zip(before[:both], after[:both], strict=True)]
    lines += [Line([Part(REMOVED, line)]) for line in before[both:]]
    lines += [Line([Part(ADDED, line)]) for line in after[both:]]
    return lines


def _words(old: str, new: str) -> list[Part]:
    before, after = _WORD.findall(old), _WORD.findall(new)
    if len(before) + len(after) > _MAX_WORDS:
        return [Part(REMOVED, old), Part(ADDED, new)]
    parts: list[Part] = []
    for step, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if step == "equal":
            parts.append(Part(SAME, "".join(before[i1:i2])))
            continue
        if i1 < i2:
            parts.append(Part(REMOVED, "".join(before[i1:i2])))
        if j1 < j2:
            parts.append(Part(ADDED, "".join(after[j1:j2])))
    return parts
