"""Baseline ``nonn``: one device per part and equal students, as Network of Neural Networks does.

References
----------
.. [1] K. Bhardwaj, C.-Y. Lin, A. Sartor, R. Marculescu. Memory- and communication-aware model compression for
   distributed deep learning inference on IoT. ACM TECS 18(5s), 2019. arXiv 1907.11804.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.heuristics.baselines.groups import keeps_limit, usable_devices
from rocoin_opt.knowledge import equal_sizes
from rocoin_opt.plan import Outcome, Plan, group_of

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective


def nonn(instance: Instance, objective: Objective, control: Control) -> Outcome:  # noqa: ARG001 - one signature for all
    """Give each of as many devices as possible an equal part and the same student [1]_.

    The largest number of parts is tried first, then one fewer, down to the smallest number of groups. At each number
    the student is the one whose slowest device answers first, on the devices that are fastest with it. Students are
    equal, so every device must be able to hold the largest part, one filter above the others where the sizes differ.

    Parameters
    ----------
    instance : Instance
        What was given. There is no redundancy, so a device takes part only if it alone keeps the outage limit.
    objective : str
        Plays no part: with one replica all latencies of a group agree.
    control : Control
        Its limit is looked at before each number of parts; no random choice is made.

    Returns
    -------
    Outcome
        A plan, or the reason why none was found. Nothing is proved.
    """
    devices = lone_devices(instance)
    total, fewest = instance.knowledge.num_filters, instance.requirements.min_groups
    if len(devices) < fewest:
        return Outcome(None, reasons=(too_few_lone_devices(instance),))
    most = min(len(devices), instance.max_groups)
    for parts in range(most, fewest - 1, -1):
        if control.exhausted:
            return Outcome(None, reasons=("stopped by the limit before a number of parts was found that fits",))
        chosen = _equal_students(instance, devices, parts)
        if chosen is not None:
            j, members = chosen
            sizes = equal_sizes(total, parts)
            return Outcome(
                Plan.of(instance, [group_of(instance, [n], j, s) for n, s in zip(members, sizes, strict=True)])
            )
    return Outcome(
        None,
        reasons=(
            f"one device per part: with {total} filters in {most} down to {fewest} equal parts, no student can learn a "
            "part and fits on enough devices",
        ),
    )


def lone_devices(instance: Instance) -> list[int]:
    """Indices of the devices that can hold a student and keep the outage limit alone, by identifier."""
    return [n for n in usable_devices(instance) if keeps_limit(instance, [n])]


def too_few_lone_devices(instance: Instance) -> str:
    """Say why one device per part cannot keep the outage limit."""
    alone, fewest = len(lone_devices(instance)), instance.requirements.min_groups
    usable, limit = usable_devices(instance), instance.requirements.max_group_outage
    if not usable:
        return "one device per part: no device can hold any student"
    if alone == 0:
        best = float(instance.arrays.failure[usable].min())
        return (
            f"one device per part: the best device alone has outage {best:g}, the limit is {limit:g}; "
            "this instance needs replicas"
        )
    return (
        f"one device per part: {alone} of {len(instance.devices)} devices alone keep the outage limit {limit:g}, "
        f"at least {fewest} groups are required"
    )


def _equal_students(instance: Instance, devices: list[int], parts: int) -> tuple[int, list[int]] | None:
    """Student and devices, the fastest first, whose slowest answers first; None if no student serves all parts."""
    arrays = instance.arrays
    size = equal_sizes(instance.knowledge.num_filters, parts)[0]
    best: tuple[float, int, list[int]] | None = None
    for j in range(len(instance.students)):
        able = [n for n in devices if arrays.largest[n, j] >= size]
        if len(able) < parts:
            continue
        latency = arrays.latency(able, j, size)
        order = np.argsort(latency, kind="stable")[:parts]
        slowest = float(latency[order[-1]])
        if best is None or slowest < best[0]:
            best = slowest, j, [able[position] for position in order]
    return None if best is None else best[1:]
