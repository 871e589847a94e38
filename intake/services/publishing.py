"""Telling the workers. The row is the truth and the message a hint: when the broker is away, the sweep tells later."""

import uuid
from functools import partial

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)


def publish_on_commit(file_id: uuid.UUID, countdown: int = 0) -> None:
    """Sends the task for the file's present stage once the transaction is committed, `countdown` seconds later."""
    transaction.on_commit(partial(publish, file_id, countdown), robust=True)


def publish(file_id: uuid.UUID, countdown: int = 0) -> bool:
    """Sends the task now; False (and a line in the log) when the broker does not take it."""
    from intake.tasks import run_stage

    try:
        run_stage.apply_async((str(file_id),), countdown=countdown, retry=False)
    except (OperationalError, OSError):
        logger.warning("broker_unreachable", file_id=str(file_id))
        return False
    return True


def publish_age_on_commit(row_id: int) -> None:
    """Sends the task that works out an age from a row of a table once the transaction is committed."""
    transaction.on_commit(partial(publish_age, row_id), robust=True)


def publish_age(row_id: int) -> bool:
    """Sends it now; False (and a line in the log) when the broker does not take it."""
    from intake.tasks import work_out_age

    try:
        work_out_age.apply_async((row_id,), retry=False)
    except (OperationalError, OSError):
        logger.warning("broker_unreachable", description_row=row_id)
        return False
    return True
