"""Boxes of text as curators change them; what the pipeline then does is in tests/intake/test_text.py."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import Event
from curation import services
from curation.services import MOST_BOXES
from intake import quarantine
from intake.models import Stage, UploadedFile
from tests.world import World

FOUND = {"left": 4, "top": 4, "width": 20, "height": 10}
MARKER = {"left": 50, "top": 4, "width": 8, "height": 10}
DRAWN = {"left": 30, "top": 60, "width": 12, "height": 7}


def _boxes(file: UploadedFile) -> list[tuple[Any, ...]]:
    row = UploadedFile.objects.get(pk=file.pk)
    assert row.text_boxes is not None
    return [(box["left"], box["painted"], box["origin"], box["marker"], box["score"]) for box in row.text_boxes]


class TestRepaint:
    def test_a_rectangle_is_added_and_the_file_goes_back(self, candidate: UploadedFile, world: World) -> None:
        known = candidate.deid_report["text"]
        row = services.repaint(candidate, world.curator, [*known, DRAWN])
        assert (row.stage, row.attempts, row.claimed_by) == (Stage.DEIDENTIFY, 0, "")
        assert _boxes(candidate) == [
            (4, True, "detector", "", 0.9),
            (50, False, "detector", "L", 0.8),
            (30, True, "person", "", 1.0),
        ]
        event = Event.objects.get(action="curation.repainted")
        assert (event.actor_id, event.object_id) == (world.curator.pk, str(candidate.pk))
        assert event.data == {"painted": 2, "left": 1, "by_person": 1}

    def test_one_is_undone_and_another_painted(self, candidate: UploadedFile, world: World) -> None:
        services.repaint(candidate, world.curator, [{**FOUND, "painted": False}, {**MARKER, "painted": True}])
        assert _boxes(candidate) == [(4, False, "detector", "", 0.9), (50, True, "detector", "L", 0.8)]

    def test_what_is_left_out_stays_painted(self, candidate: UploadedFile, world: World) -> None:
        services.repaint(candidate, world.curator, [DRAWN])
        assert [box[:2] for box in _boxes(candidate)] == [(4, True), (50, False), (30, True)]

    def test_nobody_can_smuggle_words_into_the_report(self, candidate: UploadedFile, world: World) -> None:
        lie = {**DRAWN, "origin": "detector", "marker": "KOWALSKI J", "score": 0.2}
        services.repaint(candidate, world.curator, [{**FOUND, "marker": "KOWALSKI J"}, lie])
        assert _boxes(candidate)[0][3:] == ("", 0.9)
        assert _boxes(candidate)[2] == (30, True, "person", "", 1.0)

    def test_a_drawn_one_that_is_undone_is_gone(self, candidate: UploadedFile, world: World) -> None:
        candidate.deid_report["text"].append({**DRAWN, "painted": True, "origin": "person", "score": 1.0, "marker": ""})
        candidate.save()
        services.repaint(candidate, world.curator, [FOUND, {**DRAWN, "painted": False}])
        assert [box[0] for box in _boxes(candidate)] == [4, 50]

    @pytest.mark.parametrize(
        "box",
        [
            {**DRAWN, "left": 53},
            {**DRAWN, "top": 74},
            {**DRAWN, "left": -1},
            {**DRAWN, "width": 0},
            {**DRAWN, "height": 10**9},
            {**DRAWN, "left": 1.5},
            {**DRAWN, "left": "3"},
            {**DRAWN, "left": True},
            {**DRAWN, "painted": "yes"},
            {"left": 1},
            {},
        ],
    )
    def test_what_is_no_rectangle_within_the_picture_is_refused(
        self, candidate: UploadedFile, world: World, box: dict[str, Any]
    ) -> None:
        with pytest.raises(services.CurationError):
            services.repaint(candidate, world.curator, [FOUND, box])
        row = UploadedFile.objects.get(pk=candidate.pk)
        assert (row.stage, row.text_boxes) == (Stage.CURATE, None)

    def test_the_whole_picture_is_a_rectangle(self, candidate: UploadedFile, world: World) -> None:
        services.repaint(candidate, world.curator, [{"left": 0, "top": 0, "width": 64, "height": 80}])

    def test_ten_thousand_are_too_many(self, candidate: UploadedFile, world: World) -> None:
        with pytest.raises(services.CurationError, match="too many"):
            services.repaint(candidate, world.curator, [DRAWN] * 10_000)
        many = [{"left": x, "top": y, "width": 1, "height": 1} for x in range(64) for y in range(80)]
        with pytest.raises(services.CurationError, match="too many"):
            services.repaint(candidate, world.curator, many[: MOST_BOXES + 1])
        services.repaint(candidate, world.curator, many[:MOST_BOXES])

    @pytest.mark.parametrize("stage", [stage for stage in Stage if stage != Stage.CURATE])
    def test_only_what_waits_for_its_verdict(self, world: World, stage: Stage) -> None:
        with pytest.raises(services.AlreadyJudged):
            services.repaint(world.files[stage], world.curator, [DRAWN])
        assert not Event.objects.filter(action="curation.repainted").exists()

    def test_the_second_of_two_curators_is_told(self, candidate: UploadedFile, world: World) -> None:
        services.repaint(candidate, world.curator, [DRAWN])
        for decide in (
            lambda: services.repaint(candidate, world.people.curator(), []),
            lambda: services.accept(candidate, world.people.curator(), "Good", no_text_seen=True),
            lambda: services.reject(candidate, world.people.curator(), "late"),
        ):
            with pytest.raises(services.AlreadyJudged):
                decide()

    def test_what_was_painted_anew_meanwhile_is_looked_at_again(self, candidate: UploadedFile, world: World) -> None:
        with pytest.raises(services.CurationError, match="written anew"):
            services.repaint(candidate, world.curator, [DRAWN], seen="0" * 64)
        services.repaint(candidate, world.curator, [DRAWN], seen=services.picture(candidate))

    def test_not_without_the_original(self, candidate: UploadedFile, world: World) -> None:
        quarantine.remove(candidate.pk)
        with pytest.raises(services.CurationError, match="destroyed"):
            services.repaint(candidate, world.curator, [DRAWN])
        assert UploadedFile.objects.get(pk=candidate.pk).stage == Stage.CURATE


@pytest.fixture
def client(world: World) -> Client:
    client = Client()
    client.force_login(world.curator, backend="django.contrib.auth.backends.ModelBackend")
    return client


class TestPage:
    def _post(self, client: Client, file: UploadedFile, **data: Any) -> Any:
        data.setdefault("picture", services.picture(file))
        return client.post(reverse("curation:boxes", args=[file.pk]), data)

    def test_every_box_is_listed(self, client: Client, candidate: UploadedFile) -> None:
        page = client.get(reverse("curation:judge", args=[candidate.pk])).content.decode()
        for words in (
            'viewBox="0 0 64 80"',
            '<rect x="4" y="4" width="20" height="10" />',
            'name="painted" value="0" checked',
            'name="painted" value="1" aria',
            "left: marker “L”",
            "by the program",
        ):
            assert words in page, words

    def test_by_ticks_and_four_numbers_without_a_script(self, client: Client, candidate: UploadedFile) -> None:
        answer = self._post(client, candidate, painted=["1"], left="30", top="60", width="12", height="7")
        assert answer["Location"] == reverse("curation:queue")
        assert [box[:3] for box in _boxes(candidate)] == [
            (4, False, "detector"),
            (50, True, "detector"),
            (30, True, "person"),
        ]
        page = client.get(answer["Location"]).content.decode()
        assert "being rewritten" in page

    def test_by_rectangles_that_were_drawn(self, client: Client, candidate: UploadedFile) -> None:
        self._post(client, candidate, painted=["0"], drawn=["30,60,12,7", "1,70,5,5"])
        assert [box[0] for box in _boxes(candidate)] == [4, 50, 30, 1]

    @pytest.mark.parametrize(
        "data",
        [
            {"left": "3", "top": "3"},
            {"left": "-3", "top": "3", "width": "3", "height": "3"},
            {"left": "x", "top": "3", "width": "3", "height": "3"},
            {"drawn": ["1,2,3"]},
            {"drawn": ["1,2,3,x"]},
            {"drawn": ["1,2,3,4"] * 300},
            {"painted": ["7"]},
            {"picture": ""},
        ],
    )
    def test_what_is_wrong_comes_back(self, client: Client, candidate: UploadedFile, data: dict[str, Any]) -> None:
        answer = self._post(client, candidate, **data)
        assert answer.status_code == 200
        assert 'class="errorlist' in answer.content.decode()
        assert UploadedFile.objects.get(pk=candidate.pk).stage == Stage.CURATE

    def test_what_was_drawn_survives_a_mistake_elsewhere(self, client: Client, candidate: UploadedFile) -> None:
        page = self._post(client, candidate, drawn=["30,60,12,7"], left="3").content.decode()
        assert 'value="30,60,12,7" checked' in page
        assert 'name="painted" value="0" aria' in page, "the tick that was taken away stays away"

    def test_a_rectangle_that_reaches_out_is_said(self, client: Client, candidate: UploadedFile) -> None:
        answer = self._post(client, candidate, left="60", top="3", width="30", height="3")
        assert "64 × 80 px" in client.get(answer["Location"]).content.decode()

    def test_what_was_judged_meanwhile_leads_to_the_queue(self, client: Client, world: World) -> None:
        answer = self._post(client, world.files[Stage.ACCEPTED], painted=[])
        assert answer["Location"] == reverse("curation:queue")

    def test_without_its_original_nothing_can_be_painted(self, client: Client, candidate: UploadedFile) -> None:
        candidate.purged_at = candidate.received_at
        candidate.save()
        page = client.get(reverse("curation:judge", args=[candidate.pk])).content.decode()
        assert "can no longer be painted anew" in page
        assert "data-draw" not in page


class TestApi:
    def _post(self, client: Client, file: UploadedFile, **data: Any) -> Any:
        return client.post(reverse("api:curation_boxes", args=[file.pk]), data, content_type="application/json")

    def test_boxes(self, client: Client, candidate: UploadedFile) -> None:
        answer = self._post(client, candidate, boxes=[FOUND, DRAWN], picture=services.picture(candidate))
        assert (answer.status_code, answer.json()["stage"]) == (202, "deidentify")
        assert [box[0] for box in _boxes(candidate)] == [4, 50, 30]
        assert self._post(client, candidate, boxes=[]).status_code == 409

    @pytest.mark.parametrize(
        "boxes", [None, "x", [{}], [{**DRAWN, "left": -1}], [{**DRAWN, "left": 60}], [DRAWN] * 10_000]
    )
    def test_what_is_wrong_is_said(self, client: Client, candidate: UploadedFile, boxes: Any) -> None:
        assert self._post(client, candidate, boxes=boxes).status_code == 400
        assert UploadedFile.objects.get(pk=candidate.pk).stage == Stage.CURATE
