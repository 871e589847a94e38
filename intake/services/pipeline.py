"""The state machine of a file: inspect, de-identify, segment, assess, then a person: the hospital while the diagnosis
is missing, the curator after it.

A stage is claimed in one short transaction, worked on outside any, and stored in another one that first checks that
the claim still holds. So a task may come twice, late or not at all, and its worker may die anywhere.
"""

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit.services import record
from imaging.formats import Refused
from intake import candidates
from intake.models import FINAL_STAGES, WORK_STAGES, Stage, StageRun, UploadedFile
from intake.quarantine import Damaged
from intake.services import stages
from intake.services.publishing import publish_on_commit

logger = structlog.get_logger(__name__)

NEXT = dict(pairwise(WORK_STAGES))
RETRY_SECONDS = (5, 30, 120)  # before the second, third, ... attempt after an unexpected error

# Of reasons that arise here; `intake.words` says them to people in their language.
WORKER_LOST = "worker_lost"
INTERNAL_ERROR = "internal_error"
DAMAGED = "damaged"


@dataclass(frozen=True)
class Claim:
    """One task's right to work on one stage of one file."""

    file_id: uuid.UUID
    stage: str
    attempt: int
    task_id: str
    run_id: int


def run_stage(file_id: uuid.UUID | str, task_id: str) -> None:
    """Does the next piece of work on a file, if there is any and nobody else has it. Never raises for a bad file."""
    claim = _claim(file_id, task_id)
    if claim is None:
        return
    started = time.monotonic()
    try:
        outcome = stages.WORK[Stage(claim.stage)](UploadedFile.objects.select_related("hospital").get(pk=claim.file_id))
    except Refused as refused:
        _refuse(claim, refused.code, refused.message)
    except Damaged:
        _refuse(claim, DAMAGED)
    except Exception as error:
        # The message may quote the file, so that only the kind of error is kept and logged.
        kind = type(error).__name__
        logger.error("stage_failed", file_id=str(claim.file_id), stage=claim.stage, attempt=claim.attempt, error=kind)
        _fail(claim, kind)
    else:
        _finish(claim, outcome, round(1000 * (time.monotonic() - started)))


def _claim(file_id: uuid.UUID | str, task_id: str) -> Claim | None:
    """Takes the file's present stage for this task; None if there is nothing to do or another task is at it."""
    now = timezone.now()
    with transaction.atomic():
        row = UploadedFile.objects.select_for_update().filter(pk=file_id, stage__in=WORK_STAGES).first()
        if row is None:
            return None
        held = row.claimed_by and row.claimed_until is not None and row.claimed_until > now
        if held and row.claimed_by != task_id:
            return None
        # Our own id on the row: the broker gave the task out again because the worker that had it is gone.
        close_running(row, StageRun.Status.LOST, WORKER_LOST)
        if row.attempts >= settings.CXR_STAGE_MAX_ATTEMPTS:
            set_aside(row, WORKER_LOST)
            return None
        row.attempts += 1
        row.claimed_by = task_id
        row.claimed_until = now + timedelta(seconds=settings.CXR_STAGE_LEASE_SECONDS)
        row.save(update_fields=["attempts", "claimed_by", "claimed_until"])
        run = StageRun.objects.create(file=row, stage=row.stage, attempt=row.attempts, task_id=task_id)
    return Claim(row.pk, row.stage, row.attempts, task_id, run.pk)


def _held(claim: Claim) -> UploadedFile | None:
    """The locked row if the claim still holds. It does not when the lease ran out and another task took over, or when
    somebody withdrew the file meanwhile."""
    row = UploadedFile.objects.select_for_update().get(pk=claim.file_id)
    if (row.stage, row.attempts, row.claimed_by) == (claim.stage, claim.attempt, claim.task_id):
        return row
    logger.info("claim_lost", file_id=str(claim.file_id), stage=claim.stage, attempt=claim.attempt)
    if row.stage in FINAL_STAGES:
        # The late worker wrote into a folder that was cleared already.
        transaction.on_commit(lambda: candidates.remove(row.pk))
    return None


def _finish(claim: Claim, outcome: stages.Outcome, milliseconds: int) -> None:
    with transaction.atomic():
        row = _held(claim)
        if row is None:
            return
        outcome.apply(row)
        _close(claim, StageRun.Status.DONE, result={**outcome.result, "ms": milliseconds})
        move(row, NEXT.get(Stage(claim.stage), person_stage(row)))
        record("stage.done", about=row, stage=claim.stage, attempt=claim.attempt, ms=milliseconds)


def _refuse(claim: Claim, code: str, message: str = "") -> None:
    with transaction.atomic():
        row = _held(claim)
        if row is None:
            return
        _close(claim, StageRun.Status.REFUSED, code=code, reason=message)
        set_aside(row, code, message)


def _fail(claim: Claim, error: str) -> None:
    with transaction.atomic():
        row = _held(claim)
        if row is None:
            return
        _close(claim, StageRun.Status.FAILED, code=INTERNAL_ERROR, reason=error)
        if claim.attempt >= settings.CXR_STAGE_MAX_ATTEMPTS:
            set_aside(row, INTERNAL_ERROR)
            return
        wait = RETRY_SECONDS[min(claim.attempt, len(RETRY_SECONDS)) - 1]
        row.claimed_by = ""
        # Nobody's claim: it only keeps the sweep from publishing what is on its way.
        row.claimed_until = timezone.now() + timedelta(seconds=wait)
        row.save(update_fields=["claimed_by", "claimed_until"])
        publish_on_commit(row.pk, wait)


def _close(
    claim: Claim, status: str, *, code: str = "", reason: str = "", result: dict[str, object] | None = None
) -> None:
    StageRun.objects.filter(pk=claim.run_id).update(
        status=status, finished_at=timezone.now(), reason_code=code, reason=reason, result=result or {}
    )


def close_running(row: UploadedFile, status: str, code: str) -> None:
    """Ends the runs that nobody will end any more. The caller has locked the row."""
    row.runs.filter(status=StageRun.Status.RUNNING).update(status=status, finished_at=timezone.now(), reason_code=code)


def person_stage(row: UploadedFile) -> Stage:
    """Who has to do something with a file that the workers are done with."""
    return Stage.CURATE if row.group_id is not None else Stage.DESCRIBE


def move(row: UploadedFile, stage: Stage) -> None:
    """Saves the (locked) row with a new stage, unclaimed, and publishes the task if there is work to do."""
    row.stage = stage
    row.stage_since = timezone.now()
    row.attempts = 0
    row.claimed_by, row.claimed_until = "", None
    row.save()
    if stage in WORK_STAGES:
        publish_on_commit(row.pk)


def set_aside(row: UploadedFile, code: str, message: str = "") -> None:
    """Moves the (locked) row to the people's table with the reason; the original stays."""
    stage = row.stage
    row.reason_code, row.reason = code, message
    move(row, Stage.SET_ASIDE)
    record("file.set_aside", about=row, stage=stage, code=code)
