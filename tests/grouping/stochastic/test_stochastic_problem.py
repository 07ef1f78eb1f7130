"""Packings at a threshold under random latencies: intervals, chains, limits, sizes and exchanges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import rocoin_opt as ro
from fleets import LAWS
from rocoin_opt.control import Control
from rocoin_opt.exact.stochastic.packing import StochasticPacking
from rocoin_opt.exact.threshold.packing import Effort
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.stochastic.assignment import plan_within
from rocoin_opt.grouping.stochastic.problem import FIRST_INTERVALS, Intervals, StochasticProblem
from rocoin_opt.grouping.stochastic.shares import StochasticShares
from rocoin_opt.heuristics.stochastic_exchange import exchange
from slowed import mixed, plan_of, slowed

EFFORT = Effort(20_000, 1_000)


@pytest.fixture(scope="module")
def instance() -> ro.Instance:
    return mixed(10, 0)


@pytest.fixture(scope="module")
def shares(instance: ro.Instance) -> StochasticShares:
    return StochasticShares(instance)


@pytest.fixture(scope="module")
def optimum(instance: ro.Instance) -> float:
    return ro.solve(instance, "exact").objective_value


def test_intervals_cover_all_sizes_once_and_split(instance: ro.Instance) -> None:
    intervals = Intervals(instance)
    for j in range(len(instance.students)):
        largest = int(instance.arrays.largest[:, j].max())
        assert len(intervals.of(j)) == min(FIRST_INTERVALS, largest)
        size = intervals.of(j)[-1][0] if largest > FIRST_INTERVALS else 1
        assert intervals.split(j, size) == (largest > FIRST_INTERVALS)
        assert not intervals.split(j, size)
        covered = [s for first, last in intervals.of(j) for s in range(first, last + 1)]
        assert covered == list(range(1, largest + 1))
        assert all(intervals.around(j, s)[0] <= s <= intervals.around(j, s)[1] for s in covered)


def test_shares_fall_with_the_part_and_rise_with_time(instance: ro.Instance, shares: StochasticShares) -> None:
    for n, j in itertools.product(range(len(instance.devices)), range(len(instance.students))):
        sizes = range(1, int(instance.arrays.largest[n, j]) + 1, 5)
        found = [[shares.share(n, j, s, t) for s in sizes] for t in (0.3, 1.0, 4.0)]
        assert all(a >= b for row in found for a, b in itertools.pairwise(row))
        assert (np.diff(found, axis=0) >= 0.0).all()
        assert all(shares.share(n, j, s, 1.0) <= shares.share(n, j, s, 1.0, at_most=True) for s in sizes)
        assert shares.share(n, j, int(instance.arrays.largest[n, j]) + 1, 1e9) == 0.0


def test_capacities_are_exact_from_below_and_above(
    instance: ro.Instance, shares: StochasticShares, optimum: float
) -> None:
    rng = np.random.default_rng(0)
    problem = StochasticProblem(shares, optimum, Intervals(instance))
    groups = [tuple(sorted(rng.choice(10, size=4, replace=False).tolist())) for _ in range(8)]
    limit = instance.requirements.max_group_outage
    for group, rounded in zip(groups, problem.capacities(groups).tolist(), strict=True):
        best = 0
        for j in range(len(instance.students)):
            size = shares.capacity(group, j, optimum)
            best = max(best, size)
            for tried, kept in ((size, True), (size + 1, False)):
                able = [n for n in group if instance.arrays.largest[n, j] >= tried]
                if tried and able:
                    plan = plan_of(instance, (able, j, tried))
                    outage = ro.latency_distribution(instance, plan).outage(0, optimum)
                    assert (outage <= limit * (1 + 1e-12)) == kept
        assert best <= rounded
    assert problem.largest == max(problem.sizes)
    assert problem.admits_plan
    assert not StochasticProblem(shares, optimum / 100, Intervals(instance)).admits_plan
    assert StochasticProblem(shares, 0.0, Intervals(instance)).largest == 0


@pytest.mark.slow
def test_limits_on_groups_are_never_too_low(instance: ro.Instance, shares: StochasticShares, optimum: float) -> None:
    plan = ro.solve(instance, "exact").plan
    levels = StochasticProblem(shares, optimum, Intervals(instance)).levels
    for first, limit in zip(levels.sizes.tolist(), levels.limits.tolist(), strict=True):
        assert sum(group.num_filters >= first for group in plan.groups) <= limit


def test_decisions_agree_with_the_optimum(instance: ro.Instance, shares: StochasticShares, optimum: float) -> None:
    packing = StochasticPacking(shares)
    found = packing.decide(optimum * 1.001, Control(), EFFORT)
    assert found.status == "packed"
    assert len({n for group in found.groups for n in group}) == sum(map(len, found.groups))
    assert packing.decide(optimum * 0.999, Control(), EFFORT).status == "impossible"
    assert packing.decide(optimum * 1.3, Control(), Effort(1, 1)).status == "unknown"
    assert packing.attempt(optimum * 1.2, Control(), EFFORT).status == "packed"
    assert packing.attempt(optimum * 0.9, Control(), EFFORT).status in ("unknown", "impossible")
    stopped = Control.starting_now(time_limit=0.0)
    assert packing.decide(optimum * 1.2, stopped, EFFORT).status == "unknown"
    assert packing.attempt(optimum * 1.2, stopped, EFFORT).status == "unknown"
    assert not packing.refutes(optimum * 0.1, stopped)


@pytest.mark.slow
def test_attempts_split_intervals_until_their_packing_is_true(shares: StochasticShares, optimum: float) -> None:
    for factor in (1.1, 1.05, 1.02, 1.005):
        found = StochasticPacking(shares).attempt(optimum * factor, Control(), EFFORT)
        if found.status == "packed":
            assert plan_within(shares, found.groups, optimum * factor) is not None
    # Between the relaxation's threshold and the optimum nothing can be found.
    statuses = {
        StochasticPacking(shares).attempt(optimum * factor, Control(), EFFORT).status for factor in (0.9999, 0.999)
    }
    assert statuses <= {"unknown", "impossible"}


def test_a_relaxation_that_a_limit_stops_proves_nothing(
    shares: StochasticShares, optimum: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rocoin_opt.exact.stochastic.packing.relax", lambda *_, **__: None)
    packing = StochasticPacking(shares)
    assert packing.decide(optimum * 1.1, Control(), EFFORT).status == "unknown"
    assert not packing.refutes(optimum * 1.1, Control())


@pytest.mark.slow
def test_exchanges_find_packings_from_nothing(instance: ro.Instance, shares: StochasticShares, optimum: float) -> None:
    packing = StochasticPacking(shares)
    found = packing.search(optimum * 1.3, [], Control(), 3_000)
    assert found.status == "packed"
    plan = plan_within(shares, found.groups, optimum * 1.3)
    assert value_of(instance, plan, "guaranteed") <= optimum * 1.3
    assert packing.search(optimum * 0.9, [], Control(), 200).status == "unknown"
    again = StochasticPacking(shares).search(optimum * 1.3, [], Control(), 3_000)
    assert again == found


def test_exchanges_never_lose_what_they_began_with(
    instance: ro.Instance, shares: StochasticShares, optimum: float
) -> None:
    problem = StochasticProblem(shares, optimum * 0.95, Intervals(instance))
    groups, held = exchange(problem, [], Control(), 300, 1)
    more, most = exchange(problem, groups, Control(), 300, 2)
    assert most >= held > 0
    assert exchange(problem, groups, Control(), 0, 2) == (groups, held)
    assert len({n for group in more for n in group}) == sum(map(len, more))
    assert exchange(problem, groups, Control.starting_now(time_limit=0.0), 300, 2) == (groups, held)


def test_students_and_sizes_of_given_groups_are_the_best() -> None:
    instance = slowed(ro.generate("edge", devices=6, seed=1, filters=8), *LAWS[:6])
    shares = StochasticShares(instance)
    groups = [(0, 1, 2), (3, 4, 5)]
    best = math.inf
    for j, k in itertools.product(range(len(instance.students)), repeat=2):
        for size in range(1, 8):
            plan = plan_of(instance, (groups[0], j, size), (groups[1], k, 8 - size))
            if not ro.check(instance, plan):
                best = min(best, value_of(instance, plan, "guaranteed"))
    plan = plan_within(shares, groups, best * 2.0)
    assert value_of(instance, plan, "guaranteed") == pytest.approx(best, rel=1e-9)
    assert plan_within(shares, groups, best * 0.99) is None
    assert plan_within(shares, [(0, 1, 2, 3, 4, 5), ()], 1e9) is None
    assert plan_within(shares, [(n,) for n in range(6)] * 2, 1e9) is None
