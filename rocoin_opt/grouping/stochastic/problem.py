"""Packing at a threshold under random latencies: chains by student and interval of part sizes.

Shares fall with the part, and there are as many part sizes as a student has filters. So sizes are cut into intervals:
a group counts as able to deliver the largest part of an interval if it delivers the smallest one in time. That
overrates groups and never underrates one, so that what no such packing reaches no plan reaches. Where it matters,
intervals are split until they are exact.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import SHARE_TOLERANCE, Chain, Levels
from rocoin_opt.instance import SAFETY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping.stochastic.shares import StochasticShares
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Members

FIRST_INTERVALS = 8
"""Intervals of each student's part sizes to begin with."""


class Intervals:
    """Intervals of part sizes for each student, to be split where a packing asks for it."""

    def __init__(self, instance: Instance) -> None:
        largest = instance.arrays.largest.max(axis=0).tolist()
        self._ends = [
            sorted({math.ceil(most * i / FIRST_INTERVALS) for i in range(1, FIRST_INTERVALS + 1)} - {0})
            for most in largest
        ]

    def of(self, student: int) -> list[tuple[int, int]]:
        """First and last size of each interval, ascending."""
        ends = self._ends[student]
        return [(before + 1, end) for before, end in zip([0, *ends], ends, strict=False)]

    def around(self, student: int, size: int) -> tuple[int, int]:
        """The interval that a size is in."""
        return next(interval for interval in self.of(student) if interval[1] >= size)

    def split(self, student: int, size: int) -> bool:
        """Let an interval end with a size; False if one does already."""
        if size in self._ends[student]:
            return False
        self._ends[student] = sorted([*self._ends[student], size])
        return True


class StochasticProblem:
    """An instance at one threshold, for the objective ``guaranteed``.

    It is a :class:`~rocoin_opt.grouping.threshold_problem.PackingProblem`.

    Parameters
    ----------
    shares : StochasticShares
        Owner of instance and shares.
    threshold : float
        T in seconds.
    intervals : Intervals
        As they stand; the problem does not follow when they are split.
    """

    def __init__(self, shares: StochasticShares, threshold: float, intervals: Intervals) -> None:
        self.instance, self.threshold = shares.instance, threshold
        self.wanted = self.instance.knowledge.num_filters
        rows, kinds = [], []
        for j in range(len(self.instance.students)):
            for first, last in intervals.of(j):
                row = shares.most(j, first, threshold)
                if row.sum() < 1.0 - SHARE_TOLERANCE:
                    # Larger parts are delivered later still.
                    break
                rows.append(row)
                kinds.append((j, first, last))
        table: IntArray = np.array(kinds, dtype=np.int64).reshape(len(kinds), 3)
        self.students, self.firsts, self.sizes = table.T
        """Student of each chain, and smallest and largest part of its interval."""
        self.shares: FloatArray = np.array(rows).reshape(len(rows), len(self.instance.devices))
        """Shares of all devices in each chain."""

    @property
    def kind_of_device(self) -> IntArray:
        """Every device is one of its own."""
        return np.arange(len(self.instance.devices))

    @property
    def largest(self) -> int:
        """Largest part that a group delivers in time, rounded up to the end of its interval."""
        return int(self.sizes.max(initial=0))

    @cached_property
    def chains(self) -> list[Chain]:
        """One chain for each student and interval; all of its covers have the same size."""
        found = []
        for j, size, shares in zip(self.students.tolist(), self.sizes.tolist(), self.shares, strict=True):
            order = np.argsort(-shares, kind="stable")
            order = order[: np.count_nonzero(shares)]
            found.append(Chain(j, None, order, np.full(len(order), size), shares[order], 1.0, 0))
        return found

    @cached_property
    def levels(self) -> Levels:
        """Limits of the counting bound: groups of s filters or more are covers by the largest share of any chain."""
        firsts: list[int] = []
        limits: list[int] = []
        ends = np.unique(self.sizes)
        for before, end in zip([0, *ends.tolist()], [*ends.tolist(), self.wanted], strict=True):
            # In whatever chain a group of this size covers, its devices have no larger shares than these.
            best = self.shares[self.sizes >= end].max(axis=0, initial=0.0)
            count = min(_most_covers(best), self.instance.max_groups)
            if before < end and (not limits or count < limits[-1]):
                firsts.append(before + 1)
                limits.append(count)
        return Levels(np.array(firsts), np.array(limits))

    @property
    def admits_plan(self) -> bool:
        """Whether the counting bound leaves room for a plan; if not, there is none."""
        levels = self.levels
        fewest = self.instance.requirements.min_groups
        return levels.room(self.wanted) >= self.wanted and bool(levels.limits[0] >= fewest)

    def capacities(self, groups: Sequence[Members]) -> IntArray:
        """Largest part of each group by the chains that it covers, 0 where there is none. One value a group."""
        is_member = np.zeros((len(groups), self.shares.shape[1]))
        for row, group in zip(is_member, groups, strict=True):
            row[list(group)] = 1.0
        return self.delivered(is_member @ self.shares.T)

    def delivered(self, gathered: FloatArray, *, surely: bool = False) -> IntArray:
        """Largest part of groups by the shares that they gather in each chain, 0 where they cover none.

        That is the end of an interval, which may overrate a group; ``surely`` asks for its beginning.
        """
        sizes = self.firsts if surely else self.sizes
        largest: IntArray = np.where(gathered >= 1.0 - SHARE_TOLERANCE, sizes, 0).max(axis=-1, initial=0)
        return largest


def _most_covers(shares: FloatArray) -> int:
    """Upper bound on the number of disjoint covers: by the sum of shares, and by how many devices a cover takes."""
    alone = shares >= 1.0 - SAFETY
    rest = np.sort(shares[~alone & (shares > 0.0)])[::-1]
    together = np.cumsum(rest) >= 1.0 - SAFETY
    fewest = int(np.argmax(together)) + 1 if together.any() else len(rest) + 1
    return min(math.floor(float(shares.sum()) + SAFETY), int(alone.sum()) + len(rest) // fewest)
