"""Partitions of an instance's filters by one criterion, within limits on the part sizes, each limit looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.knowledge import (
    LARGE,
    Criterion,
    SizeRanges,
    are_within,
    best_parts,
    contiguous_partition,
    eigen_seconds,
    estimated_affinity,
    estimation_seconds,
    find_parts,
    is_small,
    lower_bound,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.lexicographic.part_sizes import Limits
    from rocoin_opt.instance import Instance, IntArray

DIGITS = 9
"""Decimals to which values are compared: the others are rounding."""
DESCENTS = 4
"""Refinements for each vector of limits."""
POLISHING_WORK = 100_000
"""Filters times parts that are refined for the limits chosen in the end: seconds, and more with class evidence."""
READING_SECONDS = 1e-7
"""Seconds for each pair of filters that it takes to look through a graph: 0.1 s for 1,024 filters."""
NO_TIME = 5e-3
"""Seconds of an eigenvalue problem that is solved whatever the clock says: that of some 250 filters."""
MAX_DESCENTS = 100
"""Refinements for these limits: local optima are many."""


class Cut(NamedTuple):
    """A partition: the part of each filter, parts by descending size, and its value."""

    labels: IntArray
    value: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """Filters of each part, descending."""
        return tuple(np.bincount(self.labels).tolist())


class PartSearch:
    """Low values of a criterion within limits on part sizes.

    Parameters
    ----------
    instance : Instance
        With a filter graph.
    criterion : {'ncut', 'cut', 'resilient'}
        What partitions are judged by; ``resilient`` takes the instance's class affinities, or estimates them.
    control : Control
        Limit and seed.
    bound_rounds : int, optional
        Effort of the bounds, see :func:`rocoin_opt.knowledge.partitioning.lower_bound`; 0 is the quickest.

    Raises
    ------
    UnsupportedError
        If the instance has no filter graph.
    InputError
        If there is no such criterion.
    """

    def __init__(self, instance: Instance, criterion: str, control: Control, *, bound_rounds: int | None = 0) -> None:
        knowledge = instance.knowledge
        if knowledge.graph is None:
            raise UnsupportedError(
                f"{instance.name}: partitions are judged by a filter graph; knowledge.graph is missing"
            )
        self.instance, self.control, self.bound_rounds = instance, control, bound_rounds
        self.total = knowledge.num_filters
        self._weights = knowledge.graph.dense(self.total)
        affinity = knowledge.class_affinity
        self._affinity = None if affinity is None else affinity.values
        if criterion == "resilient" and affinity is None:
            # The guess belongs to the graph, whatever the number of parts is.
            self._affinity = estimated_affinity(self._weights / (float(self._weights.max(initial=0.0)) or 1.0))
        self._judged = Criterion.of(criterion, self._weights, 1, self._affinity)
        self._criteria: dict[int, Criterion] = {}
        self._cuts: dict[Limits, Cut] = {}
        self._polished: dict[Limits, Cut] = {}
        self._bounds: dict[Limits, float] = {}
        # The weight of all edges is the unit of the cut; the other criteria have none.
        self.unit = float(self._weights.sum()) / 2.0 or 1.0 if self.criterion(1).name == "cut" else 1.0

    @staticmethod
    def seconds_to_begin(instance: Instance, criterion: str) -> float:
        """About how long it takes before the first partition can be judged, which nothing can stop."""
        total, is_guessed = instance.knowledge.num_filters, instance.knowledge.class_affinity is None
        seconds = READING_SECONDS * total**2
        return seconds + estimation_seconds(total) if criterion == "resilient" and is_guessed else seconds

    def criterion(self, parts: int) -> Criterion:
        """The criterion for so many parts."""
        if parts not in self._criteria:
            # All of them share one graph: copies of it for every number of parts would fill the memory.
            self._criteria[parts] = self._judged.for_parts(parts)
        return self._criteria[parts]

    def value(self, labels: IntArray) -> float:
        """Value of a partition, M labels of 0 to K - 1."""
        return self.criterion(int(labels.max()) + 1).value(labels)

    def rank(self, value: float) -> float:
        """A value for comparisons: equal for values that differ by rounding only."""
        return round(value / self.unit, DIGITS)

    def within(self, limits: Limits, starts: Sequence[IntArray] = ()) -> Cut:
        """Find a partition of a low value within limits.

        Parameters
        ----------
        limits : tuple of int
            Largest size of each part, descending, at least 1; together at least M.
        starts : sequence of IntArray
            Partitions to better; they too are within the limits, largest part first.

        Returns
        -------
        Cut
            Not worse than a start, nor than what was found within these or tighter limits before.
        """
        known = [cut for cut in self._cuts.values() if are_within(cut.sizes, limits)]
        if limits not in self._cuts:
            wider = [
                cut for other, cut in self._cuts.items() if are_within(limits, other) and are_within(cut.sizes, limits)
            ]
            # What is best within wider limits is best within these too if it keeps them.
            known += wider or [self._found(limits, self._descents(len(limits)), starts)]
        known += [Cut(labels, self.value(labels)) for labels in starts]
        self._cuts[limits] = min(known, key=lambda cut: self.rank(cut.value))
        return self._cuts[limits]

    def sized(self, sizes: Sequence[int]) -> IntArray:
        """Find a partition of a low value, in which part k has ``sizes[k]`` filters."""
        ranges = SizeRanges.of(self.total, len(sizes), sizes)
        return self._labels(ranges, self._descents(len(sizes)), ())

    def _descents(self, parts: int) -> int:
        """Refinements for limits; of very many filters and parts one takes long enough."""
        return 1 if self.is_large(parts) else DESCENTS

    def is_large(self, parts: int) -> bool:
        """Whether a search for one partition takes so long that there is no time for many."""
        return self.total * parts > LARGE

    def polished(self, cut: Cut, limits: Limits) -> Cut:
        """Look longer for a better partition within limits; the same one where there is none."""
        if self.control.exhausted or any(
            are_within(limits, wider) and cut is done for wider, done in self._polished.items()
        ):
            return cut
        descents = POLISHING_WORK // (self.total * len(limits))
        if self.is_large(len(limits)):
            return cut
        descents = min(max(descents, DESCENTS), MAX_DESCENTS)
        found = self._found(limits, descents, [cut.labels])
        best = min(cut, found, key=lambda other: self.rank(other.value))
        self._cuts[limits] = self._polished[limits] = best
        return best

    def bound(self, limits: Limits) -> float:
        """Valid lower bound on the value of all partitions within limits; 0 where there is no time for another one."""
        if limits not in self._bounds and self.control.exhausted and eigen_seconds(self.total) > NO_TIME:
            return 0.0
        if limits not in self._bounds:
            self._bounds[limits] = self._bound(limits)
        return self._bounds[limits]

    def _bound(self, limits: Limits) -> float:
        criterion, ranges = self.criterion(len(limits)), self._ranges(limits)
        if is_small(criterion, ranges):
            # Found by enumeration, the best value is its own bound.
            return self.within(limits).value
        if self.control.exhausted:
            return lower_bound(criterion, ranges, rounds=0)
        return lower_bound(criterion, ranges, rounds=self.bound_rounds, control=self.control)

    def _found(self, limits: Limits, descents: int, starts: Sequence[IntArray]) -> Cut:
        labels = self._labels(self._ranges(limits), descents, starts)
        by_size = np.argsort(-np.bincount(labels, minlength=len(limits)), kind="stable")
        rank = np.empty(len(limits), dtype=np.int64)
        rank[by_size] = np.arange(len(limits))
        return Cut(rank[labels], self.value(rank[labels]))

    def _labels(self, ranges: SizeRanges, descents: int, starts: Sequence[IntArray]) -> IntArray:
        criterion, control = self.criterion(ranges.parts), self.control
        if is_small(criterion, ranges):
            return best_parts(criterion, ranges)[0]
        return find_parts(criterion, ranges, control.seed, starts, descents=descents, control=control)

    def _ranges(self, limits: Limits) -> SizeRanges:
        return SizeRanges.of(self.total, len(limits), [(1, limit) for limit in limits])


def sized_parts(instance: Instance, criterion: str, sizes: Sequence[int], control: Control) -> IntArray:
    """Cut an instance's filters into parts of given sizes: by the graph, or in their order where time is up.

    Parameters
    ----------
    instance : Instance
        With a filter graph.
    criterion : {'ncut', 'cut', 'resilient'}
        Criterion for partitions.
    sizes : sequence of int
        Filters of each part.
    control : Control
        Limit and seed.

    Returns
    -------
    IntArray, M
        Part of each filter.
    """
    if not control.has_time_for(PartSearch.seconds_to_begin(instance, criterion)):
        return contiguous_partition(sizes)
    return PartSearch(instance, criterion, control).sized(sizes)
