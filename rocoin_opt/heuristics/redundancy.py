"""What spares are good for when the expected answer time counts: further replicas, where they shorten it.

A further replica n in group k multiplies q_k(t) by p_n from its latency on, so the integral of P(X <= t) up to the
deadline grows by that of ``(1 - p_n) q_k(t) prod_{i != k} (1 - q_i(t))`` from there. Between two breakpoints all of
it is constant.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.plan.latency import group_timings
from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance.arrays import FloatArray
    from rocoin_opt.instance.model import Instance


def with_helpful_spares(instance: Instance, plan: Plan, control: Control) -> Plan:
    """Put each spare, the most reliable first, where it shortens E[min(X, D)] most; leave out those that do not.

    Parameters
    ----------
    instance : Instance
        With a deadline.
    plan : Plan
        A valid plan.
    control : Control
        Its limit stops the search.

    Returns
    -------
    Plan
        A valid plan whose expected answer time is not larger.
    """
    arrays, deadline = instance.arrays, instance.requirements.deadline_seconds
    if deadline is None:
        raise ValueError("the expected answer time needs a deadline")
    students = [arrays.student_index[group.student] for group in plan.groups]
    sizes = np.array(plan.sizes)
    joined: list[list[str]] = [list(group.devices) for group in plan.groups]
    state = _Outages(instance, plan, deadline)
    for name in sorted(plan.spares, key=lambda spare: (arrays.failure[arrays.device_index[spare]], spare)):
        if control.exhausted:
            break
        n = arrays.device_index[name]
        latencies = arrays.latency(n, students, sizes)
        gains = np.where(arrays.largest[n, students] >= sizes, state.gains(latencies, arrays.failure[n]), 0.0)
        k = int(np.argmax(gains))
        if gains[k] > 0.0:
            joined[k].append(name)
            state.add(k, float(latencies[k]), float(arrays.failure[n]))
    groups = [
        Group(devices=tuple(devices), student=group.student, num_filters=group.num_filters, filters=group.filters)
        for group, devices in zip(plan.groups, joined, strict=True)
    ]
    return Plan.of(instance, groups)


class _Outages:
    """Outage of each group between the breakpoints, and what further replicas are worth."""

    def __init__(self, instance: Instance, plan: Plan, deadline: float) -> None:
        timings = group_timings(instance, plan)
        times = {t for timing in timings for t in timing.seconds if t < deadline}
        self.breaks: FloatArray = np.array([0.0, *sorted(times - {0.0}), deadline])
        self.outage: FloatArray = np.ones((len(timings), len(self.breaks) - 1))
        for k, timing in enumerate(timings):
            starts = np.searchsorted(self.breaks, timing.seconds)
            for (first, last), outage in zip(
                itertools.pairwise([*starts, self.outage.shape[1]]), timing.outage, strict=True
            ):
                self.outage[k, first:last] = outage

    def gains(self, latencies: FloatArray, failure: float) -> FloatArray:
        """Seconds by which a device shortens E[min(X, D)] as a replica of each group, K values."""
        answered = 1.0 - self.outage
        silent = answered == 0.0
        product = np.where(silent, 1.0, answered).prod(axis=0)
        count = silent.sum(axis=0)
        # The product over the other groups, without a division by zero where this one has not begun.
        others = np.where(count - silent == 0, product / np.where(silent, 1.0, answered), 0.0)
        left, right = self.breaks[:-1], self.breaks[1:]
        width = np.maximum(right - np.maximum(left, latencies[:, None]), 0.0)
        gains: FloatArray = (1.0 - failure) * (width * self.outage * others).sum(axis=1)
        return gains

    def add(self, k: int, latency: float, failure: float) -> None:
        """Add a replica to group k."""
        if latency >= self.breaks[-1]:
            return
        position = int(np.searchsorted(self.breaks, latency))
        if self.breaks[position] != latency:
            self.breaks = np.insert(self.breaks, position, latency)
            self.outage = np.insert(self.outage, position - 1, self.outage[:, position - 1], axis=1)
        self.outage[k, position:] *= failure
