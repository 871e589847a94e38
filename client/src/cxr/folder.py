"""What there is to send in a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What systems and patients' CDs put beside the images. DICOMDIR (PS3.10, 8) is an index that names patients.
_JUNK = {"thumbs.db", "desktop.ini", "autorun.inf", "dicomdir"}
_JUNK_FOLDERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"}


@dataclass(frozen=True)
class Found:
    """``files``: regular files with their size in bytes, and their paths below the folder, with "/".

    ``passed_over`` counts junk; ``refused`` are paths with the reason why they cannot be sent."""

    files: list["Source"] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    passed_over: int = 0


@dataclass(frozen=True)
class Source:
    path: Path
    name: str = field(repr=False)
    size: int


def look(place: Path) -> Found:
    """What lies at ``place``, a folder (with everything below it) or a file. Links are not followed."""
    files, refused, passed_over = [], [], 0
    closed: list[OSError] = []
    for path in sorted(_walk(place, closed)) if place.is_dir() else [place]:
        name = path.relative_to(place).as_posix() if path != place else path.name
        if path != place and _is_junk(path):
            passed_over += 1
        elif path.is_symlink():
            refused.append((name, "This is a link and was not followed."))
        elif not path.is_file():
            refused.append((name, "This is no file."))
        elif size := path.stat().st_size:
            files.append(Source(path, name, size))
        else:
            refused.append((name, "The file is empty."))
    for error in closed:
        folder = Path(os.fsdecode(error.filename))
        refused.append((folder.relative_to(place).as_posix(), "This folder cannot be opened."))
    return Found(files, refused, passed_over)


def _walk(place: Path, closed: list[OSError]) -> Iterator[Path]:
    for folder, folders, names in os.walk(place, onerror=closed.append):
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in _JUNK_FOLDERS and not name.startswith(".")]
        yield from (here / name for name in (*names, *links))


def _is_junk(path: Path) -> bool:
    return path.name.lower() in _JUNK or path.name.startswith((".", "~$"))


def shown(name: str) -> str:
    """A name for a terminal, which it may otherwise command: on one line, all else escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)
