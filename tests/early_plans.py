"""Every plan of a tiny instance that is within a threshold, with its figures in fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import oracle

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

TIED = Fraction(1, 10**13)
"""Relative difference of two failure probabilities that is none: plans are compared to twelve digits."""


class EarlyPlan(NamedTuple):
    """A plan within a threshold."""

    failure: Fraction
    """Failure probability of the whole answer."""
    work: float
    """Device-seconds of all replicas, to twelve digits."""
    spares: tuple[int, ...]
    """Devices without a group."""
    sizes: tuple[int, ...]
    """Part sizes, largest first."""


def answers_within(instance: Instance, block: oracle.Block, objective: Objective, threshold: float) -> bool:
    """Whether a feasible group answers within a threshold, in the arithmetic of the package."""
    latencies = instance.arrays.latency(list(block.devices), block.student, block.size)
    if objective == "worst":
        return bool(latencies.max() <= threshold)
    timely = [n for n, seconds in zip(block.devices, latencies, strict=True) if seconds <= threshold]
    if objective == "nominal":
        return bool(timely)
    reference = oracle.oracle_of(instance)
    return bool(timely) and reference.outage(frozenset(timely)) <= reference.limit


def early_plans(instance: Instance, objective: Objective, threshold: float) -> list[EarlyPlan]:
    """All valid plans whose latency is within a threshold."""
    reference, found = oracle.oracle_of(instance), []
    timely: dict[oracle.Block, bool] = {}
    work: dict[oracle.Block, Fraction] = {}
    for blocks in reference.decisions(feasible_only=True):
        for block in blocks:
            if block not in timely:
                timely[block] = answers_within(instance, block, objective, threshold)
                work[block] = sum(oracle.latency(instance, n, block.student, block.size) for n in block.devices)
        if all(timely[block] for block in blocks):
            failure = reference.whole.value(blocks, "failure")
            assert failure is not None
            seconds = float(f"{float(sum(work[block] for block in blocks)):.12g}")
            used = {n for block in blocks for n in block.devices}
            spares = tuple(n for n in range(len(instance.devices)) if n not in used)
            found.append(EarlyPlan(failure, seconds, spares, tuple(sorted((b.size for b in blocks), reverse=True))))
    return found


def least_of(plans: list[EarlyPlan]) -> tuple[float, float]:
    """The least failure probability of some plans, and the least work of those that fail so rarely."""
    least = min(plan.failure for plan in plans)
    return float(least), min(plan.work for plan in plans if plan.failure <= least * (1 + TIED))
