"""Statistics of columns: quartiles, bootstrapped means, paired comparisons. Missing values are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import bootstrap

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studies.columns import Floats

RESAMPLES = 2000
CONFIDENCE = 0.95


class Quartiles(NamedTuple):
    """A distribution in five figures, over the values that there are."""

    count: int
    lower: float
    median: float
    upper: float
    worst: float


class Interval(NamedTuple):
    """A mean and the interval that its bootstrap gives, over the values that there are."""

    count: int
    mean: float
    low: float
    high: float


class Pairs(NamedTuple):
    """On how many instances one method is better, equal (to six digits) or worse; and where only one has a plan."""

    better: int
    equal: int
    worse: int
    alone: int
    missing: int


def quartiles(values: Floats) -> Quartiles | None:
    """Quartiles and the largest value; None where there is no value."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    lower, median, upper, worst = np.percentile(known, [25, 50, 75, 100])
    return Quartiles(len(known), float(lower), float(median), float(upper), float(worst))


def mean_interval(values: Floats) -> Interval | None:
    """Mean and its 95 % percentile bootstrap interval, always from the same resamples; None where there is no value."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    mean = float(known.mean())
    if len(known) == 1 or np.ptp(known) == 0.0:
        return Interval(len(known), mean, mean, mean)
    found = bootstrap(
        (known,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return Interval(len(known), mean, float(found.confidence_interval.low), float(found.confidence_interval.high))


def paired(values: Floats, others: Floats) -> Pairs:
    """Compare what is to be small, instance by instance."""
    here, there = np.isfinite(values), np.isfinite(others)
    both = here & there
    return Pairs(
        better=int((values[both] < others[both]).sum()),
        equal=int((values[both] == others[both]).sum()),
        worse=int((values[both] > others[both]).sum()),
        alone=int((here & ~there).sum()),
        missing=int((there & ~here).sum()),
    )


def smallest(columns: Iterable[Floats]) -> Floats:
    """The smallest value of each instance; not a number where there is none."""
    found: Floats = np.fmin.reduce(list(columns))
    return found


def excess(values: Floats, reference: Floats) -> Floats:
    """By how much values exceed a reference, as a share of it."""
    found: Floats = values / reference - 1.0
    return found
