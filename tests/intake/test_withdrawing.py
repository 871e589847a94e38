from typing import Any

import pytest
from django.core.files.storage import storages

from audit.models import Event
from datasets.models import Radiograph, ReleaseItem
from datasets.services.withdrawing import destroy_withdrawn
from intake import services
from intake.models import Stage, UploadedFile
from tests.world import World


@pytest.fixture
def accepted(world: World) -> UploadedFile:
    """Accepted, and in no release yet."""
    ReleaseItem.objects.all().delete()
    return world.files[Stage.ACCEPTED]


def _library(world: World) -> list[str]:
    library = storages["library"]
    paths = [world.radiograph.file.name, *world.radiograph.masks.values_list("file", flat=True)]
    return [path for path in paths if library.exists(path)]


def test_an_accepted_image_leaves_the_dataset_and_its_bytes_are_gone(
    accepted: UploadedFile, world: World, django_capture_on_commit_callbacks: Any
) -> None:
    assert len(_library(world)) == 2
    with django_capture_on_commit_callbacks(execute=True):
        services.withdraw(accepted, world.hospital_user)
    accepted.refresh_from_db()
    world.radiograph.refresh_from_db()
    assert (accepted.stage, world.radiograph.status) == (Stage.WITHDRAWN, Radiograph.Status.WITHDRAWN)
    assert _library(world) == []
    assert Event.objects.get(action="file.withdrawn").data == {"stage": "accepted"}
    with pytest.raises(services.IntakeError, match="nothing to take back"):
        services.withdraw(accepted, world.hospital_user)


def test_what_a_release_has_stays(world: World) -> None:
    file = world.files[Stage.ACCEPTED]
    with pytest.raises(services.IntakeError, match=r"release 1\.0"):
        services.withdraw(file, world.hospital_user)
    file.refresh_from_db()
    assert file.stage == Stage.ACCEPTED
    assert len(_library(world)) == 2


def test_what_a_crash_left_is_destroyed_later(accepted: UploadedFile, world: World) -> None:
    services.withdraw(accepted, world.hospital_user)  # within the test's transaction: nothing that waits for its end
    assert len(_library(world)) == 2
    assert destroy_withdrawn() == 1
    assert _library(world) == []
    assert destroy_withdrawn() == 0


def test_what_was_withdrawn_after_its_release_is_left_to_the_release(world: World) -> None:
    Radiograph.objects.update(status=Radiograph.Status.WITHDRAWN)
    assert destroy_withdrawn() == 0
    assert len(_library(world)) == 2


@pytest.mark.parametrize("stage", [Stage.REJECTED, Stage.WITHDRAWN, Stage.UNPACKED])
def test_what_is_gone_cannot_be_taken_back(world: World, stage: Stage) -> None:
    with pytest.raises(services.IntakeError, match="nothing to take back"):
        services.withdraw(world.files[stage], world.hospital_user)
