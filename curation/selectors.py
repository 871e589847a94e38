"""The queue: what a curator should look at next."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from datasets.models import Dataset
from datasets.selectors import quality_scores
from intake.models import Stage, UploadedFile
from intake.words import QUALITY_REASONS

ORDER = ("priority", "received_at", "pk")


def queue(dataset: str = "", reason: str = "") -> QuerySet[UploadedFile]:
    """Files that wait for a verdict, by `intake.models.Priority` (text may be in the picture, quality Bad, ordinary),
    then the oldest; of one dataset if `dataset` names it by its slug, with one reason of the quality check if `reason`
    is its code."""
    files = _waiting(dataset)
    if reason in QUALITY_REASONS:
        files = files.filter(_has(reason, dataset))
    return files.select_related("group", "batch__dataset", "hospital").order_by(*ORDER)


def _waiting(dataset: str) -> QuerySet[UploadedFile]:
    files = UploadedFile.objects.filter(stage=Stage.CURATE)
    return files.filter(batch__dataset__slug=dataset) if dataset else files


def _has(reason: str, dataset: str) -> Q:
    """Which waiting files have a reason. Outliers are those of now, whatever was accepted since they were assessed."""
    if reason != "outlier":
        return Q(assessment__findings__has_key=reason)
    found = Q(pk=None)
    for dataset_id in _waiting(dataset).order_by().values_list("batch__dataset", flat=True).distinct():
        bound = quality_scores(dataset_id).scale().bound
        found |= Q(batch__dataset=dataset_id, assessment__score__gt=0, assessment__score__lt=bound)
    return found


def waiting_by_reason(dataset: str = "") -> dict[str, int]:
    """How many files wait with each reason of the quality check, where there are any."""
    counts = {code: Count("pk", filter=_has(code, dataset)) for code in QUALITY_REASONS}
    return {code: count for code, count in _waiting(dataset).aggregate(**counts).items() if count}


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


def place(file: UploadedFile, dataset: str = "", reason: str = "") -> Place:
    """The neighbours of a file of the queue; of one that has left it, the place where it stood."""
    files = queue(dataset, reason)
    before = Q(priority__lt=file.priority) | Q(priority=file.priority) & (
        Q(received_at__lt=file.received_at) | Q(received_at=file.received_at, pk__lt=file.pk)
    )
    after = Q(priority__gt=file.priority) | Q(priority=file.priority) & (
        Q(received_at__gt=file.received_at) | Q(received_at=file.received_at, pk__gt=file.pk)
    )
    backwards = [f"-{field}" for field in ORDER]
    return Place(files.filter(before).order_by(*backwards).first(), files.filter(after).first(), files.count())


@dataclass(frozen=True)
class Box:
    """A box of text as the judge page shows it, in pixels of the stored picture; `index` counts from 0. `ticked`: to be
    painted, as far as the form knows; `label_y`: where its number stands, above it if there is room."""

    index: int
    left: int
    top: int
    width: int
    height: int
    painted: bool
    ticked: bool
    by_person: bool
    marker: str
    label_y: int

    @property
    def number(self) -> int:
        return self.index + 1


@dataclass(frozen=True)
class Outlines:
    """What is drawn over a picture of `width` x `height` px. `searched`: the program has looked for text;
    `drawable`: rectangles can be added, because there is an original to write the picture anew from."""

    width: int
    height: int
    boxes: list[Box]
    searched: bool
    drawable: bool

    @property
    def font_size(self) -> int:
        return _font_size(self.width, self.height)


def outlines(file: UploadedFile, ticked: Iterable[str] | None = None) -> Outlines:
    """The boxes of text of a candidate's report; `ticked`: the indices that a form which came back has ticked."""
    chosen = None if ticked is None else set(ticked)
    width, height = file.facts.get("width", 0), file.facts.get("height", 0)
    size = _font_size(width, height)
    found = file.deid_report.get("text")
    boxes = [
        Box(
            index=index,
            left=box["left"],
            top=box["top"],
            width=box["width"],
            height=box["height"],
            painted=box["painted"],
            ticked=box["painted"] if chosen is None else str(index) in chosen,
            by_person=box["origin"] == "person",
            marker=box["marker"],
            label_y=box["top"] - size // 4 if box["top"] > size else box["top"] + box["height"] + size,
        )
        for index, box in enumerate(found or ())
    ]
    searched = isinstance(found, list)
    return Outlines(width, height, boxes, searched=searched, drawable=searched and file.purged_at is None)


def painted(file: UploadedFile) -> int:
    """How many boxes are painted over in a candidate."""
    return sum(box["painted"] for box in file.deid_report.get("text") or ())


def _font_size(width: int, height: int) -> int:
    return max(width, height) // 40 or 1


def waiting_by_dataset() -> Iterable[tuple[Dataset, int]]:
    """Datasets with files in the queue, and how many each."""
    counted = Dataset.objects.annotate(waiting=Count("batches__files", filter=Q(batches__files__stage=Stage.CURATE)))
    return [(dataset, dataset.waiting) for dataset in counted.filter(waiting__gt=0).order_by("title")]
