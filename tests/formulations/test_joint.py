"""Fix and compare: the joint model and the rules of a plan say the same, and so do their values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
from rocoin_opt.control import Control
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.formulations import joint
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.highs.models import solve_model
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan
from samples import cases, trials
from strategies import instances, structured_plans, valid_plans

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn
    from pyomo.environ import ConcreteModel

    from rocoin_opt.plan.latency import Objective

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
TINY = {"max_devices": 4, "max_students": 2, "max_filters": 5}


@st.composite
def defective_plans(draw: DrawFn, instance: Instance) -> Plan:
    """A plan with one thing changed: a part larger or smaller, a device added to a group or taken out of it."""
    groups = list(draw(structured_plans(instance)).groups)
    k = draw(st.integers(0, len(groups) - 1))
    devices, size = set(groups[k].devices), groups[k].num_filters
    defect = draw(st.sampled_from(["larger", "smaller", "more", "fewer"]))
    if defect in ("more", "fewer"):
        devices ^= {draw(st.sampled_from([device.id for device in instance.devices]))}
    else:
        size += 1 if defect == "larger" else -1
    groups[k] = Group(devices=tuple(sorted(devices)), student=groups[k].student, num_filters=size)
    return Plan.of(instance, groups)


def value_in(model: ConcreteModel, instance: Instance, plan: Plan) -> float | None:
    """Objective in seconds of a plan fixed into a model; None where the model refuses it."""
    if not joint.fix(model, instance, plan):
        return None
    solution = solve_model(model, Control.starting_now())
    if solution.status == "infeasible":
        return None
    assert solution.objective is not None
    assert joint.plan_of(model, instance) == plan
    return solution.objective * float(model.unit.value)


@pytest.mark.parametrize("objective", cases(["nominal"], OBJECTIVES))
@given(data=st.data(), instance=instances(**TINY))
@trials(150)
def test_the_model_admits_exactly_the_valid_plans(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    plan = data.draw(structured_plans(instance) | defective_plans(instance))
    value = value_in(joint.build(instance, objective), instance, plan)
    if check(instance, plan):
        assert value is None
    else:
        assert value == pytest.approx(evaluate(instance, plan).value(objective), rel=1e-7, abs=1e-7)


@pytest.mark.parametrize(("family", "objective"), [("paper", "nominal"), ("edge", "worst"), ("lossy", "guaranteed")])
def test_plans_of_real_size_have_the_same_value_in_the_model(family: str, objective: Objective) -> None:
    instance = generate(family, devices=8, seed=4)
    for seed in range(3):
        plan = random_plan(instance, objective, Control.starting_now(seed=seed)).plan
        assert plan is not None
        value = value_in(joint.build(instance, objective), instance, plan)
        assert value == pytest.approx(evaluate(instance, plan).value(objective), rel=1e-7)
        first, *others = plan.groups
        weaker = Group(devices=first.devices[1:], student=first.student, num_filters=first.num_filters)
        spoilt = Plan.of(instance, [weaker, *others])
        refused = value_in(joint.build(instance, objective), instance, spoilt) is None
        assert refused == bool(check(instance, spoilt))


@pytest.mark.parametrize("objective", cases(["guaranteed"], OBJECTIVES))
@given(data=st.data(), instance=instances(**TINY))
@trials(30)
def test_an_upper_bound_leaves_exactly_the_plans_that_keep_it(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    plan = data.draw(valid_plans(instance))
    value = evaluate(instance, plan).value(objective)
    lower = combinatorial_bound(instance, objective)
    assert value is not None
    assert lower is not None
    kept = value_in(joint.build(instance, objective, lower_bound=lower, upper_bound=value), instance, plan)
    assert kept == pytest.approx(value, rel=1e-7, abs=1e-7)
    assume(lower < value)
    below = math.nextafter(value, 0.0)
    assert value_in(joint.build(instance, objective, lower_bound=lower, upper_bound=below), instance, plan) is None


@pytest.mark.parametrize("objective", cases(["worst"], OBJECTIVES))
@given(instance=instances(**TINY))
@trials(25)
def test_its_optimum_is_the_best_of_all_plans(objective: Objective, instance: Instance) -> None:
    best = oracle.best(instance, objective)
    model = joint.build(instance, objective)
    solution = solve_model(model, Control.starting_now())
    if best is None:
        assert solution.status == "infeasible"
        return
    plan = joint.plan_of(model, instance)
    assert check(instance, plan) == ()
    assert evaluate(instance, plan).value(objective) == pytest.approx(best[0], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("objective", cases(["nominal"], OBJECTIVES))
@given(data=st.data(), instance=instances(**TINY))
@trials(20)
def test_a_forbidden_set_of_devices_covers_no_group(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    plan = data.draw(valid_plans(instance))
    model = joint.build(instance, objective)
    index = instance.arrays.device_index
    joint.forbid_cover(model, [index[device] for device in plan.groups[0].devices])
    assert value_in(model, instance, plan) is None
    # A set that no group stays within takes nothing away.
    other = joint.build(instance, objective)
    joint.forbid_cover(other, [])
    assert value_in(other, instance, plan) is not None


def tiny(**changes: object) -> Instance:
    device = {
        "flops_per_second": 1.0,
        "memory_bytes": 1.0,
        "uplink_bits_per_second": 1.0,
        "failure_probability": 0.1,
    }
    fields = {
        "name": "tiny",
        "devices": [{"id": "a", **device}, {"id": "b", **device}],
        "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1.0, "max_filters": 4}],
        "knowledge": {"num_filters": 4, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.1},
    }
    return Instance.model_validate({**fields, **changes})


def test_more_groups_than_the_shares_allow_cannot_be_stated() -> None:
    instance = tiny(requirements={"max_group_outage": 0.01})
    group = {"student": "s", "num_filters": 2}
    plan = Plan.of(instance, [Group(devices=("a",), **group), Group(devices=("b",), **group)])
    assert not joint.fix(joint.build(instance, "worst"), instance, plan)


def test_too_low_an_upper_bound_leaves_no_plan() -> None:
    model = joint.build(tiny(), "guaranteed", upper_bound=1.5)
    assert solve_model(model, Control.starting_now()).status == "infeasible"


@pytest.mark.parametrize("bounds", [(-1.0, None), (math.inf, None), (2.0, 1.0), (0.0, math.nan)])
def test_bounds_that_make_no_sense_are_refused(bounds: tuple[float, float | None]) -> None:
    with pytest.raises(InputError, match=r"lower_bound|upper_bound"):
        joint.build(tiny(), "worst", lower_bound=bounds[0], upper_bound=bounds[1])


def test_what_the_model_cannot_state_is_refused() -> None:
    for objective in ("expected", "failure", "missing", "quantile"):
        with pytest.raises(UnsupportedError, match=f"not {objective}"):
            joint.build(tiny(), objective)
    device = {"flops_per_second": 1, "memory_bytes": 1, "uplink_bits_per_second": 1, "failure_probability": 0.1}
    random = tiny(devices=[{"id": "a", "compute_slowdown": {"law": "gamma", "shape": 1.0}, **device}])
    with pytest.raises(UnsupportedError, match="slowdown"):
        joint.build(random, "worst")
