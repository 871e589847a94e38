"""The quarantine: originals as hospitals sent them, encrypted before they touch a disk.

A blob is a row of segments. Each is a 4 byte big-endian length and an age message (X25519, age-encryption.org/v1) of
at most 4 MiB of plaintext, so that neither sealing nor opening holds a whole file in memory. A segment is
authenticated by age; that none is missing or out of place shows in the SHA-256 of the whole, which the row holds.
"""

import fcntl
import hashlib
import io
import os
import shutil
import struct
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyrage
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

from intake import keys

SEGMENT = 4 * 1024 * 1024
HEAD = 512  # bytes that tell what kind of file it is (intake.kinds)
_LENGTH = struct.Struct(">I")
# Longer than any age message of one segment: a length beyond it is damage, not a reason to reserve memory.
_MAX_MESSAGE = SEGMENT + 64 * 1024
_YOUNG_SECONDS = 60


class Damaged(ValueError):  # noqa: N818 (the name says what happened to the blob)
    """The blob is missing, cut, changed, or sealed for another key."""


def _storage() -> Storage:
    return storages["quarantine"]


@dataclass
class Sealed:
    """What a finished `Sealer` leaves: the blob lies under `str(id)`; size and SHA-256 are the plaintext's, and so are
    the first HEAD bytes in `head` (empty where they are not known any more).

    `kept` is set when a row has the blob; until then whoever holds this removes the blob in the end."""

    id: uuid.UUID
    size: int
    sha256: str
    kept: bool = False
    head: bytes = field(default=b"", repr=False)

    def discard(self) -> None:
        if not self.kept:
            remove(self.id)


def write_segment(file: IO[bytes], plain: bytes) -> int:
    """Seals at most SEGMENT bytes at the end of a blob; returns by how many bytes the blob grew."""
    message = pyrage.encrypt(plain, [keys.recipient()])
    for data in (_LENGTH.pack(len(message)), message):
        rest = memoryview(data)
        while rest:  # an unbuffered file may take a part, for instance on a disk that is about to be full
            rest = rest[file.write(rest) :]
    return _LENGTH.size + len(message)


def create(file_id: uuid.UUID) -> None:
    """Makes an empty blob: the folder and the permissions are set in the storage's own way."""
    _storage().save(str(file_id), ContentFile(b""))


class Sealer:
    """Takes plaintext as it comes and writes ciphertext. End with `finish` or `discard`."""

    def __init__(self) -> None:
        self.id = uuid.uuid4()
        self.size = 0
        self.head = b""
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        create(self.id)
        self._file: IO[bytes] = _storage().open(str(self.id), "wb")

    def write(self, data: bytes) -> None:
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
        self.size += len(data)
        self._hash.update(data)
        self._buffer += data
        while len(self._buffer) >= SEGMENT:
            plain = bytes(memoryview(self._buffer)[:SEGMENT])
            del self._buffer[:SEGMENT]
            write_segment(self._file, plain)

    def finish(self) -> Sealed:
        """Writes what is left and returns when the bytes would survive a power cut."""
        if self._buffer:
            write_segment(self._file, bytes(self._buffer))
            self._buffer.clear()
        sync(self._file)
        self._file.close()
        return Sealed(self.id, self.size, self._hash.hexdigest(), head=self.head)

    def discard(self) -> None:
        self._buffer.clear()
        self._file.close()
        remove(self.id)


def sync(file: IO[bytes]) -> None:
    """Forces a local file and its folder entry to the disk; storages without local files are durable on close."""
    file.flush()
    try:
        descriptor = file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return
    os.fsync(descriptor)
    folder = os.open(Path(file.name).parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def seal(source: IO[bytes]) -> Sealed:
    """Seals a whole open file. Nothing is left behind when reading fails."""
    sealer = Sealer()
    try:
        while data := source.read(SEGMENT):
            sealer.write(data)
        return sealer.finish()
    except BaseException:
        sealer.discard()
        raise


def remove(file_id: uuid.UUID) -> None:
    """Destroys a blob; one that is gone already is no error."""
    _storage().delete(str(file_id))


def exists(file_id: uuid.UUID) -> bool:
    return _storage().exists(str(file_id))


def open_blob(file_id: uuid.UUID) -> IO[bytes]:
    """The ciphertext. Raises FileNotFoundError."""
    return _storage().open(str(file_id), "rb")


def segments(blob: IO[bytes]) -> Iterator[bytes]:
    """The plaintext from where `blob` stands, a segment at a time, opened as it is asked for. Raises Damaged."""
    while head := blob.read(_LENGTH.size):
        if len(head) < _LENGTH.size:
            raise Damaged("cut within a length")
        (length,) = _LENGTH.unpack(head)
        if length > _MAX_MESSAGE:
            raise Damaged("impossible length")
        message = blob.read(length)
        if len(message) < length:
            raise Damaged("cut within a segment")
        try:
            yield pyrage.decrypt(message, [keys.identity()])
        except pyrage.DecryptError:
            raise Damaged("not decryptable") from None


def open_original(file_id: uuid.UUID, sha256: str, target: Path) -> str:
    """Decrypts the blob of `file_id` into `target` (mode 0600), checks it against `sha256` (hex), and returns what the
    SHA-256 is. An empty `sha256` is not known yet and checks nothing.

    Raises Damaged when the blob is missing or is not what was received; `target` may then hold a part."""
    digest = hashlib.sha256()
    try:
        blob = open_blob(file_id)
    except FileNotFoundError:
        raise Damaged("missing") from None
    with blob, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for plain in segments(blob):
            digest.update(plain)
            file.write(plain)
    found = digest.hexdigest()
    if sha256 and found != sha256:
        raise Damaged("other bytes than received")
    return found


def _work_folder() -> Path:
    return Path(settings.CXR_VAR) / "work"


@contextmanager
def workspace(file_id: uuid.UUID) -> Iterator[Path]:
    """A private folder (mode 0700) for the time of one stage, removed at its end whatever happens.

    The folder is locked as long as its process lives, so that `remove_stale_workspaces` knows those of the dead."""
    _work_folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = Path(tempfile.mkdtemp(prefix=f"{file_id}-", dir=_work_folder()))
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_stale_workspaces(min_age: float = _YOUNG_SECONDS) -> int:
    """Removes the folders that killed processes left behind; returns how many. `min_age` is in seconds."""
    removed = 0
    for folder in _work_folder().glob("*"):
        try:
            lock = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            # A folder is not locked yet in the moment after it was made.
            if time.time() - os.fstat(lock).st_mtime < min_age:
                continue
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
        finally:
            os.close(lock)
    return removed


def blobs() -> Iterator[tuple[uuid.UUID, Any]]:
    """Every blob's id with the time of its last change (aware datetime)."""
    storage = _storage()
    try:
        _, names = storage.listdir("")
    except FileNotFoundError:
        return
    for name in names:
        try:
            yield uuid.UUID(name), storage.get_modified_time(name)
        except (ValueError, FileNotFoundError):
            continue
