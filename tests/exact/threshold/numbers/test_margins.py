"""Numbers that leave a margin: they hold all filters, within limits, and no other ones leave a wider margin."""

from __future__ import annotations

import itertools
import math
from unittest import mock

import numpy as np
import pytest

from packing_oracle import candidates, random_instance
from rocoin_opt.exact.threshold.numbers.margins import Margins, Rest
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from samples import cases


def rests(margins: Margins, seed: int) -> list[Rest]:
    """Before any group is made, and at random points after it."""
    rng = np.random.default_rng(seed)
    partly = [
        Rest(
            margins.all.shares * (rng.random(len(margins.all.shares)) < 0.7),
            int(rng.integers(1, len(margins.sizes) + 1)),
            int(rng.integers(margins.all.filters + 1)),
            int(rng.integers(3)),
        )
        for _ in range(3 if len(margins.sizes) else 0)
    ]
    return [margins.all, *partly]


def shares_of(problem: ThresholdProblem, margins: Margins, rest: Rest) -> np.ndarray:
    """Shares of devices that are left and hold each size, of the student with most, from the definition."""
    return np.array(
        [
            max(
                sum(share for share, most in zip(rest.shares, column, strict=True) if most >= size)
                for column in problem.allowed.T
            )
            for size in margins.sizes[: rest.sizes]
        ]
    )


def numbers_of(margins: Margins, rest: Rest) -> list[np.ndarray] | None:
    """All numbers that hold the filters, by enumeration; None if there are too many to try."""
    limits = [max(limit - rest.groups, 0) for limit in margins.limits[: rest.sizes].tolist()]
    if math.prod(limit + 1 for limit in limits) > 20_000:
        return None
    return [
        np.array(numbers)
        for numbers in itertools.product(*(range(limit + 1) for limit in limits))
        if all(a >= b for a, b in itertools.pairwise(numbers))
        and numbers[0] + rest.groups >= margins.least
        and margins.widths[: rest.sizes] @ np.array(numbers) >= rest.filters
    ]


def problems(seeds: range) -> list[ThresholdProblem]:
    return [
        ThresholdProblem(instance, "guaranteed", threshold)
        for instance in map(random_instance, seeds)
        for threshold in candidates(instance)[::5]
    ]


@pytest.mark.parametrize("seeds", cases([range(25)], [range(25, 200)]))
def test_no_other_numbers_leave_a_wider_margin(seeds: range) -> None:
    even = mock.Mock(random=lambda: 1.0, standard_normal=np.zeros)
    compared = 0
    for problem in problems(seeds):
        margins = Margins(problem)
        for rest in rests(margins, 1):
            every = numbers_of(margins, rest)
            if every is None or margins.is_made(rest):
                continue
            shares = shares_of(problem, margins, rest)
            np.testing.assert_allclose(margins.shares(rest), shares, atol=1e-12)
            every = [numbers for numbers in every if (numbers <= shares).all() and numbers.any()]
            drawn = margins.draw(even, rest, np.ones(len(margins.sizes)))
            assert (drawn is None) == (not every)
            if drawn is not None:
                widest = max((shares - numbers).min() for numbers in every)
                assert (shares - drawn).min() == pytest.approx(widest, abs=1e-9)
                compared += 1
    assert compared >= 2 * len(seeds)


def test_drawn_numbers_hold_all_filters_and_hardly_more() -> None:
    drawn = 0
    for problem in problems(range(25, 50)):
        margins, rng = Margins(problem), np.random.default_rng(1)
        for rest in rests(margins, 2):
            limits = np.maximum(margins.limits[: rest.sizes] - rest.groups, 0)
            widths = margins.widths[: rest.sizes]
            for numbers in (margins.draw(rng, rest, np.ones(len(margins.sizes))) for _ in range(5)):
                if numbers is None:
                    continue
                assert (np.diff(numbers) <= 0).all()
                assert (numbers <= limits).all()
                assert numbers[0] + rest.groups >= margins.least
                surplus = int(widths @ numbers) - rest.filters
                assert surplus >= 0
                # No group of any size could be a smaller one, or left out.
                room = numbers - np.append(numbers[1:], 0)
                room[0] = min(room[0], numbers[0] + rest.groups - margins.least)
                assert not ((room > 0) & (widths <= surplus)).any()
                drawn += 1
    assert drawn >= 100


def test_a_margin_is_wider_where_it_is_told_to_be() -> None:
    even = mock.Mock(random=lambda: 1.0, standard_normal=np.zeros)
    wider = 0
    for problem in problems(range(25)):
        margins = Margins(problem)
        factors = np.ones(len(margins.sizes))
        before = margins.draw(even, margins.all, factors)
        if before is None:
            continue
        factors[-1] = 50.0
        after = margins.draw(even, margins.all, factors)
        assert after is not None
        assert after[-1] <= before[-1]
        wider += int(after[-1] < before[-1])
    assert wider >= 5


def test_holders_are_those_that_are_left_of_the_student_with_most() -> None:
    for problem in problems(range(10)):
        margins = Margins(problem)
        for rest in rests(margins, 3):
            for place, size in enumerate(margins.sizes.tolist()):
                holders = margins.holders(rest, place)
                of_students = [
                    (problem.allowed[:, at] >= size) & (rest.shares > 0.0) for at in range(problem.allowed.shape[1])
                ]
                assert any((holders == held).all() for held in of_students)
                assert rest.shares[holders].sum() == pytest.approx(max(rest.shares[held].sum() for held in of_students))


def test_of_too_many_groups_those_go_whose_margin_is_narrowest() -> None:
    # Sizes 1 to 3, and one filter too many, which any size could give up.
    margins = Margins(problems(range(1))[-1])
    margins.widths, margins.least, rest = np.array([1, 1, 1]), 0, Rest(np.ones(3), 3, 5, 0)
    for narrow in range(3):
        shares = np.array([3.5, 2.5, 1.5])
        shares[narrow] -= 0.3
        fewer = margins._without_surplus(np.array([3, 2, 1]), rest, shares, np.ones(3))
        assert (np.array([3, 2, 1]) - fewer).tolist() == np.eye(3, dtype=int)[narrow].tolist()
