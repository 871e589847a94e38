"""The metadata of a million images: how long do CSV, XLSX and Parquet take, in how much memory, and how fast are pages?

    .venv/bin/python -m benchmarks.exports [--images 1000000] [--postgresql]

Each table is written by a process of its own, whose peak memory is told. Pages are asked for twice: with an empty
cache, and again. `--postgresql` starts a server of its own, as the tests do.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import time
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.archives import new_dataset, portal
from tests import postgres

TABLES = ("NORMAL.csv", "images.xlsx", "images.parquet")


def fill(images: int) -> Any:
    """A published release of `images` rows; they all name one radiograph, which no table looks at."""
    from accounts.models import Hospital
    from datasets.models import Patient, Radiograph, Release, ReleaseItem

    user, dataset, group = new_dataset()
    hospital = Hospital.objects.create(number=1, name="Szpital", name_eng="Hospital", city="C")
    patient = Patient.objects.create(hospital=hospital, number=1)
    image = Radiograph.objects.create(
        dataset=dataset, group=group, patient=patient, filename="x", file="x", format="dicom", size=1, sha256="0" * 64,
        width=1, height=1, quality="Good", accepted_by=user,
    )  # fmt: skip
    about = {"title": "B", "groups": {"1": "NORMAL"}}
    release = Release.objects.create(dataset=dataset, version="1.0", changes="x", created_by=user, about=about)
    rows = (
        ReleaseItem(release=release, radiograph=image, group=group, filename=f"Anonymous_1_{number}_1.dcm",
                    metadata=row(number), files={})
        for number in range(1, images + 1)
    )  # fmt: skip
    while batch := list(islice(rows, 5000)):
        ReleaseItem.objects.bulk_create(batch)
    Release.objects.update(status="published", published_at="2026-01-01T00:00:00Z")
    for name in TABLES:
        release.archives.create(
            content="metadata", filename=f"benchmark-1.0-{name}", group=group if name == "NORMAL.csv" else None,
            status="ready", size=1, md5="0" * 32, sha256="0" * 64, items=images,
        )  # fmt: skip
    return release


def row(number: int) -> dict[str, Any]:
    return {
        "origin": "BENCHMARK", "filename": f"Anonymous_1_{number}_1.dcm", "patient_id": number, "hospital": "Łódź",
        "hospital_eng": "Hospital", "hospital_id": 1, "sex": "FM"[number % 2], "age": number % 90, "smoke": "former",
        "smoke_packyears": number % 400 / 10, "class": "NORMAL", "class_id": 1, "quality": "Good", "subtype": None,
        "set": "train",
    }  # fmt: skip


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


def pages() -> None:
    from django.conf import settings
    from django.core.cache import cache
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    settings.ALLOWED_HOSTS.append("testserver")
    cache.clear()
    client = Client()
    for address in ("/datasets/", "/datasets/benchmark/", "/datasets/benchmark/releases/1.0/"):
        for word in ("first", "again"):
            before = time.monotonic()
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(address)
            seconds = time.monotonic() - before
            print(f"{address:36} {word}: {answer.status_code}, {len(queries)} queries, {seconds:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.postgresql:
            folder = Path(tempfile.mkdtemp(prefix="cxr-pg-"))
            server = postgres.Server(folder)
            server.start()
            stack.callback(server.stop)
            os.environ["CXR_DATABASE_URL"] = postgres.url(folder, "portal")
        stack.enter_context(portal())
        measure(options.images)


def measure(images: int) -> None:
    from django.db import connections

    before = time.monotonic()
    fill(images)
    print(f"{images:,} rows made in {time.monotonic() - before:.0f} s; load {os.getloadavg()[0]:.1f}")
    connections.close_all()  # a process has its own
    for name in TABLES:
        process = multiprocessing.get_context("fork").Process(target=write, args=(name,))
        process.start()
        process.join()
    pages()
    connections.close_all()


if __name__ == "__main__":
    main()
