"""Which devices no plan can tell apart: kinds, how many devices are of each, and groups as how many of each they take.

Two devices are of one *kind* where the solvers see the same figures: latency with every student, largest parts, crash
probability, share of a cover, and where energy is limited the joules of a part. Exchanging them changes neither whether
a plan is valid nor its value. So a group is known by its *counts*, how many devices of each kind it has, and disjoint
groups are any whose counts add up to no more than there are devices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Instance, InstanceArrays, IntArray

FEWER = 2
"""Factor by which there must be fewer kinds than devices for searches by kinds."""


@dataclass(frozen=True, eq=False)
class Kinds:
    """The devices of an instance by kind.

    Attributes
    ----------
    of_device : IntArray, N
        Kind of each device; kinds stand in the order of their first devices.
    counts : IntArray, I
        How many devices are of each kind.
    arrays : InstanceArrays
        Figures of one device of each kind, I rows.
    """

    of_device: IntArray
    counts: IntArray
    arrays: InstanceArrays

    @classmethod
    def of(cls, instance: Instance) -> Kinds:
        """Find the kinds of an instance, as if nothing but figures told devices apart: neither domains nor rules."""
        arrays = instance.arrays
        figures = [arrays.base, arrays.slope, arrays.largest, arrays.failure[:, None], arrays.cover_share[:, None]]
        if instance.limits_energy:
            figures += [arrays.energy[:, :, 0], arrays.energy[:, :, 1]]
        rows = np.ascontiguousarray(np.hstack([np.asarray(figure, dtype=np.float64) for figure in figures]))
        # Bytes are compared: no two figures are taken for the same that are not.
        keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        of_device: IntArray = place[inverse.ravel()]
        some = first[order]
        reduced = replace(
            arrays,
            base=arrays.base[some],
            slope=arrays.slope[some],
            largest=arrays.largest[some],
            failure=arrays.failure[some],
            cover_share=arrays.cover_share[some],
            energy=arrays.energy[some],
        )
        return cls(of_device, np.bincount(of_device, minlength=len(some)), reduced)

    @property
    def are_few(self) -> bool:
        """Whether devices are alike enough for searches by kinds."""
        return FEWER * len(self.counts) <= len(self.of_device)

    def expanded(self, groups: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """Groups by kinds, each kind as often as it is taken, as disjoint groups of devices: the first ones first.

        Parameters
        ----------
        groups : iterable of tuples of int
            Kinds of each group, ascending; together no more of a kind than there are devices.
        """
        free = [iter(np.flatnonzero(self.of_device == kind).tolist()) for kind in range(len(self.counts))]
        return [tuple(sorted(next(free[kind]) for kind in group)) for group in groups]
