"""Writing to the audit trail and checking it. Everything that anybody does goes through `record`."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from audit.keys import audit_key
from audit.models import Event

FIRST_HASH = "0" * 64
# Any constant does; it only has to be the same for every writer (PostgreSQL advisory lock).
_LOCK = 0x43585241


def _digest(event: Event) -> str:
    """HMAC-SHA256 over everything that the row says, the hash of the row before included."""
    content = json.dumps(
        [
            event.number,
            event.at.isoformat(),
            event.actor_id,
            event.action,
            event.object_type,
            event.object_id,
            event.data,
            event.previous_hash,
        ],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=True,
    )
    return hmac.new(audit_key(), content.encode(), hashlib.sha256).hexdigest()


def record(action: str, *, actor: Any = None, about: models.Model | None = None, **data: Any) -> Event:
    """Adds one event to the trail, in the caller's transaction if there is one.

    `action` is `noun.verb` in the past tense ("file.received"). `actor` is a user, or None for the system and for
    visitors. `data` holds ids, counts and codes that JSON can carry; the caller keeps identifying text out of it.
    Writers queue behind each other until they commit, so keep the transaction around a call short.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = Event.objects.order_by("-number").values_list("number", "hash").first() or (0, FIRST_HASH)
        event = Event(
            number=last[0] + 1,
            # Databases keep microseconds and so does isoformat; nothing is lost on the way back.
            at=timezone.now(),
            actor_id=actor.pk if actor is not None and actor.is_authenticated else None,
            action=action,
            object_type=about._meta.label_lower if about is not None else "",
            object_id=str(about.pk) if about is not None else "",
            # Through JSON once, so that the hash is over what the database gives back.
            data=json.loads(json.dumps(data)),
            previous_hash=last[1],
        )
        event.hash = _digest(event)
        event.save(force_insert=True)
    return event


def faults() -> Iterator[str]:
    """Walks the whole trail and yields one line for every gap, broken link or changed row; nothing if it is sound."""
    number, previous = 0, FIRST_HASH
    for event in Event.objects.order_by("number").iterator(chunk_size=2000):
        if event.number != number + 1:
            yield f"Event {event.number}: events {number + 1} to {event.number - 1} are missing."
        if event.previous_hash != previous:
            yield f"Event {event.number}: it does not follow from the event before it."
        if not hmac.compare_digest(event.hash, _digest(event)):
            yield f"Event {event.number}: its content was changed."
        number, previous = event.number, event.hash
