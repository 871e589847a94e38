"""Custom cohorts: conditions on the metadata of a release."""

import re
from typing import Any

import pytest
from cxr.where import condition
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from audit.models import Event
from datasets import cohorts
from datasets.errors import DatasetError
from datasets.metadata import IMAGE_COLUMNS
from datasets.models import Cohort, Dataset, Release
from datasets.services import save_cohort
from tests.datasets.holders import grant
from tests.datasets.library import Library

WOMEN = {"sex": ["F"]}


@pytest.fixture
def release(library: Library) -> Release:
    for class_id, demographics, quality in (
        (1, {"sex": "F", "age": 61, "smoke": "yes", "smoke_packyears": 12.5}, "Good"),
        (1, {"sex": "M", "age": 9, "smoke": "no"}, "Bad"),
        (2, {"sex": "F", "age": 75}, "Good"),
        (2, {"sex": "F"}, "Good"),
        (3, {}, "Good"),
    ):
        library.add(class_id, demographics=demographics, quality=quality)
    return library.publish()


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({}, 5),
        ({"sex": ["F"]}, 3),
        ({"sex": ["F"], "age": [60, 90]}, 2),
        ({"age": [0, 90]}, 3),  # unknown is no age
        ({"age": [0, 61]}, 2),
        ({"age": [10, 60]}, 0),
        ({"class_id": [1, 3]}, 3),
        ({"quality": ["Bad"], "smoke": ["no"]}, 1),
        ({"smoke_packyears": [12, 13]}, 1),
        ({"hospital_id": [7]}, 5),
        ({"hospital_id": [8]}, 0),
    ],
)
def test_the_portal_and_the_client_mean_the_same(release: Release, filters: dict[str, Any], count: int) -> None:
    """The condition as a query and as `--where` on the released table choose the same images."""
    found = {item.filename for item in cohorts.matching(release, filters)}
    assert len(found) == count
    rows = [
        {name: "" if value is None else str(value) for name, value in item.metadata.items()}
        for item in release.items.all()
    ]
    if filters:
        test = condition(cohorts.where(filters), IMAGE_COLUMNS)
        assert {row["filename"] for row in rows if test(row)} == found


def test_it_is_counted_kept_and_cited(library: Library, release: Release) -> None:
    person = library.people.researcher()
    grant(person, library.dataset)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    page = reverse("datasets:cohort_new", args=["polcovid", "1.0"])
    counted = client.get(page, {"sex": ["F"], "age_from": "60"}).content.decode()
    assert "Images that fit: 2" in counted
    assert 'name="sex" value="F"' in counted
    address = client.post(page, {"sex": ["F"], "age_from": "60"})["Location"]
    assert re.fullmatch(r"/cohorts/polcovid-1\.0-c[0-9a-f]{8}", address)
    assert client.post(page, {"age_from": "60", "sex": ["F", "F"]})["Location"] == address, "the same, whoever keeps it"
    cohort = Cohort.objects.get()
    assert (cohort.filters, cohort.images) == ({"sex": ["F"], "age": [60, 90]}, 2)
    assert Event.objects.filter(action="cohort.saved").count() == 1
    public = Client().get(address).content.decode()
    assert f"cxr download cohort:{cohort.identifier}" in public
    part = f"(Version 1.0; cohort {cohort.identifier}, fewer than 10 images) [Data set]."
    assert part in public
    assert f"@misc{{{cohort.identifier}," in public
    assert f"url = {{http://testserver{address}}}" in public
    assert not [item.filename for item in release.items.all() if item.filename in public]
    answer = APIClient().get(reverse("api:cohort", args=[cohort.identifier])).json()
    assert (answer["dataset"], answer["version"]) == ("polcovid", "1.0")
    assert answer["where"] == 'age >= 60 and age <= 90 and sex in ("F")'
    Dataset.objects.update(is_public=False)
    assert Client().get(address).status_code == 404


def test_another_condition_of_the_same_digest_gets_a_longer_one(library: Library, release: Release) -> None:
    person = library.people.researcher()
    grant(person, library.dataset)
    taken = cohorts.identifier(release, WOMEN)
    Cohort.objects.create(release=release, identifier=taken, filters={"sex": ["M"]}, images=1, created_by=person)
    women = save_cohort(user=person, release=release, filters=WOMEN)
    assert women.filters == WOMEN
    assert women.identifier.startswith(taken)
    assert len(women.identifier) > len(taken)
    assert save_cohort(user=person, release=release, filters=WOMEN) == women


def test_counts_are_for_those_who_may_have_the_table(library: Library, release: Release) -> None:
    """Counts of any condition tell the rows of single patients."""
    page = reverse("datasets:cohort_new", args=["polcovid", "1.0"])
    part = library.people.researcher()
    grant(part, library.dataset, 1, 2)
    for user in (part, library.people.researcher(), library.manager):
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        for answer in (client.get(page, {"sex": ["F"]}), client.post(page, {"sex": ["F"]})):
            assert answer.status_code == 403
            assert "Images that fit" not in answer.content.decode()
        with pytest.raises(DatasetError):
            save_cohort(user=user, release=release, filters={"sex": ["F"]})
    assert not Cohort.objects.exists()


def test_the_public_page_tells_only_a_large_total(library: Library, release: Release) -> None:
    person = library.people.researcher()
    grant(person, library.dataset)
    address = reverse("datasets:cohort", args=[save_cohort(user=person, release=release, filters=WOMEN).identifier])
    text = Client().get(address).content.decode()
    assert "Images: fewer than 10" in text
    assert "by class" not in text
    for _number in range(8):
        library.add(1, quality="Good")
    large = save_cohort(user=person, release=library.publish("1.1"), filters=WOMEN)
    address = reverse("datasets:cohort", args=[large.identifier])
    assert "Images: 11" in Client().get(address).content.decode()
    Dataset.objects.update(least_cell=12)
    assert "Images: fewer than 12" in Client().get(address).content.decode()


def test_where_nothing_is_told_of_patients_there_are_no_cohorts(library: Library, release: Release) -> None:
    person = library.people.researcher()
    grant(person, library.dataset)
    kept = save_cohort(user=person, release=release, filters=WOMEN)
    release.about = {**release.about, "labels_only": True}
    release.save()
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    page = reverse("datasets:cohort_new", args=["polcovid", "1.0"])
    assert client.get(page).status_code == client.post(page, {"sex": ["F"]}).status_code == 404
    assert client.get(reverse("datasets:cohort", args=[kept.identifier])).status_code == 404
    assert APIClient().get(reverse("api:cohort", args=[kept.identifier])).status_code == 404
    assert page not in client.get(reverse("datasets:release", args=["polcovid", "1.0"])).content.decode()


def test_what_would_be_nothing_or_everything_is_not_kept(library: Library, release: Release) -> None:
    person = library.people.researcher()
    grant(person, library.dataset)
    for filters in ({}, {"sex": ["F"], "class_id": [3]}):
        with pytest.raises(DatasetError):
            save_cohort(user=person, release=release, filters=filters)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    page = reverse("datasets:cohort_new", args=["polcovid", "1.0"])
    assert "No image fits" in client.post(page, {"sex": ["F"], "class_id": ["3"]}).content.decode()
    assert client.get(page, {"sex": ["X"], "age_from": "many"}).status_code == 200
    assert not Cohort.objects.exists()
