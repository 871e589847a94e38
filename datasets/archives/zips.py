"""The ZIPs of images and masks. Two ZIPs of one recipe have the same bytes."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import IO, Any

from django.core.files.storage import storages
from django.utils.translation import gettext_lazy as _

from datasets.archives import names, tables, texts
from datasets.errors import LibraryFault
from datasets.metadata import DETAIL_COLUMNS, csv_lines
from datasets.models import Archive

CHUNK = 256 * 1024  # bytes
FORMAT = b"CXR ZIP 2\n"  # to be counted up when the same images would give other bytes
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can hold
Alive = Callable[[], None]
Write = Callable[[IO[bytes]], None]


def write_zip(archive: Archive, file: IO[bytes], alive: Alive) -> None:
    """README, licence, metadata and checksums first, then the images in the order in which they came to the library."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
        for name, write in _texts(archive, alive):
            with _entry(target, name) as entry:
                write(entry)
        for stored in _files(archive, alive):
            with _entry(target, _path(archive, stored)) as entry:
                _copy(stored, entry, alive)


def recipe(archive: Archive, alive: Alive) -> str:
    """SHA-256 (hex) of all that the bytes come from: the texts, and the names and SHA-256 of the files. No file of the
    library is read. "" for tables and texts, which every release builds anew."""
    if archive.content in (*tables.CONTENTS, Archive.Content.ABOUT, Archive.Content.SUMS):
        return ""
    digest = hashlib.sha256(FORMAT)
    for name, write in _texts(archive, alive):
        digest.update(f"\n{name}\n".encode())
        write(_Hashing(digest))
    return digest.hexdigest()


class _Hashing(BytesIO):
    """A file that keeps nothing of what is written to it."""

    def __init__(self, digest: "hashlib._Hash") -> None:
        super().__init__()
        self._digest = digest

    def write(self, data: Any) -> int:
        self._digest.update(data)
        return len(data)


def _texts(archive: Archive, alive: Alive) -> Iterator[tuple[str, Write]]:
    """The small entries, in their order."""

    def metadata(entry: IO[bytes]) -> None:
        for line in csv_lines(tables.rows(archive, alive), tables.columns(archive)):
            entry.write(line)

    def details(entry: IO[bytes]) -> None:
        for line in csv_lines(tables.rows(archive, alive), DETAIL_COLUMNS):
            entry.write(line)

    def sums(entry: IO[bytes]) -> None:
        for stored in _files(archive, alive):
            entry.write(f"{stored['sha256']}  {_path(archive, stored)}\n".encode())

    yield names.README, lambda entry: _write(entry, texts.readme_of_zip(archive))
    yield names.LICENSE, lambda entry: _write(entry, texts.licence_of_zip(archive))
    yield "metadata.csv", metadata
    if tables.of_masks(archive):
        yield names.DETAILS_CSV, details
    if texts.carries_deidentification(archive):
        yield names.DEIDENTIFICATION_CSV, lambda entry: tables.write_deidentification(archive, entry, alive)
    yield names.SHA256SUMS, sums


def _write(entry: IO[bytes], text: str) -> None:
    entry.write(text.encode())


def _files(archive: Archive, alive: Alive) -> Iterator[dict[str, str]]:
    for item in tables.items(archive, alive):
        yield from item.files[archive.content]


def _path(archive: Archive, stored: dict[str, str]) -> str:
    return f"{archive.content}/{stored['name']}"


def _entry(target: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_STORED
    info.create_system = 3  # Unix, wherever it is built
    info.external_attr = 0o100644 << 16
    return target.open(info, "w", force_zip64=False)


def _copy(stored: dict[str, str], entry: IO[bytes], alive: Alive) -> None:
    digest = hashlib.sha256()
    try:
        source = storages["library"].open(stored["path"])
    except FileNotFoundError as error:
        raise LibraryFault(_("%(name)s is missing from the library.") % {"name": stored["name"]}) from error
    with source:
        for data in source.chunks(CHUNK):
            digest.update(data)
            entry.write(data)
            alive()
    if digest.hexdigest() != stored["sha256"]:
        raise LibraryFault(
            _("%(name)s is not the file that was accepted: its SHA-256 differs.") % {"name": stored["name"]}
        )
