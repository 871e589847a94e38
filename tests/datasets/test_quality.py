"""The quality scores of a dataset, kept as images come and go, and what a release freezes of them."""

import csv
import io
import threading
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Hospital
from audit.models import Event
from datasets import selectors, services
from datasets.models import Archive, QualityDistribution, Radiograph, Release
from datasets.quality import COLUMNS
from imaging.outliers import ENOUGH
from tests.datasets.library import Library, content
from tests.people import People

FOUND: dict[str, Any] = {
    "quality": "Bad",
    "score": 0.9,
    "reasons": ["cut", "resolution"],
    "findings": {"cut": 0.87, "resolution": 1.0},
    "properties": {"eccentricity": 0.9, "orientation": 0.8, "area": 1.0, "solidity": 0.9},
    "view": "frontal",
    "lung_height_px": 280,
    "lung_width_px": 310,
}


def kept(library: Library) -> dict[str, int]:
    counts: dict[str, int] = QualityDistribution.objects.get(dataset=library.dataset).counts
    return counts


def counted(library: Library) -> dict[str, int]:
    return selectors.counted_scores(library.dataset.pk).as_dict()


def spread(library: Library, number: int = ENOUGH - 1) -> None:
    """Images with scores from 0.8 on."""
    for step in range(number):
        library.add(1, quality_score=0.8 + step / 200)


def test_what_is_kept_is_what_counting_gives(library: Library) -> None:
    first = library.add(1, quality_score=0.5)
    library.add(2, quality_score=0.8123)
    library.add(3, quality_score=0.8124)
    library.add(1, quality_score=0.0)  # no lungs, no shape
    library.add(1, quality_score=None)
    assert kept(library) == counted(library) == {"500": 1, "812": 2}
    services.withdraw_radiograph(manager=library.manager, radiograph=first)
    assert kept(library) == counted(library) == {"812": 2}
    with pytest.raises(services.DatasetError, match="already"):
        services.withdraw_radiograph(manager=library.manager, radiograph=first)
    assert kept(library) == {"812": 2}
    assert Event.objects.filter(action="radiograph.withdrawn", object_id=str(first.pk)).count() == 1


def test_a_withdrawn_image_is_not_in_the_next_release_and_leaves_its_name(library: Library) -> None:
    first = library.add(1, key="ab" * 32)
    library.add(2)
    services.withdraw_radiograph(manager=library.manager, radiograph=first)
    assert [item.filename for item in library.order().items.all()] == ["Anonymous_7_2_2.png"]
    assert library.add(1, key="ab" * 32).filename == "Anonymous_7_1_1_2.png"


def test_a_dataset_from_before_is_counted_when_its_next_image_comes_or_goes(library: Library) -> None:
    old = library.add(1, quality_score=0.7)
    library.add(1, quality_score=0.8)
    QualityDistribution.objects.all().delete()
    assert selectors.quality_scores(library.dataset.pk).as_dict() == {"700": 1, "800": 1}
    library.add(1, quality_score=0.9)
    assert kept(library) == counted(library) == {"700": 1, "800": 1, "900": 1}
    QualityDistribution.objects.all().delete()
    services.withdraw_radiograph(manager=library.manager, radiograph=old)
    assert kept(library) == counted(library) == {"800": 1, "900": 1}


@pytest.mark.django_db(transaction=True)
def test_images_of_two_hospitals_at_once_are_all_counted() -> None:
    library = Library(People())
    barrier, errors = threading.Barrier(2), []

    def accept(hospital: Hospital) -> None:
        try:
            barrier.wait()
            for score in (0.7, 0.8, 0.8, 0.9):
                library.add(1, hospital=hospital, quality_score=score)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    hospitals = [library.hospital, library.people.hospital()]
    threads = [threading.Thread(target=accept, args=[hospital]) for hospital in hospitals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert kept(library) == counted(library) == {"700": 2, "800": 4, "900": 2}


def test_an_image_that_does_not_get_in_is_not_counted(library: Library) -> None:
    library.add(1, quality_score=0.7)
    with pytest.raises(services.LibraryFault):
        library.add(1, quality_score=0.8, image=services.NewFile(lambda: io.BytesIO(b"x"), "0" * 64))
    assert kept(library) == {"700": 1}


def test_counting_anew_mends_what_is_wrong(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    library.add(1, quality_score=0.7)
    call_command("recount_quality", library.dataset.slug)
    assert "right" in capsys.readouterr().out
    QualityDistribution.objects.update(counts={"100": 3})
    call_command("recount_quality")
    assert "was wrong" in capsys.readouterr().out
    assert kept(library) == {"700": 1}
    with pytest.raises(CommandError, match="no dataset"):
        call_command("recount_quality", "nothing")


def rows(release: Release) -> dict[str, dict[str, str]]:
    archive = release.archives.get(content=Archive.Content.QUALITY)
    assert (archive.filename, archive.group) == (f"polcovid-{release.version}-quality.csv", None)
    text = content(archive).decode()
    assert text.splitlines()[0] == ",".join(COLUMNS)
    return {row["filename"]: row for row in csv.DictReader(io.StringIO(text))}


def test_a_release_freezes_where_each_score_lies(library: Library) -> None:
    spread(library)
    low = library.add(1, quality_score=0.3, quality="Good", assessment={**FOUND, "reasons": [], "quality": "Good"})
    release = library.publish()
    fences = selectors.counted_scores(library.dataset.pk).fences()
    assert fences is not None
    assert release.quality == {"counts": counted(library), "fences": list(fences)}
    before = rows(release)
    outlier, highest = before[low.filename], before["Anonymous_7_19_1.png"]
    assert (outlier["score_outlier"], outlier["proposed_quality"], outlier["quality"]) == ("yes", "Bad", "Good")
    assert (outlier["reasons"], outlier["score"], outlier["score_normalised"]) == ("outlier", "0.3", "0.0")
    assert outlier["score_lower_fence"] == f"{fences[0]:.4f}".rstrip("0")
    assert (highest["score_outlier"], highest["score_normalised"], highest["reasons"]) == ("no", "1.0", "")
    # What comes and goes afterwards, or is judged anew, changes nothing.
    library.add(1, quality_score=0.1)
    services.withdraw_radiograph(manager=library.manager, radiograph=low)
    Radiograph.objects.update(quality_score=0.99, assessment=FOUND)
    release.archives.update(status=Archive.Status.PENDING)
    services.build_archive(release.archives.get(content="quality").pk, "again")
    assert rows(release) == before


def test_a_row_says_what_the_check_found_and_who_decided(library: Library) -> None:
    image = library.add(1, quality="Good", quality_score=0.9, assessment=FOUND)
    row = rows(library.publish())[image.filename]
    assert row == {
        "filename": image.filename,
        "quality": "Good",
        "proposed_quality": "Bad",
        "reasons": "cut; resolution",
        "confidences": "0.87; 1",
        "score": "0.9",
        "score_normalised": "1.0",
        "score_lower_fence": "",
        "score_outlier": "",
        "eccentricity": "0.9",
        "orientation": "0.8",
        "area": "1.0",
        "solidity": "0.9",
        "lung_height_px": "280",
        "lung_width_px": "310",
        "view": "frontal",
        "mask_confidence": "0.8",
        "mask_version": "m1",
    }


def test_the_quality_of_the_metadata_stays_good_or_bad(library: Library) -> None:
    spread(library)
    low = library.add(1, quality_score=0.3, quality="Good")
    item = library.order().items.get(filename=low.filename)
    assert item.metadata["quality"] == "Good"
    assert "score" not in item.metadata


def test_the_page_says_what_the_table_is(client: Client, library: Library) -> None:
    library.add()
    release = library.publish()
    address = reverse("datasets:release", args=["polcovid", "1.0"])
    text = client.get(address).content.decode()
    assert "polcovid-1.0-quality.csv" in text
    assert "how sure it was" in text
    Release.objects.filter(pk=release.pk).update(quality={})
    assert "how sure it was" not in client.get(address).content.decode()
