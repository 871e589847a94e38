"""The body of a request as it comes off the line, past Django, which would take it for a form or cut it short."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PIECE = 128 * 1024
# A line on which not one byte came for so long is taken for cut: what came is kept, and the upload is free for the
# request that resumes it. (A closed laptop sends no goodbye.)
SILENT_SECONDS = 30


def length(environ: Mapping[str, Any]) -> int | None:
    """Content-Length; None where the body comes in chunks or there is none."""
    text = str(environ.get("CONTENT_LENGTH") or "")
    return int(text) if text.isascii() and text.isdecimal() else None


def is_there(environ: Mapping[str, Any]) -> bool:
    return bool(length(environ)) or "HTTP_TRANSFER_ENCODING" in environ


def pieces(environ: Mapping[str, Any], most: int) -> Iterator[bytes]:
    """Up to `most` bytes of the body, PIECE by PIECE. Ends early, and without an error, where the line is cut."""
    told = length(environ)
    if told is None and not environ.get("wsgi.input_terminated"):
        return
    left = most if told is None else min(most, told)
    source = environ["wsgi.input"]
    with _patience(environ.get("gunicorn.socket")):
        while left:
            try:
                piece = source.read(min(PIECE, left))
            except OSError:
                return
            if not piece:
                return
            left -= len(piece)
            yield piece


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
