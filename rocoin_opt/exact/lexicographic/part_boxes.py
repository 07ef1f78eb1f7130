"""Better partitions at no cost of latency: the best one over all part sizes that groups can have within a threshold.

Best first over boxes of part sizes. The best partition within a box is attained if groups can take its sizes. If not, a
conflict says which of them are too large together, and every other vector of sizes lies in one of a few smaller boxes.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.exact.lexicographic.part_search import Cut, PartSearch
    from rocoin_opt.exact.lexicographic.part_sizes import Conflict, Limits, PartSizes
    from rocoin_opt.instance import IntArray
    from rocoin_opt.plan import Members

MAX_BOXES = 100
"""Boxes of part sizes that one search looks at."""


class Found(NamedTuple):
    """The best partition found, and what it costs to better it.

    Attributes
    ----------
    groups : list of tuples of int
        Device indices; group k can take part k.
    cut : Cut
        Parts by descending size.
    bound : float
        Valid lower bound on the criterion over all plans within the threshold.
    """

    groups: list[Members]
    cut: Cut
    bound: float


def best_attainable(vectors: PartSizes, parts: PartSearch, groups: Sequence[Members], labels: IntArray | None) -> Found:
    """Look for groups, part sizes and filters of the best criterion within a threshold.

    Parameters
    ----------
    vectors : PartSizes
        Which sizes groups can take at the threshold.
    parts : PartSearch
        The criterion.
    groups : sequence of tuples of int
        Device indices of the groups of a valid plan within the threshold.
    labels : IntArray, M, optional
        Part of each filter in that plan, parts by descending size.

    Returns
    -------
    Found
        Not worse than the labels. The bound meets the value where the bounds of the parts do, and every vector of sizes
        that could be better is proven impossible.
    """
    search = _Search(vectors, parts)
    search.take(groups, [] if labels is None else [labels])
    search.run()
    search.polish()
    return search.found()


def least_bound(vectors: PartSizes, parts: PartSearch) -> float:
    """Lower bound on the criterion over all plans within the threshold, without a search: that of the first boxes."""
    least = math.inf
    for number in vectors.numbers_of_parts():
        limits = vectors.largest(number)
        if limits is not None:
            least = min(least, parts.bound(limits))
        if least == 0.0:
            break
    return least if least < math.inf else 0.0


class _Search:
    """Open boxes by what they promise; the best partition that groups can take; what the other boxes leave possible."""

    def __init__(self, vectors: PartSizes, parts: PartSearch) -> None:
        self.vectors, self.parts, self.control = vectors, parts, vectors.control
        self.groups: list[Members] = []
        self.cut: Cut | None = None
        self.floor = math.inf
        self.made = 0
        self.boxes: list[tuple[float, int, _Box]] = []

    def take(self, groups: Sequence[Members], labels: Sequence[IntArray]) -> None:
        """Go on from the best partition for some groups."""
        limits = self.vectors.learn(groups, [size for own in labels for size in np.bincount(own).tolist()])
        taken = self.vectors.groups_for(limits)
        assert taken is not None
        self.groups, self.cut = taken, self.parts.within(limits, labels)

    def run(self) -> None:
        """Look into boxes until none promises more than the best partition."""
        if self.parts.is_large(self.vectors.numbers_of_parts().stop):
            # The bounds alone would take minutes.
            self.floor = 0.0
            return
        for number in self.vectors.numbers_of_parts():
            limits = self.vectors.largest(number)
            if limits is not None:
                self._open(_Box(limits, self.parts.bound(limits)))
            if self.control.exhausted:
                # What was not looked at may hold anything.
                self.floor = 0.0
                break
        looked = 0
        while self.boxes and looked < MAX_BOXES and not self.control.exhausted:
            promise, _, box = self.boxes[0]
            if self.parts.rank(promise) >= self.parts.rank(self.value):
                break
            heapq.heappop(self.boxes)
            # Partitions are searched only in the box that promises most: that takes far longer than a bound.
            if box.cut is None:
                looked += 1
                cut = self.parts.within(box.limits)
                self._open(box._replace(cut=cut), max(cut.value, box.bound))
            else:
                self._decide(box, box.cut)
        self.floor = min([self.floor, *(box.bound for _, _, box in self.boxes)])

    def _decide(self, box: _Box, cut: Cut) -> None:
        """Take the best partition of a box if groups can have its sizes, or cut these sizes off."""
        groups = self.vectors.groups_for(cut.sizes)
        if groups is not None:
            # The box is done, but its partition need not be proven best: its bound stays in.
            self.floor = min(self.floor, box.bound)
            self.take(groups, [cut.labels])
            return
        conflict = self.vectors.conflict(cut.sizes)
        if conflict is None:
            # Not proven: better sizes may lie outside of the smaller boxes.
            self.floor = min(self.floor, box.bound)
            conflict = tuple(enumerate(cut.sizes, start=1))
        for limits in self._split(box.limits, conflict):
            self._open(_Box(limits, max(box.bound, self.parts.bound(limits))))

    def _split(self, limits: Limits, conflict: Conflict) -> list[Limits]:
        """Boxes without a conflict: in each, one of its sizes is out of reach."""
        smaller = []
        for count, size in conflict:
            cap = self.vectors.lowered(size)
            # All parts behind the first one out of reach are no larger than it.
            capped = (*limits[: count - 1], *(min(limit, cap) for limit in limits[count - 1 :]))
            if capped[-1] >= 1 and sum(capped) >= self.vectors.wanted:
                smaller.append(capped)
        return smaller

    def _open(self, box: _Box, promise: float | None = None) -> None:
        self.made += 1
        heapq.heappush(self.boxes, (box.bound if promise is None else promise, self.made, box))

    @property
    def value(self) -> float:
        """Criterion of the best partition so far."""
        return math.inf if self.cut is None else self.cut.value

    def polish(self) -> None:
        """Look longer for a partition that the best groups can take."""
        assert self.cut is not None
        self.cut = self.parts.polished(self.cut, self.vectors.learn(self.groups, self.cut.sizes))

    def found(self) -> Found:
        assert self.cut is not None
        return Found(self.groups, self.cut, min(self.floor, self.cut.value))


class _Box(NamedTuple):
    """Descending limits of part sizes, a valid lower bound within them, and the best partition once it is known."""

    limits: Limits
    bound: float
    cut: Cut | None = None
