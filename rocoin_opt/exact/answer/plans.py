"""Plans of packed sets: how many filters each holds, and with which student."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer.sets import members
from rocoin_opt.instance import stretched
from rocoin_opt.plan import IndexedGroup, outage_of, plan_of, structural_violations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan


def plan_of_sets(instance: Instance, sets: ServingSets, rows: Sequence[int], *, by_outage: bool) -> Plan | None:
    """Make a plan of some sets.

    Parameters
    ----------
    instance : Instance
        What was given.
    sets : ServingSets
        Listed sets.
    rows : sequence of int
        Which of them, disjoint, with room for all filters.
    by_outage : bool
        Whether the safest sets hold as much as they can; otherwise all hold a like share of what they can.

    Returns
    -------
    Plan or None
        With the student of least work for each part; None where a rule is broken after all.
    """
    filters = instance.knowledge.num_filters
    largest, outage = sets.largest[list(rows)], sets.outage[list(rows)]
    sizes = _by_outage(largest, outage, filters) if by_outage else _in_proportion(largest, filters)
    groups = []
    for row, size in zip(rows, sizes.tolist(), strict=True):
        group = _served(instance, sets.in_time, members(int(sets.masks[row])), size, float(sets.outage[row]))
        if group is None:
            return None
        groups.append(group)
    plan = plan_of(instance, groups)
    return None if structural_violations(instance, plan) else plan


def _served(instance: Instance, in_time: IntArray, devices: list[int], size: int, outage: float) -> IndexedGroup | None:
    """The group with the student of least work that all devices have room for and enough deliver in time."""
    arrays, best, least = instance.arrays, None, np.inf
    for j, student in enumerate(instance.students):
        if arrays.largest[devices, j].min() < size:
            continue
        timely = [n for n in devices if in_time[n, j] >= size]
        if outage_of(instance, timely) > stretched(outage):
            continue
        work = student.flops + student.flops_per_filter * size
        if work < least:
            best, least = j, work
    return None if best is None else IndexedGroup(tuple(devices), best, size)


def _by_outage(largest: IntArray, outage: FloatArray, filters: int) -> IntArray:
    """Part sizes of least missing share: one filter each, the others where they are safest."""
    sizes, left = np.ones(len(largest), dtype=np.int64), filters - len(largest)
    for k in np.argsort(outage, kind="stable").tolist():
        given = min(left, int(largest[k]) - 1)
        sizes[k] += given
        left -= given
    return sizes


def _in_proportion(largest: IntArray, filters: int) -> IntArray:
    """Part sizes in proportion to what each set can hold, at least one filter each."""
    share = largest * filters / largest.sum()
    sizes: IntArray = np.maximum(np.floor(share).astype(np.int64), 1)
    # Those that were rounded down the most are rounded up; a part of one filter may have been rounded up already.
    order = np.argsort(sizes - share, kind="stable").tolist()
    while (left := filters - int(sizes.sum())) != 0:
        step = 1 if left > 0 else -1
        k = next(k for k in (order if step > 0 else order[::-1]) if 1 <= sizes[k] + step <= largest[k])
        sizes[k] += step
        order.append(order.pop(order.index(k))) if step > 0 else order.insert(0, order.pop(order.index(k)))
    return sizes
