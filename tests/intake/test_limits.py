"""Room per hospital, files per batch, kinds of files: the same for every way in."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from intake import kinds, quarantine, services
from intake.models import PartialUpload, Stage, UploadedFile
from intake.services import errors, limits
from tests.intake.test_tus import Tus
from tests.world import World

Send = Callable[..., UploadedFile]
DICOM = bytes(128) + b"DICM" + bytes(100)


@pytest.fixture
def tus(world: World) -> Tus:
    return Tus(world, world.hospital_user)


@pytest.fixture
def full(world: World, settings: Any) -> int:
    """Room for ten bytes more than what the world's files take; returns the bytes that wait."""
    UploadedFile.objects.filter(stage__in=[Stage.ACCEPTED, Stage.REJECTED]).update(purged_at=timezone.now())
    waiting = limits.waiting_bytes(world.hospital.pk)
    settings.CXR_QUOTA_GB = 1
    first = world.files[Stage.INSPECT]
    UploadedFile.objects.filter(pk=first.pk).update(size=limits.GIGABYTE - 10 - (waiting - first.size))
    return limits.GIGABYTE - 10


def test_what_lies_in_quarantine_is_counted(world: World, full: int, send: Send) -> None:
    assert limits.waiting_bytes(world.hospital.pk) == full
    file = send(bytes(9))
    assert limits.waiting_bytes(world.hospital.pk) == full + 9
    UploadedFile.objects.filter(pk=file.pk).update(purged_at=timezone.now())
    assert limits.waiting_bytes(world.hospital.pk) == full
    assert limits.waiting_bytes(world.other_hospital.pk) == 0


def test_no_room(world: World, full: int, send: Send) -> None:
    with pytest.raises(errors.QuotaReached, match="withdraw some"):
        send(bytes(11))
    assert list(quarantine.blobs()) == []
    assert send(bytes(10)).size == 10


def test_a_form_says_it_by_file(world: World, full: int, client: Any) -> None:
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    uploads = [SimpleUploadedFile("big.dcm", bytes(11)), SimpleUploadedFile("small.dcm", bytes(10))]
    page = client.post(reverse("intake:batch", args=[world.batch.pk]), {"files": uploads, "group": world.group.pk})
    assert "does not fit" in page.content.decode()
    assert UploadedFile.objects.filter(size=10).count() == 1


def test_tus_is_told_before_a_byte_is_sent_and_its_room_is_kept(tus: Tus, full: int, send: Send) -> None:
    assert tus.create(11).json()["code"] == "quota_reached"
    url = tus.begin(10)
    assert tus.create(1).json()["code"] == "quota_reached"
    with pytest.raises(errors.QuotaReached):
        send(b"x")
    assert "Upload-File" in tus.patch(url, 0, bytes(10))


def test_what_nobody_goes_on_with_takes_no_room(tus: Tus, full: int) -> None:
    tus.begin(10)
    PartialUpload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    tus.begin(10)


def test_a_hospital_with_room_of_its_own(world: World, full: int, send: Send) -> None:
    world.hospital.quota_gb = 2
    world.hospital.save()
    send(bytes(11))
    world.hospital.quota_gb = 0
    world.hospital.save()
    with pytest.raises(errors.QuotaReached):
        send(b"other")


def test_a_batch_is_full(world: World, tus: Tus, send: Send, settings: Any) -> None:
    settings.CXR_MAX_FILES_PER_BATCH = world.batch.files.count() + 2
    send(b"one")
    url = tus.begin(3)
    assert tus.create(3).json()["code"] == "batch_full"
    with pytest.raises(errors.BatchFull, match="Open another one"):
        send(b"three")
    tus.delete(url)
    send(b"three")


def test_an_import_meets_no_limit(world: World, full: int, send: Send, settings: Any) -> None:
    settings.CXR_MAX_FILES_PER_BATCH = 1
    assert send(bytes(500), limited=False).size == 500


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (DICOM, "dicom"),
        (b"MZ" + DICOM[2:], "dicom"),
        (b"II*\x00" + DICOM[4:], "dicom"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"II*\x00\x08", "tiff"),
        (b"MM\x00*\x00", "tiff"),
        (b"PK\x03\x04", "zip"),
        (b"MZ" + bytes(200), "exe"),
        (b"%PDF-1.4" + bytes(200), "pdf"),
        (b"MZ", ""),
        (b"\x08\x00\x05\x00" + bytes(200), ""),
        (b"", ""),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kinds.kind(head) == kind


def test_what_is_surely_no_image_is_refused_by_name_of_its_kind(send: Send) -> None:
    with pytest.raises(errors.TypeNotTaken, match=r"EXE.*DICOM, JPEG"):
        send(b"MZ" + bytes(200), "image.dcm")
    assert list(quarantine.blobs()) == []


def test_what_is_not_known_is_left_to_inspection(send: Send) -> None:
    assert send(bytes(200)).stage == Stage.INSPECT


def test_an_installation_may_take_less(send: Send, settings: Any) -> None:
    settings.CXR_ALLOWED_TYPES = ["dicom"]
    send(DICOM)
    with pytest.raises(services.IntakeError, match="PNG"):
        send(b"\x89PNG\r\n\x1a\n")
    settings.CXR_MAX_FILE_BYTES, settings.CXR_MAX_ZIP_BYTES = 10, 1000
    assert kinds.largest(None) == 10


def test_a_zip_may_be_larger_than_an_image(send: Send, settings: Any) -> None:
    settings.CXR_MAX_FILE_BYTES, settings.CXR_MAX_ZIP_BYTES = 250, 500
    send(b"PK\x03\x04" + bytes(400))
    with pytest.raises(errors.TooLarge):
        send(bytes(300))
    with pytest.raises(errors.TooLarge):
        send(b"PK\x03\x04" + bytes(600))
