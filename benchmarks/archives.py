"""How fast are archives built, against `zip -0` and `sha256sum` on the same files, and in how much memory?

    .venv/bin/python -m benchmarks.archives [--files 200] [--kilobytes 4096] [--rounds 5]

Both in turns, on the same disk: the portal reads, checks, packs and hashes (SHA-256 and MD5); beside it `zip -0`,
`sha256sum` and `md5sum` do the same as three programs. The memory of the process is told, too.
"""

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def portal() -> Iterator[Path]:
    """Django on a database of its own in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="cxr-benchmark-") as folder:
        os.environ.update(CXR_VAR=folder, CXR_EMBEDDED="true", DJANGO_SETTINGS_MODULE="portal.settings")
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        from portal.broker import start_valkey
        from portal.keys import ensure_keys

        ensure_keys(settings.CXR_KEYS_DIR)
        call_command("migrate", verbosity=0)
        server = start_valkey(settings.CXR_VALKEY_SOCKET)
        try:
            yield Path(folder)
        finally:
            server.stop()


def new_dataset() -> Any:
    from accounts.models import Agreement, User
    from datasets.models import Dataset

    user = User.objects.create(email="manager@benchmark.example", name="Manager")
    agreement = Agreement.objects.create(code="dua", version="1", title="Agreement", text="x", sha256="0" * 64)
    dataset = Dataset.objects.create(
        slug="benchmark",
        origin="B",
        title="B",
        summary="B",
        description="B",
        licence="B",
        citation="B",
        agreement=agreement,
        is_public=True,
    )
    group = dataset.groups.create(class_id=1, label="NORMAL")
    return user, dataset, group


def fill(files: int, size: int) -> tuple[Any, list[Path]]:
    """A release of `files` images of `size` bytes, frozen without archives, and where they lie."""
    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    from accounts.models import Hospital
    from datasets.models import Patient, Radiograph, Release, ReleaseItem

    user, dataset, group = new_dataset()
    hospital = Hospital.objects.create(number=1, name="H", name_eng="H", city="C")
    release = Release.objects.create(dataset=dataset, version="1.0", changes="x", created_by=user, about={})
    paths = []
    for number in range(files):
        data = os.urandom(size)
        name = f"Anonymous_1_{number}_1.dcm"
        path = storages["library"].save(name, ContentFile(data))
        sha256 = hashlib.sha256(data).hexdigest()
        patient = Patient.objects.create(hospital=hospital, number=number + 1)
        image = Radiograph.objects.create(
            dataset=dataset, group=group, patient=patient, filename=name, file=path, format="dicom", size=size,
            sha256=sha256, width=1, height=1, quality="Good", accepted_by=user,
        )  # fmt: skip
        stored = {"name": name, "path": path, "sha256": sha256, "size": size}
        ReleaseItem.objects.create(
            release=release, radiograph=image, group=group, filename=name, metadata={"filename": name},
            files={"radiographs": [stored]},
        )  # fmt: skip
        paths.append(Path(storages["library"].path(path)))
    return release, paths


def build(release: Any) -> None:
    from datasets import services
    from datasets.models import Archive

    group = release.dataset.groups.get()
    archive = Archive.objects.create(
        release=release, group=group, content="radiographs", filename=f"benchmark-{time.monotonic_ns()}.zip"
    )
    services.build_archive(archive.pk, "benchmark")
    archive.refresh_from_db()
    assert archive.status == "ready", archive.reason
    archive.file.delete(save=False)
    archive.delete()


def programs(paths: list[Path], folder: Path) -> None:
    target = folder / "programs.zip"
    subprocess.run(["zip", "-0", "-q", "-j", str(target), *map(str, paths)], check=True)
    subprocess.run(["sha256sum", str(target)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["md5sum", str(target)], check=True, stdout=subprocess.DEVNULL)
    target.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--kilobytes", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if shutil.which("zip") is None:
        raise SystemExit("zip is missing (Debian's package 'zip').")
    with portal() as folder:
        release, paths = fill(options.files, options.kilobytes * 1024)
        megabytes = options.files * options.kilobytes / 1024
        ours, theirs = [], []
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        for _ in range(options.rounds):
            before = time.monotonic()
            build(release)
            between = time.monotonic()
            programs(paths, folder)
            ours.append(between - before)
            theirs.append(time.monotonic() - between)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ratio = statistics.median(ours[i] / theirs[i] for i in range(options.rounds))
        print(f"portal            {megabytes / statistics.median(ours):7.0f} MiB/s (median of {options.rounds})")
        print(f"zip -0, sums      {megabytes / statistics.median(theirs):7.0f} MiB/s")
        print(f"time, portal/programs  {ratio:.2f}; load {os.getloadavg()[0]:.1f}")
        print(f"memory {peak:.0f} MiB, {peak - start:.0f} of it while a ZIP of {megabytes:.0f} MiB was built")


if __name__ == "__main__":
    main()
