"""Reads that the pages and the API share. Their number of queries does not grow with the number of files."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from datasets.models import Dataset, DiagnosisGroup
from datasets.models.collection import Quality
from intake import names
from intake.models import WORK_STAGES, DescriptionRow, Stage, UploadBatch, UploadedFile


class Verdict(TextChoices):
    """What a curator decided; the stage alone does not tell how an accepted radiograph was judged."""

    GOOD = "good", _("accepted as Good")
    BAD = "bad", _("accepted as Bad")
    REJECTED = "rejected", _("rejected")


@dataclass(frozen=True)
class Progress:
    """How far a batch is: files by stage, in the order of the stages."""

    counts: dict[Stage, int]
    verdicts: dict["Verdict", int]

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

    @property
    def verdict_rows(self) -> list[tuple["Verdict", int]]:
        return [(verdict, count) for verdict, count in self.verdicts.items() if count]

    @property
    def waiting_for_hospital(self) -> int:
        """Files that go no further until the hospital says their diagnosis."""
        return self.counts[Stage.DESCRIBE]


def group_of(dataset: Dataset, class_id: str) -> DiagnosisGroup | None:
    """The dataset's diagnosis of that class id, which may be any text from outside; None if there is none."""
    return dataset.groups.filter(class_id=class_id).first() if class_id.isdecimal() and len(class_id) < 10 else None


def open_datasets() -> QuerySet[Dataset]:
    """Datasets that files can be given to: without groups there is no diagnosis to choose."""
    return Dataset.objects.filter(groups__isnull=False).distinct()


def progress(batch: UploadBatch) -> Progress:
    found = dict(batch.files.order_by().values_list("stage").annotate(count=Count("pk")))
    accepted = batch.files.filter(stage=Stage.ACCEPTED).order_by().values_list("radiograph__quality")
    judged = dict(accepted.annotate(count=Count("pk"))) if found.get(Stage.ACCEPTED) else {}
    verdicts = {
        Verdict.GOOD: judged.get(Quality.GOOD, 0),
        Verdict.BAD: judged.get(Quality.BAD, 0),
        Verdict.REJECTED: found.get(Stage.REJECTED, 0),
    }
    return Progress({stage: found.get(stage, 0) for stage in Stage}, verdicts)


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


def files_of(batch: UploadBatch, stage: str = "", verdict: str = "") -> QuerySet[UploadedFile]:
    """A batch's files, of one stage or verdict if one is named, ready for a table."""
    files = batch.files.select_related("group").order_by("received_at", "pk")
    if stage in Stage.values:
        files = files.filter(stage=stage)
    if verdict == Verdict.REJECTED:
        files = files.filter(stage=Stage.REJECTED)
    elif verdict in Verdict.values:
        quality = Quality.GOOD if verdict == Verdict.GOOD else Quality.BAD
        files = files.filter(stage=Stage.ACCEPTED, radiograph__quality=quality)
    return files


def row_counts(batch: UploadBatch) -> list[tuple[str, int]]:
    """The rows of the batch's table by state, in words, without the states that none is in."""
    found = dict(batch.descriptions.order_by().values_list("state").annotate(count=Count("pk")))
    return [(str(state.label), found[state]) for state in DescriptionRow.State if state in found]


def described_files(batch: UploadBatch) -> Iterator[dict[str, Any]]:
    """What is known of each file that can still be described, by the columns of a table; not those without a name."""
    gone = [Stage.REJECTED, Stage.WITHDRAWN, Stage.UNPACKED]
    files = batch.files.exclude(stage__in=gone).exclude(sealed_name="").select_related("group")
    only = ("sealed_name", "group__label", "sex", "age", "smoke", "smoke_packyears")
    for file in files.only(*only).order_by("received_at", "pk").iterator(chunk_size=500):
        if name := names.reveal(file.sealed_name):
            yield {
                "filename": name,
                "class": file.group.label if file.group is not None else "",
                "sex": file.sex,
                "age": file.age,
                "smoke": file.smoke,
                "smoke_packyears": file.smoke_packyears,
            }
