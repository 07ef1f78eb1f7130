"""Every group of a fleet of alike devices, as counts of each kind: its outage, and the largest part that it serves.

Where all replicas count, late ones too, minimal covers do not suffice. Of fifteen devices of three kinds there are some
two hundred groups by kinds, and thirty thousand sets of devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import LIMIT_TOLERANCE, ROUNDING, stretched
from rocoin_opt.plan import SMALLEST_OUTAGE, group_keeps_limit

if TYPE_CHECKING:
    from rocoin_opt.grouping import Kinds, Reach
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray

MAX_VECTORS = 20_000
"""Groups by kinds up to which all are listed."""


def number_of_vectors(kinds: Kinds) -> float:
    """How many groups by kinds there are, the empty one included."""
    return float(np.prod(kinds.counts + 1.0))


@dataclass(frozen=True, eq=False)
class KindSets:
    """Groups by kinds that are of use, each with a largest part and the outage that goes with it.

    Attributes
    ----------
    kinds : Kinds
        The devices by kind.
    vectors : IntArray, C x I
        How many devices of each kind.
    counted : IntArray, C x I
        The same without those that do not count, as they are late with the largest part.
    outage : FloatArray, C
        Probability that none of those that count answers.
    largest : IntArray, C
        Largest part at which this is so, with some student.
    by_student : IntArray, C x J
        The same for each student; 0 where there is none.
    """

    kinds: Kinds
    vectors: IntArray
    counted: IntArray
    outage: FloatArray
    largest: IntArray
    by_student: IntArray

    def __len__(self) -> int:
        return len(self.outage)


def sets_by_kinds(instance: Instance, kinds: Kinds, reach: Reach, worst: float) -> KindSets:
    """List the groups by kinds that can serve and are of use.

    A group that can do without a device, at the same part and outage, is left out.

    Parameters
    ----------
    instance : Instance
        Constant latencies, no failure domains, no rules of groups.
    kinds : Kinds
        Its devices by kind; at most :data:`MAX_VECTORS` groups.
    reach : Reach
        What the devices can do, and in what time.
    worst : float
        Largest outage of use.
    """
    return _Table(instance, kinds, reach).sets(worst)


class _Table:
    """All groups by kinds, at positions of a mixed radix: one device more of a kind is one stride further."""

    def __init__(self, instance: Instance, kinds: Kinds, reach: Reach) -> None:
        self.instance, self.kinds = instance, kinds
        self.strides: IntArray = np.concatenate([[1], np.cumprod(kinds.counts + 1)[:-1]])
        places = np.arange(int(number_of_vectors(kinds)))
        self.vectors: IntArray = places[:, None] // self.strides % (kinds.counts + 1)
        self.outage = np.ones(len(places))
        # One factor after the other, as a plan is valued.
        for kind, p in enumerate(kinds.arrays.failure.tolist()):
            for count in range(1, int(kinds.counts[kind]) + 1):
                self.outage[self.vectors[:, kind] >= count] *= p
        self.outage[(self.outage == 0.0) & ~((self.vectors > 0) & (kinds.arrays.failure == 0.0)).any(axis=1)] = (
            SMALLEST_OUTAGE
        )
        self.keeps = self._keeping()
        some = np.unique(kinds.of_device, return_index=True)[1]
        tables = (reach.counted, reach.held, reach.covering, reach.leading)
        self.counted, self.held, self.covering, self.leading = (
            None if table is None else np.minimum(table[some], instance.knowledge.num_filters) for table in tables
        )

    def _keeping(self) -> BoolArray:
        """Whether each group keeps the outage limit; next to it, as a plan of its devices is checked."""
        limit = self.instance.requirements.max_group_outage
        keeps = self.outage <= stretched(limit)
        for place in np.flatnonzero(np.abs(self.outage - limit) <= 4.0 * LIMIT_TOLERANCE * limit).tolist():
            group = tuple(np.repeat(np.arange(len(self.kinds.counts)), self.vectors[place]).tolist())
            keeps[place] = bool(group) and group_keeps_limit(self.instance, self.kinds.expanded([group])[0])
        keeps[0] = False
        return np.asarray(keeps)

    def sets(self, worst: float) -> KindSets:
        """Rows of every group, from the largest part down, each where its outage is below that of larger parts."""
        assert self.counted is not None
        assert self.held is not None
        given = [table for table in (self.counted, self.held, self.covering, self.leading) if table is not None]
        steps = np.unique(np.concatenate([table.ravel() for table in given]))
        least = np.full(len(self.outage), np.inf)
        places: list[IntArray] = []
        sizes: list[int] = []
        for size in steps[steps > 0][::-1].tolist():
            by_student = [self.served(size, j) for j in range(self.held.shape[1])]
            outage = np.minimum(np.min(by_student, axis=0), least)
            # Whoever does without a device and is as good takes less of the fleet.
            better = (outage < least) & (outage <= worst)
            for kind, stride in enumerate(self.strides.tolist()):
                has = np.flatnonzero(better & (self.vectors[:, kind] > 0))
                better[has] = outage[has - stride] > outage[has]
            least = outage
            places.append(np.flatnonzero(better))
            sizes += [size] * int(better.sum())
        place, largest = np.concatenate(places) if places else np.empty(0, dtype=np.int64), np.array(sizes, dtype=int)
        return self._rows(place, largest, steps)

    def served(self, size: int, student: int) -> FloatArray:
        """Outage of every group with a student and a part of some size; infinite where it cannot serve."""
        assert self.counted is not None
        assert self.held is not None
        able = (self.vectors[:, self.held[:, student] < size] == 0).all(axis=1)
        early = self.counted[:, student] >= size
        covering = np.ones(len(early), dtype=bool) if self.covering is None else self.covering[:, student] >= size
        able &= self.keeps[self._only(covering)]
        if self.leading is not None:
            able &= (self.vectors[:, self.leading[:, student] >= size] > 0).any(axis=1)
        return np.where(able, self.outage[self._only(early)], np.inf)

    def _only(self, kinds: BoolArray) -> IntArray:
        """Positions of the groups without the devices of other kinds."""
        return np.asarray(self.vectors[:, kinds] @ self.strides[kinds])

    def _rows(self, place: IntArray, largest: IntArray, steps: IntArray) -> KindSets:
        assert self.counted is not None
        outage, counted = np.full(len(place), np.inf), np.zeros((len(place), len(self.strides)), dtype=np.int64)
        by_student = np.zeros((len(place), self.counted.shape[1]), dtype=np.int64)
        for size in np.unique(largest).tolist():
            rows = np.flatnonzero(largest == size)
            for j in range(self.counted.shape[1]):
                found = self.served(size, j)[place[rows]]
                better = rows[found < outage[rows]]
                outage[rows] = np.minimum(outage[rows], found)
                counted[better] = self.vectors[place[better]] * (self.counted[:, j] >= size)
        for size in steps[steps > 0].tolist():
            for j in range(self.counted.shape[1]):
                is_fine = self.served(size, j)[place] <= outage * (1.0 + ROUNDING)
                by_student[is_fine, j] = size
        return KindSets(self.kinds, self.vectors[place], counted, outage, largest, by_student)
