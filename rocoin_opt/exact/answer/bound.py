"""What no plan can beat where there are too many sets of devices to list: the packing relaxation, scaled to failure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.expected.success_relaxation import GroupPool, most_likely
from rocoin_opt.failure import DeliveryProbabilities
from rocoin_opt.grouping import Candidates, ExpectedModel, latency_range
from rocoin_opt.instance import complement, stretched

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance

MOST_TIMES = 12
"""Times at which a quantile is refuted, at most: the last ones move the bound by less than a thousandth."""


def failure_bound(instance: Instance, value: float, control: Control) -> float:
    """Lower bound on the failure probability of every plan.

    Parameters
    ----------
    instance : Instance
        Independent devices; constant latencies or laws.
    value : float
        Failure probability of a known plan.
    control : Control
        Limit.
    """
    if not 0.0 < value < 1.0:
        return 0.0
    deadline = instance.requirements.deadline_seconds
    model = ExpectedModel(instance, math.inf if deadline is None else float(stretched(deadline)))
    deliveries = DeliveryProbabilities(instance) if instance.has_random_latencies else None
    least = most_likely(model, model.deadline, GroupPool(), control, deliveries, unit=-math.log1p(-value))
    return max(0.0, min(value, -math.expm1(least)))


def quantile_bound(instance: Instance, value: float, control: Control) -> float:
    """Lower bound in seconds on the quantile of every plan: times by which no plan reaches the success level.

    Parameters
    ----------
    instance : Instance
        Constant latencies, independent devices, a success level.
    value : float
        Quantile of a known plan; infinite where none is known.
    control : Control
        Limit.
    """
    level, limits = instance.requirements.success_level, latency_range(instance.arrays)
    if level is None or limits is None:
        return 0.0
    failure = float(stretched(complement(level)))
    if failure >= 1.0:
        # Any answer will do.
        return limits[0]
    most = -math.log1p(-failure)
    candidates = Candidates(instance.arrays, math.nextafter(limits[0], -math.inf), min(value, limits[1]))
    low, high, pool = 0, len(candidates), GroupPool()
    for _ in range(MOST_TIMES):
        if low >= high or control.exhausted:
            break
        middle = (low + high) // 2
        model = ExpectedModel(instance, candidates[middle])
        if -most_likely(model, candidates[middle], pool, control, unit=most) > most:
            low = candidates.behind(middle)
        else:
            high = middle
    return candidates[low] if low < len(candidates) else min(value, limits[1])
