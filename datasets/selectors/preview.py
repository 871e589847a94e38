from dataclasses import dataclass

from django.conf import settings

from datasets import sets, versions
from datasets.models import Dataset, DiagnosisGroup, Release, SegmentationSource, Set
from datasets.selectors.catalogue import Figures, greatest_version, latest_release
from datasets.snapshot import Comparison, Difference, snapshot


@dataclass(frozen=True)
class Row:
    """A group or source of the next release: how many images it has, how that differs from the last release, and how
    many are in each set."""

    part: DiagnosisGroup | SegmentationSource
    images: int
    difference: Difference
    by_set: list[tuple[Set, int]]


@dataclass(frozen=True)
class Preview:
    """What the next release of a dataset would hold, and how it differs from the last one."""

    figures: Figures
    groups: list[tuple[DiagnosisGroup, int]]
    sources: list[tuple[SegmentationSource, int]]
    rows: list[Row]
    sets: list[Set]
    size: int  # bytes of the images and, where it is known, of their regions and masks
    last: Release | None
    difference: Difference
    version: str

    @property
    def at_once(self) -> bool:
        """Whether it is frozen in the request, and not by a worker."""
        return bool(self.figures.images <= settings.CXR_FREEZE_AT_ONCE)


def preview(dataset: Dataset) -> Preview:
    """Goes through every accepted radiograph, or every mask, of the dataset once."""
    comparison = Comparison(latest_release(dataset))
    planned = {patient: name for given in sets.planned(dataset) for patient, name in given.items()}
    for frozen in snapshot(dataset, sets=planned):
        comparison.add(frozen)
    comparison.finish()
    difference = comparison.difference
    groups, sources = list(dataset.groups.all()), list(dataset.sources.all())
    parts: list[DiagnosisGroup | SegmentationSource] = [*groups, *sources]
    given = [name for name in Set if any(comparison.by_set[part, name.value] for part in comparison.by_part)]
    return Preview(
        figures=Figures(
            comparison.by_part.total(),
            len(comparison.patients),
            len(comparison.hospitals),
            len(comparison.by_part) if dataset.is_segmentation else 0,
        ),
        groups=[(group, comparison.by_part[group.pk]) for group in groups],
        sources=[(source, comparison.by_part[source.pk]) for source in sources],
        rows=[
            Row(
                part,
                comparison.by_part[part.pk],
                comparison.differences[part.pk],
                [(name, comparison.by_set[part.pk, name.value]) for name in given],
            )
            for part in parts
        ],
        sets=given,
        size=comparison.size,
        last=comparison.last,
        difference=difference,
        version=versions.suggest(greatest_version(dataset), only_additions=difference.only_additions),
    )
