"""Which segmentations stand out in a dataset: the boxplot adjusted for skewed distributions, kept current cheaply.

Brys, Hubert, Struyf, A robust measure of skewness, J. Comput. Graph. Stat. 13 (2004), for the medcouple; Hubert,
Vandervieren, An adjusted boxplot for skewed distributions, Comput. Stat. Data Anal. 52 (2008), for the fences. The
figures agree with `mc` and `adjboxStats` of R's robustbase.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

REACH = 1.5
"""Fences lie this many interquartile ranges from the box where there is no skewness."""
INNER, OUTER = -4.0, 3.0
"""Exponents on the side of the short and of the long tail (Hubert and Vandervieren 2008, section 3)."""
RESOLUTION = 1000
"""Scores are counted in steps of 1 / RESOLUTION."""
ENOUGH = 20
"""Quartiles and skewness of fewer scores say nothing of a next one."""

Values = NDArray[np.float64]
Counts = NDArray[np.int64]


def medcouple(values: Values, counts: Counts | None = None) -> float:
    """The skewness of a sample, -1..1, 0 when it is symmetric: the median of a kernel over all pairs around the median.

    values: (K,) finite, counts: (K,) how often each occurs (once). Needs K * K / 2 numbers of memory, so that samples
    of more than some 10,000 different values are to be rounded first. Raises ValueError for an empty sample.
    """
    values, counts = _ordered(values, counts)
    middle = _quantile(values, counts, np.array([0.5]))[0]
    low, high = values <= middle, values >= middle
    below, above = values[low][:, None] - middle, values[high][None] - middle
    weights = counts[low][:, None] * counts[high][None]
    apart = above > below
    kernel = np.divide(above + below, above - below, out=np.zeros(apart.shape), where=apart)
    # Among themselves, k values tied with the median have a kernel of their own: k times 0, else -1 and 1 in halves.
    tied = int(counts[values == middle].sum())
    every = np.concatenate([kernel[apart], [-1.0, 0.0, 1.0] if tied else []])
    weight = np.concatenate([weights[apart], [tied * (tied - 1) // 2, tied, tied * (tied - 1) // 2] if tied else []])
    present = weight > 0
    return float(_quantile(*_ordered(every[present], weight[present].astype(np.int64)), np.array([0.5]))[0])


def fences(values: Values, counts: Counts | None = None) -> tuple[float, float]:
    """The bounds beyond which a value is an outlier (`adjboxStats(x)$fence` of robustbase, from Tukey's hinges)."""
    values, counts = _ordered(values, counts)
    lower, upper = _hinges(values, counts)
    skew = medcouple(values, counts)
    left, right = (INNER, OUTER) if skew >= 0 else (-OUTER, -INNER)
    reach = REACH * (upper - lower)
    return float(lower - reach * np.exp(left * skew)), float(upper + reach * np.exp(right * skew))


@dataclass
class Distribution:
    """The scores (0..1) of a dataset as counts per step: what is stored beside the dataset, changed as images come.

    Adding or removing a score changes one count; fences and quantiles come from at most 1,001 counts, however many
    images there are, and are those of all scores, rounded. A release keeps the counts as they were.
    """

    counts: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(cls, scores: Iterable[float]) -> "Distribution":
        return cls(Counter(map(_step, scores)))

    @classmethod
    def from_dict(cls, stored: Mapping[str, int]) -> "Distribution":
        """From what `as_dict` gave, also when it has been JSON since."""
        return cls(Counter({int(step): int(count) for step, count in stored.items()}))

    def as_dict(self) -> dict[str, int]:
        """The counts by step, smallest first, JSON-able."""
        return {str(step): count for step, count in sorted(self.counts.items())}

    def __len__(self) -> int:
        return self.counts.total()

    def add(self, score: float, times: int = 1) -> None:
        self.counts[_step(score)] += times

    def remove(self, score: float) -> None:
        """Take back a score that was added. Raises ValueError when it was not."""
        step = _step(score)
        if not self.counts[step]:
            raise ValueError("this score is not in the distribution")
        self.counts[step] -= 1
        if not self.counts[step]:
            del self.counts[step]

    def fences(self) -> tuple[float, float] | None:
        """Lower and upper fence; None while there are too few scores."""
        if len(self) < ENOUGH:
            return None
        steps = np.array(sorted(self.counts))
        return fences(steps / RESOLUTION, np.array([self.counts[int(step)] for step in steps], dtype=np.int64))

    def scale(self) -> "Scale":
        """What scores are held against until the next image comes or goes."""
        low, high = min(self.counts, default=0), max(self.counts, default=RESOLUTION)
        return Scale(len(self), low / RESOLUTION, high / RESOLUTION, self.fences())

    def below(self, score: float) -> float:
        """The share of the scores that are lower, 0..1; 0 when there are none."""
        step = _step(score)
        return sum(count for other, count in self.counts.items() if other < step) / max(1, len(self))


@dataclass(frozen=True)
class Scale:
    """A distribution of `images` scores at one moment, from `lowest` to `highest`; fences where there are enough."""

    images: int
    lowest: float
    highest: float
    fences: tuple[float, float] | None

    @property
    def bound(self) -> float:
        """Scores below this one are outliers; 0 while there are too few scores.

        Only the lower fence counts: nothing is wrong with lungs that are shaped better than others. It lies between two
        steps, so that scores which are counted as one are judged as one.
        """
        if self.fences is None:
            return 0.0
        return max(0.0, (math.ceil(self.fences[0] * RESOLUTION - 1e-6) - 0.5) / RESOLUTION)

    def is_outlier(self, score: float) -> bool:
        """Whether lungs of this score are shaped less like lungs than the dataset lets expect."""
        return score < self.bound

    def normalised(self, score: float) -> float:
        """The score on the scale of the dataset, 0 the lowest and 1 the highest that it has."""
        if not self.highest > self.lowest:
            return 1.0
        return min(1.0, max(0.0, (_step(score) / RESOLUTION - self.lowest) / (self.highest - self.lowest)))


def _step(score: float) -> int:
    if not 0 <= score <= 1:
        raise ValueError("a score lies between 0 and 1")
    return round(score * RESOLUTION)


def _ordered(values: Values, counts: Counts | None) -> tuple[Values, Counts]:
    if counts is None:
        values, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
        counts = counts.astype(np.int64)
    if not values.size:
        raise ValueError("the sample is empty")
    order = np.argsort(values, kind="stable")
    return values[order], counts[order]


def _at(values: Values, counts: Counts, ranks: NDArray[np.int64]) -> Values:
    """The values at the 0-based ranks of the ordered sample."""
    return np.asarray(values[np.searchsorted(np.cumsum(counts), ranks, side="right")])


def _quantile(values: Values, counts: Counts, shares: Values) -> Values:
    """Quantiles of an ordered, counted sample by linear interpolation, as `numpy.quantile`; the median is the usual."""
    position = shares * (int(counts.sum()) - 1)
    floor = np.floor(position).astype(np.int64)
    low, high = _at(values, counts, floor), _at(values, counts, np.ceil(position).astype(np.int64))
    return low + (position - floor) * (high - low)


def _hinges(values: Values, counts: Counts) -> tuple[float, float]:
    """Tukey's hinges, as `fivenum` of R: the medians of the halves, each with the median where n is odd."""
    total = int(counts.sum())
    depth = (((total + 1) // 2) + 1) / 2 - 1  # 0-based
    ranks = np.array([np.floor(depth), np.ceil(depth)], dtype=np.int64)
    return float(_at(values, counts, ranks).mean()), float(_at(values, counts, total - 1 - ranks).mean())
