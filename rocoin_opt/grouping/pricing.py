"""Pricing of groups: the most profitable ones of a chain at the prices of a linear program.

A group holds the part of its last device in the chain, and costs its devices' prices and that of its size. The cheapest
cover for every last device is one covering knapsack, nested where devices fail together. Costs are never overrated, so
the largest surplus is an upper limit of what any group of the chain is worth beyond its cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping.covering import (
    SPARE_UNITS,
    NestedKnapsack,
    cheapest_before,
    cheapest_covers,
    covers_within,
    fineness_for,
    units_needed,
    units_of,
    use_compiled,
)
from rocoin_opt.grouping.tolerances import COST_TOLERANCE, COVER_TOLERANCE, SHARE_TOLERANCE, UNREACHABLE
from rocoin_opt.instance import SOLVER_SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping.threshold_problem import Chain
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members

PRICING_TOLERANCE = SOLVER_SAFETY
"""Filters that a new group must add to be taken in; what is left below goes into the bound."""
ROUNDING_UNITS = 8
"""Units beyond the need that make a cover of up to so many devices a true one. The cheapest cover may only be one up to
the rounding of shares; the bound needs it, an integer packing needs a true one beside it."""
COLUMNS_A_CHAIN = 30
"""Most groups that one pricing takes from one chain."""
MOST_LISTED = 20_000
"""True covers that are listed where units promise more than any cover found."""
LISTING_CELLS = 4_000_000
"""Largest table for that: a larger one is new memory each time, which takes longer than to fill it."""
MOST_STEPS = 3_000_000
"""Devices that are tried for them: some hundredths of a second where that is compiled."""
MOST_TAKEN = 100
"""Of these, those with the largest surplus that are taken in."""
MOST_LISTING = 1_000
"""Devices of a chain up to which they are listed at all: the units of longer ones are too coarse."""
LOOKS_A_CHAIN = 12
"""Last devices whose cheapest group is looked for in one pricing of a chain with failure domains; beyond, only those
that may have the largest surplus of all."""


@dataclass(frozen=True, eq=False)
class SizePrices:
    """Price of a group by its size: a step function that never falls.

    Attributes
    ----------
    sizes : IntArray, R
        Sizes at which it rises, ascending.
    totals : FloatArray, R + 1
        Price below the first of them, from the first on, and so on.
    """

    sizes: IntArray
    totals: FloatArray

    def of(self, sizes: IntArray) -> FloatArray:
        """Prices of some sizes."""
        return np.asarray(self.totals[np.searchsorted(self.sizes, sizes, side="right")])

    def of_one(self, size: int) -> float:
        """Price of one size."""
        return float(self.totals[np.searchsorted(self.sizes, size, side="right")])


class GroupPricer:
    """Prices the groups of chains.

    Parameters
    ----------
    devices : int
        Number of devices, which decides on how fine the knapsacks are and whether they run compiled.
    control : Control
        Limit.
    """

    def __init__(self, devices: int, control: Control) -> None:
        self.control = control
        self.fineness = fineness_for(devices)
        self.compiled = use_compiled(devices, control)

    def price(
        self,
        chain: Chain,
        prices: FloatArray,
        by_size: SizePrices,
        found: list[tuple[Members, int]],
        *,
        roughly: bool = False,
    ) -> float:
        """Add the most profitable groups of a chain.

        Parameters
        ----------
        chain : Chain
            What groups are made of.
        prices : FloatArray, N
            Price of each device, in filters.
        by_size : SizePrices
            Price of a group by its size.
        found : list
            Takes in the groups, each with the part that it holds.
        roughly : bool
            List no covers where units promise more than any cover found: what they promise is all that is told.

        Returns
        -------
        float
            The largest surplus in filters, or an upper limit of it.
        """
        leader = () if chain.leader is None else (chain.leader,)
        paid = 0.0 if chain.leader is None else float(prices[chain.leader])
        resolution = chain.resolution
        need = units_needed(chain.need, resolution)
        # The leader covers alone: whoever joined it would be superfluous.
        if need == 0:
            surplus_alone = chain.leader_size - paid - by_size.of_one(chain.leader_size)
            if surplus_alone > PRICING_TOLERANCE:
                found.append((leader, chain.leader_size))
            return surplus_alone
        # A cover's size is that of its last device, so one knapsack over prefixes prices all sizes of the chain.
        profits = chain.sizes - by_size.of(chain.sizes) - paid
        # Devices cost nothing or more, so that no group of the chain can have a surplus.
        if len(chain.devices) == 0 or profits.max() <= 0.0:
            return 0.0
        units, costs = units_of(chain.shares, resolution), prices[chain.devices]
        rest = np.maximum(need - units, 0)
        before = cheapest_before(units, costs, rest, resolution + ROUNDING_UNITS, compiled=self.compiled)
        cheapest = before.costs + costs
        surplus = np.where(cheapest < UNREACHABLE, profits - cheapest, -np.inf)
        promising = np.flatnonzero(surplus > PRICING_TOLERANCE)
        if chain.coverage is not None and len(promising):
            # Where devices fail together, these are upper limits: shares promise more than groups have.
            return self._price_blocks(chain, costs, profits, surplus, found)
        best = 0.0
        for last in promising[np.argsort(-surplus[promising], kind="stable")[:COLUMNS_A_CHAIN]].tolist():
            # Units are rounded up, so the cheapest cover may miss its need; one with some units more does not.
            for spare in (0, ROUNDING_UNITS):
                others = before.members(last, int(rest[last]) + spare)
                if others is None:
                    break
                positions = [last, *others]
                found.append((tuple(sorted((*leader, *chain.devices[positions].tolist()))), int(chain.sizes[last])))
                if float(chain.shares[positions].sum()) >= chain.need - COVER_TOLERANCE:
                    best = max(best, float(profits[last] - costs[positions].sum()))
                    break
        promised = float(surplus.max())
        is_settled = promised <= PRICING_TOLERANCE or best > PRICING_TOLERANCE
        if is_settled or roughly or len(units) > MOST_LISTING:
            return promised
        listed = self._list_covers(chain, costs, profits)
        if listed is None:
            return promised
        found.extend((tuple(sorted((*leader, *members))), size) for members, size in listed)
        return promised if listed else PRICING_TOLERANCE + COST_TOLERANCE

    def _list_covers(self, chain: Chain, costs: FloatArray, profits: FloatArray) -> list[tuple[Members, int]] | None:
        """The true covers of a chain with a surplus; None where they are too many.

        Parameters
        ----------
        chain : Chain
            What groups are made of.
        costs, profits : FloatArray, L
            Price of each device, and what a group with this last device is worth before it pays them.
        """
        ends = np.append(np.flatnonzero(np.diff(chain.sizes)), len(chain.sizes) - 1)
        ends = ends[profits[ends] > PRICING_TOLERANCE]
        # Devices that cost nothing all join: sets that differ in them alone are one.
        chosen = np.flatnonzero((costs > 0.0) & (chain.shares > SHARE_TOLERANCE))
        is_free = costs <= 0.0
        needs = chain.need - np.cumsum(np.where(is_free, chain.shares, 0.0))[ends]
        # True shares decide; the table only tells where to look.
        resolution = min(chain.resolution, LISTING_CELLS // (len(chosen) + 1))
        units = units_of(chain.shares[chosen], resolution)
        table = cheapest_covers(units, costs[chosen], resolution, compiled=self.compiled)
        prefixes = np.searchsorted(chosen, ends, side="right")
        budgets = profits[ends] - PRICING_TOLERANCE
        covers = covers_within(
            table,
            chain.shares[chosen],
            costs[chosen],
            prefixes,
            needs,
            budgets,
            MOST_LISTED,
            compiled=self.compiled,
            steps=MOST_STEPS,
        )
        if covers is None:
            return None
        found: list[tuple[Members, int]] = []
        # Places that stand for nobody are -1, and cost nothing.
        paid = np.append(costs[chosen], 0.0)[covers.members].sum(axis=1)
        best = np.argsort(paid - budgets[covers.levels], kind="stable")[:MOST_TAKEN]
        for row, level in zip(covers.members[best].tolist(), covers.levels[best].tolist(), strict=True):
            end = int(ends[level])
            positions = chosen[[place for place in row if place >= 0]].tolist()
            lacking = chain.need - float(chain.shares[positions].sum())
            free = np.flatnonzero(is_free[: end + 1])
            for position in free[np.argsort(-chain.shares[free], kind="stable")].tolist():
                if lacking <= COVER_TOLERANCE:
                    break
                positions.append(position)
                lacking -= float(chain.shares[position])
            found.append((tuple(chain.devices[positions].tolist()), int(chain.sizes[end])))
        return found

    def _price_blocks(
        self,
        chain: Chain,
        costs: FloatArray,
        profits: FloatArray,
        limits: FloatArray,
        found: list[tuple[Members, int]],
    ) -> float:
        """The same where devices fail together.

        Parameters
        ----------
        chain : Chain
            What groups are made of.
        costs, profits : FloatArray, L
            Price of each device, and what a group with this last device is worth before it pays them.
        limits : FloatArray, L
            Upper limits of the surplus by last device.
        found : list
            Takes in the groups.

        Returns
        -------
        float
            The largest surplus, or an upper limit of it.
        """
        leader = () if chain.leader is None else (chain.leader,)
        knapsack = NestedKnapsack(chain.blocks, costs, self.fineness)
        limits, is_open = limits.copy(), np.ones(len(limits), dtype=bool)
        best, looks = 0.0, 0
        while not self.control.exhausted:
            last = int(np.argmax(np.where(is_open, limits, -np.inf)))
            # What is left cannot raise the largest surplus, and enough groups were looked at.
            if limits[last] <= (PRICING_TOLERANCE if looks < LOOKS_A_CHAIN else max(best, PRICING_TOLERANCE)):
                break
            if not is_open[last]:
                break
            cheapest = knapsack.upto(last)
            is_open[last], looks = False, looks + 1
            limits[last] = profits[last] - cheapest.with_last if cheapest.with_last < UNREACHABLE else -np.inf
            # More devices cover at no more cost: so much costs a cover that ends before, at least.
            if cheapest.of_any >= UNREACHABLE:
                limits[:last] = -np.inf
            np.minimum(limits[:last], profits[:last] - cheapest.of_any, out=limits[:last])
            best = max(best, float(limits[last]))
            if limits[last] > PRICING_TOLERANCE:
                _take_blocks(chain, knapsack, leader, last, found)
        return float(limits.max())


def _take_blocks(
    chain: Chain, knapsack: NestedKnapsack, leader: Members, last: int, found: list[tuple[Members, int]]
) -> None:
    """Add the cheapest group with a last device, and a true cover where rounding alone makes it one."""
    assert chain.coverage is not None
    for spare in (0, SPARE_UNITS):
        positions = knapsack.members(spare)
        if positions is None:
            return
        group = tuple(sorted((*leader, *chain.devices[positions].tolist())))
        found.append((group, int(chain.sizes[last])))
        if chain.coverage.keeps_limit(group):
            return
