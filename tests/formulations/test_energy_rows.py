"""The limit on all energy in the models: ``milp`` against all plans."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from scarce_energy import scarce_instances

OBJECTIVES = ("guaranteed", "nominal", "worst", "failure")


def require_true_models(seeds: range) -> None:
    for scarce in scarce_instances(seeds):
        instance = ro.Instance.model_validate(scarce.content)
        for objective in OBJECTIVES:
            result = ro.solve(instance, method="milp", objective=objective)
            assert result.termination == "optimal"
            assert ro.check(instance, result.plan) == ()
            assert result.objective_value == pytest.approx(scarce.least(objective), abs=1e-12)


def test_models_with_an_energy_have_the_best_plans():
    require_true_models(range(800, 801))


@pytest.mark.slow
def test_more_models_with_an_energy_have_the_best_plans():
    require_true_models(range(803, 806))
