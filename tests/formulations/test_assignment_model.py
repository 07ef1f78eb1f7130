"""The assignment model against the rules of a plan and against the threshold search for the same groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.control import Control
from rocoin_opt.errors import InputError
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.formulations import assignment
from rocoin_opt.grouping.assignment import assign_sizes
from rocoin_opt.highs.models import solve_model
from samples import trials
from strategies import instances, structured_plans, valid_plans

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
TINY = {"max_devices": 4, "max_students": 3, "max_filters": 6}
GROUP_RULES = {"nonempty", "capacity", "memory", "outage", "cover"}


def members_of(instance: Instance, plan: Plan) -> list[list[int]]:
    return [[instance.arrays.device_index[device] for device in group.devices] for group in plan.groups]


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(**TINY))
@trials(40)
def test_the_model_admits_exactly_the_valid_assignments(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    plan = data.draw(structured_plans(instance))
    model = assignment.build(instance, members_of(instance, plan), objective)
    assert assignment.fix(model, instance, plan)
    solution = solve_model(model, Control.starting_now())
    # The number of groups is given, so its range is not the model's business.
    if any(violation.rule in GROUP_RULES for violation in check(instance, plan)):
        assert solution.status == "infeasible"
        return
    assert solution.objective is not None
    assert assignment.plan_of(model, instance) == plan
    value = evaluate(instance, plan).value(objective)
    assert solution.objective * model.unit.value == pytest.approx(value, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(**TINY))
@trials(30)
def test_its_optimum_is_the_one_of_the_threshold_search(
    objective: Objective, data: st.DataObject, instance: Instance
) -> None:
    members = members_of(instance, data.draw(valid_plans(instance)))
    model = assignment.build(instance, members, objective)
    solve_model(model, Control.starting_now())
    plan = assignment.plan_of(model, instance)
    found = assign_sizes(instance, members, objective)
    assert found is not None
    assert evaluate(instance, plan).value(objective) == pytest.approx(found[1], rel=1e-6, abs=1e-6)


@given(data=st.data(), instance=instances(**TINY))
@trials(10)
def test_a_plan_of_other_groups_is_not_fixed(data: st.DataObject, instance: Instance) -> None:
    plan = data.draw(structured_plans(instance))
    members = members_of(instance, plan)
    fewer = assignment.build(instance, [members[0] + [n for group in members[1:] for n in group]], "worst")
    assert assignment.fix(fewer, instance, plan) == (len(members) == 1)


@given(instance=instances(**TINY))
@trials(3)
def test_groups_without_devices_are_refused(instance: Instance) -> None:
    for groups in ([], [[0], []]):
        with pytest.raises(InputError, match="groups"):
            assignment.build(instance, groups, "worst")
