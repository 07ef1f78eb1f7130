"""Replanning for the least failure probability beside brute force: value, bound, loads, and every end of the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from replan_oracle import changes, fewest_loads
from rocoin_opt.exact import replanning_search
from rocoin_opt.planning.replan import without_devices
from samples import trials
from strategies import instances, valid_plans

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan


@st.composite
def losses(draw: DrawFn) -> tuple[Instance, Plan, tuple[str, ...]]:
    """A tiny instance, a plan for it, and devices that are lost, not all of them."""
    instance = draw(instances(max_devices=5, max_students=2, max_filters=4))
    devices = [device.id for device in instance.devices]
    assume(len(devices) > 1)
    lost = draw(st.lists(st.sampled_from(devices), max_size=len(devices) - 1, unique=True))
    return instance, draw(valid_plans(instance)), tuple(lost)


def assert_best(instance: Instance, plan: Plan, lost: tuple[str, ...], max_loads: int | None) -> None:
    found = ro.replan(instance, plan, lost, max_loads=max_loads, objective="failure")
    every = list(changes(found.instance, plan, "failure"))
    allowed = [change.value for change in every if max_loads is None or change.loads <= max_loads]
    if not allowed:
        assert (found.termination, found.plan, found.objective_value) == ("infeasible", None, None)
        assert found.reasons
        assert found.fewest_loads == min((change.loads for change in every), default=None)
        return
    assert found.plan is not None
    assert found.termination == "optimal"
    assert ro.check(found.instance, found.plan) == ()
    assert oracle.is_feasible(found.instance, found.plan)
    assert found.objective_value == pytest.approx(min(allowed), rel=1e-9, abs=0.0)
    assert found.lower_bound is not None
    assert min(allowed) * (1 - 1e-9) <= found.lower_bound <= min(allowed) * (1 + 1e-12)
    loads, shipped = fewest_loads(found.instance, plan, found.plan)
    assert (len(found.loads), found.shipped_bytes) == (loads, pytest.approx(shipped))
    assert max_loads is None or loads <= max_loads
    assert found.unrestricted_value == pytest.approx(min(change.value for change in every), rel=1e-9, abs=0.0)
    assert found.bytes_bound == 0.0


@given(losses(), st.none() | st.integers(0, 4))
@trials(60)
def test_value_bound_and_loads_equal_brute_force(case: tuple[Instance, Plan, tuple[str, ...]], max_loads: int) -> None:
    assert_best(*case, max_loads)


@pytest.mark.slow
@given(losses(), st.integers(0, 3))
@settings(max_examples=20)
def test_many_equal_brute_force(case: tuple[Instance, Plan, tuple[str, ...]], max_loads: int) -> None:
    assert_best(*case, max_loads)


@pytest.fixture(scope="module")
def fleet() -> tuple[Instance, Plan, str]:
    """A fleet, its plan of least latency and work, and a device of it."""
    instance = ro.generate("mcu", devices=9, seed=4)
    plan = ro.solve(instance, prefer="work").plan
    assert plan is not None
    return instance, plan, plan.groups[0].devices[0]


@pytest.mark.slow
def test_more_loads_never_hurt_and_end_at_the_plan_without_a_limit(fleet: tuple[Instance, Plan, str]) -> None:
    instance, plan, lost = fleet
    found = [ro.replan(instance, plan, [lost], max_loads=limit, objective="failure") for limit in (1, 2, 3, None)]
    assert [repaired.termination for repaired in found] == ["optimal"] * 4
    values = [repaired.objective_value or 0.0 for repaired in found]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[-1]
    left = without_devices(instance, [lost])
    assert values[-1] == ro.solve(left, "exact", "failure").objective_value
    # What is early is not what is safe.
    early = ro.replan(instance, plan, [lost], max_loads=2)
    assert early.plan is not None
    assert ro.evaluate(left, early.plan).failure_probability >= values[1]


@pytest.mark.slow
def test_nothing_is_lost_and_nothing_may_be_loaded(fleet: tuple[Instance, Plan, str]) -> None:
    instance, plan, _ = fleet
    found = ro.replan(instance, plan, max_loads=0, objective="failure")
    assert found.loads == ()
    assert found.termination == "optimal"
    assert found.plan is not None
    assert found.objective_value == ro.evaluate(instance, found.plan).failure_probability


def test_no_time_still_mends(fleet: tuple[Instance, Plan, str]) -> None:
    instance, plan, lost = fleet
    found = ro.replan(instance, plan, [lost], max_loads=3, objective="failure", time_limit=0.0)
    assert found.plan is not None
    assert found.termination in ("feasible", "optimal")
    assert found.lower_bound is not None
    assert found.objective_value is not None
    assert 0.0 <= found.lower_bound <= found.objective_value
    stopped = ro.replan(instance, plan, [lost], max_loads=0, objective="failure", time_limit=0.0)
    assert stopped.plan is None or stopped.loads == ()


@pytest.mark.slow
def test_a_stop_keeps_the_best_plan_and_a_valid_bound(fleet: tuple[Instance, Plan, str]) -> None:
    instance, plan, lost = fleet
    best = ro.replan(instance, plan, [lost], max_loads=3, objective="failure")
    assert best.objective_value is not None
    for limit in (0.0, 0.1):
        found = ro.replan(instance, plan, [lost], max_loads=3, objective="failure", time_limit=limit)
        # How far it comes is the machine's affair; what it says holds in any case.
        assert found.termination != "infeasible"
        assert (found.lower_bound or 0.0) <= best.objective_value * (1 + 1e-9)
        assert found.plan is None or ro.check(found.instance, found.plan) == ()
        assert found.objective_value is None or found.objective_value >= best.objective_value * (1 - 1e-9)


@pytest.mark.slow
def test_larger_fleets_end_without_a_clock(fleet: tuple[Instance, Plan, str], monkeypatch: pytest.MonkeyPatch) -> None:
    instance, plan, lost = fleet
    best = ro.replan(instance, plan, [lost], max_loads=3, objective="failure")
    monkeypatch.setattr(replanning_search, "FEW_DEVICES", 0)
    monkeypatch.setattr(replanning_search, "FAILURE_NODES", 1)
    told: list[ro.Progress] = []
    found = ro.replan(instance, plan, [lost], max_loads=3, objective="failure", report=told.append)
    assert found.objective_value is not None
    assert found.lower_bound is not None
    assert best.objective_value is not None
    assert found.lower_bound <= best.objective_value <= found.objective_value * (1 + 1e-12)
    assert told[-1].value == found.objective_value


@pytest.mark.slow
def test_groups_that_go_on_keep_their_filters() -> None:
    instance = ro.generate("sbc", devices=8, seed=1, filters=12, max_groups=4, graph=True)
    plan = ro.solve(instance).plan
    assert plan is not None
    found = ro.replan(instance, plan, [plan.groups[0].devices[0]], max_loads=2, objective="failure")
    assert found.plan is not None
    assert ro.check(found.instance, found.plan) == ()
    loaded = {load.device for load in found.loads}
    before = {device: group for group in plan.groups for device in group.devices}
    for group in found.plan.groups:
        for device in set(group.devices) - loaded:
            assert (before[device].student, before[device].filters) == (group.student, group.filters)


def test_other_objectives_of_the_whole_answer_are_refused(fleet: tuple[Instance, Plan, str]) -> None:
    instance, plan, lost = fleet
    with pytest.raises(ro.UnsupportedError, match="missing"):
        ro.replan(instance, plan, [lost], objective="missing")
    slowed = ro.generate("mcu", devices=9, seed=4, slowdowns=True)
    with pytest.raises(ro.UnsupportedError, match="law"):
        ro.replan(slowed, plan, [lost], objective="failure")
