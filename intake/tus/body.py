"""The body of a request as it comes off the line, past Django, which would take it for a form or cut it short."""

import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings

PIECE = 128 * 1024
# A line on which not one byte came for so long is taken for cut: what came is kept, and the upload is free for the
# request that resumes it. (A closed laptop sends no goodbye.)
SILENT_SECONDS = 30
# What is read of a body only so that its sender reads the refusal: gunicorn resets a line with more than 64 KiB on it,
# and the answer is lost.
MOST_DISCARDED = 256 * 1024 * 1024
_FOR_PAGES = 4
# A slow line holds one of the process's threads as long as its body lasts; pages need some too.
_room = threading.BoundedSemaphore(max(1, settings.CXR_WEB_THREADS - _FOR_PAGES))


class Full(Exception):  # noqa: N818
    """This process reads as many bodies as it may just now."""


class Body:
    def __init__(self, environ: Mapping[str, Any]) -> None:
        """`length` is Content-Length; None where the body comes in chunks or there is none."""
        text = str(environ.get("CONTENT_LENGTH") or "")
        self.length = int(text) if text.isascii() and text.isdecimal() else None
        self.is_there = bool(self.length) or "HTTP_TRANSFER_ENCODING" in environ
        self._source = environ.get("wsgi.input")
        self._line: socket.socket | None = environ.get("gunicorn.socket")
        if self.length is not None:
            self._left = self.length
        else:  # only a server that says so ends the stream where the body ends
            self._left = sys.maxsize if environ.get("wsgi.input_terminated") else 0

    def pieces(self, most: int) -> Iterator[bytes]:
        """Up to `most` bytes, PIECE by PIECE. Ends early, and without an error, where the line is cut."""
        with _patience(self._line):
            while size := min(PIECE, most, self._left):
                try:
                    piece: bytes = self._source.read(size)  # type: ignore[union-attr]
                except OSError:
                    piece = b""
                if not piece:
                    self._left = 0
                    return
                most -= len(piece)
                self._left -= len(piece)
                yield piece

    @contextmanager
    def room(self) -> Iterator[None]:
        """To be entered before the body, if there is one, is read. Raises Full."""
        if not self.is_there:
            yield
            return
        if not _room.acquire(blocking=False):
            raise Full
        try:
            yield
        finally:
            _room.release()

    def discard(self) -> None:
        for _piece in self.pieces(MOST_DISCARDED):
            pass


@contextmanager
def _patience(line: socket.socket | None) -> Iterator[None]:
    """gunicorn itself waits for ever for a body."""
    if line is None:
        yield
        return
    before = line.gettimeout()
    line.settimeout(SILENT_SECONDS)
    try:
        yield
    finally:
        line.settimeout(before)
