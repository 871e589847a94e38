"""A redirection to another server (S3): followed, gone on with after a cut, and never with the token."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cxr.catalogue import RemoteFile
from cxr.fetching import Became, Fetcher
from cxr.holding import Holding
from cxr.portal import Portal

DATA = bytes(range(256)) * 4000


@dataclass
class Servers:
    portal: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def servers() -> Iterator[Servers]:
    """A portal that sends everybody to a second server, which cuts the line once."""
    there = Servers()

    class Store(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            there.asked.append(("store", headers))
            first = int(headers.get("range", "bytes=0-")[6:-1])
            self.send_response(206 if "range" in headers else 200)
            self.send_header("Content-Length", str(len(DATA) - first))
            self.send_header("ETag", '"of-the-store"')
            if "range" in headers:
                self.send_header("Content-Range", f"bytes {first}-{len(DATA) - 1}/{len(DATA)}")
            self.end_headers()
            cut = len([where for where, _headers in there.asked if where == "store"]) == 1
            self.wfile.write(DATA[first : 300_000 if cut else None])

        def log_message(self, *_arguments: object) -> None:
            pass

    store = ThreadingHTTPServer(("127.0.0.1", 0), Store)

    class Front(Store):
        def do_GET(self) -> None:
            there.asked.append(("portal", {name.lower(): value for name, value in self.headers.items()}))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{store.server_port}/bucket/1.zip?X-Amz-Signature=abc")
            self.send_header("Content-Length", "0")
            self.end_headers()

    front = ThreadingHTTPServer(("127.0.0.1", 0), Front)
    there.portal = f"http://127.0.0.1:{front.server_port}"
    for server in (store, front):
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield there
    for server in (store, front):
        server.shutdown()
        server.server_close()


def test_the_token_stays_with_the_portal(servers: Servers, tmp_path: Path) -> None:
    portal = Portal(servers.portal, "cxr_secret", 2, 5)
    file = RemoteFile("1", "1.zip", "", "", len(DATA), hashlib.sha256(DATA).hexdigest(), ())
    (outcome,) = Fetcher(portal, Holding(tmp_path), 1, lambda _count: None).fetch([file])
    portal.close()
    assert (outcome.became, outcome.reason) == (Became.FETCHED, "")
    assert (tmp_path / "1.zip").read_bytes() == DATA
    assert [where for where, _headers in servers.asked] == ["portal", "store", "portal", "store"]
    for where, headers in servers.asked:
        assert ("cxr_secret" in str(headers)) == (where == "portal")
        assert "cookie" not in headers
    assert "range" not in servers.asked[1][1]
    again = servers.asked[3][1]
    assert again["range"].startswith("bytes=")
    assert "if-range" not in again, "the other server does not know the portal's ETag"
