"""Local search for the expected answer time: valid at every step, never worse, reproducible, good on tiny instances."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.heuristics import local_search as methods
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.expected.descent import ExpectedDescent
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan.indexed import plan_of
from rocoin_opt.plan.result import Outcome
from samples import cases, trials
from strategies import instances, valid_plans


def value(instance, plan):
    return value_of(instance, plan, "expected")


def edge(devices=14, seed=3):
    instance = ro.generate("edge", devices=devices, seed=seed)
    return instance, greedy(instance, "expected", Control()).plan


@given(st.data())
@trials(25)
def test_every_step_stands_at_a_valid_plan(data):
    instance = data.draw(instances(deadline=True))
    far = data.draw(st.sampled_from([None, 1e-3, 1e12]))
    instance = instance if far is None else instance.with_requirements(deadline_seconds=far)
    start = data.draw(valid_plans(instance))
    search = ExpectedDescent(instance, start, data.draw(st.integers(0, 5)))
    best = value(instance, start)
    allowance = data.draw(st.sampled_from([0.0, 0.1, 3.0]))
    for _ in range(15):
        improved = search.step(allowance)
        now = plan_of(search.model.instance, search.blocks)
        assert check(instance, now) == ()
        assert check(instance, search.plan()) == ()
        assert search.now == pytest.approx(value(instance, now), rel=1e-9, abs=1e-280)
        assert search.value == pytest.approx(value(instance, search.plan()), rel=1e-9, abs=1e-280)
        assert search.value <= search.now * (1.0 + 1e-11)
        assert search.value < best if improved else search.value == pytest.approx(best, rel=1e-12, abs=1e-300)
        best = search.value


@given(instances(max_devices=4, max_filters=4, deadline=True))
@trials(20)
def test_tiny_instances_are_solved(instance):
    outcome, best = local_search(instance, "expected", Control(), iterations=200), oracle.best(instance, "expected")
    if best is None:
        assert outcome.plan is None
        assert outcome.reasons
        return
    assert check(instance, outcome.plan) == ()
    assert value(instance, outcome.plan) == pytest.approx(best[0], rel=1e-9, abs=1e-300)
    assert outcome.lower_bound <= best[0] * (1 + 1e-12)


@pytest.mark.parametrize("family", cases(["mcu"], ["lossy", "paper", "sbc", "edge"]))
def test_a_plan_is_never_worse_than_its_start(family):
    instance = ro.generate(family, seed=3)
    random_one = random_plan(instance, "expected", Control()).plan
    for start in (greedy(instance, "expected", Control()).plan, random_one):
        values = [
            value(instance, local_search(instance, "expected", Control(), start, iterations=steps).plan)
            for steps in (0, 5, 80)
        ]
        assert values[0] == value(instance, start)
        assert values[1] <= values[0]
        assert values[2] <= values[0]
    assert values[2] < values[0]


@pytest.mark.slow
def test_the_same_seed_takes_the_same_way():
    instance, start = edge()
    ways = []
    for seed in (1, 1, 2):
        search = ExpectedDescent(instance, start, seed)
        ways.append([(search.step(0.05), search.now) for _ in range(20)])
    assert ways[0] == ways[1] != ways[2]
    plans = [local_search(instance, "expected", Control(seed=4), start, iterations=20).plan for _ in range(2)]
    assert plans[0] == plans[1]


@pytest.mark.slow
def test_an_allowance_lets_the_search_lose_that_much_and_no_more():
    instance, start = edge()
    lost = {}
    for allowance in (0.0, 0.02, 0.2):
        search = ExpectedDescent(instance, start, 0)
        worst = 0.0
        for _ in range(150):
            search.step(allowance)
            worst = max(worst, search.now / search.value - 1.0)
        lost[allowance] = worst
    assert lost[0.0] == pytest.approx(0.0, abs=1e-9)
    assert 0.0 < lost[0.02] <= 0.02 < lost[0.2]


def test_the_allowance_falls_to_zero(monkeypatch):
    instance, start = edge()
    allowed = []
    monkeypatch.setattr(ExpectedDescent, "step", lambda _, allowance: allowed.append(allowance))
    local_search(instance, "expected", Control(), start, iterations=5)
    assert allowed == pytest.approx([methods.ALLOWANCE * share for share in (1.0, 0.8, 0.6, 0.4, 0.2)])


def test_a_limit_and_a_gap_end_the_search():
    instance, start = edge()
    for control in (Control(deadline=-math.inf), Control(gap=0.9)):
        outcome = local_search(instance, "expected", control, start)
        assert outcome.plan == start
        assert outcome.lower_bound == combinatorial_bound(instance, "expected")


@pytest.mark.slow
def test_improvements_are_told():
    instance, start = edge()
    told = []
    outcome = local_search(instance, "expected", Control(report=told.append), start, iterations=100)
    values = [progress.value for progress in told]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(value(instance, outcome.plan), rel=1e-12)


def test_groups_that_must_be_there_are_never_merged():
    instance = pairs(requirements={"min_groups": 2})
    search = ExpectedDescent(instance, greedy(instance, "expected", Control()).plan, 0)
    for _ in range(40):
        search.step(5.0)
        assert len(search.blocks) == 2


def test_one_group_that_cannot_be_divided_is_left_alone():
    instance = pairs(requirements={"max_groups": 1})
    start = greedy(instance, "expected", Control()).plan
    search = ExpectedDescent(instance, start, 0)
    assert not any(search.step(1.0) for _ in range(10))
    assert search.plan() == start


@pytest.mark.parametrize(("objective", "least"), [("failure", 1e-4), ("missing", 1e-4)])
def test_spares_join_a_group_that_is_alone(objective, least):
    instance = pairs(requirements={"max_groups": 1, "deadline_seconds": None})
    start = ro.Plan.of(instance, [ro.Group(devices=("d0", "d1"), student="s3", num_filters=5)])
    search = ExpectedDescent(instance, start, 0, objective)
    assert [search.step(0.0) for _ in range(3)] == [True, True, False]
    assert search.plan().spares == ()
    assert search.figure == pytest.approx(least)


def test_the_search_starts_from_nothing_where_greedy_finds_no_plan(monkeypatch):
    instance = ro.generate("edge", devices=20, seed=4).with_requirements(min_groups=5)
    monkeypatch.setattr(methods, "greedy", lambda *_: Outcome(None, reasons=("none",)))
    found = local_search(instance, "expected", Control(), iterations=100)
    assert check(instance, found.plan) == ()
    assert found.reasons == ()
    nothing = local_search(instance, "expected", Control(), iterations=0)
    assert nothing.plan is None
    assert nothing.reasons == ("none",)
    assert nothing.lower_bound == combinatorial_bound(instance, "expected")
