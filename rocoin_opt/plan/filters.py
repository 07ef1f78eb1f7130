"""Explicit filters of a plan's parts, as label vectors and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.plan.model import Group, Plan

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance, IntArray


def labels_of(instance: Instance, plan: Plan) -> IntArray | None:
    """Part of each filter as an index into the plan's groups, M integers; None unless all filters are explicit."""
    if any(group.filters is None for group in plan.groups):
        return None
    labels = np.full(instance.knowledge.num_filters, -1, dtype=np.int64)
    for k, group in enumerate(plan.groups):
        if max(group.filters or (), default=0) >= len(labels):
            return None
        labels[list(group.filters or ())] = k
    return labels if (labels >= 0).all() else None


def with_filters(instance: Instance, plan: Plan, labels: IntArray) -> Plan:
    """The plan with the parts that a label vector of M group indices gives, in canonical order.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    labels : int array, shape (M,)
        Index of the group that each filter goes to.
    """
    groups = []
    for k, group in enumerate(plan.groups):
        filters = tuple(int(m) for m in np.flatnonzero(labels == k))
        groups.append(
            Group(devices=group.devices, student=group.student, num_filters=group.num_filters, filters=filters)
        )
    return Plan.of(instance, groups)


def without_filters(plan: Plan) -> Plan:
    """The plan with the sizes of its parts alone."""
    groups = tuple(group._replace({"filters": None}) for group in plan.groups)
    return Plan(groups=groups, spares=plan.spares)
