from celery import Task, shared_task

from datasets import ahead, services
from datasets.services import cohort_archives, freezing, tidying, withdrawing


@shared_task(bind=True)
def build_archive(self: Task, archive_id: str) -> None:  # type: ignore[type-arg]
    services.build_archive(archive_id, str(self.request.id))


@shared_task
def freeze_release(release_id: int) -> None:
    freezing.freeze_release(release_id)


@shared_task
def sweep() -> None:
    freezing.sweep_freezing()
    services.sweep_archives()
    withdrawing.sweep_withdrawals()
    cohort_archives.sweep_cohorts()
    ahead.count_ahead()


@shared_task
def tidy() -> None:
    tidying.tidy_archives()


@shared_task
def finish_withdrawal(withdrawal_id: int) -> None:
    withdrawing.finish_withdrawal(withdrawal_id)


@shared_task
def read_delivery_logs() -> None:
    services.read_delivery_logs()
