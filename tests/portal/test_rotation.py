"""The ring of pseudonym keys: a rotation loses no patient, and a key that was taken away makes nobody a second one."""

import io
import shutil
from pathlib import Path
from typing import Any

import pydicom
import pytest
from django.core.management import CommandError, call_command

from audit.models import Event
from datasets.models import Patient
from imaging import phantoms
from imaging.deid import key_id, patient_pseudonym
from imaging.deid.__main__ import main as command_line
from intake import candidates, keys, quarantine, services, words
from intake.models import Stage, UploadedFile
from intake.services.patients import identify
from portal.keys import rotate_pseudonym_key
from tests.world import World


@pytest.fixture(autouse=True)
def ring(settings: Any, tmp_path: Path) -> Path:
    """A keys folder of the test's own; returns its pseudonym.key."""
    folder = shutil.copytree(settings.CXR_KEYS_DIR, tmp_path / "keys")
    settings.CXR_KEYS_DIR = folder
    return folder / "pseudonym.key"


def rotate() -> str:
    """Rotates by the command; returns the id of the new key."""
    call_command("rotate_pseudonym_key", stdout=io.StringIO())
    return keys.pseudonym_key().id


def dicom(person: phantoms.FakePerson, seed: int, folder: Path) -> bytes:
    path = folder / f"{seed}.dcm"
    phantoms.write_dicom(path, phantoms.draw(seed, disease="normal", sex="F", size=(400, 380)), person)
    # One study of the patient, whose images come one by one.
    dataset = pydicom.dcmread(path)
    dataset.StudyInstanceUID, dataset.StudyDate = "1.2.3.4", "20200304"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.4.{seed}"
    dataset.save_as(path)
    return path.read_bytes()


def send(world: World, content: bytes, patient_key: str = "", stages: int = 2) -> UploadedFile:
    file = services.receive_file(
        batch=world.batch,
        user=world.hospital_user,
        name="image.dcm",
        sealed=quarantine.seal(io.BytesIO(content)),
        group=world.group,
        patient_key=patient_key,
    )
    for _ in range(stages):
        services.run_stage(file.pk, "task")
    file.refresh_from_db()
    return file


def header(file: UploadedFile) -> pydicom.Dataset:
    with candidates.open_file(file.pk, file.deid_report["output"]["name"]) as content:
        return pydicom.dcmread(io.BytesIO(content.read()), stop_before_pixels=True)


def test_the_command_puts_a_new_key_first_and_keeps_the_rest(world: World, ring: Path) -> None:
    before = ring.read_text()
    ring.chmod(0o640)
    first = keys.pseudonym_key()
    new = rotate()
    assert ring.read_text().splitlines()[1:] == before.splitlines()
    assert ring.stat().st_mode & 0o777 == 0o640, "whoever could read it still can, and nobody else"
    assert [path.name for path in ring.parent.glob(".*")] == []
    assert [key.id for key in keys.pseudonym_keys()] == [new, first.id]
    assert keys.pseudonym_key(first.id) == first
    event = Event.objects.get(action="keys.rotated")
    assert event.data == {"key": "pseudonym", "current": new, "older": [first.id]}
    assert not any(line in str(event.data) for line in ring.read_text().split())


def test_a_folder_that_cannot_be_written_to_changes_nothing(world: World, ring: Path) -> None:
    before = ring.read_bytes()
    ring.with_name(".pseudonym.key.new").mkdir()  # also true for root, whom no mode keeps out
    with pytest.raises(CommandError, match="Another rotation"):
        rotate()
    assert ring.read_bytes() == before
    assert not Event.objects.filter(action="keys.rotated").exists()


def test_a_read_only_mount_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def mounted(directory: Path, key: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("portal.management.commands.rotate_pseudonym_key.rotate_pseudonym_key", mounted)
    with pytest.raises(CommandError, match=r"docs/operators\.md"):
        rotate()
    assert not Event.objects.filter(action="keys.rotated").exists()


def test_what_was_done_by_hand_is_told_to_the_trail(world: World, ring: Path) -> None:
    old = keys.pseudonym_key().id
    ring.write_text("cd" * 32 + "\n" + ring.read_text())
    text = ring.read_text()
    call_command("rotate_pseudonym_key", "--record-only", stdout=io.StringIO())
    assert ring.read_text() == text
    data = Event.objects.get(action="keys.rotated").data
    assert data == {"key": "pseudonym", "current": key_id(b"\xcd" * 32), "older": [old]}


def test_a_known_patient_keeps_key_uids_and_dates_over_a_rotation(world: World, tmp_path: Path) -> None:
    person = phantoms.FakePerson.invent(7, "F")
    before = send(world, dicom(person, 1, tmp_path))
    assert before.stage == Stage.SEGMENT
    first = keys.pseudonym_key().id
    new = rotate()
    after = send(world, dicom(person, 2, tmp_path))
    assert (after.patient_key_hash, after.patient_key_id) == (before.patient_key_hash, first)
    one, two = header(before), header(after)
    for attribute in ("StudyInstanceUID", "StudyDate", "PatientID"):
        assert one[attribute].value == two[attribute].value, attribute
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert after.deid_report["key_id"] == first
    # Somebody new comes under the new key, and nothing of the study's UID is shared with the old one.
    other = send(world, dicom(phantoms.FakePerson.invent(8, "F"), 3, tmp_path))
    assert other.patient_key_id == other.deid_report["key_id"] == new
    assert header(other).StudyInstanceUID != one.StudyInstanceUID


def test_an_accepted_patient_is_found_again_by_a_typed_key(world: World) -> None:
    found = identify(world.hospital.pk, world.hospital.number, "4711")
    Patient.objects.create(hospital=world.hospital, number=50, key_hash=found.key_hash, key_id=found.key_id)
    rotate()
    rotate()
    assert identify(world.hospital.pk, world.hospital.number, " 4711 ") == found
    assert identify(world.hospital.pk, world.hospital.number, "4712").key_id == keys.pseudonym_key().id
    # Another hospital's patient with the same number is somebody else.
    assert identify(world.hospital.pk + 1, world.hospital.number + 1, "4711").key_id == keys.pseudonym_key().id


def test_the_portal_and_the_command_line_agree(world: World) -> None:
    key = keys.pseudonym_key()
    found = identify(world.hospital.pk, world.hospital.number, "4711", "Registry")
    assert found.key_hash == patient_pseudonym(key.secret, world.hospital.number, "4711", "Registry")
    assert found.key_id == key_id(key.secret)


def test_the_same_key_file_gives_the_same_bytes_on_the_command_line(world: World, ring: Path, tmp_path: Path) -> None:
    rotate()
    file = send(world, dicom(phantoms.FakePerson.invent(7, "F"), 1, tmp_path))
    arguments = [str(tmp_path / "1.dcm"), str(tmp_path / "out.dcm"), "--key-file", str(ring)]
    assert command_line([*arguments, "--hospital", str(world.hospital.number)]) == 0
    with candidates.open_file(file.pk, file.deid_report["output"]["name"]) as content:
        assert content.read() == (tmp_path / "out.dcm").read_bytes()


def test_a_patient_known_without_an_issuer_is_found_with_one(world: World) -> None:
    typed = identify(world.hospital.pk, world.hospital.number, "4711")
    Patient.objects.create(hospital=world.hospital, number=50, key_hash=typed.key_hash, key_id=typed.key_id)
    assert identify(world.hospital.pk, world.hospital.number, "4711", "Registry") == typed
    assert identify(world.hospital.pk, world.hospital.number, "4712", "A") != identify(
        world.hospital.pk, world.hospital.number, "4712", "B"
    )


class TestAKeyThatWasTakenAway:
    def test_a_file_on_its_way_is_set_aside_and_goes_on_with_the_key(
        self, world: World, ring: Path, tmp_path: Path
    ) -> None:
        file = send(world, dicom(phantoms.FakePerson.invent(7, "F"), 1, tmp_path), stages=1)
        rotate()
        whole = ring.read_text()
        ring.write_text(whole.splitlines()[0] + "\n")
        services.run_stage(file.pk, "task")
        file.refresh_from_db()
        assert (file.stage, file.reason_code) == (Stage.SET_ASIDE, "key_missing")
        assert "pseudonym.key" in words.reason(file)
        ring.write_text(whole)
        services.retry(file, world.curator)
        services.run_stage(file.pk, "task")
        file.refresh_from_db()
        assert file.stage == Stage.SEGMENT

    def test_nobody_becomes_a_second_person(self, world: World, ring: Path, tmp_path: Path) -> None:
        person = phantoms.FakePerson.invent(7, "F")
        send(world, dicom(person, 1, tmp_path))
        first = keys.pseudonym_key().id
        rotate()
        whole = ring.read_text()
        ring.write_text(whole.splitlines()[0] + "\n")
        file = send(world, dicom(person, 2, tmp_path))
        assert (file.stage, file.reason_code, file.patient_key_hash) == (Stage.SET_ASIDE, "key_missing", "")
        with pytest.raises(services.IntakeError, match=r"pseudonym\.key"):
            send(world, b"typed", patient_key="4711")
        ring.write_text(whole)
        services.retry(file, world.curator)
        services.run_stage(file.pk, "task")
        file.refresh_from_db()
        assert file.patient_key_id == first


def test_a_process_that_runs_notices_the_new_key(ring: Path) -> None:
    old = keys.pseudonym_key()
    rotate_pseudonym_key(ring.parent, "ab" * 32)
    assert keys.pseudonym_key().id == key_id(b"\xab" * 32) != old.id


def test_a_ring_without_a_key_stops_everything(ring: Path) -> None:
    ring.write_text("\n")
    with pytest.raises(ValueError, match="16 bytes"):
        keys.pseudonym_key()
