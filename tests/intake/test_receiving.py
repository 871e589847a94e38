from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from datasets.models import Dataset, DiagnosisGroup
from imaging.deid import patient_pseudonym
from intake import keys, names, quarantine, services
from intake.models import Stage, UploadedFile
from intake.services import receiving, stages
from tests.intake.conftest import PERSON
from tests.world import World

Send = Callable[..., UploadedFile]


def test_a_received_file_is_a_row_a_blob_an_event_and_a_message(
    send: Send, world: World, broker: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        file = send(b"bytes", "jan_kowalski_1950.dcm", demographics={"sex": "F", "age": None}, patient_key=" 12/ab ")
    file.refresh_from_db()
    assert (file.stage, file.size, file.hospital, file.sex, file.age) == (Stage.INSPECT, 5, world.hospital, "F", None)
    assert quarantine.exists(file.pk)
    assert "kowalski" not in file.sealed_name
    assert names.reveal(file.sealed_name) == "jan_kowalski_1950.dcm"
    key = keys.pseudonym_key()
    assert file.patient_key_hash == patient_pseudonym(key.secret, world.hospital.number, "12/AB")
    assert file.patient_key_id == key.id
    event = Event.objects.get(action="file.received")
    assert event.data == {"batch": world.batch.pk, "hospital": world.hospital.number, "size": 5}
    assert broker() == [("intake.tasks.run_stage", [str(file.pk)])]


def test_the_same_bytes_twice_are_one_file_and_said(send: Send, world: World) -> None:
    send(b"same")
    before = UploadedFile.objects.count()
    with pytest.raises(services.Duplicate, match=f"batch {world.batch.pk}"):
        send(b"same", "other name.dcm")
    assert UploadedFile.objects.count() == before
    assert len(list(quarantine.blobs())) == 1


@pytest.mark.parametrize("stage", [Stage.REJECTED, Stage.WITHDRAWN])
def test_what_was_turned_away_may_come_again(send: Send, stage: Stage) -> None:
    UploadedFile.objects.filter(pk=send(b"same").pk).update(stage=stage)
    assert send(b"same").stage == Stage.INSPECT


def test_another_hospital_may_send_the_same_bytes(send: Send, world: World) -> None:
    send(b"same")
    other = services.open_batch(
        user=world.other_hospital_user, hospital=world.other_hospital, dataset=world.dataset, title="x"
    )
    assert send(b"same", batch=other).hospital == world.other_hospital


def test_two_at_the_same_moment_are_one_file(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """The constraint catches what the look before the insert could not see yet."""
    send(b"same")
    look, looks = receiving._same_bytes, []

    def blind_at_first(hospital_id: int, sha256: str) -> UploadedFile | None:
        looks.append(sha256)
        return look(hospital_id, sha256) if len(looks) > 1 else None

    monkeypatch.setattr(receiving, "_same_bytes", blind_at_first)
    with pytest.raises(services.Duplicate):
        send(b"same")
    assert len(looks) == 2
    assert len(list(quarantine.blobs())) == 1


def test_a_diagnosis_of_another_dataset_is_refused(send: Send, world: World) -> None:
    other = Dataset.objects.create(slug="other", origin="O", title="Other", agreement=world.agreement)
    group = DiagnosisGroup.objects.create(dataset=other, class_id=1, label="NORMAL")
    with pytest.raises(services.IntakeError):
        send(b"bytes", group=group)
    assert list(quarantine.blobs()) == []


def test_a_failed_row_leaves_its_blob_to_the_sweep(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a commit came through is not always known, so the blob stays; a day later it is an orphan."""

    def no_audit(*args: Any, **kwargs: Any) -> None:
        raise ConnectionError

    monkeypatch.setattr(receiving, "record", no_audit)
    before = UploadedFile.objects.count()
    with pytest.raises(ConnectionError):
        send(b"bytes")
    assert UploadedFile.objects.count() == before
    [(blob_id, _changed)] = quarantine.blobs()
    services.purge()
    assert quarantine.exists(blob_id)
    later = timezone.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr("intake.services.upkeep.timezone.now", lambda: later)
    services.purge()
    assert not quarantine.exists(blob_id)


def test_the_typed_key_and_the_header_find_the_same_patient(send: Send, world: World, dicom: bytes) -> None:
    typed = send(b"other bytes", patient_key=PERSON.number.lower())
    from_header = send(dicom)
    services.run_stage(from_header.pk, "task")
    from_header.refresh_from_db()
    assert from_header.patient_key_hash == typed.patient_key_hash != ""


class TestEditing:
    def _edit(self, file: UploadedFile, world: World, **changes: Any) -> UploadedFile:
        changes = {"group": world.group, "demographics": {}, **changes}
        return services.update_file(file, user=world.hospital_user, **changes)

    def test_what_changed_is_audited_by_name_only(self, world: World) -> None:
        file = world.files[Stage.CURATE]
        self._edit(file, world, group=world.other_group, demographics={"sex": "M", "age": 50, "smoke": ""})
        file.refresh_from_db()
        assert (file.group, file.sex, file.age) == (world.other_group, "M", 50)
        assert Event.objects.get(action="file.edited").data == {"fields": ["group", "sex", "age"]}

    def test_nothing_changed_is_no_event(self, world: World) -> None:
        self._edit(world.files[Stage.CURATE], world)
        assert not Event.objects.filter(action="file.edited").exists()

    def test_another_patient_means_another_pseudonym_in_the_image(self, world: World) -> None:
        file = self._edit(world.files[Stage.CURATE], world, patient_key="77")
        assert file.stage == Stage.DEIDENTIFY
        file = self._edit(world.files[Stage.INSPECT], world, patient_key="77")
        assert file.stage == Stage.INSPECT

    def test_a_worker_that_is_at_the_old_patient_is_stopped(
        self, send: Send, world: World, dicom: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = send(dicom)
        services.run_stage(file.pk, "task")
        remove_identity = stages.remove_identity

        def slow(*args: Any, **kwargs: Any) -> Any:
            self._edit(file, world, patient_key="77")
            return remove_identity(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(stages, "remove_identity", slow)
            services.run_stage(file.pk, "task")
        file.refresh_from_db()
        assert (file.stage, file.deid_report) == (Stage.DEIDENTIFY, {})
        assert file.runs.get(stage=Stage.DEIDENTIFY).reason_code == "patient_changed"

    def test_a_file_that_is_set_aside_is_made_anew_for_its_new_patient(self, world: World) -> None:
        file = world.files[Stage.SET_ASIDE]
        file.deid_report = {"output": {"name": "image.dcm"}}
        file.save()
        file.runs.create(stage=Stage.ASSESS, attempt=1, task_id="task", status="failed")
        self._edit(file, world, patient_key="77")
        assert services.retry(file, world.curator).stage == Stage.DEIDENTIFY

    @pytest.mark.parametrize("stage", [Stage.ACCEPTED, Stage.REJECTED, Stage.WITHDRAWN])
    def test_the_verdict_ends_it(self, world: World, stage: Stage) -> None:
        with pytest.raises(services.IntakeError):
            self._edit(world.files[stage], world, demographics={"sex": "M"})


class TestWithdrawing:
    def test_the_bytes_are_destroyed(self, send: Send, world: World, django_capture_on_commit_callbacks: Any) -> None:
        file = send(b"bytes")
        with django_capture_on_commit_callbacks(execute=True):
            services.withdraw(file, world.hospital_user)
        file.refresh_from_db()
        assert file.stage == Stage.WITHDRAWN
        assert file.purged_at is not None
        assert not quarantine.exists(file.pk)
        assert Event.objects.filter(action="file.purged", object_id=str(file.pk)).exists()

    def test_a_verdict_cannot_be_taken_back(self, world: World) -> None:
        with pytest.raises(services.IntakeError):
            services.withdraw(world.files[Stage.ACCEPTED], world.hospital_user)


def test_sealed_names_of_another_key_are_empty_not_an_error() -> None:
    assert names.reveal("not a token") == ""
    assert names.reveal("") == ""
    assert len(names.reveal(names.seal("x" * 999))) == names.MAX_LENGTH


def test_the_broker_away_loses_nothing(
    send: Send, settings: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    from kombu.exceptions import OperationalError

    from intake.tasks import run_stage

    def away(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(run_stage, "apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        file = send(b"bytes")
    assert UploadedFile.objects.filter(pk=file.pk, stage=Stage.INSPECT).exists()
