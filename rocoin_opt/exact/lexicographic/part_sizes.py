"""Which part sizes the groups of a plan can have at a threshold: the packings behind a vector of sizes.

A vector of part sizes is possible exactly if disjoint groups can take them, the largest part in the roomiest group and
so on. Integer programs over all minimal groups decide that. What makes a vector impossible is mostly a part of it only,
a *conflict*, which rules out many other vectors too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.exact.lexicographic.set_packing import Demand, Verdict, decide
from rocoin_opt.grouping import minimal_groups, roomiest_choices
from rocoin_opt.knowledge import are_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import IntArray

    Members: TypeAlias = tuple[int, ...]
    Limits: TypeAlias = tuple[int, ...]
    Conflict: TypeAlias = tuple[tuple[int, int], ...]
    """Pairs of a count and a size: no packing has, for all pairs, so many groups that take a part of that size."""

MAX_GROUPS = 2_000
"""Minimal groups up to which packings are looked for; beyond, only the known one counts."""


class PartSizes:
    """The sizes that parts can have.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    known : sequence of tuples of int
        Device indices of the groups of a valid plan within the threshold.
    control : Control
        Limit and seed.
    """

    def __init__(self, problem: ThresholdProblem, known: Sequence[Members], control: Control) -> None:
        self.problem, self.control = problem, control
        self.wanted = problem.instance.knowledge.num_filters
        self.groups = _allowed(problem, minimal_groups(problem, MAX_GROUPS, control))
        self.choices = None if self.groups is None else roomiest_choices(problem, self.groups)
        self._possible = problem.levels
        self._widest: list[int] = []
        self._levels: list[int] = [] if self.choices is None else np.unique(self.choices.most).tolist()
        self._packings: dict[Limits, list[Members]] = {}
        self._verdicts: dict[tuple[int, Conflict], Verdict] = {}
        self._conflicts: dict[int, list[Conflict]] = {}
        self.learn(known)

    def learn(self, groups: Sequence[Members], sizes: Sequence[int] = ()) -> Limits:  # noqa: ARG002 - of other classes
        """Remember disjoint groups that serve together; return the largest parts that they take, descending.

        Parameters
        ----------
        groups : sequence of tuples of int
            Device indices.
        sizes : sequence of int
            Parts that they do take, which do not matter here.
        """
        capacities = [int(self.problem.by_student(np.array([members])).max()) for members in groups]
        order = np.argsort([-capacity for capacity in capacities], kind="stable")
        limits = tuple(capacities[k] for k in order)
        self._packings.setdefault(limits, [tuple(groups[k]) for k in order])
        return limits

    def numbers_of_parts(self) -> range:
        """Numbers of parts that a plan may have, by the counting bound."""
        instance = self.problem.instance
        return range(instance.requirements.min_groups, int(self._possible.limits[0]) + 1)

    def largest(self, parts: int) -> Limits | None:
        """Descending limits that the sizes of so many parts keep in every plan; None where there is no such plan.

        The k-th largest part has no more than the largest size of which k groups are possible.
        """
        for k in range(len(self._widest) + 1, parts + 1):
            limit = self._possible.largest_of(k, self.wanted)
            self._widest.append(limit if self.choices is None else self.below(limit + 1))
        limits = self._widest[:parts]
        return tuple(limits) if limits[-1] >= 1 and sum(limits) >= self.wanted else None

    def below(self, size: int) -> int:
        """The largest capacity of a group below a size; 0 where there is none."""
        position = int(np.searchsorted(self._levels, size))
        return self._levels[position - 1] if position else 0

    def lowered(self, size: int) -> int:
        """The largest size that may be possible where one is not."""
        return self.below(size)

    def groups_for(self, sizes: Sequence[int]) -> list[Members] | None:
        """Disjoint groups that take parts of descending sizes, in this order; None where none were found."""
        for limits, groups in self._packings.items():
            if are_within(sizes, limits):
                return groups
        if self._known_conflict(sizes) is not None:
            return None
        verdict = self._ask(len(sizes), self._needed(sizes))
        if verdict.rows is None:
            return None
        assert self.choices is not None
        nobody = len(self.problem.weights)
        found = [tuple(n for n in row if n < nobody) for row in self.choices.members[verdict.rows].tolist()]
        return self._packings[self.learn(found)]

    def conflict(self, sizes: Sequence[int]) -> Conflict | None:
        """Say why no groups take parts of descending sizes; None where that is not proven.

        None of its pairs can be left out, nor its sizes be made smaller, as far as the solver can tell.
        """
        known = self._known_conflict(sizes)
        if known is not None:
            return known
        parts, conflict = len(sizes), self._needed(sizes)
        if not self._refuted(parts, conflict):
            return None
        # Fewer pairs and smaller sizes rule out more vectors, which is worth the solves.
        for pair in conflict:
            without = tuple(other for other in conflict if other != pair)
            if self._refuted(parts, without):
                conflict = without
        for position in range(len(conflict)):
            conflict = self._with_smaller_size(parts, conflict, position)
        self._conflicts.setdefault(parts, []).append(conflict)
        return conflict

    def _with_smaller_size(self, parts: int, conflict: Conflict, position: int) -> Conflict:
        """Bisect for the smallest size of one pair that still makes a conflict."""
        count, size = conflict[position]
        # Sizes between two capacities ask for the same groups.
        first, last = 0, int(np.searchsorted(self._levels, size))
        while first < last:
            middle = (first + last) // 2
            smaller = (*conflict[:position], (count, self._levels[middle]), *conflict[position + 1 :])
            if self._refuted(parts, smaller):
                conflict, last = smaller, middle
            else:
                first = middle + 1
        return conflict

    def _known_conflict(self, sizes: Sequence[int]) -> Conflict | None:
        for conflict in self._conflicts.get(len(sizes), ()):
            if all(sizes[count - 1] >= size for count, size in conflict):
                return conflict
        return None

    def _needed(self, sizes: Sequence[int]) -> Conflict:
        """What a packing must have for its groups to take the sizes."""
        # Of equal sizes the last one counts: k parts of a size take k groups that hold it.
        counts = {size: count for count, size in enumerate(sizes, start=1)}
        return tuple((count, size) for size, count in counts.items())

    def _refuted(self, parts: int, needed: Conflict) -> bool:
        verdict = self._ask(parts, needed)
        return verdict.rows is None and verdict.proven

    def _ask(self, parts: int, needed: Conflict) -> Verdict:
        """Whether some packing of all filters has so many groups, and the ones needed."""
        if self.choices is None:
            return Verdict(None, proven=False)
        if (parts, needed) not in self._verdicts:
            counts: dict[int, int] = {}
            # Sizes that were lowered may fall together: the larger count asks for more.
            for count, size in needed:
                counts[size] = max(count, counts.get(size, 0))
            demand = Demand.of_levels(self.problem, parts, counts, self.wanted)
            self._verdicts[parts, needed] = decide(self.choices, demand, self.control)
        return self._verdicts[parts, needed]


def _allowed(problem: ThresholdProblem, groups: IntArray | None) -> IntArray | None:
    """The groups that no rule keeps apart."""
    for rivals in problem.instance.restrictions.apart:
        if groups is not None:
            groups = groups[np.isin(groups, list(rivals)).sum(axis=1) <= 1]
    return groups
