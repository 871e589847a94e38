from celery import Task, shared_task

from datasets import services


@shared_task(bind=True)
def build_archive(self: Task, archive_id: str) -> None:  # type: ignore[type-arg]
    services.build_archive(archive_id, str(self.request.id))


@shared_task
def sweep() -> None:
    services.sweep_archives()
