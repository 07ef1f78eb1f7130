"""Numbers that leave a margin: they hold all filters, within limits, and no other ones leave a wider margin."""

from __future__ import annotations

import itertools
import math
from unittest import mock

import numpy as np
import pytest

from packing_oracle import candidates, random_instance
from rocoin_opt.exact.threshold.numbers.margins import Margins
from rocoin_opt.grouping.threshold_problem import ThresholdProblem


def numbers_of(margins: Margins) -> list[np.ndarray]:
    """All numbers that hold the filters, by enumeration."""
    ranges = [range(limit + 1) for limit in margins.limits.tolist()]
    return [
        np.array(numbers)
        for numbers in itertools.product(*ranges)
        if all(a >= b for a, b in itertools.pairwise(numbers))
        and numbers[0] >= margins.least
        and margins.widths @ np.array(numbers) >= margins.wanted
    ]


def problems(seeds: range) -> list[ThresholdProblem]:
    return [
        ThresholdProblem(instance, "guaranteed", threshold)
        for instance in map(random_instance, seeds)
        for threshold in candidates(instance)[::5]
    ]


def test_no_other_numbers_leave_a_wider_margin() -> None:
    even = mock.Mock(random=lambda: 1.0, standard_normal=np.zeros)
    compared = 0
    for problem in problems(range(25)):
        margins = Margins(problem)
        if math.prod(margins.limits.tolist()) > 20_000:
            continue
        every = [numbers for numbers in numbers_of(margins) if (numbers <= margins.shares).all()]
        drawn = margins.draw(even)
        assert (drawn is None) == (not every)
        if drawn is not None:
            widest = max((margins.shares - numbers).min() for numbers in every)
            assert (margins.shares - drawn.least).min() == pytest.approx(widest, abs=1e-9)
            compared += 1
    assert compared >= 20


def test_drawn_numbers_hold_all_filters_and_hardly_more() -> None:
    drawn = 0
    for problem in problems(range(25, 50)):
        margins, rng = Margins(problem), np.random.default_rng(1)
        for counts in filter(None, (margins.draw(rng) for _ in range(5))):
            numbers = counts.least
            assert (np.diff(numbers) <= 0).all()
            assert (numbers <= margins.limits).all()
            assert numbers[0] >= margins.least
            surplus = int(margins.widths @ numbers) - margins.wanted
            assert surplus >= 0
            # No group of any size could be a smaller one, or left out.
            room = numbers - np.append(numbers[1:], 0)
            room[0] = min(room[0], numbers[0] - margins.least)
            assert not ((room > 0) & (margins.widths <= surplus)).any()
            drawn += 1
    assert drawn >= 50


def test_a_margin_is_wider_where_groups_were_lacking() -> None:
    even = mock.Mock(random=lambda: 1.0, standard_normal=np.zeros)
    wider = 0
    for problem in problems(range(25)):
        margins = Margins(problem)
        before = margins.draw(even)
        if before is None:
            continue
        for _ in range(10):
            margins.widen(int(margins.sizes[-1]))
        after = margins.draw(even)
        assert after is not None
        assert after.least[-1] <= before.least[-1]
        wider += int(after.least[-1] < before.least[-1])
    assert wider >= 5
