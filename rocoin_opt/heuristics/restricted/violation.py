"""How far groups are from being a plan: a number that a search can make smaller, 0 where every rule is kept."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from rocoin_opt.instance import keeps_outage_limit
from rocoin_opt.plan import num_domains, outage_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance

BROKEN = 10.0
"""What a broken rule counts, in units of an outage that is e times its limit."""


def violation_of(instance: Instance, groups: Sequence[Sequence[int]]) -> float:
    """Sum of what groups miss: outage limits, the number of groups, and the instance's rules; room is not looked at.

    Parameters
    ----------
    instance : Instance
        What was given.
    groups : sequence of sequences of int
        Device indices of each group, disjoint.
    """
    rules, requirements = instance.restrictions, instance.requirements
    limit, missed = requirements.max_group_outage, 0.0
    for members in groups:
        outage = outage_of(instance, members)
        if not keeps_outage_limit(outage, limit):
            missed += math.log(outage / limit) if limit > 0.0 else 1.0
        inside = set(members)
        for rivals in rules.apart:
            missed += BROKEN * max(len(rivals & inside) - 1, 0)
        for friends in rules.together:
            missed += BROKEN * (0 < len(friends & inside) < len(friends))
        if rules.spread > 1:
            missed += BROKEN * max(rules.spread - num_domains(instance, members), 0)
    used = Counter(n for members in groups for n in members)
    missed += BROKEN * sum(n not in used for n in rules.use)
    missed += BROKEN * sum(n in used for n in rules.spare)
    missed += BROKEN * max(requirements.min_groups - len(groups), 0, len(groups) - instance.max_groups)
    return missed
