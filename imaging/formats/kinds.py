"""The four file formats, told apart by content."""

from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from .limits import MAX_FILE_BYTES
from .refusal import Refused


class Format(StrEnum):
    """A file format that the portal takes."""

    DICOM = "dicom"
    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"

    @property
    def extension(self) -> str:
        """The file name extension, without the dot."""
        return {"dicom": "dcm", "jpeg": "jpg", "png": "png", "tiff": "tif"}[self.value]


def sniff(path: Path) -> Format:
    """The format of the file at ``path``, by its first bytes, never by its name. Raises as ``recognise``."""
    with path.open("rb") as file:
        return recognise(file)


def recognise(file: BinaryIO) -> Format:
    """The format of an open file, which is left at its start.

    Raises Refused: empty, too_large, not_part10, not_an_image.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if size == 0:
        raise Refused("empty")
    if size > MAX_FILE_BYTES:
        raise Refused("too_large")
    head = file.read(132)
    file.seek(0)
    # A DICOM preamble may look like a TIFF header (PS3.10 7.1), so DICM is looked for first.
    if head[128:132] == b"DICM":
        return Format.DICOM
    if head[:3] == b"\xff\xd8\xff":
        return Format.JPEG
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return Format.PNG
    if head[:4] in (b"II*\x00", b"MM\x00*"):
        return Format.TIFF
    if head[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x08") and len(head) > 8:
        raise Refused("not_part10")
    raise Refused("not_an_image")
