"""Rules of a user's own on the joint model: what the tutorial on them relies on."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo
import pytest

import oracle
import rocoin_opt as ro
from examples import pairs, two_pairs
from rocoin_opt.formulations import assignment, grouping, joint
from rocoin_opt.highs.models import solve_model


def solved(instance: ro.Instance, rule: Any = None) -> tuple[ro.Plan | None, Any]:
    model = joint.build(instance, "guaranteed")
    if rule is not None:
        model.rule = pyo.Constraint(model.K, rule=rule)
    solution = solve_model(model, ro.Control.starting_now())
    return (None if solution.objective is None else joint.plan_of(model, instance)), solution


def test_the_joint_model_has_the_components_of_the_tutorial() -> None:
    instance = pairs()
    model = joint.build(instance, "guaranteed")
    assert [*model.N] == list(range(len(instance.devices)))
    assert [*model.K] == list(range(2))
    assert [*model.J] == list(range(len(instance.students)))
    for name in ("counted", "extra"):
        assert all(n in model.N and k in model.K and j in model.J for n, k, j in getattr(model, name))
    for name in ("runs", "size"):
        assert {*getattr(model, name)} == {(k, j) for k in model.K for j in model.J}
    assert model.objective.expr is model.latency
    assert pyo.value(model.unit) > 0


def test_the_smaller_models_are_where_the_tutorial_says() -> None:
    assert {"member", "used"} <= {*grouping.build(pairs()).component_map(pyo.Var)}
    assert {"runs", "size", "latency"} <= {*assignment.build(pairs(), [[0, 1], [2, 3]], "guaranteed").component_map()}


@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
def test_membership_is_1_exactly_for_the_devices_of_a_group(objective: Any) -> None:
    instance = pairs()
    plan = ro.solve(instance, "exact", objective).plan
    assert plan is not None
    model = joint.build(instance, objective)
    assert joint.fix(model, instance, plan)
    for k, group in enumerate(plan.groups):
        for n, device in enumerate(instance.devices):
            assert pyo.value(joint.membership(model, n, k)) == (device.id in group.devices)


def test_two_devices_that_may_not_be_together_are_apart() -> None:
    instance = two_pairs()
    free, _ = solved(instance)
    assert free is not None
    first, second = (instance.arrays.device_index[device] for device in free.groups[0].devices)
    plan, _ = solved(instance, lambda m, k: joint.membership(m, first, k) + joint.membership(m, second, k) <= 1)
    assert plan is not None
    assert ro.check(instance, plan) == ()
    assert {*free.groups[0].devices} not in [{*group.devices} for group in plan.groups]
    assert ro.evaluate(instance, plan).guaranteed_seconds == ro.evaluate(instance, free).guaranteed_seconds


def test_the_price_of_a_rule_is_the_oracles() -> None:
    """Fast with fast is not allowed: of all plans without such a group the oracle has none that is earlier."""
    instance = pairs()
    fast = (2, 3)
    plan, solution = solved(instance, lambda m, k: sum(joint.membership(m, n, k) for n in fast) <= 1)
    names = {instance.devices[n].id for n in fast}
    kept = [p for p in oracle.feasible_plans(instance) if not any(names <= {*g.devices} for g in p.groups)]
    values = [oracle.objective_value(instance, p, "guaranteed") for p in kept]
    best = min(value for value in values if value is not None)
    assert plan is not None
    assert ro.check(instance, plan) == ()
    assert ro.evaluate(instance, plan).guaranteed_seconds == pytest.approx(float(best))
    assert solution.status == "optimal"
    free = oracle.best(instance, "guaranteed")
    assert free is not None
    assert best > free[0]


def test_a_rule_that_nothing_keeps_is_proven_infeasible() -> None:
    plan, solution = solved(pairs(), lambda m, k: sum(joint.membership(m, n, k) for n in m.N) <= 0)
    assert plan is None
    assert solution.status == "infeasible"
