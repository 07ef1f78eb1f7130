"""The method local-search: never worse than its start, valid, reproducible, and at the optimum of tiny instances."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.disjoint_groups import DisjointGroups
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan.result import Outcome
from samples import cases
from strategies import instances

OBJECTIVES = ("guaranteed", "nominal", "worst")


@given(instances(max_devices=4, max_filters=5))
@pytest.mark.parametrize("objective", cases(["guaranteed"], OBJECTIVES))
def test_tiny_instances_are_solved(objective, instance):
    outcome, best = local_search(instance, objective, Control(), iterations=40), oracle.best(instance, objective)
    if best is None:
        assert outcome.plan is None
        assert outcome.reasons
        return
    assert check(instance, outcome.plan) == ()
    assert value_of(instance, outcome.plan, objective) == pytest.approx(float(best[0]), rel=1e-12)
    assert outcome.lower_bound <= float(best[0]) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("family", "objective"),
    [(family, OBJECTIVES[n % 3]) for n, family in enumerate(("paper", "mcu", "sbc", "edge", "lossy"))],
)
def test_a_plan_is_never_worse_than_its_start(family, objective):
    instance = ro.generate(family, seed=3)
    random_one = random_plan(instance, objective, Control()).plan
    for start in (greedy(instance, objective, Control()).plan, random_one):
        outcome = local_search(instance, objective, Control(), start, iterations=150)
        assert check(instance, outcome.plan) == ()
        value = value_of(instance, outcome.plan, objective)
        assert combinatorial_bound(instance, objective) == outcome.lower_bound <= value
        assert value <= value_of(instance, start, objective)
    assert value < value_of(instance, random_one, objective)


@pytest.mark.parametrize(("name", "iterations"), cases([("paper/paper-8-1", 1_000)], [("edge/edge-30-0", 1_000)]))
def test_greedy_is_improved_to_the_optimum(repository, name, iterations):
    instance = ro.read_instance(repository / "instances" / f"{name}.json")
    best = json.loads((repository / "instances/best_known.json").read_text())[instance.name]["guaranteed"]["value"]
    outcome = local_search(instance, "guaranteed", Control(), iterations=iterations)
    assert value_of(instance, outcome.plan, "guaranteed") == pytest.approx(best, rel=1e-12)
    assert value_of(instance, greedy(instance, "guaranteed", Control()).plan, "guaranteed") > best * 1.005


@pytest.mark.slow
def test_nominal_improves_greedy():
    instance = ro.generate("lossy", devices=40, seed=1)
    start = greedy(instance, "nominal", Control()).plan
    outcome = local_search(instance, "nominal", Control(), start, iterations=1_000)
    assert value_of(instance, outcome.plan, "nominal") < 0.95 * value_of(instance, start, "nominal")


@pytest.mark.parametrize("objective", cases(["nominal"], OBJECTIVES))
def test_the_same_seed_takes_the_same_way(objective):
    instance = ro.generate("edge", devices=30, seed=2)
    start = random_plan(instance, objective, Control()).plan

    def run(seed):
        told = []
        control = Control(seed=seed, report=lambda progress: told.append((progress.value, progress.bound)))
        return local_search(instance, objective, control, start, iterations=200).plan, told

    plan, told = run(1)
    assert run(1) == (plan, told)
    assert run(2)[1] != told
    values = [value for value, _ in told]
    assert values == sorted(values, reverse=True)
    assert values[-1] == value_of(instance, plan, objective)


def test_a_limit_that_has_passed_returns_the_start():
    instance = ro.generate("edge", devices=20, seed=0)
    start = random_plan(instance, "guaranteed", Control()).plan
    assert local_search(instance, "guaranteed", Control(deadline=-math.inf), start).plan == start
    assert local_search(instance, "guaranteed", Control(), start, iterations=0).plan == start
    outcome = local_search(instance, "guaranteed", Control(deadline=-math.inf))
    assert outcome.plan is None
    assert "limit" in outcome.reasons[0]


@pytest.mark.parametrize("gap", [0.0, 0.5])
def test_no_step_is_taken_once_the_gap_is_closed(monkeypatch, gap):
    instance = ro.generate("edge", devices=30, seed=0) if gap else ro.generate("lossy", devices=16, seed=0)
    start = greedy(instance, "guaranteed", Control())
    assert (value_of(instance, start.plan, "guaranteed") > start.lower_bound) == bool(gap)
    monkeypatch.delattr(DisjointGroups, "step")
    monkeypatch.delattr(DisjointGroups, "plan")
    assert local_search(instance, "guaranteed", Control(gap=gap), start.plan).plan == start.plan


@pytest.mark.parametrize("objective", cases(["nominal"], OBJECTIVES))
def test_the_search_starts_from_nothing_where_greedy_finds_no_plan(monkeypatch, objective):
    instance = ro.generate("edge", devices=20, seed=4).with_requirements(min_groups=5)
    value = value_of(instance, greedy(instance, objective, Control()).plan, objective)
    monkeypatch.setattr("rocoin_opt.heuristics.local_search.greedy", lambda *_: Outcome(None, reasons=("none",)))
    found = local_search(instance, objective, Control())
    assert check(instance, found.plan) == ()
    assert found.reasons == ()
    assert value_of(instance, found.plan, objective) <= value
    assert local_search(instance, objective, Control(), iterations=0).reasons == ("none",)


def test_an_instance_without_any_group_has_no_plan():
    instance = pairs(students=[{"id": "s", "flops": 1.0, "memory_bytes": 100, "max_filters": 5}])
    outcome = local_search(instance, "guaranteed", Control())
    assert outcome.plan is None
    assert outcome.lower_bound is None
    assert outcome.reasons
