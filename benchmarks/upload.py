"""How fast do uploads come in, what memory do they take, and how does the page of a large batch answer?

    .venv/bin/python -m benchmarks.upload speed [--files 400] [--kilobytes 200] [--parallel 16] [--rounds 5]
    .venv/bin/python -m benchmarks.upload memory [--size 500] [--parallel 16]
    .venv/bin/python -m benchmarks.upload page [--files 10000]

`speed` sends files by tus through gunicorn on loopback, started as `manage.py serve` starts it, and in turns writes the
same files through the same encryption alone, in one process with as many threads. `memory` watches gunicorn's processes
under small and then under large uploads (MB; they are made as they are sent). No worker runs meanwhile.
"""

import argparse
import base64
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
BLOCK = os.urandom(1024 * 1024)
PORT = 8765
_numbers = itertools.count(1)


def content(size: int) -> Iterator[bytes]:
    """`size` bytes that no other call makes, 1 MiB at a time."""
    start = next(_numbers).to_bytes(16)
    left = size
    while left:
        piece = (start + BLOCK[16:])[:left]
        left -= len(piece)
        yield piece


class Portal:
    """A portal with one batch, its web server started; `pids` are gunicorn's processes."""

    def __init__(self) -> None:
        from django.conf import settings
        from django.core.management import call_command

        from accounts.models import HospitalMembership
        from accounts.services.tokens import issue_token
        from intake.services import open_batch
        from portal.broker import start_valkey
        from portal.demo import people
        from portal.demo.make import ensure_dataset
        from portal.keys import ensure_keys

        ensure_keys(settings.CXR_KEYS_DIR)
        self.valkey = start_valkey(settings.CXR_VALKEY_SOCKET)
        call_command("migrate", verbosity=0)
        dataset = ensure_dataset(people.ensure_people())
        member = HospitalMembership.objects.select_related("user", "hospital").earliest("pk")
        self.user = member.user
        self.batch = open_batch(user=self.user, hospital=member.hospital, dataset=dataset, title="benchmark")
        token = issue_token(user=self.user, name="benchmark", scopes=["upload"], days=1)[1]
        pair = base64.b64encode(str(self.batch.pk).encode()).decode()
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{PORT}",
            headers={"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0", "Upload-Metadata": f"batch {pair}"},
            timeout=600,
            limits=httpx.Limits(max_connections=None),
        )
        gunicorn = ["--worker-class", "gthread", "--workers", "2", "--threads", "16", "--timeout", "120"]
        place = ["--bind", f"127.0.0.1:{PORT}", "--log-level", "error", "--no-control-socket"]
        self.web = subprocess.Popen([sys.executable, "-m", "gunicorn", *gunicorn, *place, "portal.wsgi"], cwd=ROOT)

    def wait(self) -> None:
        for _ in range(600):
            try:
                if self.http.get("/health/live").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        raise SystemExit("gunicorn did not start")

    def send(self, size: int) -> None:
        headers = {"Upload-Length": str(size), "Content-Length": str(size)}
        headers["Content-Type"] = "application/offset+octet-stream"
        answer = self.http.post("/uploads/tus/", headers=headers, content=content(size))
        if "Upload-File" not in answer.headers:
            raise SystemExit(f"{answer.status_code} {answer.text}")

    def pids(self) -> list[int]:
        listing = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listing.splitlines()[1:]]
        return [int(pid) for pid, parent in rows if int(parent) == self.web.pid]

    def close(self) -> None:
        self.web.terminate()
        self.web.wait()
        self.valkey.stop()


@contextmanager
def portal() -> Iterator[Portal]:
    import django

    django.setup()
    running = Portal()
    try:
        running.wait()
        yield running
    finally:
        running.close()


def seal(size: int) -> None:
    from intake.quarantine import Sealer

    sealer = Sealer()
    for piece in content(size):
        sealer.write(piece)
    sealer.finish()


def timed(do: Callable[[int], None], files: int, size: int, parallel: int) -> float:
    started = time.monotonic()
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(do, [size] * files))
    return time.monotonic() - started


def speed(files: int, kilobytes: int, parallel: int, rounds: int) -> None:
    size = kilobytes * 1000
    with portal() as running:
        timed(running.send, parallel, size, parallel)  # everything is imported and connected now
        timed(seal, parallel, size, parallel)
        seconds: dict[str, list[float]] = {"upload": [], "encryption alone": []}
        for _ in range(rounds):
            seconds["upload"].append(timed(running.send, files, size, parallel))
            seconds["encryption alone"].append(timed(seal, files, size, parallel))
    print(f"{files} files of {kilobytes} kB, {parallel} at once, medians of {rounds} rounds:")
    for name, values in seconds.items():
        middle = statistics.median(values)
        print(
            f"{name:<17} {files / middle:7.1f} files/s {files * size / middle / 1e6:7.1f} MB/s "
            f"(from {min(values):.2f} to {max(values):.2f} s)"
        )
    ratios = [upload / alone for upload, alone in zip(*seconds.values(), strict=True)]
    print(f"an upload takes {statistics.median(ratios):.2f} times as long")


def peak(pid: int) -> int:
    """The largest resident memory of a process so far, MiB (VmHWM of proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def memory(size: int, parallel: int) -> None:
    with portal() as running:
        for megabytes in (1, size // 10, size):
            seconds = timed(running.send, parallel, megabytes * 1_000_000, parallel)
            peaks = " ".join(f"{peak(pid)} MiB" for pid in running.pids())
            rate = parallel * megabytes / seconds
            print(
                f"{parallel} uploads of {megabytes} MB at once, {rate:.0f} MB/s: peak of gunicorn's processes: {peaks}"
            )
    print(f"this program itself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


def page(files: int) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext, setup_test_environment
    from django.urls import reverse

    with portal() as running:
        from intake import names
        from intake.models import Stage, UploadedFile

        setup_test_environment()
        client = Client()
        client.force_login(running.user, backend="django.contrib.auth.backends.ModelBackend")
        url = reverse("intake:batch", args=[running.batch.pk])
        stages = [Stage.CURATE, Stage.SET_ASIDE, Stage.ACCEPTED, Stage.INSPECT]
        there = 0
        for wanted in (100, files):
            rows = [
                UploadedFile(
                    batch=running.batch,
                    hospital=running.batch.hospital,
                    sealed_name=names.seal(f"ward 3/{number}.dcm"),
                    size=1_000_000,
                    stage=stages[number % len(stages)],
                )
                for number in range(there, wanted)
            ]
            UploadedFile.objects.bulk_create(rows, batch_size=1000)
            there = wanted
            client.get(url)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answer = client.get(url)
            asked = len(queries)  # now: the next request forgets them
            seconds = []
            for _ in range(11):
                started = time.monotonic()
                client.get(url)
                seconds.append(time.monotonic() - started)
            print(
                f"{wanted} files: {answer.status_code}, {asked} queries, {len(answer.content) // 1000} kB; "
                f"median of 11: {statistics.median(seconds) * 1000:.0f} ms"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in {
        "speed": {"files": 400, "kilobytes": 200, "parallel": 16, "rounds": 5},
        "memory": {"size": 500, "parallel": 16},
        "page": {"files": 10_000},
    }.items():
        command = commands.add_parser(name)
        for option, value in options.items():
            command.add_argument(f"--{option}", type=int, default=value)
    arguments = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="cxr-bench-") as place:
        os.environ.update(CXR_VAR=place, DJANGO_SETTINGS_MODULE="portal.settings", OMP_NUM_THREADS="1")
        os.environ.update(CXR_EMBEDDED="true", CXR_MAX_FILE_MB="1000", CXR_QUOTA_GB="1000")
        os.environ.update(CXR_ORIGIN=f"http://127.0.0.1:{PORT}", CXR_MAX_FILES_PER_BATCH="1000000")
        measure: dict[str, Callable[..., None]] = {"speed": speed, "memory": memory, "page": page}
        measure[arguments.pop("command")](**arguments)
