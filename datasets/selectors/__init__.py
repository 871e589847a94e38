"""Every read of this app that is more than a filter."""

from datasets.selectors.catalogue import (
    Card,
    Figures,
    catalogue,
    figures,
    finding_counts,
    greatest_version,
    group_counts,
    latest_release,
    newest_first,
    published,
    release_in_progress,
)
from datasets.selectors.cohorts import CohortFile, cohort_files
from datasets.selectors.counts import Counts, MonthCounts, counts, counts_by_month, counts_of
from datasets.selectors.files import FileCategory, FileRow, file_categories, file_rows, listed_archives
from datasets.selectors.preview import Preview, preview
from datasets.selectors.quality import counted_scores, quality_scores
from datasets.selectors.segmentation import (
    SourceCounts,
    current_masks,
    current_sources,
    released_masks,
    released_sources,
)
from datasets.selectors.statistics import Statistics, statistics

__all__ = [
    "Card",
    "CohortFile",
    "Counts",
    "Figures",
    "FileCategory",
    "FileRow",
    "MonthCounts",
    "Preview",
    "SourceCounts",
    "Statistics",
    "catalogue",
    "cohort_files",
    "counted_scores",
    "counts",
    "counts_by_month",
    "counts_of",
    "current_masks",
    "current_sources",
    "figures",
    "file_categories",
    "file_rows",
    "finding_counts",
    "greatest_version",
    "group_counts",
    "latest_release",
    "listed_archives",
    "newest_first",
    "preview",
    "published",
    "quality_scores",
    "release_in_progress",
    "released_masks",
    "released_sources",
    "statistics",
]
