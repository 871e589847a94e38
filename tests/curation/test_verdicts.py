import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import storages
from django.utils import timezone

from audit.models import Event
from curation import policies, selectors, services
from datasets.models import LungMask, LungRegion, Radiograph
from datasets.models.collection import Quality
from intake import candidates, quarantine
from intake import services as intake
from intake.models import Stage, UploadedFile
from tests.world import World


@pytest.fixture
def candidate(world: World) -> UploadedFile:
    """The world's file that waits for a curator, as the pipeline would have left it, with its original."""
    file = world.files[Stage.CURATE]
    sealed = quarantine.seal(io.BytesIO(b"the original"))
    blobs = storages["quarantine"]
    blobs.save(str(file.pk), blobs.open(str(sealed.id)))
    quarantine.remove(sealed.id)

    def sha256(name: str) -> str:
        with candidates.open_file(file.pk, name) as content:
            return hashlib.sha256(content.read()).hexdigest()

    file.sex, file.age, file.set, file.patient_key_hash = "F", 61, "train", "ab" * 32
    file.deid_report = {"format": "png", "output": {"name": "image.png", "size": 1, "sha256": sha256("image.png")}}
    file.segmentation = {"model_version": "m1", "confidence": 0.9, "mask_sha256": sha256("mask.png")}
    file.assessment = {
        "quality": "Bad",
        "score": 0.5,
        "reasons": ["resolution"],
        "region_sha256": sha256("region.png"),
        "region_mask_sha256": sha256("region_mask.png"),
        "transform": {"size": 512},
    }
    file.save()
    return file


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
        """Four files in the order in which they should be looked at."""
        UploadedFile.objects.filter(stage=Stage.CURATE).delete()
        now = timezone.now()
        made = []
        for number, (age, assessment, report) in enumerate(
            [
                (2, {"quality": "Good"}, {"needs_person": True}),
                (1, {"quality": "Bad"}, {}),
                (9, {"quality": "Good"}, {}),
                (3, {"quality": "Good"}, {"needs_person": False}),
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
                    assessment=assessment,
                    deid_report=report,
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
        assert {place.count for place in places} == {4}

    def test_counts(self, files: list[UploadedFile], world: World) -> None:
        assert selectors.waiting_by_dataset() == [(world.dataset, 4)]


def test_the_policy_and_its_queryset_agree(world: World) -> None:
    everybody = [world.person(name) for name in ("researcher", "hospital", "curator", "manager")]
    for user in everybody:
        visible = set(policies.visible_candidates(user))
        for file in world.files.values():
            assert policies.may_judge(user, file) == (file in visible)
