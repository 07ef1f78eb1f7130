"""Every set of devices that can serve by a time, with its outage and the largest part that it can hold.

For the whole answer every replica counts, so minimal covers do not suffice: the columns are *all* sets. Of some twenty
devices they can be listed. A set is worth what its devices deliver in time. Where these alone miss the outage limit, a
group needs more devices, which are too late to count but keep the limit: sets with as few of them as possible. Rules
that want devices in groups, or together, take in late ones that nothing else asks for. What "in time" and "can hold"
mean is the question's (:class:`rocoin_opt.grouping.reach.Reach`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.exact.answer.outages import allowed, lightest_outage, mask_of, members, outages
from rocoin_opt.exact.answer.parts import possible_parts
from rocoin_opt.instance import ROUNDING, SharedFailures
from rocoin_opt.plan import SMALLEST_OUTAGE

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray

    Rows: TypeAlias = tuple[IntArray, IntArray, FloatArray, IntArray]

MOST_DEVICES = 20
"""Devices of which all sets are listed: a million sets, a second and some hundred megabytes."""
SET_SECONDS = 4e-6
"""Seconds that one set takes to list, at most."""
MOST_WORK = 4e9
"""Sets that are looked at, all in all, for ways to add late devices: some ten seconds."""
MOST_ROWS = 4_000_000
"""Sets with any late devices that are listed, at most: some hundred megabytes."""


@dataclass(frozen=True, eq=False)
class ServingSets:
    """Sets of devices, one a row, that can each be a group.

    Attributes
    ----------
    masks : IntArray
        The devices as bits, with those that are late.
    counted : IntArray
        Those that are in time, as bits.
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
    counted: IntArray
    outage: FloatArray
    largest: IntArray
    reach: Reach
    weight: float
    complete: bool

    def __len__(self) -> int:
        return len(self.masks)

    def taken(self, rows: IntArray | BoolArray) -> ServingSets:
        """Some of the sets."""
        columns = {name: getattr(self, name)[rows] for name in ("masks", "counted", "outage", "largest")}
        return replace(self, **columns)


def set_tables(instance: Instance, control: Control) -> tuple[FloatArray, BoolArray, BoolArray] | None:
    """Outage of every set, whether it keeps the limit, and whether rules allow it; None where the time is too short."""
    if not control.has_time_for(SET_SECONDS * (1 << len(instance.devices))):
        return None
    return *outages(instance), allowed(instance)


def serving_sets(instance: Instance, reach: Reach, control: Control, *, worst: float = 1.0) -> ServingSets:
    """List the sets of devices that can be a group and are of use.

    Parameters
    ----------
    instance : Instance
        Constant latencies, at most :data:`MOST_DEVICES`, any failure domains and rules.
    reach : Reach
        What the devices can do, and in what time.
    control : Control
        Where its limit is too near, none are listed, or none with late devices.
    worst : float
        Largest outage of use.
    """
    wanted = instance.knowledge.num_filters
    tables = set_tables(instance, control)
    if tables is None:
        return ServingSets(*_no_rows(), reach, 0.0, complete=False)
    outage, keeps, fine = tables
    rules = instance.restrictions
    if rules.together or rules.use or rules.spread > 1:
        is_shared = bool(SharedFailures(instance).names)
        found, complete = _with_any_late(reach, outage, keeps, fine, wanted, worst, control, is_shared=is_shared)
    else:
        found, complete = _with_few_late(reach, outage, keeps, fine, wanted, worst, control)
    masks, counted, outage, largest = (np.concatenate(column) for column in zip(*found, strict=True))
    timely_devices = reach.counted.max(axis=1) > 0
    weights = -np.log(np.maximum(lightest_outage(instance)[timely_devices], SMALLEST_OUTAGE))
    return ServingSets(masks, counted, outage, largest, reach, float(weights.sum()) * (1.0 + ROUNDING), complete)


def _with_few_late(
    reach: Reach,
    outage: FloatArray,
    keeps: BoolArray,
    fine: BoolArray,
    wanted: int,
    worst: float,
    control: Control,
) -> tuple[list[Rows], bool]:
    """Sets with no more late devices than the limit asks for, and whether they are all.

    Parameters
    ----------
    reach : Reach
        What the devices can do.
    outage, keeps, fine : FloatArray, BoolArray, BoolArray, 2^N
        Outage of each set, whether it keeps the limit, and whether rules allow it.
    wanted : int
        M.
    worst : float
        Largest outage of use.
    control : Control
        Limit.
    """
    timely = possible_parts(reach, keeps, wanted)
    of_use = (timely > 0) & (outage <= worst) & fine
    alone = np.flatnonzero(of_use & keeps)
    found = [(alone, alone, outage[alone], timely[alone])]
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
        removable = _removable(keeps)
        possible = keeps & fine
        for mask in weak[: int(MOST_WORK / len(keeps))].tolist():
            if control.exhausted:
                complete = False
                break
            whole = np.flatnonzero(possible & (removable & ~mask == 0) & (np.arange(len(keeps)) & mask == mask))
            parts = _parts_with_late(mask, whole, reach, wanted)
            whole, parts = whole[parts > 0], parts[parts > 0]
            found.append((whole, np.full(len(whole), mask), np.full(len(whole), outage[mask]), parts))
    return found, complete


def _with_any_late(
    reach: Reach,
    outage: FloatArray,
    keeps: BoolArray,
    fine: BoolArray,
    wanted: int,
    worst: float,
    control: Control,
    *,
    is_shared: bool,
) -> tuple[list[Rows], bool]:
    """Sets with any late devices, each with every part from which on fewer of them are in time; and if they are all.

    Parameters
    ----------
    reach, outage, keeps, fine, wanted, worst, control
        As for :func:`_with_few_late`.
    is_shared : bool
        Whether devices share failure domains.
    """
    tables = [table for table in (reach.counted, reach.held, reach.covering, reach.leading) if table is not None]
    # What a set can do with a student changes only at parts that are the largest of some device.
    steps = {
        (min(size, wanted), j)
        for table in tables
        for j, column in enumerate(table.T.tolist())
        for size in column
        if size > 0
    }
    masks = np.arange(len(keeps))
    found: list[Rows] = []
    best, timely = np.full(len(keeps), np.inf), np.zeros(len(keeps), dtype=np.int64)
    rows = 0
    for size, j in sorted(steps, reverse=True):
        if control.exhausted or rows > MOST_ROWS:
            return found or [_no_rows()], False
        held, counted = (mask_of(np.flatnonzero(table[:, j] >= size).tolist()) for table in (reach.held, reach.counted))
        able = keeps & fine & (masks & ~held == 0)
        if reach.covering is not None:
            able &= keeps[masks & mask_of(np.flatnonzero(reach.covering[:, j] >= size).tolist())]
        if reach.leading is not None:
            able &= masks & mask_of(np.flatnonzero(reach.leading[:, j] >= size).tolist()) != 0
        # A smaller part is worth a row of its own only where it fails less often: where domains are shared, where other
        # devices are in time, as no outage tells which ones are better.
        able &= outage[masks & counted] <= worst
        able &= (masks & counted & ~timely != 0) if is_shared else outage[masks & counted] < best
        whole = np.flatnonzero(able)
        best[whole], timely[whole] = outage[whole & counted], whole & counted
        found.append((whole, whole & counted, best[whole], np.full(len(whole), size)))
        rows += len(whole)
    return found or [_no_rows()], True


def _no_rows() -> Rows:
    nothing = np.zeros(0, dtype=np.int64)
    return nothing, nothing, np.zeros(0), nothing


def _removable(keeps: BoolArray) -> IntArray:
    """For each set the devices, as bits, any one of which it can do without and still keep the limit."""
    removable = np.zeros(len(keeps), dtype=np.int64)
    masks = np.arange(len(keeps))
    for n in range(len(keeps).bit_length() - 1):
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
