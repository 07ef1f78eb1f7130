"""Numbers of groups that leave a margin of shares at every size.

The devices that hold a size have so many shares together, and groups of that size or more need a whole one each. The
more is left at every size, the more groups may waste. So numbers are those that hold all filters with the widest
margin, without any linear program. Where it is wasted, no one knows before: so what the margin is measured in is drawn,
and once the largest groups are made, numbers of the others are drawn anew from what these have left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

HALVINGS = 40
"""Steps of the bisection for the widest margin."""
UNEVEN = 0.6
"""Spread of what the margin is measured in from size to size, as standard deviation of its logarithm."""


class Rest(NamedTuple):
    """What is left once the largest groups are made.

    Attributes
    ----------
    shares : FloatArray, N
        Of the devices; 0 of those in groups.
    sizes : int
        How many of the sizes, ascending, the other groups may have.
    filters : int
        What they are to hold; none where it is not positive.
    groups : int
        How many are made.
    """

    shares: FloatArray
    sizes: int
    filters: int
    groups: int


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
        self.least = problem.instance.requirements.min_groups
        """Groups that there are to be, at least."""
        self.widths = np.diff(self.sizes, prepend=0)
        """Filters that each size holds more than the next smaller one, R."""
        self.limits: IntArray = np.array([problem.levels.groups_of(size) for size in self.sizes.tolist()], dtype=int)
        """Groups of each size or more, at most, R."""
        self._held = np.searchsorted(self.sizes, problem.allowed, side="right")
        # More than a group needs counts no more than that.
        self.all = Rest(np.minimum(problem.shares, 1.0), len(self.sizes), problem.wanted, 0)
        """Before any group is made."""

    def is_made(self, rest: Rest) -> bool:
        """Whether no more groups are wanted.

        Parameters
        ----------
        rest : Rest
            What is left.

        Returns
        -------
        bool
            All filters are held, by no fewer groups than there are to be.
        """
        return rest.filters <= 0 and rest.groups >= self.least

    def holders(self, rest: Rest, size: int) -> BoolArray:
        """Find the devices that can be in groups of a size: all run the student with which most shares are left.

        Parameters
        ----------
        rest : Rest
            What is left.
        size : int
            Place in :attr:`sizes`.

        Returns
        -------
        BoolArray, N
            True for devices that are left and hold it.
        """
        holds = self._held > size
        return np.asarray(holds[:, int(np.argmax(rest.shares @ holds))] & (rest.shares > 0.0))

    def shares(self, rest: Rest) -> FloatArray:
        """Sum the shares of the devices that are left and hold each size or more.

        Parameters
        ----------
        rest : Rest
            What is left.

        Returns
        -------
        FloatArray, one for each size that there may be
            Of the student with which most are left.
        """
        of_place = [np.bincount(held, rest.shares, len(self.sizes) + 1) for held in self._held.T]
        return np.asarray(np.cumsum(np.array(of_place)[:, :0:-1], axis=1).max(axis=0)[::-1][: rest.sizes])

    def draw(self, rng: np.random.Generator, rest: Rest, wider: FloatArray) -> IntArray | None:
        """Draw numbers of groups of each size or more that hold all filters.

        Parameters
        ----------
        rng : numpy.random.Generator
            What is drawn.
        rest : Rest
            What is left.
        wider : FloatArray, R
            Factors of the margin at each size.

        Returns
        -------
        IntArray or None
            One for each size that there may be; None where no margin at all leaves room for them.
        """
        shares, limits = self.shares(rest), self.limits[: rest.sizes] - rest.groups
        if not (limits > 0).any() or shares[0] <= 0.0:
            return None
        # From as much at every size to as much a group, and uneven.
        mixed = rng.random()
        unit = mixed + (1.0 - mixed) * shares / shares[0]
        unit = wider[: rest.sizes] * unit * np.exp(UNEVEN * rng.standard_normal(len(unit)))

        def most(margin: float) -> IntArray:
            numbers = np.clip(np.floor(shares - margin * unit), 0.0, np.maximum(limits, 0)).astype(np.int64)
            return np.asarray(np.minimum.accumulate(numbers))

        low, high = 0.0, float(shares[0])
        if not self._is_enough(most(low), rest):
            return None
        for _ in range(HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self._is_enough(most(middle), rest) else (low, middle)
        return self._without_surplus(most(low), rest, shares, unit)

    def _is_enough(self, numbers: IntArray, rest: Rest) -> bool:
        holds = self.widths[: rest.sizes] @ numbers >= rest.filters
        return bool(holds and rest.groups + numbers[0] >= self.least)

    def _without_surplus(self, numbers: IntArray, rest: Rest, shares: FloatArray, unit: FloatArray) -> IntArray:
        """Numbers that hold no more than all filters: fewer groups of the sizes where the margin is narrowest."""
        widths = self.widths[: rest.sizes]
        surplus = int(widths @ numbers) - rest.filters
        while surplus > 0:
            # Of a larger size there are no more groups than of a smaller one.
            room = numbers - np.append(numbers[1:], 0)
            room[0] = min(room[0], rest.groups + numbers[0] - self.least)
            can = (room > 0) & (widths <= surplus)
            if not can.any():
                break
            size = int(np.argmin(np.where(can, (shares - numbers) / unit, np.inf)))
            numbers[size] -= 1
            surplus -= int(widths[size])
        return numbers
