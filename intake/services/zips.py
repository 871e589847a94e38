"""Reading a hostile ZIP file (APPNOTE.TXT): what of it may be unpacked, told before a byte is.

Nothing is ever written to a path that a ZIP names: entries go into the quarantine under ids of our own, and their names
are only shown. What is refused here is refused because nobody who means well sends it.
"""

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO

from django.conf import settings
from django.utils.translation import gettext_noop

from imaging.formats import Refused
from intake.originals import TooMuchAtOnce
from intake.quarantine import Damaged

# Under this an entry may be as empty as it likes: it is read in no time.
_SMALL = 1024 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others reserve memory as the ZIP says
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # APPNOTE 4.4.4: traditional, strong, and a hidden directory
_UTF8 = 0x800
_LOCAL_HEADER = 30  # bytes, without name and extra field
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SYSTEM_FILES = {"thumbs.db", "desktop.ini", ".ds_store"}

# What is passed over: of no use to anybody, and no loss.
SYSTEM, DICOMDIR, FOLDER = "system", "dicomdir", "folder"


class ZipRefused(Refused):
    """A ZIP file that is not unpacked at all; `message` is for the hospital."""

    MESSAGES = {
        "zip_damaged": gettext_noop(
            "This ZIP file cannot be read; it may have been cut off on its way. Make it once more."
        ),
        "zip_empty": gettext_noop("There is nothing in this ZIP file."),
        "zip_many": gettext_noop("This ZIP file holds more files than the portal takes in one. Send it in parts."),
        "zip_large": gettext_noop("This ZIP file unpacks to more than the portal takes from one. Send it in parts."),
        "zip_overlapping": gettext_noop(
            "This ZIP file was made to unpack to far more than it holds. Send the files themselves."
        ),
        "zip_no_room": gettext_noop(
            "There is no room for all that is in this ZIP file: the batch is full, or your hospital's files that wait "
            "take all the room that it has. What was taken so far stays. Make room or ask the data manager for more; "
            "then it can be tried again. Or send the rest in another batch."
        ),
        "zip_nothing": gettext_noop(
            "There is no radiograph in this ZIP file. Its list says why each file was not taken."
        ),
    }


@contextmanager
def opened(source: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The ZIP in `source`, its directory within the limits. Raises ZipRefused; what is wrong with one entry alone is
    found by `refusal`."""
    try:
        archive = zipfile.ZipFile(source)
        infos = archive.infolist()
    except (MemoryError, Damaged):
        raise
    except TooMuchAtOnce:
        raise ZipRefused("zip_many") from None
    except Exception:  # malformed directories make it raise nearly anything
        raise ZipRefused("zip_damaged") from None
    with archive:
        if not infos:
            raise ZipRefused("zip_empty")
        if len(infos) > settings.CXR_MAX_ZIP_FILES:
            raise ZipRefused("zip_many")
        if sum(info.file_size for info in infos) > settings.CXR_MAX_UNPACKED_BYTES:
            raise ZipRefused("zip_large")
        if _overlap(infos, archive.start_dir):
            raise ZipRefused("zip_overlapping")
        yield archive


def most_at_once() -> int:
    """Bytes that a directory of as many entries as are allowed may need; no read has to be longer."""
    return max(512 * int(settings.CXR_MAX_ZIP_FILES), 2 * 1024 * 1024)


def _overlap(infos: list[zipfile.ZipInfo], end: int) -> bool:
    """Whether entries share bytes, as in Fifield's bomb ("A better zip bomb", WOOT 2019)."""
    places = sorted((info.header_offset, info.compress_size) for info in infos)
    ends = [start for start, _size in places[1:]] + [end]
    return any(start + _LOCAL_HEADER + size > stop for (start, size), stop in zip(places, ends, strict=True))


def name_of(info: zipfile.ZipInfo) -> str:
    """The entry's path with "/". Names without the flag for UTF-8 are code page 437 (APPNOTE D.1), unless they happen
    to be valid UTF-8, which some programs write without saying so."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            name = info.orig_filename
    return name.replace("\\", "/")


def passed_over(info: zipfile.ZipInfo) -> str:
    """SYSTEM, DICOMDIR or FOLDER for what is not even tried, else ""."""
    path = PurePosixPath(name_of(info))
    if name_of(info).endswith("/") and not info.file_size:
        return FOLDER
    base = path.name.casefold()
    if "__MACOSX" in path.parts or base in _SYSTEM_FILES or base.startswith("._"):
        return SYSTEM
    return DICOMDIR if base == "dicomdir" else ""


def refusal(info: zipfile.ZipInfo) -> str:
    """Why this entry is not unpacked (a code of `intake.words.ENTRIES`), or ""."""
    mode = info.external_attr >> 16
    if info.flag_bits & _ENCRYPTED:
        return "encrypted"
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "link"
    if not _plain(name_of(info)):
        return "path"
    if info.compress_type not in _METHODS:
        return "method"
    if info.file_size > settings.CXR_MAX_FILE_BYTES:
        return "too_large"
    if info.file_size > max(_SMALL, settings.CXR_MAX_ZIP_RATIO * info.compress_size):
        return "bomb"
    return ""


def _plain(name: str) -> bool:
    """Whether a name leads nowhere but below the folder that it is unpacked in."""
    path = PurePosixPath(name)
    escapes = path.is_absolute() or ".." in path.parts or _DRIVE.match(name)
    return bool(path.name) and not escapes and not _CONTROL.search(name)
