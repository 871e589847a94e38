"""Descriptive statistics and comparisons of groups, from counts of values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_KNOWN = 5  # values of a group from which on the chi-squared approximation of Kruskal and Wallis is used
MOST_PAIRED = 8  # groups: of more nobody reads the pairs, and each pair costs an integral

Counts = Mapping[float, int]


@dataclass(frozen=True)
class Summary:
    """What is known of a number in a group. Quartiles by linear interpolation (Hyndman and Fan 1996, type 7), the
    sample's standard deviation (n - 1); None where there are too few values."""

    known: int
    missing: int
    minimum: float | None = None
    lower: float | None = None
    median: float | None = None
    upper: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class Pair:
    """Games-Howell for two groups: the difference of the means (first minus second), and p, adjusted for the number of
    pairs."""

    first: str
    second: str
    difference: float
    p: float


@dataclass(frozen=True)
class Comparison:
    """Kruskal-Wallis over the groups `compared` (H, corrected for ties; degrees of freedom; p), and Games-Howell for
    every pair of them, for up to MOST_PAIRED groups. `left_out` had too few values, or only one."""

    compared: list[str]
    left_out: list[str]
    h: float
    degrees: int
    p: float
    pairs: list[Pair]


def summarise(counts: Counts, missing: int = 0) -> Summary:
    """The summary of the values, each as often as `counts` says."""
    known = sum(counts.values())
    if not known:
        return Summary(0, missing)
    values = _spread(counts)
    lower, median, upper = (float(value) for value in np.percentile(values, [25, 50, 75]))
    return Summary(
        known=known,
        missing=missing,
        minimum=float(values.min()),
        lower=lower,
        median=median,
        upper=upper,
        maximum=float(values.max()),
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if known > 1 else None,
    )


def compare(groups: Mapping[str, Counts]) -> Comparison | None:
    """Whether a number differs between groups: Kruskal and Wallis 1952, and Games and Howell 1976, which supposes
    neither equal variances nor equal sizes. None where fewer than two groups have LEAST_KNOWN values and vary."""
    from scipy import stats  # a second of every process's start, which few of them need

    values = {label: _spread(counts) for label, counts in groups.items()}
    samples = {label: found for label, found in values.items() if len(found) >= LEAST_KNOWN and np.ptp(found) > 0}
    if len(samples) < 2:
        return None
    kruskal: Any = stats.kruskal(*samples.values())
    return Comparison(
        compared=list(samples),
        left_out=[label for label in groups if label not in samples],
        h=float(kruskal.statistic),
        degrees=len(samples) - 1,
        p=_probability(kruskal.pvalue),
        pairs=_pairs(samples) if len(samples) <= MOST_PAIRED else [],
    )


def _pairs(samples: Mapping[str, NDArray[np.float64]]) -> list[Pair]:
    from scipy import stats

    howell: Any = stats.tukey_hsd(*samples.values(), equal_var=False)
    return [
        Pair(first, second, float(howell.statistic[row, column]), _probability(howell.pvalue[row, column]))
        for (row, first), (column, second) in combinations(enumerate(samples), 2)
    ]


def _probability(value: float) -> float:
    """The integral behind Games-Howell may end a hair outside 0..1."""
    return 1.0 if math.isnan(value) else min(max(float(value), 0.0), 1.0)


def _spread(counts: Counts) -> NDArray[np.float64]:
    ordered = sorted(counts)
    return np.repeat(np.array(ordered, float), [counts[value] for value in ordered])
