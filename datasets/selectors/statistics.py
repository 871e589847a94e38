"""The statistics of a release, from its frozen metadata without what was withdrawn: five grouped counts, whatever the
number of images.

Visitors see them, so a dataset may ask that no count below `least_cell` is shown. Then nothing is blacked out, which
sums would give away; what is small is told less finely: hospitals are pooled, the split of a class is left out, ages
share a wider bar.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from django.core.cache import cache
from django.db.models import Count
from django.db.models.fields.json import KT

from datasets.models import Release
from datasets.selectors.catalogue import MONTH, cache_key
from imaging.statistics import Comparison, Summary, compare, summarise


@dataclass(frozen=True)
class Cell:
    """A count and its share of the row, in per cent (0..100)."""

    count: int
    percent: float


@dataclass(frozen=True)
class Line:
    """A row of a cross table: what is counted, the cells by column (none: too few to be told apart), the sum."""

    label: str
    cells: list[Cell]
    total: int
    number: int | None = None  # of a hospital
    english: str = ""  # its name


@dataclass(frozen=True)
class Table:
    columns: list[str]
    lines: list[Line]

    @property
    def totals(self) -> list[int]:
        """The sums of the columns; none where a line has no cells."""
        if not all(line.cells for line in self.lines):
            return []
        return [sum(cells) for cells in zip(*([cell.count for cell in line.cells] for line in self.lines), strict=True)]

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)


@dataclass(frozen=True)
class Described:
    """A number in a class; where it is not `counted`, how many are known is not told."""

    label: str
    summary: Summary
    counted: bool = True


@dataclass(frozen=True)
class Histogram:
    """The images of each class by age: `edges` are the first years of the bars and the year after the last."""

    edges: list[int]
    counts: dict[str, list[int]]

    @property
    def bins(self) -> list[tuple[int, int]]:
        """The first and the last year of every bar."""
        return [(first, after - 1) for first, after in pairwise(self.edges)]


@dataclass(frozen=True)
class Statistics:
    """By hospital the counts of the classes; by class those of sex and smoking, the ages and the pack-years."""

    hospitals: Table
    sex: Table
    smoking: Table
    ages: list[Described]
    packyears: list[Described]
    histogram: Histogram
    comparison: Comparison | None
    least: int = 0
    pooled: int = 0  # hospitals that share the last line, because one of their counts is small


UNKNOWN = ""  # what a missing value is called in the tables
POOLED = "*"  # what the line of the pooled hospitals is called
SEXES = ("F", "M", UNKNOWN)
SMOKING = ("yes", "former", "no", UNKNOWN)
BAR = 10  # years
Numbers = dict[str, Counter[float]]


def statistics(release: Release) -> Statistics:
    """The statistics of a release, in six queries the first time, then in one (was an image withdrawn?)."""
    least = release.dataset.least_cell
    key = cache_key(f"statistics3:{least}", release)
    found: Statistics | None = cache.get(key)
    if found is None:
        found = _statistics(release, least)
        cache.set(key, found, MONTH)
    return found


def _statistics(release: Release, least: int) -> Statistics:
    counts = _counts(release, "hospital_id", "hospital", "hospital_eng")
    numbered = {(int(class_id or 0), label) for (class_id, label, *_), _count in counts}
    classes = [label for _number, label in sorted(numbered)]
    hospitals, pooled = _hospitals(classes, counts, least)
    ages, without_age = _numbers(release, "age", classes)
    years, without_years = _numbers(release, "smoke_packyears", classes)
    described = _described(ages, without_age, least)
    return Statistics(
        hospitals=hospitals,
        sex=_by_class(release, "sex", classes, SEXES, least),
        smoking=_by_class(release, "smoke", classes, SMOKING, least),
        ages=described,
        packyears=_described(years, without_years, least),
        histogram=_histogram({line.label: ages[line.label] for line in described if line.counted}, least),
        comparison=compare({label: counts if counts.total() >= least else {} for label, counts in ages.items()}),
        least=least,
        pooled=pooled,
    )


def _counts(release: Release, *keys: str) -> list[tuple[tuple[str, ...], int]]:
    """The class id, class and values of `keys` that occur (text, unknown is empty), and how many images have them."""
    columns = {f"column_{number}": KT(f"metadata__{key}") for number, key in enumerate(("class_id", "class", *keys))}
    rows = (
        release.items.filter(tombstone=None).order_by().annotate(**columns).values_list(*columns).annotate(Count("pk"))
    )
    # JSON's null comes as NULL from PostgreSQL and as the word from SQLite.
    return [
        (tuple(UNKNOWN if value in (None, "null") else str(value) for value in values), count)
        for *values, count in rows
    ]


def _numbers(release: Release, key: str, classes: list[str]) -> tuple[Numbers, Counter[str]]:
    """By class how often each value occurs, and how many images have none."""
    known: Numbers = {label: Counter() for label in classes}
    missing: Counter[str] = Counter()
    for (_class_id, label, value), count in _counts(release, key):
        if value == UNKNOWN:
            missing[label] += count
        else:
            known[label][float(value)] += count
    return known, missing


def _described(known: Numbers, missing: Counter[str], least: int) -> list[Described]:
    """Extremes are those of single people: they are told only where single images are. Quartiles and means are told
    where each quarter holds enough images."""
    found = []
    for label, counts in known.items():
        summary = summarise(counts, missing[label])
        if summary.known < 4 * least:
            summary = Summary(summary.known, summary.missing)
        elif least:
            summary = replace(summary, minimum=None, maximum=None)
        found.append(Described(label, summary, not _small({"known": summary.known, "missing": summary.missing}, least)))
    return found


def _hospitals(classes: list[str], counts: list[tuple[tuple[str, ...], int]], least: int) -> tuple[Table, int]:
    """The classes by hospital. Hospitals with a small count share one line, with the next smallest ones until no count
    of that line is small."""
    by_hospital: dict[tuple[int, str, str], Counter[str]] = defaultdict(Counter)
    for (_class_id, label, number, hospital, english), count in counts:
        by_hospital[int(number or 0), hospital, english][label] += count
    shared: Counter[str] = Counter()
    pooled = sorted(key for key in by_hospital if _small(by_hospital[key], least))
    others = sorted((key for key in by_hospital if key not in pooled), key=lambda key: by_hospital[key].total())
    for key in pooled:
        shared.update(by_hospital[key])
    while pooled and others and (len(pooled) == 1 or _small(shared, least)):
        pooled.append(others.pop(0))
        shared.update(by_hospital[pooled[-1]])
    lines = [
        replace(_line(key[1], [by_hospital[key][label] for label in classes]), number=key[0], english=key[2])
        for key in sorted(others)
    ]
    if pooled:
        whole = [] if _small(shared, least) else [shared[label] for label in classes]
        lines.append(replace(_line(POOLED, whole), total=shared.total()))
    return Table(classes, lines), len(pooled)


def _small(counts: Mapping[str, int], least: int) -> bool:
    return any(0 < count < least for count in counts.values())


def _by_class(release: Release, key: str, classes: list[str], values: tuple[str, ...], least: int) -> Table:
    lines: dict[str, Counter[str]] = {label: Counter() for label in classes}
    for (_class_id, label, value), count in _counts(release, key):
        lines[label][value] += count
    return Table(list(values), [_class_line(label, counts, values, least) for label, counts in lines.items()])


def _class_line(label: str, counts: Counter[str], values: tuple[str, ...], least: int) -> Line:
    cells = [] if _small(counts, least) else [counts[value] for value in values]
    return replace(_line(label, cells), total=counts.total())


def _line(label: str, counts: list[int]) -> Line:
    total = sum(counts)
    cells = [Cell(count, 100 * count / total if total else 0.0) for count in counts]
    return Line(label, cells, total)


def _histogram(ages: Numbers, least: int) -> Histogram:
    """Bars of ten years, joined with their neighbours until no class has a small count in one."""
    last = max((int(age) for counts in ages.values() for age in counts), default=0)
    edges = list(range(0, last + BAR + 1, BAR)) if any(ages.values()) else []
    counts = {label: _in_bars(values, edges) for label, values in ages.items()}
    while len(edges) > 2 and (bar := _small_bar(counts, least)) is not None:
        del edges[bar + 1 if bar + 2 < len(edges) else bar]
        counts = {label: _in_bars(values, edges) for label, values in ages.items()}
    if _small_bar(counts, least) is not None:
        return Histogram([], {})
    return Histogram(edges, counts)


def _in_bars(values: Mapping[float, int], edges: list[int]) -> list[int]:
    return [sum(count for age, count in values.items() if first <= age < after) for first, after in pairwise(edges)]


def _small_bar(counts: Mapping[str, list[int]], least: int) -> int | None:
    """The first bar in which some class has a small count."""
    return next((bar for of_class in counts.values() for bar, count in enumerate(of_class) if 0 < count < least), None)
