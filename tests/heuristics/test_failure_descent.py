"""Less failure within a threshold by descent: valid, as early, never worse, and no worse than adding spares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from examples import two_pairs
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.failure_descent import descend_failure
from rocoin_opt.plan.indexed import indexed_groups, plan_of
from samples import cases, trials
from spares import with_spares_added
from strategies import instances, valid_plans

OBJECTIVES = ("guaranteed", "nominal", "worst")


def descended(instance, plan, objective, control=None):
    """What the descent makes of a plan at its own latency."""
    problem = ThresholdProblem(instance, objective, value_of(instance, plan, objective))
    return plan_of(instance, descend_failure(problem, indexed_groups(instance, plan), control or Control()))


def assert_kept(instance, objective, before, after):
    """The promise: valid, as early, the same students and sizes, and no larger failure probability."""
    assert check(instance, after) == ()
    assert value_of(instance, after, objective) <= value_of(instance, before, objective)
    assert value_of(instance, after, "failure") <= value_of(instance, before, "failure") * (1 + 1e-9)
    assert sorted((g.student, g.num_filters) for g in after.groups) == sorted(
        (g.student, g.num_filters) for g in before.groups
    )


@pytest.mark.parametrize("objective", cases(["guaranteed", "expected"], OBJECTIVES))
@given(data=st.data(), instance=instances(max_devices=6, max_students=2, max_filters=4))
@trials(60)
def test_plans_of_tiny_instances_get_no_worse(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    assert_kept(instance, objective, plan, descended(instance, plan, objective))


@pytest.mark.parametrize(
    ("family", "devices", "objective"),
    [("edge", 12, "guaranteed"), ("mcu", 16, "nominal"), ("lossy", 24, "worst"), ("sbc", 30, "guaranteed")],
)
@pytest.mark.slow
def test_nothing_is_lost_against_adding_spares_by_hand(family, devices, objective):
    instance = ro.generate(family, devices=devices, seed=4)
    plan = ro.solve(instance, "greedy", objective).plan
    found = descended(instance, plan, objective)
    assert_kept(instance, objective, plan, found)
    by_hand = with_spares_added(instance, plan, objective)
    assert value_of(instance, found, "failure") <= value_of(instance, by_hand, "failure") * (1 + 1e-9)
    # A descent that has ended has nothing left to gain.
    again = value_of(instance, descended(instance, found, objective), "failure")
    assert again == pytest.approx(value_of(instance, found, "failure"), rel=1e-9)


def fleet(*failures, outage=0.02, **requirements):
    """Equal devices but for how often they fail; a student of any size."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0}
    return ro.Instance.model_validate(
        {
            "name": "fleet",
            "devices": [{"id": f"d{n}", **device, "failure_probability": p} for n, p in enumerate(failures)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": 9}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": outage, **requirements},
        }
    )


def plan_by(instance, *groups):
    """One filter for each group of device numbers."""
    return ro.Plan.of(
        instance, [ro.Group(devices=tuple(f"d{n}" for n in group), student="s", num_filters=1) for group in groups]
    )


def members_of(plan):
    return sorted(group.devices for group in plan.groups)


def test_the_most_reliable_spare_joins_the_group_that_fails_most():
    instance = fleet(0.1, 0.1, 0.01, 0.2, 0.3)
    found = descended(instance, plan_by(instance, (0, 1), (2,)), "worst")
    # 0.1 * 0.1 against 0.01: both groups fail alike, and get one device each.
    assert found.spares == ()
    assert sorted(len(group.devices) for group in found.groups) in ([2, 3], [1, 4])
    best = 1 - (1 - 0.01 * 0.3) * (1 - 0.01 * 0.2)
    assert value_of(instance, found, "failure") == pytest.approx(best, rel=1e-9)


def test_a_device_moves_and_two_change_places():
    instance = fleet(0.1, 0.1, 0.1, 0.1, 0.01, 0.01, outage=1.0)
    found = descended(instance, plan_by(instance, (0, 1, 2, 4, 5), (3,)), "worst")
    # 1e-7 * 1e-1 apart, at best 1e-4 each: 0.1 * 0.1 * 0.01 on both sides.
    assert value_of(instance, found, "failure") == pytest.approx(2e-4, rel=1e-3)


def test_devices_that_gain_nothing_are_left_out():
    # Certain groups need nobody else.
    certain = fleet(0.0, 0.0, 0.1, 0.1, outage=0.1)
    assert members_of(descended(certain, plan_by(certain, (0, 2), (1, 3)), "worst")) == [("d0",), ("d1",)]
    # Whoever is later than the deadline never counts: with nobody in time there is nothing to gain.
    late = fleet(0.1, 0.1, 0.1, 0.1, outage=0.1, deadline_seconds=1.0)
    found = descended(late, plan_by(late, (0, 1), (2, 3)), "worst")
    assert [len(devices) for devices in members_of(found)] == [1, 1]


def test_replicas_later_than_the_threshold_join_where_latency_allows_them():
    slow = fleet(0.1, 0.1, 0.1, 0.1, outage=0.1).model_dump()
    for device in slow["devices"][2:]:
        device["flops_per_second"] = 0.5
    instance = ro.Instance.model_validate(slow)
    plan = plan_by(instance, (0,), (1,))
    for objective in ("guaranteed", "nominal"):
        assert descended(instance, plan, objective).spares == ()
    assert descended(instance, plan, "worst") == plan


def test_no_time_leaves_valid_groups():
    instance = two_pairs()
    plan = ro.solve(instance, "greedy").plan
    for control in (Control.starting_now(time_limit=0), Control()):
        assert_kept(instance, "guaranteed", plan, descended(instance, plan, "guaranteed", control))


@pytest.mark.parametrize("objective", ["guaranteed"])
@pytest.mark.slow
def test_hundreds_of_devices_run_through(objective):
    instance = ro.generate("edge", devices=300, seed=1)
    plan = ro.solve(instance, "greedy", objective).plan
    found = descended(instance, plan, objective)
    assert_kept(instance, objective, plan, found)
    assert value_of(instance, found, "failure") < value_of(instance, plan, "failure")
    assert found == descended(instance, plan, objective)
