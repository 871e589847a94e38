import hashlib
import io
import zipfile
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import ApiToken
from audit.models import Event
from datasets.models import Archive, Dataset, Download, Release
from datasets.services import downloading
from tests.world import TOKEN_SECRET, World

BYTES = bytes(range(256)) * 2000  # 512 kB, several chunks
SHA = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def archive(world: World) -> Archive:
    world.archive.file = storages["archives"].save("big.zip", ContentFile(BYTES))
    world.archive.size, world.archive.sha256 = len(BYTES), SHA
    world.archive.save()
    return world.archive


@pytest.fixture(params=["page", "api"])
def get(request: pytest.FixtureRequest, world: World, archive: Archive) -> Any:
    """Asks for the archive as the granted person, by the page with a session or by the API with a token."""
    client: Client
    if request.param == "page":
        client, name = Client(), "datasets:download"
        client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    else:
        client, name = APIClient(), "api:archive_download"
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {TOKEN_SECRET}")

    def ask(method: str = "get", **headers: str) -> Any:
        extra = {f"HTTP_{key.upper()}": value for key, value in headers.items()}
        return getattr(client, method)(reverse(name, args=[archive.pk]), **extra)

    return ask


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_the_whole_file(get: Any, world: World, archive: Archive) -> None:
    response = get()
    assert response.status_code == 200
    assert response["Content-Length"] == str(len(BYTES))
    assert response["ETag"] == f'"{SHA}"'
    assert response["Accept-Ranges"] == "bytes"
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == f'attachment; filename="{archive.filename}"'
    download = Download.objects.get()  # before the first byte
    assert (download.user, download.grant, download.bytes_sent) == (world.granted, world.grant, None)
    assert Event.objects.get(action="download.started").data["download"] == download.pk
    assert body(response) == BYTES
    download.refresh_from_db()
    assert (download.first_byte, download.last_byte, download.bytes_sent) == (0, len(BYTES) - 1, len(BYTES))
    finished = Event.objects.get(action="download.finished")
    assert (finished.data["bytes_sent"], finished.data["complete"]) == (len(BYTES), True)
    assert finished.actor_id == world.granted.pk


def test_chunks_are_small(get: Any) -> None:
    assert max(len(chunk) for chunk in get().streaming_content) <= 256 * 1024


def test_it_ends_where_the_grant_ends(get: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "CHECK", 2)
    chunks = iter(get().streaming_content)
    first = next(chunks)
    world.grant.expires_at = timezone.now()
    world.grant.save()
    assert list(chunks) == []
    assert Download.objects.get().bytes_sent == len(first)


@pytest.mark.parametrize(
    ("header", "first", "last"), [("bytes=0-0", 0, 0), ("bytes=300000-", 300000, 511999), ("bytes=-5", 511995, 511999)]
)
def test_a_range(get: Any, header: str, first: int, last: int) -> None:
    response = get(range=header)
    assert response.status_code == 206
    assert response["Content-Range"] == f"bytes {first}-{last}/{len(BYTES)}"
    assert response["Content-Length"] == str(last - first + 1)
    assert body(response) == BYTES[first : last + 1]
    assert Download.objects.values_list("first_byte", "last_byte", "bytes_sent").get() == (
        first,
        last,
        last - first + 1,
    )


def test_pieces_make_the_whole(get: Any) -> None:
    step = 100_001
    pieces = [body(get(range=f"bytes={start}-{start + step - 1}")) for start in range(0, len(BYTES), step)]
    assert hashlib.sha256(b"".join(pieces)).hexdigest() == SHA


def test_a_range_behind_the_end(get: Any) -> None:
    response = get(range=f"bytes={len(BYTES)}-")
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(BYTES)}")
    assert not Download.objects.exists()


def test_resuming_onto_another_file_begins_anew(get: Any) -> None:
    assert get(range="bytes=5-9", if_range=f'"{SHA}"').status_code == 206
    response = get(range="bytes=5-9", if_range='"another"')
    assert response.status_code == 200
    assert body(response) == BYTES


def test_head_gives_headers_and_leaves_no_trace(get: Any) -> None:
    response = get("head", range="bytes=0-9")
    assert (response.status_code, response["Content-Length"], response.content) == (200, str(len(BYTES)), b"")
    assert response["ETag"] == f'"{SHA}"'
    assert not Download.objects.exists()


def test_who_has_the_file_gets_304(get: Any) -> None:
    assert get(if_none_match=f'"{SHA}"').status_code == 304
    assert not Download.objects.exists()


def test_a_client_that_leaves_is_recorded(get: Any) -> None:
    response = get()
    chunks = iter(response.streaming_content)
    next(chunks)  # the server has it, and may have sent it when the client resets
    response._resource_closers[0]()
    assert Download.objects.get().bytes_sent == downloading.CHUNK
    finished = Event.objects.get(action="download.finished").data
    assert (finished["bytes_sent"], finished["complete"]) == (downloading.CHUNK, False)


def test_a_client_that_leaves_before_the_first_byte_is_recorded(get: Any) -> None:
    get()._resource_closers[0]()
    assert Download.objects.get().bytes_sent == 0


def test_nginx_sends_it_where_there_is_one(get: Any, archive: Archive, settings: LazySettings) -> None:
    settings.CXR_ACCEL_PREFIX = "/internal/archives/"
    response = get(range="bytes=10-")
    assert response["X-Accel-Redirect"] == f"/internal/archives/{archive.file.name}"
    assert response.content == b""
    assert Download.objects.values_list("first_byte", "bytes_sent").get() == (10, None)
    assert Event.objects.filter(action="download.started").count() == 1


def test_the_archive_of_the_world_opens(world: World) -> None:
    client = Client()
    client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(reverse("datasets:download", args=[world.archive.pk]))
    assert zipfile.ZipFile(io.BytesIO(body(response))).namelist() == []


def test_a_refusal_says_why_and_what_next(client: Client, world: World) -> None:
    client.force_login(world.expired, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(reverse("datasets:download", args=[world.archive.pk]))
    assert response.status_code == 403
    page = response.content.decode()
    assert "Your access has expired." in page
    assert reverse("datasets:request", args=[world.dataset.slug]) in page
    event = Event.objects.get(action="download.refused")
    assert (event.actor_id, event.object_id) == (world.expired.pk, str(world.archive.pk))
    assert event.data["reasons"] == ["grant_expired"]
    assert not Download.objects.exists()


def test_a_refusal_of_the_api_names_codes_and_addresses(world: World) -> None:
    client = APIClient()
    client.force_login(world.researcher, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get(reverse("api:archive_download", args=[world.archive.pk]), HTTP_ACCEPT="application/zip")
    assert response.status_code == 403
    reasons = response.json()["reasons"]
    assert [reason["code"] for reason in reasons] == ["sign_agreement", "request_pending"]
    assert reasons[0]["url"].startswith(f"http://testserver/agreements/{world.agreement.pk}/")
    assert Event.objects.get(action="download.refused").data["reasons"] == ["sign_agreement", "request_pending"]


def test_a_token_without_the_scope_gets_nothing(world: World) -> None:
    ApiToken.objects.update(scopes=["read"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {TOKEN_SECRET}")
    assert client.get(reverse("api:archive_download", args=[world.archive.pk])).status_code == 403
    assert not Download.objects.exists()


def test_a_visitor_of_the_api_is_asked_for_a_token(world: World) -> None:
    response = APIClient().get(reverse("api:archive_download", args=[world.archive.pk]))
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("hidden", ["release", "dataset"])
def test_what_nobody_can_see_is_not_found(world: World, hidden: str) -> None:
    if hidden == "release":
        Release.objects.update(status=Release.Status.BUILDING)
    else:
        Dataset.objects.update(is_public=False)
    client = Client()
    client.force_login(world.granted, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(reverse("datasets:download", args=[world.archive.pk])).status_code == 404
    assert client.get(reverse("api:archive_download", args=[world.archive.pk])).status_code == 404
