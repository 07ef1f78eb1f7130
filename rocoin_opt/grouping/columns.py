"""Groups without a superfluous replica at a threshold, and the ways in which they can serve.

A replica that can be left out adds work and takes away a spare. So behind latency only *minimal* groups matter: devices
that keep the outage limit, and no longer do without any of them. For ``nominal`` one of them must answer in time too,
and may be there for that alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.grouping.durations import EXTENSION
from rocoin_opt.instance import SAFETY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping.threshold_problem import ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.plan import IndexedGroup

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

    @classmethod
    def joined(cls, parts: Sequence[Choices], nobody: int) -> Choices:
        """All choices of several; ``nobody`` is the index that stands for no device."""
        columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)}
        members = stacked(columns.pop("members"), nobody)
        return cls(members=members, **{name: np.concatenate(column) for name, column in columns.items()})


def minimal_groups(problem: ThresholdProblem, limit: int, control: Control = UNLIMITED) -> IntArray | None:
    """List every group without a superfluous replica that can serve.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    limit : int
        Largest number of groups.
    control : Control
        Where its time does not last for a step, none is begun.

    Returns
    -------
    IntArray, C x L, or None
        Device indices of each group, filled up with N; None if there are more than the limit, or no time.
    """
    covers = minimal_covers(problem, np.flatnonzero(problem.allowed.max(axis=1) > 0), limit, control)
    if covers is None or not problem.led:
        return covers
    return _with_leaders(problem, covers, limit, control)


def minimal_covers(problem: ThresholdProblem, devices: IntArray, limit: int, control: Control) -> IntArray | None:
    """List the sets of devices that keep the outage limit, no longer do without any of them, and share a student.

    They are built breadth first, heaviest devices first: a set that its last device completes is minimal.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    devices : IntArray
        Indices of the devices that may be in a cover.
    limit : int
        Largest number of covers.
    control : Control
        Where its time does not last for a step, none is begun.

    Returns
    -------
    IntArray, C x L, or None
        Device indices of each cover, filled up with N; None if there are more than the limit, or no time.
    """
    devices = devices[np.argsort(-problem.weights[devices], kind="stable")]
    if problem.coverage is not None:
        return _minimal_together(problem, devices, limit, control)
    weights, count = problem.weights[devices], len(devices)
    # What all devices from a position on weigh together.
    rest = np.append(np.cumsum(weights[::-1])[::-1], 0.0)
    sets, last, total = np.empty((1, 0), dtype=np.int64), np.array([-1]), np.zeros(1)
    done: list[IntArray] = []
    found = 0
    while len(sets):
        choices = count - 1 - last
        extensions = int(choices.sum())
        in_time = control.has_time_for(EXTENSION * extensions * (sets.shape[1] + 1))
        # Nothing stops a step that has begun.
        if extensions > MAX_EXTENSIONS * limit or not in_time:
            return None
        parent = np.repeat(np.arange(len(sets)), choices)
        device = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices) + last[parent] + 1
        gathered = total[parent] + weights[device]
        covers = gathered >= problem.need
        # What all lighter devices together do not complete is given up; with slack, as sums are rounded.
        kept = covers | (gathered + rest[device + 1] >= problem.need * (1.0 - SAFETY))
        grown = np.column_stack([sets[parent[kept]], devices[device[kept]]])
        covers = covers[kept]
        able = _can_serve(problem, grown)
        done.append(grown[covers & able])
        found += len(done[-1])
        if found > limit:
            return None
        sets, last, total = (part[~covers & able] for part in (grown, device[kept], gathered[kept]))
    return stacked(done, len(problem.weights))


def _minimal_together(problem: ThresholdProblem, devices: IntArray, limit: int, control: Control) -> IntArray | None:
    """The same where devices fail together: whether a set can do without a device is asked of each."""
    coverage = problem.coverage
    assert coverage is not None
    count, nobody = len(devices), len(problem.weights)
    later = coverage.products(
        np.array([[*devices[position:], *([nobody] * position)] for position in range(count + 1)])
    )
    sets, last = np.empty((1, 0), dtype=np.int64), np.array([-1])
    products = coverage.products(sets)
    done: list[IntArray] = []
    found = 0
    while len(sets):
        choices = count - 1 - last
        extensions = int(choices.sum())
        in_time = control.has_time_for(EXTENSION * extensions * (sets.shape[1] + products.shape[1]))
        if extensions > MAX_EXTENSIONS * limit or not in_time:
            return None
        parent = np.repeat(np.arange(len(sets)), choices)
        device = np.arange(len(parent)) - np.repeat(np.cumsum(choices) - choices, choices) + last[parent] + 1
        grown = np.column_stack([sets[parent], devices[device]])
        joined = coverage.joined(products[parent], devices[device])
        covers = coverage.judged(joined, grown)
        able = _can_serve(problem, grown) & (covers | coverage.may_cover(joined * later[device + 1]))
        minimal = np.flatnonzero(covers & able)
        for column in range(grown.shape[1]):
            less = grown[minimal]
            less[:, column] = nobody
            minimal = minimal[~coverage.covers(less)]
        done.append(grown[minimal])
        found += len(minimal)
        if found > limit:
            return None
        kept = ~covers & able
        sets, last, products = grown[kept], device[kept], joined[kept]
    return stacked(done, nobody)


def _can_serve(problem: ThresholdProblem, members: IntArray) -> BoolArray:
    """Whether any student leaves the members a part, in time or not."""
    able: BoolArray = problem.allowed[members[:, 0]] > 0
    for column in members.T[1:]:
        able &= problem.allowed[column] > 0
    return np.asarray(able.any(axis=1), dtype=bool)


def _with_leaders(problem: ThresholdProblem, covers: IntArray, limit: int, control: Control) -> IntArray | None:
    """Covers with a replica in time among them, and covers with one that comes on top and delivers more."""
    own = problem.by_student(covers)
    groups = [covers[own.max(axis=1, initial=0) > 0]]
    found = len(groups[0])
    for leader in np.flatnonzero(problem.timely.max(axis=1) > 0):
        if not control.has_time_for(EXTENSION * covers.size):
            return None
        led = np.column_stack([covers, np.full(len(covers), leader)])
        # One that comes on top is superfluous unless some student takes a larger part with it.
        better = (problem.by_student(led) > own).any(axis=1) & (covers != leader).all(axis=1)
        groups.append(led[better])
        found += len(groups[-1])
        if found > limit:
            return None
    return stacked(groups, len(problem.weights))


def stacked(groups: Sequence[IntArray], nobody: int) -> IntArray:
    """Member lists of different widths in one array, filled up with the index that stands for none."""
    width = max((part.shape[1] for part in groups), default=0)
    if width == 0:
        return np.empty((0, 1), dtype=np.int64)
    padded = [np.pad(part, ((0, 0), (0, width - part.shape[1])), constant_values=nobody) for part in groups]
    return np.concatenate(padded)


def free_choices(problem: ThresholdProblem, members: IntArray) -> Choices:
    """All ways of some groups to serve, with parts from one filter up to what the threshold allows.

    A student is left out where another one takes at least as large parts for no more work.
    """
    able = _Able.of(problem, members)
    base, slope, capacity = able.base, able.slope, able.capacity
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
    return able.choices(rows, student, np.ones_like(most), most)


def sized_choices(problem: ThresholdProblem, members: IntArray, sizes: Sequence[int]) -> Choices:
    """Serve parts of given sizes, each group with the student that makes it the least work.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    members : IntArray, C x L
        Groups.
    sizes : sequence of int
        Different part sizes; ``kind`` is the position in this sequence.
    """
    able, parts = _Able.of(problem, members), []
    for kind, size in enumerate(sizes):
        student = np.where(able.capacity >= size, able.base + able.slope * size, np.inf).argmin(axis=1)
        rows = np.flatnonzero(able.capacity.max(axis=1, initial=0) >= size)
        part = np.full(len(rows), size)
        parts.append(able.choices(rows, student[rows], part, part, np.full(len(rows), kind)))
    return Choices.joined(parts, len(problem.weights))


def roomiest_choices(problem: ThresholdProblem, members: IntArray) -> Choices:
    """Each group with the student that takes the largest part, and that part alone; groups without one are left out."""
    able = _Able.of(problem, members)
    rows = np.flatnonzero(able.capacity.max(axis=1, initial=0) >= 1)
    student = able.capacity.argmax(axis=1)[rows]
    part = able.capacity[rows, student]
    return able.choices(rows, student, part, part)


def chosen_before(problem: ThresholdProblem, served: Sequence[IndexedGroup], sizes: Sequence[int] | None) -> Choices:
    """Groups of a plan as choices, one each, in its order.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    served : sequence of IndexedGroup
        Groups of the plan.
    sizes : sequence of int or None
        Part sizes that :func:`sized_choices` was asked for; None leaves the sizes free.
    """
    able = _Able.of(problem, problem.padded([group.members for group in served]))
    rows, student = np.arange(len(served)), np.array([group.student for group in served])
    size = np.array([group.size for group in served])
    if sizes is None:
        return able.choices(rows, student, np.ones_like(size), able.capacity[rows, student])
    return able.choices(rows, student, size, size, np.array([sizes.index(group.size) for group in served]))


class _Able(NamedTuple):
    """What groups can do with each student: device-seconds, without and per filter, and capacity, C x J; and shares."""

    members: IntArray
    base: FloatArray
    slope: FloatArray
    capacity: IntArray
    share: FloatArray

    @classmethod
    def of(cls, problem: ThresholdProblem, members: IntArray) -> _Able:
        nobody = np.zeros((1, problem.timely.shape[1]))
        base, slope = (np.vstack([table, nobody]) for table in (problem.costs.base, problem.costs.slope))
        sums = [table[members[:, 0]] for table in (base, slope)]
        for column in members.T[1:]:
            sums = [total + table[column] for total, table in zip(sums, (base, slope), strict=True)]
        share = np.append(problem.shares, 0.0)[members].sum(axis=1)
        return cls(members, sums[0], sums[1], problem.by_student(members), share)

    def choices(
        self, rows: IntArray, student: IntArray, least: IntArray, most: IntArray, kind: IntArray | None = None
    ) -> Choices:
        """Some groups, each with a student and a range of part sizes."""
        kind = np.zeros_like(most) if kind is None else kind
        costs = self.base[rows, student], self.slope[rows, student]
        return Choices(self.members[rows], student, least, most, *costs, self.share[rows], kind)


def _at_least_as_good(base: FloatArray, slope: FloatArray, capacity: IntArray, i: int, j: int) -> BoolArray:
    """For each group, whether student i does all that j does for no more work: a line is below at both ends or not."""
    good: BoolArray = capacity[:, i] >= capacity[:, j]
    for size in (np.ones(len(base)), np.maximum(capacity[:, j], 1)):
        good &= base[:, i] + slope[:, i] * size <= base[:, j] + slope[:, j] * size
    return good
