"""Nested covering knapsacks: the cheapest cover, and every cover within a budget, where devices fail together.

Each block of a chain contributes one of its choices, and a multiple-choice knapsack over the blocks gathers the need.
It runs over whole units like :mod:`rocoin_opt.grouping.covering.covering_knapsack`, with what each block covers rounded
up: no cover is lost, so no cost is overrated. A block rounds once, however many of its devices a cover has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.grouping.covering.covering_knapsack import units_of
from rocoin_opt.grouping.tolerances import UNREACHABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping.covering.blocks import Block, Options
    from rocoin_opt.instance import FloatArray, IntArray

FINENESS = ((400, 16_384), (2_000, 4_096), (10**9, 1_024))
"""Units of a need, by number of devices. Among very many covers some miss the need by a hair: fine units tell them off,
and the bound is worth more than the time that they take."""
SPARE_UNITS = 8
"""Units beyond the need up to which the tables go: a cover of so many blocks that gathers them is a true one."""


def fineness_for(devices: int) -> int:
    """Units of a nested knapsack over so many devices."""
    return next(units for limit, units in FINENESS if devices <= limit)


class Cheapest(NamedTuple):
    """Costs of the cheapest covers among the first devices of a chain, :data:`UNREACHABLE` and above for none.

    Attributes
    ----------
    of_any : float
        With or without the last of them.
    with_last : float
        With the last of them.
    """

    of_any: float
    with_last: float


class NestedKnapsack:
    """Cheapest covers of a chain at some costs.

    Parameters
    ----------
    blocks : sequence of Block
        Of the chain.
    costs : FloatArray, L
        Of the chain's devices, at least 0.
    resolution : int
        Units of a need of 1.
    """

    def __init__(self, blocks: Sequence[Block], costs: FloatArray, resolution: int) -> None:
        self.resolution = resolution
        self.blocks = [block.priced(costs) for block in blocks]
        self._tables: list[FloatArray] = []
        self._order: list[tuple[int, int, Options]] = []
        self._last: tuple[int, int, Options] | None = None

    def upto(self, last: int) -> Cheapest:
        """Look at covers among the devices up to a position of the chain."""
        counts = [int(np.searchsorted(priced.block.positions, last, side="right")) for priced in self.blocks]
        own = next(
            b
            for b, (priced, count) in enumerate(zip(self.blocks, counts, strict=True))
            if count and priced.block.positions[count - 1] == last
        )
        # The block of the last device comes at the end: its choices are weighed with and without it.
        self._tables, self._order = [nothing_gathered(self.resolution + SPARE_UNITS)], []
        for b, priced in enumerate(self.blocks):
            if b != own and (counts[b] or priced.block.base):
                options = priced.options(counts[b])
                self._order.append((b, counts[b], options))
                self._tables.append(with_options(self._tables[-1], options.shares, options.costs, self.resolution))
        with_last = self.blocks[own].options(counts[own], with_last=True)
        self._last = own, counts[own], with_last
        return Cheapest(self._least(self.blocks[own].options(counts[own])), self._least(with_last))

    def members(self, spare: int) -> list[int] | None:
        """Positions of a cheapest set with the last device that gathers the need and some spare units."""
        assert self._last is not None
        own, count, options = self._last
        wanted = self.resolution + spare
        costs = self._ends(options, wanted)
        chosen = int(np.argmin(costs))
        if costs[chosen] >= UNREACHABLE:
            return None
        found = self.blocks[own].members(int(options.choices[chosen]), count, with_last=True)
        wanted = max(wanted - int(self._units(options)[chosen]), 0)
        for table, (b, count, choices) in zip(self._tables[-2::-1], self._order[::-1], strict=True):
            units = self._units(choices)
            totals = table[np.maximum(wanted - units, 0)] + choices.costs
            chosen = int(np.argmin(totals))
            found += self.blocks[b].members(int(choices.choices[chosen]), count, with_last=False)
            wanted = max(wanted - int(units[chosen]), 0)
        return found

    def _least(self, options: Options) -> float:
        return float(self._ends(options, self.resolution).min(initial=np.inf))

    def _ends(self, options: Options, wanted: int) -> FloatArray:
        ends: FloatArray = self._tables[-1][np.maximum(wanted - self._units(options), 0)] + options.costs
        return ends

    def _units(self, options: Options) -> IntArray:
        return units_of(options.shares, self.resolution)


def nothing_gathered(units: int) -> FloatArray:
    """Cost to gather each number of units up to the largest from nobody."""
    table = np.full(units + 1, UNREACHABLE)
    table[0] = 0.0
    return table


def with_options(table: FloatArray, shares: FloatArray, costs: FloatArray, resolution: int) -> FloatArray:
    """Cheapest cost to gather each number of units where one more block makes a choice.

    Parameters
    ----------
    table : FloatArray, R + 1
        The same without it; non-decreasing.
    shares : FloatArray, O
        Share of each choice, one of which is made.
    costs : FloatArray, O
        What it costs.
    resolution : int
        Units of a need of 1.
    """
    units = units_of(shares, resolution)
    after = np.full(len(table), 2.0 * UNREACHABLE)
    scratch = np.empty(len(table))
    for unit, cost in zip(np.minimum(units, len(table) - 1).tolist(), costs.tolist(), strict=True):
        shifted = scratch[: len(table) - unit]
        np.add(table[: len(table) - unit], cost, out=shifted)
        np.minimum(after[unit:], shifted, out=after[unit:])
        # With fewer units wanted than the choice has, it is enough alone.
        np.minimum(after[:unit], table[0] + cost, out=after[:unit])
    return after
