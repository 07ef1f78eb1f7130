"""Numbers of groups that leave most: they hold all filters, and leave more than those that were tried first."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from packing_oracle import candidates, random_instance
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold import diving as module
from rocoin_opt.exact.threshold.count_tree import CountedProgram
from rocoin_opt.exact.threshold.demand import TAIL, DemandProgram, Left
from rocoin_opt.exact.threshold.diving import Numbers, spacious_numbers
from rocoin_opt.exact.threshold.packing import Counts
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.planning.solve import solve
from samples import cases


def numbers_of(problem: ThresholdProblem) -> list[Numbers]:
    program = CountedProgram(problem, [], Control.starting_now())
    if (program.counts.least > program.counts.limits).any():
        return []
    found = program.solve(program.counts, None)
    assert found is not None
    if not found.relaxation.admits(problem.wanted):
        return []
    return spacious_numbers(problem, program.counts, found.groups, [], Control.starting_now())


def require_numbers(problem: ThresholdProblem, found: list[Numbers]) -> None:
    """They hold all filters within the limits, leave less and less, and their groups cover."""
    assert all(one.spare >= other.spare for one, other in itertools.pairwise(found))
    for numbers in found:
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
        require_numbers(problem, numbers_of(problem))


def test_what_they_leave_is_what_a_demand_program_of_their_own_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    # Later ones do not count the levels that earlier ones could not exceed.
    monkeypatch.setattr(module, "ROUNDS", 1)
    instance = generate("edge", devices=30, seed=1)
    problem = ThresholdProblem(instance, "guaranteed", candidates(instance)[-1])
    found = numbers_of(problem)
    require_numbers(problem, found)
    program = DemandProgram(problem, found[0].counts.sizes, [], Control.starting_now())
    program.ask(found[0].counts.least)
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    left = (supply.factor - 1.0) * program.filters(program.asked)
    assert left * (1.0 - 1e-6) <= found[0].spare <= left * (1.0 + TAIL)


def test_later_numbers_leave_more_than_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=60, seed=3)
    best = solve(instance, method="greedy").objective_value
    assert best is not None
    thresholds = [one for one in candidates(instance) if best <= one < 1.02 * best]
    better = 0
    for threshold in thresholds[:60:12]:
        problem = ThresholdProblem(instance, "guaranteed", threshold)
        with monkeypatch.context() as patch:
            patch.setattr(module, "ROUNDS", 1)
            first = numbers_of(problem)
        every = numbers_of(problem)
        assert len(every) >= len(first)
        better += bool(every) and (not first or every[0].spare > first[0].spare + 1e-6)
    assert better >= 1


@pytest.mark.parametrize("seed", cases(range(20), range(200)))
def test_the_best_numbers_by_all_cuts_avoid_those_that_are_refuted(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array([2, 3, 5])
    widths = np.diff(sizes, prepend=0)
    near = Counts(sizes, np.array([1, 0, 0]), np.array([4, 3, 3]))
    cuts = [(rng.integers(0, 4, 3).astype(float), float(rng.integers(5, 20))) for _ in range(3)]
    wanted = int(rng.integers(3, 14))
    refuted = [
        np.where(np.arange(3) >= first, np.sort(rng.integers(1, 5, 3))[::-1], 0)
        for first in rng.integers(0, 3, int(rng.integers(0, 3)))
    ]
    best = -math.inf
    for numbers in itertools.product(range(1, 5), range(4), range(4)):
        asked = np.array(numbers)
        is_smaller = [((asked < one) & (one > np.append(one[1:], 0))).any() for one in refuted]
        if (np.diff(asked) <= 0).all() and widths @ asked >= wanted and all(is_smaller):
            best = max(best, min(most - float(prices @ asked) for prices, most in cuts))
    found, most = module._numbers(cuts, refuted, widths, wanted, near, Control.starting_now())
    if best < 0.0:
        assert found is None
        return
    assert found is not None
    assert most == pytest.approx(best)
    assert most == pytest.approx(min(limit - float(prices @ found) for prices, limit in cuts))
    assert all((found < one).any() for one in refuted)
