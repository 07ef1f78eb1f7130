"""The packing relaxation by kinds: a linear program over listed groups, with a row for each kind, not each device.

Of a fractional packing of devices the mean over all ways to exchange alike ones is one, too, and takes no more of a
kind than there are: both programs have the same value, and the one by kinds has a handful of rows. All groups are at
hand, so they are priced by one product, and the bound does not suffer from any rounding of shares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.column_generation import Pricing, generate_columns, until_answered
from rocoin_opt.highs import LpSolution, RestrictedMaster
from rocoin_opt.instance import SOLVER_SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping.kinds.problem import KindsProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

COLUMNS_A_ROUND = 500
"""Groups that one pricing adds."""
SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far where groups are priced."""


@dataclass(frozen=True, eq=False)
class ListedRelaxation:
    """What the prices of a relaxation prove.

    Attributes
    ----------
    bound : float
        No packing holds more filters. Valid at any stage.
    sizes : IntArray, C
        Largest part of each group.
    wasted : FloatArray, C
        By how much less filters a packing with a group holds at least, for each time that it has the group.
    objective : float
        Filters that the linear program holds.
    """

    bound: float
    sizes: IntArray
    wasted: FloatArray
    objective: float

    def admits(self, wanted: int) -> bool:
        """Whether the bound leaves room for so many filters."""
        return self.bound + SOLVER_SAFETY >= wanted


def relax_listed(
    problem: KindsProblem, vectors: IntArray, known: BoolArray, control: Control, *, question: int | None = None
) -> ListedRelaxation | None:
    """Solve the packing relaxation over listed groups.

    Parameters
    ----------
    problem : KindsProblem
        Instance, objective and threshold.
    vectors : IntArray, C x I
        All groups without a superfluous device, as counts of each kind.
    known : BoolArray, C
        Those to begin with; what is generated is marked for the next threshold.
    control : Control
        Limit.
    question : int, optional
        Stop as soon as it is known whether the relaxation holds so many filters.

    Returns
    -------
    ListedRelaxation or None
        None where the limit came before any bound.
    """
    program = _Program(problem, vectors, known, control)
    rounds = generate_columns(program.solve, program.price, control, smoothing=SMOOTHING, least_price=0.0)
    known_after = (
        ListedRelaxation(step.bound, program.sizes, program.wasted(step.prices), step.solution.objective)
        for step in rounds
    )
    return until_answered(known_after, question)


class _Program:
    """The restricted master: a row for each kind, then one for each limit on sizes."""

    def __init__(self, problem: KindsProblem, vectors: IntArray, known: BoolArray, control: Control) -> None:
        self.known, self.levels = known, problem.levels
        self.sizes: IntArray = problem.sizes_of(vectors)
        self.counts = vectors.astype(np.float64)
        self.kinds = len(problem.counts)
        self.upper = np.concatenate([problem.counts, self.levels.limits]).astype(np.float64)
        self.master = RestrictedMaster(np.full(len(self.upper), -math.inf), self.upper, control)
        self.inside = np.zeros(len(vectors), dtype=bool)
        # The size of each group as how many of the limits count it.
        self.rows = np.searchsorted(self.levels.sizes, self.sizes, side="right")
        few = len(vectors) <= COLUMNS_A_ROUND
        self.add(np.flatnonzero((known | few) & (self.sizes > 0)))

    def add(self, columns: IntArray) -> None:
        """Add groups to the master."""
        if len(columns) == 0:
            return
        counted = np.arange(len(self.levels.sizes)) < self.rows[columns, None]
        entries = np.hstack([self.counts[columns], counted])
        of_column, rows = np.nonzero(entries)
        starts = np.searchsorted(of_column, np.arange(len(columns) + 1))
        self.master.add(self.sizes[columns].astype(np.float64), starts, rows, entries[of_column, rows])
        self.inside[columns] = True
        self.known[columns] = True

    def solve(self) -> LpSolution | None:
        """Solve the master; without any group all prices are 0."""
        if self.inside.any():
            return self.master.solve()
        return LpSolution(0.0, np.empty(0), np.zeros(len(self.upper)))

    def wasted(self, prices: FloatArray) -> FloatArray:
        """What groups cost at some prices beyond what they hold."""
        by_size = np.concatenate([[0.0], np.cumsum(prices[self.kinds :])])
        return np.asarray(self.counts @ prices[: self.kinds] + by_size[self.rows] - self.sizes)

    def price(self, prices: FloatArray, own: FloatArray) -> Pricing:
        """Add groups that are worth more than they cost, and raise prices until none is, which makes them a bound."""
        useful = self.sizes > 0
        raised = prices.copy()
        # Every group counts in the first limit on sizes, so raising that one is enough.
        raised[self.kinds] += max(0.0, -float(self.wasted(prices)[useful].min(initial=0.0)))
        surplus = np.where(useful & ~self.inside, -self.wasted(own), 0.0)
        best = np.argsort(-surplus, kind="stable")[:COLUMNS_A_ROUND]
        new = best[surplus[best] > SOLVER_SAFETY]
        self.add(new)
        return Pricing(len(new) > 0, raised, float(self.upper @ raised))
