"""What has arrived by a deadline when not all groups have answered: how many parts, which ones, with what accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem, UnsupportedError
from rocoin_opt.failure.distribution import BY, LATER, NEVER, Table, eliminate, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rocoin_opt.failure.distribution import LatencyDistribution
    from rocoin_opt.instance import FloatArray

MAX_PATTERN_GROUPS = 16
"""Most groups whose subsets are enumerated."""


@dataclass(frozen=True)
class LinearAccuracy:
    """A default model without measurements: accuracy grows linearly with the share of filters that arrived.

    Attributes
    ----------
    full : float
        Accuracy with all parts, in [0, 1].
    none : float
        Accuracy without any, in [0, 1]; for guessing, one over the number of classes.

    Examples
    --------
    >>> model = ro.LinearAccuracy(full=0.9, none=0.1)
    >>> round(ro.expected_accuracy(ro.latency_distribution(instance, plan), model), 4)
    0.8729
    """

    full: float
    none: float

    def __post_init__(self) -> None:
        """Refuse what is no accuracy."""
        _require_accuracies({"full": self.full, "none": self.none})


def parts_arrived(distribution: LatencyDistribution, deadline: float | None = None) -> FloatArray:
    """Distribution of the number of parts that arrive by a deadline, or ever: Poisson binomial in each domain state.

    Parameters
    ----------
    distribution : LatencyDistribution
        Of a plan with K groups.
    deadline : float, optional
        In seconds.

    Returns
    -------
    FloatArray, K + 1
        Probability of 0, 1, ... K parts.

    Examples
    --------
    >>> ro.parts_arrived(ro.latency_distribution(instance, plan)).round(4).tolist()
    [0.0011, 0.0655, 0.9334]
    """
    return _eliminated(distribution, deadline, _sum_of_counts).values


def parts_patterns(distribution: LatencyDistribution, deadline: float | None = None) -> FloatArray:
    """Probability of each subset of parts to be what arrived by a deadline, or ever.

    Returns
    -------
    FloatArray, 2 x ... x 2
        One axis for each group in the plan's order: 0 where its part is missing, 1 where it arrived.

    Raises
    ------
    UnsupportedError
        If there are more than :data:`MAX_PATTERN_GROUPS` groups.
    """
    count = len(distribution.sizes)
    if count > MAX_PATTERN_GROUPS:
        raise UnsupportedError(f"{count} groups have too many subsets; {MAX_PATTERN_GROUPS} groups at most")
    joined = _eliminated(distribution, deadline, _all_pairs)
    # Axes stand in the order in which the groups were joined.
    return joined.values.reshape((2,) * count).transpose(np.argsort(joined.groups))


def expected_accuracy(
    distribution: LatencyDistribution,
    accuracy: LinearAccuracy | Mapping[frozenset[int], float],
    deadline: float | None = None,
) -> float:
    """Expected accuracy with the parts that arrive by a deadline, or ever.

    Parameters
    ----------
    distribution : LatencyDistribution
        Of a plan with K groups.
    accuracy : LinearAccuracy or mapping
        The default model, or measured accuracies for all 2^K sets of groups, by their places in the plan.
    deadline : float, optional
        In seconds.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    InputError
        If a set of groups is missing, unknown, or its accuracy is outside of [0, 1].
    UnsupportedError
        If there are measurements for more than :data:`MAX_PATTERN_GROUPS` groups.

    Examples
    --------
    >>> law = ro.latency_distribution(instance, plan)
    >>> round(ro.expected_accuracy(law, ro.LinearAccuracy(full=0.9, none=0.1)), 4)
    0.8729
    """
    if isinstance(accuracy, LinearAccuracy):
        # The mean of a sum asks for each group alone, whatever domains tie them together.
        time = math.inf if deadline is None else deadline
        filters = [(1.0 - distribution.outage(k, time)) * size for k, size in enumerate(distribution.sizes)]
        share = sum(filters) / sum(distribution.sizes)
        return accuracy.none + (accuracy.full - accuracy.none) * share
    patterns = parts_patterns(distribution, deadline)
    values = np.full(patterns.shape, np.nan)
    everything = frozenset(range(len(distribution.sizes)))
    _require_accuracies({str(sorted(arrived)): value for arrived, value in accuracy.items()})
    for arrived, value in accuracy.items():
        if not arrived <= everything:
            raise InputError("accuracy", [Problem(str(sorted(arrived)), "unknown groups", f"{sorted(everything)}")])
        values[tuple(int(k in arrived) for k in sorted(everything))] = value
    missing = np.argwhere(np.isnan(values))
    if len(missing):
        name = str([k for k, is_there in enumerate(missing[0]) if is_there])
        raise InputError("accuracy", [Problem(name, "no value", f"one for each of {values.size} sets of groups")])
    return float((patterns * values).sum())


def _eliminated(
    distribution: LatencyDistribution, deadline: float | None, join: Callable[[FloatArray, FloatArray], FloatArray]
) -> Table:
    """Join what is made of (missing, arrived) pairs of all groups."""
    groups = distribution.groups
    tables = []
    for table in groups.tables(instant(math.inf if deadline is None else deadline)):
        outcomes = table.values[..., 0]
        pair = np.stack([outcomes[..., LATER] + outcomes[..., NEVER], outcomes[..., BY]], axis=-1)
        tables.append(Table(table.groups, table.domains, pair))
    return eliminate(tables, groups.elimination_order, groups.domain_failure, join)


def _sum_of_counts(one: FloatArray, other: FloatArray) -> FloatArray:
    """Distribution of the sum of two independent counts, along the last axis."""
    length = one.shape[-1]
    shape = np.broadcast_shapes(one.shape[:-1], other.shape[:-1])
    result = np.zeros((*shape, length + other.shape[-1] - 1))
    for count in range(other.shape[-1]):
        result[..., count : count + length] += one * other[..., count, None]
    return result


def _all_pairs(one: FloatArray, other: FloatArray) -> FloatArray:
    """Joint distribution of two independent patterns, along the last axis."""
    pairs = one[..., :, None] * other[..., None, :]
    return pairs.reshape((*pairs.shape[:-2], -1))


def _require_accuracies(values: Mapping[str, float]) -> None:
    problems = [Problem(name, repr(v), "an accuracy from 0 to 1") for name, v in values.items() if not 0.0 <= v <= 1.0]
    if problems:
        raise InputError("accuracy", problems)
