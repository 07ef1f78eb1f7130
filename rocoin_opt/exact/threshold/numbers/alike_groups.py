"""Groups up to the exchange of alike devices: what tells them apart is how many devices of each kind they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import BoolArray, IntArray


@dataclass(frozen=True, eq=False)
class AlikeGroup:
    """A group up to the exchange of alike devices.

    Attributes
    ----------
    counts : IntArray, I
        How many devices of each kind.
    level : int
        Place of the level that it counts for.
    """

    counts: IntArray
    level: int


class AlikeDevices:
    """The devices at a threshold by their kinds; of one kind the first ones stand for all.

    Parameters
    ----------
    of_device : IntArray, N
        Kind of each device.
    """

    def __init__(self, of_device: IntArray) -> None:
        self.of_device = of_device
        self.all: IntArray = np.bincount(of_device)
        """Devices of each kind, I."""
        order = np.argsort(of_device, kind="stable")
        self._rank = np.empty_like(order)
        self._rank[order] = np.arange(len(order)) - (np.cumsum(self.all) - self.all)[of_device[order]]

    def free(self, counts: IntArray) -> BoolArray:
        """Which devices are left, N, for how many of each kind are."""
        return np.asarray(self._rank < counts[self.of_device])

    def devices(self, counts: IntArray) -> tuple[int, ...]:
        """Indices of so many devices of each kind."""
        return tuple(np.flatnonzero(self.free(counts)).tolist())

    def matrix(self, groups: Sequence[AlikeGroup]) -> IntArray:
        """Devices of each kind in each group, C x I."""
        return np.array([group.counts for group in groups], dtype=np.int64).reshape(len(groups), len(self.all))


class GroupEntries:
    """Devices of each kind in many groups, without those that are not there: of a thousand kinds a group has a few."""

    def __init__(self) -> None:
        self._groups: list[IntArray] = []
        self._kinds: list[IntArray] = []
        self._counts: list[IntArray] = []
        self._number = 0

    def add(self, counts: IntArray) -> None:
        """Add groups by their devices of each kind, C x I."""
        group, kind = np.nonzero(counts)
        self._groups.append(self._number + group)
        self._kinds.append(kind)
        self._counts.append(counts[group, kind])
        self._number += len(counts)

    def within(self, devices: IntArray) -> BoolArray:
        """Which groups, in their order, take no more devices of a kind than there are."""
        if self._number == 0:
            return np.empty(0, dtype=bool)
        groups, kinds, counts = (np.concatenate(parts) for parts in (self._groups, self._kinds, self._counts))
        self._groups, self._kinds, self._counts = [groups], [kinds], [counts]
        fits = np.ones(self._number, dtype=bool)
        fits[groups[counts > devices[kinds]]] = False
        return fits
