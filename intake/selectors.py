"""Reads that the pages and the API share. Their number of queries does not grow with the number of files."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from datasets.models import Dataset
from intake.models import WORK_STAGES, Stage, UploadBatch, UploadedFile


@dataclass(frozen=True)
class Progress:
    """How far a batch is: files by stage, in the order of the stages."""

    counts: dict[Stage, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def moving(self) -> int:
        """Files that workers still have to do something with."""
        return sum(self.counts[stage] for stage in WORK_STAGES)

    @property
    def processed(self) -> int:
        return self.total - self.moving

    @property
    def rows(self) -> list[tuple[Stage, int]]:
        return [(stage, count) for stage, count in self.counts.items() if count]


def open_datasets() -> QuerySet[Dataset]:
    """Datasets that files can be given to: without groups there is no diagnosis to choose."""
    return Dataset.objects.filter(groups__isnull=False).distinct()


def progress(batch: UploadBatch) -> Progress:
    found = dict(batch.files.order_by().values_list("stage").annotate(count=Count("pk")))
    return Progress({stage: found.get(stage, 0) for stage in Stage})


def with_counts(batches: QuerySet[UploadBatch]) -> QuerySet[UploadBatch]:
    """The newest first, with file_count, moving, waiting (for a curator), set_aside, accepted and rejected."""

    def count(*stages: Stage) -> Count:
        return Count("files", filter=Q(files__stage__in=stages))

    return batches.annotate(
        file_count=Count("files"),
        moving=count(*WORK_STAGES),
        waiting=count(Stage.CURATE),
        set_aside=count(Stage.SET_ASIDE),
        accepted=count(Stage.ACCEPTED),
        rejected=count(Stage.REJECTED),
    ).order_by("-created_at", "-pk")


def files_of(batch: UploadBatch, stage: str = "") -> QuerySet[UploadedFile]:
    """A batch's files, of one stage if it names one, ready for a table."""
    files = batch.files.select_related("group").order_by("received_at", "pk")
    return files.filter(stage=stage) if stage in Stage.values else files
