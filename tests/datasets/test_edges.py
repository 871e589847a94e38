"""Releases at their edges: the last image of something goes, several versions at once, files without a byte."""

import io
import threading
import zipfile

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from datasets import selectors, services
from datasets.models import Archive, Radiograph, Release, Tombstone, Withdrawal
from datasets.selectors.holding import holders
from datasets.services.deprecating import deprecate
from datasets.services.reporting import reportable
from datasets.services.withdrawing import finish_withdrawal, withdraw_images
from tests.datasets.holders import downloader, grant
from tests.datasets.library import Library, content, new_file
from tests.people import People


def withdraw(library: Library, *images: Radiograph) -> Withdrawal:
    withdrawal = withdraw_images(manager=library.manager, images=images, reason="consent")
    finish_withdrawal(withdrawal.pk)
    return withdrawal


def build(version: str) -> Release:
    release = Release.objects.get(version=version)
    for archive in release.archives.filter(status=Archive.Status.PENDING):
        services.build_archive(archive.pk, f"task-{archive.pk}")
    release.refresh_from_db()
    assert release.status == Release.Status.PUBLISHED
    return release


def every_page(library: Library, *versions: str) -> None:
    """Works for a visitor, for somebody with access, and for programs."""
    reader = library.people.researcher()
    grant(reader, library.dataset)
    known = Client()
    known.force_login(reader, backend="django.contrib.auth.backends.ModelBackend")
    paths = [reverse("datasets:list"), reverse("datasets:detail", args=["polcovid"]), "/api/v1/datasets/polcovid/"]
    for version in versions:
        paths.append(reverse("datasets:release", args=["polcovid", version]))
        paths.append(f"/api/v1/datasets/polcovid/releases/{version}/")
    statistics = reverse("datasets:statistics", args=["polcovid", versions[0]])
    assert Client().get(statistics).status_code == 200
    for path in paths:
        for client in (Client(), known):
            assert client.get(path).status_code == 200, path


def test_the_last_image_of_a_group_goes(library: Library) -> None:
    gone = library.add(2)
    library.add(1)
    library.publish()
    withdraw(library, gone)
    patch = build("1.0.1")
    assert not [archive for archive in patch.archives.all() if "PNEUMONIA" in archive.filename]
    assert [count for _group, count in selectors.group_counts(library.dataset, patch)] == [1, 0, 0]
    every_page(library, "1.0", "1.0.1")
    groups = [(1, "NORMAL", "N"), (3, "COVID-19", "C")]
    with pytest.raises(services.DatasetError, match="PNEUMONIA"):  # old versions have it
        services.update_dataset(manager=library.manager, dataset=library.dataset, groups=groups)


def test_the_last_image_of_all_goes_and_new_ones_come(library: Library) -> None:
    gone = library.add(1)
    library.publish()
    withdraw(library, gone)
    every_page(library, "1.0")
    library.add(2)
    assert selectors.preview(library.dataset).version == "2.0"
    library.publish("2.0")
    every_page(library, "1.0", "2.0")


def test_an_image_of_three_versions(library: Library) -> None:
    """Every version gets its patch, and whatever comes out last: the newest is the one with the greatest number."""
    gone = library.add(1)
    library.publish("1.0")
    library.add(2)
    library.publish("1.1")
    library.add(3)
    library.publish("2.0")
    name = "NORMAL-radiographs.zip"
    parts = [Archive.objects.get(filename=f"polcovid-{version}-{name}") for version in ("1.0", "1.1", "2.0")]
    assert len({part.file.name for part in parts}) == 1
    has = [downloader(library, part) for part in parts]
    withdrawal = withdraw(library, gone)
    assert holders(withdrawal) == {person.pk for person in has}
    assert Tombstone.objects.get().versions == ["1.0", "1.1", "2.0"]
    assert not storages["archives"].exists(str(parts[0].file.name))
    assert set(Release.objects.values_list("version", flat=True)) == {"1.0", "1.1", "2.0", "1.1.1", "2.0.1"}
    library.add(1)
    for version in ("2.0.1", "1.1.1"):
        build(version)
    (card,) = selectors.catalogue(library.manager)
    assert card.release is not None
    assert card.release.version == "2.0.1"
    answer = APIClient().get("/api/v1/datasets/polcovid/").json()
    assert answer["latest_release"]["version"] == "2.0.1"
    assert [release["version"] for release in answer["releases"]] == ["2.0.1", "2.0", "1.1.1", "1.1", "1.0"]
    assert selectors.preview(library.dataset).last == card.release
    page = Client().get(reverse("datasets:detail", args=["polcovid"])).content.decode()
    assert "polcovid-2.0.1-images.xlsx" in page
    assert "polcovid-1.1.1-images.xlsx" not in page
    item = reportable(library.dataset, "Anonymous_7_2_2.png")
    assert item is not None
    assert item.release == card.release


def test_the_patch_of_a_deprecated_version_is_deprecated(library: Library) -> None:
    gone = library.add(1)
    library.add(1)
    old = library.order("1.0")
    Release.objects.update(status=Release.Status.PUBLISHED)
    Radiograph.objects.filter(pk=gone.pk).update(age=30)
    library.order("2.0")
    Release.objects.update(status=Release.Status.PUBLISHED)
    deprecate(manager=library.manager, release=old, notice="Ages are wrong.")
    withdraw(library, gone)
    assert Release.objects.get(version="1.0.1").deprecation_notice == "Ages are wrong."
    assert Release.objects.get(version="2.0.1").deprecated_at is None


def test_a_file_without_a_byte(library: Library) -> None:
    library.add(1, image=new_file(b""), mask=None, region=None, region_mask=None)
    archive = library.publish().archives.get(content="radiographs")
    with zipfile.ZipFile(io.BytesIO(content(archive))) as file:
        assert file.testzip() is None
        assert file.read("radiographs/Anonymous_7_1_1.png") == b""


@pytest.mark.django_db(transaction=True)
def test_two_managers_publish_at_once() -> None:
    library = Library(People())
    library.add()
    started, outcomes = threading.Barrier(2), []

    def work() -> None:
        try:
            started.wait(timeout=30)
            outcomes.append(library.order("1.0").version)
        except services.PublishRefused as error:
            outcomes.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["1.0", "Another release of this dataset is being built. Wait until it is published."]
    assert Release.objects.get().items.count() == 1
