"""A database in which every migration has run, made once and copied: migrating takes longer than most tests do."""

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg

from tests import postgres

ROOT = Path(__file__).resolve().parents[1]
_APPS = ("portal", "accounts", "audit", "datasets", "intake", "curation")


def sqlite() -> Path:
    """The file to copy. It stays in build/ until a migration or the lock of the packages changes."""
    path = ROOT / "build" / f"migrated-{_state()}.sqlite3"
    path.parent.mkdir(exist_ok=True)
    with _alone(path.parent / "migrated.lock"):
        if not path.exists():
            for former in path.parent.glob("migrated-*.sqlite3"):
                former.unlink()
            with tempfile.TemporaryDirectory(prefix="cxr-") as folder:
                _migrate(CXR_VAR=folder)
                with closing(sqlite3.connect(f"{folder}/portal.sqlite3")) as made:
                    made.execute("VACUUM INTO ?", [f"{folder}/whole.sqlite3"])
                shutil.move(f"{folder}/whole.sqlite3", path)
    return path


def postgresql(folder: Path) -> str:
    """The name of the database to copy on the tests' own server in `folder`."""
    name = "migrated"
    with (
        _alone(Path(tempfile.gettempdir()) / f"{folder.name}.lock"),
        psycopg.connect(host=str(folder), user="cxr", dbname="portal", autocommit=True) as connection,
    ):
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute("CREATE DATABASE in_the_making")
            with tempfile.TemporaryDirectory(prefix="cxr-") as var:
                _migrate(CXR_VAR=var, CXR_DATABASE_URL=postgres.url(folder, "in_the_making"))
            connection.execute("ALTER DATABASE in_the_making RENAME TO migrated")
    return name


def _state() -> str:
    files = [path for app in _APPS for path in (ROOT / app).rglob("*.py") if "migrations" in path.parts]
    files += [ROOT / "audit" / "triggers.py", ROOT / "requirements.txt"]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _migrate(**environment: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "CXR_DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"The migrations failed:\n{done.stderr}")


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Other processes of the same run wait until this one has made it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
