"""A plain proof that an instance is feasible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import keeps_outage_limit

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance


def is_surely_feasible(instance: Instance) -> bool:
    """Whether one simple grouping places every filter.

    Devices are taken by descending capacity; a group is closed as soon as it keeps the outage limit. An instance may
    be feasible where this grouping fails, never the other way round.
    """
    arrays, num_filters = instance.arrays, instance.knowledge.num_filters
    placed = groups = 0
    outage, room = 1.0, arrays.largest[0]
    for n in np.argsort(-arrays.largest.max(axis=1), kind="stable"):
        room = arrays.largest[n] if outage == 1.0 else np.minimum(room, arrays.largest[n])
        outage *= float(arrays.failure[n])
        if keeps_outage_limit(outage, instance.requirements.max_group_outage):
            placed, groups, outage = placed + int(room.max()), groups + 1, 1.0
        if placed >= num_filters or groups == instance.max_groups:
            break
    return placed >= num_filters
