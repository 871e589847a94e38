import hashlib
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import Event
from intake import candidates, names
from intake.models import Priority, Stage, UploadedFile
from tests.world import World

NAME = "jan_kowalski_1950.dcm"


@pytest.fixture
def file(world: World) -> UploadedFile:
    file = world.files[Stage.CURATE]
    file.sealed_name = names.seal(NAME)
    file.save()
    UploadedFile.objects.update(sealed_name=file.sealed_name)
    return file


@pytest.fixture
def client(world: World) -> Client:
    client = Client()
    client.force_login(world.curator, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _judge(file: UploadedFile) -> str:
    return reverse("curation:judge", args=[file.pk])


def test_curators_never_see_the_hospitals_names(client: Client, file: UploadedFile, world: World) -> None:
    pages = [reverse("curation:queue"), _judge(file), reverse("curation:set_aside"), reverse("api:curation_queue")]
    for page in pages:
        content = client.get(page).content.decode()
        assert "kowalski" not in content
        assert file.sealed_name not in content
        assert world.batch.title not in content


def test_pictures_are_not_kept_and_every_look_is_on_record(client: Client, file: UploadedFile, world: World) -> None:
    client.get(_judge(file))
    assert not Event.objects.filter(action="curation.looked").exists()
    for name in ("image", "mask", "full_range"):
        response = client.get(reverse(f"curation:{name}", args=[file.pk]))
        assert response["Content-Type"] == "image/png"
        assert "no-store" in response["Cache-Control"]
        assert b"".join(response.streaming_content).startswith(b"\x89PNG")
    events = Event.objects.filter(action="curation.looked")
    assert {(event.actor_id, event.object_id) for event in events} == {(world.curator.pk, str(file.pk))}
    assert sorted(event.data["look"] for event in events) == ["full_range", "window"]


def test_a_picture_that_is_not_the_candidates_is_not_shown(client: Client, file: UploadedFile) -> None:
    """A worker that came too late may have left an earlier one."""
    url = reverse("curation:image", args=[file.pk])
    with candidates.open_file(file.pk, "preview.png") as content:
        file.assessment["previews"] = {"preview.png": hashlib.sha256(content.read()).hexdigest()}
    file.save()
    assert b"".join(client.get(url).streaming_content).startswith(b"\x89PNG")
    file.assessment["previews"] = {"preview.png": "0" * 64}
    file.segmentation["mask_sha256"] = "0" * 64
    file.save()
    assert client.get(url).status_code == 404
    assert client.get(reverse("curation:mask", args=[file.pk])).status_code == 404


@pytest.mark.parametrize("stage", [Stage.ACCEPTED, Stage.REJECTED, Stage.WITHDRAWN, Stage.INSPECT, Stage.ASSESS])
def test_pictures_of_files_that_wait_for_nobody_are_not_there(client: Client, world: World, stage: Stage) -> None:
    for name in ("image", "mask", "full_range"):
        assert client.get(reverse(f"curation:{name}", args=[world.files[stage].pk])).status_code == 404


def test_the_page_says_what_the_curator_needs(client: Client, file: UploadedFile) -> None:
    file.deid_report = {
        "profile": "P",
        "removed": [{"attribute": "PatientAddress", "rule": "not in the table"}],
        "needs_person": True,
        "burned_in_declared": True,
    }
    file.sex, file.facts = "M", {**file.facts, "sex": "F"}
    file.save()
    page = client.get(_judge(file)).content.decode()
    for words in (
        "PatientAddress",
        "text is drawn into the picture",
        "no text identifies the patient",
        "under 300 px",
        "different sexes",
        "NORMAL",
        'data-shortcut="g"',
        'data-shortcut="b"',
        'data-shortcut="r"',
        'data-shortcut="e"',
        'data-shortcut="t"',
    ):
        assert words in page, words


def test_acceptance_needs_the_look(client: Client, file: UploadedFile) -> None:
    response = client.post(_judge(file), {"quality": "Good", "picture": "0" * 64})
    assert response.status_code == 200
    assert "confirm that there is none" in response.content.decode()
    file.refresh_from_db()
    assert file.stage == Stage.CURATE


def test_a_rejection_leads_to_the_next_and_the_second_curator_is_told(
    client: Client, file: UploadedFile, world: World
) -> None:
    other = UploadedFile.objects.create(
        batch=world.batch, hospital=world.hospital, group=world.group, size=1, sha256="0" * 64, stage=Stage.CURATE
    )
    query = "?dataset=example"
    verdict = {"verdict": "reject", "code": "lungs_cut", "reason": "Below the fifth rib."}
    first = client.post(_judge(file) + query, verdict)
    assert first["Location"] == _judge(other) + query
    second = Client()
    second.force_login(world.people.curator(), backend="django.contrib.auth.backends.ModelBackend")
    page = second.post(_judge(file) + query, verdict, follow=True).content.decode()
    assert "somebody was faster" in page
    hospital = Client()
    hospital.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    page = hospital.get(reverse("intake:file", args=[file.pk])).content.decode()
    assert "The lungs are not wholly in the picture. Below the fifth rib." in page


def test_a_rejection_without_a_reason_comes_back(client: Client, file: UploadedFile, world: World) -> None:
    page = client.post(_judge(file), {"verdict": "reject", "code": "other"}).content.decode()
    assert "Say why" in page
    aside = world.files[Stage.SET_ASIDE]
    response = client.post(_judge(aside), {"verdict": "reject", "code": ""}, follow=True)
    assert response.redirect_chain[-1][0] == reverse("curation:set_aside")
    aside.refresh_from_db()
    assert aside.stage == Stage.SET_ASIDE


def test_what_was_judged_meanwhile_leads_back_to_the_queue(client: Client, world: World) -> None:
    response = client.get(_judge(world.files[Stage.ACCEPTED]), follow=True)
    assert response.redirect_chain[-1][0] == reverse("curation:queue")
    assert "no longer waiting" in response.content.decode()


def test_set_aside_files_are_shown_with_the_reason_and_can_go_on(client: Client, world: World) -> None:
    file = world.files[Stage.SET_ASIDE]
    assert "The file is not an image." in client.get(reverse("curation:set_aside")).content.decode()
    client.post(reverse("curation:retry", args=[file.pk]))
    file.refresh_from_db()
    assert file.stage == Stage.INSPECT


@pytest.mark.parametrize("route", ["curation:queue", "curation:set_aside", "api:curation_queue"])
def test_queries_do_not_grow_with_the_files(client: Client, world: World, route: str) -> None:
    def add(count: int, start: int) -> None:
        for number in range(start, start + count):
            for stage in (Stage.CURATE, Stage.SET_ASIDE):
                UploadedFile.objects.create(
                    batch=world.batch,
                    hospital=world.hospital,
                    group=world.group,
                    size=1,
                    sha256=f"{number}{stage}".ljust(64, "0"),
                    stage=stage,
                )

    counts = []
    for start in (0, 10):
        add(3 if start == 0 else 20, start)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse(route))
        counts.append(len(queries))
    assert counts[0] == counts[1]


class TestApi:
    def _post(self, client: Client, file: UploadedFile, **data: Any) -> Any:
        url = reverse("api:curation_verdict", args=[file.pk])
        return client.post(url, data, content_type="application/json")

    def test_reject(self, client: Client, file: UploadedFile) -> None:
        response = self._post(client, file, verdict="reject", code="not_a_chest")
        assert response.json() == {"id": str(file.pk), "stage": "rejected", "filename": None}
        assert self._post(client, file, verdict="reject", code="not_a_chest").status_code == 409

    @pytest.mark.parametrize(
        "data",
        [
            {"verdict": "accept", "quality": "Good"},
            {"verdict": "accept", "no_text_seen": True},
            {"verdict": "reject"},
            {"verdict": "perhaps"},
        ],
    )
    def test_what_is_missing_is_said(self, client: Client, file: UploadedFile, data: dict[str, Any]) -> None:
        assert self._post(client, file, **data).status_code == 400
        file.refresh_from_db()
        assert file.stage == Stage.CURATE

    def test_the_queue(self, client: Client, file: UploadedFile) -> None:
        [found] = client.get(reverse("api:curation_queue")).json()["results"]
        assert (found["id"], found["doubtful"], found["dataset"]) == (str(file.pk), False, "example")
        UploadedFile.objects.filter(pk=file.pk).update(priority=Priority.TEXT)
        [found] = client.get(reverse("api:curation_queue")).json()["results"]
        assert found["doubtful"] is True
