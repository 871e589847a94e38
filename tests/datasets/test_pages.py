import re
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from datasets import services
from datasets.ahead import count_ahead
from datasets.models import Archive, Dataset, Release
from tests.datasets.library import Library
from tests.datasets.test_policies import sign
from tests.world import World


def log_in(client: Client, user: Any) -> None:
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")


def page(client: Client, name: str, *args: Any) -> str:
    response = client.get(reverse(name, args=args))
    assert response.status_code == 200
    return response.content.decode()


def test_the_catalogue_is_empty_at_first(client: Client, db: None) -> None:
    assert "No dataset is in the catalogue yet" in page(client, "datasets:list")


def test_the_catalogue_shows_what_is_in_a_dataset(client: Client, library: Library) -> None:
    assert "Nothing is published yet" in page(client, "datasets:list")
    library.add(1, "a")
    library.add(1, "a")
    library.add(2, "b")
    library.publish()
    text = page(client, "datasets:list")
    for words in ("POLCOVID radiographs", "3 radiographs", "2 patients", "1 hospital", "Version 1.0", "COVID-19"):
        assert words in text


def test_a_hidden_dataset_is_for_data_managers(client: Client, library: Library) -> None:
    Dataset.objects.update(is_public=False)
    assert "POLCOVID" not in page(client, "datasets:list")
    assert client.get(reverse("datasets:detail", args=["polcovid"])).status_code == 404
    assert APIClient().get(reverse("api:dataset", args=["polcovid"])).status_code == 404
    log_in(client, library.manager)
    assert "not in the catalogue" in page(client, "datasets:detail", "polcovid")


def test_visitors_see_files_without_addresses(client: Client, world: World) -> None:
    text = page(client, "datasets:detail", world.dataset.slug)
    for words in (world.archive.filename, world.archive.md5, world.archive.sha256, "Example et al., 2026", "CC BY-NC"):
        assert words in text
    assert "You are not signed in." in text
    for archive in (world.archive, world.other_archive):
        assert reverse("datasets:download", args=[archive.pk]) not in text
        assert reverse("api:archive_download", args=[archive.pk]) not in text


def test_who_may_download_sees_the_addresses_of_the_own_group_alone(client: Client, world: World) -> None:
    log_in(client, world.granted)
    for text in (
        page(client, "datasets:detail", world.dataset.slug),
        page(client, "datasets:release", world.dataset.slug, "1.0"),
    ):
        assert reverse("datasets:download", args=[world.archive.pk]) in text
        assert reverse("datasets:download", args=[world.other_archive.pk]) not in text
        assert reverse("datasets:commands", args=[world.dataset.slug, "1.0"]) in text


def test_the_page_names_the_one_next_step(client: Client, world: World) -> None:
    log_in(client, world.researcher)
    text = page(client, "datasets:detail", world.dataset.slug)
    assert "Read and sign the agreement" in text
    assert reverse("accounts:agreement", args=[world.agreement.pk]) in text
    sign(world, world.researcher)
    assert "Your request is waiting" in page(client, "datasets:detail", world.dataset.slug)


def test_a_dataset_without_a_release_has_a_page(client: Client, library: Library) -> None:
    assert "The first version will appear here." in page(client, "datasets:detail", "polcovid")


def test_a_release_that_is_being_built_is_not_shown(client: Client, library: Library) -> None:
    library.add()
    library.publish()
    library.add(2)
    library.order("1.1")
    text = page(client, "datasets:detail", "polcovid")
    assert "Version 1.0." in text
    assert "Version 1.1" not in text
    assert client.get(reverse("datasets:release", args=["polcovid", "1.1"])).status_code == 404


def test_an_old_release_points_to_the_latest(client: Client, library: Library) -> None:
    library.add()
    library.publish()
    library.add(2)
    library.publish("1.1")
    assert "See version 1.1" in page(client, "datasets:release", "polcovid", "1.0")
    assert "There is a later version" not in page(client, "datasets:release", "polcovid", "1.1")


@pytest.mark.parametrize("name", ["datasets:list", "datasets:detail", "datasets:release"])
def test_queries_do_not_grow_with_the_images(client: Client, library: Library, name: str) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def count(version: str) -> int:
        args = {"datasets:list": [], "datasets:detail": ["polcovid"], "datasets:release": ["polcovid", version]}[name]
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            page(client, name, *args)
        return len(queries)

    for class_id in (1, 2, 3):
        library.add(class_id)
    library.publish("1.0")
    few = count("1.0")
    for class_id in (1, 2, 3) * 4:
        library.add(class_id, hospital=library.people.hospital())
    library.publish("1.1")
    assert count("1.1") == few
    assert few <= 25


def test_no_visitor_waits_for_what_was_counted_ahead(client: Client, library: Library) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def counting() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            for address in ("datasets/", "datasets/polcovid/", "datasets/polcovid/releases/1.0/"):
                assert client.get(f"/{address}").status_code == 200
        return [row["sql"] for row in queries if '"datasets_releaseitem"."tombstone_id" IS NULL' in row["sql"]]

    library.add(1)
    library.publish()
    library.add(2)
    library.publish("1.1")
    cache.clear()
    assert counting()
    cache.clear()
    assert (count_ahead(), count_ahead()) == (2, 0)
    assert counting() == []


def test_a_data_manager_creates_edits_and_publishes(client: Client, world: World) -> None:
    log_in(client, world.manager)
    words = {
        "slug": "cc-cxri",
        "origin": "CC-CXRI",
        "title": "CC-CXRI",
        "summary": "Five classes.",
        "description": "x",
        "licence": "CC0",
        "citation": "x",
        "agreement": world.agreement.pk,
        "groups-TOTAL_FORMS": 4,
        "groups-INITIAL_FORMS": 0,
        "groups-0-class_id": 1,
        "groups-0-label": "Normal",
        "groups-2-class_id": 2,
        "groups-2-label": "Viral",
        "groups-2-subtype_prefix": "V",
    }
    response = client.post(reverse("datasets:new"), words)
    assert response["Location"] == reverse("datasets:edit", args=["cc-cxri"])
    dataset = Dataset.objects.get(slug="cc-cxri")
    assert list(dataset.groups.values_list("class_id", "label", "subtype_prefix")) == [
        (1, "Normal", ""),
        (2, "Viral", "V"),
    ]
    assert not dataset.is_public
    lines = {"groups-INITIAL_FORMS": 2, "groups-TOTAL_FORMS": 5, "groups-2-DELETE": "", "groups-1-class_id": 2}
    change = {**words, **lines, "title": "New", "groups-1-label": "Viral", "groups-1-DELETE": "on"}
    change |= {"groups-2-class_id": 3, "groups-2-label": "Bacterial"}
    assert client.post(reverse("datasets:edit", args=["cc-cxri"]), change).status_code == 302
    dataset.refresh_from_db()
    assert dataset.title == "New"
    assert list(dataset.groups.values_list("class_id", "label")) == [(1, "Normal"), (3, "Bacterial")]


def test_a_refused_change_says_why(client: Client, library: Library) -> None:
    library.add(1)
    log_in(client, library.manager)
    values = {
        "origin": "=1",
        "title": "x",
        "summary": "x",
        "description": "x",
        "licence": "x",
        "citation": "x",
        "agreement": library.agreement.pk,
        "groups-TOTAL_FORMS": 1,
        "groups-INITIAL_FORMS": 0,
        "groups-0-class_id": 1,
        "groups-0-label": "NORMAL",
    }
    response = client.post(reverse("datasets:edit", args=["polcovid"]), values)
    assert response.status_code == 200
    assert "spreadsheets take that for a formula" in response.content.decode()


def test_publishing_shows_the_difference_and_then_the_progress(client: Client, library: Library) -> None:
    log_in(client, library.manager)
    address = reverse("datasets:publish", args=["polcovid"])
    assert "nothing new to publish" in client.get(address).content.decode()
    library.add()
    assert 'value="1.0"' in client.get(address).content.decode()
    refused = client.post(address, {"version": "one", "changes": "x"})
    assert "two numbers with a point" in refused.content.decode()
    response = client.post(address, {"version": "1.0", "changes": "First."})
    release = Release.objects.get()
    assert response["Location"] == reverse("datasets:manage_release", args=[release.pk])
    text = page(client, "datasets:manage_release", release.pk)
    assert "hx-trigger" in text
    assert f"0 of {release.archives.count()} files are built." in re.sub(r"\s+", " ", text)
    assert "is being built" in client.get(address).content.decode()
    for archive in release.archives.all():
        services.build_archive(archive.pk, "t")
    text = page(client, "datasets:manage_release", release.pk)
    assert "hx-trigger" not in text
    assert "The release is published." in text


def test_failed_files_are_tried_again_from_the_page(client: Client, library: Library) -> None:
    library.add()
    release = library.order()
    release.archives.update(status=Archive.Status.FAILED, reason="Anonymous_7_1_1.png is missing from the library.")
    log_in(client, library.manager)
    assert "is missing from the library" in page(client, "datasets:manage_release", release.pk)
    client.post(reverse("datasets:manage_release", args=[release.pk]))
    assert set(release.archives.values_list("status", "attempts", "reason")) == {("pending", 0, "")}
