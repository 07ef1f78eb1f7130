"""Spares added to the groups of a plan one by one: what anybody would do by hand, and a search has to match."""

from __future__ import annotations

from typing import TYPE_CHECKING

import rocoin_opt as ro
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check

if TYPE_CHECKING:
    from rocoin_opt.plan.latency import Objective


def with_spares_added(instance: ro.Instance, plan: ro.Plan, objective: Objective) -> ro.Plan:
    """Add the spare that helps most where it helps most, at unchanged latency, until none helps.

    Every addition is checked and valued as a whole plan.
    """
    threshold = value_of(instance, plan, objective)
    while True:
        wider = [_joined(instance, plan, spare, k) for spare in plan.spares for k in range(len(plan.groups))]
        early = [
            other
            for other in wider
            if check(instance, other) == () and value_of(instance, other, objective) <= threshold
        ]
        best = min(early, key=lambda other: value_of(instance, other, "failure"), default=plan)
        if value_of(instance, best, "failure") >= value_of(instance, plan, "failure"):
            return plan
        plan = best


def _joined(instance: ro.Instance, plan: ro.Plan, spare: str, k: int) -> ro.Plan:
    groups = [
        group.model_copy(update={"devices": (*group.devices, spare)}) if i == k else group
        for i, group in enumerate(plan.groups)
    ]
    return ro.Plan.of(instance, groups)
