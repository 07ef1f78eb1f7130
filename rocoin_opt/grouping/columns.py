"""Groups without a superfluous replica at a threshold, and the ways in which they can serve.

A replica that can be left out adds work and takes away a spare. So behind latency only *minimal* groups matter: devices
that keep the outage limit, and no longer do without any of them. For ``nominal`` one of them must answer in time too,
and may be there for that alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.grouping.bounds import Levels, possible_groups
from rocoin_opt.grouping.durations import EXTENSION
from rocoin_opt.instance import LIMIT_TOLERANCE
from rocoin_opt.plan import group_keeps_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray
    from rocoin_opt.plan import IndexedGroup, Objective

ROUNDING = 1e-9
"""Relative slack where devices that cannot complete a cover are left out: far more than the rounding of sums."""
MAX_EXTENSIONS = 40
"""Sets that are looked at in one step, as a multiple of the groups wanted at most: it bounds time and memory."""


@dataclass(frozen=True, eq=False)
class Choices:
    """Ways to serve: a group, the student that it runs, and the part sizes that it can take.

    Attributes
    ----------
    members : IntArray, C x L
        Device indices; the number of devices, N, stands for none.
    student, least, most : IntArray, C
        Student index, smallest and largest part.
    base, slope : FloatArray, C
        The group is busy for ``base + slope * s`` device-seconds with a part of s filters.
    share : FloatArray, C
        Sum of its cover shares.
    kind : IntArray, C
        Which of the wanted sizes it is for; 0 where sizes are free.
    """

    members: IntArray
    student: IntArray
    least: IntArray
    most: IntArray
    base: FloatArray
    slope: FloatArray
    share: FloatArray
    kind: IntArray

    def __len__(self) -> int:
        return len(self.student)

    def work(self, size: IntArray) -> FloatArray:
        """Device-seconds of each choice with a part of its own size."""
        work: FloatArray = self.base + self.slope * size
        return work

    def taken(self, rows: IntArray) -> Choices:
        """Some of the choices."""
        return Choices(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def joined(self, other: Choices, nobody: int) -> Choices:
        """These choices, then others; ``nobody`` is the index that stands for no device."""
        members = stacked([self.members, other.members], nobody)
        rest = {
            field.name: np.concatenate([getattr(self, field.name), getattr(other, field.name)])
            for field in fields(self)
            if field.name != "members"
        }
        return Choices(members=members, **rest)


class Serving:
    """What devices can do at a threshold.

    Parameters
    ----------
    instance : Instance
        What was given; its latencies are constant and its devices independent.
    objective : {'guaranteed', 'nominal', 'worst'}
        What must happen within the threshold. ``guaranteed`` and ``worst`` ask the same here: late replicas never help.
    threshold : float
        T in seconds.
    """

    def __init__(self, instance: Instance, objective: Objective, threshold: float) -> None:
        self.instance, self.arrays, self.objective = instance, instance.arrays, objective
        self.led = objective == "nominal"
        self.timely: IntArray = self.arrays.largest_part(threshold)
        """S, N x J: part that a device delivers in time."""
        self.allowed: IntArray = self.arrays.largest if self.led else self.timely
        """Part up to which a device may be in a group at all, N x J."""
        limit = instance.requirements.max_group_outage
        self.need = math.inf if limit == 0.0 else -math.log(limit) - math.log1p(LIMIT_TOLERANCE)
        """What the weights of a group must sum to."""
        with np.errstate(divide="ignore"):
            self.weights: FloatArray = -np.log(self.arrays.failure)
            """-ln p, N. Unlike cover shares they are right for limits next to 1 too."""

    def keeps_limit(self, members: Sequence[int]) -> bool:
        """Whether devices keep the outage limit, by the product of their probabilities."""
        return len(members) > 0 and group_keeps_limit(self.instance, members)

    def capacities(self, members: IntArray) -> IntArray:
        """Largest part of each group with each student, C x J for members C x L; covers are taken for granted."""
        nobody = np.zeros((1, self.timely.shape[1]), dtype=np.int64)
        allowed = np.vstack([self.allowed, nobody + np.iinfo(np.int64).max])
        timely = np.vstack([self.timely, nobody])
        held, fastest = allowed[members[:, 0]], timely[members[:, 0]]
        for column in members.T[1:]:
            held, fastest = np.minimum(held, allowed[column]), np.maximum(fastest, timely[column])
        return np.minimum(held, fastest) if self.led else held

    def possible_groups(self) -> Levels:
        """Most disjoint groups that can take s filters or more: the layer-cake bound."""
        return possible_groups(self.instance, self.timely, self.objective)

    def minimal_groups(self, limit: int, control: Control = UNLIMITED) -> IntArray | None:
        """Every group without a superfluous replica that can serve, C x L.

        None if there are more than a limit, or they cannot be listed in time.
        """
        covers = self._minimal_covers(np.flatnonzero(self.allowed.max(axis=1) > 0), limit, control)
        if covers is None or not self.led:
            return covers
        return self._with_leaders(covers, limit, control)

    def _minimal_covers(self, devices: IntArray, limit: int, control: Control) -> IntArray | None:
        """Breadth first, heaviest devices first: a set that its last device completes is minimal."""
        devices = devices[np.argsort(-self.weights[devices], kind="stable")]
        weights, count = self.weights[devices], len(devices)
        # What all devices from a position on weigh together.
        rest = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
        sets, last, total = np.empty((1, 0), dtype=np.int64), np.array([-1]), np.zeros(1)
        done: list[IntArray] = []
        found = 0
        while len(sets):
            choices = count - 1 - last
            extensions = int(choices.sum())
            in_time = control.has_time_for(EXTENSION * extensions * (sets.shape[1] + 1))
            if extensions > MAX_EXTENSIONS * limit or not in_time:
                return None
            parent = np.repeat(np.arange(len(sets)), choices)
            device = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices) + last[parent] + 1
            gathered = total[parent] + weights[device]
            covers = gathered >= self.need
            kept = covers | (gathered + rest[device + 1] >= self.need * (1.0 - ROUNDING))
            grown = np.column_stack([sets[parent[kept]], devices[device[kept]]])
            covers = covers[kept]
            able = self._can_serve(grown)
            done.append(grown[covers & able])
            found += len(done[-1])
            if found > limit:
                return None
            sets, last, total = (part[~covers & able] for part in (grown, device[kept], gathered[kept]))
        return stacked(done, len(self.weights))

    def _can_serve(self, members: IntArray) -> BoolArray:
        """Whether any student leaves the members a part, in time or not."""
        able: BoolArray = self.allowed[members[:, 0]] > 0
        for column in members.T[1:]:
            able &= self.allowed[column] > 0
        return np.asarray(able.any(axis=1), dtype=bool)

    def _with_leaders(self, covers: IntArray, limit: int, control: Control) -> IntArray | None:
        """Covers with a replica in time among them, and covers with one that comes on top and delivers more."""
        own = self.capacities(covers)
        groups = [covers[own.max(axis=1, initial=0) > 0]]
        found = len(groups[0])
        for leader in np.flatnonzero(self.timely.max(axis=1) > 0):
            if not control.has_time_for(EXTENSION * covers.size):
                return None
            led = np.column_stack([covers, np.full(len(covers), leader)])
            better = (self.capacities(led) > own).any(axis=1) & (covers != leader).all(axis=1)
            groups.append(led[better])
            found += len(groups[-1])
            if found > limit:
                return None
        return stacked(groups, len(self.weights))


def stacked(groups: Sequence[IntArray], nobody: int) -> IntArray:
    """Member lists of different widths in one array, filled up with the index that stands for none."""
    width = max((part.shape[1] for part in groups), default=0)
    if width == 0:
        return np.empty((0, 1), dtype=np.int64)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=nobody) for part in groups]
    return np.concatenate(padded)


def free_choices(serving: Serving, members: IntArray) -> Choices:
    """All ways of some groups to serve, with parts from one filter up to what the threshold allows.

    A student is left out where another one takes at least as large parts for no more work.
    """
    base, slope, capacity = _work(serving, members)
    kept = capacity >= 1
    for j in range(capacity.shape[1]):
        for i in range(capacity.shape[1]):
            cheaper = _at_least_as_good(base, slope, capacity, i, j)
            if i > j:
                # Of two that are equally good the first one stays.
                cheaper &= ~_at_least_as_good(base, slope, capacity, j, i)
            kept[:, j] &= (i == j) | ~cheaper
    rows, student = np.nonzero(kept)
    most = capacity[rows, student]
    return Choices(
        members=members[rows],
        student=student,
        least=np.ones_like(most),
        most=most,
        base=base[rows, student],
        slope=slope[rows, student],
        share=_shares(serving, members)[rows],
        kind=np.zeros_like(most),
    )


def sized_choices(serving: Serving, members: IntArray, sizes: Sequence[int]) -> Choices:
    """Serve parts of given sizes, each group with the student that makes it the least work.

    Parameters
    ----------
    serving : Serving
        What devices can do.
    members : IntArray, C x L
        Groups.
    sizes : sequence of int
        Different part sizes; ``kind`` is the position in this sequence.
    """
    base, slope, capacity = _work(serving, members)
    share = _shares(serving, members)
    blocks = []
    for kind, size in enumerate(sizes):
        work = np.where(capacity >= size, base + slope * size, np.inf)
        student = work.argmin(axis=1)
        rows = np.flatnonzero(capacity.max(axis=1, initial=0) >= size)
        student = student[rows]
        part = np.full(len(rows), size)
        costs = base[rows, student], slope[rows, student]
        blocks.append((members[rows], student, part, part, *costs, share[rows], np.full(len(rows), kind)))
    return Choices(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def roomiest_choices(serving: Serving, members: IntArray) -> Choices:
    """Each group with the student that takes the largest part, and that part alone; groups without one are left out."""
    base, slope, capacity = _work(serving, members)
    rows, student = np.flatnonzero(capacity.max(axis=1, initial=0) >= 1), capacity.argmax(axis=1)
    student = student[rows]
    part = capacity[rows, student]
    return Choices(
        members=members[rows],
        student=student,
        least=part,
        most=part,
        base=base[rows, student],
        slope=slope[rows, student],
        share=_shares(serving, members)[rows],
        kind=np.zeros_like(part),
    )


def chosen_before(serving: Serving, served: Sequence[IndexedGroup], sizes: Sequence[int] | None) -> Choices:
    """Groups of a plan as choices, one each, in its order.

    ``sizes`` are those of :func:`sized_choices`; None leaves the sizes free.
    """
    nobody = len(serving.weights)
    members = stacked([np.array([group.members], dtype=np.int64) for group in served], nobody)
    base, slope, capacity = _work(serving, members)
    rows, student = np.arange(len(served)), np.array([group.student for group in served])
    size = np.array([group.size for group in served])
    kind = np.zeros_like(size) if sizes is None else np.array([sizes.index(group.size) for group in served])
    return Choices(
        members=members,
        student=student,
        least=np.ones_like(size) if sizes is None else size,
        most=capacity[rows, student] if sizes is None else size,
        base=base[rows, student],
        slope=slope[rows, student],
        share=_shares(serving, members),
        kind=kind,
    )


def _work(serving: Serving, members: IntArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Device-seconds of groups with each student, without and per filter, and their capacities; all C x J."""
    nobody = np.zeros((1, serving.timely.shape[1]))
    base, slope = (np.vstack([table, nobody]) for table in (serving.arrays.base, serving.arrays.slope))
    sums = [table[members[:, 0]] for table in (base, slope)]
    for column in members.T[1:]:
        sums = [total + table[column] for total, table in zip(sums, (base, slope), strict=True)]
    return sums[0], sums[1], serving.capacities(members)


def _shares(serving: Serving, members: IntArray) -> FloatArray:
    shares: FloatArray = np.append(serving.arrays.cover_share, 0.0)[members].sum(axis=1)
    return shares


def _at_least_as_good(base: FloatArray, slope: FloatArray, capacity: IntArray, i: int, j: int) -> BoolArray:
    """For each group, whether student i does all that j does for no more work: a line is below at both ends or not."""
    good: BoolArray = capacity[:, i] >= capacity[:, j]
    for size in (np.ones(len(base)), np.maximum(capacity[:, j], 1)):
        good &= base[:, i] + slope[:, i] * size <= base[:, j] + slope[:, j] * size
    return good
