"""Every set of devices that can serve by a time, with its outage and the largest part that it can hold.

For the whole answer every replica counts, so minimal covers do not suffice: the columns are *all* sets. Of some twenty
devices they can be listed. A set is worth what its devices deliver in time. Where these alone miss the outage limit, a
group needs more devices, which are too late to count but keep the limit: sets with as few of them as possible. What
"in time" and "can hold" mean is the question's (:class:`rocoin_opt.grouping.reach.Reach`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import LIMIT_TOLERANCE, ROUNDING, stretched
from rocoin_opt.plan import SMALLEST_OUTAGE, group_keeps_limit

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray

MOST_DEVICES = 20
"""Devices of which all sets are listed: a million sets, a second and some hundred megabytes."""
SET_SECONDS = 4e-6
"""Seconds that one set takes to list, at most."""
MOST_WORK = 4e9
"""Sets that are looked at, all in all, for ways to add late devices: some ten seconds."""


@dataclass(frozen=True, eq=False)
class ServingSets:
    """Sets of devices, one a row, that can each be a group.

    Attributes
    ----------
    masks : IntArray
        The devices as bits, with those that are late.
    outage : FloatArray
        Probability that none of the devices that are in time answers.
    largest : IntArray
        Largest part that those deliver in time and the others have room for, at most M.
    reach : Reach
        What the devices can do.
    weight : float
        ``-ln`` of the outage of all devices that are in time with some part.
    complete : bool
        Whether these are all sets of use; otherwise ways to use late devices were left out.
    """

    masks: IntArray
    outage: FloatArray
    largest: IntArray
    reach: Reach
    weight: float
    complete: bool

    def __len__(self) -> int:
        return len(self.masks)

    def taken(self, rows: IntArray | BoolArray) -> ServingSets:
        """Some of the sets."""
        return replace(self, masks=self.masks[rows], outage=self.outage[rows], largest=self.largest[rows])


def subset_sums(values: FloatArray) -> FloatArray:
    """Sum over every set of devices, by its bits: 2^N values."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def serving_sets(instance: Instance, reach: Reach, control: Control, *, worst: float = 1.0) -> ServingSets:
    """List the sets of devices that can be a group and are of use.

    Parameters
    ----------
    instance : Instance
        Constant latencies, independent devices, at most :data:`MOST_DEVICES`.
    reach : Reach
        What the devices can do, and in what time.
    control : Control
        Where its limit is too near, none are listed, or none with late devices.
    worst : float
        Largest outage of use.
    """
    wanted, count = instance.knowledge.num_filters, len(instance.devices)
    if not control.has_time_for(SET_SECONDS * (1 << count)):
        nothing = np.zeros(0, dtype=np.int64)
        return ServingSets(nothing, np.zeros(0), nothing, reach, 0.0, complete=False)
    outage, keeps = _outages(instance)
    timely = _largest_parts(reach.counted, wanted) if reach.covering is None else _covered_parts(reach, keeps, wanted)
    if reach.leading is not None:
        timely = np.minimum(timely, _led_parts(reach.counted, reach.leading, wanted))
    of_use = (timely > 0) & (outage <= worst)
    alone = np.flatnonzero(of_use & keeps)
    found = [(alone, outage[alone], timely[alone])]
    weak = np.zeros(0, dtype=np.int64)
    # Devices in time to keep the limit are in time to count: late ones are of no use.
    if reach.covering is None:
        weak = np.flatnonzero(of_use & ~keeps & _can_add_late(reach.counted, reach.held))
        if worst >= 1.0:
            # A group may have nobody in time, and still count as one of the groups that the answer is made of.
            weak = np.concatenate([[0], weak])
    # No further device can help where all together miss the limit.
    complete = len(weak) == 0 or not keeps[-1]
    if not complete:
        complete = len(weak) * len(keeps) <= MOST_WORK
        removable = _removable(keeps, count)
        for mask in weak[: int(MOST_WORK / len(keeps))].tolist():
            if control.exhausted:
                complete = False
                break
            whole = np.flatnonzero(keeps & (removable & ~mask == 0) & (np.arange(len(keeps)) & mask == mask))
            parts = _parts_with_late(mask, whole, reach, wanted)
            found.append((whole[parts > 0], np.full(int((parts > 0).sum()), outage[mask]), parts[parts > 0]))
    masks, outages, largest = (np.concatenate(column) for column in zip(*found, strict=True))
    timely_devices = reach.counted.max(axis=1) > 0
    weights = -np.log(np.maximum(instance.arrays.failure[timely_devices], SMALLEST_OUTAGE))
    return ServingSets(masks, outages, largest, reach, float(weights.sum()) * (1.0 + ROUNDING), complete)


def members(mask: int) -> list[int]:
    """The devices of a set, ascending."""
    return [n for n in range(mask.bit_length()) if mask >> n & 1]


def _outages(instance: Instance) -> tuple[FloatArray, BoolArray]:
    """Outage of every set, and whether it keeps the limit."""
    failure, limit = instance.arrays.failure, instance.requirements.max_group_outage
    outage, is_sure = np.ones(1), np.zeros(1, dtype=bool)
    for p in failure.tolist():
        outage = np.concatenate([outage, outage * p])
        is_sure = np.concatenate([is_sure, is_sure | (p == 0.0)])
    # A product too small for a double is not the certainty that a limit of 0 asks for.
    outage = np.where((outage == 0.0) & ~is_sure, SMALLEST_OUTAGE, outage)
    keeps = outage <= stretched(limit)
    # The order of the factors decides where the limit is met but for rounding: as a plan is checked.
    near = np.flatnonzero(np.abs(outage - limit) <= 4.0 * LIMIT_TOLERANCE * limit)
    for mask in near.tolist():
        keeps[mask] = group_keeps_limit(instance, members(mask))
    # No group is empty, whatever the limit is.
    keeps[0] = False
    return outage, keeps


def _largest_parts(largest: IntArray, wanted: int) -> IntArray:
    """Largest part that all devices of each set can hold with the same student, at most M; 0 for the empty set."""
    best = np.zeros(1 << len(largest), dtype=np.int64)
    for room in largest.T.tolist():
        parts = np.full(1, wanted, dtype=np.int64)
        for value in room:
            parts = np.concatenate([parts, np.minimum(parts, value)])
        best = np.maximum(best, parts)
    best[0] = 0
    return best


def _covered_parts(reach: Reach, keeps: BoolArray, wanted: int) -> IntArray:
    """Largest part that all of each set deliver in time, and so many of them by the threshold that the limit is kept.

    The devices of one student by falling size of what they deliver by the threshold: the first ones of a set that keep
    the limit together say how large its part can be.
    """
    assert reach.covering is not None
    best = np.zeros(len(keeps), dtype=np.int64)
    for j in range(reach.counted.shape[1]):
        masks, level, part = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.full(1, wanted)
        for n in np.argsort(-reach.covering[:, j], kind="stable").tolist():
            joined = masks | 1 << n
            covered = np.where(keeps[joined], reach.covering[n, j], 0)
            level = np.concatenate([level, np.where(level > 0, level, covered)])
            part = np.concatenate([part, np.minimum(part, reach.counted[n, j])])
            masks = np.concatenate([masks, joined])
        best[masks] = np.maximum(best[masks], np.minimum(part, level))
    return best


def _led_parts(counted: IntArray, leading: IntArray, wanted: int) -> IntArray:
    """Largest part that all of each set deliver in time and one of them by the threshold, at most M."""
    best = np.zeros(1 << len(counted), dtype=np.int64)
    for rooms, leads in zip(counted.T.tolist(), leading.T.tolist(), strict=True):
        parts, led = np.full(1, wanted, dtype=np.int64), np.zeros(1, dtype=np.int64)
        for room, lead in zip(rooms, leads, strict=True):
            parts = np.concatenate([parts, np.minimum(parts, room)])
            led = np.concatenate([led, np.maximum(led, lead)])
        best = np.maximum(best, np.minimum(parts, led))
    return best


def _removable(keeps: BoolArray, devices: int) -> IntArray:
    """For each set the devices, as bits, any one of which it can do without and still keep the limit."""
    removable = np.zeros(len(keeps), dtype=np.int64)
    masks = np.arange(len(keeps))
    for n in range(devices):
        has = masks >> n & 1 == 1
        removable[has] |= np.where(keeps[masks[has] ^ (1 << n)], 1 << n, 0)
    return removable


def _can_add_late(in_time: IntArray, room: IntArray) -> BoolArray:
    """Whether some device outside of each set is late with a part that the set delivers, and has room for it."""
    found = np.zeros(1 << len(room), dtype=bool)
    masks = np.arange(len(found))
    for j in range(room.shape[1]):
        parts = np.full(1, np.iinfo(np.int64).max)
        for value in in_time[:, j].tolist():
            parts = np.concatenate([parts, np.minimum(parts, value)])
        for n in np.flatnonzero(room[:, j] > in_time[:, j]).tolist():
            found |= (masks >> n & 1 == 0) & (parts > in_time[n, j])
    return found


def _parts_with_late(mask: int, whole: IntArray, reach: Reach, wanted: int) -> IntArray:
    """Largest parts of sets whose devices of a mask have to be in time, and whose others only need room.

    0 where one of the others is in time with that part: the set with it among those in time is better.

    Parameters
    ----------
    mask : int
        The devices in time, as bits.
    whole : IntArray
        Sets, each with these and others.
    reach : Reach
        What the devices can do.
    wanted : int
        M, which no part exceeds.
    """
    inside, best = members(mask), np.zeros(len(whole), dtype=np.int64)
    for j in range(reach.counted.shape[1]):
        parts = np.full(len(whole), int(reach.counted[inside, j].min(initial=wanted)), dtype=np.int64)
        early = np.zeros(len(whole), dtype=np.int64)
        led = np.zeros(len(whole), dtype=np.int64)
        leading = reach.held[:, j] if reach.leading is None else reach.leading[:, j]
        for n, (space, timely) in enumerate(zip(reach.held[:, j].tolist(), reach.counted[:, j].tolist(), strict=True)):
            others = whole >> n & 1 == 1
            led = np.where(others, np.maximum(led, leading[n]), led)
            if not mask >> n & 1:
                parts = np.where(others, np.minimum(parts, space), parts)
                early = np.where(others, np.maximum(early, timely), early)
        parts = np.minimum(parts, led)
        best = np.maximum(best, np.where(parts > early, parts, 0))
    return best
