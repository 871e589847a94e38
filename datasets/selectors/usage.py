"""Who downloaded how much of a dataset, and when: for those who answer for it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext as _

from accounts.models import AccessRequest, User
from datasets.models import Dataset, Download
from datasets.selectors.counts import MonthCounts, counts_by_month


@dataclass
class UserUsage:
    """What one person downloaded."""

    user: User
    institution: str
    country: str
    projects: list[AccessRequest] = field(default_factory=list)  # granted ones: project and purpose
    bytes: int = 0  # sent, as far as known
    archives: int = 0  # different files that were begun
    complete: int = 0  # of those, sent as a whole (in pieces or at once)
    first: datetime | None = None
    last: datetime | None = None


@dataclass
class Share:
    """An institution or a country."""

    label: str
    people: int = 0
    bytes: int = 0
    complete: int = 0


@dataclass(frozen=True)
class Month:
    month: Any  # its first day
    people: int
    begun: int  # files whose first byte was asked for
    bytes: int


@dataclass(frozen=True)
class Usage:
    people: list[UserUsage]  # who took most comes first
    institutions: list[Share]
    countries: list[Share]
    months: list[Month]  # the latest first
    public: list[MonthCounts]  # the same counts that everybody sees

    @property
    def bytes(self) -> int:
        return sum(person.bytes for person in self.people)

    @property
    def complete(self) -> int:
        return sum(person.complete for person in self.people)


def usage(dataset: Dataset) -> Usage:
    """Everything on the page of a dataset's usage, in five queries however many people there are."""
    people = _people(dataset)
    return Usage(
        people,
        _shares(people, lambda person: person.institution),
        _shares(people, lambda person: person.country),
        _months(dataset),
        counts_by_month(dataset),
    )


def _people(dataset: Dataset) -> list[UserUsage]:
    # One row for each person and file; the pieces of a file that was fetched by ranges add up.
    pieces = (
        Download.objects.filter(archive__release__dataset=dataset)
        .order_by()
        .values("user", "archive", "archive__size")
        .annotate(sent=Sum("bytes_sent"), first=Min("at"), last=Max("at"))
    )
    rows = list(pieces)
    users = User.objects.select_related("affiliation__merged_into").in_bulk({row["user"] for row in rows})
    projects = defaultdict(list)
    granted = AccessRequest.objects.filter(dataset=dataset, grant__isnull=False, user__in=users).order_by("decided_at")
    for request in granted:
        projects[request.user_id].append(request)
    found: dict[int, UserUsage] = {}
    for row in rows:
        user = users[row["user"]]
        person = found.setdefault(
            user.pk, UserUsage(user, institution(user), user.get_country_display(), projects[user.pk])
        )
        sent = row["sent"] or 0
        person.bytes += sent
        person.archives += 1
        person.complete += 0 < (row["archive__size"] or 0) <= sent
        person.first = min(filter(None, (person.first, row["first"])))
        person.last = max(filter(None, (person.last, row["last"])))
    return sorted(found.values(), key=lambda person: (-person.bytes, person.user.pk))


def institution(user: User) -> str:
    """Where the person works: the institution that counts, or the person's own word for it."""
    place = user.affiliation
    while place is not None and place.merged_into is not None:
        place = place.merged_into
    return place.name if place is not None else user.institution


def _shares(people: Iterable[UserUsage], label: Callable[[UserUsage], str]) -> list[Share]:
    shares: dict[str, Share] = {}
    for person in people:
        name = label(person) or _("not known")
        share = shares.setdefault(name, Share(name))
        share.people += 1
        share.bytes += person.bytes
        share.complete += person.complete
    return sorted(shares.values(), key=lambda share: (-share.people, -share.bytes, share.label))


def _months(dataset: Dataset) -> list[Month]:
    rows = (
        Download.objects.filter(archive__release__dataset=dataset)
        .order_by()
        .annotate(month=TruncMonth("at"))
        .values("month")
        .annotate(
            people=Count("user", distinct=True), begun=Count("pk", filter=Q(first_byte=0)), sent=Sum("bytes_sent")
        )
        .order_by("-month")
    )
    return [Month(row["month"], row["people"], row["begun"], row["sent"] or 0) for row in rows]
