"""Files that are hashed while they are read, so that no file is read twice."""

import hashlib
from collections.abc import Iterator
from typing import IO

from django.core.files import File

CHUNK = 256 * 1024  # bytes


class Digested(File):  # type: ignore[type-arg]
    """A file for a storage to save, with its `sha256`, `md5` (hex) and `count` (bytes).

    A storage that asks for chunks, as the file system's does, hashes it on the way. One that reads as it likes (S3 in
    parts, some twice) does not: call `complete` after saving, it reads the file where nobody has.

    It has no `temporary_file_path` on purpose: a storage would move such a file without reading it.
    """

    DEFAULT_CHUNK_SIZE = CHUNK

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, name="")
        self._source = file
        self._restart()

    def _restart(self) -> None:
        self._sha256, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self.count, self._complete = 0, False

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        self._restart()
        self._source.seek(0)
        while data := self._source.read(chunk_size or CHUNK):
            self._sha256.update(data)
            self._md5.update(data)
            self.count += len(data)
            yield data
        self._complete = True

    def multiple_chunks(self, chunk_size: int | None = None) -> bool:
        return True

    def complete(self) -> None:
        """Makes sure that the digests are those of the whole file; the file has to be open still."""
        if not self._complete:
            for _ in self.chunks():
                pass

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()
