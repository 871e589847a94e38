"""The same radiograph twice from one hospital, where receiving could not see it: bytes that came in pieces, and another
export of the same SOP instance."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.files.storage import storages
from django.utils import timezone

from audit.models import Event
from intake import keys, quarantine, services, words
from intake.models import Stage, StageRun, UploadedFile
from intake.services import duplicates, moves
from tests.world import World

Send = Callable[..., UploadedFile]


@pytest.fixture
def send_in_pieces(world: World) -> Send:
    """As tus does it: nobody has read the whole when the row is made."""

    def send(content: bytes, **changes: Any) -> UploadedFile:
        sealed = replace(quarantine.seal(io.BytesIO(content)), sha256="", **changes)
        return services.receive_file(
            batch=world.batch, user=world.hospital_user, name="x.dcm", sealed=sealed, group=world.group
        )

    return send


def _inspected(file: UploadedFile) -> UploadedFile:
    services.run_stage(file.pk, "task")
    return UploadedFile.objects.get(pk=file.pk)


def _exported_again(dicom: bytes, **changes: str) -> bytes:
    data = pydicom.dcmread(io.BytesIO(dicom))
    data.SeriesDescription = "exported once more"
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    target = io.BytesIO()
    data.save_as(target)
    return target.getvalue()


def test_inspection_finds_what_the_bytes_are(send: Send, send_in_pieces: Send, dicom: bytes) -> None:
    known = quarantine.seal(io.BytesIO(dicom)).sha256
    file = _inspected(send_in_pieces(dicom))
    assert (file.stage, file.sha256) == (Stage.DEIDENTIFY, known)
    assert len(file.instance_hash) == 64
    with pytest.raises(services.Duplicate):
        send(dicom)


def test_pieces_of_another_size_than_received_are_damage(send_in_pieces: Send, dicom: bytes) -> None:
    file = _inspected(send_in_pieces(dicom, size=len(dicom) + 1))
    assert (file.stage, file.reason_code, file.sha256) == (Stage.SET_ASIDE, "damaged", "")


def test_the_bytes_are_known_of_a_file_that_is_set_aside(send: Send, send_in_pieces: Send) -> None:
    file = _inspected(send_in_pieces(b"this is no image"))
    assert (file.stage, file.reason_code) == (Stage.SET_ASIDE, "not_an_image")
    with pytest.raises(services.Duplicate):
        send(b"this is no image")


def test_the_same_bytes_in_pieces_end_rejected_and_destroyed(
    send: Send, send_in_pieces: Send, world: World, dicom: bytes, django_capture_on_commit_callbacks: Any
) -> None:
    first = send(dicom)
    with django_capture_on_commit_callbacks(execute=True):
        file = _inspected(send_in_pieces(dicom))
    file.refresh_from_db()
    assert (file.stage, file.reason_code, file.sha256) == (Stage.REJECTED, "duplicate_bytes", "")
    assert not quarantine.exists(file.pk)
    assert file.purged_at is not None
    assert f"(batch {world.batch.pk})" in words.reason(file)
    assert str(first.received_at.year) in words.reason(file)
    assert _inspected(first).stage == Stage.DEIDENTIFY
    assert Event.objects.get(action="file.duplicate").data["earlier"] == str(first.pk)
    assert file.runs.get().status == StageRun.Status.REFUSED


def test_another_export_of_the_same_instance_is_rejected(send: Send, dicom: bytes) -> None:
    assert _inspected(send(dicom)).stage == Stage.DEIDENTIFY
    file = _inspected(send(_exported_again(dicom)))
    assert (file.stage, file.reason_code) == (Stage.REJECTED, "duplicate_instance")
    assert "SOP Instance UID" in words.reason(file)
    other = _inspected(send(_exported_again(dicom, SOPInstanceUID="1.2.826.0.1.3680043.8.498.1")))
    assert other.stage == Stage.DEIDENTIFY


def test_a_withdrawn_instance_may_be_replaced(send: Send, world: World, dicom: bytes) -> None:
    services.withdraw(_inspected(send(dicom)), world.hospital_user)
    assert _inspected(send(_exported_again(dicom))).stage == Stage.DEIDENTIFY


def test_a_corrected_export_passes_what_was_set_aside(send: Send, world: World, dicom: bytes) -> None:
    first = _inspected(send(dicom))
    moves.set_aside(first, "unsafe")
    corrected = _inspected(send(_exported_again(dicom)))
    assert corrected.stage == Stage.DEIDENTIFY
    services.retry(first, world.curator)
    assert _inspected(first).reason_code == "duplicate_instance"
    assert _inspected(corrected).stage != Stage.REJECTED


def test_another_hospital_may_send_the_same_instance(send: Send, world: World, dicom: bytes) -> None:
    mine = _inspected(send(dicom))
    other = services.open_batch(
        user=world.other_hospital_user, hospital=world.other_hospital, dataset=world.dataset, title="x"
    )
    theirs = _inspected(send(dicom, batch=other))
    assert theirs.stage == Stage.DEIDENTIFY
    assert theirs.instance_hash != mine.instance_hash


def test_a_rotation_of_the_key_lets_nothing_come_twice(
    send: Send, dicom: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = keys.pseudonym_keys()
    assert _inspected(send(dicom)).stage == Stage.DEIDENTIFY
    monkeypatch.setattr(keys, "pseudonym_keys", lambda: (keys.PseudonymKey(b"new" * 16, "newnewne"), *old))
    assert _inspected(send(_exported_again(dicom))).reason_code == "duplicate_instance"


@pytest.mark.parametrize("again", [lambda content: content, _exported_again])
def test_two_workers_in_the_same_moment_keep_one(
    send_in_pieces: Send, dicom: bytes, again: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The constraints catch what the look before could not see yet."""
    first, second = send_in_pieces(dicom), send_in_pieces(again(dicom))
    assert _inspected(first).stage == Stage.DEIDENTIFY
    look, blind = duplicates.find, {"sha256", "instance_hash"}

    def blind_at_first(hospital: int, field: str, *arguments: Any, **options: Any) -> UploadedFile | None:
        if field in blind:
            blind.remove(field)
            return None
        return look(hospital, field, *arguments, **options)

    monkeypatch.setattr(duplicates, "find", blind_at_first)
    assert _inspected(second).stage == Stage.REJECTED
    assert UploadedFile.objects.filter(stage=Stage.DEIDENTIFY).exclude(instance_hash="").count() == 1


def test_a_repeated_run_of_the_same_file_is_no_duplicate_of_itself(send: Send, world: World, dicom: bytes) -> None:
    file = _inspected(send(dicom))
    UploadedFile.objects.filter(pk=file.pk).update(stage=Stage.INSPECT)
    assert _inspected(file).stage == Stage.DEIDENTIFY


def test_bytes_that_were_lost_may_be_sent_again(send: Send, dicom: bytes) -> None:
    """Or the hospital would be told that they are here, by a portal that has them no more."""
    lost = send(dicom)
    quarantine.remove(lost.pk)
    lost = _inspected(lost)
    assert (lost.stage, lost.reason_code) == (Stage.SET_ASIDE, "damaged")
    assert _inspected(send(dicom)).stage == Stage.DEIDENTIFY


def test_what_was_changed_on_the_disk_stays_damaged_however_often_it_is_tried(
    send: Send, world: World, dicom: bytes
) -> None:
    file = send(dicom)
    other = quarantine.seal(io.BytesIO(dicom[:-1] + b"x"))
    folder = Path(storages["quarantine"].path(str(file.pk))).parent
    (folder / str(other.id)).replace(folder / str(file.pk))
    for _ in range(2):
        file = _inspected(file)
        assert (file.stage, file.reason_code) == (Stage.SET_ASIDE, "damaged")
        services.retry(file, world.curator)


@pytest.mark.parametrize("inspected", [False, True])
def test_what_was_destroyed_in_time_may_be_sent_again(send: Send, inspected: bool) -> None:
    file = send(b"this is no image")
    if inspected:
        assert _inspected(file).reason_code == "not_an_image"
    UploadedFile.objects.filter(pk=file.pk).update(received_at=timezone.now() - timedelta(days=400))
    services.purge()
    assert send(b"this is no image").stage == Stage.INSPECT
