"""STOW-RS through the request handling; a real dicomweb-client over a real server is in tests/e2e/test_dicom.py."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pydicom
import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pydicom.uid import generate_uid

from accounts.models import ApiToken, HospitalMembership, User
from accounts.tokens import secret_hash
from audit.models import Event
from datasets.models import Dataset, DiagnosisGroup
from intake import names, originals, quarantine
from intake.dicomweb import multipart, views
from intake.models import Stage, UploadBatch, UploadedFile
from tests.world import World

STUDIES = "/dicom-web/studies"
BOUNDARY = "----b0undary"
TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
Part = bytes | tuple[str, bytes]
Post = Callable[..., Any]


def _body(*parts: Part, boundary: str = BOUNDARY) -> bytes:
    body = b""
    for part in parts:
        kind, content = part if isinstance(part, tuple) else ("application/dicom", part)
        body += f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def _token(user: User, *scopes: str) -> str:
    secret = f"cxr_{user.pk}_{'_'.join(scopes)}"
    ApiToken.objects.create(
        user=user,
        name="pacs",
        token_hash=secret_hash(secret),
        scopes=list(scopes),
        expires_at=timezone.now() + timedelta(days=1),
    )
    return secret


@pytest.fixture
def post(world: World, client: Client) -> Post:
    """Sends a body as the world's hospital user."""
    secret = _token(world.hospital_user, "upload")

    def send(
        body: bytes, url: str = "/dicom-web/studies", type: str = TYPE, token: str = secret, **headers: str
    ) -> Any:
        sent = {"Authorization": f"Bearer {token}", **headers} if token else headers
        return client.generic("POST", url, body, content_type=type, headers=sent)

    return send


def _other(dicom: bytes, **changes: str) -> bytes:
    """The same image as another instance."""
    data = pydicom.dcmread(io.BytesIO(dicom))
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    target = io.BytesIO()
    data.save_as(target)
    return target.getvalue()


def _uid(content: bytes, keyword: str = "SOPInstanceUID") -> str:
    return str(pydicom.dcmread(io.BytesIO(content))[keyword].value)


def _answer(response: Any) -> tuple[list[str], list[tuple[str, int]], list[int]]:
    """Stored UIDs, failed UIDs with their reasons, and the reasons of what could not be named."""
    found = pydicom.Dataset.from_json(response.content.decode())
    return (
        [str(item.ReferencedSOPInstanceUID) for item in found.get("ReferencedSOPSequence", [])],
        [(str(item.ReferencedSOPInstanceUID), item.FailureReason) for item in found.get("FailedSOPSequence", [])],
        [item.FailureReason for item in found.get("OtherFailuresSequence", [])],
    )


def _new(world: World) -> Any:
    return UploadedFile.objects.exclude(pk__in=[file.pk for file in world.files.values()]).order_by("received_at")


def test_a_study_is_stored_in_the_batch_of_the_day(post: Post, world: World, dicom: bytes) -> None:
    second = _other(dicom)
    response = post(_body(dicom, second))
    assert (response.status_code, response["Content-Type"]) == (200, "application/dicom+json")
    assert _answer(response) == ([_uid(dicom), _uid(second)], [], [])
    files = list(_new(world))
    assert [names.reveal(file.sealed_name) for file in files] == [f"{_uid(dicom)}.dcm", f"{_uid(second)}.dcm"]
    for file, content in zip(files, (dicom, second), strict=True):
        assert (file.stage, file.group, file.hospital) == (Stage.INSPECT, None, world.hospital)
        with originals.opened(file.pk, file.sha256) as original:
            assert original.read() == content
    batch = files[0].batch
    assert (batch.way, batch.user, batch.dataset) == ("stow", world.hospital_user, world.dataset)
    assert post(_body(_other(dicom))).status_code == 200
    assert UploadBatch.objects.filter(way="stow").count() == 1
    assert Event.objects.get(action="batch.opened").data["way"] == "stow"


def test_a_batch_of_its_own_can_be_chosen(post: Post, world: World, dicom: bytes) -> None:
    assert post(_body(dicom), f"/dicom-web/batches/{world.batch.pk}/studies").status_code == 200
    assert _new(world).get().batch == world.batch


def test_which_batch_is_asked_where_it_is_not_clear(post: Post, world: World, dicom: bytes) -> None:
    other = Dataset.objects.create(slug="other", origin="O", title="Other", agreement=world.agreement)
    DiagnosisGroup.objects.create(dataset=other, class_id=1, label="NORMAL")
    assert post(_body(dicom)).status_code == 409
    other.groups.all().delete()
    HospitalMembership.objects.create(user=world.hospital_user, hospital=world.other_hospital)
    assert post(_body(dicom)).status_code == 409
    assert not _new(world).exists()


def test_who_sends_the_same_again_is_told_that_it_is_there(post: Post, world: World, dicom: bytes) -> None:
    for _ in range(2):
        response = post(_body(dicom))
        assert (response.status_code, _answer(response)[0]) == (200, [_uid(dicom)])
    assert _new(world).count() == 1
    assert len(list(quarantine.blobs())) == 1


def test_what_cannot_be_taken_is_said_instance_by_instance(
    post: Post, world: World, dicom: bytes, settings: LazySettings
) -> None:
    settings.CXR_MAX_FILE_BYTES = len(dicom) + 2000
    big, ct = _other(dicom) + bytes(5000), _other(dicom, SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    nameless = _other(dicom, StudyInstanceUID="")
    response = post(
        _body(
            dicom, big, ct, b"", nameless, b"no DICOM" * 99, ("text/plain", dicom), dicom[: len(dicom) // 500], b"\r\n"
        )
    )
    assert response.status_code == 202
    stored, failed, others = _answer(response)
    assert stored == [_uid(dicom)]
    assert failed == [(_uid(big), 0xA700), (_uid(ct), 0x0122)]
    assert others == [0xC000] * 6
    assert "larger than" in response["Warning"]
    assert _new(world).count() == len(list(quarantine.blobs())) == 1


def test_a_transfer_syntax_that_nobody_reads(post: Post, dicom: bytes) -> None:
    old, new = b"1.2.840.10008.1.2.1\x00", b"1.2.840.10008.1.2.9\x00"
    assert old in dicom
    response = post(_body(dicom.replace(old, new, 1)))
    assert (response.status_code, _answer(response)[2]) == (409, [0xC122])


def test_the_study_of_the_address_is_the_only_one(post: Post, world: World, dicom: bytes) -> None:
    other = _other(dicom, StudyInstanceUID="1.2.3.4")
    response = post(_body(dicom, other), f"/dicom-web/studies/{_uid(dicom, 'StudyInstanceUID')}")
    assert (response.status_code, _answer(response)[:2]) == (202, ([_uid(dicom)], [(_uid(other), 0xA900)]))
    response = post(_body(other), "/dicom-web/studies/9.9.9")
    assert (response.status_code, _answer(response)[1]) == (409, [(_uid(other), 0xA900)])
    assert _new(world).count() == 1


def test_no_room_is_said(post: Post, world: World, dicom: bytes) -> None:
    world.hospital.quota_gb = 0
    world.hospital.save()
    response = post(_body(dicom))
    assert (response.status_code, _answer(response)[1]) == (409, [(_uid(dicom), 0xA700)])
    assert not list(quarantine.blobs())


def test_a_full_disk_is_said_and_the_rest_goes_on(
    post: Post, world: World, dicom: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = quarantine.Sealer.finish, []

    def full_at_first(self: quarantine.Sealer) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise OSError(28, "No space left on device")
        return real(self)

    monkeypatch.setattr(quarantine.Sealer, "finish", full_at_first)
    second = _other(dicom)
    response = post(_body(dicom, second))
    assert (response.status_code, _answer(response)[:2]) == (202, ([_uid(second)], [(_uid(dicom), 0xA700)]))
    assert _new(world).count() == len(list(quarantine.blobs())) == 1


def test_more_parts_than_a_request_may_have(post: Post, world: World, dicom: bytes, settings: LazySettings) -> None:
    settings.CXR_MAX_FILES_PER_REQUEST = 2
    response = post(_body(dicom, _other(dicom), _other(dicom)))
    assert (response.status_code, _answer(response)[2]) == (202, [0xA700])
    assert _new(world).count() == 2


@pytest.mark.parametrize(
    ("type", "status"),
    [
        ("application/dicom", 415),
        ('multipart/related; type="application/dicom+json"; boundary=x', 415),
        ('multipart/form-data; boundary="x"', 415),
        ("multipart/related; type=application/dicom", 400),
        ('multipart/related; type="application/dicom"; boundary=another', 400),
        (f'multipart/related; type="application/dicom"; boundary={"x" * 71}', 400),
        ("", 415),
    ],
)
def test_a_body_that_is_something_else(post: Post, world: World, dicom: bytes, type: str, status: int) -> None:
    assert post(_body(dicom), type=type).status_code == status
    assert not _new(world).exists()


def test_a_body_that_ends_early_keeps_what_was_whole(post: Post, world: World, dicom: bytes) -> None:
    whole = _body(dicom, _other(dicom))
    assert post(whole[: len(whole) - 5000]).status_code == 400
    assert _new(world).count() == len(list(quarantine.blobs())) == 1


@pytest.mark.parametrize("body", [_body(), b"x" * 100_000, b"--" + BOUNDARY.encode() + b"\r\nA: " + b"x" * 50_000])
def test_a_body_with_nothing_in_it(post: Post, world: World, body: bytes) -> None:
    assert post(body).status_code == 400
    assert not list(quarantine.blobs())


def test_who_may_store(post: Post, world: World, dicom: bytes) -> None:
    own = f"/dicom-web/batches/{world.batch.pk}/studies"
    body = _body(dicom)
    assert post(body, token="").status_code == 401
    assert post(body, token="cxr_nonsense").status_code == 401
    assert post(body, token=_token(world.hospital_user, "read", "download")).status_code == 403
    assert post(body, token=_token(world.researcher, "upload")).status_code == 403
    assert post(body, own, token=_token(world.other_hospital_user, "upload")).status_code == 404
    assert not _new(world).exists()
    assert not list(quarantine.blobs())
    assert post(body, Accept="application/dicom+xml").status_code == 406


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_parts_are_found_however_the_bytes_are_cut(size: int) -> None:
    contents = [b"", b"\r\n", b"x--" + BOUNDARY.encode(), b"a\r\n--x" * 50, b"\r\n--" + BOUNDARY.encode()[:-1]]
    body = b"preamble" + b"\r\n" + _body(*contents) + b"epilogue"
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    found = [(headers, b"".join(chunks)) for headers, chunks in multipart.Parts(pieces, BOUNDARY)]
    assert found == [({"content-type": "application/dicom"}, content) for content in contents]


def test_the_route_asks_for_the_scope_of_uploads() -> None:
    assert reverse("intake:stow") == "/dicom-web/studies"
    assert [kind.__name__ for kind in views.Studies.authentication_classes] == ["ApiTokenAuthentication"]
