"""The adjusted boxplot is robustbase's, and a dataset's counts give the same fences as its scores."""

from __future__ import annotations

import json
import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imaging.outliers import ENOUGH, Distribution, fences, medcouple

CUSHNY = [0, 0.8, 1, 1.2, 1.3, 1.3, 1.4, 1.8, 2.4, 4.6]  # prolongation of sleep, Cushny and Peebles 1905


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ([1, 2, 3, 4, 5], 0),
        ([1, 2, 7, 9, 10], -1 / 3),
        (CUSHNY, 0.125),
        ([-20, -5, -2, -1, 0, 1, 2, 5, 20], 0),
        ([-1, 0, 0, 0, 1, 2], 1 / 6),
        ([1, 2, 3, 4, 5, 7, 10, 15, 25, 1e15], 7 / 12),
    ],
)
def test_medcouple_is_that_of_robustbase(sample: list[float], expected: float) -> None:
    """The examples of robustbase: man/mc.Rd and tests/mc-strict.R."""
    assert medcouple(np.array(sample, float)) == pytest.approx(expected, abs=1e-12)
    assert medcouple(-np.array(sample, float)) == pytest.approx(-expected, abs=1e-12)


def by_definition(sample: list[float]) -> float:
    """Brys et al. 2004, (2.2) and (2.3), pair by pair."""
    middle = median(sample)
    low = sorted((x for x in sample if x <= middle), reverse=True)
    high = sorted(x for x in sample if x >= middle)
    tied = sum(x == middle for x in sample)
    kernel = []
    for i, x in enumerate(low):
        for j, y in enumerate(high):
            if x == y:
                kernel.append(float(np.sign(i + j + 1 - tied)))
            else:
                kernel.append(((y - middle) - (middle - x)) / (y - x))
    return median(kernel)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=30))
def test_medcouple_is_that_of_the_definition(sample: list[int]) -> None:
    assert medcouple(np.array(sample, float)) == pytest.approx(by_definition([float(x) for x in sample]), abs=1e-12)


def test_fences_are_those_of_robustbase() -> None:
    """The formula of man/adjboxStats.Rd on cushny: hinges 1 and 1.8, medcouple 0.125."""
    expected = 1 - 1.5 * math.exp(-4 / 8) * 0.8, 1.8 + 1.5 * math.exp(3 / 8) * 0.8
    assert fences(np.array(CUSHNY)) == pytest.approx(expected)
    assert fences(-np.array(CUSHNY)) == pytest.approx((-expected[1], -expected[0]))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=ENOUGH, max_size=200), st.data())
def test_counts_give_what_the_scores_give(scores: list[float], data: st.DataObject) -> None:
    kept = Distribution()
    for score in scores:
        kept.add(score)
    gone = data.draw(st.lists(st.sampled_from(scores), max_size=len(scores) - ENOUGH, unique=True))
    for score in gone:
        kept.remove(score)
    left = list(scores)
    for score in gone:
        left.remove(score)
    assert kept == Distribution.of(left) == Distribution.from_dict(json.loads(json.dumps(kept.as_dict())))
    assert len(kept) == len(left)
    assert kept.fences() == pytest.approx(fences(np.round(np.array(left), 3)))


def test_an_outlier_is_low() -> None:
    rng = np.random.default_rng(1)
    kept = Distribution.of(0.8 + 0.03 * rng.standard_normal(500).clip(-2, 2))
    assert kept.scale().is_outlier(0.5)
    assert not kept.scale().is_outlier(0.8)
    assert not kept.scale().is_outlier(0.99)
    assert kept.scale().normalised(0.0) == 0
    assert kept.scale().normalised(1.0) == 1
    assert 0.3 < kept.scale().normalised(0.8) < 0.7


def test_a_long_tail_is_no_heap_of_outliers() -> None:
    scores = 0.9 - 0.08 * np.random.default_rng(2).exponential(size=2000).clip(0, 10)
    low, _ = np.quantile(scores, (0.25, 0.75)) - 1.5 * np.ptp(np.quantile(scores, (0.25, 0.75)))
    found = Distribution.of(scores).fences()
    assert found is not None
    assert 0 < (scores < found[0]).sum() < 0.4 * (scores < low).sum()


def test_few_scores_judge_nothing() -> None:
    kept = Distribution.of([0.9] * (ENOUGH - 1))
    assert kept.fences() is None
    assert not kept.scale().is_outlier(0.1)
    assert Distribution().scale().normalised(0.4) == pytest.approx(0.4)
    assert Distribution.of([0.7]).scale().normalised(0.7) == 1


def test_refuses_nonsense() -> None:
    with pytest.raises(ValueError, match="empty"):
        medcouple(np.array([]))
    with pytest.raises(ValueError, match="between"):
        Distribution().add(1.2)
    with pytest.raises(ValueError, match="not in"):
        Distribution.of([0.5]).remove(0.6)
