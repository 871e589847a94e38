"""The metadata of a million images: how long do CSV, XLSX and Parquet take, in how much memory?

    .venv/bin/python -m benchmarks.exports [--images 1000000] [--postgresql]

Each table is written by a process of its own, whose peak memory is told; NORMAL.csv holds all images.
`--postgresql` starts a server of its own, as the tests do.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time

from benchmarks.large import TABLES, database, fill


def write(name: str) -> None:
    """In a process of its own."""
    from datasets.archives import write_archive
    from datasets.models import Archive

    archive = Archive.objects.select_related("release__dataset", "group", "source").get(
        filename=f"benchmark-1.0-{name}"
    )
    with tempfile.TemporaryFile() as file:
        start, before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        write_archive(archive, file, alive=lambda: None, tmpdir=tempfile.gettempdir())
        seconds, size = time.monotonic() - before, file.tell()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name:16} {seconds:7.1f} s {size / 2**20:7.1f} MiB  "
        f"memory {peak / 1024:.0f} MiB (+{(peak - start) / 1024:.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with database(postgresql=options.postgresql):
        measure(options.images)


def measure(images: int) -> None:
    from django.db import connections

    before = time.monotonic()
    fill(images, classes=1)
    print(f"{images:,} rows made in {time.monotonic() - before:.0f} s; load {os.getloadavg()[0]:.1f}")
    connections.close_all()  # a process has its own
    for name in TABLES:
        process = multiprocessing.get_context("fork").Process(target=write, args=(name,))
        process.start()
        process.join()
    connections.close_all()


if __name__ == "__main__":
    main()
