"""Every read of this app that is more than a filter."""

from datasets.selectors.catalogue import (
    Card,
    Figures,
    catalogue,
    figures,
    greatest_version,
    group_counts,
    latest_release,
    release_in_progress,
)
from datasets.selectors.files import FileRow, file_rows
from datasets.selectors.preview import Preview, preview
from datasets.selectors.statistics import Statistics, statistics

__all__ = [
    "Card",
    "Figures",
    "FileRow",
    "Preview",
    "Statistics",
    "catalogue",
    "figures",
    "file_rows",
    "greatest_version",
    "group_counts",
    "latest_release",
    "preview",
    "release_in_progress",
    "statistics",
]
