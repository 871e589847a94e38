"""Celery tasks: each only calls a service, and takes nothing but ids."""

from celery import Task, shared_task
from django.conf import settings

from datasets.services.withdrawing import destroy_withdrawn
from intake import services


# The limit ends a decoder that hangs before another task may take the stage over.
@shared_task(bind=True, name="intake.tasks.run_stage", time_limit=max(settings.CXR_STAGE_LEASE_SECONDS - 5, 5))
def run_stage(self: "Task[[str], None]", file_id: str) -> None:
    services.run_stage(file_id, str(self.request.id))


@shared_task(name="intake.tasks.work_out_age")
def work_out_age(row_id: int) -> None:
    services.work_out_age(row_id)


@shared_task(name="intake.tasks.sweep")
def sweep() -> None:
    services.sweep()
    services.publish_lost_ages()
    services.send_summaries()


@shared_task(name="intake.tasks.purge")
def purge() -> None:
    services.purge()
    services.purge_rows()
    destroy_withdrawn()
