import csv
import hashlib
import io
import threading
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone
from openpyxl import load_workbook

from audit.models import Event
from datasets import services
from datasets.metadata import IMAGE_COLUMNS
from datasets.models import Archive, Release
from datasets.services import building
from tests.datasets.library import Library, content, new_file
from tests.people import People


def one(release: Release, name: str) -> Archive:
    return release.archives.get(filename=f"polcovid-{release.version}-{name}")


def opened(archive: Archive) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(content(archive)))


def rows_of(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode())))


def test_a_zip_lists_exactly_its_files(library: Library) -> None:
    library.add(1, "a")
    library.add(1, "a")
    library.add(2)
    release = library.publish()
    for name, folder, files in [
        ("NORMAL-radiographs.zip", "radiographs", ["Anonymous_7_1_1.png", "Anonymous_7_1_1_2.png"]),
        ("NORMAL-lung_masks.zip", "lung_masks", ["Anonymous_7_1_1.png", "Anonymous_7_1_1_2.png"]),
        ("PNEUMONIA-lung_regions.zip", "lung_regions", ["Anonymous_7_2_2.png", "Anonymous_7_2_2_mask.png"]),
    ]:
        with opened(one(release, name)) as archive:
            assert archive.testzip() is None
            paths = [f"{folder}/{file}" for file in files]
            report = ["deidentification.csv"] if folder == "radiographs" else []
            assert archive.namelist() == ["README.txt", "LICENSE.txt", "metadata.csv", *report, "SHA256SUMS", *paths]
            rows = rows_of(archive.read("metadata.csv"))
            assert tuple(rows[0]) == IMAGE_COLUMNS
            images = [Path(file).stem for file in files if not file.endswith("_mask.png")]
            assert [Path(row["filename"]).stem for row in rows] == images
            sums = dict(reversed(line.split("  ")) for line in archive.read("SHA256SUMS").decode().splitlines())
            assert sums == {path: hashlib.sha256(archive.read(path)).hexdigest() for path in paths}
            assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
            assert b"CITATION.cff" in archive.read("README.txt")
            assert b"CC BY-NC 4.0" in archive.read("LICENSE.txt")


def test_size_and_checksums_are_those_of_the_file(library: Library) -> None:
    library.add()
    for archive in library.publish().archives.all():
        data = content(archive)
        assert archive.size == len(data)
        assert archive.md5 == hashlib.md5(data).hexdigest()
        assert archive.sha256 == hashlib.sha256(data).hexdigest()


def test_the_tables_have_the_exact_columns(library: Library) -> None:
    library.add(1, demographics={})
    library.add(3)
    release = library.publish()
    cells = load_workbook(io.BytesIO(content(one(release, "images.xlsx"))))["images"]
    head, *rows = cells.iter_rows(values_only=True)
    assert head == IMAGE_COLUMNS
    assert [row[1] for row in rows] == ["Anonymous_7_1_1.png", "Anonymous_7_2_3.png"]
    table = rows_of(content(one(release, "COVID-19.csv")))
    assert [row["filename"] for row in table] == ["Anonymous_7_2_3.png"]
    assert tuple(table[0]) == IMAGE_COLUMNS


def test_the_same_release_gives_the_same_bytes(library: Library) -> None:
    library.add(1)
    library.add(2)
    release = library.publish()
    before = {archive.pk: content(archive) for archive in release.archives.all()}
    library.dataset.title = "Another title"
    library.dataset.save()
    library.dataset.groups.filter(class_id=1).update(label="HEALTHY")
    release.archives.update(status=Archive.Status.PENDING)
    for archive in release.archives.all():
        services.build_archive(archive.pk, "again")
        assert content(archive) == before[archive.pk]


def test_the_last_archive_publishes_the_release(library: Library) -> None:
    library.add()
    release = library.order()
    *first, last = release.archives.all()
    for archive in first:
        services.build_archive(archive.pk, "t")
    release.refresh_from_db()
    assert (release.status, release.published_at) == (Release.Status.BUILDING, None)
    services.build_archive(last.pk, "t")
    release.refresh_from_db()
    assert release.status == Release.Status.PUBLISHED
    assert release.published_at is not None
    assert Event.objects.filter(action="release.published").count() == 1
    assert Event.objects.filter(action="archive.built").count() == len(first) + 1


@pytest.mark.parametrize("damage", ["other", "missing"])
def test_a_damaged_library_file_fails_the_archive_and_nothing_is_public(library: Library, damage: str) -> None:
    radiograph = library.add()
    release = library.order()
    name = radiograph.file.name
    storages["library"].delete(name)
    if damage == "other":
        storages["library"].save(name, io.BytesIO(b"other bytes"))  # type: ignore[arg-type]
    for archive in release.archives.all():
        services.build_archive(archive.pk, "t")
    failed = one(release, "NORMAL-radiographs.zip")
    assert failed.status == Archive.Status.FAILED
    assert "Anonymous_7_1_1.png" in failed.reason
    assert not failed.file
    release.refresh_from_db()
    assert release.status == Release.Status.BUILDING
    assert Event.objects.filter(action="archive.failed", object_id=str(failed.pk)).exists()
    # The file is back in its place: the data manager tries again.
    storages["library"].delete(name)
    storages["library"].save(name, new_file_of(radiograph.sha256))
    services.retry_archive(manager=library.manager, archive=failed)
    services.build_archive(failed.pk, "t2")
    for archive in release.archives.filter(content=Archive.Content.SUMS):
        services.build_archive(archive.pk, "t2")
    release.refresh_from_db()
    assert release.status == Release.Status.PUBLISHED


def new_file_of(sha256: str) -> Any:
    """The image that `Library.add` made first, which is what hashes so."""
    from django.core.files.base import ContentFile

    from tests.world import png

    data = png((32, 40), 1)
    assert hashlib.sha256(data).hexdigest() == sha256
    return ContentFile(data)


@pytest.fixture
def pending(library: Library) -> Archive:
    library.add()
    return one(library.order(), "NORMAL-radiographs.zip")


def set_claim(archive: Archive, task_id: str, seconds: int, attempts: int = 1) -> None:
    Archive.objects.filter(pk=archive.pk).update(
        status=Archive.Status.BUILDING,
        claimed_by=task_id,
        claimed_until=timezone.now() + timedelta(seconds=seconds),
        attempts=attempts,
    )


def test_a_redelivered_task_takes_over_at_once(pending: Archive) -> None:
    set_claim(pending, "mine", 600)
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert (pending.status, pending.attempts) == (Archive.Status.READY, 2)


def test_another_task_waits_for_the_lease(pending: Archive) -> None:
    set_claim(pending, "other", 600)
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert (pending.status, pending.claimed_by, pending.attempts) == (Archive.Status.BUILDING, "other", 1)
    set_claim(pending, "other", -1)
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert pending.status == Archive.Status.READY


def test_what_kills_its_workers_is_given_up(pending: Archive, settings: LazySettings) -> None:
    set_claim(pending, "mine", 600, attempts=settings.CXR_STAGE_MAX_ATTEMPTS)
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert pending.status == Archive.Status.FAILED
    assert str(settings.CXR_STAGE_MAX_ATTEMPTS) in pending.reason


def test_a_finished_archive_is_left_alone(pending: Archive) -> None:
    services.build_archive(pending.pk, "t")
    pending.refresh_from_db()
    place = pending.file.name
    services.build_archive(pending.pk, "t")
    pending.refresh_from_db()
    assert (pending.file.name, pending.attempts) == (place, 1)


def test_who_lost_the_claim_throws_the_work_away(pending: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    build = building._build

    def slow(archive: Archive, claim: Any, recipe: str) -> Any:
        made = build(archive, claim, recipe)
        set_claim(pending, "other", 600, attempts=2)
        return made

    monkeypatch.setattr(building, "_build", slow)
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert (pending.status, pending.claimed_by, pending.sha256) == (Archive.Status.BUILDING, "other", "")
    assert storages["archives"].listdir("polcovid/1.0")[1] == []


def test_a_long_build_renews_its_lease_and_stops_when_it_is_lost(
    pending: Archive, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CXR_STAGE_LEASE_SECONDS = 0.0001
    copy, seen = building.write_archive, []

    def watched(archive: Archive, *args: Any, **kwargs: Any) -> None:
        before = Archive.objects.get(pk=archive.pk).claimed_until
        copy(archive, *args, **kwargs)
        seen.append(Archive.objects.get(pk=archive.pk).claimed_until > before)
        Archive.objects.filter(pk=archive.pk).update(claimed_by="other")

    monkeypatch.setattr(building, "write_archive", watched)
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert seen == [True]
    assert (pending.status, pending.claimed_by) == (Archive.Status.BUILDING, "other")


def test_an_error_that_may_pass_is_tried_again_later(
    pending: Archive, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(building, "write_archive", full)
        with pytest.raises(OSError, match="No space"):
            services.build_archive(pending.pk, "t")
        pending.refresh_from_db()
        assert (pending.status, pending.claimed_by) == (Archive.Status.PENDING, "")
        for attempt in range(1, settings.CXR_STAGE_MAX_ATTEMPTS):
            with pytest.raises(OSError, match="No space"):
                services.build_archive(pending.pk, f"t{attempt}")
        services.build_archive(pending.pk, "last")
    pending.refresh_from_db()
    assert pending.status == Archive.Status.FAILED
    assert "log" in pending.reason


def test_the_sweep_publishes_lost_tasks_again(
    pending: Archive, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import tasks

    sent: list[str] = []
    monkeypatch.setattr(tasks.build_archive, "delay", sent.append)

    def sweep() -> int:
        with django_capture_on_commit_callbacks(execute=True):
            return services.sweep_archives()

    assert sweep() == 0  # the tasks may still be waiting for a worker
    Archive.objects.exclude(pk=pending.pk).update(status=Archive.Status.READY)
    set_claim(pending, "dead", -1)
    assert sweep() == 1
    assert sent == [str(pending.pk)]
    pending.refresh_from_db()
    assert (pending.status, pending.claimed_by) == (Archive.Status.PENDING, "")
    assert sweep() == 0


def test_tasks_are_published_when_the_release_is_committed(
    library: Library, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datasets import tasks

    sent: list[str] = []
    monkeypatch.setattr(tasks.build_archive, "delay", sent.append)
    library.add()
    with django_capture_on_commit_callbacks(execute=True):
        release = library.order()
        assert sent == []
    # The lists of checksums wait for all the others.
    first = release.archives.exclude(content=Archive.Content.SUMS)
    assert set(sent) == {str(pk) for pk in first.values_list("pk", flat=True)}
    sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        for archive in first:
            services.build_archive(archive.pk, "t")
    last = release.archives.filter(content=Archive.Content.SUMS)
    assert sorted(sent) == sorted(str(pk) for pk in last.values_list("pk", flat=True))


def test_what_a_killed_attempt_left_is_removed(pending: Archive) -> None:
    from django.core.files.base import ContentFile

    set_claim(pending, "mine", 600)
    storages["archives"].save(building._place(pending, 1), ContentFile(b"half"))
    services.build_archive(pending.pk, "mine")
    pending.refresh_from_db()
    assert [f"polcovid/1.0/{name}" for name in storages["archives"].listdir("polcovid/1.0")[1]] == [pending.file.name]


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_finish_together_publish_once() -> None:
    library = Library(People())
    for class_id in (1, 2, 3):
        library.add(class_id, image=new_file(b"x" * 300_000))
    release = library.order()
    last = list(release.archives.filter(content=Archive.Content.SUMS).values_list("pk", flat=True))
    others = list(release.archives.exclude(pk__in=last).values_list("pk", flat=True))
    errors: list[Exception] = []

    def work(name: str, order: list[Any]) -> None:
        try:
            for pk in order:
                services.build_archive(pk, f"{name}-{pk}")
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    # From both ends, so that they meet, and both try every archive; the lists of checksums wait for the others.
    for archives in (others, last):
        threads = [threading.Thread(target=work, args=args) for args in (("a", archives), ("b", archives[::-1]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    release.refresh_from_db()
    assert release.status == Release.Status.PUBLISHED
    assert set(release.archives.values_list("attempts", flat=True)) == {1}
    assert Event.objects.filter(action="release.published").count() == 1
