"""Numbers of groups that leave most: they hold all filters, and leave more than those that were tried first."""

from __future__ import annotations

import math

import numpy as np
import pytest

from packing_oracle import candidates, random_instance
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.numbers import spacious_numbers as module
from rocoin_opt.exact.threshold.numbers.count_tree import CountedProgram
from rocoin_opt.exact.threshold.numbers.demand import TAIL, DemandProgram, Left
from rocoin_opt.exact.threshold.numbers.spacious_numbers import Numbers, NumbersSearch
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.planning.solve import solve
from samples import cases


def numbers_of(problem: ThresholdProblem) -> Numbers | None:
    program = CountedProgram(problem, [], Control.starting_now())
    if (program.counts.least > program.counts.limits).any():
        return None
    found = program.solve(program.counts, None)
    assert found is not None
    if not found.relaxation.admits(problem.wanted):
        return None
    return NumbersSearch(problem, program.counts, found.groups, [], Control.starting_now()).spacious()


def require_numbers(problem: ThresholdProblem, numbers: Numbers) -> None:
    """They hold all filters within the limits, and their groups cover."""
    sizes, least, limits, _ = numbers.counts
    assert (np.diff(least) <= 0).all()
    assert (least <= limits).all()
    assert np.diff(sizes, prepend=0) @ least >= problem.wanted
    assert problem.covering(numbers.groups).all()


@pytest.mark.parametrize("seed", cases(range(10), range(100)))
def test_numbers_hold_all_filters(seed: int) -> None:
    instance = random_instance(seed)
    for threshold in candidates(instance)[:: 1 + seed % 3]:
        problem = ThresholdProblem(instance, "guaranteed", threshold)
        found = numbers_of(problem)
        if found is not None:
            require_numbers(problem, found)


def test_what_they_leave_is_what_a_demand_program_of_their_own_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    # Later ones do not count the levels that earlier ones could not exceed.
    monkeypatch.setattr(module, "IMPROVED", 0)
    instance = generate("edge", devices=30, seed=1)
    problem = ThresholdProblem(instance, "guaranteed", candidates(instance)[-1])
    found = numbers_of(problem)
    assert found is not None
    require_numbers(problem, found)
    program = DemandProgram(problem, found.counts.sizes, [], Control.starting_now())
    program.ask(found.counts.least)
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    left = (supply.factor - 1.0) * program.filters(program.asked)
    assert left * (1.0 - 1e-6) <= found.spare <= left * (1.0 + TAIL)


def test_later_numbers_leave_more_than_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=60, seed=3)
    value = solve(instance, method="greedy").objective_value
    assert value is not None
    thresholds = [one for one in candidates(instance) if value <= one < 1.02 * value]
    # However much is enough.
    monkeypatch.setattr(module, "ENOUGH", math.inf)
    better = 0
    for threshold in thresholds[:60:12]:
        problem = ThresholdProblem(instance, "guaranteed", threshold)
        with monkeypatch.context() as patch:
            patch.setattr(module, "IMPROVED", 0)
            first = numbers_of(problem)
        best = numbers_of(problem)
        assert best is not None or first is None
        better += best is not None and (first is None or best.spare > first.spare + 1e-6)
    assert better >= 1
