"""``exact`` under random latencies: brute force, the constant search, and bounds that hold."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given

import rocoin_opt as ro
from fleets import LAWS
from oracle import oracle_of
from rocoin_opt.control import Control
from rocoin_opt.exact.stochastic.packing import StochasticPacking
from rocoin_opt.exact.stochastic.search import exact_stochastic
from rocoin_opt.exact.threshold.packing import Effort
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.stochastic.shares import StochasticShares
from samples import cases, trials
from slowed import DISGUISED, mixed, plan_of, slowed
from strategies import instances

PROVEN = 1e-9


def brute_force(instance: ro.Instance) -> float:
    """Smallest guarantee over all feasible plans, each group valued by its own exact distribution."""
    oracle = oracle_of(instance)

    @cache
    def seconds(block):
        group = plan_of(instance, (block.devices, block.student, block.size))
        return ro.latency_distribution(instance, group).guaranteed(instance.requirements.max_group_outage)

    return min((max(map(seconds, blocks)) for blocks in oracle.decisions(feasible_only=True)), default=math.inf)


def assert_proven(instance: ro.Instance, best: float, *, gap: float = PROVEN) -> None:
    outcome = exact_stochastic(instance, Control())
    if best == math.inf:
        assert outcome.plan is None
        assert outcome.reasons
        return
    assert outcome.plan is not None
    assert ro.check(instance, outcome.plan) == ()
    assert value_of(instance, outcome.plan, "guaranteed") == pytest.approx(best, rel=gap)
    assert best * (1 - gap) <= outcome.lower_bound <= best


@given(instances(max_devices=4, max_students=2, max_filters=4, slowdowns=True))
@trials(50)
def test_every_law_against_brute_force(instance: ro.Instance) -> None:
    best = brute_force(instance)
    outcome = exact_stochastic(instance, Control())
    value = math.inf if outcome.plan is None else value_of(instance, outcome.plan, "guaranteed")
    # A limit that is only met in the last digits of a tail is known no better than these digits.
    limit = instance.requirements.max_group_outage
    stricter = brute_force(instance.with_requirements(max_group_outage=limit * (1 - 1e-9)))
    assert best <= value * (1 + 1e-12)
    assert value <= stricter * (1 + PROVEN)
    assert best == math.inf or not outcome.infeasible
    assert outcome.lower_bound is None or outcome.lower_bound <= best


@pytest.mark.parametrize("law", cases(LAWS[::3], LAWS), ids=lambda law: law["law"])
def test_each_law_alone(law) -> None:
    base = ro.generate("edge", devices=3, seed=3, filters=3)
    for instance in (slowed(base, law), slowed(base, {"law": "constant"}, link=[law])):
        assert_proven(instance, brute_force(instance))


@pytest.mark.slow
def test_two_laws_a_device_are_proven_to_what_their_convolution_allows() -> None:
    base = ro.generate("edge", devices=4, seed=5, filters=3)
    instance = slowed(base, LAWS[1], LAWS[2], link=[LAWS[0], LAWS[3]])
    assert_proven(instance, brute_force(instance), gap=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("family", cases(["mcu"], ["edge", "lossy"]))
def test_constants_in_disguise_have_the_optimum_of_constants(family: str) -> None:
    constant = ro.generate(family, devices=8, seed=0)
    known = ro.solve(constant, "exact", latency_only=True)
    assert known.termination == "optimal"
    assert_proven(slowed(constant, DISGUISED), known.objective_value)


def reachable(instance: ro.Instance, threshold: float) -> bool:
    """Whether some packing keeps a threshold, by the capacities of all subsets of devices."""
    count, wanted = len(instance.devices), instance.knowledge.num_filters
    subsets = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    capacity = np.zeros(2**count, dtype=int)
    limit = math.log(instance.requirements.max_group_outage)
    for j, student in enumerate(instance.students):
        for size in range(1, min(student.max_filters, wanted) + 1):
            able = instance.arrays.largest[:, j] >= size
            missed = [
                ro.latency_distribution(instance, plan_of(instance, ([n], j, size))).outage(0, threshold)
                for n in range(count)
            ]
            covers = subsets @ np.log(missed) <= limit
            capacity[covers & ~(subsets[:, ~able] > 0).any(axis=1)] = np.maximum(
                capacity[covers & ~(subsets[:, ~able] > 0).any(axis=1)], size
            )
    full = 2**count - 1
    held = {0: {full: 0}}
    for _ in range(instance.max_groups):
        after: dict[int, int] = {}
        for free, filters in held[len(held) - 1].items():
            # The first free device of a group is in it, or is left out for good.
            group = free
            while group:
                if capacity[group]:
                    left = free & ~group
                    after[left] = max(after.get(left, 0), filters + int(capacity[group]))
                group = (group - 1) & free
        held[len(held)] = after
        if any(filters >= wanted for filters in after.values()):
            return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_seven_devices_against_all_packings_of_subsets(seed: int) -> None:
    instance = ro.generate("edge", devices=7, seed=seed, filters=12)
    instance = slowed(instance, *LAWS[:5])
    outcome = exact_stochastic(instance, Control())
    value = value_of(instance, outcome.plan, "guaranteed")
    assert value * (1 - PROVEN) <= outcome.lower_bound <= value
    assert reachable(instance, value * (1 + 1e-9))
    assert not reachable(instance, outcome.lower_bound)


@given(instances(max_devices=4, max_students=2, max_filters=4, slowdowns=True))
@trials(40)
def test_no_threshold_that_a_plan_keeps_is_refuted(instance: ro.Instance) -> None:
    best = brute_force(instance)
    if best == math.inf:
        return
    packing = StochasticPacking(StochasticShares(instance))
    for factor in (1.0, 1.001, 3.0):
        assert not packing.refutes(best * factor, Control())


@pytest.mark.slow
def test_larger_instances_are_proven_too() -> None:
    instance = mixed(16, 0)
    outcome = exact_stochastic(instance, Control())
    value = value_of(instance, outcome.plan, "guaranteed")
    assert (value - outcome.lower_bound) / value <= PROVEN


def test_the_search_stops_at_its_limits() -> None:
    instance = mixed(10, 1)
    start = ro.solve(instance, "random", seed=2).plan
    before = value_of(instance, start, "guaranteed")
    stopped = exact_stochastic(instance, Control.starting_now(time_limit=0.0), start)
    assert (stopped.plan, stopped.lower_bound) == (start, 0.0)
    none = exact_stochastic(instance, Control.starting_now(time_limit=0.0))
    assert none.plan is None
    assert none.reasons
    rough = exact_stochastic(instance, Control(gap=0.5), start)
    value = value_of(instance, rough.plan, "guaranteed")
    assert value <= before
    assert value - rough.lower_bound <= 0.5 * value
    told: list[tuple[float | None, float | None]] = []
    exact_stochastic(instance, Control(report=lambda p: told.append((p.value, p.bound))), start, rounds=1)
    bounds = [bound for _, bound in told]
    assert bounds == sorted(bounds)
    values = [value for value, _ in told]
    assert all(after <= first for first, after in itertools.pairwise(values))


@pytest.mark.slow
def test_what_is_too_much_to_enumerate_is_left_to_other_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.exact.stochastic.search.EFFORTS", (Effort(2, 1),))
    instance = mixed(9, 1)
    outcome = exact_stochastic(instance, Control())
    value = value_of(instance, outcome.plan, "guaranteed")
    assert ro.check(instance, outcome.plan) == ()
    assert 0.5 * value < outcome.lower_bound <= ro.solve(instance, "exact").objective_value <= value


def test_an_answer_that_takes_no_time_is_proven() -> None:
    fields = ro.generate("edge", devices=4, seed=0, filters=3).model_dump(exclude_unset=True)
    fields["knowledge"]["bits_per_filter"] = 0.0
    for device in fields["devices"]:
        device["overhead_seconds"] = 0.0
    for student in fields["students"]:
        student.update(flops=0.0, flops_per_filter=0.0)
    instance = slowed(ro.Instance.model_validate(fields), LAWS[1])
    outcome = exact_stochastic(instance, Control())
    assert value_of(instance, outcome.plan, "guaranteed") == outcome.lower_bound == 0.0


@pytest.mark.slow
def test_latencies_too_large_to_be_multiplied_end_the_search():
    device = {
        "id": "d0",
        "flops_per_second": 1.0,
        "memory_bytes": 9,
        "uplink_bits_per_second": 2.0,
        "failure_probability": 0.1 - 1e-13,
        "compute_slowdown": {"law": "pareto", "alpha": 0.05},
    }
    instance = ro.Instance.model_validate(
        {
            "name": "far away",
            "devices": [device],
            "students": [{"id": "s", "flops": 18.5, "memory_bytes": 4, "max_filters": 4}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.1},
        }
    )
    result = ro.solve(instance, "exact")
    assert result.objective_value > 1e200
    assert result.lower_bound <= result.objective_value
