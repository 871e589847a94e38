"""Blobs of the quarantine that grow piece by piece, over many requests, crashes and restarts.

Such a blob has the form that `intake.quarantine` describes. Whoever writes holds its lock (flock: the kernel lets go of
it when the process dies), so there is one writer at a time, in all processes of the machine or on the network disk that
they share. It needs a quarantine on a file system: objects of an object store cannot be appended to.
"""

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.core.files.storage import storages

from intake import quarantine
from intake.quarantine import SEGMENT

_TRY_AGAIN = 0.05


class Busy(Exception):  # noqa: N818
    """Another request is writing to this blob just now."""


class Appender:
    """Writes to the end of a locked blob. What `position` returned after the last `sync` would survive a power cut."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._buffer = bytearray()
        self.blob_bytes = 0
        self.offset = 0  # of the plaintext that is sealed

    def rewind(self, offset: int, blob_bytes: int) -> bool:
        """Cuts the blob to what a row says; False where less than that is there, and then the blob is empty."""
        self._buffer.clear()
        complete = os.fstat(self._file.fileno()).st_size >= blob_bytes
        self.offset, self.blob_bytes = (offset, blob_bytes) if complete else (0, 0)
        self._file.seek(self.blob_bytes)
        self._file.truncate()
        return complete

    def write(self, data: bytes) -> bool:
        """Takes plaintext; True when a segment was sealed by it. Raises OSError when the disk is full."""
        self._buffer += data
        if len(self._buffer) < SEGMENT:
            return False
        while len(self._buffer) >= SEGMENT:
            plain = bytes(memoryview(self._buffer)[:SEGMENT])
            del self._buffer[:SEGMENT]
            self._seal(plain)
        return True

    def flush(self) -> None:
        """Seals what has not filled a segment yet."""
        if self._buffer:
            plain = bytes(self._buffer)
            self._buffer.clear()
            self._seal(plain)

    def _seal(self, plain: bytes) -> None:
        self.blob_bytes += quarantine.write_segment(self._file, plain)
        self.offset += len(plain)

    def sync(self) -> None:
        os.fsync(self._file.fileno())


@contextmanager
def locked(blob_id: uuid.UUID, wait: float = 0) -> Iterator[Appender]:
    """The blob for one writer. Raises Busy when another one does not let go of it within `wait` seconds.

    A blob that is gone is made anew, empty: `Appender.rewind` tells."""
    path = Path(storages["quarantine"].path(str(blob_id)))
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        quarantine.create(blob_id)
        descriptor = os.open(path, os.O_RDWR)
    # Unbuffered: what is written lies in the file at once, and errors come where they arise.
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise Busy from None
                time.sleep(_TRY_AGAIN)
        yield Appender(file)
