"""Whole numbers of groups that hold all filters and leave much, or the proof that there are none.

How many groups hold each size or more is a small integer program by itself. For *any* prices ``pi`` of devices and
worths of sizes, no group being worth more than its devices cost, whole numbers ``c`` of a packing keep

    sum c_s sigma_s <= sum pi

(see :mod:`rocoin_opt.exact.threshold.numbers.demand`), so that each linear program of numbers that are tried adds a
row. Where no whole numbers keep all rows and hold all filters, there is no packing; after Benders, "Partitioning
procedures for solving mixed-variables programming problems", Numerische Mathematik 4, 1962. Rows say most near the
numbers that the linear program of all numbers takes: so the nearest ones are tried first, and prices are found halfway
to these before their own; after Ben-Ameur and Neto, "Acceleration of cutting-plane and column generation algorithms",
Networks 49, 2007.

Many numbers may keep all rows, and most waste what little there is: one more group of the largest size, and devices are
short everywhere else. So numbers are asked for that leave most by all rows so far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.threshold.numbers.demand import DemandProgram, Left, Supply
from rocoin_opt.exact.threshold.numbers.group_numbers import NumbersProgram
from rocoin_opt.exact.threshold.numbers.largest_groups import WASTING, WASTING_FULLY, wasteful_largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.packing import Counts, Effort
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray, IntArray

ROUNDS = 60
"""Linear programs of numbers, at most, each time that numbers are asked for."""
IMPROVED = 6
"""Numbers that are tried after the first ones that are not refuted."""
HALFWAY = 0.5
"""Where between others and the numbers to be cut off the first prices are found."""
NEAR = 2
"""Groups of each size or more by which better numbers differ from the linear program's, at most."""
RENEWED = 4
"""Groups in a linear program, in multiples of the devices, from which on it is set up anew for the next numbers."""
ENOUGH = 0.001
"""Part of all filters that is enough to leave."""
CLOSE = 0.1
"""Part of what numbers leave by which others would have to better them."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of groups, and what they leave.

    Attributes
    ----------
    counts : Counts
        Its ``least`` is asked for.
    groups : list of tuples of int
        Device indices of the groups that the linear program takes.
    supply : Supply
        Its solution.
    """

    counts: Counts
    groups: list[tuple[int, ...]]
    supply: Supply

    @property
    def spare(self) -> float:
        """Upper limit of what the linear program leaves of devices for more groups like these, in filters.

        Within :data:`~rocoin_opt.exact.threshold.numbers.demand.TAIL` of it. Of levels that no numbers so far could
        exceed it asks for no more.
        """
        return self.supply.spare


class NumbersSearch:
    """Whole numbers of groups, and what is known of them at a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    counts : Counts
        Numbers that are allowed, of each size that a group can have.
    taken : FloatArray, one a size
        Groups of each size or more that a linear program takes: they hold all filters.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit.

    Attributes
    ----------
    is_refuted : bool
        Whether it is proven that no numbers make a packing.
    """

    def __init__(
        self,
        problem: ThresholdProblem,
        counts: Counts,
        taken: FloatArray,
        groups: Sequence[tuple[int, ...]],
        control: Control,
    ) -> None:
        self.problem, self.counts, self.control = problem, counts, control
        widths = np.diff(counts.sizes, prepend=0)
        # As many filters as are wanted, in the same proportions.
        self.ideal = taken * min(problem.wanted / float(widths @ taken), 1.0)
        self.rows = NumbersProgram(counts, problem.wanted, control)
        self.program = DemandProgram(problem, counts.sizes, groups, control)
        self.is_refuted = False
        self._supply: Supply | None = None

    def refute(self, levels: IntArray, asked: IntArray) -> None:
        """Rule out numbers none of which are smaller than those that are refuted.

        Parameters
        ----------
        levels, asked : IntArray
            Sizes, and groups of each or more.
        """
        self.rows.refuted.append(self._numbers(levels, asked))

    def avoid(self, levels: IntArray, asked: IntArray) -> None:
        """Ask for others, without a proof that there are none such.

        Parameters
        ----------
        levels, asked : IntArray
            Sizes, and groups of each or more.
        """
        self.rows.avoided.append(self._numbers(levels, asked))

    def _numbers(self, levels: IntArray, asked: IntArray) -> IntArray:
        numbers = np.zeros_like(self.counts.sizes)
        numbers[np.searchsorted(self.counts.sizes, levels)] = asked
        return numbers

    def spacious(self) -> Numbers | None:
        """Find whole numbers of groups that hold all filters, and leave much.

        Returns
        -------
        Numbers or None
            Not refuted, and parts of groups make all of them; there may be others. None where there are none, which is
            proven where :attr:`is_refuted` says so, or none were found.
        """
        left = ROUNDS
        if self._supply is None:
            self._price(self.ideal)
            left -= 1
        best: Numbers | None = None
        better = IMPROVED
        while left > 0 and not self.control.exhausted:
            if best is None:
                asked, is_proven = self.rows.nearest(self.ideal)
                self.is_refuted = is_proven
            else:
                asked, most = self.rows.most_spare(self._near())
                better -= 1
                if better < 0 or best.spare >= ENOUGH * self.problem.wanted or most - best.spare <= CLOSE * best.spare:
                    break
            if asked is None:
                break
            between = self.ideal if best is None else best.counts.least
            left -= 1
            if self._price(np.asarray(between + HALFWAY * (asked - between))) is None:
                break
            least = 0.0 if best is None else best.spare
            if self.rows.spare(asked) < least:
                continue
            left -= 1
            supply = self._price(asked)
            if supply is None:
                break
            if self.rows.spare(asked) >= least and self._is_made(asked, supply, WASTING):
                best = Numbers(self.counts._replace(least=asked), self.program.taken(supply), supply)
        return best

    def is_left(self, numbers: Numbers) -> bool:
        """Whether numbers are still not refuted once it is found out at length what their largest groups waste.

        Parameters
        ----------
        numbers : Numbers
            Those that were found last.
        """
        return self._is_made(numbers.counts.least, numbers.supply, WASTING_FULLY)

    def _near(self) -> Counts:
        """Numbers close to those that the linear program takes."""
        least, limits = np.floor(self.ideal).astype(np.int64) - NEAR, np.ceil(self.ideal).astype(np.int64) + NEAR
        return self.counts._replace(
            least=np.maximum(least, self.counts.least), limits=np.minimum(limits, self.counts.limits)
        )

    def _price(self, numbers: IntArray | FloatArray) -> Supply | None:
        """What numbers leave, which adds a row; None where the limit came first."""
        if self._supply is not None and len(self.program.groups) > RENEWED * len(self.problem.shares):
            self.program = self.program.renewed(self._supply)
        self.program.ask(numbers, like_before=True)
        supply = self.program.solve(Left(self.program.all, numbers), roughly=True)
        if supply is not None:
            self._supply = supply
            if math.isfinite(supply.spare):
                self.rows.learn(*self._row(supply, numbers))
        return supply

    def _row(self, supply: Supply, numbers: IntArray | FloatArray) -> tuple[FloatArray, float]:
        """Prices of groups of each size or more, and what the numbers of any packing are worth at these, at most."""
        prices = np.diff(supply.worths.totals)
        return prices, supply.spare + float(prices @ numbers)

    def _is_made(self, asked: IntArray, supply: Supply, effort: Effort) -> bool:
        """Whether parts of groups make numbers, and the largest groups may be made; if not, these are ruled out."""
        if supply.is_refuted or not supply.is_made:
            # What parts of groups do not make, groups do not, though the prices may not prove it.
            self.rows.avoided.append(asked)
            return False
        wasteful = wasteful_largest(self.problem, self.counts.sizes, asked, supply, self.control, effort)
        if wasteful is None:
            return True
        largest = np.where(np.arange(len(asked)) >= wasteful.first, asked, 0)
        prices, most = self._row(supply, asked)
        self.rows.learn_wasted(largest, prices, most - wasteful.wasted, asked)
        return False


@dataclass
class NumbersMemory:
    """What is known of numbers at thresholds of one instance and objective that were asked about.

    Attributes
    ----------
    rows : dict of float to NumbersProgram
        Rows of numbers, by threshold.
    times : int
        How often numbers of groups were asked for: it seeds the choices of all dives for numbers but the first.
    """

    rows: dict[float, NumbersProgram] = field(default_factory=dict)
    times: int = 0

    def tell(self, threshold: float, rows: NumbersProgram) -> None:
        """Pass on what is known of the nearest threshold that is no earlier, and keep what becomes known of this one.

        Parameters
        ----------
        threshold : float
            Seconds.
        rows : NumbersProgram
            Of this threshold.
        """
        later = min((known for known in self.rows if known >= threshold), default=None)
        if later is not None:
            rows.inherit(self.rows[later])
        self.rows[threshold] = rows
        self.times += 1
