"""Reading the trail: filters, pages without counting, and what an event says in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actions import DETAILS, HIDDEN, meaning
from audit.models import Event

PAGE = 50
# What became of a thing goes on under another name: the file of a hospital is a radiograph once it is accepted.
_LATER_NAMES = {("intake.uploadedfile", "radiograph_id", "datasets.radiograph")}
IMAGES = ("intake.uploadedfile", "datasets.radiograph")


@dataclass(frozen=True)
class Filters:
    person: int | None = None  # who did it, or about whom it is
    action: str = ""
    dataset: int | None = None
    thing: tuple[str, str] | None = None  # (type or "", id)
    since: datetime | None = None
    until: datetime | None = None  # exclusive

    def chosen(self) -> dict[str, Any]:
        """What was chosen, as ids and codes that the trail itself may keep."""
        values = {
            "person": self.person,
            "action": self.action,
            "dataset": self.dataset,
            "object": ":".join(filter(None, self.thing)) if self.thing else "",
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
        }
        return {name: value for name, value in values.items() if value not in ("", None)}


def events(filters: Filters) -> QuerySet[Event]:
    """The events that fit, the newest first."""
    found = Event.objects.all()
    if filters.person is not None:
        found = found.filter(Q(actor_id=filters.person) | _about(filters.person))
    if filters.action:
        found = found.filter(action=filters.action)
    if filters.dataset is not None:
        found = found.filter(dataset_id=filters.dataset)
    if filters.thing is not None:
        wanted = Q()
        for kind, number in same_things(*filters.thing):
            wanted |= Q(object_id=number, object_type=kind) if kind else Q(object_id=number)
        found = found.filter(wanted)
    if filters.since is not None:
        found = found.filter(at__gte=filters.since)
    if filters.until is not None:
        found = found.filter(at__lt=filters.until)
    return found


def _about(person: int) -> Q:
    """What is about a person: the account, and the requests and grants, which others decide."""
    about = Q(object_type=get_user_model()._meta.label_lower, object_id=str(person))
    for model in ("accounts.accessrequest", "accounts.accessgrant"):
        ids = apps.get_model(model)._base_manager.filter(user_id=person).values_list("pk", flat=True)
        about |= Q(object_type=model, object_id__in=[str(pk) for pk in ids])
    return about


def same_things(kind: str, number: str) -> list[tuple[str, str]]:
    """The thing under every name that it has in the trail: an uploaded file and the radiograph that it became."""
    things = [(kind, number)]
    for earlier, field, later in _LATER_NAMES:
        rows = apps.get_model(earlier)._base_manager
        try:
            if kind == earlier:
                found = rows.filter(pk=number).values_list(field, flat=True)
                things += [(later, str(pk)) for pk in found if pk is not None]
            elif kind == later:
                things += [(earlier, str(pk)) for pk in rows.filter(**{field: number}).values_list("pk", flat=True)]
        except (ValueError, TypeError, ValidationError):
            continue  # an id of another form is nobody's
    return things


@dataclass(frozen=True)
class Page:
    rows: list[Event]
    newer: int | None  # events after this number are the page before
    older: int | None  # events before this number are the page after


def page(found: QuerySet[Event], *, before: int | None = None, after: int | None = None) -> Page:
    """A page by numbers instead of by counting: as fast at the end of millions as at their beginning."""
    if after is not None:
        rows = list(found.filter(number__gt=after).order_by("number")[: PAGE + 1])
        more = len(rows) > PAGE
        rows = rows[:PAGE][::-1]
        return Page(rows, rows[0].number if more and rows else None, rows[-1].number if rows else None)
    if before is not None:
        found = found.filter(number__lt=before)
    rows = list(found.order_by("-number")[: PAGE + 1])
    more, rows = len(rows) > PAGE, rows[:PAGE]
    newer = rows[0].number if rows and before is not None else None
    return Page(rows, newer, rows[-1].number if more else None)


@dataclass(frozen=True)
class Person:
    """Who it was, as far as anybody knows by now."""

    pk: int
    name: str
    closed: bool


@dataclass(frozen=True)
class Line:
    """An event in words."""

    event: Event
    person: Person | None
    meaning: str
    thing: str  # what it is about: the kind of thing, in words
    details: list[tuple[str, str]]


def lines(rows: Iterable[Event]) -> list[Line]:
    """The events in the reader's language; one query for the people in them."""
    rows = list(rows)
    known = people({event.actor_id for event in rows if event.actor_id is not None})
    return [
        Line(
            event,
            known.get(event.actor_id) if event.actor_id is not None else None,
            meaning(event.action),
            thing(event.object_type),
            details(event.data),
        )
        for event in rows
    ]


def people(numbers: set[int]) -> dict[int, Person]:
    """By number, each of `numbers`: an account that is closed or gone is a number, and nothing else."""
    rows = get_user_model()._base_manager.in_bulk(numbers) if numbers else {}
    found = {}
    for number in numbers:
        row: Any = rows.get(number)
        closed = row is None or getattr(row, "closed_at", None) is not None
        name = _("closed account #%(number)s") % {"number": number} if closed else str(row)
        found[number] = Person(number, name, closed)
    return found


def thing(kind: str) -> str:
    """A kind of thing in words, e.g. "uploaded file"."""
    try:
        return str(apps.get_model(kind)._meta.verbose_name) if kind else ""
    except (LookupError, ValueError):
        return kind


def details(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (str(DETAILS.get(name, name.replace("_", " "))), _said(value))
        for name, value in data.items()
        if name not in HIDDEN and value not in (None, "", [], {})
    ]


YES, NO = gettext_lazy("yes"), gettext_lazy("no")


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(YES if value else NO)
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_said(part)}" for name, part in value.items())
    return str(value)


def in_chunks(found: QuerySet[Event], size: int = 1000) -> Iterator[list[Line]]:
    """All events that fit, in words, in portions that fit into memory."""
    chunk: list[Event] = []
    for event in found.order_by("-number").iterator(chunk_size=size):
        chunk.append(event)
        if len(chunk) == size:
            yield lines(chunk)
            chunk = []
    if chunk:
        yield lines(chunk)
