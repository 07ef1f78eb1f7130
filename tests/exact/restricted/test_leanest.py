"""The packing of least energy as an integer program, where trying all packings would take too long."""

from __future__ import annotations

import math

import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.restricted import latency
from scarce_energy import scarce_instances


@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
def test_least_latencies_within_an_energy_are_proven_by_integer_programs(objective, monkeypatch):
    monkeypatch.setattr(latency, "EFFORT", 0)
    for scarce in scarce_instances(range(500, 505)):
        instance = ro.Instance.model_validate(scarce.content)
        outcome = latency.exact_restricted(instance, objective, Control(), None)
        least = scarce.least(objective)
        assert ro.check(instance, outcome.plan) == ()
        assert ro.evaluate(instance, outcome.plan).value(objective) == pytest.approx(least)
        assert outcome.lower_bound == pytest.approx(least)


def test_too_little_energy_is_proven_by_an_integer_program(monkeypatch):
    monkeypatch.setattr(latency, "EFFORT", 0)
    refuted = 0
    for scarce in scarce_instances(range(512, 520)):
        least = min(sum(group.joules for group in plan) for plan, _ in scarce.plans)
        instance = ro.Instance.model_validate(scarce.content).with_requirements(max_energy_joules=0.99 * least)
        outcome = latency.exact_restricted(instance, "worst", Control(), None)
        assert outcome.infeasible == (least > 0.0)
        refuted += outcome.infeasible
        assert outcome.lower_bound is None or outcome.lower_bound < math.inf
    assert refuted >= 3
