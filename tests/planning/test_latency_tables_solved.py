"""Latency tables under rules, failure domains and laws, against all plans; and students of groups one by one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

import rocoin_opt as ro
from law_oracle import LawOracle
from oracle_restricted import RestrictedOracle
from restricted_solves import wrong
from samples import cases
from tabled_instances import tabled

if TYPE_CHECKING:
    from fractions import Fraction

    from rocoin_opt.plan.latency import Objective

OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst", "expected", "failure", "missing", "quantile")


def require_true(seed: int, *, rules: bool) -> None:
    """Solve for every objective, and hold plan, value and bound against the best of all plans."""
    instance = tabled(seed, rules=rules)
    oracle = RestrictedOracle(instance)
    for objective in OBJECTIVES:
        answer = oracle.optimum(objective)
        least = None if answer is None else math.inf if answer[0] is None else float(answer[0])
        found = ro.solve(instance, objective=objective, latency_only=True)
        assert wrong(found, least) == [], (seed, objective)
        if found.plan is not None and found.objective_value is not None:
            assert oracle.is_feasible(oracle.blocks(found.plan))
            value = oracle.value(oracle.blocks(found.plan), objective)
            assert value is not None
            assert found.objective_value == pytest.approx(float(value), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("rules", cases([True], [False]))
def test_every_objective_is_true_to_the_tables(rules: bool) -> None:
    for seed in range(1):
        require_true(seed, rules=rules)


@pytest.mark.slow
@pytest.mark.parametrize("rules", [False, True])
def test_more_of_them(rules: bool) -> None:
    require_true(20 + rules, rules=rules)


@pytest.mark.slow
def test_laws_multiply_measured_times() -> None:
    proven = 0
    for seed in range(1):
        instance = tabled(seed, rules=False).with_requirements(min_success=None)
        law = {"law": "empirical", "values": [1.0, 3.0 if seed % 2 else 0.5]}
        slowed = [
            device.model_copy(update={"compute_slowdown": law, "students": None}) for device in instance.devices[:3]
        ]
        instance = instance.with_devices(slowed)
        best: Fraction | None = LawOracle(instance).best_expected()
        found = ro.solve(instance, objective="expected")
        if best is None:
            assert found.termination == "infeasible"
            continue
        assert found.objective_value is not None
        assert found.objective_value >= float(best) * (1.0 - 1e-9)
        assert (found.lower_bound or 0.0) <= float(best) * (1.0 + 1e-9)
        proven += found.termination == "optimal"
    assert proven > 0


def test_kinds_that_share_no_student_have_no_times_that_are_no_numbers() -> None:
    kept = {"count": 4, "memory_bytes": 6.0, "uplink_bits_per_second": 2.0, "failure_probability": 0.2}
    instance = ro.Instance.model_validate(
        {
            "name": "kinds",
            "devices": [{"id": name, "compute_seconds": {name: 1.0}, **kept} for name in "xy"],
            "students": [{"id": name, "flops": 1.0, "memory_bytes": 1.0, "max_filters": 3} for name in "xy"],
            "knowledge": {"num_filters": 6, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.05},
        }
    )
    with np.errstate(invalid="raise"):
        found = ro.solve(instance)
    assert found.plan is not None
    assert found.termination == "optimal"
    assert all({name[0] for name in group.devices} == {group.student} for group in found.plan.groups)
