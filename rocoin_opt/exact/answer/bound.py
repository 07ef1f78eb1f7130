"""What no plan can beat where there are too many sets of devices to list: the packing relaxation, scaled to failure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.expected.success_relaxation import GroupPool, most_likely
from rocoin_opt.failure import DeliveryProbabilities, value_of
from rocoin_opt.grouping import Candidates, ExpectedModel, latency_range
from rocoin_opt.instance import ROUNDING, SAFETY, SharedFailures, complement, stretched
from rocoin_opt.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance

MOST_TIMES = 12
"""Times at which a quantile is refuted, at most: the last ones move the bound by less than a thousandth."""
MOST_DOMAINS = 12
"""Domains whose failure is looked at for a bound, at most; each takes as long as a bound without domains."""


def failure_bound(instance: Instance, value: float, control: Control, *, nodes: int = 1) -> float:
    """Lower bound on the failure probability of every plan.

    Parameters
    ----------
    instance : Instance
        Independent devices; constant latencies or laws.
    value : float
        Failure probability of a known plan.
    control : Control
        Limit.
    nodes : int
        Programs that are solved at most; with more than one the bound is far sharper.
    """
    if not 0.0 < value < 1.0:
        return 0.0
    deadline = instance.requirements.deadline_seconds
    model = ExpectedModel(instance, math.inf if deadline is None else float(stretched(deadline)))
    deliveries = DeliveryProbabilities(instance) if instance.has_random_latencies else None
    least = most_likely(model, model.deadline, GroupPool(), control, deliveries, unit=-math.log1p(-value), nodes=nodes)
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


def failure_bound_by_states(instance: Instance, free: Instance, plan: Plan, control: Control) -> float:
    """Lower bound on the failure probability of every plan under failure domains, by :func:`mean_over_states`.

    Parameters
    ----------
    instance : Instance
        Constant latencies, failure domains.
    free : Instance
        The same without failure domains and rules.
    plan : Plan
        A valid plan.
    control : Control
        Limit.
    """

    def given(left: Instance) -> float:
        return failure_bound(left, _failure_without(left, plan), control)

    all_up = failure_bound(free, value_of(free, plan, "failure"), control)
    return mean_over_states(instance, free, all_up, given, 1.0, control)


def mean_over_states(
    instance: Instance,
    free: Instance,
    all_up: float,
    given: Callable[[Instance], float],
    nothing: float,
    control: Control,
) -> float:
    """Lower bound on a value that is a mean over the states of failure domains.

    Parameters
    ----------
    instance : Instance
        Constant latencies, failure domains.
    free : Instance
        The same without failure domains and rules.
    all_up : float
        Lower bound where all domains are up.
    given : callable
        Lower bound for the devices that are left where one domain is down, without limits on outage and on few groups.
    nothing : float
        Value where no device is left that can hold a student.
    control : Control
        Limit.

    Notes
    -----
    Given the state the devices fail independently, so no plan is better than the best one for that state. With more
    domains down more devices are gone: what is not bounded itself, where there are many states or the time is up,
    counts as the state in which all are up.
    """
    shared, bound = SharedFailures(instance), all_up
    # One domain down, the likeliest first; two at once are rare.
    for d in np.argsort(-shared.falls, kind="stable").tolist()[:MOST_DOMAINS]:
        if control.exhausted:
            break
        chance = float(shared.falls[d] * (1.0 - np.delete(shared.falls, d)).prod())
        left = _without_domain(free, np.flatnonzero(shared.domain == d).tolist())
        bound += chance * max(0.0, (nothing if left is None else given(left)) - all_up)
    return bound * (1.0 - ROUNDING)


def _without_domain(free: Instance, lost: list[int]) -> Instance | None:
    """The instance without some devices and without limits on outage and on few groups; None where none is left."""
    left = tuple(device for n, device in enumerate(free.devices) if n not in lost)
    if not left or not free._replace({"devices": left}).arrays.largest.any():
        return None
    return free._replace({"devices": left}).with_requirements(max_group_outage=1.0, min_groups=1)


def _failure_without(given: Instance, plan: Plan) -> float:
    """Failure probability of what is left of a plan; nearly 1 where a group has nobody left."""
    known = given.arrays.device_index
    groups = [
        group._replace({"devices": tuple(name for name in group.devices if name in known)}) for group in plan.groups
    ]
    if not all(group.devices for group in groups):
        return 1.0 - SAFETY
    return min(value_of(given, Plan.of(given, groups), "failure"), 1.0 - SAFETY)
