"""A PostgreSQL server of the tests' own: Debian's binaries, a temporary folder, a unix socket, a non-root user."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    raise SystemExit("PostgreSQL is missing: install Debian's package 'postgresql' (sudo apt-get install postgresql).")


def url(folder: Path, database: str) -> str:
    """The address of a database behind a unix socket, as django-environ reads it."""
    return f"postgres://cxr@/{folder}/{database}"


class Server:
    """PostgreSQL refuses to run as root, so then 'postgres' or 'nobody' runs it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.binaries = _binaries()
        self.user: str | None = None
        if os.geteuid() == 0:
            names = {entry.pw_name for entry in pwd.getpwall()}
            self.user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(folder, self.user)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.binaries / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            user=self.user,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(self.folder)},
        )

    def start(self) -> None:
        data = self.folder / "data"
        self._run("initdb", "-D", str(data), "-U", "cxr", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=200"
        self._run("pg_ctl", "-D", str(data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")
        self._run("createdb", "-h", str(self.folder), "-U", "cxr", "portal")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)
