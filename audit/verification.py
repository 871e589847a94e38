"""Finding out whether the trail says today what it said when it was written."""

import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit import anchors
from audit.chain import FIELDS, FIRST_HASH, Row, digest
from audit.keys import audit_key
from audit.models import Event
from audit.triggers import guard_stands

CHUNK = 5000  # rows held in memory
KEPT = 20  # faults that the result of a check keeps in words


class Verification:
    """Walks the trail from event `since` on, beside the anchors. Iterating yields a line for every fault; afterwards
    the attributes say what was seen. Rows are streamed: a million take the memory of a few thousand."""

    def __init__(self, since: int = 1) -> None:
        self.since = max(since, 1)
        self.events = 0  # rows that were read
        self.last = self.since - 1  # number of the last one
        self.last_hash = FIRST_HASH
        self.anchors = 0
        self.anchored = 0  # number of the newest event that is anchored

    def __iter__(self) -> Iterator[str]:
        if not guard_stands(connection):
            yield "The database does not refuse changes to the trail: its triggers are missing or switched off."
        # In this order: what the trail says of by now is in the file by now, what is anchored by now is in the trail.
        promised = anchors.promises()
        found, broken = anchors.read()
        self.anchors = len(found)
        self.anchored = found[-1].number if found else 0
        for line in broken:
            yield f"Line {line} of the anchors was changed, or lines before it are missing."
        yield from self._chain({anchor.number: anchor for anchor in found})
        yield from self._end(found)
        fault = anchors.broken_promise(promised, len(found) + len(broken), found)
        if fault is not None:
            yield fault

    def _chain(self, by_number: dict[int, anchors.Anchor]) -> Iterator[str]:
        number, previous = self._before()
        rows = Event.objects.filter(number__gte=self.since).order_by("number", "id")
        for *fields, row_hash in rows.values_list(*FIELDS, "hash").iterator(chunk_size=CHUNK):
            row = Row(*fields)
            if row.number == number:
                yield f"Event {number}: there are two with this number."
            elif row.number != number + 1:
                yield f"Event {row.number}: events {number + 1} to {row.number - 1} are missing."
            if row.previous_hash != previous:
                yield f"Event {row.number}: it does not follow from the event before it."
            if not hmac.compare_digest(row_hash, digest(row)):
                yield f"Event {row.number}: its content was changed."
            anchor = by_number.get(row.number)
            if anchor is not None and anchor.hash != row_hash:
                yield (
                    f"Event {row.number}: it is not the one that was anchored on {anchor.at[:19]}; "
                    "the trail was written anew."
                )
            number, previous = row.number, row_hash
            self.events += 1
        self.last, self.last_hash = number, previous

    def _before(self) -> tuple[int, str]:
        """Number and hash of the row before the first one that is read; that row is believed."""
        if self.since == 1:
            return 0, FIRST_HASH
        before = Event.objects.filter(number__lt=self.since).order_by("-number").values_list("number", "hash").first()
        return before or (0, FIRST_HASH)

    def _end(self, found: list[anchors.Anchor]) -> Iterator[str]:
        later = [anchor for anchor in found if anchor.number > self.last]
        if later:
            yield (
                f"The trail ends at event {self.last}, but event {later[-1].number} was anchored on "
                f"{later[-1].at[:19]}: its end was cut off."
            )


@dataclass(frozen=True)
class Result:
    """What the last check by the scheduler found; it lies beside the anchors, not in the database."""

    at: datetime
    events: int
    last: int
    faults: int
    words: list[str]

    @property
    def sound(self) -> bool:
        return not self.faults


def _result_path() -> Path:
    return Path(settings.CXR_ANCHORS_DIR) / "check.json"


def check() -> Result:
    """Verifies the whole trail and keeps the result for the page of the data managers."""
    verification = Verification()
    faults = iter(verification)
    words = list(islice(faults, KEPT))
    more = sum(1 for _ in faults)
    result = Result(timezone.now(), verification.events, verification.last, len(words) + more, words)
    content = json.dumps({**result.__dict__, "at": result.at.isoformat()})
    file = _result_path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"content": content, "mac": _seal(content)}))
    new.replace(file)
    return result


def last_result() -> Result | None:
    """What `check` found the last time; None where it never ran or somebody changed the file."""
    try:
        kept = json.loads(_result_path().read_text())
        if not hmac.compare_digest(kept["mac"], _seal(kept["content"])):
            return None
        content = json.loads(kept["content"])
        return Result(**{**content, "at": datetime.fromisoformat(content["at"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _seal(content: str) -> str:
    return hmac.new(audit_key(), f"cxr check\n{content}".encode(), "sha256").hexdigest()
