"""Prices of devices, filters and groups, and what they prove about every packing of listed sets.

A packing takes disjoint sets S, each with a part of ``s`` filters, ``1 <= s <= v_S``, and costs the sum of ``a_S + b_S
s``. For any prices ``pi >= 0`` of devices, mu of a filter and sigma of a group, with K' the number of groups,

    cost  =  sum of r_S + mu M - sigma K' - (pi of the devices in groups),  r_S = a_S + pi(S) + sigma + (b_S - mu) s

so ``mu M - sum pi - max over K' of sigma K'``, and the *reduced costs* r_S on top, bound it from below. The reduced
cost of every set is at hand: a bound from the solver's prices is exact whatever the solver's tolerances are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer.outages import members
from rocoin_opt.grouping import Pricing, generate_columns, subset_sums
from rocoin_opt.highs import RestrictedMaster
from rocoin_opt.instance import LAST_DIGITS, SAFETY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.instance import FloatArray, IntArray

COLUMNS_A_ROUND = 200
"""Sets that one pricing adds at most."""
SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far."""
SHORTFALL = 10.0
"""Cost of a filter or a group that is lacking, in units of the best known cost: keeps the program feasible. Prices grow
no further, so that their differences keep their digits."""
CLOSE = 1e-4
"""Share of the bound by which the program may lie above it at the end."""
MAX_ROUNDS = 200


@dataclass(frozen=True, eq=False)
class Costs:
    """Cost ``fixed + per_filter * s`` of each set, in a unit near to the cost of a whole packing."""

    fixed: FloatArray
    per_filter: FloatArray


@dataclass(frozen=True)
class Wanted:
    """What is packed: filters in all, the fewest and the most groups, and the size of each part where these are given.

    Attributes
    ----------
    filters, fewest, most : int
        M, and limits on the number of groups.
    sizes : tuple of int
        Part sizes, descending; empty where they are free.
    """

    filters: int
    fewest: int
    most: int
    sizes: tuple[int, ...] = ()

    @classmethod
    def of_sizes(cls, sizes: Sequence[int]) -> Wanted:
        """Parts of these sizes."""
        return cls(sum(sizes), len(sizes), len(sizes), tuple(sorted(sizes, reverse=True)))

    @property
    def levels(self) -> tuple[IntArray, IntArray]:
        """Different part sizes, ascending, and how many parts are at least as large."""
        levels = np.unique(np.array(self.sizes, dtype=np.int64))
        return levels, np.array([sum(size >= level for size in self.sizes) for level in levels], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Reduced:
    """What the best prices prove.

    Attributes
    ----------
    base : float
        Bound without reduced costs.
    costs : FloatArray, one a set
        Reduced cost, with whichever part size costs least; below 0 by the solver's tolerance at most.
    """

    base: float
    costs: FloatArray

    def bound(self, most: int) -> float:
        """Lower bound on the cost of every packing."""
        return self.base + most * min(0.0, float(self.costs.min(initial=0.0)))


def relax_packing(sets: ServingSets, costs: Costs, wanted: Wanted, devices: int, control: Control) -> Reduced:
    """Solve the relaxation; wherever it stops, what the prices prove is valid.

    Parameters
    ----------
    sets : ServingSets
        At least one.
    costs : Costs
        One a set.
    wanted : Wanted
        What is packed.
    devices : int
        N.
    control : Control
        Limit.
    """
    program = _Program(sets, costs, wanted, devices, control)
    rounds = generate_columns(program.master.solve, program.price, control, smoothing=SMOOTHING)
    for number, step in enumerate(rounds, start=1):
        if number == MAX_ROUNDS or step.bound - step.solution.objective <= CLOSE * abs(step.bound):
            break
    return program.best


class _Program:
    """The restricted master, and pricing over all sets."""

    def __init__(self, sets: ServingSets, costs: Costs, wanted: Wanted, devices: int, control: Control) -> None:
        self.sets, self.costs, self.wanted, self.devices = sets, costs, wanted, devices
        self.levels, counts = wanted.levels
        # Rows of what sets hold: of each level, or of all filters, which are met exactly.
        held = -counts.astype(np.float64) if wanted.sizes else np.array([-float(wanted.filters)])
        self.held = held
        least = np.full(len(held), -math.inf) if wanted.sizes else held
        self.master = RestrictedMaster(
            np.concatenate([np.full(devices, -math.inf), least, [float(wanted.fewest)]]),
            np.concatenate([np.ones(devices), held, [float(wanted.most)]]),
            control,
        )
        for row in range(devices, devices + len(held) + 1):
            lack = 1.0 if row == devices + len(held) else -1.0
            self.master.add(np.array([-SHORTFALL]), np.array([0, 1]), np.array([row]), np.array([lack]))
        self.known: set[tuple[int, bool]] = set()
        # Free prices prove this much: no cost is below 0.
        self.best = Reduced(0.0, costs.fixed + np.minimum(costs.per_filter, costs.per_filter * sets.largest))

    def reduced(self, prices: FloatArray) -> tuple[float, FloatArray, IntArray]:
        """Bound without reduced costs, reduced costs, and the part size of each set that these come from."""
        paid, of_held, of_group = prices[: self.devices], prices[self.devices : -1], float(prices[-1])
        costs = self.costs.fixed + subset_sums(paid)[self.sets.masks] + of_group
        size = self.sets.largest
        if self.wanted.sizes:
            costs -= np.append(0.0, np.cumsum(of_held))[np.searchsorted(self.levels, size, side="right")]
        else:
            slope = self.costs.per_filter - float(of_held[0])
            size = np.where(slope > 0.0, 1, size)
            costs += slope * size
        groups = max(of_group * self.wanted.fewest, of_group * self.wanted.most)
        terms = [*(-of_held * self.held).tolist(), -float(paid.sum()), -groups]
        # Sums of terms that cancel keep the rounding of the largest.
        slack = 10.0 * LAST_DIGITS * sum(map(abs, terms))
        return math.fsum(terms) - slack, costs, size

    def price(self, prices: FloatArray, own: FloatArray) -> Pricing:
        """Add the sets that promise to cost less at the master's own prices, and prove a bound."""
        prices, own = (self.clipped(given) for given in (prices, own))
        base, costs, size = self.reduced(prices)
        found = Reduced(base, costs)
        if found.bound(self.wanted.most) > self.best.bound(self.wanted.most):
            self.best = found
        rows = (
            np.argpartition(costs, COLUMNS_A_ROUND)[:COLUMNS_A_ROUND]
            if len(costs) > COLUMNS_A_ROUND
            else np.arange(len(costs))
        )
        rows = rows[np.argsort(costs[rows], kind="stable")]
        truly = self.reduced(own)[1][rows]
        is_large = size[rows] > 1
        new = [
            (row, large)
            for row, large, cost in zip(rows.tolist(), is_large.tolist(), truly.tolist(), strict=True)
            if cost < -SAFETY and (row, large) not in self.known
        ]
        self.add(new)
        return Pricing(bool(new), prices, -found.bound(self.wanted.most))

    def clipped(self, prices: FloatArray) -> FloatArray:
        """Prices with those of rows that are limits from above at least 0, as they have to be for a bound."""
        limits = self.devices + (len(self.held) if self.wanted.sizes else 0)
        return np.concatenate([np.maximum(prices[:limits], 0.0), prices[limits:]])

    def add(self, columns: list[tuple[int, bool]]) -> None:
        """Add sets with their smallest or their largest part."""
        if not columns:
            return
        self.known.update(columns)
        rows: list[int] = []
        values: list[float] = []
        starts, gains = [0], []
        for row, large in columns:
            inside, size = members(int(self.sets.masks[row])), int(self.sets.largest[row]) if large else 1
            held = np.flatnonzero(self.levels <= size).tolist() if self.wanted.sizes else [0]
            rows += [*inside, *(self.devices + level for level in held), self.devices + len(self.held)]
            values += [*([1.0] * len(inside)), *([-1.0 if self.wanted.sizes else -float(size)] * len(held)), 1.0]
            starts.append(len(rows))
            # The master maximises.
            gains.append(-float(self.costs.fixed[row] + self.costs.per_filter[row] * size))
        self.master.add(np.array(gains), np.array(starts), np.array(rows), np.array(values))
