"""Downloads by the programs that researchers use, from the portal itself and through nginx with deploy/nginx.conf."""

import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from pytest_django.live_server_helper import LiveServer

from accounts.models import AccessGrant
from audit.models import Event
from datasets import links, services
from datasets.models import Archive, Download
from tests.datasets.nginx import Nginx
from tests.world import TOKEN_SECRET, World

SIZE = 24 * 1024 * 1024  # aria2c takes a second connection from 20 MiB on
HALF = SIZE // 2


@dataclass
class Server:
    origin: str
    world: World
    archive: Archive
    content: bytes
    nginx: Nginx | None

    @property
    def link(self) -> str:
        return self.origin + links.address(self.world.granted, self.archive, self.world.grant)

    def read_logs(self) -> int:
        """What nginx has logged; it writes the line when the connection is done, a moment after the client is."""
        done = 0
        for _ in range(500):
            done += services.read_delivery_logs()
            if not Download.objects.filter(bytes_sent=None).exists():
                break
            threading.Event().wait(0.02)
        return done


@pytest.fixture(params=["portal", "nginx"])
def server(
    request: pytest.FixtureRequest, live_server: LiveServer, world: World, settings: LazySettings, tmp_path: Path
) -> Iterator[Server]:
    settings.CXR_VAR = tmp_path
    content = os.urandom(SIZE)
    world.archive.file = storages["archives"].save("big.zip", ContentFile(content))
    world.archive.size, world.archive.sha256 = SIZE, hashlib.sha256(content).hexdigest()
    world.archive.save()
    nginx = None
    if request.param == "nginx":
        settings.CXR_ACCEL_PREFIX = "/protected/"
        nginx = Nginx(live_server.url, tmp_path / "archives", tmp_path / "delivery")
    yield Server(nginx.origin if nginx else live_server.url, world, world.archive, content, nginx)
    if nginx is not None:
        nginx.close()


def run(*command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


RESUME = {
    "curl": "curl --silent --show-error --fail --location --continue-at - --remote-name",
    "wget": "wget --quiet --continue",
    "aria2c": "aria2c --quiet --continue=true --max-connection-per-server=8 --split=8 --min-split-size=2M",
}


@pytest.mark.parametrize("program", RESUME)
def test_what_was_cut_goes_on(server: Server, tmp_path: Path, program: str) -> None:
    assert shutil.which(program), f"{program} is missing: scripts/debian-packages installs it"
    folder = tmp_path / "here"
    folder.mkdir()
    file = folder / server.archive.filename
    file.write_bytes(server.content[:HALF])
    command = RESUME[program].split()
    if program == "aria2c":
        command.append(f"--checksum=sha-256={server.archive.sha256}")
    done = run(*command, server.link, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_bytes() == server.content
    server.read_logs()
    spans = Download.objects.order_by("first_byte").values_list("first_byte", "last_byte", "bytes_sent")
    assert all(sent is not None for _, _, sent in spans)
    assert sum(sent for _, _, sent in spans if sent) >= SIZE - HALF
    assert max(last for _, last, _ in spans) == SIZE - 1
    if program != "aria2c":  # which looks first, and then asks in pieces
        assert list(spans) == [(HALF, SIZE - 1, SIZE - HALF)]
    # A second time there is nothing to fetch: no error, but curl names the answer (416) one.
    assert run(*command, server.link, folder=folder).returncode == (22 if program == "curl" else 0)
    assert file.read_bytes() == server.content


def test_if_range_and_etag_are_the_portals_everywhere(server: Server) -> None:
    etag = f'"{server.archive.sha256}"'
    with httpx.Client(headers={"Authorization": f"Bearer {TOKEN_SECRET}"}) as client:
        url = f"{server.origin}/api/v1/archives/{server.archive.pk}/download"
        whole = client.get(url)
        assert (whole.status_code, whole.headers["ETag"], whole.headers.get_list("ETag")) == (200, etag, [etag])
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert "attachment" in whole.headers["Content-Disposition"]
        assert whole.headers["Content-Type"] == "application/zip"
        assert not {"Last-Modified", "X-CXR-Download", "X-Accel-Redirect"} & set(whole.headers)
        assert whole.content == server.content
        part = client.get(url, headers={"Range": "bytes=10-19", "If-Range": etag})
        assert (part.status_code, part.content) == (206, server.content[10:20])
        assert (part.headers["Content-Range"], part.headers["ETag"]) == (f"bytes 10-19/{SIZE}", etag)
        other = client.get(url, headers={"Range": "bytes=10-19", "If-Range": '"other"'})
        assert (other.status_code, len(other.content)) == (200, SIZE)
        several = client.get(url, headers={"Range": "bytes=0-1,5-9"})
        assert (several.status_code, len(several.content)) == (200, SIZE), "as it is recorded"
        assert client.get(url, headers={"Range": f"bytes={SIZE}-"}).status_code == 416
        assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
        head = client.head(url)
        assert (head.status_code, head.headers["Content-Length"], head.headers["ETag"]) == (200, str(SIZE), etag)
        if server.nginx is not None:
            assert client.get(f"{server.origin}/protected/big.zip").status_code == 404
    assert Download.objects.count() == 4
    server.read_logs()
    assert list(Download.objects.order_by("pk").values_list("bytes_sent", flat=True)) == [SIZE, 10, SIZE, SIZE]
    assert services.read_delivery_logs() == 0, "once"
    assert Event.objects.filter(action="download.finished").count() == 4


def test_what_a_client_left_is_counted_as_far_as_it_went(server: Server) -> None:
    host, port = server.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as line:
        path = server.link.removeprefix(server.origin)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert line.recv(1024).startswith(b"HTTP/1.1 200")
    server.read_logs()
    download = Download.objects.get()
    assert download.bytes_sent is not None
    assert download.bytes_sent < SIZE
    assert Event.objects.get(action="download.finished").data["complete"] is False


def test_a_revoked_grant_closes_the_line_at_the_next_request(server: Server, tmp_path: Path) -> None:
    file = tmp_path / server.archive.filename
    file.write_bytes(server.content[:HALF])
    AccessGrant.objects.update(revoked_at="2000-01-01T00:00Z")
    done = run(*RESUME["curl"].split(), server.link, folder=tmp_path)
    assert done.returncode == 22, "HTTP error"
    assert file.read_bytes() == server.content[:HALF]
    if server.nginx is not None:
        logged = server.nginx.access_log.read_text()
        assert f"/links/-/{server.archive.filename} 403" in logged
        assert server.link.split("/")[4] not in logged
