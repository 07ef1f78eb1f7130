"""Offer and compare: the continuation model, the rules of a plan and the definition of a load say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
from examples import two_pairs
from replan_oracle import changes, fewest_loads
from rocoin_opt.control import Control
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.formulations import replanning as continuation
from rocoin_opt.highs.models import solve_model
from rocoin_opt.plan.changes import continuation as continuation_of
from rocoin_opt.planning.replan import without_devices
from samples import trials
from strategies import instances, valid_plans

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
TINY = {"max_devices": 4, "max_students": 2, "max_filters": 4}


@st.composite
def changed_plans(draw: DrawFn) -> tuple[Instance, Plan, Plan]:
    """What is left of a tiny instance, a plan from before, and one for what is left."""
    instance = draw(instances(**TINY))
    old = draw(valid_plans(instance))
    devices = [device.id for device in instance.devices]
    left = without_devices(instance, draw(st.lists(st.sampled_from(devices), max_size=1)))
    assume(left.devices)
    return left, old, draw(valid_plans(left))


@given(changed_plans(), st.sampled_from(OBJECTIVES))
@trials(40)
def test_a_plan_is_allowed_at_its_value_with_its_loads(case, objective: Objective) -> None:
    left, old, new = case
    changed = continuation_of(left, old, new)
    assert (len(changed.loads), pytest.approx(changed.shipped_bytes)) == fewest_loads(left, old, new)
    value = value_of(left, new, objective)
    model = continuation.build(left, old, objective, upper_bound=value, max_loads=len(changed.loads))
    unit = continuation.minimise_bytes(model, left)
    assert continuation.offer(model, left, new, changed.continued)
    for component in (model.counted, model.extra, model.runs, model.size, model.continues, model.stays, model.holds):
        component.fix()
    solution = solve_model(model, Control.starting_now())
    assert solution.objective is not None
    offered = continuation.plan_of(model, left)
    assert value_of(left, offered, objective) <= value
    kept = continuation_of(left, old, offered)
    assert solution.objective * unit == pytest.approx(kept.shipped_bytes, rel=1e-7, abs=1e-6)
    # Replicas that come too late for the value are left out, and nothing else.
    if objective != "guaranteed":
        assert offered == new


@given(changed_plans(), st.sampled_from(OBJECTIVES))
@trials(25)
def test_the_fewest_loads_and_bytes_at_a_latency_are_those_of_brute_force(case, objective: Objective) -> None:
    left, old, new = case
    value = value_of(left, new, objective)
    within = [change for change in changes(left, old, objective) if change.value <= value * (1 + 1e-12)]
    model = continuation.build(left, old, objective, upper_bound=value, max_loads=len(left.devices))
    solution = solve_model(model, Control.starting_now())
    # A group that only the model's slack on the limit lets through is no plan.
    assume(oracle.is_feasible(left, continuation.plan_of(model, left)))
    assert solution.objective == min(change.loads for change in within)
    unit = continuation.minimise_bytes(model, left)
    solution = solve_model(model, Control.starting_now())
    assume(oracle.is_feasible(left, continuation.plan_of(model, left)))
    assert solution.objective * unit == pytest.approx(min(change.shipped for change in within), rel=1e-7, abs=1e-6)


@given(changed_plans())
@trials(15)
def test_a_forbidden_set_of_devices_covers_no_group(case) -> None:
    left, old, new = case
    index = left.arrays.device_index
    devices = [index[device] for device in new.groups[0].devices]
    for cut in (
        lambda model: continuation.forbid_cover(model, devices),
        lambda model: continuation.require_replicas(model, len(devices) + 1),
    ):
        model = continuation.build(left, old, "worst", upper_bound=None, max_loads=len(left.devices))
        cut(model)
        if solve_model(model, Control.starting_now()).objective is not None:
            members = [{index[d] for d in group.devices} for group in continuation.plan_of(model, left).groups]
            assert all(not group <= set(devices) for group in members)


def test_a_plan_beyond_the_limit_is_not_offered() -> None:
    instance = two_pairs()
    plan = next(oracle.feasible_plans(instance))
    for continued in ([None] * len(plan.groups), list(range(len(plan.groups)))):
        model = continuation.build(instance, plan, "worst", upper_bound=1.0, max_loads=4)
        assert not continuation.offer(model, instance, plan, continued)
        assert all(variable.value is None for variable in model.runs.values())


def test_the_expected_latency_is_refused() -> None:
    instance = two_pairs()
    plan = next(oracle.feasible_plans(instance))
    with pytest.raises(UnsupportedError, match="not expected"):
        continuation.build(instance, plan, "expected", upper_bound=None, max_loads=1)
