import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.files.storage import storages
from django.utils import timezone

from audit.models import Event
from curation import policies, selectors, services
from datasets.models import LungMask, LungRegion, Radiograph
from datasets.models.collection import Quality
from imaging import phantoms
from imaging.deid import deidentify
from imaging.deid.boxes import TextBox
from imaging.deid.text import Text
from intake import candidates, keys, quarantine
from intake import services as intake
from intake.models import Priority, Stage, UploadedFile
from tests.world import World


def test_an_accepted_image_is_in_the_library_and_nowhere_else(
    candidate: UploadedFile, world: World, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        radiograph = services.accept(candidate, world.curator, "Good", no_text_seen=True)
    candidate.refresh_from_db()
    assert (candidate.stage, candidate.radiograph, candidate.verdict_by) == (
        Stage.ACCEPTED,
        radiograph,
        world.curator,
    )
    assert candidate.purged_at is not None
    assert not quarantine.exists(candidate.pk)
    assert candidate.pk not in list(candidates.folders())
    assert (radiograph.quality, radiograph.quality_score, radiograph.set) == ("Good", 0.5, "train")
    assert (radiograph.sex, radiograph.age, radiograph.patient.key_hash) == ("F", 61, "ab" * 32)
    with storages["library"].open(radiograph.file.name) as content:
        assert hashlib.sha256(content.read()).hexdigest() == radiograph.sha256
    assert LungMask.objects.get(radiograph=radiograph).model_version == "m1"
    assert LungRegion.objects.get(radiograph=radiograph).transform == {"size": 512}
    event = Event.objects.get(action="file.accepted")
    assert (event.actor_id, event.object_id) == (world.curator.pk, str(candidate.pk))
    assert event.data == {"quality": "Good", "radiograph": radiograph.pk}


def test_the_librarys_file_says_that_a_person_looked(
    candidate: UploadedFile, world: World, tmp_path: Path, django_capture_on_commit_callbacks: Any
) -> None:
    original, made = tmp_path / "original.dcm", tmp_path / "image.dcm"
    pixels = phantoms.draw(3, size=(320, 300), bits=12)
    phantoms.write_dicom(original, pixels, phantoms.FakePerson.invent(3))
    key = keys.pseudonym_key()
    boxes = (TextBox(20, 10, 60, 20), TextBox(250, 10, 12, 18, painted=False, marker="L"))
    report = deidentify(
        original,
        made,
        key=key.secret,
        key_id=key.id,
        hospital=world.hospital.number,
        patient="ab" * 32,
        text=Text(boxes, doubtful=False, version="test"),
    ).as_dict()
    sha256 = candidates.store(candidate.pk, "image.dcm", made)
    report["output"] = {"name": "image.dcm", "size": made.stat().st_size, "sha256": sha256}
    UploadedFile.objects.filter(pk=candidate.pk).update(deid_report=report)
    with django_capture_on_commit_callbacks(execute=True):
        radiograph = services.accept(candidate, world.curator, "Good", no_text_seen=True, seen=sha256)
    with storages["library"].open(radiograph.file.name) as content:
        released = pydicom.dcmread(io.BytesIO(content.read()))
    before = pydicom.dcmread(made)
    codes = [item.CodeValue for item in released.DeidentificationMethodCodeSequence]
    assert "113101" in codes
    assert "113101" not in [item.CodeValue for item in before.DeidentificationMethodCodeSequence]
    assert released.BurnedInAnnotation == "NO"
    assert released.PixelData == before.PixelData
    assert released.SOPInstanceUID == before.SOPInstanceUID
    assert radiograph.deid_report["checked"] is True
    assert radiograph.deid_report["text"] == [box.as_dict() for box in boxes]
    assert radiograph.deid_report["output"]["sha256"] == radiograph.sha256 != sha256
    assert world.curator.name not in str(radiograph.deid_report)
    candidate.refresh_from_db()
    assert candidate.deid_report["checked"] is True


def test_a_picture_that_was_painted_anew_meanwhile_is_not_accepted(candidate: UploadedFile, world: World) -> None:
    with pytest.raises(services.CurationError, match="written anew"):
        services.accept(candidate, world.curator, "Good", no_text_seen=True, seen="0" * 64)
    assert UploadedFile.objects.get(pk=candidate.pk).stage == Stage.CURATE


def test_a_picture_that_no_program_searched_is_not_accepted(candidate: UploadedFile, world: World) -> None:
    del candidate.deid_report["text"]
    candidate.save()
    with pytest.raises(services.CurationError, match="has not looked for text"):
        services.accept(candidate, world.curator, "Good", no_text_seen=True)


def test_a_key_that_was_taken_away_is_said(
    candidate: UploadedFile, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate.deid_report["key_id"] = "gone"
    candidate.save()
    with pytest.raises(services.CurationError, match="key"):
        services.accept(candidate, world.curator, "Good", no_text_seen=True)


def test_an_image_without_a_region_can_be_accepted(candidate: UploadedFile, world: World) -> None:
    for key in ("region_sha256", "region_mask_sha256", "transform"):
        del candidate.assessment[key]
    candidate.save()
    radiograph = services.accept(candidate, world.curator, "Bad", no_text_seen=True)
    assert not LungRegion.objects.filter(radiograph=radiograph).exists()


@pytest.mark.parametrize(("quality", "looked"), [("Good", False), ("", True), ("Perfect", True)])
def test_no_acceptance_without_a_look_or_a_quality(
    candidate: UploadedFile, world: World, quality: str, looked: bool
) -> None:
    with pytest.raises(services.CurationError):
        services.accept(candidate, world.curator, quality, no_text_seen=looked)
    assert UploadedFile.objects.get(pk=candidate.pk).stage == Stage.CURATE


def test_the_second_of_two_curators_is_told(candidate: UploadedFile, world: World) -> None:
    before = Radiograph.objects.count()
    services.accept(candidate, world.curator, Quality.GOOD, no_text_seen=True)
    with pytest.raises(services.AlreadyJudged, match="accepted"):
        services.accept(candidate, world.people.curator(), Quality.BAD, no_text_seen=True)
    with pytest.raises(services.AlreadyJudged):
        services.reject(candidate, world.people.curator(), "late")
    assert Radiograph.objects.count() == before + 1


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_candidate_that_is_not_what_was_made_is_not_accepted(
    candidate: UploadedFile, world: World, damage: str, django_capture_on_commit_callbacks: Any
) -> None:
    path = f"{candidate.pk}/image.png"
    storages["candidates"].delete(path)
    if damage == "changed":
        storages["candidates"].save(path, io.BytesIO(b"something else"))
    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ValueError, match=r".+"):
        services.accept(candidate, world.curator, "Good", no_text_seen=True)
    candidate.refresh_from_db()
    assert (candidate.stage, candidate.radiograph) == (Stage.CURATE, None)
    assert quarantine.exists(candidate.pk)


def test_a_rejection_is_said_and_destroys_the_bytes(
    candidate: UploadedFile, world: World, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.reject(candidate, world.curator, " The name is drawn in. ", "text_in_picture")
    candidate.refresh_from_db()
    assert (candidate.stage, candidate.reason_code, candidate.reason) == (
        Stage.REJECTED,
        "text_in_picture",
        "The name is drawn in.",
    )
    assert not quarantine.exists(candidate.pk)
    assert candidate.pk not in list(candidates.folders())
    # The words may name somebody: they are for the hospital, not for the trail.
    assert Event.objects.get(action="file.rejected").data == {"code": "text_in_picture"}


@pytest.mark.parametrize(("code", "reason"), [("other", "  "), ("unheard_of", "x")])
def test_a_rejection_needs_a_reason(candidate: UploadedFile, world: World, code: str, reason: str) -> None:
    with pytest.raises(services.CurationError):
        services.reject(candidate, world.curator, reason, code)


def test_what_was_set_aside_can_be_rejected_or_tried_again(world: World) -> None:
    file = world.files[Stage.SET_ASIDE]
    assert services.retry(file, world.curator).stage == Stage.INSPECT
    with pytest.raises(intake.IntakeError):
        services.retry(file, world.curator)
    UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.SET_ASIDE)
    assert services.reject(file, world.curator, "", "cannot_be_processed").stage == Stage.REJECTED


class TestQueue:
    @pytest.fixture
    def files(self, world: World) -> list[UploadedFile]:
        """Five files in the order in which they should be looked at."""
        UploadedFile.objects.filter(stage=Stage.CURATE).delete()
        now = timezone.now()
        made = []
        for number, (age, priority) in enumerate(
            [
                (2, Priority.TEXT),
                (1, Priority.TEXT),
                (5, Priority.QUALITY),
                (9, Priority.ORDINARY),
                (3, Priority.ORDINARY),
            ]
        ):
            made.append(
                UploadedFile.objects.create(
                    batch=world.batch,
                    hospital=world.hospital,
                    group=world.group,
                    size=1,
                    sha256=f"{number}" * 64,
                    stage=Stage.CURATE,
                    received_at=now - timedelta(days=age),
                    priority=priority,
                )
            )
        return made

    def test_doubtful_ones_first_then_the_oldest(self, files: list[UploadedFile]) -> None:
        assert list(selectors.queue()) == files
        assert list(selectors.queue("example")) == files
        assert list(selectors.queue("another")) == []

    def test_neighbours(self, files: list[UploadedFile]) -> None:
        places = [selectors.place(file) for file in files]
        assert [place.previous for place in places] == [None, *files[:-1]]
        assert [place.next for place in places] == [*files[1:], None]
        assert {place.count for place in places} == {5}

    def test_counts(self, files: list[UploadedFile], world: World) -> None:
        assert selectors.waiting_by_dataset() == [(world.dataset, 5)]


def test_the_policy_and_its_queryset_agree(world: World) -> None:
    everybody = [world.person(name) for name in ("researcher", "hospital", "curator", "manager")]
    for user in everybody:
        visible = set(policies.visible_candidates(user))
        for file in world.files.values():
            assert policies.may_judge(user, file) == (file in visible)
