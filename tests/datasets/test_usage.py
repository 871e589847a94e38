"""Who downloaded how much: for data managers, in a number of queries that does not grow with the people."""

import csv
import io
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccessGrant, User
from audit.models import Event
from datasets.models import Archive, DailyCount, Download
from datasets.selectors.usage import usage
from tests.world import World

pytestmark = pytest.mark.django_db


def take(
    world: World, user: User, archive: Archive, first: int, last: int, sent: int | None, at: datetime | None = None
) -> None:
    Download.objects.create(
        user=user,
        archive=archive,
        grant=world.grant,
        first_byte=first,
        last_byte=last,
        bytes_sent=sent,
        at=at or timezone.now(),
    )


@pytest.fixture
def used(world: World) -> World:
    """One person took a file in two pieces and began another; another person, in another month, took one whole."""
    Download.objects.all().delete()
    Archive.objects.filter(pk__in=[world.archive.pk, world.other_archive.pk]).update(size=1000)
    may, june = datetime(2026, 5, 3, tzinfo=UTC), datetime(2026, 6, 3, tzinfo=UTC)
    take(world, world.granted, world.archive, 0, 499, 500, may)
    take(world, world.granted, world.archive, 500, 999, 500, june)
    take(world, world.granted, world.other_archive, 0, 999, 300, june)
    take(world, world.expired, world.archive, 0, 999, 1000, june)
    take(world, world.expired, world.other_archive, 0, 999, None, june)
    return world


def test_who_and_how_much(used: World) -> None:
    found = usage(used.dataset)
    rows = {person.user.pk: (person.bytes, person.archives, person.complete) for person in found.people}
    assert rows == {used.granted.pk: (1300, 2, 1), used.expired.pk: (1000, 2, 1)}
    assert [person.user.pk for person in found.people] == [used.granted.pk, used.expired.pk]
    assert (found.bytes, found.complete) == (2300, 2)
    assert [request.project for request in found.people[0].projects] == [used.grant.request.project]
    assert [(share.people, share.bytes) for share in found.institutions] == [(2, 2300)]
    assert [share.label for share in found.countries] == ["Poland"]


def test_when(used: World) -> None:
    months = [(month.month.month, month.people, month.begun, month.bytes) for month in usage(used.dataset).months]
    assert months == [(6, 2, 3, 1800), (5, 1, 1, 500)]


def test_another_dataset_is_another_matter(used: World) -> None:
    used.release.dataset.pk = None
    other = used.release.dataset
    other.slug = "other"
    other.save()
    assert usage(other).people == []


def test_the_number_of_queries_does_not_grow(used: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            usage(used.dataset)
        return len(captured)

    before = queries()
    for _ in range(5):
        take(used, used.people.researcher(), used.archive, 0, 999, 1000)
    assert queries() == before <= 6
    assert len(usage(used.dataset).people) == 7


def test_the_page(client: Client, used: World) -> None:
    DailyCount.objects.create(dataset=used.dataset, kind="view", day="2026-06-01", count=4321)
    User.objects.filter(pk=used.expired.pk).update(name="", institution="", country="", closed_at=timezone.now())
    client.force_login(used.manager, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(reverse("datasets:usage", args=[used.dataset.slug])).content.decode()
    for words in (used.granted.name, "Example University", "June 2026", "4,321", f"closed account #{used.expired.pk}"):
        assert words in page
    Download.objects.all().delete()
    page = client.get(reverse("datasets:usage", args=[used.dataset.slug])).content.decode()
    assert "Nobody has downloaded anything yet." in page


def test_the_table_is_harmless_and_its_export_an_event(client: Client, used: World) -> None:
    AccessGrant.objects.get(pk=used.grant.pk)
    used.grant.request.project = "=cmd()"
    used.grant.request.save()
    client.force_login(used.manager, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse("datasets:usage_table", args=[used.dataset.slug]))
    table = list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert (table[0]["bytes"], table[0]["projects"]) == ("1300", "'=cmd()")
    event = Event.objects.get(action="usage.exported")
    assert (event.actor_id, event.dataset_id, event.data) == (used.manager.pk, used.dataset.pk, {"people": 2})
