"""Public counts: people are counted, robots and repeats are not, and nothing about anybody is kept."""

from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache, caches
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.models import Agreement, User
from datasets import selectors
from datasets.models import DailyCount, Dataset, Release
from datasets.services import count_download, count_view
from tests.people import People
from tests.world import World

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ROBOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "curl/8.5.0",
    "python-requests/2.32",
    "",
]


def asked(
    user: User | None = None, method: str = "GET", browser: str = FIREFOX, address: str = "1.2.3.4"
) -> HttpRequest:
    request = RequestFactory(REMOTE_ADDR=address).generic(method, "/", headers={"user-agent": browser})
    request.user = user or AnonymousUser()
    return request


@pytest.fixture
def dataset(db: None) -> Dataset:
    agreement = Agreement.objects.create(code="dua", version="1", title="Agreement", text="t", sha256="0" * 64)
    return Dataset.objects.create(slug="polcovid", origin="P", title="POLCOVID", agreement=agreement, is_public=True)


@pytest.fixture
def release(dataset: Dataset, people: People) -> Release:
    return Release.objects.create(dataset=dataset, version="1.0", created_by=people.manager())


def test_people_and_visitors_are_counted_once_an_hour(dataset: Dataset, release: Release, people: People) -> None:
    person = people.researcher()
    for request in (asked(), asked(), asked(person), asked(person, browser="curl/8.5.0"), asked(address="5.6.7.8")):
        count_view(request, dataset)
        count_view(request, dataset, release)
    assert selectors.counts(dataset) == selectors.Counts(views=6)
    assert selectors.counts(dataset, release) == selectors.Counts(views=3)
    cache.clear()  # an hour later
    count_view(asked(), dataset)
    assert selectors.counts(dataset).views == 7


@pytest.mark.parametrize("robot", ROBOTS)
def test_robots_are_not_counted(dataset: Dataset, robot: str) -> None:
    count_view(asked(browser=robot), dataset)
    assert selectors.counts(dataset) == selectors.Counts()


def test_a_look_at_the_headers_is_no_view(dataset: Dataset) -> None:
    count_view(asked(method="HEAD"), dataset)
    assert selectors.counts(dataset).views == 0


def test_the_parts_and_ranges_of_one_person_are_one_download(
    dataset: Dataset, release: Release, people: People
) -> None:
    first, second = people.researcher(), people.researcher()
    for user in (first, first, second):
        count_download(user, dataset, release)
    assert selectors.counts(dataset) == selectors.Counts(downloads=2)


def test_nothing_about_anybody_is_kept(dataset: Dataset, people: People) -> None:
    count_view(asked(address="203.0.113.77"), dataset)
    assert {field.name for field in DailyCount._meta.get_fields()} == {
        *("id", "dataset", "release", "kind", "day", "count")
    }
    server = caches["default"]._cache.get_client()  # type: ignore[attr-defined]
    keys = [key.decode() for key in server.keys("*counted*")]
    assert len(keys) == 1
    assert "203" not in keys[0].partition("counted:")[0]
    assert 0 < server.ttl(keys[0]) <= 3600


def test_a_page_is_a_page_without_the_cache(dataset: Dataset, settings: LazySettings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "unix:///nowhere/valkey.sock"}
    }
    count_view(asked(), dataset)
    assert selectors.counts(dataset).views == 0


def test_months_are_told_apart(dataset: Dataset, release: Release) -> None:
    today = timezone.localdate().replace(day=15)
    for day, count in ((today, 3), (today - timedelta(days=1), 4), (today - timedelta(days=31), 5)):
        DailyCount.objects.create(dataset=dataset, kind="view", day=day, count=count)
        DailyCount.objects.create(dataset=dataset, release=release, kind="download", day=day, count=count + 1)
    months = selectors.counts_by_month(dataset)
    assert [(month.views, month.downloads) for month in months] == [(7, 9), (5, 6)]
    assert months[0].month == today.replace(day=1)
    assert selectors.counts_of([dataset.pk, 0]) == {
        dataset.pk: selectors.Counts(views=12, downloads=15),
        0: selectors.Counts(),
    }


@pytest.mark.django_db(transaction=True)
def test_none_is_lost_when_many_come_at_once(people: People) -> None:
    agreement = Agreement.objects.create(code="dua", version="1", title="Agreement", text="t", sha256="0" * 64)
    dataset = Dataset.objects.create(slug="p", origin="P", title="P", agreement=agreement, is_public=True)
    barrier = Barrier(6)

    def visit(number: int) -> None:
        barrier.wait()
        for step in range(5):
            count_view(asked(address=f"10.0.{number}.{step}"), dataset)
        connection.close()

    visits = [Thread(target=visit, args=(number,)) for number in range(6)]
    for thread in visits:
        thread.start()
    for thread in visits:
        thread.join()
    assert selectors.counts(dataset).views == 30


def test_the_page_of_a_dataset_counts(client: Client, dataset: Dataset) -> None:
    for _ in range(2):
        client.get(reverse("datasets:detail", args=[dataset.slug]), headers={"user-agent": FIREFOX})
    client.get(reverse("datasets:detail", args=[dataset.slug]), headers={"user-agent": ROBOTS[0]})
    assert selectors.counts(dataset).views == 1


def test_a_file_that_is_fetched_in_pieces_is_one_download(client: Client, world: World) -> None:
    client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    address = reverse("datasets:download", args=[world.archive.pk])
    for part in ("bytes=0-4", "bytes=5-9", ""):
        answer = client.get(address, headers={"range": part} if part else {})
        assert answer.status_code in (200, 206)
        assert answer.getvalue()
    client.head(address)
    assert selectors.counts(world.dataset, world.release) == selectors.Counts(downloads=1)
    client.force_login(world.researcher, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(address).status_code == 403
    assert selectors.counts(world.dataset).downloads == 1
