"""Follow-the-leader grouping: devices of like capacity, one group after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.heuristics.baselines.groups import shortest_cover, usable_devices

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, Instance


def follow_the_leader(instance: Instance, control: Control = UNLIMITED) -> list[list[int]]:
    """Group devices of like capacity until each group keeps the outage limit.

    The leader of the next group is the most capable device left, that of the longest capacity vector; the devices
    left join it by their distance from the leader, nearest first, until the group keeps the limit. The last group that
    does not reach it is dissolved. Ties go to the smaller identifier.

    Parameters
    ----------
    instance : Instance
        What was given. Devices that can hold no student take no part.
    control : Control
        Its limit ends the grouping early.

    Returns
    -------
    list of list of int
        Device indices of each group, the leader first; at most ``instance.max_groups`` groups.
    """
    capacity = capacity_vectors(instance)
    left = usable_devices(instance)
    left.sort(key=lambda n: -float(np.linalg.norm(capacity[n])))
    names = np.array([device.id for device in instance.devices], dtype=object)
    by_name = np.empty(len(names), dtype=np.int64)
    by_name[np.argsort(names, kind="stable")] = np.arange(len(names))
    groups: list[list[int]] = []
    while left and len(groups) < instance.max_groups and not control.exhausted:
        leader = left[0]
        others = np.array(left[1:], dtype=np.int64)
        distance = np.sqrt(((capacity[others] - capacity[leader]) ** 2).sum(axis=1))
        # Identifiers decide between followers at the same distance, not the rank that their capacity gave them.
        followers = others[np.lexsort((by_name[others], distance))]
        group = shortest_cover(instance, [leader, *followers.tolist()])
        if group is None:
            break
        groups.append(group)
        grouped = set(group)
        left = [n for n in left if n not in grouped]
    return groups


def capacity_vectors(instance: Instance) -> FloatArray:
    """Compute rate, memory and link rate of each device, N x 3, as shares of the largest of its kind.

    A device without a rate has that of its table, :attr:`rocoin_opt.instance.InstanceArrays.rate`.
    """
    kept = np.array([(d.memory_bytes, d.uplink_bits_per_second) for d in instance.devices], dtype=np.float64)
    capacity = np.column_stack([instance.arrays.rate, kept])
    return np.asarray(capacity / capacity.max(axis=0))
