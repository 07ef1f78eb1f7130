"""Packings by numbers of groups: what enumeration finds, and what the packing of all sets at once finds."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.answer import problem
from rocoin_opt.exact.answer.method import exact_answer, surest_within
from rocoin_opt.exact.answer.problem import AnswerPacking
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.reach import Reach
from rocoin_opt.heuristics.greedy import greedy
from samples import cases, trials
from strategies import instances


@pytest.fixture(autouse=True)
def _counted(monkeypatch):
    monkeypatch.setattr(problem, "FEW_DEVICES", 0)


@given(instances(max_devices=5, max_students=2, max_filters=5))
@trials(60)
def test_the_least_failure_is_proven_from_any_plan(instance):
    best = oracle.best(instance, "failure")
    assume(best is not None)
    worst = max(oracle.feasible_plans(instance), key=lambda plan: value_of(instance, plan, "failure"))
    found = exact_answer(instance, "failure", Control(), worst)
    assert ro.check(instance, found.plan) == ()
    assert value_of(instance, found.plan, "failure") == pytest.approx(best[0], rel=1e-9, abs=0.0)
    assert best[0] * (1 - 1e-9) <= found.lower_bound <= best[0] * (1 + 1e-12)


@given(instances(max_devices=5, max_students=2, max_filters=4))
@trials(40)
def test_the_least_failure_within_a_latency_is_proven(instance):
    best = oracle.best(instance, "guaranteed")
    assume(best is not None)
    plans = [p for p in oracle.feasible_plans(instance) if value_of(instance, p, "guaranteed") <= best[0]]
    least = min(value_of(instance, plan, "failure") for plan in plans)
    found = surest_within(instance, "guaranteed", best[0], Control(), best[1])
    assert value_of(instance, found.plan, "failure") == pytest.approx(least, rel=1e-9, abs=0.0)
    assert found.lower_bound <= least * (1 + 1e-12)


def packings(instance, value, control=None):
    """The problem by numbers of groups, and that of all sets at once."""
    reach = Reach.by(instance, instance.requirements.deadline_seconds)
    return [_packing(instance, reach, value, few, control or Control()) for few in (0, 99)]


def _packing(instance, reach, value, few, control):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problem, "FEW_DEVICES", few)
        return AnswerPacking(instance, "failure", reach, value, control)


@pytest.mark.parametrize("family", cases(["mcu", "edge"], ["paper", "sbc", "lossy"]))
def test_both_ways_agree_and_the_tree_bounds_more_sharply(family):
    instance = ro.generate(family, devices=9, seed=4)
    value = value_of(instance, greedy(instance, "failure", Control()).plan, "failure") * 1.2
    counted, at_once = packings(instance, value)
    assert (counted.counted is None, at_once.counted is None) == (False, True)
    found, same = counted.search(1.0), at_once.search(1.0)
    assert found.finished
    assert same.finished
    assert found.cost == pytest.approx(same.cost, rel=1e-12)
    assert at_once.bound - 0.05 <= counted.bound <= found.cost * (1 + 1e-9)


@pytest.mark.slow
def test_ties_are_the_packings_that_all_sets_have():
    instance = ro.generate("mcu", devices=8, seed=2)
    value = value_of(instance, greedy(instance, "failure", Control()).plan, "failure") * 1.2
    tied = [packing.ties(1.1, 10_000) for packing in packings(instance, value)]
    assert all(packed.finished for packed in tied)
    first, second = ({tuple(sorted(rows)) for rows in packed.packings} for packed in tied)
    assert first == second
    assert len(first) > 1
    few = packings(instance, value)[0].ties(1.1, 1)
    assert len(few.packings) == 1


def test_no_time_proves_nothing():
    instance = ro.generate("mcu", devices=8, seed=2)
    over = Control(deadline=-math.inf)
    assert packings(instance, 0.1, over)[0].bound <= 1.0
    counted = packings(instance, 0.1)[0]
    counted.control = counted.counted.tree.program.control = over
    assert not counted.search(counted.bound + 1.0).finished
