"""An image is withdrawn: at once for everybody, with a tombstone, patch releases and mails to who has it."""

import io
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError
from django.db import connection
from PIL import Image

from accounts.models import Notice
from accounts.tasks import send_mail
from audit.models import Event
from datasets import archives, services
from datasets.errors import ArchiveGone
from datasets.models import Archive, Download, Radiograph, Release, Tombstone, Withdrawal
from datasets.policies import may_download
from datasets.ranges import ByteRange
from datasets.selectors import current_masks, latest_release
from datasets.selectors.holding import holders
from datasets.services import building, downloading
from datasets.services.patching import order_patches
from datasets.services.withdrawing import finish_withdrawal, sweep_withdrawals, withdraw_images
from tests.datasets.holders import downloader, grant
from tests.datasets.library import Library, content, new_file
from tests.datasets.masks import Folder, picture
from tests.people import People

Status = Archive.Status


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The mails as they go out: the worker's task runs at once."""
    monkeypatch.setattr(send_mail, "delay", send_mail)
    return mail.outbox


@pytest.fixture
def folder(tmp_path: Path, library: Library) -> Folder:
    (tmp_path / "folder").mkdir()
    return Folder(tmp_path / "folder", library)


def publish_masks(folder: Folder) -> Release:
    return services.publish_release(manager=folder.manager, dataset=folder.dataset, version="1.0", changes="First.")


def withdraw(library: Library, *images: Any, reason: str = "consent", finish: bool = True) -> Withdrawal:
    """Withdraws and, as the worker would after the commit, does what comes after."""
    withdrawal = withdraw_images(manager=library.manager, images=images, reason=reason)
    if finish:
        finish_withdrawal(withdrawal.pk)
    return withdrawal


def build(release: Release) -> Release:
    for archive in release.archives.filter(status=Status.PENDING):
        services.build_archive(archive.pk, f"task-{archive.pk}")
    release.refresh_from_db()
    return release


def named(release: Release, name: str) -> Archive:
    return release.archives.get(filename__endswith=name)


def states(release: Release) -> dict[str, str]:
    """The state of every archive that says something of an image, by the end of its name."""
    stem = len(f"{release.dataset.slug}-{release.version}-")
    archives = release.archives.exclude(content__in=["about", "sums"])
    return {archive.filename[stem:]: archive.status for archive in archives}


def holds(release: Release, filename: str) -> list[str]:
    """The archives of a release that have the name in their bytes (an XLSX packs its text)."""
    found = []
    for archive in release.archives.exclude(file=""):
        data = content(archive)
        if archive.filename.endswith(".xlsx"):
            with zipfile.ZipFile(io.BytesIO(data)) as book:
                data = b"".join(book.read(name) for name in book.namelist())
        if filename.rpartition(".")[0].encode() in data:
            found.append(archive.filename)
    return found


def library_files() -> list[str]:
    storage = storages["library"]

    def below(folder: str) -> list[str]:
        folders, files = storage.listdir(folder)
        paths = [f"{folder}/{name}" for name in files]
        return [*paths, *(path for name in folders for path in below(f"{folder}/{name}"))]

    return below("polcovid")


def test_the_archives_that_hold_it_are_out_of_reach_at_once_and_the_others_are_not(library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    library.add(2)
    release = library.publish()
    before = holds(release, gone.filename)
    reader = library.people.researcher()
    grant(reader, library.dataset)
    withdraw(library, gone, finish=False)
    withdrawn = [name for name, state in states(release).items() if state == "withdrawn"]
    assert sorted(f"polcovid-1.0-{name}" for name in withdrawn) == sorted(before)
    assert "PNEUMONIA-radiographs.zip" not in withdrawn
    for archive in release.archives.select_related("release__dataset__agreement"):
        assert may_download(reader, archive).allowed == (archive.status == Status.READY)
    gone.refresh_from_db()
    assert gone.status == Radiograph.Status.WITHDRAWN


def test_a_tombstone_says_what_why_and_where(library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    library.publish("1.0")
    library.add(2)
    library.publish("1.1")
    withdrawal = withdraw(library, gone, reason="identity")
    tombstone = Tombstone.objects.get()
    assert (tombstone.filename, tombstone.dataset, tombstone.versions) == (
        gone.filename, library.dataset, ["1.0", "1.1"],
    )  # fmt: skip
    assert (withdrawal.reason, withdrawal.by) == ("identity", library.manager)
    assert set(tombstone.items.values_list("release__version", flat=True)) == {"1.0", "1.1"}
    event = Event.objects.get(action="images.withdrawn")
    assert (event.actor_id, event.data["reason"], event.data["radiographs"]) == (
        library.manager.pk, "identity", [gone.pk],
    )  # fmt: skip
    assert gone.filename not in str(event.data)


def test_afterwards_no_byte_of_it_is_left(library: Library) -> None:
    gone, stays = library.add(1), library.add(1)
    release = library.publish()
    paths = [str(archive.file.name) for archive in release.archives.all()]
    withdraw(library, gone)
    assert library_files() != []
    stem = gone.filename.rpartition(".")[0]
    assert [path for path in library_files() if f"/{stem}." in path] == []
    stays_stem = stays.filename.rpartition(".")[0]
    assert len([path for path in library_files() if f"/{stays_stem}." in path]) == 4
    kept = {archive.file.name for archive in release.archives.exclude(file="")}
    assert {path for path in paths if storages["archives"].exists(path)} == kept
    assert holds(release, gone.filename) == []


def test_a_patch_has_everything_else(library: Library) -> None:
    gone, stays = library.add(1), library.add(1)
    library.add(2)
    first = library.publish()
    rows = {item.filename: (item.metadata, item.files) for item in first.items.all()}
    withdraw(library, gone)
    patch = build(Release.objects.get(version="1.0.1"))
    assert (patch.status, patch.replaces, patch.about) == (Release.Status.PUBLISHED, first, first.about)
    assert patch.changes == "1 image withdrawn: consent withdrawn."
    assert library.manager.name not in patch.changes
    del rows[gone.filename]
    assert {item.filename: (item.metadata, item.files) for item in patch.items.all()} == rows
    assert holds(patch, gone.filename) == []
    assert named(patch, "1.0.1-NORMAL.csv").filename in holds(patch, stays.filename)
    assert latest_release(library.dataset) == patch
    first.refresh_from_db()
    assert (first.status, first.items.count()) == (Release.Status.PUBLISHED, 3)


def test_every_version_that_had_it_gets_its_patch_and_the_latest_stays_the_latest(library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    library.publish("1.0")
    Radiograph.objects.filter(pk=gone.pk).update(quality="Bad")
    library.publish("2.0")
    withdraw(library, gone)
    for version in ("2.0.1", "1.0.1"):  # in whatever order they come out
        build(Release.objects.get(version=version))
    latest = latest_release(library.dataset)
    assert latest is not None
    assert latest.version == "2.0.1"
    assert order_patches(library.dataset.pk, manager=library.manager) == []


def test_a_version_of_which_nothing_is_left_gets_no_patch(library: Library) -> None:
    gone = library.add(1)
    release = library.publish()
    withdraw(library, gone)
    assert set(states(release).values()) == {"withdrawn"}
    assert Release.objects.count() == 1


def test_those_who_have_it_are_told_once_and_nobody_else(
    library: Library, mails: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    gone, other = library.add(1), library.add(2)
    release = library.publish()
    has = downloader(library, named(release, "NORMAL-radiographs.zip"))
    has_some = downloader(library, named(release, "NORMAL-lung_masks.zip"), bytes_sent=1)
    by_nginx = downloader(library, named(release, "images.xlsx"), bytes_sent=None)
    downloader(library, named(release, "PNEUMONIA-radiographs.zip"))
    downloader(library, named(release, "NORMAL-radiographs.zip"), bytes_sent=0)
    grant(library.people.researcher(), library.dataset)
    locked = downloader(library, named(release, "NORMAL.csv"))
    locked.is_active = False
    locked.save()
    with django_capture_on_commit_callbacks(execute=True):
        withdrawal = withdraw(library, gone)
    with django_capture_on_commit_callbacks(execute=True):
        Withdrawal.objects.update(finished_at=None)  # the worker died before it said so
        finish_withdrawal(withdrawal.pk)
    assert sorted(address for message in mails for address in message.to) == sorted(
        user.email for user in (has, has_some, by_nginx, locked)
    )
    for message in mails:
        assert gone.filename in message.body
        assert other.filename not in message.body
        assert library.manager.name not in message.body
        assert "consent withdrawn" in message.body
    assert Notice.objects.filter(kind="images_withdrawn").count() == 4
    assert Event.objects.filter(action="withdrawal.told").count() == 4


def test_of_several_images_each_is_told_of_those_that_it_has(
    library: Library, mails: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    one, two = library.add(1, "patient"), library.add(2, "patient")
    release = library.publish()
    has_one = downloader(library, named(release, "NORMAL-radiographs.zip"))
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(library, one, two)
    (message,) = mails
    assert message.to == [has_one.email]
    assert one.filename in message.body
    assert two.filename not in message.body


def test_images_of_two_patients_are_two_withdrawals(library: Library) -> None:
    one, two = library.add(1), library.add(1)
    for images in ([], [one, two]):
        with pytest.raises(services.DatasetError):
            withdraw_images(manager=library.manager, images=images, reason="consent")
    with pytest.raises(services.DatasetError):
        withdraw_images(manager=library.manager, images=[one], reason="whim")
    assert not Withdrawal.objects.exists()


def test_a_release_that_is_being_built_comes_out_without_it(library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    library.add(2)
    release = library.order()
    done = named(release, "NORMAL-radiographs.zip")
    services.build_archive(done.pk, "early")
    done.refresh_from_db()
    path = done.file.name
    withdraw(library, gone)
    release.refresh_from_db()
    assert release.status == Release.Status.BUILDING
    build(release)
    assert release.status == Release.Status.PUBLISHED
    assert sorted(release.items.values_list("filename", flat=True)) == ["Anonymous_7_2_1.png", "Anonymous_7_3_2.png"]
    assert holds(release, gone.filename) == []
    assert list(Release.objects.values_list("version", flat=True)) == ["1.0"]
    assert Tombstone.objects.get().versions == []
    assert not Archive.objects.filter(file=path).exists()


def test_a_worker_in_the_middle_of_an_archive_that_holds_it_publishes_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = library.add(1)
    library.add(1)
    release = library.order()
    for archive in release.archives.exclude(filename__endswith="NORMAL-radiographs.zip"):
        services.build_archive(archive.pk, "t")
    last = named(release, "NORMAL-radiographs.zip")
    write = archives.write_archive

    def slow(*args: Any, **kwargs: Any) -> Any:
        result = write(*args, **kwargs)
        withdraw(library, gone, finish=False)  # just before the commit that would make the release public
        return result

    monkeypatch.setattr(building, "write_archive", slow)
    services.build_archive(last.pk, "t")
    monkeypatch.undo()
    release.refresh_from_db()
    assert release.status == Release.Status.BUILDING
    build(release)
    assert release.status == Release.Status.PUBLISHED
    assert holds(release, gone.filename) == []


def test_what_a_killed_worker_had_written_goes_with_the_archive(
    library: Library, django_capture_on_commit_callbacks: Any
) -> None:
    gone = library.add(1)
    library.add(1)
    release = library.order()
    archive = named(release, "NORMAL-radiographs.zip")
    Archive.objects.filter(pk=archive.pk).update(status=Archive.Status.BUILDING, claimed_by="killed", attempts=1)
    path = storages["archives"].save(building._place(archive, 1), ContentFile(b"with the image"))
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(library, gone, finish=False)
    assert not storages["archives"].exists(path)


def test_an_empty_release_that_was_being_built_is_dropped(library: Library) -> None:
    gone = library.add(1)
    library.order()
    withdraw(library, gone)
    assert not Release.objects.exists()
    assert Event.objects.filter(action="release.dropped").exists()


def test_a_second_withdrawal_while_the_first_patch_is_built(library: Library) -> None:
    first, second = library.add(1), library.add(1)
    library.add(1)
    library.publish()
    withdraw(library, first)
    patch = Release.objects.get(version="1.0.1")
    archive = patch.archives.first()
    assert archive is not None
    services.build_archive(archive.pk, "t")
    withdraw(library, second, reason="other")
    assert set(Release.objects.values_list("version", flat=True)) == {"1.0", "1.0.1"}
    build(patch)
    assert patch.status == Release.Status.PUBLISHED
    for radiograph in (first, second):
        assert holds(patch, radiograph.filename) == []
    assert patch.changes == "1 image withdrawn: consent withdrawn.\n1 image withdrawn: other reason."


def test_a_withdrawal_after_the_patch_makes_the_next_patch(library: Library) -> None:
    first, second = library.add(1), library.add(1)
    library.add(1)
    library.publish()
    withdraw(library, first)
    build(Release.objects.get(version="1.0.1"))
    withdraw(library, second)
    patch = build(Release.objects.get(version="1.0.2"))
    assert patch.replaces is not None
    assert patch.replaces.version == "1.0.1"
    assert patch.changes == "1 image withdrawn: consent withdrawn."
    assert set(states(Release.objects.get(version="1.0.1")).values()) == {"withdrawn"}
    assert Tombstone.objects.get(radiograph=second).versions == ["1.0", "1.0.1"]
    assert set(Release.objects.values_list("version", flat=True)) == {"1.0", "1.0.1", "1.0.2"}


def test_an_image_in_no_release_leaves_a_tombstone_and_no_patch(library: Library) -> None:
    gone = library.add(1)
    stays = library.add(1)
    withdraw(library, gone)
    assert Tombstone.objects.get().versions == []
    assert not Release.objects.exists()
    assert all(stays.filename.rpartition(".")[0] in path for path in library_files())
    assert library.publish().items.get().radiograph == stays


def test_what_is_withdrawn_cannot_be_withdrawn_again(library: Library) -> None:
    gone = library.add(1)
    library.publish()
    withdraw(library, gone)
    with pytest.raises(services.DatasetError, match="already"):
        withdraw(library, gone)
    assert Withdrawal.objects.count() == Tombstone.objects.count() == 1


@pytest.mark.parametrize("step", ["tell_downloaders", "destroy_gone", "_destroy_files", "order_patches"])
def test_a_worker_that_dies_in_the_middle_is_followed_by_another(
    library: Library,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    mails: list[Any],
    django_capture_on_commit_callbacks: Any,
) -> None:
    from datasets.services import withdrawing

    gone = library.add(1)
    library.add(1)
    release = library.publish()
    downloader(library, named(release, "NORMAL-radiographs.zip"))
    withdrawal = withdraw(library, gone, finish=False)

    class Killed(Exception):
        pass

    def killed(*args: Any, **kwargs: Any) -> None:
        raise Killed

    whole = getattr(withdrawing, step)
    monkeypatch.setattr(withdrawing, step, killed)
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(Killed):
        finish_withdrawal(withdrawal.pk)
    monkeypatch.setattr(withdrawing, step, whole)
    with django_capture_on_commit_callbacks() as tasks:
        assert sweep_withdrawals() == 1
    assert len(tasks) == 1
    with django_capture_on_commit_callbacks(execute=True):
        finish_withdrawal(withdrawal.pk)
        finish_withdrawal(withdrawal.pk)
    assert sweep_withdrawals() == 0
    assert len(mails) == 1
    assert holds(release, gone.filename) == []
    assert [path for path in library_files() if f"/{gone.filename.rpartition('.')[0]}." in path] == []
    assert build(Release.objects.get(version="1.0.1")).status == Release.Status.PUBLISHED


@pytest.mark.django_db(transaction=True)
def test_two_managers_at_the_same_time() -> None:
    library = Library(People())
    gone, other = library.add(1), library.add(1)
    library.add(1)
    library.publish()
    started, outcomes = threading.Barrier(3), []

    def work(images: Sequence[Radiograph]) -> None:
        try:
            started.wait(timeout=30)
            withdrawal = withdraw_images(manager=library.manager, images=images, reason="consent")
            finish_withdrawal(withdrawal.pk)
            outcomes.append("withdrawn")
        except services.DatasetError as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=([image],)) for image in (gone, gone, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["This image is withdrawn already.", "withdrawn", "withdrawn"]
    assert Tombstone.objects.count() == 2
    patches = Release.objects.exclude(version="1.0")
    for patch in patches:
        build(patch)
    latest = latest_release(library.dataset)
    assert latest is not None
    assert latest.items.filter(tombstone=None).count() == latest.items.count() == 1
    assert set(patches.values_list("status", flat=True)) == {"published"}


def test_a_hand_drawn_mask_leaves_its_collection(library: Library, folder: Folder) -> None:
    folder.row(set="train", patient="a")
    folder.row(set="test", patient="b")
    folder.run()
    dataset = folder.dataset
    release = build(publish_masks(folder))
    gone = dataset.entries.get(filename="m0.png")
    reader = downloader(library, named(release, "ours-masks.zip"))
    withdrawal = withdraw(library, gone, reason="wrong")
    assert holders(withdrawal) == {reader.pk}
    assert {"ours-masks.zip", "segmentation.csv", "details.csv"} <= {
        name for name, state in states(release).items() if state == "withdrawn"
    }
    assert not storages["library"].exists(str(gone.mask.name))
    patch = build(Release.objects.get(dataset=dataset, version="1.0.1"))
    assert (patch.status, patch.items.get().filename) == (Release.Status.PUBLISHED, "m1.png")
    assert list(current_masks(dataset).values_list("filename", flat=True)) == ["m1.png"]
    with pytest.raises(services.DatasetError, match="already"):
        withdraw(library, gone)
    with pytest.raises(CommandError):
        folder.run("--replace")
    assert "was withdrawn" in folder.said


def test_a_consent_takes_the_radiograph_and_the_masks_drawn_on_it(library: Library, folder: Folder) -> None:
    out = io.BytesIO()
    Image.fromarray(picture(7)).save(out, format="PNG")
    radiograph = library.add(image=new_file(out.getvalue()), width=320, height=340)
    library.add(1)
    folder.row(radiograph=radiograph.filename, set="train")
    folder.row(set="test")
    folder.run(*folder.with_images())
    radiographs, masks = library.publish(), build(publish_masks(folder))
    entry = radiograph.segmentation_entries.get()
    withdraw(library, entry, reason="identity")
    assert set(Tombstone.objects.values_list("dataset__slug", flat=True)) == {"polcovid", "masks"}
    assert holds(radiographs, radiograph.filename) == []
    assert holds(masks, entry.filename) == []
    assert set(Release.objects.values_list("dataset__slug", "version")) == {
        ("polcovid", "1.0"), ("polcovid", "1.0.1"), ("masks", "1.0"), ("masks", "1.0.1"),
    }  # fmt: skip


def test_a_poor_mask_goes_without_its_radiograph(library: Library, folder: Folder) -> None:
    out = io.BytesIO()
    Image.fromarray(picture(7)).save(out, format="PNG")
    radiograph = library.add(image=new_file(out.getvalue()), width=320, height=340)
    folder.row(radiograph=radiograph.filename, set="train")
    folder.run(*folder.with_images())
    withdraw(library, radiograph.segmentation_entries.get(), reason="other")
    radiograph.refresh_from_db()
    assert radiograph.status == Radiograph.Status.ACCEPTED
    assert storages["library"].exists(str(radiograph.file.name))


def test_a_download_that_begins_in_the_same_moment_is_refused(library: Library) -> None:
    gone = library.add(1)
    archive = named(library.publish(), "NORMAL-radiographs.zip")
    user = library.people.researcher()
    given = grant(user, library.dataset)
    old = Archive.objects.get(pk=archive.pk)  # as the view has loaded it
    withdraw(library, gone)
    with pytest.raises(ArchiveGone):
        services.start_download(user=user, archive=old, grant=given, span=ByteRange(0, 1))
    assert not Download.objects.exists()
    assert not Event.objects.filter(action="download.started").exists()


def test_a_download_that_is_going_on_stops(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "CHUNK", 100)
    monkeypatch.setattr(downloading, "CHECK", 2)
    gone = library.add(1)
    archive = named(library.publish(), "NORMAL-radiographs.zip")
    user = library.people.researcher()
    given = grant(user, library.dataset)
    assert archive.size is not None
    span = ByteRange(0, archive.size - 1)
    download = services.start_download(user=user, archive=archive, grant=given, span=span)
    with storages["archives"].open(str(archive.file.name)) as file:
        delivery = services.Delivery(file, download)
        assert len(next(delivery)) == 100
        withdraw(library, gone, finish=False)
        assert list(delivery) == []
        delivery.close()
    download.refresh_from_db()
    assert download.bytes_sent == 100
    assert holders(Withdrawal.objects.get()) == {user.pk}
