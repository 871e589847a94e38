"""Building the bytes of an archive from a frozen release. The same release gives the same bytes.

Everything is stored, nothing deflated: images are compressed already, and zlib's output differs between versions.
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from django.core.files.storage import storages
from django.utils.translation import gettext_lazy as _

from datasets.deidentification import COLUMNS as DEIDENTIFICATION_COLUMNS
from datasets.errors import LibraryFault
from datasets.metadata import DETAIL_COLUMNS, IMAGE_COLUMNS, SEGMENTATION_COLUMNS, csv_lines, write_xlsx
from datasets.models import Archive, ReleaseItem
from datasets.quality import COLUMNS as QUALITY_COLUMNS

CHUNK = 256 * 1024  # bytes
ROWS = 2000  # rows held in memory
DEIDENTIFICATION_CSV = "deidentification.csv"
QUALITY_CSV = "quality.csv"
DETAILS_CSV = "details.csv"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can hold


def write_archive(archive: Archive, file: IO[bytes], *, alive: Callable[[], None], tmpdir: str) -> None:
    """Writes the archive into `file`, which can seek, in bounded memory.

    `alive` is called after every piece of work, some hundred kilobytes or a row; it may raise to stop the work. Raises
    LibraryFault if a file of the library is missing or does not hash to what the release froze.
    """
    if archive.content == Archive.Content.DEIDENTIFICATION:
        _write_deidentification(archive, file, alive)
    elif archive.content == Archive.Content.QUALITY:
        _write_quality(archive, file, alive)
    elif archive.content != Archive.Content.METADATA:
        _write_zip(archive, file, alive)
    elif archive.filename.endswith(".csv"):
        columns = DETAIL_COLUMNS if archive.filename.endswith(f"-{DETAILS_CSV}") else _columns(archive)
        for line in csv_lines(_rows(archive, alive), columns):
            file.write(line)
    else:
        write_xlsx(file, _rows(archive, alive), tmpdir=tmpdir)


def _of_masks(archive: Archive) -> bool:
    """Whether it belongs to a segmentation collection."""
    return archive.release.dataset.is_segmentation


def _columns(archive: Archive) -> tuple[str, ...]:
    return SEGMENTATION_COLUMNS if _of_masks(archive) else IMAGE_COLUMNS


def _items(archive: Archive) -> Iterator[ReleaseItem]:
    # In the order in which the release froze them, which is the same in every database.
    items = ReleaseItem.objects.filter(release_id=archive.release_id).order_by("pk")
    if archive.group_id is not None:
        items = items.filter(group_id=archive.group_id)
    if archive.source_id is not None:
        items = items.filter(source_id=archive.source_id)
    return items.iterator(chunk_size=ROWS)


def _rows(archive: Archive, alive: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """The metadata of the images that have something in this archive; a table of metadata has all of them."""
    for item in _items(archive):
        alive()
        if archive.content == Archive.Content.METADATA or item.files.get(archive.content):
            yield item.metadata


def _write_deidentification(archive: Archive, file: IO[bytes], alive: Callable[[], None]) -> None:
    """The reports of the images in this archive, or of all."""

    def rows() -> Iterator[dict[str, Any]]:
        for item in _items(archive):
            alive()
            # Of a mask without its image there is nothing to say.
            if item.deidentification or item.radiograph_id is not None:
                yield {"filename": item.filename, **item.deidentification}

    for line in csv_lines(rows(), DEIDENTIFICATION_COLUMNS):
        file.write(line)


def _write_quality(archive: Archive, file: IO[bytes], alive: Callable[[], None]) -> None:
    """What the quality check said of every image, as the release froze it."""

    def rows() -> Iterator[dict[str, Any]]:
        for item in _items(archive):
            alive()
            yield item.quality

    for line in csv_lines(rows(), QUALITY_COLUMNS):
        file.write(line)


def _carries_deidentification(archive: Archive) -> bool:
    """Not so in releases from before there was a report: they stay byte for byte what they were."""
    pictures = archive.content in (Archive.Content.RADIOGRAPHS, Archive.Content.IMAGES)
    return pictures and bool(archive.release.about.get("deidentification"))


def _write_zip(archive: Archive, file: IO[bytes], alive: Callable[[], None]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as target:
        with _entry(target, "README.txt") as entry:
            entry.write(readme(archive).encode())
        with _entry(target, "LICENSE.txt") as entry:
            entry.write(licence(archive).encode())
        with _entry(target, "metadata.csv") as entry:
            for line in csv_lines(_rows(archive, alive), _columns(archive)):
                entry.write(line)
        if _of_masks(archive):
            with _entry(target, DETAILS_CSV) as entry:
                for line in csv_lines(_rows(archive, alive), DETAIL_COLUMNS):
                    entry.write(line)
        if _carries_deidentification(archive):
            with _entry(target, DEIDENTIFICATION_CSV) as entry:
                _write_deidentification(archive, entry, alive)
        with _entry(target, "SHA256SUMS") as entry:
            for item in _items(archive):
                for stored in item.files.get(archive.content, ()):
                    entry.write(f"{stored['sha256']}  {_path(archive, stored)}\n".encode())
                alive()
        for item in _items(archive):
            for stored in item.files.get(archive.content, ()):
                with _entry(target, _path(archive, stored)) as entry:
                    _copy(stored, entry, alive)


def _path(archive: Archive, stored: dict[str, str]) -> str:
    return f"{archive.content}/{stored['name']}"


def _entry(target: zipfile.ZipFile, name: str) -> IO[bytes]:
    info = zipfile.ZipInfo(name, _DATE)
    info.compress_type = zipfile.ZIP_STORED
    info.create_system = 3  # Unix, wherever it is built
    info.external_attr = 0o100644 << 16
    return target.open(info, "w", force_zip64=False)


def _copy(stored: dict[str, str], entry: IO[bytes], alive: Callable[[], None]) -> None:
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


_CONTENTS = {
    "radiographs": "the radiographs as they were accepted, de-identified",
    "lung_regions": "the lungs cut out at 512 x 512 px (Anonymous_….png) and their masks (Anonymous_…_mask.png)",
    "lung_masks": "the lung masks at the size of the radiographs, as 1-bit PNG (white is lung)",
    "masks": "the masks drawn by hand at the size of the images, as 1-bit PNG (white is lung)",
    "images": "the images that the masks were drawn on, as TIFF, bright where dense; a mask has its image's name",
}

_ABOUT_DETAILS = (
    f"{DETAILS_CSV}   what counts as lung in each mask, its size, and the licence of each image: it binds you as well"
)

_ABOUT_DEIDENTIFICATION = (
    f"{DEIDENTIFICATION_CSV}   what was kept, replaced and removed of each image: names of attributes, never values"
)


def readme(archive: Archive) -> str:
    """The README of a ZIP, from what the release froze."""
    release, about = archive.release, archive.release.about
    lines = [
        f"{about.get('title', '')}, version {release.version} ({release.created_at:%Y-%m-%d})",
        *_about_part(archive),
        "",
        f"{archive.content}/   {_CONTENTS[archive.content]}",
        "metadata.csv   one row per image that has files in this archive",
        *([_ABOUT_DETAILS] if _of_masks(archive) else []),
        *([_ABOUT_DEIDENTIFICATION] if _carries_deidentification(archive) else []),
        "SHA256SUMS   the SHA-256 of every image file: check them with sha256sum --check SHA256SUMS",
        "LICENSE.txt   the terms under which you have these files",
        "",
        "How to cite:",
        about.get("citation", ""),
        "",
        "What changed in this version:",
        release.changes,
        "",
        about.get("description", ""),
        "",
    ]
    return "\n".join(lines)


def _about_part(archive: Archive) -> list[str]:
    """What the release froze of the archive's group or source."""
    about = archive.release.about
    if archive.source is None:
        label = about.get("groups", {}).get(str(archive.group.class_id), "") if archive.group else "all"
        return [f"Diagnosis group: {label}"]
    source = about.get("sources", {}).get(str(archive.source.source_id), {})
    lines = [f"Source: {source.get('source', '')} (source_id {archive.source.source_id})"]
    for words, name in (
        ("", "description"),
        ("Licence of the masks: ", "licence"),
        ("", "url"),
        ("Cite: ", "citation"),
    ):
        if text := source.get(name):
            lines.append(f"{words}{text}")
    return lines


def licence(archive: Archive) -> str:
    """The licence of a ZIP and the agreement under which it was handed out, from what the release froze."""
    about = archive.release.about
    lines = [about.get("licence", ""), about.get("licence_url", ""), "", about.get("agreement", ""), ""]
    return "\n".join([*lines, about.get("agreement_text", ""), ""])
