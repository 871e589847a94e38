"""Writing to the audit trail. Everything that anybody does goes through `record`."""

import json
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

from audit.chain import FIRST_HASH, Row, digest
from audit.models import Event

# Any constant does; it only has to be the same for every writer (PostgreSQL advisory lock).
_LOCK = 0x43585241
# Where the rows that things belong to name their dataset; followed only where they were loaded anyway.
_WAYS_TO_DATASET = ("release", "batch", "group", "request", "radiograph", "grant", "archive")


def _dataset_of(about: models.Model) -> int | None:
    """The dataset that the thing belongs to, without a query; None where that is not known."""
    if about._meta.label_lower == "datasets.dataset":
        return int(about.pk)
    here: Any = about
    for place in (here, *(here._state.fields_cache.get(way) for way in _WAYS_TO_DATASET)):
        known: int | None = getattr(place, "dataset_id", None)
        if known is not None:
            return known
    return None


def record(action: str, *, actor: Any = None, about: models.Model | None = None, **data: Any) -> Event:
    """Adds one event to the trail, in the caller's transaction if there is one.

    `action` is `noun.verb` in the past tense ("file.received"); `audit.actions` has a line for each. `actor` is a user,
    or None for the system and for visitors. `data` holds ids, counts and codes that JSON can carry; the caller keeps
    identifying text out of it. Writers queue behind each other until they commit, so keep the transaction around a
    call short.
    """
    dataset = data.get("dataset")
    if not isinstance(dataset, int):
        dataset = _dataset_of(about) if about is not None else None
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = Event.objects.order_by("-number").values_list("number", "hash").first() or (0, FIRST_HASH)
        row = Row(
            number=last[0] + 1,
            # Databases keep microseconds and so does isoformat; nothing is lost on the way back.
            at=timezone.now(),
            actor_id=actor.pk if actor is not None and actor.is_authenticated else None,
            action=action,
            object_type=about._meta.label_lower if about is not None else "",
            object_id=str(about.pk) if about is not None else "",
            # Through JSON once, so that the hash is over what the database gives back.
            data=json.loads(json.dumps(data)),
            dataset_id=dataset,
            previous_hash=last[1],
        )
        event = Event(**row._asdict(), hash=digest(row))
        event.save(force_insert=True)
        if event.number % settings.CXR_ANCHOR_EVERY == 0:
            transaction.on_commit(partial(_ask_for_anchor), robust=True)
    return event


def _ask_for_anchor() -> None:
    from audit.tasks import anchor  # tasks load this module

    anchor.delay()
