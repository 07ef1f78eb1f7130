"""The packing of least failure by kinds: prices of a linear program, and labels over how many devices are taken.

A packing is built group by group. What matters of the groups so far is how many devices of each kind they take, how
many filters they hold, and what they cost: of two ways to take the same devices, the one that costs more and holds no
more is dropped. So the work grows with the number of groups by kinds, not with that of the sets of devices.
"""

from __future__ import annotations

import itertools
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
    from rocoin_opt.grouping import Kinds, Reach
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

SHORTFALL = 10.0
"""Cost of a filter or a group that is lacking, in units of the best known cost: keeps the program feasible."""
MOST_PAIRS = 2_000_000
"""Pairs of a label and a group that are looked at in one step: some ten megabytes."""
SETS_A_PAIR = 30
"""Sets that a compiled search looks at in the time of one such pair."""
MOST_OF_KINDS = 62
"""Devices whose sets are bits of a number."""


class _Labels(NamedTuple):
    """Ways to begin a packing.

    ``used`` holds the devices taken as packed counts, ``room`` the filters, ``paid`` the prices of the devices,
    ``least`` what every packing costs that begins so, at least; ``before`` and ``row`` say which label and group it
    came from.
    """

    used: IntArray
    room: IntArray
    cost: FloatArray
    paid: FloatArray
    least: FloatArray
    before: IntArray
    row: IntArray

    def taken(self, rows: IntArray) -> _Labels:
        found: Any = tuple(column[rows] for column in self)
        return _Labels(*found)

    @classmethod
    def joined(cls, parts: list[_Labels]) -> _Labels:
        found: Any = tuple(np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(*found)


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
        Sets that a search may look at, at most, for an end without a clock; a pair of a label and a group counts for
        :data:`SETS_A_PAIR` of them.

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
        worst = min(value * (1.0 + ROUNDING), math.nextafter(1.0, 0.0))
        self.sets: KindSets = sets_by_kinds(instance, kinds, reach, worst)
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
        self.base = float(self._least(np.zeros(1), np.zeros(1), np.zeros(1), 0)[0])
        self.owed: FloatArray = sets.vectors.astype(np.float64) @ self.prices
        reduced: FloatArray = self.owed + self.costs + self.of_group - self.of_filter * sets.largest
        self.order: IntArray = np.argsort(reduced, kind="stable")
        self.reduced: FloatArray = reduced[self.order]
        self.bound = max(0.0, self.base + self.most * min(0.0, float(self.reduced[0])))
        # Counts of all kinds in one number, each with a bit above that shows where too many were taken away.
        counts = self.kinds.counts.tolist()
        places = list(itertools.accumulate((count.bit_length() + 1 for count in counts), initial=0))
        self.guards = sum(1 << place - 1 for place in places[1:])
        self.full = self.guards + sum(count << place for count, place in zip(counts, places, strict=False))
        self.masks: IntArray = (sets.vectors << np.array(places[:-1])).sum(axis=1)

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
        nothing = np.zeros(1, dtype=np.int64)
        zero = np.zeros(1)
        labels = _Labels(nothing, nothing, zero, zero, self._least(zero, nothing, zero, 0), nothing, nothing)
        stages, best, found, pairs = [labels], limit, (0, -1), 0
        for groups in range(1, self.most + 1):
            grown: list[_Labels] = []
            following = self._following(labels, best, groups)
            ends = np.cumsum(following)
            cuts = np.searchsorted(ends, np.arange(MOST_PAIRS, ends[-1], MOST_PAIRS)).tolist()
            for first, last in itertools.pairwise([0, *cuts, len(following)]):
                pairs += int(following[first:last].sum())
                if self.control.exhausted or SETS_A_PAIR * pairs > self.effort:
                    return Packed(self._trace(stages, found), best, finished=False)
                grown.append(self._grown(labels, np.arange(first, last), following[first:last], best, groups))
            labels = _undominated(_Labels.joined(grown), self.filters)
            stages.append(labels)
            if groups >= self.fewest:
                whole = np.flatnonzero(labels.room >= self.filters)
                if len(whole):
                    place = int(whole[np.argmin(labels.cost[whole])])
                    if labels.cost[place] < best:
                        best, found = float(labels.cost[place]), (groups, place)
                # A further group can only fail, too.
                labels = labels._replace(least=np.where(labels.room >= self.filters, np.inf, labels.least))
            if not (labels.least < best).any():
                break
        return Packed(self._trace(stages, found), best if found[1] >= 0 else math.inf, finished=True)

    def _following(self, labels: _Labels, best: float, groups: int) -> IntArray:
        """How many groups, the first by ascending reduced cost, may follow each label."""
        rest = (self.most - groups) * min(0.0, float(self.reduced[0]))
        return np.asarray(np.searchsorted(self.reduced, best - labels.least - rest))

    def _grown(self, labels: _Labels, rows: IntArray, following: IntArray, best: float, groups: int) -> _Labels:
        """Labels with one group more, where there are devices for it and a better packing may begin so.

        Parameters
        ----------
        labels : _Labels
            All of them.
        rows : IntArray
            Those that grow.
        following : IntArray
            How many groups may follow each.
        best : float
            Cost that packings have to be below.
        groups : int
            Groups of the labels that are made.
        """
        before = np.repeat(rows, following)
        row = self.order[np.arange(len(before)) - np.repeat(np.cumsum(following) - following, following)]
        fits = ((self.full - labels.used[before]) - self.masks[row]) & self.guards == self.guards
        before, row = before[fits], row[fits]
        cost, paid = labels.cost[before] + self.costs[row], labels.paid[before] + self.owed[row]
        room = labels.room[before] + self.sets.largest[row]
        least = self._least(cost, room, paid, groups) + (self.most - groups) * min(0.0, float(self.reduced[0]))
        kept = np.flatnonzero((least < best) & (cost < best))
        grown = _Labels(labels.used[before] + self.masks[row], room, cost, paid, least, before, row)
        return grown.taken(kept)

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
        lowest = min(0.0, float(self.reduced[0]))
        return self.order[self.base + self.reduced + (self.most - 1) * lowest <= limit]

    def plan(self, rows: tuple[int, ...]) -> Plan | None:
        """A valid plan of a packing; None where rounding decides against it."""
        sets, chosen = self.sets, list(rows)
        groups = [tuple(np.repeat(np.arange(len(vector)), vector).tolist()) for vector in sets.vectors[chosen]]
        members = self.kinds.expanded(groups)
        masks = np.array([mask_of(group) for group in members], dtype=np.int64)
        served = ServingSets(masks, masks, sets.outage[chosen], sets.largest[chosen], self.reach, 0.0, complete=True)
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
