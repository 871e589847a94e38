"""The candidates' storage: de-identified images that wait for a verdict, one folder per uploaded file.

image.<ext> (what may be published), preview.png (8 bit, for the curator's eyes), mask.png (1 bit, the image's size),
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


def fetch(file_id: uuid.UUID, name: str, target: Path) -> Path:
    """Copies a file of the folder to the local `target` and returns that."""
    with open_file(file_id, name) as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy)
    return target


def open_file(file_id: uuid.UUID, name: str) -> IO[bytes]:
    """Raises FileNotFoundError."""
    opened: IO[bytes] = storages["candidates"].open(f"{file_id}/{name}", "rb")
    return opened


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
