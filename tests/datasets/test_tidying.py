"""What killed workers left goes; what any row names, what a build may be writing, and what is not ours stays."""

import io
import os
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from audit.models import Event
from datasets import services, tasks
from datasets.archives import tables
from datasets.models import Archive
from datasets.services import building, order_cohort, save_cohort
from tests.datasets.holders import grant
from tests.datasets.library import Library


def put(path: str) -> str:
    return storages["archives"].save(path, ContentFile(b"left"))


def stored(folder: str = "") -> set[str]:
    folders, files = storages["archives"].listdir(folder)
    return {f"{folder}{name}" for name in files}.union(*(stored(f"{folder}{name}/") for name in folders))


def check(library: Library, settings: LazySettings) -> None:
    """Of a release with a cohort's archive, with one of everything that may lie around."""
    library.add()
    release = library.publish()
    keeper = library.people.researcher()
    grant(keeper, library.dataset)
    cohort = save_cohort(user=keeper, release=release, filters={"sex": ["F"]})
    services.build_archive(order_cohort(user=keeper, cohort=cohort, content="lung_masks").pk, "t")
    ready, withdrawn, unfinished, *_others = release.archives.all()
    Archive.objects.filter(pk=withdrawn.pk).update(status=Archive.Status.WITHDRAWN)  # its file goes its own way
    Archive.objects.filter(pk=unfinished.pk).update(status=Archive.Status.BUILDING, attempts=2)
    put(building._place(unfinished, 2))
    put("notes.txt")
    put(f"polcovid/{uuid4()}.1.zip")
    stay = stored()
    assert {archive.file.name for archive in Archive.objects.all()} < stay
    places = [building._place(ready, 7), *(f"old/2.0/{uuid4()}.{end}" for end in ("1.zip", "2_aB3.csv", "1.0-MD5SUMS"))]
    lost = {put(place) for place in places}
    tasks.tidy()
    assert stored() == stay | lost, "a worker that has no row yet may be at it"
    assert not Event.objects.filter(action="archives.tidied").exists()
    settings.CELERY_TASK_TIME_LIMIT = -60
    tasks.tidy()
    assert stored() == stay
    assert Event.objects.get(action="archives.tidied").data == {"files": 4, "temporary": 0}


def test_in_a_folder(library: Library, settings: LazySettings) -> None:
    tasks.tidy()  # before anything was built
    check(library, settings)


@pytest.mark.django_db
def test_a_workbook_that_was_never_closed_goes_some_day(settings: LazySettings, tmp_path: Path) -> None:
    settings.CXR_VAR = tmp_path
    old, young = tmp_path / "tmp" / "tmpold", tmp_path / "tmp" / "tmpyoung"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "sheet").write_bytes(b"<row>61</row>")
        file = folder.with_suffix(".png")
        file.write_bytes(b"copy")
    for path in (old, old.with_suffix(".png")):
        os.utime(path, (1, 1))
    tasks.tidy()
    assert {path.name for path in old.parent.iterdir()} == {"tmpyoung", "tmpyoung.png"}
    assert Event.objects.get(action="archives.tidied").data == {"files": 0, "temporary": 2}


def test_a_workbook_that_is_stopped_leaves_no_sheet(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    library.add()
    book = library.order().archives.get(filename__endswith=".xlsx")

    class Stopped(Exception):
        pass

    def stop() -> None:
        assert [path for path in folder.rglob("*") if path.is_file()]
        raise Stopped

    with pytest.raises(Stopped):
        tables.write_table(book, io.BytesIO(), stop, tmpdir=str(folder))
    assert list(folder.iterdir()) == []
