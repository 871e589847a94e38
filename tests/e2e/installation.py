"""The real thing: `manage.py serve` in a folder of its own, with gunicorn, Celery, Valkey and the chosen database."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests import migrated, postgres

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
_SEPARATOR = "-" * 79


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _database(var: Path, *, empty: bool) -> dict[str, str]:
    """A database of its own on the tests' PostgreSQL server, where there is one; otherwise SQLite in the folder."""
    folder = os.environ.get("CXR_TEST_POSTGRES")
    if folder is None:
        if not empty:
            shutil.copy(migrated.sqlite(), var / "portal.sqlite3")
        return {}
    template = "" if empty else f"TEMPLATE {migrated.postgresql(Path(folder))}"
    with psycopg.connect(host=folder, user="cxr", dbname="portal", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{var.name}" {template}'.encode())
    return {"CXR_DATABASE_URL": postgres.url(Path(folder), var.name)}


class Installation:
    """A portal with nobody in it but what a test adds. `close()` stops everything and removes the folder.

    `empty`: not even the tables are there; the portal makes them when it starts.
    """

    def __init__(self, *, workers: int = 1, empty: bool = False, **environment: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="cxr-e2e-")
        self.var = Path(self.folder.name)
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "CXR_VAR": str(self.var),
            "CXR_ORIGIN": self.origin,
            "CXR_SWEEP_SECONDS": "5",
            **_database(self.var, empty=empty),
            **environment,
        }
        self.workers = workers
        self.output = (self.var / "serve.log").open("ab")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", *self._options()],
            cwd=ROOT,
            env=self.environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait_until_ready()

    def _options(self) -> list[str]:
        return ["--no-demo", "--port", str(self.port), "--workers", str(self.workers)]

    def _wait_until_ready(self) -> None:
        for _ in range(300):
            assert self.process.poll() is None, (self.var / "serve.log").read_text()
            try:
                if httpx.get(f"{self.origin}/health/ready", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise AssertionError("The portal did not get ready: " + (self.var / "serve.log").read_text())

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows straight from the database, in milliseconds: a test can watch the workers while they work."""
        if "CXR_DATABASE_URL" in self.environment:
            folder = os.environ["CXR_TEST_POSTGRES"]
            with psycopg.connect(host=folder, user="cxr", dbname=self.var.name, autocommit=True) as connection:
                return connection.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(f"file:{self.var}/portal.sqlite3?mode=ro", uri=True, timeout=20)) as database:
            return database.execute(sql).fetchall()

    def add_person(self, email: str, name: str, *flags: str) -> None:
        self.manage("add_person", email, "--name", name, "--password", PASSWORD, *flags)

    def mails(self, to: str) -> list[str]:
        """The mails to `to`, oldest first, as they would have gone out (decoded)."""
        from email import message_from_string, policy

        found = []
        for path in sorted((self.var / "outbox").glob("*.log"), key=lambda path: path.stat().st_mtime):
            for raw in path.read_text().split(f"\n{_SEPARATOR}\n"):
                if raw.strip():
                    message = message_from_string(raw, policy=policy.default)
                    if to in str(message["To"]):
                        text = message.get_body(("plain",))  # an attachment may hang on it
                        assert text is not None
                        found.append(f"{message['Subject']}\n{text.get_content()}")
        return found

    def link(self, to: str, containing: str) -> str:
        """The newest link with `containing` that was mailed to `to`; waits for the worker to send it."""
        for _ in range(150):
            links = [str(link) for mail in self.mails(to) for link in re.findall(r"http://\S+", mail)]
            if fitting := [link for link in links if containing in link]:
                return fitting[-1]
            time.sleep(0.2)
        raise AssertionError(f"no mail to {to} with a link containing {containing}")

    def _worker_processes(self) -> tuple[list[int], list[int]]:
        listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
        mains = [
            int(pid)
            for pid, parent, command in rows
            if "celery" in command and " worker " in command and int(parent) == self.process.pid
        ]
        return mains, [int(pid) for pid, parent, _command in rows if int(parent) in mains]

    def worker_mains(self) -> list[int]:
        """Process ids of the Celery workers."""
        return self._worker_processes()[0]

    def worker_children(self) -> list[int]:
        """Process ids of the Celery pool's processes, the ones that do the work."""
        return self._worker_processes()[1]

    def web_processes(self) -> list[int]:
        """Process ids of gunicorn: the one that listens, and those that answer."""
        listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
        rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
        mains = [int(pid) for pid, parent, command in rows if "gunicorn" in command and int(parent) == self.process.pid]
        return [int(pid) for pid, parent, _command in rows if int(pid) in mains or int(parent) in mains]

    def brokers(self) -> list[int]:
        """Process ids of Valkey: one, but for the moment in which it is started again."""
        listing = subprocess.run(["ps", "-eo", "pid,ppid,comm"], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listing.splitlines()[1:]]
        return [int(row[0]) for row in rows if int(row[1]) == self.process.pid and row[2].startswith("valkey")]

    def logs(self) -> str:
        """The end of every log, for the report of a failed test."""
        tails = [path.read_text(errors="replace")[-3000:] for path in sorted((self.var / "log").glob("*.log"))]
        return "\n----\n".join([(self.var / "serve.log").read_text(), *tails])

    def processes(self) -> list[str]:
        """The commands of all processes, wherever they hang, that were started for this folder."""
        mark = f"CXR_VAR={self.var}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (process / "environ").read_bytes() and (command := (process / "cmdline").read_bytes()):
                    found.append(command.replace(b"\0", b" ").decode())
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended meanwhile, or is somebody else's
        return found

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal to the supervisor; Ctrl-C goes to its whole group, as a terminal does it."""
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return self.process.wait(120)

    def close(self) -> None:
        try:
            if self.process.poll() is None:
                self.stop()
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.output.close()
            self.folder.cleanup()
