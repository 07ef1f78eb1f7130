"""Whether a simpler plan would do: one device alone, or one device a group, no worse than the plan and proven so.

A statement is only made with a witness, a plan whose figures are computed exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import Control
from rocoin_opt.failure import Figures, assess, check, deadline_of, first_of_kinds
from rocoin_opt.heuristics.baselines.het_nonn import het_nonn
from rocoin_opt.instance import keeps_outage_limit, stretched, without_laws
from rocoin_opt.plan import Group, Plan, outage_of, plan_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan


@dataclass(frozen=True)
class Witness:
    """A simpler plan that is no worse.

    Attributes
    ----------
    plan : Plan
        The plan, without explicit filters.
    figures : Figures
        Its figures.
    keeps_limit : bool
        Whether all of its groups keep the outage limit, and the plan ``min_success``; it keeps every other rule.
    """

    plan: Plan
    figures: Figures
    keeps_limit: bool


@dataclass(frozen=True)
class Simplifications:
    """Simpler plans that are no worse: by the expected answer time, or without a deadline by the guarantee.

    Attributes
    ----------
    one_device : Witness or None
        One device that holds all filters with one student and keeps every rule. None where the plan is that simple
        already, or where no such device is as good: all of them were tried.
    without_redundancy : Witness or None
        One device per group. It keeps the limits if such a plan was found; else, with a deadline, it is one that
        ignores them. None where the plan has no redundancy, or none was found: not all were tried.
    """

    one_device: Witness | None
    without_redundancy: Witness | None


def simplifications(instance: Instance, plan: Plan | HasPlan, deadline: float | None = None) -> Simplifications:
    """Look for a single device, or one device per group, that does as well as a plan.

    Parameters
    ----------
    instance, plan, deadline
        As for :func:`rocoin_opt.assess`.

    Returns
    -------
    Simplifications
        For each of the two a plan that is no worse, with its figures, or None.

    Raises
    ------
    InputError, UnsupportedError
        As for :func:`rocoin_opt.assess`.

    Examples
    --------
    >>> found = ro.simplifications(instance, plan)
    >>> found.one_device is None
    True
    """
    plan, end = plan_in(plan), deadline_of(instance, deadline)
    # A plan that is as good in decimals is no worse, however its sums round.
    limit = stretched(_value(assess(instance, plan, end)))
    alone = None
    if sum(len(group.devices) for group in plan.groups) > 1:
        lone = list(_witnesses(instance, _lone_plans(instance, end, limit), end))
        alone = _best([witness for witness in lone if witness.keeps_limit], limit)
    single = None
    if any(len(group.devices) > 1 for group in plan.groups):
        found = list(_witnesses(instance, _plans_without_redundancy(instance, plan, end, limit), end))
        single = _best([witness for witness in found if witness.keeps_limit], limit)
        if single is None and end is not None:
            single = _best(found, limit)
    return Simplifications(alone, single)


def _witnesses(instance: Instance, plans: Iterable[Plan], deadline: float | None) -> Iterator[Witness]:
    """Those of some plans that keep every rule but for limits on failures, with their figures."""
    for plan in plans:
        broken = {violation.rule for violation in check(instance, plan)}
        if broken <= {"outage", "min_success"}:
            yield Witness(plan, assess(instance, plan, deadline), keeps_limit=not broken)


def _best(witnesses: list[Witness], limit: float) -> Witness | None:
    good = [witness for witness in witnesses if math.isfinite(value := _value(witness.figures)) and value <= limit]
    return min(good, key=lambda witness: _value(witness.figures), default=None)


def _value(figures: Figures) -> float:
    value = figures.guaranteed_seconds if figures.expected_seconds is None else figures.expected_seconds
    return math.inf if value is None else value


def _lone_plans(instance: Instance, deadline: float | None, limit: float) -> Iterator[Plan]:
    """For each kind of device that keeps every rule alone, its plan with the student that is fastest there.

    Devices that fail too often for an expected answer time within a limit are left out.
    """
    total, arrays = instance.knowledge.num_filters, instance.arrays
    if instance.requirements.min_groups > 1:
        return
    # Rules may tell devices apart that are equal otherwise.
    for device in instance.devices if instance.rules else first_of_kinds(instance.devices):
        n = arrays.device_index[device.id]
        able = np.flatnonzero(arrays.largest[n] >= total)
        outage = outage_of(instance, [n])
        is_sure = deadline is None or deadline * outage <= limit
        if len(able) and is_sure and keeps_outage_limit(outage, instance.requirements.max_group_outage):
            # Students differ by their compute time only, so the fastest is so under every slowdown law.
            j = able[int(np.argmin(arrays.latency(n, able, total)))]
            group = Group(devices=(device.id,), student=instance.students[j].id, num_filters=total)
            yield Plan.of(instance, [group])


def _plans_without_redundancy(instance: Instance, plan: Plan, deadline: float | None, limit: float) -> Iterator[Plan]:
    """The plan with the fastest replica of each group alone, and the fastest plans of so many single devices.

    Numbers of devices that fail too often for an expected answer time within a limit are left out.
    """
    arrays, steady = instance.arrays, without_laws(instance)
    fastest = []
    for group in plan.groups:
        j = arrays.student_index[group.student]
        first = min(group.devices, key=lambda d: float(arrays.latency(arrays.device_index[d], j, group.num_filters)))
        fastest.append(group._replace({"devices": (first,), "filters": None}))
    if instance.requirements.min_groups <= len(fastest) <= instance.max_groups:
        yield Plan.of(instance, fastest)
    survival = np.cumprod(1.0 - np.sort(arrays.failure))
    kept = instance.requirements.max_group_outage
    # Without a deadline plans are judged by when they keep the limit.
    for outage in (kept,) if deadline is None else (kept, 1.0):
        # More devices answer sooner, as parts are smaller, but less often: each number is tried.
        for most in range(instance.requirements.min_groups, instance.max_groups + 1):
            if deadline is not None and deadline * (1.0 - survival[most - 1]) > limit:
                # Not even the surest devices answer often enough, and more of them answer less often.
                break
            asked = steady.with_requirements(max_groups=most, max_group_outage=outage)
            found = het_nonn(asked, "nominal", Control.starting_now()).plan
            if found is not None:
                yield Plan.of(instance, found.groups)
