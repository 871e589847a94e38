"""What keeps the house in order by itself: lost tasks, dead workers' leavings, bytes whose time is over."""

import uuid
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from audit.services import record
from intake import candidates, quarantine
from intake.models import (
    FINAL_STAGES,
    NEEDS_ORIGINAL,
    WORK_STAGES,
    PartialUpload,
    RefusedEntry,
    Stage,
    StageRun,
    UploadedFile,
)
from intake.services.moves import close_running, give_way, set_aside
from intake.services.partial import sweep_partials
from intake.services.publishing import publish

WAITING_SECONDS = 20  # how long a task may be on its way before the sweep thinks that it was lost
MOST_AT_ONCE = 1000
ORPHAN_AGE = timedelta(days=1)
ORIGINAL_PURGED = "original_purged"


def sweep() -> int:
    """Publishes again what waits without anybody working on it, and removes what dead workers left in the work folder
    and dead web processes among the uploads under way.

    Returns the number of tasks published."""
    quarantine.remove_stale_workspaces()
    sweep_partials()
    now = timezone.now()
    waiting = (
        UploadedFile.objects.filter(stage__in=WORK_STAGES, stage_since__lt=now - timedelta(seconds=WAITING_SECONDS))
        .filter(Q(claimed_until=None) | Q(claimed_until__lt=now))
        .order_by("stage_since")
        .values_list("pk", "claimed_by", "claimed_until")[:MOST_AT_ONCE]
    )
    published = 0
    # A claim of nobody: with a long queue the same file is not published again at every sweep.
    until = now + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS)
    for pk, claimed_by, claimed_until in list(waiting):
        if not publish(pk):
            break  # the broker is away; the next sweep goes on
        unchanged = UploadedFile.objects.filter(
            pk=pk, stage__in=WORK_STAGES, claimed_by=claimed_by, claimed_until=claimed_until
        )
        unchanged.update(claimed_by="", claimed_until=until)
        published += 1
    return published


def clean_up_on_commit(file_id: uuid.UUID) -> None:
    transaction.on_commit(partial(clean_up, file_id), robust=True)


def clean_up(file_id: uuid.UUID) -> None:
    """Destroys the original and the candidate of a file whose fate is sealed. What fails here, `purge` does again."""
    if not UploadedFile.objects.filter(pk=file_id, stage__in=FINAL_STAGES).exists():
        return
    candidates.remove(file_id)
    _destroy_original(file_id)


def _destroy_original(file_id: uuid.UUID) -> None:
    """Bytes first, row second: a crash in between leaves a row that is purged once more, never bytes that stay."""
    quarantine.remove(file_id)
    with transaction.atomic():
        row = UploadedFile.objects.select_for_update().get(pk=file_id)
        if row.purged_at is not None:
            return
        row.purged_at = timezone.now()
        row.save(update_fields=["purged_at"])
        if row.stage in NEEDS_ORIGINAL:
            close_running(row, StageRun.Status.FAILED, ORIGINAL_PURGED)
            set_aside(row, ORIGINAL_PURGED)
        elif row.stage == Stage.SET_ASIDE and "output" not in row.deid_report:
            give_way(row)
            row.save()
        record("file.purged", about=row, stage=row.stage)


def purge() -> dict[str, int]:
    """Destroys what may no longer be kept; returns how many of each kind.

    Originals and candidates of files with a verdict; originals older than CXR_RETENTION_DAYS, whatever they wait for;
    file names CXR_NAME_RETENTION_DAYS after the verdict, or with the original; blobs and candidates without a row."""
    now = timezone.now()
    old = now - timedelta(days=settings.CXR_RETENTION_DAYS)
    finished = Q(stage__in=FINAL_STAGES)
    unpurged = UploadedFile.objects.filter(purged_at=None)
    done = list(unpurged.filter(finished).values_list("pk", flat=True))
    for pk in done:
        clean_up(pk)
    late = list(unpurged.filter(~finished, received_at__lt=old).values_list("pk", flat=True))
    for pk in late:
        _destroy_original(pk)
    names = (
        UploadedFile.objects.exclude(sealed_name="")
        .filter(
            Q(finished, stage_since__lt=now - timedelta(days=settings.CXR_NAME_RETENTION_DAYS))
            | Q(~finished, received_at__lt=old)
        )
        .update(sealed_name="")
    )
    # What a ZIP file's entries were called goes with the name of the ZIP file.
    RefusedEntry.objects.filter(container__sealed_name="").exclude(sealed_name="").update(sealed_name="")
    if names:
        record("file_names.purged", count=names)
    return {"verdict": len(done), "retention": len(late), "names": names, "orphans": _remove_orphans()}


def _remove_orphans() -> int:
    """Blobs that no row ever took over (a killed web process), and candidates of files that have their verdict."""
    removed = 0
    for blob_id, changed in list(quarantine.blobs()):
        if changed >= timezone.now() - ORPHAN_AGE:
            continue
        if not any(model.objects.filter(pk=blob_id).exists() for model in (UploadedFile, PartialUpload)):
            quarantine.remove(blob_id)
            removed += 1
    for folder_id in list(candidates.folders()):
        if not UploadedFile.objects.filter(pk=folder_id).exclude(stage__in=FINAL_STAGES).exists():
            candidates.remove(folder_id)
            removed += 1
    return removed
