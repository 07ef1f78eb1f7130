"""The packing of least failure by kinds: prices of a linear program, and labels over how many devices are taken.

A packing is built group by group. What matters of the groups so far is how many devices of each kind they take, how
many filters they hold, and what they cost: of two ways to take the same devices, the one that costs more and holds no
more is dropped. So the work grows with the number of groups by kinds, not with that of the sets of devices.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.answer import Packed, ServingSets, mask_of, plan_of_sets
from rocoin_opt.exact.kinds.sets import KindSets, sets_by_kinds
from rocoin_opt.highs import RestrictedMaster
from rocoin_opt.instance import LAST_DIGITS, ROUNDING
from rocoin_opt.plan import SMALLEST_OUTAGE

if TYPE_CHECKING:
    from typing import Any

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.grouping.kinds import Kinds
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

SHORTFALL = 10.0
"""Cost of a filter or a group that is lacking, in units of the best known cost: keeps the program feasible."""
MOST_PAIRS = 2_000_000
"""Pairs of a label and a group that are looked at in one step: some ten megabytes."""
MOST_OF_KINDS = 62
"""Devices whose sets are bits of a number."""


class _Labels(NamedTuple):
    """Ways to begin a packing: devices taken as packed counts, filters held, cost, and where each came from."""

    used: IntArray
    room: IntArray
    cost: FloatArray
    before: IntArray
    row: IntArray

    def taken(self, rows: IntArray) -> _Labels:
        return _Labels(*(column[rows] for column in self))


class KindsAnswer:
    """Least failure as a packing by kinds; costs are ``-ln(1 - outage)`` in units of a known value.

    Parameters
    ----------
    instance : Instance
        Constant latencies, no failure domains, no rules of groups, at most :data:`MOST_OF_KINDS`.
    kinds : Kinds
        Its devices by kind; few enough groups, see :mod:`rocoin_opt.exact.kinds.sets`.
    reach : Reach
        What devices can do, and in what time.
    value : float
        Failure probability above which nothing is of interest, above 0 and below 1.
    control : Control
        Limit.
    effort : float
        Pairs of a label and a group that a search looks at, at most, for an end without a clock.

    Attributes
    ----------
    bound : float
        Cost that no packing is below; infinite where there is no packing of interest.
    """

    def __init__(
        self,
        instance: Instance,
        kinds: Kinds,
        reach: Reach,
        value: float,
        control: Control,
        effort: float = math.inf,
    ) -> None:
        self.instance, self.kinds, self.reach = instance, kinds, reach
        self.control, self.effort = control, effort
        self.unit = max(-math.log1p(-value), SMALLEST_OUTAGE)
        # A group alone that is worse than the whole plan is in no better one.
        self.sets: KindSets = sets_by_kinds(instance, kinds, reach, value * (1.0 + ROUNDING))
        self.costs: FloatArray = -np.log1p(-self.sets.outage) / self.unit
        requirements = instance.requirements
        self.filters, self.fewest, self.most = (
            instance.knowledge.num_filters,
            requirements.min_groups,
            instance.max_groups,
        )
        self.bound = math.inf
        if len(self.sets):
            self._price()

    def _price(self) -> None:
        """Solve the linear program; whatever its tolerances are, what its prices prove is valid."""
        kinds, sets = len(self.kinds.counts), self.sets
        lower = np.array([*([-math.inf] * (kinds + 1)), self.fewest], dtype=np.float64)
        upper = np.array([*self.kinds.counts, -self.filters, self.most], dtype=np.float64)
        master = RestrictedMaster(lower, upper, self.control)
        matrix: Any = sp.csc_array(np.column_stack([sets.vectors, -sets.largest, np.ones(len(sets))]).T)
        master.add(-self.costs, matrix.indptr, matrix.indices, matrix.data.astype(np.float64))
        for row, lack in ((kinds, -1.0), (kinds + 1, 1.0)):
            master.add(np.array([-SHORTFALL]), np.array([0, 1]), np.array([row]), np.array([lack]))
        solution = master.solve()
        prices = np.zeros(kinds + 2) if solution is None else solution.prices
        self.prices = np.maximum(prices[:kinds], 0.0)
        self.of_filter, self.of_group = max(float(prices[kinds]), 0.0), float(prices[kinds + 1])
        start = self._least(np.zeros(1), np.zeros(1), np.zeros(1), 0)
        spent = self.sets.vectors @ self.prices + self.costs + self.of_group - self.of_filter * sets.largest
        self.bound = max(0.0, float(start[0]) + self.most * min(0.0, float(spent.min())))

    def _least(self, cost: FloatArray, room: Any, paid: FloatArray, groups: int) -> FloatArray:
        """Cost of every packing that begins with labels, at least, but for groups of a negative reduced cost.

        Parameters
        ----------
        cost, room, paid : FloatArray, L
            Cost and filters of the labels, and the prices of their devices.
        groups : int
            Groups of each.
        """
        further = [self.of_group * (least - groups) for least in (max(self.fewest, groups), self.most)]
        terms = (self.of_filter * self.filters, float(self.kinds.counts @ self.prices), abs(self.of_group) * self.most)
        # Sums of terms that cancel keep the rounding of the largest.
        slack = 10.0 * LAST_DIGITS * (sum(terms) + 1.0)
        lacking = np.maximum(self.filters - room, 0)
        return np.asarray(cost + self.of_filter * lacking - (terms[1] - paid) - max(further) - slack)

    def cost(self, value: float) -> float:
        """Cost of a failure probability."""
        return -math.log1p(-value) / self.unit if value < 1.0 else math.inf

    def value(self, cost: float) -> float:
        """Failure probability of a cost, rounded down."""
        return -math.expm1(-cost * self.unit * (1.0 - ROUNDING))

    def search(self, limit: float) -> Packed:
        """The packing of least cost below a limit."""
        if len(self.sets) == 0:
            return Packed((), math.inf, finished=True)
        sets, counts = self.sets, self.kinds.counts
        bits = np.array([int(count).bit_length() + 1 for count in counts])
        places = np.concatenate([[0], np.cumsum(bits)[:-1]])
        guards = int(sum(1 << int(place + bit - 1) for place, bit in zip(places, bits, strict=True)))
        full = int(sum(int(count) << int(place) for count, place in zip(counts, places, strict=True))) | guards
        masks = (sets.vectors << places).sum(axis=1)
        owed = sets.vectors @ self.prices
        reduced = owed + self.costs + self.of_group - self.of_filter * sets.largest
        lowest = min(0.0, float(reduced.min()))
        start = _Labels(*(np.zeros(1, dtype=kind) for kind in (np.int64, np.int64, np.float64, np.int64, np.int64)))
        stages, labels, best, found, pairs = [start], start, limit, (0, -1), 0
        for groups in range(1, self.most + 1):
            grown: list[_Labels] = []
            step = max(1, MOST_PAIRS // len(sets))
            for first in range(0, len(labels.used), step):
                part = labels.taken(np.arange(first, min(first + step, len(labels.used))))
                pairs += len(part.used) * len(sets)
                if self.control.exhausted or pairs > self.effort:
                    return Packed(self._trace(stages, found), best, finished=False)
                cost = part.cost[:, None] + self.costs
                fits = (((full - part.used[:, None]) - masks) & guards == guards) & (cost < best)
                before, row = np.nonzero(fits)
                used, room = part.used[before] + masks[row], part.room[before] + sets.largest[row]
                taken = (used[:, None] >> places) & ((1 << (bits - 1)) - 1)
                least = self._least(cost[before, row], room, taken @ self.prices, groups)
                least += (self.most - groups) * lowest
                kept = np.flatnonzero(least < best)
                grown.append(
                    _Labels(used[kept], room[kept], cost[before[kept], row[kept]], before[kept] + first, row[kept])
                )
            labels = _undominated(_Labels(*(np.concatenate(column) for column in zip(*grown, strict=True))), self.filters)
            stages.append(labels)
            if groups >= self.fewest:
                whole = np.flatnonzero(labels.room >= self.filters)
                if len(whole):
                    place = int(whole[np.argmin(labels.cost[whole])])
                    if labels.cost[place] < best:
                        best, found = float(labels.cost[place]), (groups, place)
                # A further group can only fail, too.
                labels = labels._replace(cost=np.where(labels.room >= self.filters, np.inf, labels.cost))
            if not (labels.cost < best).any():
                break
        return Packed(self._trace(stages, found), best if found[1] >= 0 else math.inf, finished=True)

    @staticmethod
    def _trace(stages: list[_Labels], found: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
        """The groups of a label."""
        groups, place = found
        rows: list[int] = []
        while groups > 0:
            rows.append(int(stages[groups].row[place]))
            place = int(stages[groups].before[place])
            groups -= 1
        return (tuple(rows),) if rows else ()

    def tied(self, limit: float) -> IntArray:
        """Groups that a packing of a cost up to a limit can have, by their prices."""
        reduced = self.sets.vectors @ self.prices + self.costs + self.of_group - self.of_filter * self.sets.largest
        base = float(self._least(np.zeros(1), np.zeros(1), np.zeros(1), 0)[0])
        return np.flatnonzero(base + reduced + (self.most - 1) * min(0.0, float(reduced.min())) <= limit)

    def plan(self, rows: tuple[int, ...]) -> Plan | None:
        """A valid plan of a packing; None where rounding decides against it."""
        sets, chosen = self.sets, list(rows)
        groups = [tuple(np.repeat(np.arange(len(vector)), vector).tolist()) for vector in sets.vectors[chosen]]
        members = self.kinds.expanded(groups)
        masks = np.array([mask_of(group) for group in members], dtype=np.int64)
        served = ServingSets(
            masks, masks, sets.outage[chosen], sets.largest[chosen], self.reach, 0.0, complete=True
        )
        return plan_of_sets(self.instance, served, range(len(chosen)), by_outage=False)


def _undominated(labels: _Labels, filters: int) -> _Labels:
    """Of labels with the same devices those that cost less or hold more, up to all filters, than each other one."""
    room = np.minimum(labels.room, filters)
    order = np.lexsort((-room, labels.cost, labels.used))
    labels, room = labels.taken(order), room[order]
    if len(room) == 0:
        return labels
    group = np.concatenate([[0], np.cumsum(np.diff(labels.used) != 0)])
    rising = group * (filters + 1) + room
    highest = np.maximum.accumulate(rising)
    return labels.taken(np.flatnonzero(np.concatenate([[True], rising[1:] > highest[:-1]])))
