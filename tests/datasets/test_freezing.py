"""Large datasets are frozen by a worker, step by step."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from datasets import selectors, services
from datasets.models import Radiograph, Release
from datasets.services import freezing
from tests.datasets.library import Library


@pytest.fixture(autouse=True)
def by_worker(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CXR_FREEZE_AT_ONCE = 0
    monkeypatch.setattr(freezing, "STEP", 2)


def fill(library: Library, images: int) -> None:
    for number in range(images):
        library.add(1 + number % 2, "same" if number in (1, 3) else "")


def test_a_large_release_is_frozen_by_a_task(library: Library, django_capture_on_commit_callbacks: Any) -> None:
    fill(library, 5)
    with django_capture_on_commit_callbacks() as tasks:
        release = library.order()
    assert (release.freezing, release.images_expected, release.items.count(), len(tasks)) == (True, 5, 0, 1)
    assert selectors.release_in_progress(library.dataset) == release
    freezing.freeze_release(release.pk)
    release.refresh_from_db()
    assert not release.freezing
    frozen = list(release.items.order_by("pk").values_list("radiograph", "metadata__set"))
    order = ("patient__hospital__number", "patient__number", "group__class_id", "pk")
    assert [pk for pk, _set in frozen] == list(Radiograph.objects.order_by(*order).values_list("pk", flat=True))
    assert all(given for _pk, given in frozen)
    for archive in release.archives.all():
        services.build_archive(archive.pk, "t")
    release.refresh_from_db()
    assert release.status == Release.Status.PUBLISHED


def test_a_killed_worker_costs_one_step(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(library, 5)
    release = library.order()
    row, made = freezing.quality_row, []

    def dies(*args: Any) -> Any:
        made.append(args)
        if len(made) == 4:
            raise SystemExit
        return row(*args)

    monkeypatch.setattr(freezing, "quality_row", dies)
    with pytest.raises(SystemExit):
        freezing.freeze_release(release.pk)
    assert release.items.count() == 2, "whole steps only"
    assert release.archives.count() == 0
    monkeypatch.setattr(freezing, "quality_row", row)
    freezing.freeze_release(release.pk)
    assert release.items.count() == 5
    archives = release.archives.count()
    freezing.freeze_release(release.pk)
    assert (release.items.count(), release.archives.count()) == (5, archives), "it may run any number of times"


def test_the_sweep_finds_a_lost_task(library: Library, django_capture_on_commit_callbacks: Any) -> None:
    fill(library, 1)
    release = library.order()
    assert freezing.sweep_freezing() == 0, "its task has time"
    Release.objects.filter(pk=release.pk).update(claimed_until=None)
    with django_capture_on_commit_callbacks() as tasks:
        assert freezing.sweep_freezing() == 1
    assert len(tasks) == 1
    freezing.freeze_release(release.pk)
    Release.objects.filter(pk=release.pk).update(claimed_until=None)
    assert freezing.sweep_freezing() == 0


def test_the_page_says_how_far_it_is(library: Library) -> None:
    fill(library, 3)
    release = library.order()
    freezing._step(release.pk)
    client = Client()
    client.force_login(library.manager)
    page = client.get(f"/manage/releases/{release.pk}/").content.decode()
    assert "being frozen: 2 of 3" in page
