"""What spares are good for when the expected answer time counts: further replicas, where they shorten it.

A further replica n in group k multiplies q_k(t) by p_n from its latency on, so the integral of P(X <= t) up to the
deadline grows by that of ``(1 - p_n) q_k(t) prod_{i != k} (1 - q_i(t))`` from there. Between two breakpoints all of
it is constant.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.plan import Group, Plan, group_timings

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, Instance


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
        self.integrals: tuple[FloatArray, FloatArray] | None = None
        for k, timing in enumerate(timings):
            starts = np.searchsorted(self.breaks, timing.seconds)
            for (first, last), outage in zip(
                itertools.pairwise([*starts, self.outage.shape[1]]), timing.outage, strict=True
            ):
                self.outage[k, first:last] = outage

    def gains(self, latencies: FloatArray, failure: float) -> FloatArray:
        """Seconds by which a device shortens E[min(X, D)] as a replica of each group, K values."""
        if self.integrals is None:
            self.integrals = self._integrate()
        density, left = self.integrals
        # A device that cannot run the student never answers: infinite, which would be no number times a density of 0.
        latencies = np.minimum(latencies, self.breaks[-1])
        after = np.searchsorted(self.breaks, latencies)
        groups, before = np.arange(len(density)), np.maximum(after - 1, 0)
        # The replica may begin between two breakpoints, where the density is constant.
        begun = density[groups, before] * (self.breaks[after] - latencies)
        gains: FloatArray = left[groups, after] + np.where(after > 0, np.maximum(begun, 0.0), 0.0)
        return (1.0 - failure) * gains

    def _integrate(self) -> tuple[FloatArray, FloatArray]:
        """Gain per second of a further replica that never crashes, and its integral from each breakpoint on.

        The density is q_k prod_{i != k} (1 - q_i), K x B for B intervals; the integral is K x (B + 1), and 0 at the
        deadline.
        """
        answered = 1.0 - self.outage
        silent = answered == 0.0
        product = np.where(silent, 1.0, answered).prod(axis=0)
        others_silent = silent.sum(axis=0) - silent
        # The product over the other groups, without a division by zero where this one has not begun.
        others = np.where(others_silent == 0, product / np.where(silent, 1.0, answered), 0.0)
        density: FloatArray = self.outage * others
        left = np.zeros((density.shape[0], density.shape[1] + 1))
        left[:, :-1] = np.cumsum((density * np.diff(self.breaks))[:, ::-1], axis=1)[:, ::-1]
        return density, left

    def add(self, k: int, latency: float, failure: float) -> None:
        """Add a replica to group k."""
        if latency >= self.breaks[-1]:
            return
        position = int(np.searchsorted(self.breaks, latency))
        if self.breaks[position] != latency:
            self.breaks = np.insert(self.breaks, position, latency)
            self.outage = np.insert(self.outage, position - 1, self.outage[:, position - 1], axis=1)
        self.outage[k, position:] *= failure
        self.integrals = None
