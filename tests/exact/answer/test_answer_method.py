"""``exact`` for the whole answer: the best of all plans, proven; infeasible just where no plan reaches a level."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.exact.answer.bound import quantile_bound
from rocoin_opt.exact.answer.method import exact_answer
from rocoin_opt.exact.restricted.two_times import exact_quantile
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES
from samples import cases, trials
from strategies import instances

pytestmark = pytest.mark.usefixtures("short_search")


def equal_devices(count=4, failure=0.1, **requirements):
    """Equal devices, one student, two filters."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": failure}
    return ro.Instance.model_validate(
        {
            "name": "equal",
            "devices": [{"id": f"d{n}", **device} for n in range(count)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0, **requirements},
        }
    )


def assert_best(instance, objective):
    result, best = ro.solve(instance, "exact", objective), oracle.best(instance, objective)
    if best is None or math.isinf(best[0]):
        assert (result.termination, result.plan, result.objective_value) == ("infeasible", None, None)
        assert result.reasons
        return
    assert result.termination == "optimal"
    assert ro.check(instance, result.plan) == ()
    # Values near 0 keep their digits.
    assert result.objective_value == pytest.approx(best[0], rel=1e-9, abs=0.0)
    assert best[0] * (1 - 1e-9) <= result.lower_bound <= result.objective_value


@given(instances(max_devices=5, max_students=2, max_filters=4, level=True))
@trials(60)
@pytest.mark.parametrize("objective", ANSWER_OBJECTIVES)
def test_tiny_instances_are_solved(objective, instance):
    assert_best(instance, objective)


@pytest.mark.parametrize("objective", ANSWER_OBJECTIVES)
@pytest.mark.parametrize("outage", cases([0.01], [0.0, 0.01, 0.1, 1.0]))
@pytest.mark.parametrize(("failure", "deadline"), [(0.0, 0.5), (0.1, None), (0.1, 4.0), (0.999999, 4.0)])
def test_ties_and_limits_at_their_ends(failure, outage, deadline, objective):
    instance = equal_devices(
        failure=failure, max_group_outage=outage, min_groups=2, deadline_seconds=deadline, success_level=0.9
    )
    assert_best(instance, objective)


@pytest.mark.parametrize(
    ("count", "level", "reachable"),
    # Two groups of two, (1 - 0.1^2)^2, and of one, 0.9^2; two and one of three.
    [(4, 0.9801, True), (4, 0.98011, False), (2, 0.81, True), (2, 0.8100001, False), (3, 0.891, True)],
)
def test_levels_that_are_products_are_reached_and_no_more(count, level, reachable):
    instance = equal_devices(count, success_level=level)
    result = ro.solve(instance, "exact", "quantile")
    assert_best(instance, "quantile")
    assert (result.termination == "optimal") == reachable
    if not reachable:
        assert "success_level" in result.reasons[0]
        assert f"{level:g}" in result.reasons[0]


@pytest.mark.parametrize("level", [1e-6, 1e-12, 1e-300])
def test_levels_near_0_ask_for_an_answer_that_may_come(level):
    # The quick devices answer rarely, the slow ones late.
    devices = equal_devices(4, failure=0.999).model_dump()["devices"]
    late = [device | {"flops_per_second": 0.1, "failure_probability": 0.1} for device in devices[2:]]
    instance = ro.Instance.model_validate(
        equal_devices(success_level=level).model_dump() | {"devices": [*devices[:2], *late]}
    )
    start = ro.Plan.of(instance, [ro.Group(devices=(name,), student="s", num_filters=1) for name in ("d2", "d3")])
    outcome = exact_quantile(instance, Control(), start)
    best = oracle.best(instance, "quantile")[0]
    assert best == 4.0
    assert value_of(instance, outcome.plan, "quantile") == outcome.lower_bound == best
    assert quantile_bound(instance, math.inf, Control()) <= best


def test_nothing_in_time_fails_and_misses_everything():
    instance = equal_devices(deadline_seconds=0.5)
    for objective in ("failure", "missing"):
        result = ro.solve(instance, "exact", objective)
        assert (result.objective_value, result.termination) == (1.0, "optimal")
        assert result.lower_bound == pytest.approx(1.0, rel=1e-11)


def test_what_never_fails_is_proven_at_once():
    instance = equal_devices(failure=0.0, deadline_seconds=10.0)
    for objective in ("failure", "missing"):
        result = ro.solve(instance, "exact", objective)
        assert (result.objective_value, result.termination) == (0.0, "optimal")


@pytest.mark.parametrize(
    ("family", "objective"),
    cases(
        [("lossy", "missing")],
        [("edge", "failure"), ("paper", "quantile"), ("paper", "missing"), ("lossy", "quantile"), ("edge", "missing")],
    ),
)
def test_more_devices_are_proven_and_no_worse_than_greedy(family, objective):
    instance = ro.generate(family, devices=8, seed=2).with_requirements(success_level=0.6)
    proven, start = (ro.solve(instance, method, objective) for method in ("exact", "greedy"))
    assert proven.termination == "optimal"
    assert proven.objective_value <= start.objective_value
    assert proven.objective_value == ro.evaluate(instance, proven.plan).value(objective)


@pytest.mark.parametrize("objective", ANSWER_OBJECTIVES)
def test_no_time_leaves_a_valid_plan_and_bound_or_none(objective):
    instance = equal_devices(deadline_seconds=10.0, success_level=0.9)
    result, best = ro.solve(instance, "exact", objective, time_limit=0.0), oracle.best(instance, objective)[0]
    assert result.termination in ("no_plan", "feasible", "optimal")
    if result.plan is not None:
        assert ro.check(instance, result.plan) == ()
        assert result.objective_value >= best * (1 - 1e-12)
    assert (result.lower_bound or 0.0) <= best * (1 + 1e-12)


def test_a_control_that_is_over_keeps_the_start():
    instance = equal_devices(deadline_seconds=10.0, success_level=0.5)
    start = ro.solve(instance, "random").plan
    over = Control(deadline=-math.inf)
    for outcome in (exact_answer(instance, "failure", over, start), exact_quantile(instance, over, start)):
        assert outcome.plan == start
        assert not outcome.infeasible
    assert exact_answer(instance, "failure", over, start).lower_bound == 0.0


def test_improvements_and_bounds_are_told():
    instance = pairs(requirements={"max_group_outage": 0.1})
    start, told = ro.solve(instance, "random", seed=3).plan, []
    outcome = exact_answer(instance, "missing", Control(report=told.append), start)
    assert told
    assert all(step.bound <= step.value for step in told)
    assert [step.value for step in told] == sorted((step.value for step in told), reverse=True)
    assert outcome.lower_bound == pytest.approx(oracle.best(instance, "missing")[0], rel=1e-9)


def test_a_quantile_without_a_level_is_refused():
    instance = pairs()
    with pytest.raises(ValueError, match="success level"):
        exact_quantile(instance, Control(), ro.solve(instance, "greedy").plan)
