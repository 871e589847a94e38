"""What was sent or begun, so that a second run goes on: kept on this machine, with nothing in it that identifies.

A file is known by a keyed hash of its bytes, never by its name or place. Whoever has this file sees how many uploads
there were and their numbers in the portal.
"""

import hashlib
import hmac
import os
import secrets
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

_PIECE = 1024 * 1024
_TABLES = """
CREATE TABLE IF NOT EXISTS secret (value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batches (title TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
    source TEXT PRIMARY KEY, content TEXT NOT NULL, upload TEXT NOT NULL, batch INTEGER NOT NULL, done INTEGER NOT NULL
) WITHOUT ROWID;
"""


def default_place() -> Path:
    """As other programs keep their state (XDG Base Directory Specification)."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "cxr" / "uploads.sqlite3"


@dataclass(frozen=True)
class Known:
    """``upload``: its number in the portal, as a file too once it is ``done``; ``content``: keyed hash of its bytes."""

    content: str
    upload: str
    batch: int
    done: bool


class Memory:
    """One portal's part of the file at ``place``. Used by many threads. Raises OSError or sqlite3.Error."""

    def __init__(self, place: Path, portal: str) -> None:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600))
        self._portal = portal.encode()
        self._lock = threading.Lock()
        # Autocommit: what is told to be kept is on the disk. Two runs at once wait for each other.
        self._rows = sqlite3.connect(place, timeout=30, isolation_level=None, check_same_thread=False)
        self._rows.executescript(_TABLES)
        self._rows.execute(
            "INSERT INTO secret SELECT ? WHERE NOT EXISTS (SELECT 1 FROM secret)", (secrets.token_bytes(32),)
        )
        (self._secret,) = self._rows.execute("SELECT value FROM secret").fetchone()

    def close(self) -> None:
        self._rows.close()

    def _keyed(self, kind: bytes, *parts: bytes) -> str:
        message = b"".join(len(part).to_bytes(4) + part for part in (kind, self._portal, *parts))
        return hmac.new(self._secret, message, "sha256").hexdigest()

    def fingerprint(self, path: Path, way: str = "") -> str:
        """Of what the file holds and the ``way`` in which it is sent. Raises OSError."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        return self._keyed(b"file", way.encode(), digest.digest())

    def upload(self, source: str) -> Known | None:
        with self._lock:
            row = self._rows.execute(
                "SELECT content, upload, batch, done FROM uploads WHERE source = ?", (source,)
            ).fetchone()
        return Known(row[0], row[1], row[2], bool(row[3])) if row else None

    def keep(self, source: str, known: Known) -> None:
        with self._lock:
            self._rows.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?)",
                (source, known.content, known.upload, known.batch, known.done),
            )

    def forget(self, source: str) -> None:
        with self._lock:
            self._rows.execute("DELETE FROM uploads WHERE source = ?", (source,))

    def batch(self, title: str) -> int | None:
        """The number of the batch that was opened here with ``title`` (and what else it says)."""
        with self._lock:
            row = self._rows.execute(
                "SELECT number FROM batches WHERE title = ?", (self._keyed(b"batch", title.encode()),)
            ).fetchone()
        return int(row[0]) if row else None

    def keep_batch(self, title: str, number: int) -> None:
        with self._lock:
            self._rows.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?)", (self._keyed(b"batch", title.encode()), number)
            )
