"""Disjoint groups at a threshold, and the random exchanges that let them deliver more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import ThresholdProblem, plan_with_best_sizes
from rocoin_opt.heuristics.exchange import best_exchange, covering_capacities
from rocoin_opt.instance import SAFETY
from rocoin_opt.plan import group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

SMALLEST_POOL, LARGEST_POOL = 10, 12
"""Devices that one step shares out, P: it looks at 2^P subsets."""
SPARES_TAKEN = 3
"""Spares among them, at least, as long as there are so many."""
PRICE = 0.05
"""Largest price of a device in a step: filters for each filter that it delivers and each cover's worth of its share."""


class DisjointGroups:
    """Groups, what they deliver at the present threshold, and the useful devices in none of them.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the threshold.
    groups : sequence of sequences of int
        Device indices of the groups to begin with.
    threshold : float
        T in seconds.
    seed : int
        Seed of the random choices.

    Attributes
    ----------
    most : int
        Number of groups that there may be.
    """

    def __init__(
        self, instance: Instance, objective: Objective, groups: Sequence[Sequence[int]], threshold: float, seed: int
    ) -> None:
        self.instance = instance
        # Late replicas never help: at a threshold guaranteed asks the same as worst.
        self.objective: Objective = "worst" if objective == "guaranteed" else objective
        self.random = np.random.default_rng(seed)
        self.groups = [list(group) for group in groups]
        grouped = {n for group in groups for n in group}
        self.spares = [n for n in range(len(instance.devices)) if n not in grouped]
        self.lower(threshold)
        shares = instance.arrays.cover_share[self.useful]
        possible = min(instance.max_groups, instance.knowledge.num_filters, math.floor(shares.sum() + SAFETY))
        self.most = max(1, len(groups), possible)
        # Two groups of the usual size, and spares to choose from.
        usual = len(shares) / max(float(shares.sum()), 1.0)
        self.pool_size = min(max(2 * math.ceil(usual) + SPARES_TAKEN, SMALLEST_POOL), LARGEST_POOL)

    def lower(self, threshold: float) -> None:
        """Go on at a lower threshold."""
        self.problem = ThresholdProblem(self.instance, self.objective, threshold)
        self.useful = self.problem.allowed.max(axis=1) > 0
        self.alone = self.problem.timely.max(axis=1)
        # Thresholds only fall: who is useless now will be of no use later.
        self.spares = [n for n in self.spares if self.useful[n]]
        self.capacities = covering_capacities(self.problem, self.groups)
        self.total = sum(self.capacities)
        self.serving = sum(capacity > 0 for capacity in self.capacities)

    @property
    def suffice(self) -> bool:
        """Whether there are enough groups and all filters find a place."""
        wanted = self.instance.knowledge.num_filters
        return self.total >= wanted and self.serving >= self.instance.requirements.min_groups

    def plan(self) -> Plan | None:
        """Plan of the groups with optimal students and sizes; None where they do not suffice.

        Shares that sum to 1 but for their rounding can belong to devices that miss the limit. Such groups are given up.
        """
        # The last group takes the place of one that goes, so they are looked at from the last on.
        for k in reversed(range(len(self.groups) if self.suffice else 0)):
            if not group_keeps_limit(self.instance, self.groups[k]):
                self.spares += self.groups[k]
                self._replace(k, [], 0)
        if not self.suffice:
            return None
        serving = [group for group, capacity in zip(self.groups, self.capacities, strict=True) if capacity > 0]
        return plan_with_best_sizes(self.instance, serving, self.objective)

    def step(self) -> None:
        """Share two random groups, one of which may be new, and some spares out in the best way at random prices."""
        draws = iter(self.random.random(2 + 2 * self.pool_size).tolist())
        # The slot behind the groups stands for a new one.
        slots = min(len(self.groups) + 1, self.most)
        first, second = int(next(draws) * slots), int(next(draws) * (slots - 1))
        second += second >= first
        left = [list(self.groups[k]) if k < len(self.groups) else [] for k in (first, second)]
        pool: list[int] = []
        # Members of large groups that are not drawn stay where they are.
        for _ in range(max(self.pool_size - SPARES_TAKEN, self.pool_size - len(self.spares))):
            position = int(next(draws) * (len(left[0]) + len(left[1])))
            side, position = (0, position) if position < len(left[0]) else (1, position - len(left[0]))
            if left[side]:
                pool.append(_draw(left[side], position))
        while len(pool) < self.pool_size and self.spares:
            pool.append(_draw(self.spares, int(next(draws) * len(self.spares))))
        self._share_out(pool, (first, second), (left[0], left[1]), second_open=slots > 1)

    def _share_out(
        self, pool: list[int], slots: tuple[int, int], fixed: tuple[list[int], list[int]], *, second_open: bool
    ) -> None:
        most = self.instance.arrays.cover_share[pool] * self.alone[pool]
        serving = sum(k < len(self.groups) and self.capacities[k] > 0 for k in slots)
        # Where groups are too few, a second one is worth more than any filters.
        too_few = self.serving - serving + 2 <= self.instance.requirements.min_groups
        found = best_exchange(
            self.problem,
            pool,
            fixed,
            PRICE * most * self.random.random(len(pool)),
            both_count=float(self.instance.knowledge.num_filters if too_few else 0),
            second_open=second_open,
        )
        taken = {*found.members[0], *found.members[1]}
        self.spares += [n for n in pool if n not in taken]
        # The later slot first: the last group takes the place of one that is gone.
        for i in (0, 1) if slots[0] > slots[1] else (1, 0):
            self._replace(slots[i], found.members[i], found.capacities[i])

    def _replace(self, k: int, members: list[int], capacity: int) -> None:
        """Change, add or drop a group."""
        if k == len(self.groups) and members:
            self.groups.append([])
            self.capacities.append(0)
        if k < len(self.groups):
            self.total += capacity - self.capacities[k]
            self.serving += (capacity > 0) - (self.capacities[k] > 0)
            self.groups[k], self.capacities[k] = members, capacity
            if not members:
                self.groups[k], self.capacities[k] = self.groups[-1], self.capacities[-1]
                self.groups.pop()
                self.capacities.pop()


def _draw(devices: list[int], position: int) -> int:
    """Take a device out; the last one takes its place."""
    devices[position], devices[-1] = devices[-1], devices[position]
    return devices.pop()
