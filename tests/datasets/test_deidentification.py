import csv
import io
import zipfile
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from datasets import services
from datasets.archives.texts import readme_of_zip
from datasets.deidentification import COLUMNS, deidentification_row
from datasets.metadata import csv_lines
from datasets.models import Archive, Radiograph, Release
from tests.datasets.library import Library, content

REPORT: dict[str, Any] = {
    "format": "dicom",
    "key_id": "0a1b2c3d",
    "kept": [{"attribute": "Rows", "rule": "plausible number"}, {"attribute": "Columns", "rule": "plausible number"}],
    "replaced": [{"attribute": "PatientName", "rule": "pseudonym"}],
    "removed": [
        {"attribute": "PatientAddress", "rule": "not in the table"},
        {"attribute": "(0009,0010)", "rule": "private"},
        {"attribute": "StationName", "rule": "not in the table"},
    ],
    "warnings": ["Odd lengths were mended.", "Bytes after the image were cut."],
    "burned_in_declared": None,
    "needs_person": False,
    "profile": "Basic",
    "software_version": "deid 2",
    "options": ["113100", "113101"],
    "text": [
        {
            "painted": True,
            "origin": "detector",
            "marker": "",
            "left": 1,
            "top": 2,
            "width": 3,
            "height": 4,
            "score": 0.9,
        },
        {
            "painted": False,
            "origin": "detector",
            "marker": "L",
            "left": 1,
            "top": 2,
            "width": 3,
            "height": 4,
            "score": 1,
        },
        {"painted": True, "origin": "person", "marker": "", "left": 9, "top": 2, "width": 3, "height": 4, "score": 1},
        {
            "painted": False,
            "origin": "detector",
            "marker": "",
            "left": 5,
            "top": 2,
            "width": 3,
            "height": 4,
            "score": 0.3,
        },
    ],
    "text_version": "text 1",
    "doubtful": False,
    "checked": True,
}


def rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode())))


def one(release: Release, name: str) -> Archive:
    return release.archives.get(filename=f"polcovid-{release.version}-{name}")


def test_a_row_names_attributes_by_rule() -> None:
    assert deidentification_row("a.dcm", REPORT) == {
        "filename": "a.dcm",
        "profile": "Basic",
        "options": "113100; 113101",
        "software_version": "deid 2",
        "key_id": "0a1b2c3d",
        "kept_count": 2,
        "kept": "plausible number: Rows, Columns",
        "replaced_count": 1,
        "replaced": "pseudonym: PatientName",
        "removed_count": 3,
        "removed": "not in the table: PatientAddress, StationName; private: (0009,0010)",
        "text_version": "text 1",
        "text_boxes": 4,
        "text_painted": 2,
        "text_markers": 1,
        "text_by_detector": 3,
        "text_by_person": 1,
        "text_doubtful": "no",
        "text_checked": "yes",
        "warnings": "Odd lengths were mended.; Bytes after the image were cut.",
    }


def test_the_columns_are_the_rows_keys() -> None:
    assert set(deidentification_row("a.dcm", REPORT)) == set(COLUMNS)
    assert set(deidentification_row("a.dcm", {})) == set(COLUMNS)


def test_nobody_looked_is_not_nothing_found() -> None:
    nobody = deidentification_row("a.dcm", {**REPORT, "text": None})
    unknown = [name for name in COLUMNS if name.startswith("text_") and name not in ("text_version", "text_checked")]
    assert {nobody[name] for name in unknown} == {None}
    assert deidentification_row("a.dcm", {**REPORT, "checked": False})["text_checked"] == "no"
    assert deidentification_row("a.dcm", {**REPORT, "text": []})["text_boxes"] == 0


def test_a_report_of_an_older_version_gives_empty_cells() -> None:
    assert {key: value for key, value in deidentification_row("a.dcm", {}).items() if value is not None} == {
        "filename": "a.dcm"
    }


def test_no_cell_is_a_formula() -> None:
    report = {**REPORT, "profile": "=1+1", "warnings": ["@SUM(A1)"], "kept": [{"attribute": "x", "rule": "+1"}]}
    (row,) = rows(b"".join(csv_lines([deidentification_row("-a.dcm", report)], COLUMNS)))
    assert (row["profile"], row["warnings"], row["kept"], row["filename"]) == (
        "'=1+1",
        "'@SUM(A1)",
        "'+1: x",
        "'-a.dcm",
    )


def test_a_release_carries_the_reports_of_all_and_each_zip_those_of_its_images(library: Library) -> None:
    library.add(1, deid_report=REPORT)
    library.add(2)
    release = library.publish()
    whole = one(release, "deidentification.csv")
    assert (whole.content, whole.group, whole.items) == ("deidentification", None, 2)
    first, second = rows(content(whole))
    assert tuple(first) == COLUMNS
    assert (first["filename"], first["removed_count"], first["text_checked"]) == ("Anonymous_7_1_1.png", "3", "yes")
    assert {value for name, value in second.items() if name != "filename"} == {""}
    radiographs = one(release, "NORMAL-radiographs.zip")
    with zipfile.ZipFile(io.BytesIO(content(radiographs))) as archive:
        assert rows(archive.read("deidentification.csv")) == [first]
        assert "deidentification.csv" in archive.read("README.txt").decode()
    with zipfile.ZipFile(io.BytesIO(content(one(release, "NORMAL-lung_masks.zip")))) as archive:
        assert "deidentification.csv" not in archive.namelist()


def test_what_is_frozen_is_built_again_byte_for_byte(library: Library) -> None:
    radiograph = library.add(1, deid_report=REPORT)
    release = library.publish()
    before = {archive.pk: content(archive) for archive in release.archives.all()}
    Radiograph.objects.filter(pk=radiograph.pk).update(deid_report={**REPORT, "key_id": "ffffffff"})
    release.archives.update(status=Archive.Status.PENDING)
    for archive in release.archives.all():
        services.build_archive(archive.pk, "again")
        assert content(archive) == before[archive.pk], archive.filename


def test_a_release_from_before_the_reports_stays_as_it_was(library: Library) -> None:
    library.add(1, deid_report=REPORT)
    release = library.publish()
    # As the release before this version wrote its rows.
    about = {key: value for key, value in release.about.items() if key != "deidentification"}
    Release.objects.filter(pk=release.pk).update(about=about)
    release.items.update(deidentification={})
    radiographs = one(release, "NORMAL-radiographs.zip")
    Archive.objects.filter(pk=radiographs.pk).update(status=Archive.Status.PENDING)
    services.build_archive(radiographs.pk, "again")
    with zipfile.ZipFile(io.BytesIO(content(radiographs))) as archive:
        names = archive.namelist()
    assert names == ["README.txt", "LICENSE.txt", "metadata.csv", "SHA256SUMS", "radiographs/Anonymous_7_1_1.png"]
    radiographs.release.refresh_from_db()
    assert "deidentification" not in readme_of_zip(radiographs)


def test_a_report_alone_makes_no_new_version(library: Library) -> None:
    radiograph = library.add(1)
    library.publish()
    Radiograph.objects.filter(pk=radiograph.pk).update(deid_report=REPORT)
    with pytest.raises(services.PublishRefused, match="nothing new"):
        library.order("1.1")


def test_a_group_may_be_called_like_the_table(library: Library) -> None:
    groups = [(1, "deidentification", "N")]
    services.update_dataset(manager=library.manager, dataset=library.dataset, groups=groups)
    library.add(1)
    names = set(library.order().archives.values_list("filename", flat=True))
    assert {"polcovid-1.0-1_deidentification.csv", "polcovid-1.0-deidentification.csv"} <= names


def test_the_page_says_what_the_table_is(client: Client, library: Library) -> None:
    library.add()
    release = library.publish()
    address = reverse("datasets:release", args=["polcovid", "1.0"])
    text = client.get(address).content.decode()
    assert "polcovid-1.0-deidentification.csv" in text
    assert "names of attributes, never values" in text
    Release.objects.filter(pk=release.pk).update(about={})
    assert "never values" not in client.get(address).content.decode()
