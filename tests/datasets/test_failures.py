"""What does not come to an end by itself: freezing and building that fail for good, and releases given up."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.messages import get_messages
from django.core import mail
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse

from accounts.tasks import send_mail
from audit.models import Event
from datasets import services
from datasets.models import Archive, Radiograph, Release
from datasets.services import building, freezing
from datasets.services.withdrawing import withdraw_images
from tests.datasets.library import Library

Status = Release.Status


@pytest.fixture
def by_worker(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CXR_FREEZE_AT_ONCE = 0
    monkeypatch.setattr(freezing, "STEP", 2)


@pytest.fixture
def manager(library: Library) -> Client:
    client = Client()
    client.force_login(library.manager)
    return client


def page(client: Client, release: Release) -> str:
    return client.get(f"/manage/releases/{release.pk}/").content.decode()


class _Broken:
    """Stands for `quality_row`: fails at the images from number `begins` on."""

    def __init__(self, begins: int) -> None:
        self.row, self.left = freezing.quality_row, begins

    def __call__(self, *args: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("Kowalski")
        return self.row(*args)


def try_often(release: Release, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ValueError, match="Kowalski"):
            freezing.freeze_release(release.pk)


@pytest.mark.usefixtures("by_worker")
def test_a_freezing_that_fails_ends_and_says_so_and_can_be_tried_again(
    library: Library, manager: Client, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    for _ in range(5):
        library.add()
    release = library.order()
    with monkeypatch.context() as patched:
        patched.setattr(freezing, "quality_row", _Broken(2))
        try_often(release, 1)
        assert release.items.count() == 2
        assert freezing.sweep_freezing() == 0, "not at once"
        try_often(release, 2)  # the first attempt got on, so it counts as none at what comes after
        freezing.freeze_release(release.pk)
        release.refresh_from_db()
    assert (release.status, release.attempts, release.claimed_until) == (Status.FAILED, 3, None)
    assert freezing.sweep_freezing() == 0
    assert Event.objects.get(action="release.failed").data == {"version": "1.0", "attempts": 3}
    shown = page(manager, release)
    assert "could not be frozen (2 of 5 are)" in shown
    assert "ended with an error" in shown
    assert "Kowalski" not in shown
    assert "every 2s" not in shown
    with django_capture_on_commit_callbacks() as tasks:
        manager.post(f"/manage/releases/{release.pk}/")
    assert len(tasks) == 1
    assert Event.objects.get(action="release.retried").actor_id == library.manager.pk
    freezing.freeze_release(release.pk)
    release.refresh_from_db()
    assert (release.status, release.freezing, release.reason, release.items.count()) == (Status.BUILDING, False, "", 5)


@pytest.mark.usefixtures("by_worker")
def test_a_freezing_that_kills_its_workers_ends(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.add()
    release = library.order()

    def dies(*_args: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(freezing, "quality_row", dies)
    for _ in range(3):
        with pytest.raises(SystemExit):
            freezing.freeze_release(release.pk)
    freezing.freeze_release(release.pk)
    release.refresh_from_db()
    assert (release.status, "lost 3 times" in release.reason) == (Status.FAILED, True)


@pytest.mark.usefixtures("by_worker")
def test_a_failed_freezing_holds_nothing_up_and_is_not_tried_after_a_newer_one(library: Library) -> None:
    library.add()
    release = library.order()
    Release.objects.filter(pk=release.pk).update(status=Status.FAILED)
    library.order("1.1")
    with pytest.raises(services.DatasetError, match="newer release"):
        services.retry_freezing(manager=library.manager, release=release)
    services.drop_release(manager=library.manager, release=release)
    assert list(Release.objects.values_list("version", flat=True)) == ["1.1"]


@pytest.mark.usefixtures("by_worker")
def test_of_a_freezing_whose_images_all_went_nothing_is_left(library: Library) -> None:
    gone = library.add()
    release = library.order()
    withdraw_images(manager=library.manager, images=[gone], reason="consent")
    freezing.freeze_release(release.pk)
    assert not Release.objects.exists()
    assert Event.objects.filter(action="release.dropped").exists()


@pytest.mark.usefixtures("by_worker")
def test_nothing_new_is_no_release_of_many_images_either(library: Library, manager: Client) -> None:
    library.add()
    release = library.order()
    freezing.freeze_release(release.pk)
    for archive in release.archives.all():
        services.build_archive(archive.pk, "t")
    answer = manager.post(reverse("datasets:publish", args=["polcovid"]), {"version": "1.1", "changes": "None."})
    assert Release.objects.count() == 1
    assert "There is nothing new" in answer.content.decode()
    again = library.order("1.1")  # by a program
    freezing.freeze_release(again.pk)
    again.refresh_from_db()
    assert (again.status, again.archives.count()) == (Status.FAILED, 0)
    assert "There is nothing new" in page(manager, again)
    Radiograph.objects.update(age=30)
    changed = library.order("1.2")
    freezing.freeze_release(changed.pk)
    changed.refresh_from_db()
    assert (changed.freezing, changed.status) == (False, Status.BUILDING)


def test_the_page_offers_to_try_again_although_the_checksums_wait(library: Library, manager: Client) -> None:
    gone = library.add()
    release = library.order()
    storages["library"].delete(str(gone.file.name))
    for archive in release.archives.all():
        services.build_archive(archive.pk, "t")
    shown = page(manager, release)
    assert "Anonymous_7_1_1.png is missing from the library." in shown
    assert "status-danger" in manager.get(reverse("datasets:manage")).content.decode()
    assert 'id="retry"' in shown
    assert "every 2s" not in shown, "nothing goes on by itself"
    manager.post(f"/manage/releases/{release.pk}/")
    assert not release.archives.filter(status=Archive.Status.FAILED).exists()
    assert 'id="retry"' not in page(manager, release)


def test_who_made_it_is_told_once_until_it_is_tried_again(
    library: Library, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(send_mail, "delay", send_mail)
    image = library.add()
    release = library.order()
    for name in (image.file.name, image.masks.get().file.name):
        storages["library"].delete(str(name))

    def build() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            for archive in release.archives.all():
                services.build_archive(archive.pk, "t")

    build()
    assert release.archives.filter(status=Archive.Status.FAILED).count() == 2
    (message,) = mail.outbox
    assert message.to == [library.manager.email]
    assert "Version 1.0 of POLCOVID radiographs could not be finished" in message.subject
    assert f"/manage/releases/{release.pk}/" in message.body
    for archive in release.archives.filter(status=Archive.Status.FAILED):
        services.retry_archive(manager=library.manager, archive=archive)
    build()
    assert len(mail.outbox) == 2


def test_two_managers_try_again_at_once(library: Library, manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    library.add()
    release = library.order()
    first = release.archives.all()[0]
    Archive.objects.filter(pk=first.pk).update(status=Archive.Status.FAILED)
    retry = services.retry_archive

    def twice(**kwargs: Any) -> None:
        retry(**kwargs)
        retry(**kwargs)

    monkeypatch.setattr(services, "retry_archive", twice)
    answer = manager.post(f"/manage/releases/{release.pk}/")
    assert answer.status_code == 302
    assert "Only a file" in str(next(iter(get_messages(answer.wsgi_request))))


def test_a_full_disk_leaves_no_half_file(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.add()
    archive = library.order().archives.get(filename__endswith="NORMAL-radiographs.zip")

    def chunks(self: Any, chunk_size: int | None = None) -> Any:
        yield b"half of it"
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(building.Digested, "chunks", chunks)
        with pytest.raises(OSError, match="No space"):
            services.build_archive(archive.pk, "t")
    assert storages["archives"].listdir("polcovid/1.0")[1] == []
    services.build_archive(archive.pk, "t2")
    archive.refresh_from_db()
    assert archive.status == Archive.Status.READY


def test_a_release_is_given_up_and_its_version_is_free(
    library: Library, manager: Client, django_capture_on_commit_callbacks: Any
) -> None:
    library.add()
    release = library.order()
    archive = release.archives.all()[0]
    services.build_archive(archive.pk, "t")
    assert storages["archives"].listdir("polcovid/1.0")[1] != []
    assert "Give the release up" in page(manager, release)
    with django_capture_on_commit_callbacks(execute=True):
        manager.post(f"/manage/releases/{release.pk}/", {"drop": "1"})
    assert not Release.objects.exists()
    assert storages["archives"].listdir("polcovid/1.0")[1] == []
    assert Event.objects.get(action="release.dropped").actor_id == library.manager.pk
    assert library.publish("1.0").status == Status.PUBLISHED
    assert Radiograph.objects.get().status == Radiograph.Status.ACCEPTED


def test_what_is_public_or_takes_the_place_of_it_cannot_be_given_up(library: Library, manager: Client) -> None:
    from datasets.services.withdrawing import finish_withdrawal

    gone = library.add()
    library.add()
    release = library.publish()
    finish_withdrawal(withdraw_images(manager=library.manager, images=[gone], reason="consent").pk)
    for kept in (release, Release.objects.get(version="1.0.1")):
        assert "Give the release up" not in page(manager, kept)
        with pytest.raises(services.DatasetError):
            services.drop_release(manager=library.manager, release=kept)
    assert Release.objects.count() == 2
