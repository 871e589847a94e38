"""The portal as this program talks to it: its API, and resumable uploads (tus 1.0, https://tus.io).

The tus client is our own: tuspy 1.1 opens a connection for every request, waits for ever on a dead line, holds a whole
part in memory and cannot say why the portal refused a file.
"""

import base64
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from cxr import __version__

PART = 64 * 1024 * 1024  # bytes in one request at most; the portal acknowledges far smaller ones within it
_PIECE = 256 * 1024
_TIMEOUT = httpx.Timeout(120, connect=20, write=60, pool=None)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# The answers that time or another request may mend (docs/hospitals.md), beside all of 5xx.
_LATER = {408, 409, 423, 425, 429, 460}
_T = TypeVar("_T")
_LOCAL = {"localhost", "127.0.0.1", "::1"}


class Refused(Exception):  # noqa: N818
    """The portal does not take it, and trying again does not help."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Denied(Refused):
    """The token is wrong or not for this."""


class Gone(Refused):
    """There is no such thing, or no more."""


class Unreachable(Exception):  # noqa: N818
    """The portal did not answer, or could not, for longer than we were told to wait."""


class Stopped(Exception):  # noqa: N818
    """This run is being ended."""


def checked_url(url: str) -> str:
    """The portal's origin. Raises ValueError for what is none, or would send the token in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("--url is the portal's address, e.g. https://portal.example")
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        raise ValueError("--url must begin with https:// so that nobody on the way can read the token and the images.")
    return f"{parts.scheme}://{parts.netloc}"


class Portal:
    """``patience``: seconds for which a portal that does not answer is tried again. Used by many threads.

    Every call raises Denied, Gone, Refused, Unreachable, or Stopped after ``stop``."""

    def __init__(self, url: str, token: str, patience: float, connections: int) -> None:
        self._patience = patience
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._http = httpx.Client(
            base_url=url,
            headers={"User-Agent": f"cxr/{__version__}"} | ({"Authorization": f"Bearer {token}"} if token else {}),
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    def close(self) -> None:
        self._http.close()

    def stop(self) -> None:
        """Lets no thread wait or send any longer; one that waits for bytes of an ``open`` answer is woken."""
        self._stopped.set()
        for line in list(self._open):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def get(self, path: str) -> Any:
        return self._insist(lambda: self._ask("GET", path).json())

    def post(self, path: str, **content: Any) -> Any:
        """What was answered, also to a 400. Not tried again: it may have been done."""
        try:
            return self._ask("POST", path, fine=(400,), **content).json()
        except (httpx.TransportError, Later) as error:
            raise Unreachable(str(error)) from None

    @contextmanager
    def open(self, path: str, headers: Mapping[str, str]) -> Iterator[httpx.Response]:
        """One try to GET something large: the answer, whose body the caller reads. A redirection to another server (S3)
        is followed without the token. Raises httpx.TransportError and Later, for which another try may help."""
        answer = self._send(self._http.build_request("GET", path, headers=headers))
        if answer.is_redirect and answer.next_request is not None:
            answer.close()
            # The ETag that If-Range compares with is the portal's, which the other server does not know.
            kept = {name: value for name, value in headers.items() if name.lower() != "if-range"}
            extensions = {"timeout": _TIMEOUT.as_dict()}
            request = httpx.Request("GET", answer.next_request.url, headers=kept, extensions=extensions)
            answer = self._send(request)
        line = answer.extensions["network_stream"].get_extra_info("socket")
        self._open.add(line)
        try:
            if self.stopped:  # it may have come too late to be woken
                raise Stopped
            if answer.status_code not in (200, 206, 416):
                answer.read()
                self._check(answer)
            yield answer
        finally:
            self._open.discard(line)
            answer.close()

    def _send(self, request: httpx.Request) -> httpx.Response:
        if self._stopped.is_set():
            raise Stopped
        return self._http.send(request, stream=True)

    def patience(self) -> "Patience":
        return Patience(self._patience, self._stopped)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def begin(self, size: int, metadata: Mapping[str, str]) -> str:
        """Announces a file of ``size`` bytes; returns the upload's number."""
        pairs = (
            f"{key} {base64.b64encode(value.encode(errors='replace')).decode()}" for key, value in metadata.items()
        )
        headers = {"Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}
        answer = self._insist(lambda: self._tus("POST", "/uploads/tus/", headers))
        return str(answer.headers["Location"]).rstrip("/").rsplit("/", 1)[-1]

    def send(self, upload: str, path: Path, size: int, progress: Callable[[int], None], *, new: bool) -> None:
        """Sends what is missing of the file (``new``: all of it), and ends when the portal has taken it over.

        ``progress`` is told the bytes of it that are on their way or there, again and again, also fewer than before."""
        address = f"/uploads/tus/{quote(upload, safe='')}"
        patience = Patience(self._patience, self._stopped)
        far = -1
        while True:
            try:
                headers = httpx.Headers() if new else self._state(address).headers
                offset = 0 if new else int(headers["Upload-Offset"])
                new = False
                while "Upload-File" not in headers:
                    progress(offset)
                    if offset > far:
                        far = offset
                        patience.renew()
                    headers = self._part(address, path, offset, min(PART, size - offset), progress).headers
                    offset = int(headers["Upload-Offset"])
                progress(size)
                return
            except (httpx.TransportError, Later) as error:
                patience.wait(error)

    def _state(self, address: str) -> httpx.Response:
        try:
            return self._tus("HEAD", address)
        except (Gone, Denied):
            raise
        except Refused:
            # An answer to HEAD has no body; the same to an empty part has, and says why.
            return self._part(address, None, 0, 0, lambda _done: None)

    def _part(
        self, address: str, path: Path | None, offset: int, length: int, progress: Callable[[int], None]
    ) -> httpx.Response:
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(length),
        }
        return self._tus("PATCH", address, headers, content=self._pieces(path, offset, length, progress))

    def _pieces(self, path: Path | None, offset: int, length: int, progress: Callable[[int], None]) -> Iterator[bytes]:
        if path is None:
            return
        with path.open("rb") as file:
            file.seek(offset)
            end = offset + length
            while offset < end:
                if self._stopped.is_set():
                    raise Stopped
                piece = file.read(min(_PIECE, end - offset))
                if not piece:
                    raise OSError("the file became shorter")
                yield piece
                offset += len(piece)
                progress(offset)

    def remove(self, upload: str) -> None:
        """Ends an upload that nobody will go on with; one that is gone already is no error."""
        try:
            self._insist(lambda: self._tus("DELETE", f"/uploads/tus/{quote(upload, safe='')}"))
        except Denied:
            raise
        except Refused:
            return

    def _tus(self, method: str, path: str, headers: Mapping[str, str] | None = None, **content: Any) -> httpx.Response:
        return self._ask(method, path, headers={"Tus-Resumable": "1.0.0", **(headers or {})}, **content)

    def _ask(self, method: str, path: str, fine: tuple[int, ...] = (), **options: Any) -> httpx.Response:
        if self._stopped.is_set():
            raise Stopped
        answer = self._http.request(method, path, **options)
        if answer.status_code not in fine:
            self._check(answer)
        return answer

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if answer.is_success:
            return
        if status in _LATER or status >= 500:
            raise Later(status, _seconds(answer))
        code, message = _words(answer)
        kind = {401: Denied, 403: Denied, 404: Gone, 410: Gone}.get(status, Refused)
        raise kind(code, message)

    def _insist(self, ask: Callable[[], _T]) -> _T:
        patience = Patience(self._patience, self._stopped)
        while True:
            try:
                return ask()
            except (httpx.TransportError, Later) as error:
                patience.wait(error)


class Later(Exception):  # noqa: N818
    """The portal asks to be asked again."""

    def __init__(self, status: int, pause: float) -> None:
        super().__init__(f"it answered with status {status}")
        self.pause = pause


class Patience:
    """Waits longer and longer between tries, and no longer than it was told in all."""

    def __init__(self, seconds: float, stopped: threading.Event) -> None:
        self._seconds, self._stopped = seconds, stopped
        self.renew()

    def renew(self) -> None:
        self._until = time.monotonic() + self._seconds
        self._pause = _FIRST_PAUSE

    def wait(self, error: Exception) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Unreachable(str(error)) from None
        asked = error.pause if isinstance(error, Later) else 0.0
        # Not all at once: a server that has just been started meets one after the other.
        pause = max(asked, self._pause * random.uniform(0.5, 1))  # noqa: S311 (no secret)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        if self._stopped.wait(min(pause, left)):
            raise Stopped


def _seconds(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_PAUSE) if text.isascii() and text.isdecimal() else 0.0


def _words(answer: httpx.Response) -> tuple[str, str]:
    """Code and message of a refusal, in the words of the portal where it has some."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    if not isinstance(said, dict):
        said = {}
    message = str(said.get("message") or said.get("detail") or f"The portal answered with status {answer.status_code}.")
    for reason in said.get("reasons", ())[:1]:  # of a refused download: where the next step is
        message = f"{message} {reason.get('url', '')}".strip()
    return str(said.get("code", "")), message
