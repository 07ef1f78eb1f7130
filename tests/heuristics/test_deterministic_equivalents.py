"""Surrogates: constant latencies that random ones rarely exceed, and what greedy makes of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from examples import pairs
from fleets import LAWS
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.bounds import smallest_failure_probability
from rocoin_opt.heuristics.deterministic_equivalents import KEPT, LATE, deterministic_equivalent, greedy_stochastic
from samples import trials
from slowed import mixed, slowed
from strategies import instances, valid_plans


@given(st.data())
@trials(40)
def test_a_plan_answers_no_later_than_in_a_surrogate(data: st.DataObject) -> None:
    instance = data.draw(instances(slowdowns=True, max_devices=4))
    stand_in = deterministic_equivalent(instance, data.draw(st.sampled_from(LATE)))
    assert not stand_in.has_random_latencies
    plan = data.draw(valid_plans(instance))
    if not ro.check(stand_in, plan):
        assert value_of(instance, plan, "guaranteed") <= value_of(stand_in, plan, "guaranteed") * (1 + 1e-9)


def test_constants_stay_as_they_are() -> None:
    instance = ro.generate("edge", devices=6, seed=0)
    for late in LATE:
        assert deterministic_equivalent(instance, late) == instance
    measured = slowed(instance, {"law": "empirical", "values": [1.0, 4.0, 2.0, 3.0]})
    factors = [
        device.flops_per_second / stand_in.flops_per_second
        for late in (0.0, 0.25, 0.3, 0.5)
        for device, stand_in in zip(
            measured.devices[:1], deterministic_equivalent(measured, late).devices, strict=False
        )
    ]
    assert factors == [4.0, 3.0, 3.0, 2.0]


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["guaranteed", "expected"])
def test_greedy_is_near_the_optimum_and_never_worse_than_its_start(objective: str) -> None:
    instance = mixed(5, 2)
    found = greedy_stochastic(instance, objective, Control())
    value = value_of(instance, found.plan, objective)
    assert ro.check(instance, found.plan) == ()
    if objective == "guaranteed":
        assert found.lower_bound is None
        assert value <= 1.5 * ro.solve(instance, "exact").objective_value
    else:
        deadline = instance.requirements.deadline_seconds
        assert found.lower_bound == pytest.approx(deadline * smallest_failure_probability(instance))
        assert found.lower_bound <= value
    better = ro.solve(instance, "exact").plan
    kept = greedy_stochastic(instance, "guaranteed", Control(), better)
    assert kept.plan == better
    stopped = greedy_stochastic(instance, objective, Control.starting_now(time_limit=0.0))
    assert stopped.plan is None
    assert "limit" in stopped.reasons[0]


def test_heavy_tails_and_certain_answers() -> None:
    base = ro.generate("edge", devices=6, seed=0)
    heavy = slowed(base, {"law": "pareto", "alpha": 0.02})
    plan = greedy_stochastic(heavy, "guaranteed", Control()).plan
    assert value_of(heavy, plan, "guaranteed") < math.inf
    fields = slowed(base, LAWS[5], LAWS[1]).model_dump(exclude_unset=True)
    for device in fields["devices"]:
        device["failure_probability"] = 0.0
    fields["requirements"]["max_group_outage"] = 0.0
    sure = ro.Instance.model_validate(fields)
    plan = greedy_stochastic(sure, "guaranteed", Control()).plan
    assert value_of(sure, plan, "guaranteed") < math.inf


def test_no_plan_where_there_is_none() -> None:
    instance = slowed(ro.generate("edge", devices=6, seed=0), LAWS[1]).with_requirements(max_group_outage=1e-12)
    found = greedy_stochastic(instance, "guaranteed", Control())
    assert found.plan is None
    assert found.reasons == ("the greedy packing found no way that all filters were placed",)


@pytest.mark.slow
def test_a_plan_that_just_keeps_the_limit_is_valid_where_crashes_are_kept() -> None:
    instance = slowed(pairs(), LAWS[1])
    both = [0.1, 0.1] * (len(instance.devices) // 2)
    devices = [d.model_copy(update={"failure_probability": p}) for d, p in zip(instance.devices, both, strict=True)]
    exactly = instance.model_copy(update={"devices": tuple(devices)}).with_requirements(max_group_outage=0.01)
    for late in KEPT:
        stand_in = deterministic_equivalent(exactly, late, keeps_crashes=True)
        assert (stand_in.arrays.failure == exactly.arrays.failure).all()
        assert not stand_in.has_random_latencies
    for objective in ("guaranteed", "expected"):
        plan = greedy_stochastic(exactly, objective, Control()).plan
        assert plan is not None
        assert ro.check(exactly, plan) == ()
        assert value_of(exactly, plan, objective) < math.inf


@pytest.mark.slow
def test_greedy_is_no_worse_than_the_baselines_for_the_expected_time() -> None:
    for seed in range(3):
        instance = mixed(8, seed)
        value = ro.solve(instance, "greedy", "expected").objective_value
        for baseline in ("rocoin", "nonn", "het-nonn", "random"):
            plan = ro.solve(instance, baseline, "expected")
            assert plan.objective_value is None or value <= plan.objective_value


def test_a_law_whose_quantiles_are_no_numbers_divides_by_none() -> None:
    instance = slowed(ro.generate("edge", devices=4, seed=0), {"law": "gamma", "shape": 0.0001})
    for late in LATE:
        assert all(device.flops_per_second < math.inf for device in deterministic_equivalent(instance, late).devices)
