"""Students and part sizes of changed groups: what a group cannot hold any more goes to those that have room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan import IndexedGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance, IntArray


def rooms(instance: Instance, members: Sequence[int]) -> IntArray:
    """Largest part that all of some devices, at least one, can hold with each student, J."""
    room: IntArray = instance.arrays.largest[list(members)].min(axis=0)
    return room


def shared_out(instance: Instance, groups: Sequence[IndexedGroup]) -> list[IndexedGroup] | None:
    """Keep students and sizes where groups have room for them; share out the filters that find no place.

    Parameters
    ----------
    instance : Instance
        What was given.
    groups : sequence of IndexedGroup
        Groups with at least one device each. A size of 0 asks for one filter.

    Returns
    -------
    list of IndexedGroup or None
        Groups that hold all filters; None where they have no room for them.
    """
    served, space = [], []
    for group in groups:
        room = rooms(instance, group.members)
        student = group.student
        if room[student] < max(group.size, 1):
            # The student that holds most, unless the present one holds as much.
            student = int(room.argmax()) if room.max() > room[student] else student
        most = int(room[student])
        if most < 1:
            return None
        size = min(max(group.size, 1), most)
        served.append(IndexedGroup(group.members, student, size))
        space.append(most - size)
    left = instance.knowledge.num_filters - sum(group.size for group in served)
    if left > sum(space):
        return None
    while left != 0:
        # One by one where most room is, or from the largest part, so that parts stay as even as they are.
        if left > 0:
            k = max(range(len(served)), key=lambda g: space[g])
            step = min(left, max(1, space[k] // 2))
        else:
            k = max(range(len(served)), key=lambda g: served[g].size)
            if served[k].size < 2:
                return None
            step = -min(-left, max(1, served[k].size // 4))
        served[k] = served[k]._replace(size=served[k].size + step)
        space[k] -= step
        left -= step
    return served
