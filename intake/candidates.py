"""The candidates' storage: de-identified images that wait for a verdict, one folder per uploaded file.

image.<ext> (what may be published), preview.png and preview_enhanced.png (8 bit, for the curator's eyes: as the image
should be seen, and its whole stored range with the local contrast equalised), mask.png (1 bit, the image's size),
region.png and region_mask.png (512 x 512 px).
"""

import hashlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from django.core.files.base import File
from django.core.files.storage import storages

from intake.quarantine import Damaged


def store(file_id: uuid.UUID, name: str, source: Path) -> str:
    """Puts a local file into the folder, in the place of an earlier one; returns its SHA-256 (hex)."""
    storage = storages["candidates"]
    path = f"{file_id}/{name}"
    storage.delete(path)
    with source.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        content.seek(0)
        saved = storage.save(path, File(content))
    if saved != path:
        # A worker whose lease ran out wrote the same bytes in this moment: every stage is deterministic.
        storage.delete(saved)
    return digest


def fetch(file_id: uuid.UUID, name: str, target: Path, sha256: str = "") -> Path:
    """Copies a file of the folder to the local `target` and returns that.

    Raises FileNotFoundError, and Damaged when `sha256` (hex) is given and is not the file's."""
    with open_file(file_id, name) as source, target.open("x+b") as copy:
        shutil.copyfileobj(source, copy)
        copy.seek(0)
        if sha256 and hashlib.file_digest(copy, "sha256").hexdigest() != sha256:
            raise Damaged("other bytes than were made")
    return target


def remove_others(file_id: uuid.UUID, prefix: str, name: str) -> None:
    """Destroys what in the folder begins with `prefix` and is not called `name`."""
    storage = storages["candidates"]
    for other in storage.listdir(str(file_id))[1]:
        if other.startswith(prefix) and other != name:
            storage.delete(f"{file_id}/{other}")


def open_file(file_id: uuid.UUID, name: str) -> IO[bytes]:
    """Raises FileNotFoundError."""
    opened: IO[bytes] = storages["candidates"].open(f"{file_id}/{name}", "rb")
    return opened


def open_checked(file_id: uuid.UUID, name: str, sha256: str) -> IO[bytes]:
    """Like `open_file`; raises Damaged when the file does not hash to `sha256` (hex)."""
    content = open_file(file_id, name)
    digest = hashlib.sha256()
    while data := content.read(1024 * 1024):
        digest.update(data)
    if digest.hexdigest() != sha256:
        content.close()
        raise Damaged("other bytes than were made")
    content.seek(0)
    return content


def remove(file_id: uuid.UUID) -> None:
    """Destroys the whole folder; one that is gone already is no error."""
    storage = storages["candidates"]
    try:
        _, names = storage.listdir(str(file_id))
    except FileNotFoundError:
        return
    for name in names:
        storage.delete(f"{file_id}/{name}")
    storage.delete(str(file_id))


def folders() -> Iterator[uuid.UUID]:
    """The ids of the files that have a folder."""
    try:
        names, _ = storages["candidates"].listdir("")
    except FileNotFoundError:
        return
    for name in names:
        try:
            yield uuid.UUID(name)
        except ValueError:
            continue
