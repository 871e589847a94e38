"""`cxr.load` on a folder of ZIP files as a portal builds them."""

import hashlib
from pathlib import Path

import cxr
import numpy as np
import pytest
from cxr.account import Wrong
from cxr.catalogue import RemoteFile
from cxr.download import of_groups
from cxr.holding import Holding
from django.core.files.storage import storages

from tests.datasets.library import Library, new_file
from tests.people import People
from tests.world import png


@pytest.fixture
def folder(people: People, tmp_path: Path) -> Path:
    """Every file of a release with three images, as `cxr download` leaves them."""
    library = Library(people)
    library.add(1, key="a", demographics={"sex": "F", "age": 61}, mask=new_file(png((32, 40), 1, "1")))
    library.add(1, key="b", demographics={"sex": "M", "age": 30})
    library.add(2, key="c", demographics={})
    release = library.publish()
    folder = tmp_path / "data"
    holding = Holding(folder)
    for archive in release.archives.all():
        with storages["archives"].open(archive.file.name) as file:
            content = file.read()
        part = folder / "x.part"
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(content)
        holding.take(part, archive.filename, hashlib.sha256(content).hexdigest())
    return folder


def test_rows_images_and_masks(folder: Path) -> None:
    with cxr.load("polcovid", folder, offline=True) as images:
        assert len(images) == 3
        table = images.to_pandas()
        assert list(table["age"].dropna()) == [61, 30]
        assert table["sex"].isna().sum() == 1
        assert set(table["class"]) == {"NORMAL", "PNEUMONIA"}
        first = images[0]
        assert first.filename == table["filename"][0]
        assert (first.pixels().shape, first.pixels().dtype) == ((40, 32), np.uint8)
        mask = first.mask()
        assert mask is not None
        assert (mask.shape, mask.dtype, bool(mask.all())) == ((40, 32), np.bool_, True)
        assert first.read("lung_regions").startswith(b"\x89PNG")
        greys = {int(image.pixels()[0, 0]) for image in images}
        assert len(greys) == 3, "each has its own picture"


def test_only_some(folder: Path) -> None:
    with cxr.load("polcovid", folder, where="sex=F or age is unknown", offline=True) as images:
        assert [image.metadata["age"] for image in images] == ["61", ""]
        assert len(images.to_pandas()) == 2


def test_only_the_group_and_the_version_that_are_asked_for(folder: Path) -> None:
    holding = Holding(folder)
    older = (folder / "polcovid-1.0-NORMAL.csv").read_text().replace("Anonymous_", "Withdrawn_")
    (folder / "x.part").write_text(older)
    holding.take(folder / "x.part", "polcovid-0.9-NORMAL.csv", hashlib.sha256(older.encode()).hexdigest())
    for group in ("normal", "1"):
        with cxr.load("polcovid", folder, group=group, offline=True) as images:
            assert {image.metadata["class"] for image in images} == {"NORMAL"}
            assert len(images) == len(images.to_pandas()) == 2
            assert not images.to_pandas()["filename"].str.startswith("Withdrawn").any()
    with cxr.load("polcovid@0.9", folder, offline=True) as images:
        assert set(images.to_pandas()["class"]) == {"NORMAL"}
        assert images.to_pandas()["filename"].str.startswith("Withdrawn").all()
        assert len(images) == 0, "its ZIP files are not there"
    with pytest.raises(Wrong, match="not offline"):
        cxr.load("cohort:x", folder, offline=True)


def test_a_group_without_a_table_of_its_own_comes_with_the_table_of_all() -> None:
    files = [
        RemoteFile(name, name, content, group, 1, "", ())
        for name, content, group in (
            ("a.zip", "radiographs", "A"),
            ("a.csv", "metadata", "A"),
            ("b.zip", "radiographs", "B"),
            ("labels.csv", "metadata", ""),
            ("quality.csv", "quality", ""),
        )
    ]
    for groups, expected in (
        ({"a"}, ["a.zip", "a.csv"]),
        ({"b"}, ["b.zip", "labels.csv"]),
        ({"c"}, []),
        (set(), [file.name for file in files]),
    ):
        assert [file.name for file in of_groups(files, groups)] == expected
