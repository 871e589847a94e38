"""tus 1.0 through the real request handling. Real servers, cut lines and kills: test_tus_live.py."""

import base64
import hashlib
import io
import os
import resource
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, HospitalMembership
from accounts.tokens import secret_hash
from audit.models import Event
from intake import names, quarantine, resumable, services
from intake.models import PartialUpload, Stage, UploadedFile
from intake.quarantine import SEGMENT, open_original
from intake.services import partial, patients, sweep
from intake.tus import body
from intake.tus.protocol import CONTENT_TYPE
from tests.intake.conftest import all_bytes
from tests.world import World

VERSION = {"Tus-Resumable": "1.0.0"}
MARK = b"Jan Kowalski 1950-01-01 "


def _content(size: int) -> bytes:
    return (MARK * (size // len(MARK) + 1))[:size]


def metadata(**fields: object) -> str:
    return ",".join(f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in fields.items())


class Tus:
    """A person's program, as little of it as there can be."""

    def __init__(self, world: World, user: Any) -> None:
        self.world = world
        self.http = Client()
        self.http.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def create(self, length: int | str, body: bytes | None = None, headers: Any = None, **fields: object) -> Any:
        told = {"batch": self.world.batch.pk, "filename": "jan_kowalski.dcm", "class_id": 1, **fields}
        sent = {**VERSION, "Upload-Length": str(length), "Upload-Metadata": metadata(**told), **(headers or {})}
        url = reverse("intake:tus")
        if body is None:
            return self.http.generic("POST", url, headers=sent)
        return self.http.post(url, body, content_type=CONTENT_TYPE, headers=sent)

    def begin(self, length: int, **fields: object) -> str:
        answer = self.create(length, **fields)
        assert answer.status_code == 201, answer.content
        return str(answer["Location"])

    def patch(self, url: str, offset: int | str, body: bytes, **headers: str) -> Any:
        sent = {**VERSION, "Content-Type": CONTENT_TYPE, "Upload-Offset": str(offset), **headers}
        return self.http.patch(url, body, content_type=CONTENT_TYPE, headers=sent)

    def head(self, url: str) -> Any:
        return self.http.head(url, headers=VERSION)

    def delete(self, url: str) -> Any:
        return self.http.delete(url, headers=VERSION)


@pytest.fixture
def tus(world: World) -> Tus:
    return Tus(world, world.hospital_user)


def _only_file(world: World) -> UploadedFile:
    return UploadedFile.objects.exclude(pk__in=[file.pk for file in world.files.values()]).get()


def _original(file: UploadedFile, tmp_path: Path) -> bytes:
    target = tmp_path / "opened"
    open_original(file.pk, file.sha256, target)
    return target.read_bytes()


def test_a_file_in_pieces(tus: Tus, world: World, tmp_path: Path) -> None:
    content = _content(2 * SEGMENT + 1000)
    url = tus.begin(len(content), sex="F", age=95, patient_key="77", relativePath="ward 3/jan_kowalski.dcm")
    offset = 0
    for size in (10, SEGMENT - 5, SEGMENT + 5, 990):
        answer = tus.patch(url, offset, content[offset : offset + size])
        offset += size
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(offset))
        assert answer["Upload-Expires"].endswith("GMT")
        assert tus.head(url)["Upload-Offset"] == str(offset)
    file = _only_file(world)
    assert answer["Upload-File"] == tus.head(url)["Upload-File"] == str(file.pk)
    assert (file.size, file.sha256, file.stage) == (len(content), "", Stage.INSPECT)
    assert (file.group, file.sex, file.age) == (world.group, "F", 90)
    assert file.patient_key_hash
    assert names.reveal(file.sealed_name) == "ward 3/jan_kowalski.dcm"
    assert _original(file, tmp_path) == content
    assert Event.objects.filter(action="file.received", object_id=str(file.pk)).count() == 1


def test_a_whole_file_in_the_request_that_creates_it(tus: Tus, world: World) -> None:
    content = _content(5000)
    answer = tus.create(len(content), content)
    assert (answer.status_code, answer["Upload-Offset"]) == (201, "5000")
    file = _only_file(world)
    assert answer["Location"].endswith(str(file.pk))
    assert file.sha256 == hashlib.sha256(content).hexdigest()


def test_an_empty_file_is_taken_and_judged_by_inspection(tus: Tus, world: World) -> None:
    assert "Upload-File" in tus.create(0)
    assert _only_file(world).size == 0


def test_what_it_can_is_told_to_everybody(world: World) -> None:
    answer = Client().options(reverse("intake:tus"))
    assert answer.status_code == 204
    assert answer["Tus-Version"] == answer["Tus-Resumable"] == "1.0.0"
    assert set(answer["Tus-Extension"].split(",")) == {
        "creation",
        "creation-with-upload",
        "termination",
        "checksum",
        "expiration",
    }
    assert int(answer["Tus-Max-Size"]) >= 200 * 1024**2
    assert answer["Tus-Checksum-Algorithm"] == "sha256,sha1"


HUGE = str(10**14)
TWICE = f"{metadata(batch=1)},{metadata(batch=1)}"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412, "version"),
        ({"Tus-Resumable": ""}, 412, "version"),
        ({"Upload-Length": ""}, 400, "bad_header"),
        ({"Upload-Length": "-1"}, 400, "bad_header"),
        ({"Upload-Length": "1e3"}, 400, "bad_header"),
        ({"Upload-Length": "٣"}, 400, "bad_header"),
        ({"Upload-Length": "9" * 400}, 400, "bad_header"),
        ({"Upload-Length": HUGE}, 413, "too_large"),
        ({"Upload-Defer-Length": "1"}, 400, "bad_header"),
        ({"Upload-Concat": "partial"}, 400, "bad_header"),
        ({"Upload-Metadata": ""}, 404, "no_batch"),
        ({"Upload-Metadata": "batch not*base64"}, 400, "bad_header"),
        ({"Upload-Metadata": "filename " + base64.b64encode(b"\xff\xfe").decode()}, 400, "bad_header"),
        ({"Upload-Metadata": TWICE}, 400, "bad_header"),
        ({"Upload-Metadata": ",,"}, 400, "bad_header"),
        ({"Upload-Metadata": metadata(batch="x")}, 404, "no_batch"),
        ({"Upload-Metadata": metadata(batch=987654)}, 404, "no_batch"),
        ({"Upload-Metadata": metadata(batch="9" * 30)}, 404, "no_batch"),
        ({"Upload-Checksum": "sha256 x"}, 400, "bad_header"),
    ],
)
def test_what_cannot_be_begun(tus: Tus, headers: dict[str, str], status: int, code: str) -> None:
    answer = tus.create(10, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert answer["Tus-Resumable"] == "1.0.0"
    assert answer.headers.get("Tus-Version") == ("1.0.0" if status == 412 else None)
    assert not PartialUpload.objects.exists()
    assert list(quarantine.blobs()) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"class_id": 9}, "does not belong to the dataset"),
        ({"class_id": "x"}, "does not belong to the dataset"),
        ({"class_id": "9" * 30}, "does not belong to the dataset"),
        ({"patient_key": "7\x00"}, "Patient key"),
        ({"sex": "x"}, "Sex"),
        ({"age": "old"}, "Age"),
        ({"smoke_packyears": "-1"}, "Pack-years"),
        ({"patient_key": "7" * 200}, "Patient key"),
    ],
)
def test_a_description_that_cannot_be_is_said_before_a_byte_is_sent(
    tus: Tus, fields: dict[str, object], said: str
) -> None:
    answer = tus.create(10, **fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "metadata")
    assert said in answer.json()["message"]
    assert not PartialUpload.objects.exists()


def test_metadata_of_others_are_ignored_and_a_long_path_keeps_its_end(tus: Tus, world: World) -> None:
    path = "/".join(["folder"] * 200) + "/last.dcm"
    answer = tus.create(3, b"abc", type="application/dicom", colour="blue", relativePath=path, class_id="")
    assert answer.status_code == 201
    file = _only_file(world)
    assert names.reveal(file.sealed_name) == path[-255:]
    assert file.group is None


def test_the_metadata_come_back_and_lie_nowhere_in_the_clear(tus: Tus, tmp_path: Path) -> None:
    url = tus.begin(len(MARK) * 9, patient_key="4711-kowalski")
    tus.patch(url, 0, MARK * 3)
    answer = tus.head(url)
    assert (answer["Upload-Length"], answer["Cache-Control"]) == (str(len(MARK) * 9), "no-store")
    assert metadata(patient_key="4711-kowalski") in answer["Upload-Metadata"]
    assert MARK not in all_bytes(tmp_path)
    row = str(PartialUpload.objects.values().get()).lower()
    assert "kowalski" not in row
    assert base64.b64encode(b"4711-kowalski").decode().lower() not in row


class TestPatch:
    @pytest.mark.parametrize(
        ("headers", "status", "code"),
        [
            ({"Tus-Resumable": "2.0"}, 412, "version"),
            ({"Upload-Offset": "4"}, 409, "offset"),
            ({"Upload-Offset": "6"}, 409, "offset"),
            ({"Upload-Offset": ""}, 400, "bad_header"),
            ({"Upload-Offset": "-5"}, 400, "bad_header"),
            ({"Upload-Checksum": "md5 AAAA"}, 400, "bad_header"),
            ({"Upload-Checksum": "sha256 ***"}, 400, "bad_header"),
            ({"Upload-Checksum": "sha256 AAAA"}, 460, "checksum_mismatch"),
            ({"Upload-Checksum": "sha256"}, 460, "checksum_mismatch"),
        ],
    )
    def test_what_is_wrong_changes_nothing(self, tus: Tus, headers: dict[str, str], status: int, code: str) -> None:
        url = tus.begin(10)
        tus.patch(url, 0, b"01234")
        answer = tus.patch(url, **{"offset": 5, "body": b"56789", **headers})  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert tus.head(url)["Upload-Offset"] == "5"
        assert "Upload-File" in tus.patch(url, 5, b"56789")

    def test_another_content_type(self, tus: Tus) -> None:
        url = tus.begin(10)
        answer = tus.http.patch(url, b"01234", content_type="text/plain", headers={**VERSION, "Upload-Offset": "0"})
        assert (answer.status_code, answer.json()["code"]) == (415, "content_type")
        assert tus.head(url)["Upload-Offset"] == "0"

    def test_a_form_is_not_read(self, tus: Tus) -> None:
        """Not even for the CSRF token that it may hold."""
        url = reverse("intake:tus")
        assert tus.http.post(url, {"a": "b"}, headers={**VERSION, "Upload-Length": "3"}).status_code == 415

    def test_more_than_was_announced(self, tus: Tus) -> None:
        url = tus.begin(10)
        assert tus.patch(url, 0, b"0123456789+").status_code == 413
        assert tus.create(2, b"abc").status_code == 413
        assert tus.head(url)["Upload-Offset"] == "0"

    @pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
    def test_a_right_checksum(self, tus: Tus, algorithm: str, world: World, tmp_path: Path) -> None:
        content = _content(SEGMENT + 500)
        digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
        url = tus.begin(len(content))
        assert tus.patch(url, 0, content, **{"Upload-Checksum": f"{algorithm} {digest}"}).status_code == 204
        assert _original(_only_file(world), tmp_path) == content

    def test_a_wrong_checksum_drops_all_of_a_long_body(self, tus: Tus, tmp_path: Path) -> None:
        """Also the segments that were full before the end was there."""
        url = tus.begin(3 * SEGMENT)
        tus.patch(url, 0, _content(100))
        size = (blob := next((tmp_path / "quarantine").iterdir())).stat().st_size
        answer = tus.patch(url, 100, _content(2 * SEGMENT), **{"Upload-Checksum": "sha256 AAAA"})
        assert answer.status_code == 460
        assert tus.head(url)["Upload-Offset"] == "100"
        assert blob.stat().st_size == size

    def test_where_patch_is_not_let_through(self, tus: Tus) -> None:
        url = tus.begin(5)
        headers = {**VERSION, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
        answer = tus.http.post(url, b"01234", content_type=CONTENT_TYPE, headers=headers)
        assert (answer.status_code, "Upload-File" in answer) == (204, True)

    def test_an_upload_is_not_read(self, tus: Tus) -> None:
        assert tus.http.get(tus.begin(5), headers=VERSION).status_code == 405


class TestPeople:
    def test_another_persons_upload_is_not_there(self, tus: Tus, world: World) -> None:
        """Neither for the other hospital nor for a colleague."""
        url = tus.begin(5)
        for user in (world.other_hospital_user, world.people.hospital_user(world.hospital)):
            other = Tus(world, user)
            answers = [other.head(url), other.patch(url, 0, b"01234"), other.delete(url)]
            assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert Tus(world, world.other_hospital_user).create(5).json()["code"] == "no_batch"
        assert tus.head(url)["Upload-Offset"] == "0"

    def test_who_left_the_hospital_goes_on_with_nothing(self, tus: Tus, world: World) -> None:
        url = tus.begin(5)
        HospitalMembership.objects.filter(user=world.hospital_user).update(hospital=world.other_hospital)
        assert tus.patch(url, 0, b"01234").status_code == 404

    def test_a_session_needs_the_csrf_token_in_a_header(self, world: World) -> None:
        strict = Tus(world, world.hospital_user)
        strict.http = Client(enforce_csrf_checks=True)
        strict.http.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
        refused = strict.create(3, b"abc")
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
        assert list(quarantine.blobs()) == []
        strict.http.get(reverse("intake:batch", args=[world.batch.pk]))
        token = {"X-CSRFToken": strict.http.cookies["csrftoken"].value}
        assert strict.create(3, b"abc", headers=token).status_code == 201

    @pytest.mark.parametrize(("scope", "status"), [("upload", 201), ("read", 403)])
    def test_a_token_needs_its_scope(self, world: World, scope: str, status: int) -> None:
        until = timezone.now() + timedelta(days=1)
        details = {"token_hash": secret_hash("cxr_x"), "scopes": [scope], "expires_at": until}
        ApiToken.objects.create(user=world.hospital_user, name="pacs", **details)
        program = Tus(world, world.hospital_user)
        program.http = Client(enforce_csrf_checks=True, headers={"Authorization": "Bearer cxr_x"})
        assert program.create(3, b"abc").status_code == status

    def test_nobody(self, world: World) -> None:
        visitor = Tus(world, world.hospital_user)
        visitor.http = Client()
        answer = visitor.create(3, b"abc")
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


class TestEnds:
    def test_terminated(self, tus: Tus) -> None:
        url = tus.begin(10)
        tus.patch(url, 0, b"01234")
        assert tus.delete(url).status_code == 204
        assert tus.head(url).status_code == 404
        assert list(quarantine.blobs()) == []

    def test_a_file_is_withdrawn_on_its_page_not_terminated(self, tus: Tus, world: World) -> None:
        url = tus.create(3, b"abc")["Location"]
        assert tus.delete(url).status_code == 422
        assert quarantine.exists(_only_file(world).pk)

    @pytest.mark.parametrize("stage", [Stage.WITHDRAWN, Stage.REJECTED])
    def test_what_was_turned_away_can_be_sent_anew(self, tus: Tus, world: World, stage: Stage) -> None:
        url = tus.create(3, b"abc")["Location"]
        assert tus.head(url).status_code == 200
        UploadedFile.objects.filter(pk=_only_file(world).pk).update(stage=stage)
        assert tus.head(url).status_code == 410

    def test_one_that_nobody_went_on_with(self, tus: Tus) -> None:
        url, live = tus.begin(10), tus.begin(10)
        PartialUpload.objects.filter(pk=url[-36:]).update(expires_at=timezone.now())
        answers = [tus.head(url), tus.patch(url, 0, b"01234")]
        assert [answer.status_code for answer in answers] == [410, 410]
        sweep()
        assert tus.head(url).status_code == 404
        assert [str(blob_id) for blob_id, _ in quarantine.blobs()] == [live[-36:]]

    def test_blobs_of_uploads_under_way_are_nobodys_orphans(self, tus: Tus, settings: Any) -> None:
        settings.CXR_PARTIAL_UPLOAD_DAYS = 30
        url = tus.begin(10)
        blob = Path(settings.STORAGES["quarantine"]["OPTIONS"]["location"]) / url[-36:]
        os.utime(blob, (0, 0))
        from intake.services import purge

        purge()
        assert blob.exists()

    def test_a_duplicate_is_said_and_remembered(self, tus: Tus, world: World) -> None:
        tus.create(3, b"abc")
        url = tus.begin(3)
        answers = [tus.patch(url, 0, b"abc"), tus.patch(url, 3, b"")]
        assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "duplicate")] * 2
        assert f"batch {world.batch.pk}" in answers[1].json()["message"]
        assert tus.head(url).status_code == 422
        assert [blob_id for blob_id, _ in quarantine.blobs()] == [_only_file(world).pk]
        assert tus.delete(url).status_code == 204

    def test_what_is_surely_no_image_is_refused_at_its_first_bytes(self, tus: Tus, world: World) -> None:
        url = tus.begin(10_000)
        answer = tus.patch(url, 0, b"%PDF-1.7" + bytes(200))
        assert (answer.status_code, answer.json()["code"]) == (422, "type_not_taken")
        assert "PDF" in answer.json()["message"]
        assert tus.patch(url, 0, bytes(200)).json()["code"] == "type_not_taken"
        assert list(quarantine.blobs()) == []

    def test_an_image_as_large_as_a_zip_is_refused_at_its_first_bytes(self, tus: Tus, settings: Any) -> None:
        settings.CXR_MAX_FILE_BYTES = 1000
        assert tus.patch(tus.begin(2000), 0, b"PK\x03\x04" + bytes(300)).status_code == 204
        assert tus.patch(tus.begin(2000), 0, bytes(300)).status_code == 413


class TestCrashes:
    """What a killed process leaves behind, laid by hand; real kills are in test_tus_live.py."""

    def test_bytes_that_were_not_acknowledged_are_cut_off(self, tus: Tus, world: World, tmp_path: Path) -> None:
        url = tus.begin(20)
        tus.patch(url, 0, b"0123456789")
        with (tmp_path / "quarantine" / url[-36:]).open("ab") as blob:
            blob.write(b"half a segment")
        tus.patch(url, 10, b"0123456789")
        assert _original(_only_file(world), tmp_path) == b"0123456789" * 2

    def test_a_disk_that_lost_bytes_means_starting_anew(self, tus: Tus, world: World, tmp_path: Path) -> None:
        url = tus.begin(10)
        tus.patch(url, 0, b"xxxxx")
        blob = tmp_path / "quarantine" / url[-36:]
        os.truncate(blob, 9)
        assert tus.patch(url, 5, b"56789").status_code == 409
        assert tus.head(url)["Upload-Offset"] == "0"
        blob.unlink()
        assert tus.head(url)["Upload-Offset"] == "0"
        tus.patch(url, 0, b"0123456789")
        assert _original(_only_file(world), tmp_path) == b"0123456789"

    @pytest.fixture
    def cut(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        """Lets one call of a step fail as a kill would: nothing after it happens."""

        def _cut(step: str) -> None:
            def killed(*args: Any, **kwargs: Any) -> None:
                monkeypatch.undo()
                raise SystemExit

            monkeypatch.setattr(partial, step, killed)

        return _cut

    @pytest.mark.parametrize("step", ["receive_file", "_close"])
    @pytest.mark.parametrize("heir", ["head", "patch", "sweep"])
    def test_killed_between_the_last_byte_and_the_answer(
        self, tus: Tus, world: World, cut: Any, step: str, heir: str
    ) -> None:
        url = tus.begin(3)
        cut(step)
        with pytest.raises(SystemExit):
            tus.patch(url, 0, b"abc")
        if heir == "head":
            assert tus.head(url)["Upload-File"]
        elif heir == "patch":
            assert tus.patch(url, 3, b"")["Upload-File"]
        else:
            PartialUpload.objects.update(created_at=timezone.now() - timedelta(minutes=5))
            sweep()
        file = _only_file(world)
        assert file.sha256 == hashlib.sha256(b"abc").hexdigest()
        assert quarantine.exists(file.pk)
        assert PartialUpload.objects.get().finished_at is not None

    def test_two_writers(self, tus: Tus, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(partial, "BUSY_SECONDS", 0.1)
        url = tus.begin(10)
        with resumable.locked(PartialUpload.objects.get().pk):
            answers = [tus.patch(url, 0, b"01234"), tus.head(url), tus.delete(url)]
        assert [answer.status_code for answer in answers] == [423, 423, 423]
        assert tus.patch(url, 0, b"01234").status_code == 204

    def test_a_full_disk_loses_nothing_that_was_acknowledged(self, tus: Tus, world: World, tmp_path: Path) -> None:
        """A real error of the kernel: this process may write no file over a limit (the database stays below it)."""
        content = _content(3 * SEGMENT)
        url = tus.begin(len(content))
        tus.patch(url, 0, content[:1000])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * SEGMENT, hard))
        try:
            answer = tus.patch(url, 1000, content[1000:])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_failed")
        # The first segment of the request was acknowledged when the second one met the limit.
        assert (offset := int(tus.head(url)["Upload-Offset"])) == 1000 + SEGMENT
        assert tus.patch(url, offset, content[offset:])["Upload-File"]
        assert _original(_only_file(world), tmp_path) == content


class TestCutLines:
    """Below Django: what the server hands over when the line is cut."""

    class _Broken(io.BytesIO):
        """A line that is reset after some bytes."""

        def __init__(self, content: bytes, end: int) -> None:
            super().__init__(content)
            self.end = end

        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= self.end:
                raise ConnectionResetError
            return super().read(size)

    @pytest.mark.parametrize("how", ["ended", "reset"])
    def test_what_came_is_kept(self, tus: Tus, world: World, tmp_path: Path, how: str) -> None:
        content = _content(SEGMENT + 700_000)
        url = tus.begin(len(content))
        sent = content[: SEGMENT + 300_000]
        line = io.BytesIO(sent) if how == "ended" else self._Broken(content, SEGMENT + 100_000)
        environ = {
            "wsgi.input": line,
            "CONTENT_LENGTH": str(len(content)),
            "CONTENT_TYPE": CONTENT_TYPE,
            "HTTP_UPLOAD_OFFSET": "0",
        }
        tus.http.generic("PATCH", url, headers=VERSION, **environ)
        offset = int(tus.head(url)["Upload-Offset"])
        if how == "ended":
            assert offset == len(sent)
        else:
            assert SEGMENT + 100_000 <= offset < len(content)
        assert tus.patch(url, offset, content[offset:])["Upload-File"]
        assert _original(_only_file(world), tmp_path) == content

    def test_a_body_in_chunks(self) -> None:
        """Without Content-Length, as gunicorn hands it over; nothing is read beyond what may come."""
        environ = {"wsgi.input": io.BytesIO(bytes(300_000)), "wsgi.input_terminated": True}
        assert sum(map(len, body.Body(environ).pieces(200_000))) == 200_000
        assert list(body.Body({"wsgi.input": io.BytesIO(b"of the next request")}).pieces(10)) == []

    def test_a_refused_body_is_read_so_that_the_answer_arrives(self, tus: Tus) -> None:
        line = io.BytesIO(bytes(500_000))
        environ = {"wsgi.input": line, "CONTENT_LENGTH": "500000", "CONTENT_TYPE": CONTENT_TYPE}
        answer = tus.http.generic("PATCH", tus.begin(500_000), headers={**VERSION, "Upload-Offset": "5"}, **environ)
        assert (answer.status_code, line.tell()) == (409, 500_000)

    def test_pages_keep_threads_when_many_lines_are_slow(self, tus: Tus, monkeypatch: pytest.MonkeyPatch) -> None:
        url = tus.begin(10)
        monkeypatch.setattr(body, "_room", threading.BoundedSemaphore(1))
        with body.Body({"CONTENT_LENGTH": "1"}).room():
            for answer in (tus.patch(url, 0, b"x" * 10), tus.create(10, b"x" * 10)):
                assert (answer.status_code, answer["Retry-After"]) == (503, "5")
            assert (tus.head(url)["Upload-Offset"], PartialUpload.objects.count()) == ("0", 1)
        assert tus.patch(url, 0, b"x" * 10).status_code == 204

    def test_a_silent_line_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(body, "SILENT_SECONDS", 0.05)
        ours, theirs = socket.socketpair()
        theirs.sendall(b"01234")

        class Line:
            def read(self, size: int) -> bytes:
                return ours.recv(size)

        environ = {"wsgi.input": Line(), "CONTENT_LENGTH": "10", "gunicorn.socket": ours}
        assert list(body.Body(environ).pieces(10)) == [b"01234"]
        assert ours.gettimeout() is None
        ours.close()
        theirs.close()


class TestWhatIsMendedElsewhere:
    def test_bytes_wait_for_a_key_that_is_missing(
        self, tus: Tus, dicom: bytes, monkeypatch: pytest.MonkeyPatch, world: World
    ) -> None:
        url = tus.begin(len(dicom), patient_key="4711")
        with monkeypatch.context() as patched:
            patched.setattr(patients, "identify", _without_key)
            assert tus.patch(url, 0, dicom).status_code == 507
        assert quarantine.exists(PartialUpload.objects.get().pk)
        assert tus.head(url).status_code == 200
        assert tus.patch(url, len(dicom), b"")["Upload-File"]
        assert _only_file(world).patient_key_hash

    def test_no_empty_blob_stays_where_the_file_is_destroyed(self, tus: Tus, dicom: bytes, world: World) -> None:
        url = tus.begin(len(dicom))
        tus.patch(url, 0, dicom)
        PartialUpload.objects.update(finished_at=None)  # its request was killed after the last byte
        services.withdraw(_only_file(world), world.hospital_user)
        services.clean_up(_only_file(world).pk)
        assert tus.head(url).status_code == 410
        assert not quarantine.exists(_only_file(world).pk)

    @pytest.mark.parametrize("class_id", ["9" * 5000, "9" * 19, "²", "-1", "1e3"])
    def test_a_class_that_is_no_number(self, tus: Tus, class_id: str) -> None:
        assert tus.create(10, class_id=class_id).status_code == 400


def _without_key(*args: object, **kwargs: object) -> None:
    raise patients.PatientUnclear
