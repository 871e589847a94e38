"""What kind of file it is, by its first bytes and never by its name. Cheap, and sure only of what it names: whether
the file can be used is found by inspection (`imaging.formats`)."""

from django.conf import settings

# The kinds that an installation may take (CXR_ALLOWED_TYPES).
DICOM, JPEG, PNG, TIFF, ZIP = KINDS = ("dicom", "jpeg", "png", "tiff", "zip")

_OURS = {
    b"\xff\xd8\xff": JPEG,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"II*\x00": TIFF,
    b"MM\x00*": TIFF,
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,  # an empty one
    b"PK\x07\x08": ZIP,  # one in several parts
}
# What lies beside the images on a patient's CD and in hospitals' folders.
_OTHERS = {
    b"MZ": "exe",
    b"\x7fELF": "elf",
    b"%PDF": "pdf",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"RIFF": "riff",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole2",  # Word and Excel of old, Thumbs.db
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"\x00\x00\x00\x01Bud1": "ds_store",
    b"<?xml": "xml",
    b"<!DOC": "html",
    b"<html": "html",
    b"[autorun]": "text",
    b"[AutoRun]": "text",
}
_DICM_AT = 128
_ENOUGH = _DICM_AT + 4


def kind(head: bytes) -> str:
    """One of KINDS, another name for what is surely none of them, or "" where inspection has to say.

    `head` are the first bytes of the file: 132 or more of them, where it has as many. A file too short for a DICOM
    preamble is never told to be of another kind: little can be said, and inspection reads it in no time."""
    # A DICOM preamble may look like anything (PS3.10 7.1), so DICM is looked for first.
    if head[_DICM_AT:_ENOUGH] == b"DICM":
        return DICOM
    for magic, name in _OURS.items():
        if head.startswith(magic):
            return name
    if len(head) >= _ENOUGH:
        for magic, name in _OTHERS.items():
            if head.startswith(magic):
                return name
    return ""


def largest(head: bytes | None) -> int:
    """How many bytes a file with these first bytes may have; None while they are not known. A ZIP holds many files."""
    zips: int = settings.CXR_MAX_ZIP_BYTES if ZIP in settings.CXR_ALLOWED_TYPES else 0
    images: int = settings.CXR_MAX_FILE_BYTES
    if head is None:
        return max(zips, images)
    return max(zips, images) if kind(head) == ZIP else images
