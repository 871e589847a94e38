"""Findings, and a dataset in the form of CC-CXRI: five classes, fourteen findings, nothing but labels."""

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User
from datasets import services
from datasets.models import Archive, Dataset, Release
from datasets.services.findings import label_images, set_findings
from tests.datasets.holders import grant
from tests.datasets.library import Library, content
from tests.datasets.test_pages import log_in, page

CLASSES = [
    (1, "NORMAL", ""), (2, "BACTERIAL PNEUMONIA", ""), (3, "VIRAL PNEUMONIA", ""), (4, "COVID-19", ""),
    (5, "OTHER", ""),
]  # fmt: skip
FINDINGS = [
    ("ATELECTASIS", "Atelectasis"), ("CARDIOMEGALY", "Cardiomegaly"), ("CONSOLIDATION", "Consolidation"),
    ("EDEMA", "Edema"), ("EFFUSION", "Effusion"), ("EMPHYSEMA", "Emphysema"), ("FIBROSIS", "Fibrosis"),
    ("HERNIA", "Hernia"), ("INFILTRATION", "Infiltration"), ("MASS", "Mass"), ("NODULE", "Nodule"),
    ("PLEURAL_THICKENING", "Pleural thickening"), ("PNEUMONIA", "Pneumonia"), ("PNEUMOTHORAX", "Pneumothorax"),
]  # fmt: skip
CODES = [code for code, _label in FINDINGS]


@pytest.fixture
def cxri(library: Library) -> Dataset:
    """The dataset, with two images of three findings and one of none."""
    dataset = services.create_dataset(
        manager=library.manager,
        slug="cc-cxri",
        origin="CC-CXRI",
        title="CC-CXRI",
        summary="Chest X-ray images.",
        description="Five classes, fourteen findings.",
        licence="CC BY-NC-SA 4.0",
        citation="Zhang et al., 2021",
        agreement=library.agreement,
        is_public=True,
        groups=CLASSES,
    )
    set_findings(manager=library.manager, dataset=dataset, findings=FINDINGS, labels_only=True)
    library.dataset = dataset
    for class_id, findings in ((2, ["CONSOLIDATION", "EFFUSION"]), (5, ["EFFUSION"]), (1, [])):
        library.add(class_id, demographics={}, findings=findings)
    return dataset


def table(release: Release, name: str) -> list[dict[str, str]]:
    archive = release.archives.get(filename=f"cc-cxri-{release.version}-{name}")
    return list(csv.DictReader(io.StringIO(content(archive).decode())))


def test_labels_are_one_column_per_finding(library: Library, cxri: Dataset) -> None:
    release = library.publish()
    rows = table(release, "labels.csv")
    assert list(rows[0]) == ["filename", "class_id", "class", *CODES, "set"]
    seen = {row["filename"]: [code for code in CODES if row[code] == "1"] for row in rows}
    assert seen == {
        "Anonymous_7_1_2.png": ["CONSOLIDATION", "EFFUSION"],
        "Anonymous_7_2_5.png": ["EFFUSION"],
        "Anonymous_7_3_1.png": [],
    }
    assert {row[code] for row in rows for code in CODES} == {"0", "1"}
    metadata = release.archives.filter(content=Archive.Content.METADATA)
    assert list(metadata.values_list("filename", flat=True)) == ["cc-cxri-1.0-labels.csv"]
    dictionary = {row["column"]: row["meaning"] for row in table(release, "data_dictionary.csv")}
    assert dictionary["PLEURAL_THICKENING"] == "Finding: Pleural thickening."


def test_a_dataset_may_have_findings_and_demographics(library: Library) -> None:
    set_findings(manager=library.manager, dataset=library.dataset, findings=[("EFFUSION", "Effusion")])
    library.add(1, findings=["EFFUSION"])
    release = library.publish()
    names = {name.removeprefix("polcovid-1.0-") for name in release.archives.values_list("filename", flat=True)}
    assert {"labels.csv", "images.xlsx", "NORMAL.csv"} <= names
    row = content(release.archives.get(filename="polcovid-1.0-NORMAL.csv")).decode().splitlines()
    assert row[0].endswith(",class,class_id,quality,subtype,set")


def test_new_labels_are_a_change_and_old_versions_keep_theirs(library: Library, cxri: Dataset) -> None:
    first = library.publish()
    before = table(first, "labels.csv")
    label_images(user=library.manager, dataset=cxri, labels={"Anonymous_7_3_1.png": ["MASS", "NODULE"]})
    second = library.publish("2.0")
    changed = {row["filename"]: row for row in table(second, "labels.csv")}["Anonymous_7_3_1.png"]
    assert (changed["MASS"], changed["NODULE"], changed["EFFUSION"]) == ("1", "1", "0")
    first.archives.filter(filename__endswith="labels.csv").update(status="pending")
    services.build_archive(first.archives.get(filename__endswith="labels.csv").pk, "again")
    assert table(first, "labels.csv") == before


def test_the_page_shows_what_the_page_of_cc_cxri_shows(client: Client, library: Library, cxri: Dataset) -> None:
    library.publish()
    label_images(user=library.manager, dataset=cxri, labels={"Anonymous_7_3_1.png": ["MASS"]})
    release = library.publish("1.1")
    reader = library.people.researcher()
    grant(reader, cxri)
    log_in(client, reader)
    text = page(client, "datasets:detail", "cc-cxri")
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert release.published_at is not None
    for words in (
        "Five classes, fourteen findings.", "Zhang et al., 2021", "CC BY-NC-SA 4.0", "Version 1.1", "Views",
        "Downloads", f"{release.published_at:%Y-%m-%d}", "Version 1.0.",
        "BACTERIAL PNEUMONIA 2 1", "Effusion 2", "Hernia 0",
    ):  # fmt: skip
        assert words in plain, words
    for archive in release.archives.all():
        assert archive.filename in text
        assert archive.md5 in text
        assert archive.sha256 in text
        assert reverse("datasets:download", args=[archive.pk]) in text
    assert "Hernia" in page(client, "datasets:release", "cc-cxri", "1.0")


@pytest.mark.parametrize(
    "findings", [[("age", "Age")], [("A", "a"), ("a", "b")], [("=1", "x")], [("A B", "x")], [("A", "")], [("SET", "x")]]
)
def test_a_code_must_be_able_to_head_a_column(library: Library, findings: list[tuple[str, str]]) -> None:
    with pytest.raises(services.DatasetError):
        set_findings(manager=library.manager, dataset=library.dataset, findings=findings)


def test_a_finding_in_use_stays(library: Library, cxri: Dataset) -> None:
    with pytest.raises(services.DatasetError, match="CONSOLIDATION"):
        set_findings(manager=library.manager, dataset=cxri, findings=[("EFFUSION", "Effusion")])
    assert cxri.findings.count() == 14


def test_programs_set_findings_all_or_none(library: Library, cxri: Dataset) -> None:
    client = APIClient()
    client.force_authenticate(library.manager)
    address = reverse("api:findings", args=["cc-cxri"])
    image = cxri.radiographs.get(filename="Anonymous_7_3_1.png")

    def put(labels: Any) -> int:
        return client.put(address, {"labels": labels}, format="json").status_code

    assert put({image.filename: ["EDEMA"], "Anonymous_7_9_9.png": []}) == 409
    assert put({image.filename: ["FLU"]}) == 409
    assert put("nonsense") == 400
    assert image.findings.count() == 0
    assert put({image.filename: ["EDEMA", "MASS"]}) == 204
    assert set(image.findings.values_list("code", flat=True)) == {"EDEMA", "MASS"}
    assert put({image.filename: []}) == 204
    assert image.findings.count() == 0


def test_data_managers_write_them_line_by_line(client: Client, library: Library) -> None:
    manager: User = library.manager
    log_in(client, manager)
    address = reverse("datasets:findings", args=["polcovid"])
    response = client.post(address, {"findings": "MASS Mass\n\nNODULE  Small nodule\n", "labels_only": "on"})
    assert response.status_code == 302
    assert list(library.dataset.findings.values_list("code", "label")) == [("MASS", "Mass"), ("NODULE", "Small nodule")]
    library.dataset.refresh_from_db()
    assert library.dataset.labels_only
    assert "NODULE Small nodule" in page(client, "datasets:findings", "polcovid")
    assert client.post(address, {"findings": "MASS"}).status_code == 200
    assert library.dataset.findings.count() == 2
