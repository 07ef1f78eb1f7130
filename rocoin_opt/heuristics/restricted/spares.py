"""Spares added one by one: what anybody would do by hand for a surer answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.failure import is_untied, value_of
from rocoin_opt.plan import indexed_groups, plan_of, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan


def with_spares_added(instance: Instance, plan: Plan, objective: Objective, seconds: float) -> Plan:
    """Put each spare, the most reliable first, where the answer fails least with it, if that is less than without.

    Parameters
    ----------
    instance : Instance
        Any failure domains and rules; constant latencies.
    plan : Plan
        A valid plan.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency stays.
    seconds : float
        What it may be at most.
    """
    index, failure = instance.arrays.device_index, instance.arrays.failure
    for spare in sorted(plan.spares, key=lambda name: (float(failure[index[name]]), name)):
        served = indexed_groups(instance, plan)
        wider = [
            plan_of(instance, [*served[:k], group._replace(members=(*group.members, index[spare])), *served[k + 1 :]])
            for k, group in enumerate(served)
        ]
        kept = [
            other
            for other in wider
            if not structural_violations(instance, other)
            and value_of(instance, other, objective) <= seconds
            and is_untied(instance, other)
        ]
        plan = min([plan, *kept], key=lambda other: value_of(instance, other, "failure"))
    return plan
