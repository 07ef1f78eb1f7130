"""Failure domains: elimination against sums over all states, and what is refused."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from failure_plans import replica, system
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.distribution.domains import MAX_JOINT_DOMAINS, Table, eliminate, elimination_order
from rocoin_opt.failure.distribution.outcomes import first_of, last_of, never_answered
from samples import trials

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn


@st.composite
def scopes(draw: DrawFn) -> list[tuple[int, ...]]:
    """Domains of each of a few tables."""
    chosen = draw(st.lists(st.sets(st.integers(0, 5), max_size=3), min_size=1, max_size=6))
    return [tuple(sorted(scope)) for scope in chosen]


@given(scopes(), st.integers(0, 2**32 - 1))
def test_elimination_is_the_sum_over_all_states(chosen: list[tuple[int, ...]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    failure = {d: float(rng.random()) for d in range(6)}
    tables = [Table((k,), scope, rng.random((2,) * len(scope) + (3,))) for k, scope in enumerate(chosen)]
    found = eliminate(tables, elimination_order(chosen), failure, np.multiply)
    expected = np.zeros(3)
    for state in itertools.product((0, 1), repeat=6):
        chance = math.prod(failure[d] if down else 1.0 - failure[d] for d, down in enumerate(state))
        values = [table.values[tuple(state[d] for d in table.domains)] for table in tables]
        expected += chance * np.prod(values, axis=0)
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    assert (found.domains, sorted(found.groups)) == ((), list(range(len(chosen))))


def test_the_order_starts_where_domains_meet_the_fewest() -> None:
    assert elimination_order([{0, 1}, {1, 2}, {1, 3}, {3}]) == (0, 2, 1, 3)
    assert elimination_order([]) == ()
    assert elimination_order([(), ()]) == ()


def test_outcome_probabilities_sum_to_one_and_match_minimum_and_maximum() -> None:
    """Two answers that each come by t with 0.5, later with 0.3 and never with 0.2."""
    outcomes = np.array([[0.5], [0.3], [0.2]])
    np.testing.assert_allclose(first_of(outcomes, outcomes)[:, 0], [0.75, 0.21, 0.04])
    np.testing.assert_allclose(last_of(outcomes, outcomes)[:, 0], [0.25, 0.39, 0.36])
    np.testing.assert_array_equal(first_of(outcomes, never_answered(1)), outcomes)
    np.testing.assert_array_equal(last_of(outcomes, never_answered(1)), never_answered(1))


def test_a_domain_of_one_group_is_part_of_its_outage() -> None:
    """Outage P + (1 - P) p1 p2 for the pair in the domain, times p3."""
    devices = [replica(0.1, failure_domain=0), replica(0.2, failure_domain=0), replica(0.3)]
    distribution = latency_distribution(*system(devices, domains=[0.05]))
    outage = (0.05 + 0.95 * 0.02) * 0.3
    assert distribution.outage(0, 1.0) == pytest.approx(outage, rel=1e-14)
    assert distribution.failure_probability() == pytest.approx(outage, rel=1e-14)


def test_a_shared_domain_ties_groups_together() -> None:
    """Both groups answer with (1 - P) (1 - p)^2, not with the product of their probabilities."""
    devices = [replica(0.1, failure_domain=0)]
    distribution = latency_distribution(*system(devices, devices, domains=[0.2]))
    assert distribution.success_probability() == pytest.approx(0.8 * 0.81, rel=1e-14)
    assert distribution.outage(0, 1.0) == pytest.approx(1.0 - 0.8 * 0.9, rel=1e-14)


def test_exponentials_behind_one_access_point() -> None:
    exponential = {"law": "shifted_exponential", "rate": 2.0}
    devices = [replica(0.0, compute_slowdown=exponential, failure_domain=0)]
    distribution = latency_distribution(*system(*[devices] * 4, domains=[0.25]))
    mean = 1.0 + (1 + 1 / 2 + 1 / 3 + 1 / 4) / 2.0
    assert distribution.expected_given_answer() == pytest.approx(mean, rel=1e-12)
    assert distribution.expected(1000.0) == pytest.approx(0.25 * 1000.0 + 0.75 * mean, rel=1e-12)


def test_a_ring_of_many_domains_is_exact() -> None:
    """Group k stands behind access points k and k + 1: a recursion around the ring gives the probability."""
    count, p, failure = 40, 0.1, 0.2
    groups = [[replica(p, failure_domain=k), replica(p, failure_domain=(k + 1) % count)] for k in range(count)]
    distribution = latency_distribution(*system(*groups, domains=[failure] * count))
    step = np.array([[1 - p * p, 1 - p], [1 - p, 0.0]]) * np.array([1 - failure, failure])
    exact = np.trace(np.linalg.matrix_power(step, count))
    assert distribution.success_probability() == pytest.approx(exact, rel=1e-12)


def test_separate_rings_are_conditioned_on_separately() -> None:
    groups = [[replica(0.1, failure_domain=10 * ring + d) for d in range(10)] for ring in range(4) for _ in range(2)]
    one = latency_distribution(*system(*groups[:2], domains=[0.2] * 10)).success_probability()
    four = latency_distribution(*system(*groups, domains=[0.2] * 40)).success_probability()
    assert four == pytest.approx(one**4, rel=1e-12)


def test_as_many_domains_as_allowed() -> None:
    """Each of two groups has one device in each domain: both fail only if every device or its domain fails."""
    devices = [replica(0.5, failure_domain=d) for d in range(MAX_JOINT_DOMAINS)]
    distribution = latency_distribution(*system(devices, devices, domains=[0.3] * MAX_JOINT_DOMAINS))
    alone = (0.3 + 0.7 * 0.5) ** MAX_JOINT_DOMAINS
    both = (0.3 + 0.7 * 0.25) ** MAX_JOINT_DOMAINS
    assert distribution.failure_probability() == pytest.approx(2 * alone - both, rel=1e-12)


def test_more_domains_are_refused() -> None:
    count = MAX_JOINT_DOMAINS + 1
    devices = [replica(0.5, failure_domain=d) for d in range(count)]
    with pytest.raises(UnsupportedError, match=f"{count} failure domains tie groups together"):
        latency_distribution(*system(devices, devices, domains=[0.3] * count))


@given(st.lists(st.floats(0.0, 0.9), min_size=3, max_size=3), st.integers(0, 1000))
@trials(30)
def test_brute_force_over_crash_patterns(domains: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [
        [
            replica(float(rng.uniform(0, 0.9)), float(rng.uniform(1, 5)), **where)
            for where in [{"failure_domain": int(rng.integers(3))} if rng.random() < 0.7 else {} for _ in range(2)]
        ]
        for _ in range(3)
    ]
    distribution = latency_distribution(*system(*groups, domains=domains))
    flat = [device for group in groups for device in group]
    seconds = float(rng.uniform(1, 5))
    success = 0.0
    for down in itertools.product((False, True), repeat=3):
        for crashed in itertools.product((False, True), repeat=len(flat)):
            chance = math.prod(p if fails else 1 - p for p, fails in zip(domains, down, strict=True))
            chance *= math.prod(
                device["failure_probability"] if fails else 1 - device["failure_probability"]
                for device, fails in zip(flat, crashed, strict=True)
            )
            answers = [
                not fails
                and not ("failure_domain" in device and down[device["failure_domain"]])
                and 1.0 / device["flops_per_second"] <= seconds
                for device, fails in zip(flat, crashed, strict=True)
            ]
            success += chance * all(any(answers[k : k + 2]) for k in range(0, len(flat), 2))
    assert distribution.cdf(seconds) == pytest.approx(success, abs=1e-12)
