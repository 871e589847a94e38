"""Signed links, and the page that makes them."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccessGrant, AccessRequest, User
from audit.models import Event
from datasets import links
from datasets.models import Archive, Dataset, Download, Release
from tests.world import ARCHIVE_BYTES, World


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def path(world: World) -> str:
    return links.address(world.granted, world.archive, world.grant)


def follow(path: str, **headers: str) -> Any:
    return Client().get(path, **{f"HTTP_{name.upper()}": value for name, value in headers.items()})


def test_a_link_opens_the_file_without_any_sign_in_and_says_who_had_it(world: World, path: str) -> None:
    assert path.rsplit("/", 1)[-1] == world.archive.filename, "what curl, wget and aria2c call the file"
    response = follow(path, range="bytes=2-5")
    assert (response.status_code, b"".join(response.streaming_content)) == (206, ARCHIVE_BYTES[2:6])
    assert response["ETag"] == f'"{world.archive.sha256}"'
    assert response["Referrer-Policy"] == "no-referrer"
    download = Download.objects.get()
    assert (download.user, download.archive, download.grant) == (world.granted, world.archive, world.grant)
    assert (download.first_byte, download.last_byte, download.bytes_sent) == (2, 5, 4)
    assert Event.objects.get(action="download.started").actor_id == world.granted.pk


def test_it_closes_with_the_grant(world: World, path: str) -> None:
    """At once when it is revoked or over. A second grant does not open it again: it makes links of its own."""
    AccessGrant.objects.filter(pk=world.grant.pk).update(revoked_at=timezone.now())
    response = follow(path)
    assert response.status_code == 403
    assert "revoked" in response.content.decode()
    assert Event.objects.get(action="download.refused").data["reasons"] == ["grant_revoked"]
    request = AccessRequest.objects.create(user=world.granted, dataset=world.dataset, status="granted")
    second = AccessGrant.objects.create(
        user=world.granted,
        dataset=world.dataset,
        request=request,
        granted_by=world.manager,
        expires_at=timezone.now() + timedelta(days=1),
    )
    second.groups.set([world.group])
    response = follow(path)
    assert (response.status_code, "has ended" in response.content.decode()) == (403, True)
    assert follow(links.address(world.granted, world.archive, second)).status_code == 200
    AccessGrant.objects.update(revoked_at=None, expires_at=timezone.now())
    assert follow(path).status_code == 403
    assert Download.objects.count() == 1


def test_it_works_for_a_while(path: str, settings: LazySettings) -> None:
    settings.CXR_LINK_MINUTES = 0
    response = follow(path)
    assert (response.status_code, response["Content-Type"]) == (410, "text/plain; charset=utf-8")
    assert not Download.objects.exists()


def test_nothing_in_it_can_be_changed(world: World, path: str) -> None:
    _, _, token, name = path.split("/")
    user, archive, rest = token.split("-", 2)
    others = [
        f"{world.manager.pk}-{archive}-{rest}",
        f"{user}-{world.other_archive.pk.hex}-{rest}",
        f"{user}-{archive}-9{rest}",
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        "nonsense",
    ]
    for other in others:
        assert follow(f"/links/{other}/{name}").status_code == 404, other
    assert follow(f"/links/{token}/other.zip").status_code == 404
    assert not Download.objects.exists()


@pytest.mark.parametrize("gone", ["account", "release", "dataset"])
def test_what_is_gone_is_gone_by_link_too(world: World, path: str, gone: str) -> None:
    if gone == "account":
        User.objects.filter(pk=world.granted.pk).update(is_active=False)
    elif gone == "release":
        Release.objects.update(status=Release.Status.BUILDING)
    else:
        Dataset.objects.update(is_public=False)
    assert follow(path).status_code == 404


def test_who_begins_too_many_downloads_waits(world: World, path: str, settings: LazySettings) -> None:
    settings.CXR_DOWNLOADS_PER_MINUTE = 2
    answers = [follow(path) for _ in range(4)]  # a minute may end between them, once
    statuses = [answer.status_code for answer in answers]
    assert statuses[:2] == [200, 200]
    assert 429 in statuses
    late = answers[statuses.index(429)]
    assert 1 <= int(late["Retry-After"]) <= 60
    assert Download.objects.count() == statuses.count(200)
    other = links.address(world.manager, world.archive, world.grant)
    assert follow(other).status_code == 403, "nobody else waits for it"


def test_the_page_has_commands_for_what_was_ticked(world: World) -> None:
    second = Archive.objects.get(pk=world.archive.pk)
    second.pk, second.filename = None, "example-1.0-NORMAL-second.zip"
    second.save()
    client = signed_in(world.granted)
    page = reverse("datasets:commands", args=["example", "1.0"])
    choice = client.get(page).content.decode()
    assert world.archive.filename in choice
    assert world.other_archive.filename not in choice, "of another group"
    assert "/links/" not in choice, "nothing is made by looking"
    both = client.post(page)
    made = set(re.findall(r"http://testserver/links/[^/]+/([^&\s<#]+)", both.content.decode()))
    assert made == {world.archive.filename, second.filename}
    assert "cxr download example@1.0 example" in both.content.decode()
    assert "no-store" in both["Cache-Control"]
    one = client.post(page, {"file": [str(second.pk), str(world.other_archive.pk)]}).content.decode()
    for line in (
        r"curl --fail --location --continue-at - --remote-name http://testserver/links/\S+second.zip",
        r"wget --continue http://testserver/links/\S+second.zip",
        rf"aria2c .*--checksum=sha-256={second.sha256} --out={second.filename} http://testserver/links/\S+second.zip",
        rf"cxr download example@1.0 --file {second.filename} example",
    ):
        assert re.search(line, one), line
    assert one.count("/links/") == 3
    events = Event.objects.filter(action="download.links_made").order_by("pk")
    assert [event.data["archives"] for event in events][1] == [str(second.pk)]
    address = re.search(r"http://testserver(/links/\S+second.zip)", one)
    assert address is not None
    assert follow(address[1]).status_code == 200


def test_the_log_does_not_keep_what_opens_files(world: World, path: str, caplog: pytest.LogCaptureFixture) -> None:
    AccessGrant.objects.update(expires_at=timezone.now())
    assert follow(path).status_code == 403
    (console,) = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    logged = "\n".join(console.format(record) for record in caplog.records)
    assert f"/links/-/{world.archive.filename}" in logged
    assert path.split("/")[2] not in logged


def test_lists_for_programs(world: World) -> None:
    client = signed_in(world.granted)
    page = reverse("datasets:commands", args=["example", "1.0"])
    lists = {name: client.post(page, {"list": name}) for name in ("links", "aria2", "sha256")}
    name = world.archive.filename
    link = rf"http://testserver/links/\S+/{name}"
    assert re.fullmatch(rf"{link}\n", lists["links"].content.decode())
    assert re.fullmatch(
        rf"{link}\n  out={name}\n  checksum=sha-256={world.archive.sha256}\n", lists["aria2"].content.decode()
    )
    assert lists["sha256"].content.decode() == f"{world.archive.sha256}  {name}\n"
    assert lists["aria2"]["Content-Disposition"] == 'attachment; filename="example-1.0-aria2.txt"'
