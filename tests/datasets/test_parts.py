"""Archives in parts: their size, their boundaries from version to version, and what is used again."""

import hashlib
import io
import os
import time
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.storage import storages
from django.db import connection, transaction
from django.utils import timezone, translation

from accounts import services as access
from audit.models import Event
from datasets import policies, services
from datasets.models import Archive, Radiograph, Release
from datasets.models.release import OPEN
from datasets.parts import cut
from datasets.selectors.holding import archives_holding
from datasets.services.building import discard_files
from tests.datasets.library import Library, content, new_file
from tests.people import People

SIZE = 1000  # bytes of an image of these tests


def image(library: Library, number: int, class_id: int = 1, **fields: Any) -> Radiograph:
    nothing = {"mask": None, "region": None, "region_mask": None}
    data = hashlib.sha256(b"%d" % number).digest() * 32
    return library.add(class_id, image=new_file(data[:SIZE]), **{**nothing, **fields})


@pytest.fixture
def small(settings: LazySettings) -> None:
    settings.CXR_PART_BYTES = 3 * SIZE


def parts(release: Release) -> list[Archive]:
    return list(release.archives.filter(content="radiographs", group__class_id=1).order_by("part"))


def images(archive: Archive) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content(archive))) as file:
        return [name for name in file.namelist() if name.startswith("radiographs/")]


def test_parts_are_filled_to_the_limit_one_after_the_other() -> None:
    found = cut(((number, 10) for number in range(1, 8)), 30)
    assert [(part.number, part.above, part.upto, part.items, part.size) for part in found] == [
        (1, 0, 3, 3, 30),
        (2, 3, 6, 3, 30),
        (3, 6, OPEN, 1, 10),
    ]
    assert [part.items for part in cut([(1, 100), (2, 5), (3, 5)], 30)] == [1, 2], "a large one has a part of its own"
    assert cut([], 30) == []


def test_boundaries_stay_whatever_comes_and_goes() -> None:
    """Without images 2, 4 to 6 and with new ones, and though the first part holds more than the limit now."""
    sizes = [(1, 40), (3, 10), (7, 10), (8, 10), (9, 10), (10, 10)]
    found = cut(sizes, 30, [3, 6])
    assert [(part.number, part.above, part.upto, part.items) for part in found] == [
        (1, 0, 3, 2),
        (2, 6, 9, 3),
        (3, 9, OPEN, 1),
    ]
    (short,) = cut([(1, 10)], 30, [3, 6])
    assert short.upto == 3, "what comes later begins a part of its own, as in the version before"


@pytest.mark.usefixtures("small")
def test_a_group_comes_in_parts_of_a_set_size(library: Library) -> None:
    for number in range(7):
        image(library, number)
    image(library, 100, 2)
    release = library.publish()
    assert [(part.filename, part.items, part.parts, part.bytes_total) for part in parts(release)] == [
        ("polcovid-1.0-NORMAL-radiographs-part1of3.zip", 3, 3, 3 * SIZE),
        ("polcovid-1.0-NORMAL-radiographs-part2of3.zip", 3, 3, 3 * SIZE),
        ("polcovid-1.0-NORMAL-radiographs-part3of3.zip", 1, 3, SIZE),
    ]
    assert release.archives.filter(filename="polcovid-1.0-PNEUMONIA-radiographs.zip").exists(), "a single part"
    found = [name for part in parts(release) for name in images(part)]
    ours = release.items.filter(group__class_id=1).order_by("radiograph_id")
    assert found == [f"radiographs/{item.filename}" for item in ours]
    with zipfile.ZipFile(io.BytesIO(content(parts(release)[2]))) as file:
        assert file.read("metadata.csv").count(b"\n") == 2, "the rows of its own images"


@pytest.mark.usefixtures("small")
def test_a_version_that_adds_images_uses_earlier_parts_again(library: Library) -> None:
    for number in range(7):
        image(library, number)
    first = library.publish()
    for number in range(7, 12):
        image(library, number)
    writes = Event.objects.filter(action="archive.built", data__has_key="same_as")
    second = library.publish("1.1")
    old, new = parts(first), parts(second)
    assert [part.items for part in new] == [3, 3, 3, 3]
    for before, now in zip(old[:2], new, strict=False):
        assert (now.file.name, now.size, now.md5, now.sha256) == (
            before.file.name,
            before.size,
            before.md5,
            before.sha256,
        )
        assert now.filename.startswith("polcovid-1.1-")
    assert new[2].sha256 != old[2].sha256, "it took two more images"
    assert {event.object_id for event in writes} == {str(part.pk) for part in new[:2]}
    assert content(new[0]) == content(old[0])


@pytest.mark.usefixtures("small")
def test_a_changed_image_touches_its_own_part_alone(library: Library) -> None:
    made = [image(library, number) for number in range(9)]
    first = library.publish()
    Radiograph.objects.filter(pk=made[4].pk).update(age=20)
    Radiograph.objects.filter(pk=made[7].pk).update(status=Radiograph.Status.WITHDRAWN)
    old, new = parts(first), parts(library.publish("2.0"))
    assert [before.sha256 == now.sha256 for before, now in zip(old, new, strict=True)] == [True, False, False]
    assert [part.items for part in new] == [3, 3, 2]


@pytest.mark.usefixtures("small")
def test_a_part_whose_file_was_withdrawn_is_built_anew(library: Library) -> None:
    for number in range(3):
        image(library, number)
    (old,) = parts(library.publish())
    Archive.objects.filter(pk=old.pk).update(status=Archive.Status.WITHDRAWN)
    image(library, 3)
    new = parts(library.publish("1.1"))[0]
    assert (new.sha256, new.status) == (old.sha256, Archive.Status.READY)
    assert new.file.name != old.file.name


@pytest.mark.usefixtures("small")
def test_a_file_stays_while_another_version_hands_it_out(library: Library) -> None:
    for number in range(3):
        image(library, number)
    (old,) = parts(library.publish())
    image(library, 3)
    library.publish("1.1")
    discard_files([old.file.name])
    assert storages["archives"].exists(old.file.name)
    Archive.objects.filter(file=old.file.name).update(status=Archive.Status.WITHDRAWN)
    discard_files([old.file.name])
    assert not storages["archives"].exists(old.file.name)


@pytest.mark.usefixtures("small")
def test_the_archives_that_hold_an_image_are_its_part_and_the_tables(library: Library) -> None:
    made = [image(library, number) for number in range(7)]
    release = library.publish()
    holding = archives_holding(release.items.filter(radiograph=made[3]))
    assert sorted(holding.values_list("filename", flat=True)) == [
        f"polcovid-1.0-{name}"
        for name in (
            "NORMAL-radiographs-part2of3.zip",
            "NORMAL.csv",
            "deidentification.csv",
            "images.parquet",
            "images.xlsx",
            "quality.csv",
        )
    ]


def test_a_release_without_its_row_ends_the_work(library: Library) -> None:
    """Images were withdrawn while it was built: the archives were planned anew."""
    image(library, 1)
    release = library.order()
    gone = release.archives.first()
    assert gone is not None
    release.archives.all().delete()
    services.build_archive(gone.pk, "t")
    assert Event.objects.filter(action="archive.built").count() == 0


GOLDEN = {
    "CITATION.cff": "9818e04a91d7027e",
    "LICENSE.txt": "eacc9a51273999ca",
    "NORMAL-radiographs.zip": "e87224aaadff51dc",
    "NORMAL.csv": "026c86a7fac6cf7e",
    "PNEUMONIA-radiographs.zip": "dd5ee35773dcc822",
    "PNEUMONIA.csv": "2417c3dcd9493b02",
    "README.txt": "b82a89180afd32df",
    "data_dictionary.csv": "65cad2117fd4012e",
    "deidentification.csv": "0f1b5ad0f7daadca",
    "quality.csv": "8a26b9fb82e085b3",
}


def test_the_bytes_are_those_of_every_machine(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the database, the hour, the language and the order of Python's sets: CI runs this on both databases."""
    for number, class_id in enumerate((1, 2, 1, 1)):
        image(library, number, class_id, deid_report={"profile": "p", "kept": [], "options": ["113100"]})
    release = library.order()
    Release.objects.filter(pk=release.pk).update(created_at=datetime(2026, 1, 31, 23, 30, tzinfo=UTC))
    with translation.override("pl"), timezone.override("Asia/Tokyo"):
        for archive in release.archives.all():
            services.build_archive(archive.pk, "t")
    found = dict(release.archives.exclude(filename__endswith="MD5SUMS").values_list("filename", "sha256"))
    stable = {name: sha256 for name, sha256 in found.items() if not name.endswith((".xlsx", ".parquet", "256SUMS"))}
    assert {name.removeprefix("polcovid-1.0-"): sha256[:16] for name, sha256 in stable.items()} == GOLDEN


class _Undo(Exception):
    """Ends a transaction that leaves nothing."""


def _built_on(people: People, monkeypatch: pytest.MonkeyPatch, first_id: int, zone: str, mask: int, late: float) -> Any:
    """SHA-256 of every file of a release by name, as built where ids begin with `first_id`, in a time zone, under a
    umask and by a clock that is `late` (seconds)."""
    found: dict[str, str] = {}
    now, before = time.time, os.umask(mask)
    try:
        with monkeypatch.context() as patched, transaction.atomic():
            patched.setenv("TZ", zone)
            patched.setattr(time, "time", lambda: now() + late)
            time.tzset()
            if connection.vendor == "sqlite":  # the sequences of PostgreSQL go on whatever is undone
                tables = "SELECT name, %s FROM sqlite_master WHERE sql LIKE '%%AUTOINCREMENT%%'"
                connection.cursor().execute("DELETE FROM sqlite_sequence")
                connection.cursor().execute(f"INSERT INTO sqlite_sequence (name, seq) {tables}", [first_id])
            library = Library(people)
            for number, class_id in enumerate((1, 2, 1, 3)):
                library.add(class_id, key=str(number % 3), deid_report={"profile": "p", "kept": [], "options": ["1"]})
            release = library.order()
            Release.objects.filter(pk=release.pk).update(created_at=datetime(2026, 1, 31, 23, 30, tzinfo=UTC))
            for archive in release.archives.order_by("filename" if late > 1 else "pk"):
                services.build_archive(archive.pk, "t")
            for archive in release.archives.filter(status=Archive.Status.PENDING):
                services.build_archive(archive.pk, "t")
            found.update(release.archives.values_list("filename", "sha256"))
            with zipfile.ZipFile(io.BytesIO(content(release.archives.get(filename__endswith=".xlsx")))) as book:
                assert b">1980-01-01T00:00:00Z<" in book.read("docProps/core.xml")
            raise _Undo
    except _Undo:
        return found
    finally:
        os.umask(before)
        time.tzset()


def test_every_file_is_the_same_on_another_machine(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    here = _built_on(people, monkeypatch, 1, "Europe/Warsaw", 0o077, 1)
    there = _built_on(people, monkeypatch, 5000, "Asia/Tokyo", 0o000, 9)
    assert len(here) == 22
    assert all(here.values())
    assert here == there


def test_texts_and_checksums_come_with_a_grant_for_any_group(library: Library) -> None:
    image(library, 1)
    image(library, 2, 2)
    release = library.publish()
    user = library.people.researcher()
    access.sign(user=user, agreement=library.agreement, typed_name=user.name, institution=user.institution)
    texts = release.archives.filter(content__in=["about", "sums"])
    assert [policies.may_download(user, archive).allowed for archive in texts] == [False] * 6
    request = access.ask(user=user, dataset=library.dataset, groups=[library.group(1)], project="p", purpose="p")
    access.decide(request=request, manager=library.manager, granted=True)
    assert [policies.may_download(user, archive).allowed for archive in texts] == [True] * 6
    assert not policies.may_download(user, release.archives.get(filename="polcovid-1.0-images.xlsx")).allowed
    assert policies.downloadable(user).filter(content__in=["about", "sums"]).count() == 6
