"""A collection of masks from the import to the download: releases, archives, pages, requests, the API."""

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from PIL import Image
from rest_framework.test import APIClient

from accounts import services as access
from accounts.errors import AccountsError
from accounts.models import User
from datasets import services
from datasets.models import Archive, Dataset, Radiograph, Release, SegmentationEntry
from datasets.services.withdrawing import withdraw_unreleased
from portal.demo import masks as demo
from portal.demo import texts
from tests.datasets.library import Library, content, new_file
from tests.datasets.masks import Folder, lungs, picture


@pytest.fixture
def folder(tmp_path: Path, library: Library) -> Folder:
    """Two masks of ours, one with its image, and one of others, imported and in the catalogue."""
    root = tmp_path / "collection"
    root.mkdir()
    folder = Folder(root, library)
    folder.row(set="train", image=folder.image("i0.png"), mask_convention="with the heart")
    folder.row(set="test")
    folder.row(set="train", source="Others (masks)", licence="unstated")
    folder.run(*folder.with_images())
    Dataset.objects.filter(slug="masks").update(is_public=True)
    return folder


def publish(folder: Folder, version: str = "1.0") -> Release:
    release = services.publish_release(
        manager=folder.manager, dataset=folder.dataset, version=version, changes="Imported."
    )
    for archive in release.archives.all():
        services.build_archive(archive.pk, f"task-{archive.pk}")
    release.refresh_from_db()
    return release


def archive(release: Release, name: str) -> bytes:
    return content(release.archives.get(filename=f"masks-{release.version}-{name}"))


def granted(folder: Folder, library: Library) -> User:
    user = library.people.researcher()
    access.sign(user=user, agreement=library.agreement, typed_name=user.name, institution=user.institution)
    request = access.ask(user=user, dataset=folder.dataset, groups=[], project="Lungs", purpose="To learn.")
    access.decide(request=request, manager=folder.manager, granted=True)
    return user


def test_a_release_has_masks_and_images_by_source_and_the_table(folder: Folder) -> None:
    release = publish(folder)
    assert release.status == Release.Status.PUBLISHED
    assert sorted(release.archives.values_list("filename", "items")) == [
        ("masks-1.0-2_Others_masks_-masks.zip", 1),
        ("masks-1.0-CITATION.cff", 3),
        ("masks-1.0-LICENSE.txt", 3),
        ("masks-1.0-MD5SUMS", 3),
        ("masks-1.0-README.txt", 3),
        ("masks-1.0-SHA256SUMS", 3),
        ("masks-1.0-data_dictionary.csv", 3),
        ("masks-1.0-deidentification.csv", 1),
        ("masks-1.0-details.csv", 3),
        ("masks-1.0-ours-images.zip", 1),
        ("masks-1.0-ours-masks.zip", 2),
        ("masks-1.0-segmentation.csv", 3),
        ("masks-1.0-segmentation.parquet", 3),
    ]
    assert archive(release, "segmentation.csv").decode() == (
        "source,source_id,filename,set\nours,1,m0.png,train\nours,1,m1.png,test\nOthers (masks),2,m2.png,train\n"
    )
    details = list(csv.DictReader(io.StringIO(archive(release, "details.csv").decode())))
    assert details[0] == {
        "filename": "m0.png", "image": "m0.tif", "mask_convention": "with the heart", "image_licence": "",
        "width": "320", "height": "340",
    }  # fmt: skip
    assert details[2]["image_licence"] == "unstated"
    reports = list(csv.DictReader(io.StringIO(archive(release, "deidentification.csv").decode())))
    assert [row["filename"] for row in reports] == ["m0.tif"]


def test_the_zips_hold_pixels_and_say_what_they_are(folder: Folder) -> None:
    release = publish(folder)
    with zipfile.ZipFile(io.BytesIO(archive(release, "ours-masks.zip"))) as file:
        names = [
            "README.txt",
            "LICENSE.txt",
            "metadata.csv",
            "details.csv",
            "SHA256SUMS",
            "masks/m0.png",
            "masks/m1.png",
        ]
        assert file.namelist() == names
        assert "Source: ours (source_id 1)" in file.read("README.txt").decode()
        assert file.read("metadata.csv").decode().splitlines() == [
            "source,source_id,filename,set", "ours,1,m0.png,train", "ours,1,m1.png,test",
        ]  # fmt: skip
        with Image.open(io.BytesIO(file.read("masks/m0.png"))) as image:
            assert (np.asarray(image) == lungs(0)).all()
    with zipfile.ZipFile(io.BytesIO(archive(release, "ours-images.zip"))) as file:
        assert file.namelist()[-1] == "images/m0.tif"
        assert "deidentification.csv" in file.namelist()
        with Image.open(io.BytesIO(file.read("images/m0.tif"))) as image:
            assert (np.asarray(image) == picture(0)).all()


def test_a_release_is_frozen_and_the_next_has_what_changed(
    folder: Folder, django_capture_on_commit_callbacks: Any
) -> None:
    first = publish(folder)
    before = [archive(first, name) for name in ("ours-masks.zip", "segmentation.csv")]
    with pytest.raises(services.PublishRefused, match="nothing new"):
        publish(folder, "1.1")
    folder.mask("m0.png", seed=30)
    folder.rows[2]["set"] = "validation"
    with django_capture_on_commit_callbacks(execute=True):
        folder.run("--replace", *folder.with_images())
    second = publish(folder, "2.0")
    assert "m2.png,validation" in archive(second, "segmentation.csv").decode()
    for built in first.archives.all():
        Archive.objects.filter(pk=built.pk).update(status=Archive.Status.PENDING)
        services.build_archive(built.pk, "again")
    assert [archive(first, name) for name in ("ours-masks.zip", "segmentation.csv")] == before


def test_an_image_that_was_withdrawn_takes_its_mask_along(folder: Folder, library: Library) -> None:
    out = io.BytesIO()
    Image.fromarray(picture(7)).save(out, format="PNG")
    radiograph = library.add(image=new_file(out.getvalue()), width=320, height=340)
    folder.row(radiograph=radiograph.filename, set="train")
    folder.run(*folder.with_images())
    assert publish(folder).items.count() == 4
    with pytest.raises(services.DatasetError, match=r"release 1\.0"):
        withdraw_unreleased(user=library.manager, radiograph=radiograph)
    Radiograph.objects.filter(pk=radiograph.pk).update(status="withdrawn")
    assert publish(folder, "1.1").items.count() == 3


def test_an_image_that_its_hospital_takes_back_leaves_no_mask_file(
    folder: Folder, library: Library, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    out = io.BytesIO()
    Image.fromarray(picture(7)).save(out, format="PNG")
    radiograph = library.add(image=new_file(out.getvalue()), width=320, height=340)
    folder.row(radiograph=radiograph.filename, set="train")
    folder.run(*folder.with_images())
    entry = radiograph.segmentation_entries.get()
    with django_capture_on_commit_callbacks(execute=True):
        withdraw_unreleased(user=library.manager, radiograph=radiograph)
    library_files = storages["library"]
    assert not library_files.exists(str(entry.mask.name))
    assert not library_files.exists(str(entry.image.name))
    client.force_login(folder.manager, backend="django.contrib.auth.backends.ModelBackend")
    assert entry.filename not in client.get(reverse("datasets:manage_masks", args=["masks"])).content.decode()
    assert client.get(reverse("datasets:manage_mask_thumbnail", args=[entry.pk])).status_code == 404


def test_it_is_asked_for_as_a_whole(folder: Folder, library: Library, client: Client) -> None:
    release = publish(folder)
    user = library.people.researcher()
    access.sign(user=user, agreement=library.agreement, typed_name=user.name, institution=user.institution)
    with pytest.raises(AccountsError):
        access.ask(user=user, dataset=folder.dataset, groups=[library.group(1)], project="p", purpose="p")
    with pytest.raises(AccountsError):
        access.ask(user=user, dataset=library.dataset, groups=[], project="p", purpose="p")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("datasets:request", args=["masks"])
    assert "Diagnosis groups" not in client.get(url).content.decode()
    assert client.post(url, {"project": "p", "purpose": "p", "contents": ["masks", "originals"]}).status_code == 302
    request = user.access_requests.get()
    access.decide(request=request, manager=folder.manager, granted=True)
    assert "the whole collection" in client.get(reverse("accounts:profile")).content.decode()
    for built in release.archives.all():
        assert client.get(reverse("datasets:download", args=[built.pk])).status_code == 200


def test_pages_show_sources_to_all_and_masks_to_those_who_may(folder: Folder, library: Library, client: Client) -> None:
    publish(folder)
    for url in (reverse("datasets:detail", args=["masks"]), reverse("datasets:release", args=["masks", "1.0"])):
        text = client.get(url).content.decode()
        assert "Others (masks)" in text
        assert "none: masks only" in text
        assert "m0.png" not in text
        assert "Kruskal" not in text
    assert "Lung masks drawn by hand" in client.get(reverse("datasets:list")).content.decode()
    client.force_login(granted(folder, library), backend="django.contrib.auth.backends.ModelBackend")
    url = reverse("datasets:masks", args=["masks"])
    assert url in client.get(reverse("datasets:detail", args=["masks"])).content.decode()
    text = client.get(url).content.decode()
    assert all(name in text for name in ("m0.png", "m1.png", "m2.png"))
    text = client.get(url, {"source": "2", "set": "train"}).content.decode()
    assert "m2.png" in text
    assert "m0.png" not in text
    assert client.get(url, {"source": "x", "page": "-3"}).status_code == 200
    item = folder.dataset.releases.get().items.first()
    assert item is not None
    answer = client.get(reverse("datasets:mask_thumbnail", args=[item.pk]))
    with Image.open(io.BytesIO(answer.content)) as small:
        assert max(small.size) == 200
    assert "private" in answer["Cache-Control"]


def test_data_managers_see_what_was_imported(folder: Folder, client: Client) -> None:
    client.force_login(folder.manager, backend="django.contrib.auth.backends.ModelBackend")
    text = client.get(reverse("datasets:manage_masks", args=["masks"])).content.decode()
    assert all(words in text for words in ("m0.png", "m2.png", "unstated", "with the heart", "no: mask only"))
    entry = SegmentationEntry.objects.first()
    assert entry is not None
    assert client.get(reverse("datasets:manage_mask_thumbnail", args=[entry.pk])).status_code == 200
    assert "3 imported masks" in client.get(reverse("datasets:manage")).content.decode()
    page = client.get(reverse("datasets:publish", args=["masks"])).content.decode()
    assert re.search(r">ours</th>\s*<td class=\"num\" data-label=\"Masks\">2</td>", page)
    edit = reverse("datasets:edit", args=["masks"])
    assert "Class id" not in client.get(edit).content.decode()
    values = {
        name: getattr(folder.dataset, name) for name in ("origin", "summary", "description", "licence", "citation")
    }
    values |= {"title": "Lungs by hand", "agreement": folder.agreement.pk}
    assert client.post(edit, values).status_code == 302
    assert (folder.dataset.title, folder.dataset.kind) == ("Lungs by hand", "segmentation")


def test_the_api_lists_sources_and_masks(folder: Folder, library: Library) -> None:
    publish(folder)
    client = APIClient()
    sources = client.get(reverse("api:sources", args=["masks", "1.0"])).json()
    assert [(one["source"], one["masks"], one["images"]) for one in sources] == [
        ("ours", 2, 1),
        ("Others (masks)", 1, 0),
    ]
    assert sources[0]["sets"] == {"train": 1, "validation": 0, "test": 1}
    assert client.get(reverse("api:dataset", args=["masks"])).json()["kind"] == "segmentation"
    client.force_authenticate(granted(folder, library))
    (first, *_others) = client.get(reverse("api:masks", args=["masks", "1.0"])).json()["results"]
    assert (first["source"], first["filename"], first["set"], first["image"]) == ("ours", "m0.png", "train", "m0.tif")
    files = client.get(reverse("api:release", args=["masks", "1.0"])).json()["files"]
    assert {(file["source"], file["content"]) for file in files if file["source"]} == {
        ("ours", "masks"), ("ours", "images"), ("Others (masks)", "masks"),
    }  # fmt: skip
    assert client.get(reverse("api:sources", args=["polcovid", "1.0"])).status_code == 404


def test_a_collection_has_no_groups_and_a_dataset_of_radiographs_needs_some(library: Library) -> None:
    words = {
        name: getattr(library.dataset, name) for name in ("origin", "summary", "description", "licence", "citation")
    }
    words |= {"title": "t", "agreement": library.agreement, "manager": library.manager}
    with pytest.raises(services.DatasetError):
        services.create_dataset(slug="x", kind="segmentation", groups=[(1, "A", "")], **words)
    with pytest.raises(services.DatasetError):
        services.create_dataset(slug="x", groups=[], **words)
    empty = services.create_dataset(slug="x", kind="segmentation", groups=[], **words)
    with pytest.raises(services.PublishRefused, match="no mask"):
        services.publish_release(manager=library.manager, dataset=empty, version="1.0", changes="x")


def test_the_demo_brings_drawn_masks_in(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "PER_SOURCE", 1)
    library.agreement.__class__.objects.filter(pk=library.agreement.pk).update(code="demo-dua")
    for _time in range(2):
        demo.bring_in(tmp_path, manager=library.manager, curator=library.curator)
    entries = SegmentationEntry.objects.filter(dataset__slug=texts.MASKS_SLUG).order_by("pk")
    assert [bool(entry.image) for entry in entries] == [True, False]
