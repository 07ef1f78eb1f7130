"""What a threshold leaves: for each student the devices that can serve, as chains of falling part size.

At a threshold T a group that runs student j holds ``min_n S[n, j](T)`` filters; for ``nominal`` its *leader*, one
replica that answers in time, holds ``S``, and the others only have to hold the part. So the groups of one student, and
for ``nominal`` of one student and leader, are covers from a *chain*: devices sorted by the part size that they allow,
largest first. A cover's size is that of its last device in the chain.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rocoin_opt.grouping.bounds import Levels, possible_groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Members, Objective

MAX_KEPT = 50_000_000
"""Devices in all chains together up to which chains are kept: some 3,000 devices with five students."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Devices that may serve together, largest allowed part first.

    Attributes
    ----------
    student : int
        What they run.
    leader : int or None
        The device that is in every group of the chain and not among ``devices``; None where there is none.
    devices, sizes : IntArray, L
        Device indices, and the part size that each allows, descending.
    shares : FloatArray, L
        Share of a cover that each device contributes.
    need : float
        Sum of shares that a cover takes from ``devices``: 1 less the leader's; 0 or less where the leader is enough.
    leader_size : int
        Part that the leader alone holds; 0 without a leader.
    """

    student: int
    leader: int | None
    devices: IntArray
    sizes: IntArray
    shares: FloatArray
    need: float
    leader_size: int


class View(Protocol):
    """What a packing at one threshold asks for; see :class:`ThresholdProblem`."""

    @property
    def instance(self) -> Instance:
        """What was given."""

    @property
    def wanted(self) -> int:
        """Number of filters M."""

    @property
    def largest(self) -> int:
        """Largest part that any device delivers in time."""

    @property
    def chains(self) -> Iterable[Chain]:
        """All chains that can have a group."""

    @property
    def levels(self) -> Levels:
        """Limits on the number of disjoint groups, by size."""

    def capacities(self, groups: Sequence[Members]) -> IntArray:
        """Largest part of each group. One value a group."""


class ThresholdProblem:
    """An instance at one threshold.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the threshold. ``guaranteed`` and ``worst`` ask the same here: late replicas never help.
    threshold : float
        T in seconds.
    """

    def __init__(self, instance: Instance, objective: Objective, threshold: float) -> None:
        self.instance, self.objective = instance, objective
        self.wanted = instance.knowledge.num_filters
        self.led = objective == "nominal"
        self.threshold = threshold
        arrays = instance.arrays
        self.shares: FloatArray = arrays.cover_share
        self.timely: IntArray = arrays.largest_part(threshold)
        """S, N x J: part that a device delivers in time."""
        self.allowed: IntArray = arrays.largest if self.led else self.timely
        """Part up to which a device may be in a group at all, N x J."""

    @property
    def chains(self) -> Iterable[Chain]:
        """All chains that can have a group, by student and leader; very many are made anew each time."""
        is_large = self.led and self.timely.size * len(self.timely) > MAX_KEPT
        return self._chains() if is_large else self._kept_chains

    @cached_property
    def _kept_chains(self) -> list[Chain]:
        return list(self._chains())

    def _chains(self) -> Iterator[Chain]:
        for j in range(self.timely.shape[1]):
            order = np.argsort(-self.allowed[:, j], kind="stable")
            order = order[: np.count_nonzero(self.allowed[:, j])]
            if not self.led:
                yield Chain(j, None, order, self.allowed[order, j], self.shares[order], 1.0, 0)
                continue
            for leader in np.flatnonzero(self.timely[:, j]).tolist():
                own = int(self.timely[leader, j])
                others = order[order != leader]
                sizes = np.minimum(self.allowed[others, j], own)
                needed = 1.0 - float(self.shares[leader])
                yield Chain(j, leader, others, sizes, self.shares[others], needed, own)

    @property
    def largest(self) -> int:
        """Largest part that any device delivers in time."""
        return int(self.timely.max(initial=0))

    @cached_property
    def levels(self) -> Levels:
        """Limits of the layer-cake bound, as rows of a linear program."""
        return possible_groups(self.instance, self.timely, self.objective)

    def capacities(self, groups: Sequence[Members]) -> IntArray:
        """Largest part of each group, 0 where it cannot serve; its cover is taken for granted. One value a group."""
        if not groups:
            return np.empty(0, dtype=np.int64)
        width = max(map(len, groups))
        # Filled up with the first member, which changes neither a minimum nor a maximum.
        members = np.array([group + group[:1] * (width - len(group)) for group in groups])
        sizes: IntArray = self.allowed[members].min(axis=1)
        if self.led:
            sizes = np.minimum(sizes, self.timely[members].max(axis=1))
        largest: IntArray = sizes.max(axis=1)
        return largest
