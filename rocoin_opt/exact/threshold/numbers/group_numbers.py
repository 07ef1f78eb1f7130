"""Numbers of groups of each size or more, as an integer program: rows that those of all packings keep.

Each price of devices, with worths of sizes, makes a row; see :mod:`rocoin_opt.exact.threshold.numbers.demand`. Where
numbers have so many of the largest groups that these are known to waste ``w`` at some prices, they keep

    sum c_s sigma_s <= sum pi - w

as well. A variable of 0 or 1 for each of the largest numbers says whether it is smaller, and frees the row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from rocoin_opt.highs import LinearModel, solve_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.packing import Counts
    from rocoin_opt.highs import MilpSolution
    from rocoin_opt.instance import FloatArray, IntArray

INHERITED = 60
"""Rows, and rows with so many of the largest groups, that are taken over from a later threshold: the last ones, as
these say most where it was close. Refuted numbers all are."""
DIGITS = 6
"""Digits of prices behind the point."""
MOST_FILTERS = 1_000
"""Filters up to which rows are passed to HiGHS as they are; of more they are scaled down to so many, as its tolerances
are absolute."""
ROW_SAFETY = 1e-4
"""Filters by which a row says less than is proven, once it is scaled: far more than the tolerances of solvers add up
to."""
MOST_SPARE = 1e4
"""Spare filters that no numbers are taken to leave, once rows are scaled: without it the first integer programs would
have no bound."""


class NumbersProgram:
    """The integer program of numbers of groups: rows that all packings keep, and numbers that are ruled out.

    Parameters
    ----------
    counts : Counts
        Numbers that are allowed, R of them.
    wanted : int
        Filters to hold.
    control : Control
        Limit.

    Attributes
    ----------
    refuted : list of IntArray, R
        Numbers that are proven to make no packing: one of them, where more than 0, has to be smaller.
    avoided : list of IntArray, R
        The same for numbers that are not to be tried, without a proof.
    wasting : list of IntArray, FloatArray, R, and float
        Largest groups, and the row that numbers with so many of them keep, scaled: prices, and what these numbers are
        worth.
    """

    def __init__(self, counts: Counts, wanted: int, control: Control) -> None:
        self.counts, self.wanted, self.control = counts, wanted, control
        self.widths: IntArray = np.diff(counts.sizes, prepend=0)
        self._unit = max(wanted / MOST_FILTERS, 1.0)
        """Filters that are one filter of the scaled rows."""
        self.refuted: list[IntArray] = []
        self.avoided: list[IntArray] = []
        self.wasting: list[tuple[IntArray, FloatArray, float]] = []
        self._prices: list[FloatArray] = []
        self._most: list[float] = []

    def learn(self, prices: FloatArray, most: float) -> None:
        """Add a row that the numbers of all packings keep.

        Parameters
        ----------
        prices : FloatArray, R
            Of groups of each size or more.
        most : float
            What numbers are worth at these prices, at most.
        """
        self._prices.append(_rounded_down(prices / self._unit))
        self._most.append(most / self._unit + ROW_SAFETY)

    def learn_wasted(self, largest: IntArray, prices: FloatArray, most: float, refuted: IntArray) -> None:
        """Add a row that numbers keep which have so many of the largest groups.

        Parameters
        ----------
        largest : IntArray, R
            So many, 0 for other groups.
        prices, most
            As for :meth:`learn`.
        refuted : IntArray, R
            Numbers that are refuted by it.
        """
        row, most = _rounded_down(prices / self._unit), most / self._unit + ROW_SAFETY
        self.wasting.append((largest, row, most))
        # Rounded, the row may keep the very numbers that it was learnt from, which would be asked for again.
        if float(row @ refuted) <= most + ROW_SAFETY:
            self.refuted.append(refuted)

    def inherit(self, later: NumbersProgram) -> None:
        """Take over what is proven of numbers at a later threshold: every packing is one there, with groups as large.

        Parameters
        ----------
        later : NumbersProgram
            Of the same instance and objective.
        """
        sizes = self.counts.sizes
        # Of as many groups as its own sizes tell there are as large ones. All groups are of its first size there.
        place = np.searchsorted(sizes, later.counts.sizes)
        place[0] = 0
        known = place < len(sizes)

        def prices_of(row: FloatArray) -> FloatArray:
            return np.bincount(place[known], weights=row[known], minlength=len(sizes)).astype(np.float64)

        def numbers_of(numbers: IntArray) -> IntArray | None:
            # As many of a size that no group has any more are not asked for again.
            if (numbers[~known] > 0).any():
                return None
            own = np.zeros_like(sizes)
            np.maximum.at(own, place[known], numbers[known])
            # Of a smaller size there are no fewer groups.
            return np.asarray(np.maximum.accumulate(own[::-1])[::-1])

        for row, most in list(zip(later._prices, later._most, strict=True))[-INHERITED:]:
            self._prices.append(prices_of(row))
            self._most.append(most)
        for largest, row, most in later.wasting[-INHERITED:]:
            own = numbers_of(largest)
            if own is not None:
                self.wasting.append((own, prices_of(row), most))
        self.refuted += [own for own in map(numbers_of, later.refuted) if own is not None]

    def spare(self, asked: IntArray) -> float:
        """Filters that numbers leave, R, at most: below 0 they are refuted."""
        rows = zip(self._prices, self._most, strict=True)
        return self._unit * min((most - float(row @ asked) for row, most in rows), default=math.inf)

    def nearest(self, others: FloatArray) -> tuple[IntArray | None, bool]:
        """Whole numbers that keep all rows, nearest to others in filters; and whether it is proven that there are none.

        Parameters
        ----------
        others : FloatArray, R
            The others.
        """
        away = np.concatenate([np.zeros(len(others)), self.widths / self._unit, [0.0]])
        solution, values = self._solve(away, self.counts, [*self.refuted, *self.avoided], others=others)
        if solution.status == "infeasible" and self.avoided:
            solution, _ = self._solve(away, self.counts, self.refuted, others=others)
        return values, solution.status == "infeasible"

    def most_spare(self, counts: Counts) -> tuple[IntArray | None, float]:
        """Whole numbers that leave most by all rows, and how much; None if there are none that may leave anything.

        Parameters
        ----------
        counts : Counts
            Numbers that are allowed.
        """
        spare = np.append(np.zeros(2 * len(self.widths)), -1.0)
        _, values = self._solve(spare, counts, [*self.refuted, *self.avoided], most_spare=MOST_SPARE)
        return values, -math.inf if values is None else self.spare(values)

    def _solve(
        self,
        cost: FloatArray,
        counts: Counts,
        ruled_out: Sequence[IntArray],
        *,
        others: FloatArray | None = None,
        most_spare: float = 0.0,
    ) -> tuple[MilpSolution, IntArray | None]:
        """Minimise a cost of numbers, of their distances from others, and of what they leave by all rows."""
        count = len(self.widths)
        # One variable for each number that may be the smaller one: where it is 1, the number is.
        smaller_ones = [*ruled_out, *(numbers for numbers, _, _ in self.wasting)]
        places = [
            (k, at)
            for k, numbers in enumerate(smaller_ones)
            for at in np.flatnonzero(numbers > np.append(numbers[1:], 0))
        ]
        before, width = 2 * count + 1, 2 * count + 1 + len(places)
        rows = np.zeros((len(self._prices), width))
        rows[:, :count], rows[:, 2 * count] = np.reshape(self._prices, (-1, count)), 1.0
        filters = np.append(self.widths, np.zeros(width - count))[None, :] / self._unit
        # Of a larger size there are no more groups.
        steps = np.eye(count - 1, width) - np.eye(count - 1, width, k=1)
        distances = np.eye(count, width, k=count)
        above, below = distances - np.eye(count, width), distances + np.eye(count, width)
        smaller, one_of = np.zeros((len(places), width)), np.zeros((len(ruled_out), width))
        most = np.zeros(len(places))
        wasting, at_most = np.zeros((len(self.wasting), width)), np.array([limit for _, _, limit in self.wasting])
        for k, (_, prices, _) in enumerate(self.wasting):
            wasting[k, :count] = prices
        for i, (k, at) in enumerate(places):
            limit, number = int(counts.limits[at]), int(smaller_ones[k][at])
            smaller[i, at], smaller[i, before + i] = 1.0, max(limit - number + 1, 0)
            most[i] = max(limit, number - 1)
            if k < len(ruled_out):
                one_of[k, before + i] = 1.0
            else:
                row = k - len(ruled_out)
                wasting[row, before + i] = -max(
                    float(np.maximum(wasting[row, :count], 0.0) @ counts.limits) - at_most[row], 0.0
                )
        off = np.zeros(count) if others is None else others
        blocks = (
            (rows, -math.inf, self._most),
            (filters, (self.wanted - 0.5) / self._unit, math.inf),
            (steps, 0.0, math.inf),
            (above, -off, math.inf),
            (below, off, math.inf),
            (smaller, -math.inf, most),
            (one_of, 1.0, math.inf),
            (wasting, -math.inf, at_most),
        )
        matrix: Any = sp.csc_array(np.vstack([block for block, _, _ in blocks]))
        model = LinearModel(
            sense=1,
            offset=0.0,
            cost=np.append(cost, np.zeros(len(places))),
            lower=np.concatenate([counts.least, np.zeros(width - count)]).astype(np.float64),
            upper=np.concatenate([counts.limits, np.full(count, math.inf), [most_spare], np.ones(len(places))]),
            row_lower=np.concatenate([np.broadcast_to(low, len(block)) for block, low, _ in blocks]),
            row_upper=np.concatenate([np.broadcast_to(high, len(block)) for block, _, high in blocks]),
            starts=matrix.indptr,
            rows=matrix.indices,
            values=matrix.data,
            integral=np.concatenate([np.ones(count), np.zeros(count + 1), np.ones(len(places))]).astype(np.int64),
        )
        solution, values = solve_linear(model, self.control.silent())
        return solution, None if values is None else np.rint(values[:count]).astype(np.int64)


def _rounded_down(prices: FloatArray) -> FloatArray:
    """Prices without traces, on which HiGHS fails. Smaller ones prove less, as no number is negative."""
    return np.asarray(np.floor(prices * 10.0**DIGITS) / 10.0**DIGITS)
