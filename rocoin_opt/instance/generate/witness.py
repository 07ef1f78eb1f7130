"""A plain proof that an instance is feasible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import keeps_outage_limit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Device, FailureDomain, Instance


class GrowingGroup:
    """Outage of a group that devices join one by one; a failure domain takes its devices along.

    Parameters
    ----------
    domains : iterable of FailureDomain
        All domains that devices may be in.
    """

    def __init__(self, domains: Iterable[FailureDomain]) -> None:
        self._falls = {domain.id: domain.failure_probability for domain in domains}
        self._alone = 1.0
        self._together: dict[str, float] = {}

    def add(self, device: Device) -> None:
        """Take in a device."""
        name, crashes = device.failure_domain, device.failure_probability
        if name is None:
            self._alone *= crashes
        else:
            self._together[name] = self._together.get(name, 1.0) * crashes

    @property
    def outage(self) -> float:
        """Probability that none of the devices answers; 1 before the first."""
        outage = self._alone
        for domain, product in self._together.items():
            outage *= self._falls[domain] + (1.0 - self._falls[domain]) * product
        return outage


def outage_together(devices: Iterable[Device], domains: Iterable[FailureDomain]) -> float:
    """Outage of all devices in one group: no plan has a safer one."""
    group = GrowingGroup(domains)
    for device in devices:
        group.add(device)
    return group.outage


def is_surely_feasible(instance: Instance) -> bool:
    """Whether one simple grouping places every filter, see :func:`witness_groups`.

    An instance may be feasible where this grouping fails, never the other way round.
    """
    return witness_groups(instance) is not None


def witness_groups(instance: Instance) -> list[list[int]] | None:
    """Groups by device indices that keep the outage limit and can place every filter; None where these cannot.

    Devices are taken by descending capacity; a group is closed as soon as it keeps the limit, by what its failure
    domains leave of it.
    """
    arrays, num_filters = instance.arrays, instance.knowledge.num_filters
    limit, domains = instance.requirements.max_group_outage, instance.failure_domains
    # Where no group can ever be closed, it would only grow.
    if not keeps_outage_limit(outage_together(instance.devices, domains), limit):
        return None
    placed = 0
    groups: list[list[int]] = []
    members: list[int] = []
    group, room = GrowingGroup(domains), arrays.largest.max(axis=0)
    for n in np.argsort(-arrays.largest.max(axis=1), kind="stable"):
        group.add(instance.devices[n])
        members.append(int(n))
        room = np.minimum(room, arrays.largest[n])
        if keeps_outage_limit(group.outage, limit):
            placed += int(room.max())
            groups.append(members)
            group, members, room = GrowingGroup(domains), [], arrays.largest.max(axis=0)
        if placed >= num_filters or len(groups) == instance.max_groups:
            break
    return groups if placed >= num_filters else None
