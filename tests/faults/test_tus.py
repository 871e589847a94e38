"""Resumable uploads through gunicorn as `manage.py serve` starts it: a real client, cut lines, a killed server."""

import base64
import contextlib
import hashlib
import io
import json
import os
import random
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from tusclient.client import TusClient

from intake.quarantine import SEGMENT
from intake.tus.body import PIECE
from tests.e2e.installation import Installation

SETUP = """
import json
from accounts.models import HospitalMembership
from accounts.services.tokens import issue_token
from datasets.models import Dataset
from intake.services import open_batch
from portal.demo.make import ensure_dataset
from portal.demo.people import ensure_people
ensure_dataset(ensure_people())
member = HospitalMembership.objects.first()
batch = open_batch(user=member.user, hospital=member.hospital, dataset=Dataset.objects.get(), title="t")
token = issue_token(user=member.user, name="t", scopes=["upload"], days=1)[1]
print(json.dumps({"batch": batch.pk, "token": token}))
"""
VERSION = {"Tus-Resumable": "1.0.0"}
MOVING = "SELECT count(*) FROM intake_uploadedfile WHERE stage IN ('inspect', 'deidentify', 'segment', 'assess')"


class Sender:
    def __init__(self, portal: Installation) -> None:
        self.portal = portal
        known = json.loads(portal.manage("shell", "--no-imports", "-c", SETUP).splitlines()[-1])
        self.headers = {**VERSION, "Authorization": f"Bearer {known['token']}"}
        self.metadata = {"batch": str(known["batch"]), "filename": "jan_kowalski.dcm", "class_id": "1"}
        self.http = httpx.Client(base_url=portal.origin, headers=self.headers, timeout=300)
        self.sent: dict[str, str] = {}  # what has to be there in the end: SHA-256 by upload

    def begin(self, content: bytes) -> str:
        pairs = [f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in self.metadata.items()]
        headers = {"Upload-Length": str(len(content)), "Upload-Metadata": ",".join(pairs)}
        answer = self.http.post("/uploads/tus/", headers=headers)
        assert answer.status_code == 201, answer.text
        url = answer.headers["Location"]
        self.sent[url[-36:].replace("-", "")] = hashlib.sha256(content).hexdigest()
        return url

    def patch(self, url: str, offset: int, content: bytes) -> httpx.Response:
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return self.http.patch(url, content=content, headers=headers)

    def offset(self, url: str) -> int:
        answer = self.http.head(url)
        assert answer.status_code == 200
        return int(answer.headers["Upload-Offset"])

    def open_patch(self, url: str, length: int, first: bytes) -> socket.socket:
        """A request whose body does not come to its end."""
        line = socket.create_connection(("127.0.0.1", self.portal.port))
        told = {**self.headers, "Host": f"127.0.0.1:{self.portal.port}", "Upload-Offset": "0"}
        told |= {"Content-Type": "application/offset+octet-stream", "Content-Length": str(length)}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        line.sendall(f"PATCH {url} HTTP/1.1\r\n{head}\r\n".encode() + first)
        return line

    def acknowledged(self, url: str) -> int:
        """What the database says, without disturbing the request that writes."""
        name = url[-36:].replace("-", "")
        rows = self.portal.query(
            f"SELECT \"offset\" FROM intake_partialupload WHERE replace(CAST(id AS text), '-', '') = '{name}'"
        )
        return int(rows[0][0])

    def web_processes(self) -> list[int]:
        listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
        (main,) = (
            int(pid) for pid, parent, args in rows if "gunicorn" in args and int(parent) == self.portal.process.pid
        )
        return [int(pid) for pid, parent, _args in rows if main in (int(pid), int(parent))]


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    portal = Installation()
    try:
        yield Sender(portal)
    finally:
        print(portal.logs())  # noqa: T201 (pytest shows it when a test failed)
        portal.close()


def _content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def _until(happened: Callable[[], bool]) -> None:
    for _ in range(600):
        if happened():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def test_a_real_client(sender: Sender) -> None:
    content = _content(3_000_001)
    client = TusClient(
        f"{sender.portal.origin}/uploads/tus/", headers={"Authorization": sender.headers["Authorization"]}
    )
    details = {"metadata": sender.metadata, "chunk_size": 1_000_000, "upload_checksum": True}
    uploader = client.uploader(file_stream=io.BytesIO(content), **details)
    uploader.upload_chunk()
    # Another day, with nothing but the address.
    again = client.uploader(file_stream=io.BytesIO(content), url=uploader.url, **details)
    assert again.offset == 1_000_000
    again.upload()
    sender.sent[again.url[-36:].replace("-", "")] = hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("goodbye", ["closed", "reset"])
def test_a_cut_line_keeps_what_came(sender: Sender, goodbye: str) -> None:
    content = _content(SEGMENT + 1_000_000 + len(goodbye))
    url = sender.begin(content)
    came = SEGMENT + 500_000
    line = sender.open_patch(url, len(content), content[:came])
    _until(lambda: sender.acknowledged(url) >= SEGMENT)
    if goodbye == "reset":
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.close()
    offset = sender.offset(url)
    assert came - PIECE <= offset <= came
    assert sender.patch(url, offset, content[offset:]).headers["Upload-File"]


def test_two_writers_and_a_killed_server(sender: Sender) -> None:
    content = _content(2 * SEGMENT)
    url = sender.begin(content)
    line = sender.open_patch(url, len(content), content[: SEGMENT + 1000])
    _until(lambda: sender.acknowledged(url) >= SEGMENT)
    assert sender.patch(url, SEGMENT, content[SEGMENT:]).status_code == 423
    assert sender.http.head(url).status_code == 423
    for process in sender.web_processes():
        os.kill(process, signal.SIGKILL)
    line.close()

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return sender.http.get("/health/live").status_code == 200
        return False

    _until(answers)
    assert sender.offset(url) == SEGMENT
    assert sender.patch(url, SEGMENT, content[SEGMENT:]).headers["Upload-File"]


def test_in_the_end_every_file_is_there_once_with_the_right_bytes(sender: Sender) -> None:
    """The last of this module: inspection read the others' originals and wrote down their hashes."""
    _until(lambda: sender.portal.query(MOVING) == [(0,)])
    rows = sender.portal.query("SELECT id, sha256 FROM intake_uploadedfile")
    assert {str(pk).replace("-", ""): sha256 for pk, sha256 in rows} == sender.sent
    assert len(sender.sent) == 4
    assert "kowalski" not in sender.portal.logs()
