"""The stored best-known plans: every one valid and worth what is claimed, every bound in its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rocoin_opt as ro
from rocoin_opt.exact.bounds import combinatorial_bound
from rocoin_opt.plan.latency import OBJECTIVES

INSTANCES = Path(__file__).resolve().parent.parent / "instances"
FEASIBLE = sorted(path for path in INSTANCES.glob("*/*.json") if path.parent.name != "infeasible")
BEST_KNOWN = json.loads((INSTANCES / "best_known.json").read_text())
HEURISTICS = ("greedy", "rocoin", "nonn", "het-nonn", "random")


@pytest.fixture(params=FEASIBLE, ids=lambda path: path.stem, scope="module")
def shipped(request):
    """A shipped feasible instance and its best-known entries."""
    return ro.read_instance(request.param), BEST_KNOWN[request.param.stem]


def test_every_feasible_instance_has_an_entry_for_every_objective():
    assert set(BEST_KNOWN) == {path.stem for path in FEASIBLE}
    for entries in BEST_KNOWN.values():
        assert set(entries) == set(OBJECTIVES)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_stored_plans_are_worth_what_is_stored(shipped, objective):
    instance, entries = shipped
    entry = entries[objective]
    plan = ro.Plan.model_validate(entry["plan"])
    assert ro.check(instance, plan) == ()
    assert ro.evaluate(instance, plan).value(objective) == pytest.approx(entry["value"], rel=1e-12)
    assert {"method", "version", "date", "wall_seconds", "bound_method", "bound_date"} <= set(entry)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_bounds_values_and_heuristics_stand_in_order(shipped, objective):
    instance, entries = shipped
    entry = entries[objective]
    assert combinatorial_bound(instance, objective) <= entry["lower_bound"] <= entry["value"]
    assert entry["gap"] == pytest.approx((entry["value"] - entry["lower_bound"]) / entry["value"])
    for method in HEURISTICS:
        result = ro.solve(instance, method, objective)
        if result.plan is not None:
            assert entry["lower_bound"] <= result.objective_value * (1 + 1e-12)
            # Nothing that takes no time may beat what is stored as best.
            assert entry["value"] <= result.objective_value * (1 + 1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_greedy_is_within_a_quarter_of_the_best_known(shipped, objective):
    instance, entries = shipped
    assert ro.solve(instance, "greedy", objective).objective_value <= 1.25 * entries[objective]["value"]
