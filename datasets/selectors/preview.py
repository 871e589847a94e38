from dataclasses import dataclass

from datasets import versions
from datasets.models import Dataset, DiagnosisGroup, Release, SegmentationSource
from datasets.selectors.catalogue import Figures, greatest_version, latest_release
from datasets.snapshot import Comparison, Difference, snapshot


@dataclass(frozen=True)
class Preview:
    """What the next release of a dataset would hold, and how it differs from the last one."""

    figures: Figures
    groups: list[tuple[DiagnosisGroup, int]]
    sources: list[tuple[SegmentationSource, int]]
    last: Release | None
    difference: Difference
    version: str


def preview(dataset: Dataset) -> Preview:
    """Goes through every accepted radiograph, or every mask, of the dataset once."""
    comparison = Comparison(latest_release(dataset))
    for frozen in snapshot(dataset):
        comparison.add(frozen)
    comparison.finish()
    difference = comparison.difference
    return Preview(
        figures=Figures(
            sum(comparison.by_part.values()),
            len(comparison.patients),
            len(comparison.hospitals),
            len(comparison.by_part) if dataset.is_segmentation else 0,
        ),
        groups=[(group, comparison.by_part[group.pk]) for group in dataset.groups.all()],
        sources=[(source, comparison.by_part[source.pk]) for source in dataset.sources.all()],
        last=comparison.last,
        difference=difference,
        version=versions.suggest(greatest_version(dataset), only_additions=difference.only_additions),
    )
