"""The statistics of a release as rows for programs, whatever the reader's language."""

from collections.abc import Iterator
from typing import Any

from datasets.selectors.statistics import POOLED, Described, Statistics, Table

Rows = list[dict[str, Any]]


def rows(found: Statistics) -> dict[str, tuple[tuple[str, ...], Rows]]:
    """Every table by its name: columns and rows, as they go into CSV."""
    summary = ("known", "missing", "min", "lower_quartile", "median", "upper_quartile", "max", "mean", "sd")
    return {
        "hospitals": (("hospital_id", "hospital", "class", "images"), list(_hospital_rows(found))),
        "sex": (("class", "sex", "images", "percent"), list(_split_rows("sex", found.sex))),
        "smoking": (("class", "smoke", "images", "percent"), list(_split_rows("smoke", found.smoking))),
        "age": (("class", *summary), [_summary_row(line) for line in found.ages]),
        "pack-years": (("class", *summary), [_summary_row(line) for line in found.packyears]),
        "age-distribution": (("class", "from_age", "to_age", "images"), list(_histogram_rows(found))),
        "age-tests": (("test", "first", "second", "statistic", "degrees_of_freedom", "p"), _test_rows(found)),
    }


def _hospital_rows(found: Statistics) -> Iterator[dict[str, Any]]:
    for line in found.hospitals.lines:
        label = f"{found.pooled} hospitals" if line.label == POOLED else line.label
        place = {"hospital_id": line.number, "hospital": label}
        for column, cell in zip(found.hospitals.columns, line.cells, strict=False):
            yield {**place, "class": column, "images": cell.count}
        if not line.cells:
            yield {**place, "images": line.total}


def _split_rows(name: str, table: Table) -> Iterator[dict[str, Any]]:
    for line in table.lines:
        for column, cell in zip(table.columns, line.cells, strict=False):
            yield {"class": line.label, name: column, "images": cell.count, "percent": round(cell.percent, 2)}
        if not line.cells:
            yield {"class": line.label, "images": line.total}


def _summary_row(line: Described) -> dict[str, Any]:
    summary = line.summary
    return {
        "class": line.label,
        "known": summary.known if line.counted else None,
        "missing": summary.missing if line.counted else None,
        "min": summary.minimum,
        "lower_quartile": summary.lower,
        "median": summary.median,
        "upper_quartile": summary.upper,
        "max": summary.maximum,
        "mean": summary.mean,
        "sd": summary.deviation,
    }


def _histogram_rows(found: Statistics) -> Iterator[dict[str, Any]]:
    for label, counts in found.histogram.counts.items():
        for (first, last), count in zip(found.histogram.bins, counts, strict=True):
            yield {"class": label, "from_age": first, "to_age": last, "images": count}


def _test_rows(found: Statistics) -> Rows:
    comparison = found.comparison
    if comparison is None:
        return []
    kruskal = {"test": "Kruskal-Wallis H", "statistic": comparison.h, "degrees_of_freedom": comparison.degrees}
    return [
        {**kruskal, "p": comparison.p},
        *(
            {
                "test": "Games-Howell, difference of means",
                "first": pair.first,
                "second": pair.second,
                "statistic": pair.difference,
                "p": pair.p,
            }
            for pair in comparison.pairs
        ),
    ]
