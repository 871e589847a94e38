"""The queue: what a curator should look at next."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from datasets.models import Dataset
from intake.models import Stage, UploadedFile

DOUBTFUL, ORDINARY = 0, 1
ORDER = ("priority", "received_at", "pk")


def queue(dataset: str = "") -> QuerySet[UploadedFile]:
    """Files that wait for a verdict, the doubtful ones (text may be in the picture, quality Bad) first, then the
    oldest; of one dataset if `dataset` names it by its slug. Each has `priority`: 0 doubtful, 1 ordinary."""
    doubtful = Q(deid_report__needs_person=True) | Q(assessment__quality="Bad")
    files = UploadedFile.objects.filter(stage=Stage.CURATE).annotate(
        priority=Case(When(doubtful, then=Value(DOUBTFUL)), default=Value(ORDINARY), output_field=IntegerField())
    )
    if dataset:
        files = files.filter(batch__dataset__slug=dataset)
    return files.select_related("group", "batch__dataset", "hospital").order_by(*ORDER)


def set_aside() -> QuerySet[UploadedFile]:
    """Files that a machine could not deal with, the oldest first."""
    files = UploadedFile.objects.filter(stage=Stage.SET_ASIDE)
    return files.select_related("group", "batch__dataset", "hospital").order_by("stage_since", "pk")


@dataclass(frozen=True)
class Place:
    """Where a file stands in the queue: its neighbours, and how many there are in all."""

    previous: UploadedFile | None
    next: UploadedFile | None
    count: int


def place(file: UploadedFile, dataset: str = "") -> Place:
    """The neighbours of a file of the queue; of one that has left it, the place where it stood."""
    files = queue(dataset)
    priority = _priority(file)
    before = Q(priority__lt=priority) | Q(priority=priority) & (
        Q(received_at__lt=file.received_at) | Q(received_at=file.received_at, pk__lt=file.pk)
    )
    after = Q(priority__gt=priority) | Q(priority=priority) & (
        Q(received_at__gt=file.received_at) | Q(received_at=file.received_at, pk__gt=file.pk)
    )
    backwards = [f"-{field}" for field in ORDER]
    return Place(files.filter(before).order_by(*backwards).first(), files.filter(after).first(), files.count())


def _priority(file: UploadedFile) -> int:
    doubtful = file.deid_report.get("needs_person") is True or file.assessment.get("quality") == "Bad"
    return DOUBTFUL if doubtful else ORDINARY


def waiting_by_dataset() -> Iterable[tuple[Dataset, int]]:
    """Datasets with files in the queue, and how many each."""
    counted = Dataset.objects.annotate(waiting=Count("batches__files", filter=Q(batches__files__stage=Stage.CURATE)))
    return [(dataset, dataset.waiting) for dataset in counted.filter(waiting__gt=0).order_by("title")]
