"""Parts that arrive in time: counts, subsets, and what they are worth."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_plans import group_draws, replica, system
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.partial_answers import (
    MAX_PATTERN_GROUPS,
    LinearAccuracy,
    expected_accuracy,
    parts_arrived,
    parts_patterns,
)

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution.answer_time import LatencyDistribution


def three_groups() -> LatencyDistribution:
    """Groups that answer with 0.9, 0.8 and 0.5; the third after two seconds."""
    return latency_distribution(*system([replica(0.1)], [replica(0.2)], [replica(0.5, 2.0)]))


def behind_two_domains() -> LatencyDistribution:
    """Four groups; domains tie the first to the third, and the fourth to the second."""
    groups = [[replica(0.1 + 0.1 * k, 1.0 + k, failure_domain=k % 2)] for k in range(4)]
    return latency_distribution(*system(*groups, domains=[0.3, 0.4]))


@given(st.lists(st.floats(0.0, 0.99), min_size=1, max_size=8))
def test_counts_of_independent_groups_are_poisson_binomial(failures: list[float]) -> None:
    found = parts_arrived(latency_distribution(*system(*[[replica(p)] for p in failures])))
    exact = np.ones(1)
    for p in failures:
        exact = np.convolve(exact, [p, 1.0 - p])
    np.testing.assert_allclose(found, exact, atol=1e-14)


def test_only_what_is_in_time_arrives() -> None:
    np.testing.assert_allclose(parts_arrived(three_groups(), 1.5), [0.02, 0.26, 0.72, 0.0], atol=1e-15)
    np.testing.assert_allclose(parts_arrived(three_groups(), 0.5), [1.0, 0.0, 0.0, 0.0])
    assert parts_arrived(three_groups())[3] == pytest.approx(0.36)


def test_subsets_are_in_the_order_of_the_groups() -> None:
    patterns = parts_patterns(three_groups())
    for pattern in itertools.product((0, 1), repeat=3):
        chances = [p if there else 1.0 - p for p, there in zip((0.9, 0.8, 0.5), pattern, strict=True)]
        assert patterns[pattern] == pytest.approx(math.prod(chances), rel=1e-13)


@pytest.mark.parametrize("deadline", [None, 2.5])
def test_domains_tie_parts_together(deadline: float | None) -> None:
    distribution = behind_two_domains()
    patterns = parts_patterns(distribution, deadline)
    answers = [1.0 - (0.1 + 0.1 * k) if deadline is None or 1.0 + k <= deadline else 0.0 for k in range(4)]
    for pattern in itertools.product((0, 1), repeat=4):
        chance = 0.0
        for down in itertools.product((0, 1), repeat=2):
            chance += math.prod(p if d else 1.0 - p for p, d in zip((0.3, 0.4), down, strict=True)) * math.prod(
                (0.0 if down[k % 2] else answers[k]) if there else (1.0 if down[k % 2] else 1.0 - answers[k])
                for k, there in enumerate(pattern)
            )
        assert patterns[pattern] == pytest.approx(chance, abs=1e-14)
    sums = np.indices(patterns.shape).sum(axis=0)
    counts = [patterns[sums == count].sum() for count in range(5)]
    np.testing.assert_allclose(parts_arrived(distribution, deadline), counts, atol=1e-14)


def test_counts_agree_with_sampling() -> None:
    gamma = {"law": "gamma", "shape": 2.0}
    groups = [[replica(0.2, failure_domain=n, compute_slowdown=gamma) for n in range(2)] for _ in range(5)]
    instance, plan = system(*groups, domains=[0.2, 0.3])
    draws = group_draws(instance, plan, seed=5, trials=40_000)
    seen = np.bincount((draws <= 0.8).sum(axis=0), minlength=6) / 40_000
    found = parts_arrived(latency_distribution(instance, plan), 0.8)
    assert (np.abs(seen - found) <= 4.0 * np.sqrt(found * (1.0 - found) / 40_000)).all()


def test_measured_accuracies_are_averaged() -> None:
    table = {
        frozenset(chosen): 0.1 + 0.3 * len(chosen) - 0.05 * (0 in chosen)
        for count in range(4)
        for chosen in itertools.combinations(range(3), count)
    }
    assert expected_accuracy(three_groups(), table) == pytest.approx(0.1 + 0.3 * 2.2 - 0.05 * 0.9, rel=1e-13)
    assert expected_accuracy(three_groups(), table, 1.5) == pytest.approx(0.1 + 0.3 * 1.7 - 0.05 * 0.9, rel=1e-13)


def test_the_default_model_is_linear_in_the_filters() -> None:
    model = LinearAccuracy(full=0.9, none=0.1)
    assert expected_accuracy(three_groups(), model) == pytest.approx(0.1 + 0.8 * 2.2 / 3, rel=1e-13)
    table = {
        frozenset(chosen): 0.1 + 0.8 * len(chosen) / 4
        for count in range(5)
        for chosen in itertools.combinations(range(4), count)
    }
    distribution = behind_two_domains()
    assert expected_accuracy(distribution, model, 2.5) == pytest.approx(
        expected_accuracy(distribution, table, 2.5), rel=1e-13
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({frozenset(): 0.1}, r"\[0\]: found no value; allowed: one for each of 2 sets"),
        ({frozenset(): 0.1, frozenset({0}): 1.5}, "an accuracy from 0 to 1"),
        ({frozenset(): math.nan, frozenset({0}): 0.5}, "an accuracy from 0 to 1"),
        ({frozenset(): 0.1, frozenset({0}): 0.5, frozenset({1}): 0.5}, "unknown groups"),
    ],
)
def test_tables_must_be_complete(table: dict[frozenset[int], float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        expected_accuracy(latency_distribution(*system([replica()])), table)


def test_the_default_model_needs_accuracies() -> None:
    with pytest.raises(InputError, match=r"full: found 90\.0; allowed: an accuracy from 0 to 1"):
        LinearAccuracy(full=90.0, none=0.1)


def test_too_many_subsets_are_refused() -> None:
    distribution = latency_distribution(*system(*[[replica(0.5)]] * (MAX_PATTERN_GROUPS + 1)))
    with pytest.raises(UnsupportedError, match="17 groups have too many subsets"):
        parts_patterns(distribution)
    assert parts_arrived(distribution).sum() == pytest.approx(1.0)
