"""The decision: which devices form which group, what each group runs, and which filters its part holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rocoin_opt.documents import Items, Model
from rocoin_opt.instance import Identifier, Index

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Instance


class Group(Model):
    """Devices that all run the same student on the same part."""

    devices: Items[Identifier]
    """Identifiers of the replicas."""
    student: Identifier
    """Identifier of the student that all of them run."""
    num_filters: Index
    """Size of the part, s."""
    filters: Items[Index] | None = None
    """The filters of the part, where they are explicit."""


class Plan(Model):
    """Groups and spares.

    The class holds whatever a file says; :func:`rocoin_opt.check` tells whether it is valid.
    """

    groups: Annotated[Items[Group], Field()]
    """The groups; every one must answer."""
    spares: Items[Identifier] = ()
    """Devices in no group."""

    @classmethod
    def of(cls, instance: Instance, groups: Iterable[Group]) -> Plan:
        """Make a plan in canonical order, all devices in no group being spares.

        The same decision always makes the same plan: devices and filters are sorted, groups stand by descending
        ``num_filters``, then by their first device.
        """
        ordered = sorted(map(_sorted_group, groups), key=lambda group: (-group.num_filters, group.devices))
        used = {device for group in ordered for device in group.devices}
        spares = sorted(device.id for device in instance.devices if device.id not in used)
        return cls(groups=tuple(ordered), spares=tuple(spares))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Part sizes in the order of the groups."""
        return tuple(group.num_filters for group in self.groups)


def _sorted_group(group: Group) -> Group:
    filters = None if group.filters is None else tuple(sorted(group.filters))
    return Group(
        devices=tuple(sorted(group.devices)), student=group.student, num_filters=group.num_filters, filters=filters
    )
