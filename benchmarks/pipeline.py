"""How fast does a worker take radiographs through the four stages, and which stage costs what share?

    .venv/bin/python -m benchmarks.pipeline FOLDER [--limit 200] [--workers 1]

FOLDER holds an index.csv as `manage.py import_collection` reads it. A portal of its own is started in a temporary
folder, the files are uploaded first, then the worker is let loose on them.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def measure(folder: Path, limit: int, workers: int) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from intake.models import WORK_STAGES, StageRun, UploadedFile
    from portal.broker import start_valkey
    from portal.demo import people
    from portal.demo.make import ensure_dataset
    from portal.keys import ensure_keys

    ensure_keys(settings.CXR_KEYS_DIR)
    valkey = start_valkey(settings.CXR_VALKEY_SOCKET)
    call_command("migrate", verbosity=0)
    dataset = ensure_dataset(people.ensure_people())
    started = time.monotonic()
    call_command("import_collection", str(folder), dataset=dataset.slug, hospital=1, limit=limit, verbosity=0)
    uploaded = time.monotonic()
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "portal", "worker", "-c", str(workers), "--loglevel", "ERROR"], cwd=ROOT
    )
    try:
        while UploadedFile.objects.filter(stage__in=WORK_STAGES).exists():
            time.sleep(0.5)
    finally:
        worker.terminate()
        worker.wait()
        valkey.stop()
    runs = list(StageRun.objects.exclude(finished_at=None).order_by("started_at"))
    ends = {run.pk: run.finished_at or run.started_at for run in runs}
    wall = (max(ends.values()) - runs[0].started_at).total_seconds()
    seconds = defaultdict(list)
    for run in runs:
        seconds[run.stage].append((ends[run.pk] - run.started_at).total_seconds())
    files = UploadedFile.objects.count()
    busy = sum(map(sum, seconds.values()))
    print(f"{files} files received in {uploaded - started:.1f} s")
    print(f"{files} files through four stages in {wall:.1f} s with {workers} worker process(es):")
    print(
        f"{files / wall / workers:.2f} images/s per worker, {1 - busy / wall / workers:.0%} of the time between stages"
    )
    # Of the worker's processes; the broker needs next to nothing.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds_each, largest = (used.ru_utime + used.ru_stime) / files, used.ru_maxrss / 1024
    print(f"{seconds_each:.2f} s of processor time per image, start included; {largest:.0f} MiB in the largest process")
    print(f"{'stage':<12} {'share':>6} {'median ms':>10} {'max ms':>8}")
    for stage in WORK_STAGES:
        values = seconds[stage]
        middle, longest = statistics.median(values) * 1000, max(values) * 1000
        print(f"{stage:<12} {sum(values) / busy:>6.0%} {middle:>10.0f} {longest:>8.0f}")
    for end in sorted(set(UploadedFile.objects.values_list("stage", flat=True))):
        print(f"ended as {end}: {UploadedFile.objects.filter(stage=end).count()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cxr-bench-") as place:
        os.environ.update(CXR_VAR=place, DJANGO_SETTINGS_MODULE="portal.settings", OMP_NUM_THREADS="1")
        measure(arguments.folder.resolve(), arguments.limit, arguments.workers)
