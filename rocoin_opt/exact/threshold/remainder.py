"""What is left of a packing problem when some groups are fixed: its relaxation, with groups priced for it.

Devices that are alike at the threshold share a row of the linear program, as statement S69 allows, so that it has no
more symmetry than the fleet. Fixing a group lowers the limits of rows and takes out the groups that need more devices
than are left; the next solve starts from the last basis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.grouping import (
    DUAL_SAFETY,
    PRICING_TOLERANCE,
    GroupPricer,
    Pricing,
    SizePrices,
    generate_columns,
)
from rocoin_opt.highs import LpSolution, RestrictedMaster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Chain, Round, ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.plan import Members

SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far where groups are priced."""


@dataclass(frozen=True, eq=False)
class AlikeGroup:
    """A group up to the exchange of alike devices.

    Attributes
    ----------
    counts : IntArray, I
        How many devices of each kind.
    size : int
        The part that it holds.
    """

    counts: IntArray
    size: int


class Left(NamedTuple):
    """What is left: devices of each kind, I, groups of each level of sizes, R, and filters."""

    devices: IntArray
    groups: IntArray
    wanted: int


class Remainder:
    """The packing relaxation of what is left.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit.
    """

    def __init__(self, problem: ThresholdProblem, groups: Sequence[Members], control: Control) -> None:
        self.problem, self.control = problem, control
        self.of_device: IntArray = problem.kind_of_device
        """Kind of each device, N."""
        counts = np.bincount(self.of_device)
        order = np.argsort(self.of_device, kind="stable")
        self._rank = np.empty_like(order)
        self._rank[order] = np.arange(len(order)) - (np.cumsum(counts) - counts)[self.of_device[order]]
        self.all = Left(counts, problem.levels.limits, problem.wanted)
        """What there is before any group is fixed."""
        self.left = self.all
        self.refuted = False
        """Whether the last relaxation proved that what is left cannot hold what is wanted."""
        self.groups: list[AlikeGroup] = []
        """The columns of the linear program."""
        self._counts = np.empty((0, len(counts)), dtype=np.int64)
        self._known: set[tuple[bytes, int]] = set()
        self._upper = self._limits(self.all)
        self._master = RestrictedMaster(np.full(len(self._upper), -math.inf), self._upper, control)
        self._pricer = GroupPricer(len(self.of_device), control)
        self._different = self._different_chains()
        self._chains = self._different
        self._add(list(zip(groups, problem.capacities(groups).tolist(), strict=True)))

    def restrict(self, left: Left, banned: Sequence[int] = ()) -> None:
        """Say what is left.

        Parameters
        ----------
        left : Left
            Devices, groups and filters.
        banned : sequence of int
            Columns that may not be taken.
        """
        self.left, self._upper = left, self._limits(left)
        fits: BoolArray = np.asarray((self._counts <= left.devices).all(axis=1))
        fits[list(banned)] = False
        self._master.limit(self._upper, np.where(fits, math.inf, 0.0))
        free = self.free
        self._chains = [chain.among(free) for chain in self._different if chain.leader is None or free[chain.leader]]

    @property
    def free(self) -> BoolArray:
        """Which devices are left, N: the first ones of each kind."""
        return np.asarray(self._rank < self.left.devices[self.of_device])

    def relax(self) -> FloatArray | None:
        """Take groups in parts until they hold what is wanted.

        Returns
        -------
        FloatArray, one a column, or None
            How often each is taken; None where they cannot hold what is wanted, or the limit came first.
        """
        values: FloatArray | None = None
        self.refuted = False
        for step in self._rounds():
            self.refuted = step.bound + DUAL_SAFETY < self.left.wanted
            if self.refuted:
                return None
            values = step.solution.values
            if step.solution.objective >= self.left.wanted - PRICING_TOLERANCE:
                break
        # Groups of the last round are in the list already, but not in the solution.
        return None if values is None else np.pad(values, (0, len(self.groups) - len(values)))

    def prices_without_limits(self) -> tuple[float, FloatArray, SizePrices] | None:
        """Prices of what is left without limits on the number of groups, and the bound that they prove.

        Where such a limit is tight it takes all of the price, and no group is told from another.

        Returns
        -------
        (float, FloatArray, SizePrices) or None
            Filters, the price of each device, N, and that of sizes; None where the time limit came first.
        """
        left = self.left
        self.restrict(left._replace(groups=np.full_like(left.groups, left.devices.sum())))
        found: Round | None = None
        for step in self._rounds():
            found = step
        self.restrict(left)
        if found is None or not found.complete:
            return None
        return found.bound, found.prices[: self.kinds][self.of_device], self._size_prices(found.prices)

    @property
    def kinds(self) -> int:
        """Number of kinds, I."""
        return len(self.all.devices)

    def _rounds(self) -> Iterator[Round]:
        return generate_columns(self._solve, self._price, self.control, smoothing=SMOOTHING, least_price=0.0)

    def _solve(self) -> LpSolution | None:
        """Solve the master; without any group all prices are 0."""
        return self._master.solve() if self.groups else LpSolution(0.0, np.empty(0), np.zeros(len(self._upper)))

    def _price(self, prices: FloatArray, own: FloatArray) -> Pricing | None:
        """Add groups worth more than they cost, and raise prices until none is, which makes them a bound."""
        found: list[tuple[Members, int]] = []
        by_size, of_devices, excess = self._size_prices(prices), prices[: self.kinds][self.of_device], 0.0
        for chain in self._chains:
            if self.control.exhausted:
                return None
            excess = max(excess, self._pricer.price(chain, of_devices, by_size, found))
        raised = prices.copy()
        # Every group counts in the first limit on sizes, so raising that one is enough.
        raised[self.kinds] += excess
        own_devices, own_sizes = own[: self.kinds][self.of_device], self._size_prices(own)
        worth = [
            (group, size)
            for group, size in found
            if size - float(own_devices[list(group)].sum()) - own_sizes.of_one(size) > PRICING_TOLERANCE
        ]
        return Pricing(self._add(worth), raised, float(self._upper @ raised))

    def _add(self, priced: list[tuple[Members, int]]) -> bool:
        """Add groups that are true covers to the program; whether any was new."""
        covers = self.problem.covering([group for group, _ in priced]).tolist()
        new: list[AlikeGroup] = []
        for (members, size), does_cover in zip(priced, covers, strict=True):
            counts = np.bincount(self.of_device[list(members)], minlength=self.kinds)
            key = (counts.tobytes(), size)
            if does_cover and size > 0 and key not in self._known:
                self._known.add(key)
                new.append(AlikeGroup(counts, size))
        if not new:
            return False
        counts = np.array([group.counts for group in new])
        sizes = np.array([group.size for group in new])
        entries = np.hstack([counts, sizes[:, None] >= self.problem.levels.sizes])
        of_column, rows = np.nonzero(entries)
        starts = np.searchsorted(of_column, np.arange(len(new) + 1))
        self._master.add(sizes.astype(np.float64), starts, rows, entries[of_column, rows].astype(np.float64))
        self.groups += new
        self._counts = np.concatenate([self._counts, counts])
        return True

    def _size_prices(self, prices: FloatArray) -> SizePrices:
        return SizePrices(self.problem.levels.sizes, np.concatenate([[0.0], np.cumsum(prices[self.kinds :])]))

    def _limits(self, left: Left) -> FloatArray:
        return np.concatenate([left.devices, left.groups]).astype(np.float64)

    def _different_chains(self) -> list[Chain]:
        """The chains, of alike leaders that of the first one."""
        different: dict[tuple[int, int | None], Chain] = {}
        for chain in self.problem.chains:
            leader = None if chain.leader is None else int(self.of_device[chain.leader])
            different.setdefault((chain.student, leader), chain)
        return list(different.values())
