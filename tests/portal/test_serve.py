"""`manage.py serve` and `demo_reset` as a person meets them: clear refusals, a clean stop, data that stays."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.installation import ROOT, Installation, free_port


def _manage(var: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "CXR_DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**inherited, "CXR_VAR": str(var), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def _refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is in the way."""
    assert done.returncode != 0, done.stdout
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip() and line != "Stopping ..."]
    assert len(lines) == 1, lines
    return lines[0]


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = _refusal(_manage(tmp_path, "serve", "--no-demo", "--port", str(port)))
    assert f"Port {port}" in line
    assert "CXR_PORT" in line


@pytest.mark.parametrize("keys", ["in the folder", "elsewhere"])
def test_a_folder_that_cannot_be_written_to(tmp_path: Path, keys: str) -> None:
    (tmp_path / "file").touch()
    elsewhere = {"CXR_KEYS_DIR": str(tmp_path / "keys")} if keys == "elsewhere" else {}
    line = _refusal(_manage(tmp_path / "file" / "var", "serve", "--no-demo", "--port", str(free_port()), **elsewhere))
    assert "can't be written to (Not a directory); set CXR_VAR." in line


def test_demo_reset_throws_nothing_but_a_demo_away(tmp_path: Path) -> None:
    (tmp_path / "portal.sqlite3").touch()
    assert "holds no demo" in _refusal(_manage(tmp_path, "demo_reset"))
    database = {"CXR_DATABASE_URL": "postgres://nobody@/nowhere/portal"}
    (tmp_path / "demo-password").touch()
    assert "lies elsewhere" in _refusal(_manage(tmp_path, "demo_reset", **database))
    assert (tmp_path / "portal.sqlite3").exists()
    assert _manage(tmp_path, "demo_reset").returncode == 0
    assert not tmp_path.exists()


def _until(happened: Callable[[], bool]) -> None:
    for _ in range(300):
        if happened():
            return
        time.sleep(0.2)
    raise AssertionError("it did not happen")


def _answers(portal: Installation) -> bool:
    try:
        return httpx.get(f"{portal.origin}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def _kill_web_server(portal: Installation) -> None:
    listing = subprocess.run(["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
    (master,) = (int(pid) for pid, parent, args in rows if "gunicorn" in args and int(parent) == portal.process.pid)
    for pid, parent, _args in rows:
        if master in (int(pid), int(parent)):
            os.kill(int(pid), signal.SIGKILL)


def test_the_life_of_a_portal() -> None:
    """A second one is refused, a killed web server comes back, nothing outlives a stop, the next start has the data."""
    portal = Installation(empty=True)
    try:
        second = _manage(portal.var, "serve", "--no-demo", "--port", str(free_port()))
        assert "Is another portal running in" in _refusal(second)
        assert "The portal is running: stop it first" in _refusal(_manage(portal.var, "demo_reset"))
        assert _answers(portal), "neither harmed the first one"

        _kill_web_server(portal)
        log = portal.var / "serve.log"
        _until(lambda: "The web server ended by itself" in log.read_text() and _answers(portal))

        portal.add_person("mona@example.org", "Mona Manager", "--data-manager")
        assert len(portal.processes()) >= 6
        for number in (signal.SIGINT, signal.SIGTERM):
            assert portal.stop(number) == 0, log.read_text()
            assert portal.processes() == []
            if number == signal.SIGINT:
                portal.start()
                assert portal.query("SELECT name FROM accounts_user") == [("Mona Manager",)]
        assert "Traceback" not in log.read_text()
    finally:
        portal.close()
