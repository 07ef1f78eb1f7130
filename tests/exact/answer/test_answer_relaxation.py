"""The packing relaxation of the whole answer: what prices prove is below every packing, whatever the prices are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from packings import cheapest, packing_problems
from rocoin_opt.control import Control
from rocoin_opt.exact.answer.problem import AnswerPacking
from rocoin_opt.exact.answer.relaxation import Reduced, _Program, relax_packing
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.reach import Reach
from samples import cases, trials


@given(packing_problems(), st.integers(0, 2**32 - 1))
@trials(100)
def test_any_prices_bound_every_packing(problem, seed):
    sets, costs, wanted, _ = problem
    devices, random, best = sets.reach.counted.shape[0], np.random.default_rng(seed), cheapest(problem)
    program = _Program(sets, costs, wanted, devices, Control())
    assert program.best.bound(wanted.most) <= best
    for scale in (1e-3, 1.0, 50.0):
        prices = random.normal(0.0, scale, devices + 2)
        base, reduced, _ = program.reduced(program.clipped(prices))
        assert Reduced(base, reduced).bound(wanted.most) <= best * (1 + 1e-12)


@given(packing_problems())
@trials(100)
def test_the_relaxation_ends_below_the_best_packing(problem):
    sets, costs, wanted, _ = problem
    devices, best = sets.reach.counted.shape[0], cheapest(problem)
    reduced = relax_packing(sets, costs, wanted, devices, Control())
    assert 0.0 <= reduced.bound(wanted.most) <= best * (1 + 1e-12)
    assert len(reduced.costs) == len(sets)
    at_once = relax_packing(sets, costs, wanted, devices, Control(deadline=-math.inf))
    assert at_once.bound(wanted.most) <= reduced.bound(wanted.most)


@pytest.mark.parametrize(("family", "objective"), cases([("edge", "missing")], [("paper", "failure")]))
def test_the_bound_is_near_the_best_plan(family, objective):
    instance = ro.generate(family, devices=9, seed=1)
    best = ro.solve(instance, "exact", objective)
    value = value_of(instance, best.plan, objective)
    problem = AnswerPacking(
        instance, objective, Reach.by(instance, float(instance.requirements.deadline_seconds)), value, Control()
    )
    assert 0.3 * value < problem.value(problem.bound) <= value
