"""The statistics page of a release, from its frozen metadata: four grouped counts, whatever the number of images."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from django.core.cache import cache
from django.db.models import Count
from django.db.models.fields.json import KT

from datasets.models import Release
from datasets.selectors.catalogue import DAY, cache_key


@dataclass(frozen=True)
class Cell:
    """A count and its share of the row, in per cent (0..100)."""

    count: int
    percent: float


@dataclass(frozen=True)
class Line:
    """A row of a cross table: what is counted, the cells by column, the sum."""

    label: str
    cells: list[Cell]
    total: int


@dataclass(frozen=True)
class Table:
    columns: list[str]
    lines: list[Line]

    @property
    def largest(self) -> int:
        return max((cell.count for line in self.lines for cell in line.cells), default=0)


@dataclass(frozen=True)
class AgeSummary:
    """The ages of a class in years. Quartiles by linear interpolation (Hyndman and Fan's type 7), the sample's
    standard deviation (n - 1); None where there are too few ages."""

    label: str
    known: int
    missing: int
    minimum: int | None = None
    lower: float | None = None
    median: float | None = None
    upper: float | None = None
    maximum: int | None = None
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Statistics:
    """By hospital the counts of the classes; by class those of sex and smoking, and the ages."""

    hospitals: Table
    sex: Table
    smoking: Table
    ages: list[AgeSummary] = field(default_factory=list)


UNKNOWN = ""  # what a missing value is called in the tables
SEXES = ("F", "M", UNKNOWN)
SMOKING = ("yes", "former", "no", UNKNOWN)


def statistics(release: Release) -> Statistics:
    """The statistics of a release, in four queries the first time and from the cache for a day."""
    key = cache_key("statistics", release)
    found: Statistics | None = cache.get(key)
    if found is None:
        found = _statistics(release)
        cache.set(key, found, DAY)
    return found


def _statistics(release: Release) -> Statistics:
    hospitals = _counts(release, "hospital_id", "hospital")
    numbered = {(int(class_id or 0), label) for (class_id, label, *_), _count in hospitals}
    classes = [label for _number, label in sorted(numbered)]
    by_hospital: dict[tuple[int, str], dict[str, int]] = defaultdict(dict)
    for (_class_id, label, number, hospital), count in hospitals:
        by_hospital[int(number or 0), hospital][label] = count
    ages: dict[str, dict[str, int]] = defaultdict(dict)
    for (_class_id, label, age), count in _counts(release, "age"):
        ages[label][age] = count
    return Statistics(
        hospitals=_table(classes, ((key[1], by_hospital[key]) for key in sorted(by_hospital))),
        sex=_by_class(release, "sex", classes, SEXES),
        smoking=_by_class(release, "smoke", classes, SMOKING),
        ages=[_summary(label, ages[label]) for label in classes],
    )


def _counts(release: Release, *keys: str) -> list[tuple[tuple[str, ...], int]]:
    """The class id, class and values of `keys` that occur (text, unknown is empty), and how many images have them."""
    columns = {f"column_{number}": KT(f"metadata__{key}") for number, key in enumerate(("class_id", "class", *keys))}
    rows = release.items.order_by().annotate(**columns).values_list(*columns).annotate(Count("pk"))
    # JSON's null comes as NULL from PostgreSQL and as the word from SQLite.
    return [
        (tuple(UNKNOWN if value in (None, "null") else str(value) for value in values), count)
        for *values, count in rows
    ]


def _by_class(release: Release, key: str, classes: list[str], values: tuple[str, ...]) -> Table:
    lines: dict[str, dict[str, int]] = {label: {} for label in classes}
    for (_class_id, label, value), count in _counts(release, key):
        lines[label][value] = count
    return _table(list(values), lines.items())


def _table(columns: list[str], lines: Iterable[tuple[str, dict[str, int]]]) -> Table:
    return Table(columns, [_line(label, [counts.get(column, 0) for column in columns]) for label, counts in lines])


def _line(label: str, counts: list[int]) -> Line:
    total = sum(counts)
    return Line(label, [Cell(count, 100 * count / total if total else 0.0) for count in counts], total)


def _summary(label: str, counts: dict[str, int]) -> AgeSummary:
    known = {int(age): count for age, count in counts.items() if age}
    missing = sum(counts.values()) - sum(known.values())
    if not known:
        return AgeSummary(label, 0, missing)
    values = np.repeat(list(known), list(known.values()))
    lower, median, upper = (float(value) for value in np.percentile(values, [25, 50, 75]))
    return AgeSummary(
        label,
        known=len(values),
        missing=missing,
        minimum=int(values.min()),
        lower=lower,
        median=median,
        upper=upper,
        maximum=int(values.max()),
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else None,
    )
