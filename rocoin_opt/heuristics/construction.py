"""Groups built one after another at a fixed threshold: the step that ``greedy`` searches the threshold with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import COVER_TOLERANCE, Joining, coverage_of
from rocoin_opt.heuristics.covers import best_cover

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective

VARIED_PRICES = (0.0, 0.5, 1.0, 1.5)
"""Prices of packings that need not hold all filters, as for :func:`pack`."""
VARIATIONS = 3
"""Such packings for each price that pass over some devices by chance, beside one that does not."""
PASSED_OVER = 0.2
"""Chance of a device to be passed over when a group is looked for."""


def pack(
    instance: Instance,
    threshold: float,
    objective: Objective,
    price: float,
    kept: Sequence[tuple[Sequence[int], int]] = (),
    stopped: Callable[[], bool] = lambda: False,
) -> list[list[int]] | None:
    """Build groups that together hold all filters within a threshold.

    Parameters
    ----------
    instance : Instance
        What was given.
    threshold : float
        Seconds within which the objective's replicas must answer.
    objective : {'guaranteed', 'nominal', 'worst'}
        For ``nominal`` one replica of each group must be in time, for the others all of them.
    price : float
        What one cover's worth of reliability costs, in multiples of the average part size M / K.
    kept : sequence of (sequence of int, int)
        Groups to begin with: disjoint covers, and the filters that each holds. At most K.
    stopped : callable
        Whether to break the packing off; asked before each group.

    Returns
    -------
    list of lists of int
        Device indices of each group, those to begin with first; None if the groups that this rule finds do not suffice,
        or the packing was broken off.
    """
    return _packing(objective)(instance, threshold, price).run(kept, stopped)


def varied_packings(
    instance: Instance, threshold: float, objective: Objective, seed: int, stopped: Callable[[], bool]
) -> list[list[list[int]]]:
    """Build groups in several ways, whether or not they hold all filters in the end.

    A column generation begins with them: it would need many rounds to find so many disjoint groups.

    Parameters
    ----------
    instance : Instance
        What was given.
    threshold : float
        Seconds within which the objective's replicas must answer.
    objective : {'guaranteed', 'nominal', 'worst'}
        As for :func:`pack`.
    seed : int
        Of the devices that are passed over.
    stopped : callable
        Whether to break off; asked before each group.

    Returns
    -------
    list of lists of lists of int
        Device indices of each group of each packing.
    """
    found: list[list[list[int]]] = []
    rng = np.random.default_rng(seed)
    for chance in (None, *[rng] * VARIATIONS):
        for price in VARIED_PRICES:
            groups = _packing(objective)(instance, threshold, price, chance).fill(stopped)
            if stopped():
                return found
            found.append(groups)
    return found


def _packing(objective: Objective) -> type[_Packing]:
    return _LedPacking if objective == "nominal" else _TimelyPacking


class _Packing(ABC):
    """State of a packing: which devices are free, how many filters and groups are still to place.

    With a ``chance`` some of the free devices are passed over, others for each group.
    """

    def __init__(
        self, instance: Instance, threshold: float, price: float, chance: np.random.Generator | None = None
    ) -> None:
        self.chance = chance
        self.arrays, self.coverage = instance.arrays, coverage_of(instance)
        self.parts = self.arrays.largest_part(threshold)
        self.order = [_descending(self.parts[:, j]) for j in range(self.parts.shape[1])]
        self.free = np.ones(len(self.parts), dtype=bool)
        self.filters_left = instance.knowledge.num_filters
        self.groups_wanted = instance.requirements.min_groups
        self.groups_left = instance.max_groups
        self.relative_price = price
        self.price = price * self.filters_left / self.groups_left
        self.leads = self.parts.max(axis=1)

    def run(self, kept: Sequence[tuple[Sequence[int], int]], stopped: Callable[[], bool]) -> list[list[int]] | None:
        """Take groups until all filters are placed, or until no group is left to take, or until it is stopped."""
        groups: list[list[int]] = []
        for group, held in kept:
            self.take(groups, list(group), held)
        while self.filters_left > 0 or len(groups) < self.groups_wanted:
            best = self.next_group() if self.groups_left > 0 and not stopped() else None
            if best is None:
                return None
            self.take(groups, best[0].tolist(), best[1])
        return groups

    def fill(self, stopped: Callable[[], bool]) -> list[list[int]]:
        """Take groups until all filters are placed, or as long as there are any."""
        groups: list[list[int]] = []
        while self.filters_left > 0 and self.groups_left > 0 and not stopped():
            best, _ = self.best_group()
            if best is None:
                break
            self.take(groups, best[0].tolist(), best[1])
        return groups

    def take(self, groups: list[list[int]], members: list[int], level: int) -> None:
        """Add a group that holds so many filters."""
        groups.append(members)
        self.free[members] = False
        self.filters_left -= level
        self.groups_left -= 1

    def next_group(self) -> tuple[IntArray, int] | None:
        """Members and level of the group to take next; None if there is none or it cannot be enough."""
        best, highest = self.best_group()
        # Even if all groups that are left held as much as the largest one, filters would be left over.
        return None if highest * self.groups_left < self.filters_left else best

    def best_group(self) -> tuple[tuple[IntArray, int] | None, int]:
        """Members and level of the best group, or None, and the largest part that a free device delivers."""
        best: tuple[float, IntArray, int] | None = None
        highest = 0
        for j in range(self.parts.shape[1]):
            top = self.top(j)
            if len(top) == 0:
                continue
            highest = max(highest, int(self.parts[top[0], j]))
            found = self.group_of(j, top)
            if found is not None and (best is None or found[0] > best[0]):
                best = found
        return (None if best is None else best[1:]), highest

    @abstractmethod
    def group_of(self, j: int, top: IntArray) -> tuple[float, IntArray, int] | None:
        """The best group with a student, given the devices that deliver anything: its score, members and level."""

    def top(self, j: int) -> IntArray:
        """Free devices that deliver anything with student j, the largest parts first."""
        free = self.order[j][self.free[self.order[j]]]
        return free if self.chance is None else free[self.chance.random(len(free)) >= PASSED_OVER]

    def joining(self, devices: IntArray, *fixed: int) -> Joining | None:
        """Devices to choose from with the judge of covers where devices fail together; None where shares add up."""
        return None if self.coverage is None else Joining(self.coverage, devices, fixed)


class _TimelyPacking(_Packing):
    """Every member in time: a cover's level is the part of its slowest member."""

    def group_of(self, j: int, top: IntArray) -> tuple[float, IntArray, int] | None:
        levels, shares = self.parts[top, j], self.arrays.cover_share[top]
        cover = best_cover(shares, levels, self.price, joining=self.joining(top))
        if cover is None:
            return None
        level = int(levels[cover[-1]])
        return level - self.price * float(shares[cover].sum()), top[cover], level


class _LedPacking(_Packing):
    """One member in time, the leader; the others only have to hold the part.

    A follower that could lead a part itself is lost as a leader, so that a group is taken for its level less the
    price of the best leader among its followers.
    """

    def group_of(self, j: int, top: IntArray) -> tuple[float, IntArray, int] | None:
        # Of the devices that are looked at no other leader delivers more.
        leader, level = int(top[0]), int(self.parts[top[0], j])
        found = self.followers(level, j, leader)
        if found is None:
            return None
        followers, lost = found
        # Room for more filters than are left is worth nothing.
        return min(level, self.filters_left) - self.relative_price * lost, np.append(followers, leader), level

    def followers(self, level: int, j: int, leader: int) -> tuple[IntArray, int] | None:
        """Devices that complete the leader's cover, and the largest part that any of them could lead."""
        needed = 1.0 - float(self.arrays.cover_share[leader])
        if needed <= COVER_TOLERANCE:
            return np.empty(0, dtype=np.int64), 0
        able = self.free & (self.arrays.largest[:, j] >= level)
        able[leader] = False
        candidates = np.flatnonzero(able)
        led = self.leads[candidates]
        order = np.argsort(led, kind="stable")
        joining = self.joining(candidates[order], leader)
        # The larger a part a follower could lead, the worse it is to take: its negative serves as a level.
        cover = best_cover(self.arrays.cover_share[candidates[order]], -led[order], self.price, needed, joining)
        return None if cover is None else (candidates[order[cover]], int(led[order[cover[-1]]]))


def _descending(sizes: IntArray) -> IntArray:
    """Indices of the positive sizes, the largest first, ties by index."""
    order = np.argsort(-sizes, kind="stable")
    return order[: int(np.count_nonzero(sizes))]
