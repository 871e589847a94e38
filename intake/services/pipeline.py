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
from intake.services.duplicates import Repeated
from intake.services.moves import close_running, move, person_stage, set_aside
from intake.services.outcomes import Outcome
from intake.services.publishing import publish_on_commit
from intake.services.upkeep import clean_up_on_commit

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
    except Repeated as repeated:
        _reject(claim, repeated)
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


def _finish(claim: Claim, outcome: Outcome, milliseconds: int) -> None:
    with transaction.atomic():
        row = _held(claim)
        if row is None:
            return
        outcome.apply(row)
        _close(claim, StageRun.Status.DONE, result={**outcome.result, "ms": milliseconds})
        move(row, outcome.then or NEXT.get(Stage(claim.stage), person_stage(row)))
        if row.stage in FINAL_STAGES:
            clean_up_on_commit(row.pk)
        record("stage.done", about=row, stage=claim.stage, attempt=claim.attempt, ms=milliseconds)


def _refuse(claim: Claim, code: str, message: str = "") -> None:
    with transaction.atomic():
        row = _held(claim)
        if row is None:
            return
        _close(claim, StageRun.Status.REFUSED, code=code, reason=message)
        set_aside(row, code, message)


def _reject(claim: Claim, repeated: Repeated) -> None:
    """What is there already is not kept twice: no person is asked, and the hospital reads where the other one is."""
    with transaction.atomic():
        row = _held(claim)
        if row is None:
            return
        _close(claim, StageRun.Status.REFUSED, code=repeated.code)
        row.reason_code, row.reason = repeated.code, ""
        row.facts["earlier"] = repeated.earlier
        move(row, Stage.REJECTED)
        clean_up_on_commit(row.pk)
        record("file.duplicate", about=row, code=repeated.code, earlier=repeated.earlier["file"])


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
