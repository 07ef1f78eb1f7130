"""Numbers of groups that leave a margin of shares at every size.

The devices that hold a size have so many shares together, and groups of that size or more need a whole one each. The
more is left at every size, the more groups may waste. So numbers are those that hold all filters with the widest
margin, without any linear program. Where it is wasted, no one knows before: so what the margin is measured in is drawn,
and grows where it was too narrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.threshold.packing import Counts

if TYPE_CHECKING:
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray, IntArray

HALVINGS = 40
"""Steps of the bisection for the widest margin."""
WIDER = 1.5
"""Factor by which a margin grows where groups were lacking."""
UNEVEN = 0.3
"""Spread of what the margin is measured in from size to size, as standard deviation of its logarithm."""


class Margins:
    """Shares that there are of each size, and the numbers of groups that leave much of them.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold; shares of a group add up.
    """

    def __init__(self, problem: ThresholdProblem) -> None:
        sizes = np.unique(problem.allowed)
        self.sizes: IntArray = sizes[sizes > 0]
        """Sizes that a device holds, R, ascending."""
        self.wanted, self.least = problem.wanted, problem.instance.requirements.min_groups
        self.widths = np.diff(self.sizes, prepend=0)
        shares = np.minimum(problem.shares, 1.0)
        of_size = [(shares @ (problem.allowed >= size)).max() for size in self.sizes.tolist()]
        self.shares: FloatArray = np.array(of_size)
        """Of the devices that hold each size or more with one student, R."""
        self.limits: IntArray = np.array([problem.levels.groups_of(size) for size in self.sizes.tolist()], dtype=int)

        self.unit: FloatArray = np.ones(len(self.sizes))
        """What margins are measured in, R, but for what is drawn."""

    def widen(self, size: int) -> None:
        """Leave more at a size, where groups were lacking.

        Parameters
        ----------
        size : int
            One of :attr:`sizes`.
        """
        self.unit[np.searchsorted(self.sizes, size)] *= WIDER

    def draw(self, rng: np.random.Generator) -> Counts | None:
        """Draw numbers that hold all filters; None where no margin at all leaves room for them.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        """
        if not self.limits.any():
            return None
        # From as much at every size to as much a group, and uneven.
        mixed = rng.random()
        unit = mixed + (1.0 - mixed) * self.shares / self.shares[0]
        unit = self.unit * unit * np.exp(UNEVEN * rng.standard_normal(len(unit)))
        low, high = 0.0, float(self.shares[0])
        if not self._is_enough(self._numbers(unit, low)):
            return None
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self._is_enough(self._numbers(unit, middle)) else (low, middle)
        return Counts(self.sizes, self._without_surplus(self._numbers(unit, low), unit), self.limits)

    def _numbers(self, unit: FloatArray, margin: float) -> IntArray:
        """Most groups of each size or more that leave a margin."""
        numbers = np.clip(np.floor(self.shares - margin * unit), 0.0, self.limits).astype(np.int64)
        return np.asarray(np.minimum.accumulate(numbers))

    def _is_enough(self, numbers: IntArray) -> bool:
        return bool(self.widths @ numbers >= self.wanted and numbers[0] >= self.least)

    def _without_surplus(self, numbers: IntArray, unit: FloatArray) -> IntArray:
        """Numbers that hold no more than all filters: fewer groups of the sizes where the margin is narrowest."""
        surplus = int(self.widths @ numbers) - self.wanted
        while surplus > 0:
            # Of a larger size there are no more groups than of a smaller one.
            room = numbers - np.append(numbers[1:], 0)
            room[0] = min(room[0], numbers[0] - self.least)
            can = (room > 0) & (self.widths <= surplus)
            if not can.any():
                break
            size = int(np.argmin(np.where(can, (self.shares - numbers) / unit, np.inf)))
            numbers[size] -= 1
            surplus -= int(self.widths[size])
        return numbers
