"""What a threshold leaves: for each student the devices that can serve, as chains of falling part size.

At a threshold T a group that runs student j holds ``min_n S[n, j](T)`` filters; for ``nominal`` its *leader*, one
replica that answers in time, holds ``S``, and the others only have to hold the part. So the groups of one student, and
for ``nominal`` of one student and leader, are covers from a *chain*: devices sorted by the part size that they allow,
largest first. A cover's size is that of its last device in the chain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rocoin_opt.grouping.bounds import Levels, possible_groups
from rocoin_opt.grouping.covering import Block, Coverage, blocks_of, coverage_of, resolution_of, tightened
from rocoin_opt.grouping.tolerances import COVER_TOLERANCE
from rocoin_opt.instance import LIMIT_TOLERANCE, weight_with_domain
from rocoin_opt.plan import group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rocoin_opt.instance import BoolArray, FloatArray, Instance, InstanceArrays, IntArray
    from rocoin_opt.plan import Members, Objective, Preference

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
    coverage : Coverage or None
        What sets of devices cover, where that is less than the sum of their shares; None where it is the sum.
    """

    student: int
    leader: int | None
    devices: IntArray
    sizes: IntArray
    shares: FloatArray
    need: float
    leader_size: int
    coverage: Coverage | None = None

    @cached_property
    def blocks(self) -> list[Block]:
        """The devices by failure domain, with the leader in the base; empty where shares add up."""
        base = () if self.leader is None else (self.leader,)
        return [] if self.coverage is None else blocks_of(self.coverage, self.devices, base)

    @cached_property
    def resolution(self) -> int:
        """Units in which covers of the chain are priced."""
        return resolution_of(self.shares)

    def among(self, free: BoolArray) -> Chain:
        """The chain of those of its devices that are free; its leader is one of them.

        Parameters
        ----------
        free : BoolArray, N
            Which devices are.
        """
        kept = free[self.devices]
        chain = replace(self, devices=self.devices[kept], sizes=self.sizes[kept], shares=self.shares[kept])
        # What is whole in these units for all devices is so for fewer: no need to look for others.
        chain.__dict__["resolution"] = self.resolution
        return chain


class PackingProblem(Protocol):
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

    @property
    def kind_of_device(self) -> IntArray:
        """Kind of each device, N: those of one kind can stand for each other in every group."""

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
    arrays : InstanceArrays, optional
        Figures of what the indices stand for, where that is not one device each.
    prefer : {'work', 'energy', 'reliability'}
        What a group costs: device-seconds, or joules where least energy is wanted.
    """

    def __init__(
        self,
        instance: Instance,
        objective: Objective,
        threshold: float,
        arrays: InstanceArrays | None = None,
        *,
        prefer: Preference = "work",
    ) -> None:
        self.instance, self.arrays, self.objective = instance, arrays or instance.arrays, objective
        self.costs = self.arrays.as_energy if prefer == "energy" else self.arrays
        """What a device costs a group: affine in the part, as a latency is, and read as one."""
        self.wanted = instance.knowledge.num_filters
        self.led = objective == "nominal"
        self.threshold = threshold
        self.shares: FloatArray = self.arrays.cover_share
        self.coverage = coverage_of(instance)
        """Judge of sets where devices fail together; None where shares add up."""
        self.timely: IntArray = self.arrays.largest_part(threshold)
        """S, N x J: part that a device delivers in time."""
        self.allowed: IntArray = self.arrays.largest if self.led else self.timely
        """Part up to which a device may be in a group at all, N x J."""

    def at_levels(self, levels: IntArray) -> ThresholdProblem:
        """The devices with every part rounded down to one of some sizes, for groups that are counted by these alone.

        Parameters
        ----------
        levels : IntArray, R
            Sizes, ascending; what is below the first of them is no part.
        """
        rounded = ThresholdProblem(self.instance, self.objective, self.threshold, self.arrays)
        parts = np.append(0, levels)
        rounded.costs = self.costs
        rounded.timely = parts[np.searchsorted(levels, self.timely, side="right")]
        rounded.allowed = parts[np.searchsorted(levels, self.allowed, side="right")]
        return rounded

    @cached_property
    def weights(self) -> FloatArray:
        """``-ln p``, N, of a device alone with its domain. Unlike cover shares they are right for limits next to 1 too.

        They add up unless there is a :attr:`coverage`.
        """
        falls = self.arrays.domain_failure
        of_devices = [falls.get(device.failure_domain or "", 0.0) for device in self.instance.devices]
        with np.errstate(divide="ignore"):
            weights = np.asarray(-np.log(self.arrays.failure))
        return weight_with_domain(weights, np.array(of_devices))

    @cached_property
    def need(self) -> float:
        """What the weights of a group must sum to."""
        limit = self.instance.requirements.max_group_outage
        # As far beyond the limit as the check of plans allows: what it accepts is a cover.
        return math.inf if limit == 0.0 else -math.log(limit) - math.log1p(LIMIT_TOLERANCE)

    @cached_property
    def kind_of_device(self) -> IntArray:
        """Kind of each device, N: those of one kind have the same share, failure domain and parts."""
        domains = [device.failure_domain or "" for device in self.instance.devices]
        _, of_domain = np.unique(domains, return_inverse=True)
        figures = np.column_stack([self.shares, of_domain, self.timely, self.allowed])
        _, of_device = np.unique(figures, axis=0, return_inverse=True)
        return np.asarray(of_device.ravel())

    @property
    def different_chains(self) -> list[Chain]:
        """The chains, of alike leaders that of the first one."""
        different: dict[tuple[int, int | None], Chain] = {}
        for chain in self.chains:
            leader = None if chain.leader is None else int(self.kind_of_device[chain.leader])
            different.setdefault((chain.student, leader), chain)
        return list(different.values())

    def keeps_limit(self, members: Sequence[int]) -> bool:
        """Whether devices keep the outage limit, by the product of their probabilities."""
        return len(members) > 0 and group_keeps_limit(self.instance, members)

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
                yield Chain(j, None, order, self.allowed[order, j], self.shares[order], 1.0, 0, self.coverage)
                continue
            for leader in np.flatnonzero(self.timely[:, j]).tolist():
                own = int(self.timely[leader, j])
                others = order[order != leader]
                # Whoever delivered more than the leader would lead in another chain.
                sizes = np.minimum(self.allowed[others, j], own)
                needed = 1.0 - float(self.shares[leader])
                if self.coverage is not None and needed <= 0.0 and not self.coverage.keeps_limit([leader]):
                    # Next to a limit of 1 shares promise too much: someone else has to come.
                    needed = 1.0
                yield Chain(j, leader, others, sizes, self.shares[others], needed, own, self.coverage)

    @property
    def largest(self) -> int:
        """Largest part that any device delivers in time."""
        return int(self.timely.max(initial=0))

    @cached_property
    def levels(self) -> Levels:
        """Limits of the counting bound by part size, as rows of a linear program."""
        levels = possible_groups(self.instance, self.timely, self.objective)
        if self.coverage is None:
            return levels
        # A row for each size of a device: where a limit falls may change.
        sizes = np.where(self.allowed.any(axis=1), self.allowed.max(axis=1), 0)
        firsts = np.unique(np.concatenate([levels.sizes, sizes[(sizes > 0) & (sizes < self.wanted)] + 1]))
        limits = levels.limits[np.searchsorted(levels.sizes, firsts, side="right") - 1]
        limits = tightened(self.coverage, self.shares, sizes, firsts, limits)
        falls = np.flatnonzero(np.diff(limits, prepend=limits[0] + 1))
        return Levels(firsts[falls], limits[falls])

    def capacities(self, groups: Sequence[Sequence[int]]) -> IntArray:
        """Largest part of each group, none of which is empty, with its best student; see :meth:`by_student`."""
        if not groups:
            return np.empty(0, dtype=np.int64)
        largest: IntArray = self.by_student(self.padded(groups)).max(axis=1)
        return largest

    def padded(self, groups: Sequence[Sequence[int]]) -> IntArray:
        """Members of groups as an array C x L; the number of devices, N, stands for none."""
        width = max(map(len, groups))
        return np.array([[*group, *([len(self.timely)] * (width - len(group)))] for group in groups])

    def by_student(self, members: IntArray) -> IntArray:
        """Largest part of each group with each student, C x J for members C x L; covers are taken for granted.

        All members have to do their work in time, but for ``nominal``, where they have to hold it and one is in time.
        0 where the student cannot serve.
        """
        allowed, timely = self._with_nobody
        # Column by column: groups are many, and few of them long.
        held, fastest = allowed[members[:, 0]], timely[members[:, 0]]
        for column in members.T[1:]:
            held, fastest = np.minimum(held, allowed[column]), np.maximum(fastest, timely[column])
        return np.minimum(held, fastest) if self.led else held

    def by_student_if_late(self, members: IntArray) -> IntArray:
        """Largest part of each group with each student where members may be late: enough are in time to cover.

        All of them have to hold the part. This is what ``guaranteed`` asks of groups that are given; where they are
        chosen, late members would be left out.
        """
        anything, nothing = np.iinfo(np.int64).max, 0
        held: IntArray = _and_nobody(self.arrays.largest, anything)[members].min(axis=1)
        timely = _and_nobody(self.timely, nothing)[members]
        # The largest parts first: the member that completes the cover decides.
        order = np.argsort(-timely, axis=1, kind="stable")
        covered = self._covered_in_order(members, order)
        last = np.argmax(covered, axis=1)[:, None, :]
        level = np.take_along_axis(np.take_along_axis(timely, order, axis=1), last, axis=1)[:, 0, :]
        return np.where(covered[:, -1, :], np.minimum(held, level), 0)

    def _covered_in_order(self, members: IntArray, order: IntArray) -> BoolArray:
        """Whether the first members of each group cover, C x L x J, in an order of its members by student."""
        if self.coverage is not None:
            students = range(order.shape[2])
            sorted_members = [np.take_along_axis(members, order[:, :, j], axis=1) for j in students]
            return np.stack([self.coverage.prefixes(own) for own in sorted_members], axis=2)
        shares = np.append(self.shares, 0.0)[members]
        gathered = np.take_along_axis(np.broadcast_to(shares[:, :, None], order.shape), order, axis=1)
        return np.asarray(np.cumsum(gathered, axis=1) >= 1.0 - COVER_TOLERANCE)

    def covering(self, groups: Sequence[Sequence[int]]) -> BoolArray:
        """Whether each group, none of which is empty, covers: up to rounding, where shares add up."""
        if self.coverage is not None:
            return self.coverage.covers(self.padded(groups)) if groups else np.empty(0, dtype=bool)
        if not groups:
            return np.empty(0, dtype=bool)
        members = np.concatenate([np.asarray(group, dtype=np.int64) for group in groups])
        first = np.cumsum([0, *map(len, groups)])[:-1]
        return np.asarray(np.add.reduceat(self.shares[members], first) >= 1.0 - COVER_TOLERANCE)

    @cached_property
    def _with_nobody(self) -> tuple[IntArray, IntArray]:
        """``allowed`` and ``timely`` with a row that changes neither a minimum nor a maximum."""
        return _and_nobody(self.allowed, np.iinfo(np.int64).max), _and_nobody(self.timely, 0)


def _and_nobody(parts: IntArray, part: int) -> IntArray:
    return np.vstack([parts, np.full((1, parts.shape[1]), part, dtype=np.int64)])
