"""An original read where it lies, in the quarantine: no plain copy of it anywhere, one segment in memory.

For the workers, who have the key. What is small is read once with `quarantine.open_original` instead.
"""

import errno
import hashlib
import io
import uuid
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from intake import quarantine
from intake.quarantine import HEAD, Damaged


class TooMuchAtOnce(ValueError):  # noqa: N818
    """A read of more bytes than were allowed at once."""


class Original(io.RawIOBase):
    """The plaintext as a read-only, seekable file. Made by `opened`.

    `most` is the largest number of bytes that one call of `read` gives: whoever parses hostile bytes with a library is
    not talked into reading all of them at once."""

    def __init__(self, blob: IO[bytes], most: int) -> None:
        self._blob = blob
        self._most = most
        self._starts: list[int] = []  # of each segment, in the plaintext
        self._places: list[int] = []  # of each segment, in the blob
        self._number, self._segment = -1, b""
        self._position = 0
        digest, place, self.size = hashlib.sha256(), 0, 0
        self.head = b""
        for plain in quarantine.segments(blob):
            self._starts.append(self.size)
            self._places.append(place)
            self.head = self.head or plain[:HEAD]
            digest.update(plain)
            self.size += len(plain)
            place = blob.tell()
        self.sha256 = digest.hexdigest()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "before the start")  # as files do: zipfile relies on it
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, all that are left if negative. Raises TooMuchAtOnce."""
        left = max(self.size - self._position, 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > self._most:
            raise TooMuchAtOnce
        parts = []
        while wanted:
            part = self._from_here(wanted)
            parts.append(part)
            self._position += len(part)
            wanted -= len(part)
        return b"".join(parts)

    def _from_here(self, wanted: int) -> bytes:
        number = bisect_right(self._starts, self._position) - 1
        if number != self._number:
            self._blob.seek(self._places[number])
            self._segment = next(quarantine.segments(self._blob))
            self._number = number
        begin = self._position - self._starts[number]
        return self._segment[begin : begin + wanted]


def head(file_id: uuid.UUID) -> bytes:
    """The first HEAD bytes, or as many as there are. Raises Damaged."""
    try:
        with quarantine.open_blob(file_id) as blob:
            return next(quarantine.segments(blob), b"")[:HEAD]
    except FileNotFoundError:
        raise Damaged("missing") from None


@contextmanager
def opened(file_id: uuid.UUID, sha256: str = "", most: int = 16 * 1024 * 1024) -> Iterator[Original]:
    """The original of `file_id`, read through once and checked against `sha256` (hex, empty: not known yet).

    Raises Damaged when the blob is missing or is not what was received."""
    try:
        blob = quarantine.open_blob(file_id)
    except FileNotFoundError:
        raise Damaged("missing") from None
    with blob, Original(blob, most) as original:
        if sha256 and original.sha256 != sha256:
            raise Damaged("other bytes than received")
        yield original
