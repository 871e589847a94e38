"""Anchors: what the trail's last row was, written outside the database again and again.

A chain proves that nothing in it was changed, but not that nothing was cut off its end, and who has the database and
the key can chain a false one. Each line of the file of anchors says which hash a row had on a day, and carries an HMAC
over itself and the line before.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.utils import timezone

from audit.keys import audit_key
from audit.models import Event

ANCHORED = "audit.anchored"
RESTARTED = "audit.anchors_restarted"


@dataclass(frozen=True)
class Anchor:
    number: int  # of the last event
    hash: str  # its hash
    at: str  # when the anchor was written, ISO 8601
    mac: str  # HMAC-SHA256 over this line and the one before

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


class AnchorMismatchError(Exception):
    """The trail is not the one that was anchored, says the text; nothing is written over the evidence."""


def path() -> Path:
    return Path(settings.CXR_ANCHORS_DIR) / "anchors.jsonl"


def _mac(number: int, event_hash: str, at: str, previous: str) -> str:
    content = f"cxr anchor\n{number}\n{event_hash}\n{at}\n{previous}"
    return hmac.new(audit_key(), content.encode(), hashlib.sha256).hexdigest()


def read() -> tuple[list[Anchor], list[int]]:
    """The anchors whose own content is sound, and the numbers of the lines that are not, or do not follow from the
    line before them. No file: nothing of either."""
    try:
        with path().open(encoding="utf-8", errors="replace") as file:
            return _sound(file)
    except FileNotFoundError:
        return [], []


def _sound(file: IO[str]) -> tuple[list[Anchor], list[int]]:
    anchors: list[Anchor] = []
    broken: list[int] = []
    previous = ""
    for number, line in enumerate(file, start=1):
        try:
            anchor = Anchor(**json.loads(line))
            expected = _mac(anchor.number, anchor.hash, anchor.at, previous)
            sound = hmac.compare_digest(anchor.mac, expected)
            previous = anchor.mac
        except (ValueError, TypeError):
            sound, previous = False, ""
        if sound:
            anchors.append(anchor)
        else:
            broken.append(number)
    return anchors, broken


def promises() -> list[dict[str, Any]]:
    """What the trail says about the anchors since they last began anew, oldest first: how many lines there were, and
    the beginning of the newest one's mac."""
    begun = Event.objects.filter(action=RESTARTED).order_by("-number").values_list("number", flat=True).first()
    said = Event.objects.filter(action=ANCHORED, number__gt=begun or 0).order_by("number")
    return list(said.values_list("data", flat=True))


def broken_promise(promised: list[dict[str, Any]], lines: int, found: list[Anchor]) -> str | None:
    """How a file of `lines` lines, of which `found` are sound, is not what the trail says; None where it is.

    Every promise counts: the newest one alone would agree with a file that was deleted and began anew.
    `promised` has to be read before the file, which only grows.
    """
    most = max((said["anchors"] for said in promised), default=0)
    if most and not lines:
        return f"The file of anchors is gone ({path()}); the trail says that it had {most} lines."
    if most > lines:
        return f"The file of anchors has {lines} lines; the trail says that it had {most} already."
    if not {said["mac"] for said in promised} <= {anchor.mac[:16] for anchor in found}:
        return "The file of anchors is another one than the trail speaks of."
    return None


def compare() -> tuple[list[Anchor], list[int]]:
    """What `read` returns, where trail and anchors agree; else raises AnchorMismatchError."""
    promised = promises()
    found, broken = read()
    fault = broken_promise(promised, len(found) + len(broken), found)
    if fault is not None:
        raise AnchorMismatchError(fault)
    if found:
        _require(found[-1])
    return found, broken


def _require(anchor: Anchor) -> None:
    """Raises AnchorMismatchError where the trail does not hold the event as it was anchored."""
    if Event.objects.filter(number=anchor.number).values_list("hash", flat=True).first() != anchor.hash:
        raise AnchorMismatchError(
            f"Event {anchor.number} was anchored, and the trail does not hold it any more: it was changed or cut off."
        )


@contextmanager
def _opened() -> Iterator[IO[bytes]]:
    """The file, to append to, by one process at a time."""
    folder = path().parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def write() -> Anchor | None:
    """Anchors the last event and returns the line; None where the last one is anchored already or there is none.

    Raises AnchorMismatchError where the trail does not hold the event that was anchored last, or the file is not the
    one that the trail speaks of, and OSError.
    """
    with _opened() as file:
        compare()
        last = _last_line(file)
        newest = Event.objects.order_by("-number").values_list("number", "hash").first()
        if last is not None:
            _require(last)
        if newest is None or (last is not None and newest[0] == last.number):
            return None
        at = timezone.now().isoformat()
        anchor = Anchor(*newest, at, _mac(*newest, at, last.mac if last is not None else ""))
        file.write(anchor.line().encode())
        file.flush()
        os.fsync(file.fileno())
    return anchor


def _last_line(file: IO[bytes]) -> Anchor | None:
    """The last line; a line that can't be read is left to `read` to complain of, and the next one follows from ''."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
    end = file.read()
    if end and not end.endswith(b"\n"):  # a line cut short by a power cut: the next one begins on a line of its own
        file.write(b"\n")
    return _parsed(end)


def _parsed(end: bytes) -> Anchor | None:
    try:
        return Anchor(**json.loads(end.splitlines()[-1])) if end.strip() else None
    except (ValueError, TypeError):
        return None


def newest() -> Anchor | None:
    """The last line, unchecked; None where there is none. For pages: `verification` checks."""
    try:
        with path().open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            return _parsed(file.read())
    except OSError:
        return None


def set_aside() -> Path | None:
    """Gives the file another name, so that a new one begins; the old one stays. None where there is no file."""
    old = path()
    if not old.exists():
        return None
    kept = old.with_name(f"anchors-until-{timezone.now():%Y%m%dT%H%M%S}.jsonl")
    old.rename(kept)
    return kept
