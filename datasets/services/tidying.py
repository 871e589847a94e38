"""What killed workers left behind: files among the archives that no row names, and half-written tables."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage, storages
from django.utils import timezone

from audit.services import record
from datasets.models import Archive

# What `building` writes, and nothing else: SLUG/VERSION/ARCHIVE.ATTEMPT.ENDING, or ..._xyz.ENDING where that was taken.
_OURS = re.compile(r"[^/]+/[^/]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.\d+(?:_\w+)?\.[\w-]+")
_BATCH = 500


def tidy_archives() -> int:
    """Deletes the files in the storage of archives that no row names and that are older than any task can be, but for
    those of an archive that is still to be built; and forgotten temporary files. Returns how many."""
    before = timezone.now() - timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT)
    storage = storages["archives"]
    files = sum(_delete_orphan(storage, path, pk, before) for path, pk in _unnamed(storage))
    temporary = _tidy_temporary(before)
    if files or temporary:
        record("archives.tidied", files=files, temporary=temporary)
    return files + temporary


def _unnamed(storage: Storage) -> Iterator[tuple[str, str]]:
    """Paths of our form that no archive names, whatever its state; each with the id of the archive it was for."""
    ours = ((path, found[1]) for path in _walk(storage, "") if (found := _OURS.fullmatch(path)))
    while batch := list(islice(ours, _BATCH)):
        named = set(Archive.objects.filter(file__in=[path for path, _pk in batch]).values_list("file", flat=True))
        yield from ((path, pk) for path, pk in batch if path not in named)


def _walk(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:  # nothing was built yet
        return
    yield from (f"{folder}{name}" for name in files)
    for name in folders:
        yield from _walk(storage, f"{folder}{name}/")


def _delete_orphan(storage: Storage, path: str, pk: str, before: datetime) -> bool:
    writing = Archive.objects.filter(pk=pk, status__in=Archive.UNFINISHED)
    try:
        if writing.exists() or storage.get_modified_time(path) > before:
            return False
    except FileNotFoundError:  # somebody was faster
        return False
    if Archive.objects.filter(file=path).exists():  # named since the folder was read
        return False
    storage.delete(path)
    return True


def _tidy_temporary(before: datetime) -> int:
    """Sheets of workbooks that were never closed, in the folder where archives grow."""
    deleted = 0
    for path in (Path(settings.CXR_VAR) / "tmp").glob("*"):
        try:
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) > before:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            deleted += 1
        except FileNotFoundError:  # it was being used, and is gone now
            continue
    return deleted
