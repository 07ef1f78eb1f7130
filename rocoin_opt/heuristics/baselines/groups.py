"""Groups of device indices: what every baseline asks of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import keeps_outage_limit
from rocoin_opt.plan import group_keeps_limit, outage_after

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.instance import Instance, InstanceArrays, IntArray


def usable_devices(instance: Instance) -> list[int]:
    """Indices of the devices that can hold some student, by identifier: the order of the file does not matter."""
    largest = instance.arrays.largest
    usable: list[int] = np.flatnonzero(largest.max(axis=1) > 0).tolist()
    return sorted(usable, key=lambda n: instance.devices[n].id)


def keeps_limit(instance: Instance, members: Iterable[int]) -> bool:
    """Whether a group of at least one device keeps the outage limit."""
    # In the order in which a canonical plan lists them: rounding must not tell this product from the check's.
    ordered = sorted(members, key=lambda n: instance.devices[n].id)
    return group_keeps_limit(instance, ordered)


def shortest_cover(instance: Instance, candidates: Sequence[int]) -> list[int] | None:
    """The first candidates, as few as keep the outage limit together; None if all of them do not."""
    limit = instance.requirements.max_group_outage
    for count, outage in enumerate(outage_after(instance, candidates), start=1):
        if keeps_outage_limit(outage, limit) and keeps_limit(instance, candidates[:count]):
            return list(candidates[:count])
    return None


def common_room(arrays: InstanceArrays, members: Sequence[int]) -> IntArray:
    """Largest part that all devices of a group can hold, for each of the J students; 0 where some cannot hold it."""
    room: IntArray = arrays.largest[list(members)].min(axis=0)
    return room
