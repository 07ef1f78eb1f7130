"""Method ``greedy`` for random latencies: plans for constant latencies that random ones rarely exceed.

Let a device count as failed whenever one of its slowdown factors exceeds a quantile, and as slowed by the quantiles
otherwise. That is an instance with constant latencies and higher crash probabilities, and a plan for it answers in the
given instance no later: a *surrogate*. Which quantile serves best depends on the outage limit, so several are tried.

A plan is valid by its crash probabilities alone, and one that just keeps the limit is valid in no such surrogate. So
there are also surrogates that leave the crash probabilities as they are: what a plan is worth in the given instance
they do not say, but every valid plan is valid in them. For the expected answer time the plans of the baselines are
looked at, too, and the best plan is improved by sharing out a few pairs of groups.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.control import UNLIMITED, TimeUp, require_time
from rocoin_opt.failure import exceeded_with, factor_of, value_of
from rocoin_opt.grouping import StochasticShares, plan_within, smallest_failure_probability, valuation
from rocoin_opt.heuristics.baselines.table import BASELINES
from rocoin_opt.heuristics.greedy import greedy, polished
from rocoin_opt.instance import ROUNDING, ComputeTime, Constant
from rocoin_opt.plan import Outcome, structural_violations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Device, Instance
    from rocoin_opt.plan import Objective, Plan

LATE = (0.1, 0.03, 0.01, 0.3, 0.003, 1e-3, 1e-5, 0.0)
"""Probabilities that a surviving device is late in a surrogate, the likeliest to serve first."""
KEPT = (0.5, 0.1)
"""Probabilities that a surviving device is late in surrogates that keep the crash probabilities."""
FARTHEST = 1e30
"""Largest factor that a surrogate slows a device by; a device that may be slower counts as late half of the time."""
SMALLEST = 1e-30
"""Smallest factor: some laws have quantiles that are 0 in a double, and no rate is infinite."""


def greedy_stochastic(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
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
    # Under a time limit plans are valued while it lasts; the first one is better than none, whatever it is worth.
    best, value = start, math.inf
    if start is not None and control.has_time_for(valuation(instance, start, objective)):
        value = value_of(instance, start, objective)

    def consider(plan: Plan | None) -> None:
        nonlocal best, value
        if plan is None:
            return
        in_time = control.has_time_for(valuation(instance, plan, objective))
        worth = value_of(instance, plan, objective) if in_time else math.inf
        if best is None or worth < value:
            best, value = plan, worth
            control.tell(value if value < math.inf else None, None)

    aims: tuple[Objective, ...] = ("guaranteed",) if objective == "guaranteed" else ("guaranteed", "expected")
    for late, keeps in (*((late, False) for late in LATE), *((late, True) for late in KEPT)):
        # These promise nothing of the guarantee: they serve where no other surrogate has led to one.
        if keeps and objective == "guaranteed" and value < math.inf:
            break
        if control.exhausted:
            break
        try:
            stand_in = deterministic_equivalent(instance, late, keeps_crashes=keeps, control=control)
        except TimeUp:
            break
        for aim in aims:
            if not control.exhausted:
                consider(greedy(stand_in, aim, control.silent()).plan)
    if objective == "expected":
        for plan in _simple_plans(instance, control):
            consider(plan)
        if not control.exhausted:
            consider(polished(instance, best, control.silent()))
    elif best is not None and control.has_time_for(valuation(instance, best, objective)):
        best = _fitted(instance, best, value, control)
    bound = None
    deadline = instance.requirements.deadline_seconds
    if objective == "expected" and deadline is not None:
        # Without an answer the whole time up to the deadline is lost.
        bound = deadline * smallest_failure_probability(instance) * (1.0 - ROUNDING)
    if best is None:
        why = "the limit was reached before" if control.exhausted else "the greedy packing found no way that"
        return Outcome(None, bound, reasons=(f"{why} all filters were placed",))
    return Outcome(best, bound)


def deterministic_equivalent(
    instance: Instance, late: float, *, keeps_crashes: bool = False, control: Control = UNLIMITED
) -> Instance:
    """Make an instance with constant latencies, each exceeded with a probability.

    Parameters
    ----------
    instance : Instance
        What was given.
    late : float
        That probability.
    keeps_crashes : bool
        Whether crash probabilities stay as they are; otherwise a late answer counts as a crash.
    control : Control
        Its limit breaks it off.

    Raises
    ------
    TimeUp
        If the limit comes first.
    """
    devices = []
    for device in instance.devices:
        require_time(control)
        devices.append(_stand_in(device, late, keeps_crashes=keeps_crashes))
    stand_in = instance._replace({"devices": tuple(devices)})
    # Laws are no reason to take smaller parts: energy and the rate of requests are limited at factor 1.
    stand_in.__dict__["arrays"] = replace(stand_in.arrays, largest=instance.arrays.largest)
    return stand_in


def _stand_in(device: Device, late: float, *, keeps_crashes: bool) -> Device:
    laws = [law for law in (device.compute_slowdown, device.link_slowdown) if not isinstance(law, Constant | None)]
    factors = factor_of(device.compute_slowdown), factor_of(device.link_slowdown)
    # Half each for two factors: the odds that one of them exceeds its quantile add up to ``late`` at most.
    share = late / max(len(laws), 1)
    compute, link = (exceeded_with(factor, share) for factor in factors)
    if max(compute, link) > FARTHEST:
        late = 0.5
        compute, link = (min(exceeded_with(factor, late / 2.0), FARTHEST) for factor in factors)
    compute, link = max(compute, SMALLEST), max(link, SMALLEST)
    failure = device.failure_probability
    if laws and not keeps_crashes:
        failure = min(failure + (1.0 - failure) * late, math.nextafter(1.0, 0.0))
    return device._replace(
        {
            **_slowed(device, compute, link),
            "failure_probability": failure,
            "compute_slowdown": None,
            "link_slowdown": None,
        }
    )


def _slowed(device: Device, compute: float, link: float) -> dict[str, object]:
    """What computing and sending take, both slowed; energies stay."""
    table = device.compute_seconds or {}
    times = {name: device.compute_time(name) or ComputeTime(seconds=0.0) for name in table}
    return {
        "flops_per_second": None if device.flops_per_second is None else device.flops_per_second / compute,
        "compute_seconds": {
            name: ComputeTime.model_construct(
                seconds=time.seconds * compute, seconds_per_filter=time.seconds_per_filter * compute
            )
            for name, time in times.items()
        }
        or None,
        "compute_watts": None if device.compute_watts is None else device.compute_watts / compute,
        "uplink_bits_per_second": device.uplink_bits_per_second / link,
        "transmit_watts": None if device.transmit_watts is None else device.transmit_watts / link,
    }


def _simple_plans(instance: Instance, control: Control) -> Iterator[Plan | None]:
    """Plans of the baselines; without the graph, whose cut takes longer than all else."""
    knowledge = instance.knowledge._replace({"graph": None})
    bare = instance._replace({"knowledge": knowledge})
    for run in BASELINES.values():
        if control.exhausted:
            return
        yield run(bare, "expected", replace(control.silent(), seed=0)).plan


def _fitted(instance: Instance, plan: Plan, value: float, control: Control) -> Plan:
    """The groups of a plan with the students and sizes that suit the laws, if that makes it better."""
    index = instance.arrays.device_index
    groups = [tuple(sorted(index[name] for name in group.devices)) for group in plan.groups]
    fitted = plan_within(StochasticShares(instance, control), groups, value) if value < math.inf else None
    if fitted is None or structural_violations(instance, fitted) or value_of(instance, fitted, "guaranteed") >= value:
        return plan
    return fitted
