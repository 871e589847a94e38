"""The files of a release as metadata for machines names them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datasets.models import Archive

DICOM = "dcm"
MEDIA_TYPES = {
    "csv": "text/csv",
    "zip": "application/zip",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "parquet": "application/vnd.apache.parquet",
    "txt": "text/plain",
    "md": "text/markdown",
    "cff": "application/yaml",
    DICOM: "application/dicom",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "tif": "image/tiff",
    "tiff": "image/tiff",
}


@dataclass(frozen=True)
class File:
    """An archive that can be downloaded; `address` is empty for those who may not have it.

    `part` is the diagnosis group or the source as identifiers can carry it, empty where the file covers everything.
    `endings` are those of the images in it; `columns` those of a CSV table with one row per image.
    """

    name: str
    content: str
    part: str
    label: str
    size: int
    md5: str
    sha256: str
    address: str = ""
    endings: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def media_type(self) -> str:
        """By the ending of its name."""
        return MEDIA_TYPES.get(self.name.rpartition(".")[2].lower(), "application/octet-stream")

    @property
    def is_zip(self) -> bool:
        return self.name.endswith(".zip")


def describe_files(
    archives: Sequence[Archive],
    addresses: Mapping[Archive, str],
    endings: Mapping[int, tuple[str, ...]],
    columns: Mapping[Archive, tuple[str, ...]],
) -> list[File]:
    """The files for metadata. `addresses`: of the archives that the person may have; `endings`: of the radiographs by
    the id of their group; `columns`: of the CSV tables of images. What is not ready (being built, withdrawn) has no
    checksum and is left out."""
    return [
        File(
            name=archive.filename,
            content=archive.content,
            part=_part(archive),
            label=archive.group.label if archive.group else archive.source.source if archive.source else "",
            size=archive.size or 0,
            md5=archive.md5,
            sha256=archive.sha256,
            address=addresses.get(archive, ""),
            endings=_endings(archive, endings),
            columns=columns.get(archive, ()),
        )
        for archive in archives
        if archive.status == Archive.Status.READY
    ]


def _part(archive: Archive) -> str:
    if archive.group is not None:
        return identifier(archive.group.label, archive.group.class_id)
    if archive.source is not None:
        return identifier(archive.source.source, archive.source.source_id)
    return ""


def identifier(label: str, number: int) -> str:
    """The label as a part of an identifier; the number keeps two apart that come out the same."""
    safe = re.sub(r"[^A-Za-z0-9-]+", "_", label)
    return safe if safe == label else f"{number}_{safe}"


def _endings(archive: Archive, endings: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    match archive.content:
        case Archive.Content.RADIOGRAPHS:
            return endings.get(archive.group_id or 0, ())
        case Archive.Content.IMAGES:
            return ("tif",)
        case Archive.Content.LUNG_REGIONS | Archive.Content.LUNG_MASKS | Archive.Content.MASKS:
            return ("png",)
        case _:
            return ()
