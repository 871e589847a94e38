"""The public counts of views and downloads."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import TruncMonth

from datasets.models import DailyCount, Dataset, Release

_VIEWS = Sum("count", filter=Q(kind=DailyCount.Kind.VIEW), default=0)
_DOWNLOADS = Sum("count", filter=Q(kind=DailyCount.Kind.DOWNLOAD), default=0)


@dataclass(frozen=True)
class Counts:
    views: int = 0
    downloads: int = 0


@dataclass(frozen=True)
class MonthCounts(Counts):
    month: date = date.min  # its first day


def counts(dataset: Dataset, release: Release | None = None) -> Counts:
    """Views and downloads of a dataset with all its releases, or of one release alone. One query."""
    rows = _rows(dataset, release).aggregate(views=_VIEWS, downloads=_DOWNLOADS)
    return Counts(**rows)


def counts_of(datasets: Iterable[int]) -> dict[int, Counts]:
    """`counts` of many datasets (ids) at once, in one query; every id has an answer."""
    found = DailyCount.objects.filter(dataset__in=datasets).order_by().values("dataset")
    totals = found.annotate(views=_VIEWS, downloads=_DOWNLOADS)
    rows = {row["dataset"]: Counts(row["views"], row["downloads"]) for row in totals}
    return {dataset: rows.get(dataset, Counts()) for dataset in datasets}


def counts_by_month(dataset: Dataset, release: Release | None = None) -> list[MonthCounts]:
    """The same by month, the latest first; months without any are left out. One query."""
    months = _rows(dataset, release).order_by().annotate(month=TruncMonth("day")).values("month")
    return [MonthCounts(**row) for row in months.annotate(views=_VIEWS, downloads=_DOWNLOADS).order_by("-month")]


def _rows(dataset: Dataset, release: Release | None) -> QuerySet[DailyCount]:
    found = DailyCount.objects.filter(dataset=dataset)
    return found if release is None else found.filter(release=release)
