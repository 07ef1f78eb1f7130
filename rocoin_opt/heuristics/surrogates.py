"""Method ``greedy`` for random latencies: plans for constant latencies that random ones rarely exceed.

Let a device count as failed whenever one of its slowdown factors exceeds a quantile, and as slowed by the quantiles
otherwise. That is an instance with constant latencies and higher crash probabilities, and a plan for it answers in the
given instance no later: a *surrogate*. Which quantile serves best depends on the outage limit, so several are tried.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.bounds import ROUNDING, smallest_failure_probability
from rocoin_opt.exact.random_assignment import plan_within
from rocoin_opt.exact.random_shares import RandomShares
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.laws import DiscreteFactor, factor_of
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.instance.slowdown import Constant
from rocoin_opt.plan.check import check
from rocoin_opt.plan.result import Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance.model import Device, Instance
    from rocoin_opt.instance.slowdown import Slowdown
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan

LATE = (0.1, 0.03, 0.01, 0.3, 0.003, 1e-3, 1e-5, 0.0)
"""Probabilities that a surviving device is late in a surrogate, the likeliest to serve first."""
FARTHEST = 1e30
"""Largest factor that a surrogate slows a device by; a device that may be slower counts as late half of the time."""


def greedy_random(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
    """Find a good plan under random latencies.

    Parameters
    ----------
    instance : Instance
        What was given: slowdown laws on some devices or all, no failure domains.
    objective : {'guaranteed', 'expected'}
        What to minimise.
    control : Control
        Its limit stops the search once there is a plan; no random choice is made.
    start : Plan, optional
        A valid plan to improve on.

    Returns
    -------
    Outcome
        The best plan of all surrogates, its sizes fitted to the laws for ``guaranteed``. The bound says no more than
        what a failure costs at the least for ``expected``, and nothing for ``guaranteed``.
    """
    best, value = start, math.inf if start is None else value_of(instance, start, objective)
    aims: tuple[Objective, ...] = ("guaranteed",) if objective == "guaranteed" else ("guaranteed", "expected")
    for late in LATE:
        stand_in = surrogate(instance, late)
        for aim in aims:
            if control.exhausted:
                break
            plan = greedy(stand_in, aim, control.silent()).plan
            worth = math.inf if plan is None else value_of(instance, plan, objective)
            if plan is not None and (best is None or worth < value):
                best, value = plan, worth
                control.tell(value if value < math.inf else None, None)
    if best is not None and objective == "guaranteed" and not control.exhausted:
        best = _fitted(instance, best, value)
    bound = None
    deadline = instance.requirements.deadline_seconds
    if objective == "expected" and deadline is not None:
        # Without an answer the whole time up to the deadline is lost.
        bound = deadline * smallest_failure_probability(instance) * (1.0 - ROUNDING)
    if best is None:
        why = "the limit was reached before" if control.exhausted else "the greedy packing found no way that"
        return Outcome(None, bound, reasons=(f"{why} all filters were placed",))
    return Outcome(best, bound)


def surrogate(instance: Instance, late: float) -> Instance:
    """Make an instance with constant latencies, each exceeded with a probability that counts as a crash."""
    devices = tuple(_stand_in(device, late) for device in instance.devices)
    return instance.model_copy(update={"devices": devices})


def _stand_in(device: Device, late: float) -> Device:
    laws = [law for law in (device.compute_slowdown, device.link_slowdown) if not isinstance(law, Constant | None)]
    share = late / max(len(laws), 1)
    compute, link = _quantile(device.compute_slowdown, share), _quantile(device.link_slowdown, share)
    if max(compute, link) > FARTHEST:
        late = 0.5
        compute, link = (_quantile(law, late / 2.0) for law in (device.compute_slowdown, device.link_slowdown))
        compute, link = min(compute, FARTHEST), min(link, FARTHEST)
    # A quantile may be below the smallest double; a larger factor is on the safe side.
    compute, link = max(compute, 1.0 / FARTHEST), max(link, 1.0 / FARTHEST)
    failure = device.failure_probability
    if laws:
        failure = min(failure + (1.0 - failure) * late, math.nextafter(1.0, 0.0))
    return device.model_copy(
        update={
            "flops_per_second": device.flops_per_second / compute,
            "uplink_bits_per_second": device.uplink_bits_per_second / link,
            "failure_probability": failure,
            "compute_slowdown": None,
            "link_slowdown": None,
        }
    )


def _quantile(law: Slowdown | None, late: float) -> float:
    """Factor that is exceeded with a probability of at most ``late``."""
    factor = factor_of(law)
    if isinstance(factor, DiscreteFactor):
        above = np.append(np.cumsum(factor.weights[:0:-1])[::-1], 0.0)
        return float(factor.values[int(np.argmax(above <= late))])
    return float(factor.isf(np.array([late]))[0]) if late > 0.0 else math.inf


def _fitted(instance: Instance, plan: Plan, value: float) -> Plan:
    """The groups of a plan with the students and sizes that suit the laws, if that makes it better."""
    index = instance.arrays.device_index
    groups = [tuple(sorted(index[name] for name in group.devices)) for group in plan.groups]
    fitted = plan_within(RandomShares(instance), groups, value) if value < math.inf else None
    if fitted is None or check(instance, fitted) or value_of(instance, fitted, "guaranteed") >= value:
        return plan
    return fitted
