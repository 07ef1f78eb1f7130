"""Local search for the expected answer time, or the answer in time: two groups at a time are shared out anew.

There is no threshold here that would tell how much is enough: every replica counts, the slow ones a little. So a step
takes two groups, or one group and an empty one, and some spares; their devices are shared in the best way at some
sizes, then the filters in the best way between these devices, in turns. It also tries to make one group of two. A step
may lose a little against the best groups so far, ever less towards the end (record-to-record travel, Dueck 1993):
without that, searches of large fleets end in very different local optima.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure import allowed_failure, missed_success
from rocoin_opt.grouping import ExpectedModel
from rocoin_opt.heuristics.expected.valuation import valuation_of
from rocoin_opt.instance import ROUNDING
from rocoin_opt.plan import IndexedGroup, indexed_groups, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

LARGEST_POOL = 9
"""Devices that one step shares out, P: it looks at 2^P ways."""
SPARES_TAKEN = 2
"""Spares among them, at most."""
ROUNDS = 4
"""Turns of devices and filters in one step, at most; fewer leave a step short of the best, which it may need."""
MARGIN = ROUNDING
"""Relative gain below which a step only moves rounding."""
NOBODY = IndexedGroup((), 0, 0)
"""The group that is not there yet."""


class ExpectedDescent:
    """Groups that the search stands at, and the best ones so far.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, independent devices, a deadline.
    plan : Plan
        A valid plan to begin with.
    seed : int
        Seed of the random choices.
    objective : {'expected', 'failure', 'missing'}
        What groups are valued by.
    deadline : float, optional
        Another deadline than that of the instance; where there is none, only crashes count.

    Attributes
    ----------
    value : float
        That of the best groups: E[min(X, D)] in seconds, ``-ln P(X <= D)`` or the missing share.
    """

    def __init__(
        self,
        instance: Instance,
        plan: Plan,
        seed: int,
        objective: Objective = "expected",
        deadline: float | None = None,
    ) -> None:
        if objective != "expected" and deadline is None and instance.requirements.deadline_seconds is None:
            deadline = math.inf
        self.model = ExpectedModel(instance, deadline)
        self.valuation, self.is_failure = valuation_of(self.model, objective), objective == "failure"
        self.random = np.random.default_rng(seed)
        self.blocks = indexed_groups(self.model.instance, plan)
        self.now = self.value = self.valuation.value(self.blocks)
        self.best = self.blocks
        self.surely = _Surely.of(instance, plan)

    @property
    def figure(self) -> float:
        """The value of the best groups as the objective has it."""
        return -math.expm1(-self.value) if self.is_failure else self.value

    def plan(self) -> Plan:
        """The best groups as a plan."""
        return plan_of(self.model.instance, self.best)

    def step(self, allowance: float) -> bool:
        """Share out two groups; whether the best value fell.

        Parameters
        ----------
        allowance : float
            Relative distance from the best value within which a step may lose.
        """
        pair = self._pair()
        others = [block for block in self.blocks if pair and block not in pair]
        candidates: list[tuple[IndexedGroup, ...] | None] = []
        if pair:
            candidates = [self._shared(others, pair), *self._merged(pair, len(others))]
        if len(self.blocks) == 1:
            candidates += self._joined(self.blocks[0])
        candidates += self._with_other_students(pair or (self.blocks[0],))
        changes = [
            [*others, *new]
            for new in candidates
            if new is not None and set(new) != set(pair or ()) and all(map(self.model.is_valid, new))
        ]
        if self.surely is not None:
            changes = [blocks for blocks in changes if self.surely.is_kept(blocks)]
        if not changes:
            return False
        values = [self.valuation.value(blocks) for blocks in changes]
        value = min(values)
        # Steps near to the best value are taken even where they lose against the present one.
        if value < max(self.now, self.value * (1.0 + allowance)):
            self.blocks, self.now = changes[values.index(value)], value
        if value >= self.value * (1.0 - MARGIN):
            return False
        self.best, self.value = self.blocks, value
        return True

    def _pair(self) -> tuple[IndexedGroup, IndexedGroup] | None:
        """Two groups, or one and the empty one; None for a single group that cannot be divided."""
        count = len(self.blocks)
        first, second = int(self.random.integers(count)), int(self.random.integers(count))
        if first != second:
            return self.blocks[first], self.blocks[second]
        if count < self.model.most and self.blocks[first].size > 1:
            return self.blocks[first], NOBODY
        return None if count == 1 else (self.blocks[first], self.blocks[(first + 1) % count])

    def _shared(
        self, others: Sequence[IndexedGroup], pair: tuple[IndexedGroup, IndexedGroup]
    ) -> tuple[IndexedGroup, IndexedGroup] | None:
        """Share devices and filters in turns, from the present sizes or from random ones."""
        total = pair[0].size + pair[1].size
        pool, fixed = self._pool(pair)
        size = pair[0].size
        # Random sizes lead to splits that turns from the present ones do not reach.
        if pair[1] is NOBODY or self.random.random() < 0.5:
            size = int(self.random.integers(1, total))
        best: tuple[IndexedGroup, IndexedGroup] | None = None
        gained = -np.inf
        for _ in range(int(self.random.integers(1, ROUNDS + 1))):
            parts = self._part(pool, fixed[0], size), self._part(pool, fixed[1], total - size)
            if parts[0] is None or parts[1] is None:
                break
            members = self.valuation.share_devices(others, pool, fixed, (parts[0], parts[1]))
            shared = None if members is None else self.valuation.share_filters(others, members, total)
            if shared is None or shared[1] <= gained:
                break
            best, gained = shared
            size = best[0].size
        return best

    def _merged(self, pair: tuple[IndexedGroup, IndexedGroup], others: int) -> list[tuple[IndexedGroup]]:
        """One group of both groups' devices, with each student that may be best."""
        if pair[1] is NOBODY or others + 1 < self.model.fewest:
            return []
        together = self.model.blocks((*pair[0].members, *pair[1].members), pair[0].size + pair[1].size)
        return [(block,) for block in together]

    def _with_other_students(self, groups: Sequence[IndexedGroup]) -> list[tuple[IndexedGroup, ...]]:
        """The groups with one of them running another student; none where one student is best for its devices."""
        if not self.model.has_tables:
            return []
        return [
            tuple(other if block is group else block for block in groups if block is not NOBODY)
            for group in groups
            if group is not NOBODY
            for other in self.model.blocks(group.members, group.size)
        ]

    def _joined(self, block: IndexedGroup) -> list[tuple[IndexedGroup]]:
        """A lone group, with each of the spares that have room: no second group shares these out."""
        room = self.model.arrays.largest[:, block.student] >= block.size
        spares = [n for n in np.flatnonzero(room).tolist() if n not in block.members]
        return [(IndexedGroup((*block.members, n), block.student, block.size),) for n in spares]

    def _pool(self, pair: tuple[IndexedGroup, IndexedGroup]) -> tuple[list[int], tuple[list[int], list[int]]]:
        """Devices to share out, at random where there are too many, and those that stay."""
        used = {n for block in self.blocks for n in block.members}
        spares = [n for n in range(len(self.model.weights)) if n not in used]
        taken = self.random.permutation(spares)[:SPARES_TAKEN].astype(int).tolist()
        members = [*pair[0].members, *pair[1].members]
        moved = set(self.random.permutation(members)[: LARGEST_POOL - len(taken)].tolist())
        first, second = ([n for n in block.members if n not in moved] for block in pair)
        return sorted([*moved, *taken]), (first, second)

    def _part(self, pool: Sequence[int], fixed: Sequence[int], size: int) -> tuple[int, int] | None:
        """A student for a size: the lightest that the staying devices can hold, or one with room on most devices."""
        largest = self.model.arrays.largest
        room = largest[list(fixed)].min(axis=0) if fixed else largest[list(pool)].max(axis=0)
        if self.random.random() < 0.5:
            room = np.minimum(room, np.median(largest[[*pool, *fixed]], axis=0).astype(np.int64))
        if self.model.has_tables and self.random.random() < 0.5:
            # What is fast on all of them together need not be so on those that matter.
            able = np.flatnonzero(room >= size)
            return (int(self.random.choice(able)), size) if len(able) else None
        student = int(self.model.lightest(room, np.array([size]), [*pool, *fixed])[0])
        return None if student < 0 else (student, size)


class _Surely:
    """The least probability of the whole answer that an instance asks for, which a search that keeps it has to keep."""

    def __init__(self, instance: Instance, limit: float) -> None:
        self.valuation = valuation_of(ExpectedModel(instance, self._end(instance)), "failure")
        # Short of the limit by rounding, so that what is kept here is kept by the evaluator.
        self.most = -math.log1p(-limit) * (1.0 - ROUNDING)

    @classmethod
    def of(cls, instance: Instance, plan: Plan) -> _Surely | None:
        """None where nothing is asked for, or a plan misses it from the first."""
        limit = allowed_failure(instance)
        if limit >= 1.0 or missed_success(instance, plan) is not None:
            return None
        return cls(instance, limit)

    @staticmethod
    def _end(instance: Instance) -> float:
        deadline = instance.requirements.deadline_seconds
        return math.inf if deadline is None else deadline

    def is_kept(self, blocks: Sequence[IndexedGroup]) -> bool:
        """Whether groups answer as surely as asked for."""
        return self.valuation.value(blocks) <= self.most
