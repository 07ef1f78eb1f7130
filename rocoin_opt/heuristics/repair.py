"""A plan mended after losses: groups go on with the devices that they have left, and spares fill the gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.plan import Plan, group_keeps_limit, members_of, outage_of, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Group


def repair(instance: Instance, old: Plan) -> Plan | None:
    """Keep every group with its student and part, and complete those that miss the outage limit with spares.

    A group takes the spare that covers most, or, of several that complete it, the one that answers first. Groups that
    need the fewest spares are served first.

    Parameters
    ----------
    instance : Instance
        What is left.
    old : Plan
        The plan so far, which may name devices that the instance does not have any more.

    Returns
    -------
    Plan or None
        A valid plan without filters, or None where spares do not fill the gaps.
    """
    arrays = instance.arrays
    members = [list(group) for group in members_of(instance, old)]
    used = {n for group in members for n in group}
    spares = [n for n in range(len(instance.devices)) if n not in used]
    lacking = [1.0 - float(arrays.cover_share[group].sum()) for group in members]
    if instance.has_shared_failures:
        # Shares do not add up: whoever is likeliest to fail lacks most.
        lacking = [outage_of(instance, group) for group in members]
    for k in np.argsort(lacking, kind="stable").tolist():
        while not group_keeps_limit(instance, members[k]):
            chosen = _best_spare(instance, old.groups[k], members[k], spares)
            if chosen is None:
                return None
            members[k].append(chosen)
            spares.remove(chosen)
    groups = [
        group._replace({"devices": tuple(instance.devices[n].id for n in own), "filters": None})
        for group, own in zip(old.groups, members, strict=True)
    ]
    plan = Plan.of(instance, groups)
    return None if structural_violations(instance, plan) else plan


def _best_spare(instance: Instance, group: Group, members: list[int], spares: list[int]) -> int | None:
    arrays = instance.arrays
    j = arrays.student_index[group.student]
    able = [n for n in spares if arrays.largest[n, j] >= group.num_filters]
    # Any that completes the group is enough: the fastest one delays it least.
    by_latency = np.argsort(arrays.latency(able, j, group.num_filters), kind="stable").tolist() if able else []
    for position in by_latency:
        if group_keeps_limit(instance, [*members, able[position]]):
            completing: int = able[position]
            return completing
    # None is enough alone: the one that adds most leaves the least to the next.
    if instance.has_shared_failures:
        return min(able, key=lambda n: outage_of(instance, [*members, n]), default=None)
    return min(able, key=lambda n: float(arrays.failure[n]), default=None)
