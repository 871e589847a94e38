"""A folder of downloaded files: what is there, from which release, checked against which SHA-256."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_PIECE = 1024 * 1024
_FORMAT = 1


@dataclass(frozen=True)
class Held:
    """A file as it was when its bytes were checked last. ``mtime``: nanoseconds."""

    sha256: str
    size: int
    mtime: int


class Holding:
    """The record of a folder, ``DIR/.cxr/manifest.json``. Used by many threads. Raises OSError, ValueError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._place = folder / ".cxr" / "manifest.json"
        self._lock = threading.Lock()
        self.release = ""
        self.files: dict[str, Held] = {}
        if self._place.exists():
            kept = json.loads(self._place.read_text(encoding="utf-8"))
            if kept.get("format") != _FORMAT:
                raise ValueError("This folder was made by a newer cxr.")
            self.release = kept["release"]
            self.files = {name: Held(**held) for name, held in kept["files"].items()}

    def path(self, name: str) -> Path:
        return self.folder / name

    def part(self, name: str, sha256: str) -> Path:
        """Where a file grows; its name says which bytes it will be, so that no other version is added to it."""
        return self.folder / f"{name}.{sha256[:12]}.part"

    def has(self, name: str, sha256: str) -> bool:
        """Whether the file is there with these bytes. One that was touched since, or that is not known, is read."""
        path, held = self.path(name), self.files.get(name)
        try:
            state = path.stat()
        except OSError:
            return False
        if held is not None and (held.size, held.mtime) == (state.st_size, state.st_mtime_ns):
            return held.sha256 == sha256
        if digest(path) != sha256:
            return False
        self._note(name, sha256)
        return True

    def same(self, sha256: str) -> Path | None:
        """A file with these bytes under any name, e.g. of the version before."""
        for name, held in list(self.files.items()):
            if held.sha256 == sha256 and self.has(name, sha256):
                return self.path(name)
        return None

    def take(self, part: Path, name: str, sha256: str) -> None:
        """Gives a checked file its name, at once and whole, and keeps that on the disk."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        part.replace(path)
        self._note(name, sha256)
        self.save()

    def note(self, name: str, sha256: str) -> None:
        """A file that was just written under its name; `save` keeps it."""
        self._note(name, sha256)

    def _note(self, name: str, sha256: str) -> None:
        state = self.path(name).stat()
        with self._lock:
            self.files[name] = Held(sha256, state.st_size, state.st_mtime_ns)

    def save(self) -> None:
        with self._lock:
            kept = {
                "format": _FORMAT,
                "release": self.release,
                "files": {name: asdict(held) for name, held in sorted(self.files.items())},
            }
            self._place.parent.mkdir(parents=True, exist_ok=True)
            new = self._place.with_suffix(".new")
            new.write_text(json.dumps(kept, indent=1), encoding="utf-8")
            new.replace(self._place)

    def problems(self, progress: Callable[[int], object]) -> list[tuple[str, str]]:
        """Reads every file and names those that are missing or not what they were, with the reason."""
        found = []
        for name, held in sorted(self.files.items()):
            path = self.path(name)
            try:
                if path.stat().st_size != held.size:
                    found.append((name, "has another size"))
                elif digest(path, progress) != held.sha256:
                    found.append((name, "has other bytes: its SHA-256 differs"))
            except FileNotFoundError:
                found.append((name, "is missing"))
            except OSError as error:
                found.append((name, f"cannot be read ({error.strerror})"))
        return found


def digest(path: Path, progress: Callable[[int], object] = lambda _count: None) -> str:
    """SHA-256 of a file, hex."""
    hashed = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            hashed.update(piece)
            progress(len(piece))
    return hashed.hexdigest()
