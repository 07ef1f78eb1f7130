"""Rounds of column generation: which prices are tried, what is kept of them, and where it ends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rocoin_opt.control import Control
from rocoin_opt.grouping.column_generation import Pricing, generate_columns
from rocoin_opt.highs import LpSolution, RestrictedMaster

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import FloatArray

WIDTHS = np.array([3.0, 5.0, 7.0])
WORTH = np.array([1.0, 2.0, 3.0])


def patterns() -> list[tuple[int, ...]]:
    """Ways to fill a length of 15 with pieces, at most three of each."""
    every = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)
    return [tuple(row) for row in every[(every @ WIDTHS <= 15.0) & every.any(axis=1)].tolist()]


@pytest.mark.parametrize("smoothing", [(0.0,), (0.5, 0.0), (0.9, 0.45, 0.0)])
def test_the_last_bound_meets_the_whole_program(smoothing: tuple[float, ...]) -> None:
    """Two bars and five pieces of each kind: bound and program meet whatever the smoothing is."""
    limits = np.array([5.0, 5.0, 5.0, 2.0])
    master, known = RestrictedMaster(np.full(4, -math.inf), limits, Control()), set[tuple[int, ...]]()

    def add(pattern: tuple[int, ...]) -> bool:
        if pattern in known:
            return False
        known.add(pattern)
        master.add(np.array([WORTH @ pattern]), np.array([0, 4]), np.arange(4), np.array([*pattern, 1.0]))
        return True

    def price(prices: FloatArray, own: FloatArray) -> Pricing:
        best = max(patterns(), key=lambda pattern: (WORTH - prices[:3]) @ pattern)
        excess = max(0.0, float((WORTH - prices[:3]) @ best))
        bound = float(limits[:3] @ prices[:3]) + float(limits[3]) * excess
        gains = (WORTH - own[:3]) @ best - own[3] > 1e-9
        return Pricing(bool(gains) and add(best), prices, bound)

    add((1, 0, 0))
    rounds = list(generate_columns(master.solve, price, Control(), smoothing=smoothing, least_price=0.0))
    assert [step.complete for step in rounds] == [*[False] * (len(rounds) - 1), True]
    assert (np.diff([step.bound for step in rounds]) <= 0.0).all()
    assert rounds[-1].bound == pytest.approx(rounds[-1].solution.objective)
    assert rounds[-1].bound == pytest.approx(2 * max(float(WORTH @ pattern) for pattern in patterns()))


def test_prices_move_from_the_best_ones_to_the_masters_own_until_a_column_is_found() -> None:
    tried: list[float] = []

    def price(prices: FloatArray, own: FloatArray) -> Pricing:
        tried.append(float(prices[0]))
        return Pricing(len(tried) == 2, prices, bound=prices[0])

    solution = LpSolution(0.0, np.empty(0), np.array([-4.0]))
    rounds = list(
        generate_columns(lambda: solution, price, Control(), smoothing=(0.5, 0.25, 0.0), centre=np.array([8.0]))
    )
    # Each time between the best so far and -4: from 8 half of the way, then from 2 three quarters, and so on.
    assert tried == [2.0, -2.5, -3.25, -3.8125, -4.0]
    assert [(step.bound, step.complete) for step in rounds] == [(-2.5, False), (-4.0, True)]


def test_a_limit_ends_the_rounds() -> None:
    solution = LpSolution(0.0, np.empty(0), np.zeros(1))
    added = Pricing(True, np.zeros(1))
    assert list(generate_columns(lambda: None, lambda *_: added, Control())) == []
    assert list(generate_columns(lambda: solution, lambda *_: None, Control())) == []
    over = Control.starting_now(time_limit=0.0)
    assert list(generate_columns(lambda: solution, lambda *_: added, over)) == []
