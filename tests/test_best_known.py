"""The stored best-known plans: every one valid and worth what is claimed, every bound in its place."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

import rocoin_opt as ro
from rocoin_opt.failure import value_of
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.plan.latency import ANSWER_OBJECTIVES, OBJECTIVES

INSTANCES = Path(__file__).resolve().parent.parent / "instances"
FEASIBLE = sorted(path for path in INSTANCES.glob("*/*.json") if path.parent.name != "infeasible")
BEST_KNOWN = json.loads((INSTANCES / "best_known.json").read_text())
TIMES = tuple(objective for objective in OBJECTIVES if objective not in ANSWER_OBJECTIVES)
HEURISTICS = ("greedy", "rocoin", "nonn", "het-nonn", "random")


def objectives_of(instance):
    """The objectives that have a meaning: random latencies have no nominal and no worst value."""
    return ("guaranteed", "expected") if instance.has_random_latencies else TIMES


shipped_instance = functools.cache(ro.read_instance)
CASES = [(path, objective) for path in FEASIBLE for objective in objectives_of(shipped_instance(path))]
LONG = (
    "tight-120-0",
    "tight-60-0",
    "tight-30-0",
    "edge-200-0",
    "boards-50-0",
    "edge-20-1",
    "edge-100-0",
    "edge-100-10",
    "sbc-12-0",
)
"""Instances that heuristics take long for."""
FEW = [
    case
    # Searches with channels, of seed 20, take seconds.
    for n, case in enumerate(case for case in CASES if not case[0].stem.endswith("-20"))
    if n % 88 == 0 and case[0].stem not in LONG
]


def name_of(case):
    return f"{case[0].stem}-{case[1]}"


STORED = [case if n % 6 == 0 else pytest.param(case, marks=pytest.mark.slow) for n, case in enumerate(CASES)]


@pytest.fixture(params=STORED, ids=name_of)
def shipped(request):
    """Path of a shipped feasible instance, an objective and its best-known entry."""
    path, objective = request.param
    return path, objective, BEST_KNOWN[path.stem][objective]


@pytest.fixture(
    params=[
        *FEW,
        *(pytest.param(case, marks=pytest.mark.slow) for case in CASES[::9] if case not in FEW),
    ],
    ids=name_of,
)
def solvable(request):
    """The same, few of them for fast tests."""
    path, objective = request.param
    return path, objective, BEST_KNOWN[path.stem][objective]


@functools.cache
def solved(path, objective, method):
    """A result that several tests look at, of whose plan they ask nothing but its value."""
    return ro.solve(shipped_instance(path), method, objective, latency_only=True)


def test_every_feasible_instance_has_an_entry_for_every_objective():
    times = {(name, objective) for name, entries in BEST_KNOWN.items() for objective in entries if objective in TIMES}
    assert times == {(path.stem, objective) for path, objective in CASES}


@pytest.mark.parametrize("path", FEASIBLE, ids=lambda path: path.stem)
def test_stored_plans_of_the_whole_answer_are_worth_what_is_stored(path):
    entries = {name: entry for name, entry in BEST_KNOWN[path.stem].items() if name in ANSWER_OBJECTIVES}
    for objective, entry in entries.items():
        instance = shipped_instance(path)
        if objective == "quantile":
            instance = instance.with_requirements(success_level=entry["success_level"])
        plan = ro.Plan.model_validate(entry["plan"])
        assert ro.check(instance, plan) == ()
        digits = 1e-9 if instance.has_random_latencies else 1e-12
        # A failure of 1e-17 is no 0. Other figures of a plan may want more domains at once than can be conditioned on.
        assert value_of(instance, plan, objective) == pytest.approx(entry["value"], rel=digits, abs=0.0)
        assert (entry["lower_bound"] or 0.0) <= entry["value"]


def test_stored_plans_are_worth_what_is_stored(shipped):
    path, objective, entry = shipped
    instance = shipped_instance(path)
    plan = ro.Plan.model_validate(entry["plan"])
    assert ro.check(instance, plan) == ()
    # Another machine's special functions may end otherwise.
    digits = 1e-9 if instance.has_random_latencies else 1e-12
    assert ro.evaluate(instance, plan).value(objective) == pytest.approx(entry["value"], rel=digits)
    assert {"method", "version", "date", "wall_seconds", "bound_method", "bound_date"} <= set(entry)


def test_bounds_stand_below_values_with_the_gaps_that_are_stored():
    for path, objective in CASES:
        instance, entry = shipped_instance(path), BEST_KNOWN[path.stem][objective]
        assert entry["lower_bound"] <= entry["value"], (path.stem, objective)
        if not instance.has_random_latencies:
            assert combinatorial_bound(instance, objective) <= entry["lower_bound"], (path.stem, objective)
        gap = (entry["value"] - entry["lower_bound"]) / entry["value"]
        assert entry["gap"] == pytest.approx(gap), (path.stem, objective)


def test_heuristics_stand_above_what_is_stored(solvable):
    path, objective, entry = solvable
    for method in HEURISTICS:
        result = solved(path, objective, method)
        if result.plan is not None:
            assert entry["lower_bound"] <= result.objective_value * (1 + 1e-12)
            # Nothing that takes no time may beat what is stored as best.
            assert entry["value"] <= result.objective_value * (1 + 1e-12)


def test_greedy_is_within_a_quarter_of_the_best_known(solvable):
    path, objective, entry = solvable
    found = solved(path, objective, "greedy").objective_value
    # Where every device is needed it mostly finds no plan.
    assert (found is None and path.parent.name == "tight") or found <= 1.25 * entry["value"]
