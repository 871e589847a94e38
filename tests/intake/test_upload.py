"""The way in, through the real request handling: form and API."""

import io
import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.core.signals import request_started
from django.db import close_old_connections
from django.http.multipartparser import MultiPartParserError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken
from accounts.tokens import secret_hash
from intake import names, quarantine
from intake.models import UploadedFile
from intake.tables import COLUMNS
from intake.uploadhandler import SealingUploadHandler
from tests.intake.conftest import all_bytes
from tests.world import World

MARK = b"Jan Kowalski 1950-01-01 "


class _Watch:
    """Every file that this process opens for writing while `on`."""

    def __init__(self) -> None:
        self.on = False
        self.paths: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and event == "open":
            path, _mode, flags = arguments
            if isinstance(path, str) and (flags or 0) & 0o3:
                self.paths.append(path)


_watch = _Watch()


@pytest.fixture
def written() -> Iterator[list[str]]:
    _watch.paths.clear()
    _watch.on = True
    yield _watch.paths
    _watch.on = False


def _new(world: World) -> Any:
    return UploadedFile.objects.exclude(pk__in=[file.pk for file in world.files.values()])


@pytest.fixture
def client(world: World) -> Client:
    client = Client()
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _post(client: Client, world: World, *files: tuple[str, bytes], **data: Any) -> Any:
    uploads = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(
        reverse("intake:batch", args=[world.batch.pk]), {"files": uploads, "group": world.group.pk, **data}
    )


def test_many_files_with_one_description(client: Client, world: World) -> None:
    response = _post(client, world, ("a.dcm", b"one"), ("b.dcm", b"two"), sex="F", age="95", patient_key="77")
    assert response.status_code == 302
    files = list(_new(world))
    assert sorted(names.reveal(file.sealed_name) for file in files) == ["a.dcm", "b.dcm"]
    assert {(file.sex, file.age, file.group) for file in files} == {("F", 90, world.group)}
    assert files[0].patient_key_hash == files[1].patient_key_hash != ""


def test_plaintext_never_touches_a_disk(client: Client, world: World, tmp_path: Path, written: list[str]) -> None:
    """Neither while the bytes arrive (what is opened for writing) nor afterwards (what lies there)."""
    content = MARK * 400_000  # 9 MB: more than Django keeps in memory, and more than two segments
    table = b"filename,patient_key\na.dcm," + MARK + b"\n"
    response = _post(client, world, ("a.dcm", content), table=SimpleUploadedFile("t.csv", table))
    assert response.status_code == 302
    assert _new(world).get().size == len(content)
    assert written
    assert {str(Path(path).parent) for path in written if not path.startswith("/dev/")} == {
        str(tmp_path / "quarantine")
    }
    assert MARK not in all_bytes(tmp_path)


def test_a_file_over_the_limit_is_refused_and_the_others_are_taken(client: Client, world: World, settings: Any) -> None:
    settings.CXR_MAX_FILE_BYTES = 1024 * 1024
    response = _post(client, world, ("small.dcm", b"one"), ("huge.dcm", MARK * 50_000), ("last.dcm", b"two"))
    page = response.content.decode()
    assert "huge.dcm" in page
    assert "larger than 1.0" in page
    assert "2 files were taken over" in page
    assert sorted(names.reveal(file.sealed_name) for file in _new(world)) == ["last.dcm", "small.dcm"]
    assert {blob_id for blob_id, _ in quarantine.blobs()} == set(_new(world).values_list("pk", flat=True))


def test_a_full_disk_is_said_and_keeps_nothing(client: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(quarantine, "sync", full)
    response = _post(client, world, ("a.dcm", b"one"))
    assert "could not store this file" in response.content.decode()
    assert list(quarantine.blobs()) == []


def test_a_duplicate_is_said_and_the_others_are_taken(client: Client, world: World) -> None:
    _post(client, world, ("a.dcm", b"one"))
    response = _post(client, world, ("again.dcm", b"one"), ("b.dcm", b"two"))
    assert "Your hospital sent the same file" in response.content.decode()
    assert _new(world).count() == 2


def test_empty_files_are_taken_and_judged_by_inspection(client: Client, world: World) -> None:
    _post(client, world, ("empty.dcm", b""))
    assert _new(world).get().size == 0


def test_no_diagnosis_is_asked_for(client: Client, world: World) -> None:
    response = _post(client, world, ("a.dcm", b"one"), group="")
    assert "Choose a diagnosis" in response.content.decode()
    assert not _new(world).exists()
    assert list(quarantine.blobs()) == []


def test_file_names_do_not_get_into_messages(client: Client, world: World) -> None:
    """Messages are kept in a cookie or the database."""
    response = _post(client, world, ("jan_kowalski.dcm", b"one"))
    assert "kowalski" not in str(response.cookies)
    assert "kowalski" not in str([SessionStore().decode(row) for row in _sessions()])


def _sessions() -> list[str]:
    from django.contrib.sessions.models import Session

    return list(Session.objects.values_list("session_data", flat=True))


class TestTable:
    def _post(self, client: Client, world: World, table: str, *files: str, **data: Any) -> Any:
        uploads = [(name, name.encode()) for name in files]
        return _post(client, world, *uploads, table=SimpleUploadedFile("t.csv", table.encode()), **data)

    def test_it_describes_each_file(self, client: Client, world: World) -> None:
        table = "filename;class;sex;age\na.dcm;PNEUMONIA;M;40\nb.dcm;;;\n"
        assert self._post(client, world, table, "a.dcm", "b.dcm", sex="F").status_code == 302
        found = {names.reveal(file.sealed_name): (file.group, file.sex, file.age) for file in _new(world)}
        # What a row leaves empty is as it was said for all.
        assert found == {"a.dcm": (world.other_group, "M", 40), "b.dcm": (world.group, "F", None)}

    @pytest.mark.parametrize(
        ("table", "files", "said"),
        [
            ("filename,sex\na.dcm,x\n", ["a.dcm"], "Write F or M"),
            ("filename,sex\na.dcm,F\nc.dcm,F\n", ["a.dcm"], "No file of this name was sent: c.dcm"),
            ("filename,sex\na.dcm,F\n", ["a.dcm", "b.dcm"], "The table has no row for this file: b.dcm"),
            ("filename,sex\na.dcm,F\n", ["a.dcm"], "The class is missing"),
            ("", ["a.dcm"], "This column is missing"),
        ],
    )
    def test_a_problem_stops_the_whole_request(
        self, client: Client, world: World, table: str, files: list[str], said: str
    ) -> None:
        response = self._post(client, world, table, *files, group="")
        assert said in response.content.decode()
        assert "Nothing was taken over" in response.content.decode()
        assert not _new(world).exists()
        assert list(quarantine.blobs()) == []

    def test_two_files_of_one_name_cannot_be_told_apart(self, client: Client, world: World) -> None:
        response = _post(
            client,
            world,
            ("a.dcm", b"one"),
            ("a.dcm", b"two"),
            table=SimpleUploadedFile("t.csv", b"filename,class\na.dcm,1\n"),
        )
        assert "Several files of this name" in response.content.decode()

    def test_a_table_over_the_limit_is_refused(
        self, client: Client, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("intake.uploadhandler.MAX_TABLE_BYTES", 100)
        response = self._post(client, world, "filename\n" + "x" * 200, "a.dcm")
        assert "Send it in parts" in response.content.decode()
        assert not _new(world).exists()

    def test_the_template_has_the_columns(self, client: Client) -> None:
        response = client.get(reverse("intake:template"))
        assert response.content.decode() == "\ufeff" + ",".join(COLUMNS) + "\r\n"


def _body(*parts: tuple[str, str, bytes]) -> bytes:
    lines = b""
    for field, name, content in parts:
        lines += f'--B\r\nContent-Disposition: form-data; name="{field}"'.encode()
        lines += f'; filename="{name}"\r\nContent-Type: application/octet-stream'.encode() if name else b""
        lines += b"\r\n\r\n" + content + b"\r\n"
    return lines + b"--B--\r\n"


def _environ(body: bytes, length: int, path: str = "/") -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "CONTENT_TYPE": "multipart/form-data; boundary=B",
        "CONTENT_LENGTH": str(length),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }


class TestCutOff:
    BODY = _body(("files", "a.dcm", b"one" * 1000), ("files", "b.dcm", b"two" * 1000), ("group", "", b"1"))

    # In the first file, in the second, between two parts, just before the end.
    @pytest.mark.parametrize("end", [500, 4000, BODY.index(b"--B", 2000), len(BODY) - 5])
    def test_nothing_of_it_is_kept(self, end: int) -> None:
        request = WSGIRequest(_environ(self.BODY[:end], len(self.BODY)))
        request.upload_handlers = [SealingUploadHandler(request)]
        with pytest.raises(MultiPartParserError):
            request.POST  # noqa: B018
        assert list(quarantine.blobs()) == []

    def test_a_connection_that_breaks_leaves_nothing(self) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() > 3000:
                    raise ConnectionResetError
                return super().read(1000)

        environ = {**_environ(b"", len(self.BODY)), "wsgi.input": Broken(self.BODY)}
        request = WSGIRequest(environ)
        request.upload_handlers = [SealingUploadHandler(request)]
        with pytest.raises(OSError):
            request.POST  # noqa: B018
        assert list(quarantine.blobs()) == []

    def test_the_page_says_so(self, client: Client, world: World) -> None:
        path = reverse("intake:batch", args=[world.batch.pk])
        environ = _environ(self.BODY[:4000], len(self.BODY), path)
        environ["HTTP_COOKIE"] = f"sessionid={client.cookies['sessionid'].value}"
        environ["HTTP_HOST"] = "localhost"
        answers: list[str] = []
        # The handler would drop the connection that holds the test's transaction.
        request_started.disconnect(close_old_connections)
        try:
            WSGIHandler()(environ, lambda status, headers: answers.append(status))
        finally:
            request_started.connect(close_old_connections)
        assert answers == ["302 Found"]
        assert not _new(world).exists()
        assert list(quarantine.blobs()) == []


def test_without_a_csrf_token_nothing_is_taken(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    assert _post(client, world, ("a.dcm", b"one")).status_code == 403
    assert not _new(world).exists()
    assert list(quarantine.blobs()) == []


def test_with_a_csrf_token_it_is(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    client.get(reverse("intake:batch", args=[world.batch.pk]))
    token = client.cookies["csrftoken"].value
    assert _post(client, world, ("a.dcm", b"one"), csrfmiddlewaretoken=token).status_code == 302
    assert _new(world).count() == 1


def test_nobody_of_another_hospital_gets_a_byte_in(world: World) -> None:
    client = Client()
    client.force_login(world.other_hospital_user, backend="django.contrib.auth.backends.ModelBackend")
    assert _post(client, world, ("a.dcm", b"one")).status_code == 404
    assert list(quarantine.blobs()) == []


def test_too_many_files_at_once_are_said(client: Client, world: World, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    response = _post(client, world, ("a", b"1"), ("b", b"2"), ("c", b"3"))
    assert response.status_code == 302
    assert "too many files" in client.get(response["Location"]).content.decode()
    assert not _new(world).exists()
    assert list(quarantine.blobs()) == []


class TestApi:
    @pytest.fixture
    def token(self, world: World) -> dict[str, str]:
        ApiToken.objects.create(
            user=world.hospital_user,
            name="pacs",
            token_hash=secret_hash("cxr_upload"),
            scopes=["upload"],
            expires_at=timezone.now() + timedelta(days=1),
        )
        return {"Authorization": "Bearer cxr_upload"}

    def test_the_whole_way_of_a_program(self, world: World, token: dict[str, str], tmp_path: Path) -> None:
        api = Client(headers=token, enforce_csrf_checks=True)
        opened = api.post(
            reverse("api:batches"),
            {"title": "PACS", "hospital": world.hospital.number, "dataset": "example"},
            content_type="application/json",
        )
        assert opened.status_code == 201
        assert opened.json()["files"] == 0
        url = reverse("api:batch_files", args=[opened.json()["id"]])
        uploads = [SimpleUploadedFile("a.dcm", MARK * 200_000), SimpleUploadedFile("b.dcm", b"two")]
        sent = api.post(url, {"files": uploads, "class_id": 2, "sex": "M", "age": 50})
        assert sent.status_code == 201, sent.content
        assert [file["name"] for file in sent.json()["files"]] == ["a.dcm", "b.dcm"]
        assert MARK not in all_bytes(tmp_path)
        listed = api.get(url).json()["results"]
        assert [(file["name"], file["class_id"], file["sex"]) for file in listed] == [
            ("a.dcm", 2, "M"),
            ("b.dcm", 2, "M"),
        ]
        one = api.get(reverse("api:file", args=[listed[0]["id"]])).json()
        assert (one["stage"], one["age"]) == ("inspect", 50)
        assert "sealed_name" not in one
        again = api.post(url, {"files": [SimpleUploadedFile("b.dcm", b"two")], "class_id": 2})
        assert again.status_code == 400
        assert again.json()["refused"][0]["name"] == "b.dcm"

    @pytest.mark.parametrize("data", [{}, {"class_id": "9"}, {"class_id": "x"}])
    def test_a_missing_or_wrong_class(self, world: World, token: dict[str, str], data: dict[str, str]) -> None:
        url = reverse("api:batch_files", args=[world.batch.pk])
        response = Client(headers=token).post(url, {"files": [SimpleUploadedFile("a", b"1")], **data})
        assert response.status_code == 400
        assert list(response.json()) == ["class_id"]
        assert list(quarantine.blobs()) == []

    def test_a_table_with_problems(self, world: World, token: dict[str, str]) -> None:
        url = reverse("api:batch_files", args=[world.batch.pk])
        table = SimpleUploadedFile("t.csv", b"filename,class\na,9\n")
        response = Client(headers=token).post(url, {"files": [SimpleUploadedFile("a", b"1")], "table": table})
        assert response.status_code == 400
        assert [(problem["row"], problem["column"]) for problem in response.json()["problems"]] == [(2, "class")]

    def test_a_token_without_the_scope(self, world: World, token: dict[str, str]) -> None:
        ApiToken.objects.update(scopes=["read"])
        assert Client(headers=token).get(reverse("api:batches")).status_code == 403

    def test_a_session_needs_its_csrf_token(self, world: World) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(world.hospital_user, backend="django.contrib.auth.backends.ModelBackend")
        url = reverse("api:batch_files", args=[world.batch.pk])
        assert client.post(url, {"files": [SimpleUploadedFile("a", b"1")], "class_id": 1}).status_code == 403
        assert list(quarantine.blobs()) == []
        client.get(reverse("intake:batch", args=[world.batch.pk]))
        headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
        response = client.post(url, {"files": [SimpleUploadedFile("a", b"1")], "class_id": 1}, headers=headers)
        assert response.status_code == 201, json.dumps(response.json())
        assert _new(world).count() == 1


def test_only_the_files_and_one_small_table_of_an_upload_are_held(client: Client, world: World) -> None:
    """Fields that nobody asked for, and a second table, once filled the memory with up to 5 MB each."""
    uploads = [SimpleUploadedFile("a.dcm", b"one")]
    more = [SimpleUploadedFile(f"{n}.bin", MARK) for n in range(3)]
    request = client.post(
        reverse("intake:batch", args=[world.batch.pk]),
        {"files": uploads, "group": world.group.pk, "other": more},
    ).wsgi_request
    assert "other" not in request.FILES
    assert [upload.name for upload in request.FILES.getlist("files")] == ["a.dcm"]
    tables = [SimpleUploadedFile(f"{n}.csv", b"filename\nb.dcm\n") for n in range(3)]
    request = client.post(
        reverse("intake:batch", args=[world.batch.pk]),
        {"files": [SimpleUploadedFile("b.dcm", b"two")], "group": world.group.pk, "table": tables},
    ).wsgi_request
    assert len(request.FILES.getlist("table")) == 1


def test_nothing_is_sealed_for_somebody_who_may_not_upload(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of a session's CSRF token reads the body before the API asks who this is."""
    monkeypatch.setattr(quarantine.Sealer, "write", lambda *args: pytest.fail("bytes of a stranger were stored"))
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(world.researcher, backend="django.contrib.auth.backends.ModelBackend")
    stranger.cookies["csrftoken"] = "a" * 32
    url = reverse("api:batch_files", args=[world.batch.pk])
    assert stranger.post(url, {"files": SimpleUploadedFile("a.dcm", MARK)}).status_code == 403
