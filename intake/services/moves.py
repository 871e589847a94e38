"""How a (locked) row goes from one stage to the next; whoever has a reason to move it calls these."""

from django.utils import timezone

from audit.services import record
from intake.models import NEEDS_ORIGINAL, WORK_STAGES, Stage, StageRun, UploadedFile
from intake.services.publishing import publish_on_commit

# Reasons for which nobody has the bytes any more.
ORIGINAL_LOST = ("damaged", "original_purged")


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


def give_way(row: UploadedFile) -> None:
    """The bytes of the (locked) row are gone or spoiled: the same may be sent again, and is no duplicate of this. What
    they were is kept, so that a damaged original is not taken for a good one when it is tried once more."""
    if row.sha256:
        row.facts["received_sha256"] = row.sha256
    row.sha256 = row.instance_hash = ""


def set_aside(row: UploadedFile, code: str, message: str = "") -> None:
    """Moves the (locked) row to the people's table with the reason; the original stays."""
    stage = row.stage
    if code in ORIGINAL_LOST and stage in NEEDS_ORIGINAL:
        give_way(row)
    row.reason_code, row.reason = code, message
    move(row, Stage.SET_ASIDE)
    record("file.set_aside", about=row, stage=stage, code=code)
