"""What a curator is told about the quality of an image, and how the queue is asked for it."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from curation import quality, selectors, services
from datasets.models import QualityDistribution
from imaging.outliers import Distribution
from intake.models import Stage, UploadedFile
from tests.world import World

SCORES = [0.8 + step / 400 for step in range(40)]


@pytest.fixture
def client(world: World) -> Client:
    client = Client()
    client.force_login(world.curator, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def file(world: World) -> UploadedFile:
    UploadedFile.objects.exclude(pk=world.files[Stage.CURATE].pk).update(assessment={})
    return world.files[Stage.CURATE]


def assessed(file: UploadedFile, score: float = 0.85, **findings: float) -> UploadedFile:
    file.assessment = {
        "quality": "Bad" if findings else "Good",
        "score": score,
        "reasons": list(findings),
        "findings": findings,
        "view": "frontal",
        "lung_width_px": 700,
        "lung_height_px": 640,
    }
    file.save()
    return file


def accepted(world: World, scores: list[float]) -> None:
    """As if images of these scores had been accepted."""
    counts = Distribution.of(scores).as_dict()
    QualityDistribution.objects.update_or_create(dataset=world.dataset, defaults={"counts": counts})


def page(client: Client, file: UploadedFile) -> str:
    text = client.get(reverse("curation:judge", args=[file.pk])).content.decode()
    return re.sub(r"\s+", " ", text.replace("&nbsp;", " "))


def test_the_reasons_are_said_with_how_sure_they_are(client: Client, file: UploadedFile) -> None:
    assessed(file, lateral=0.934, resolution=1.0)
    text = page(client, file)
    assert "This looks like a lateral view" in text
    assert "93 % sure" in text
    assert "under 300 px" in text
    assert "100 %" not in text
    assert "640 px" in text


def test_the_page_shows_where_the_score_lies(client: Client, file: UploadedFile, world: World) -> None:
    accepted(world, SCORES)
    text = page(client, assessed(file, 0.85))
    assert "50 % have a lower score" in text
    assert text.count('class="plot-bar"') >= 10
    assert 'class="plot-fence"' in text
    assert "shaped less like lungs" not in text
    assert re.search(r"below 0\.\d\d an image is an outlier", text)


def test_an_outlier_is_proposed_as_bad(client: Client, file: UploadedFile, world: World) -> None:
    accepted(world, SCORES)
    text = page(client, assessed(file, 0.4))
    assert "shaped less like lungs than others" in text
    assert "Bad</span>" in text
    (row,) = [row for row in client.get(reverse("api:curation_queue")).json()["results"] if row["id"] == str(file.pk)]
    assert (row["proposed_quality"], row["score_normalised"], row["assessment"]["quality"]) == ("Bad", 0.0, "Good")
    assert [(reason["code"], reason["confidence"]) for reason in row["reasons"]] == [("outlier", None)]


def test_with_few_images_there_are_no_outliers(client: Client, file: UploadedFile, world: World) -> None:
    accepted(world, SCORES[:7])
    text = page(client, assessed(file, 0.4))
    assert "Not enough images yet" in text
    assert "this dataset has 7" in text
    assert "plot-fence" not in text
    assert "shaped less like lungs" not in text


def test_without_lungs_there_is_nothing_to_compare(client: Client, file: UploadedFile, world: World) -> None:
    accepted(world, SCORES)
    text = page(client, assessed(file, 0.0, no_lungs=1.0))
    assert "No lungs were found" in text
    assert '<figure class="plot"' not in text
    assert "shaped less like lungs" not in text


def test_everything_drawn_lies_within_the_plot(file: UploadedFile, world: World) -> None:
    for scores, score in ((SCORES, 0.4), (SCORES, 1.0), ([0.9], 0.9), ([0.2, 1.0], 0.01)):
        accepted(world, scores)
        drawn = quality.standing(assessed(file, score))
        assert drawn is not None
        assert all(bar.x >= 0 and bar.x + bar.width <= quality.WIDTH for bar in drawn.bars)
        assert all(bar.y >= 0 and bar.y + bar.height <= quality.HEIGHT for bar in drawn.bars)
        assert 0 <= drawn.mark <= quality.WIDTH
        assert 0 <= drawn.fence_mark <= quality.WIDTH or not drawn.enough


class TestQueue:
    @pytest.fixture
    def files(self, world: World) -> dict[str, UploadedFile]:
        UploadedFile.objects.filter(stage=Stage.CURATE).delete()
        accepted(world, SCORES)
        kinds: dict[str, dict[str, Any]] = {
            "good": {},
            "lateral": {"lateral": 0.9},
            "both": {"score": 0.3, "lateral": 0.8, "shape": 1.0},
            "low": {"score": 0.4},
            "empty": {"score": 0.0, "no_lungs": 1.0},
        }
        return {
            name: assessed(
                UploadedFile.objects.create(
                    batch=world.batch, hospital=world.hospital, group=world.group, size=1, sha256=name, stage="curate"
                ),
                **kind,
            )
            for name, kind in kinds.items()
        }

    @pytest.mark.parametrize(
        ("reason", "names"),
        [
            ("lateral", {"lateral", "both"}),
            ("outlier", {"both", "low"}),
            ("no_lungs", {"empty"}),
            ("cut", set()),
            ("", {"good", "lateral", "both", "low", "empty"}),
            ("unheard of", {"good", "lateral", "both", "low", "empty"}),
        ],
    )
    def test_by_reason(self, files: dict[str, UploadedFile], reason: str, names: set[str]) -> None:
        assert {file.sha256 for file in selectors.queue("", reason)} == names
        assert {file.sha256 for file in selectors.queue("example", reason)} == names
        assert not selectors.queue("another", reason).exists()

    def test_the_counts_are_those_of_the_queue_and_of_the_proposals(
        self, files: dict[str, UploadedFile], world: World
    ) -> None:
        counts = selectors.waiting_by_reason()
        assert counts == {"lateral": 2, "shape": 1, "no_lungs": 1, "outlier": 2}
        scale = quality.Scales()[world.dataset.pk]
        told = [reason.code for file in files.values() for reason in quality.proposal(file, scale).reasons]
        assert {code: told.count(code) for code in told} == counts
        assert selectors.waiting_by_reason("another") == {}

    def test_the_page_filters_and_judging_stays_within(self, files: dict[str, UploadedFile], client: Client) -> None:
        text = client.get(reverse("curation:queue"), {"reason": "lateral", "dataset": "example"}).content.decode()
        assert str(files["lateral"].pk) in text
        assert str(files["low"].pk) not in text
        assert '<option value="lateral" selected>' in text
        first, second = selectors.queue("", "lateral")
        url = f"{reverse('curation:judge', args=[first.pk])}?reason=lateral"
        response = client.post(url, {"verdict": "reject", "code": "not_frontal"})
        assert response["Location"] == f"{reverse('curation:judge', args=[second.pk])}?reason=lateral"

    def test_the_number_of_queries_does_not_grow(
        self, files: dict[str, UploadedFile], client: Client, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(20):
            client.get(reverse("curation:queue"))


def test_the_check_stays_with_an_accepted_image(candidate: UploadedFile, world: World) -> None:
    candidate.assessment |= {"findings": {"resolution": 1.0}, "view": "lateral", "previews": {"preview.png": "0"}}
    candidate.save()
    radiograph = services.accept(candidate, world.curator, "Good", no_text_seen=True)
    assert radiograph.assessment["findings"] == {"resolution": 1.0}
    assert not {"previews", "region_sha256", "transform"} & radiograph.assessment.keys()
    assert radiograph.view == "lateral"
    assert QualityDistribution.objects.get(dataset=world.dataset).counts == {"500": 1, "900": 1}


@pytest.mark.parametrize(
    ("header", "seen", "stored"), [("AP", "frontal", "AP"), (None, "frontal", "frontal"), ("", "other", "")]
)
def test_the_header_names_the_view_before_the_network(
    candidate: UploadedFile, world: World, header: str | None, seen: str, stored: str
) -> None:
    candidate.assessment["view"], candidate.facts["view"] = seen, header
    candidate.save()
    assert services.accept(candidate, world.curator, "Good", no_text_seen=True).view == stored
