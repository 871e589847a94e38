"""How fast do archives go out, against nginx serving the file itself, for how much CPU and in how much memory?

    .venv/bin/python -m benchmarks.downloads [--mib 1024] [--total-gib 16] [--rounds 3]

A portal as `manage.py serve` starts it, and nginx with deploy/nginx.conf on plain HTTP before it. Each way takes turns
with nginx serving the same file from the same folder without asking anybody:

    gunicorn    the portal alone sends the bytes
    X-Accel     nginx asks the portal and sends them

Clients are curl, writing to /dev/null: one takes the whole file; of 16 each takes a range of its own, together
`--total-gib` (16 of a 1 GiB file: each takes all of it). CPU is that of the servers' processes, not of curl.
"""

import argparse
import hashlib
import logging
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.datasets.nginx import PROGRAM, Nginx
from tests.e2e.installation import Installation, free_port

MIB = 2**20
CLIENTS = (1, 16)


@dataclass
class Way:
    """Where the file is to be had, and whose CPU that costs."""

    name: str
    url: str
    pids: Callable[[], list[int]]
    seconds: dict[int, list[float]] = field(default_factory=lambda: {clients: [] for clients in CLIENTS})
    cpu: dict[int, list[float]] = field(default_factory=lambda: {clients: [] for clients in CLIENTS})  # per GiB


@dataclass
class File:
    path: Path
    size: int
    sha256: str
    token: str
    address: str


def lay(var: Path, mib: int) -> File:
    """A published release with one archive, and a token of somebody who may download it."""
    os.environ.update(CXR_VAR=str(var), CXR_EMBEDDED="true", DJANGO_SETTINGS_MODULE="portal.settings")
    import django

    django.setup()
    from django.core.files.storage import storages
    from django.db import connections

    from accounts.services.tokens import issue_token
    from benchmarks.archives import new_dataset
    from benchmarks.large import researcher
    from datasets.models import Release

    user, dataset, group = new_dataset()
    path = Path(storages["archives"].path("benchmark.zip"))
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(mib):
            block = os.urandom(MIB)
            digest.update(block)
            file.write(block)
    about = {"title": "B", "groups": {"1": "NORMAL"}}
    published = {"status": "published", "published_at": "2026-01-01T00:00:00Z"}
    release = Release.objects.create(
        dataset=dataset, version="1.0", changes="x", created_by=user, about=about, **published
    )
    archive = release.archives.create(
        content="radiographs", group=group, filename="benchmark.zip", file="benchmark.zip", status="ready",
        size=mib * MIB, sha256=digest.hexdigest(), md5="0" * 32, items=1,
    )  # fmt: skip
    person, _grant = researcher(dataset)
    token = issue_token(user=person, name="benchmark", scopes=["download"], days=1)[1]
    connections.close_all()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return File(path, mib * MIB, digest.hexdigest(), token, f"/api/v1/archives/{archive.pk}/download")


def family(pid_file: Path) -> list[int]:
    """nginx and its workers."""
    main = int(pid_file.read_text())
    listing = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines()[1:]]
    return [main, *(int(pid) for pid, parent in rows if int(parent) == main)]


def without_portal(nginx: Nginx, stack: ExitStack) -> tuple[str, Path]:
    """The same nginx again, but everybody may ask for the archives; its origin and the file with its process id."""
    folder, port = nginx.access_log.parent, free_port()
    configuration = (folder / "nginx.conf").read_text().replace("internal;", "")
    configuration = configuration.replace(nginx.origin.rpartition(":")[2], str(port))
    configuration = configuration.replace(f"{folder}/nginx.pid", f"{folder}/plain.pid")
    (folder / "plain.conf").write_text(configuration)
    user = "user root root; " if os.geteuid() == 0 else ""
    command = [PROGRAM, "-c", str(folder / "plain.conf"), "-e", str(folder / "plain.log"), "-g", f"{user}daemon off;"]
    process = subprocess.Popen(command)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    origin = f"http://127.0.0.1:{port}"
    while True:
        try:
            httpx.get(f"{origin}/protected/", timeout=5)
            return origin, folder / "plain.pid"
        except httpx.TransportError:
            if process.poll() is not None:
                raise SystemExit("nginx did not start") from None
            time.sleep(0.1)


def cpu_seconds(pids: list[int]) -> float:
    """User and system time so far (proc(5))."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def peaks(pids: list[int]) -> int:
    """The largest resident memory of any of the processes so far, MiB."""
    found = []
    for pid in pids:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        found += [int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")]
    return max(found)


def fetch(way: Way, file: File, clients: int, total: int) -> None:
    """One round: all clients at once; checks what each got."""
    share = file.size if clients == 1 else min(file.size, total // clients)
    curl = ["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null", "--write-out", "%{size_download}"]
    curl += ["--header", f"Authorization: Bearer {file.token}", way.url]
    pids = way.pids()
    cpu, before = cpu_seconds(pids), time.monotonic()
    running = []
    for number in range(clients):
        first = number * share % file.size if file.size % share == 0 else 0
        span = [] if share == file.size else ["--range", f"{first}-{first + share - 1}"]
        running.append(subprocess.Popen([*curl, *span], stdout=subprocess.PIPE, text=True))
    sizes = [int(client.communicate()[0] or 0) for client in running]
    seconds = time.monotonic() - before
    if sizes != [share] * clients:
        raise SystemExit(f"{way.name}: {sizes} instead of {share} each")
    way.seconds[clients].append(seconds)
    way.cpu[clients].append((cpu_seconds(pids) - cpu) / (share * clients / 2**30))


def check(way: Way, file: File) -> None:
    """Once: these are the bytes. Then every process of the portal has answered something."""
    digest = hashlib.sha256()
    with httpx.stream("GET", way.url, headers={"Authorization": f"Bearer {file.token}"}, timeout=60) as answer:
        for piece in answer.iter_bytes(MIB):
            digest.update(piece)
    if digest.hexdigest() != file.sha256:
        raise SystemExit(f"{way.name}: other bytes ({answer.status_code})")
    for _ in range(40):
        first = {"Authorization": f"Bearer {file.token}", "Range": "bytes=0-0"}
        httpx.get(way.url, headers=first, timeout=60).raise_for_status()


def compare(way: Way, plain: Way, file: File, total: int, rounds: int) -> None:
    for each in (way, plain):
        check(each, file)
    before = peaks(way.pids())
    for _ in range(rounds):
        for clients in CLIENTS:
            for each in (plain, way):
                fetch(each, file, clients, total)
    for clients in CLIENTS:
        moved = (file.size if clients == 1 else min(file.size, total // clients) * clients) / MIB
        ratios = [mine / own for mine, own in zip(way.seconds[clients], plain.seconds[clients], strict=True)]
        print(
            f"{way.name:9} {clients:2} clients {moved / statistics.median(way.seconds[clients]):7.0f} MiB/s"
            f"  nginx itself {moved / statistics.median(plain.seconds[clients]):7.0f} MiB/s"
            f"  throughput of it {1 / statistics.median(ratios):5.2f}"
            f"  CPU s/GiB {statistics.median(way.cpu[clients]):.2f}"
            f" (nginx itself {statistics.median(plain.cpu[clients]):.2f})"
        )
    print(f"{way.name:9} largest process {before} MiB before, {peaks(way.pids())} MiB after", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--total-gib", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("curl") is None:
        raise SystemExit("curl is missing (Debian's package 'curl').")
    with ExitStack() as stack:
        installation = Installation(CXR_DOWNLOADS_PER_MINUTE="1000000")
        stack.callback(installation.close)
        file = lay(installation.var, options.mib)
        nginx = Nginx(installation.origin, file.path.parent, installation.var / "delivery")
        stack.callback(nginx.close)
        origin, pid_file = without_portal(nginx, stack)
        total = options.total_gib * 2**30

        def plain() -> Way:
            return Way("nginx", f"{origin}/protected/{file.path.name}", lambda: family(pid_file))

        print(f"a file of {options.mib} MiB, medians of {options.rounds}; load {os.getloadavg()[0]:.1f}", flush=True)
        alone = Way("gunicorn", installation.origin + file.address, installation.web_processes)
        compare(alone, plain(), file, total, options.rounds)
        installation.stop()
        installation.environment["CXR_ACCEL_PREFIX"] = "/protected/"
        installation.start()
        both = Way(
            "X-Accel",
            nginx.origin + file.address,
            lambda: family(nginx.access_log.parent / "nginx.pid") + installation.web_processes(),
        )
        compare(both, plain(), file, total, options.rounds)


if __name__ == "__main__":
    main()
