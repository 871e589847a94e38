from typing import Any

from celery import shared_task
from celery.signals import worker_ready

from audit import anchoring


@shared_task
def anchor() -> None:
    """Writes down outside the database what the trail's last row is."""
    anchoring.anchor()


@shared_task
def verify() -> None:
    """Checks the whole trail against its anchors."""
    anchoring.verify()


@shared_task
def note_settings() -> None:
    """Records which settings an operator changed."""
    anchoring.note_settings()


@worker_ready.connect
def worker_started(**kwargs: Any) -> None:
    # By the broker: the worker's own process must not hold a connection to the database that its children inherit.
    note_settings.delay()
