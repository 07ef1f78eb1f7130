"""The decision: which devices form which group, what each group runs, and which filters its part holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

from pydantic import ConfigDict, Field

from rocoin_opt.documents import Items, Model, shown
from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import Identifier, Index
from rocoin_opt.showing import Shown, drawing_of, network_of
from rocoin_opt.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    import networkx as nx
    from matplotlib.figure import Figure

    from rocoin_opt.instance import Instance


MOST_SIZES = 8
"""Part sizes that the line on a plan names."""


class Group(Model):
    """Devices that all run the same student on the same part.

    Examples
    --------
    >>> group = plan.groups[0]
    >>> group.devices, group.num_filters
    (('device-1', 'device-3'), 6)
    """

    # Searches make plans by the thousand, of groups that are valid; what a plan may hold says ``check``.
    model_config = ConfigDict(revalidate_instances="never")

    devices: Items[Identifier]
    """Identifiers of the replicas."""
    student: Identifier
    """Identifier of the student that all of them run."""
    num_filters: Index
    """Size of the part, s."""
    filters: Items[Index] | None = None
    """The filters of the part, where they are explicit."""


class Plan(Shown, Model):
    """Groups and spares.

    The class accepts any plan that a file may hold; :func:`rocoin_opt.check` tells whether it is valid.

    Examples
    --------
    >>> plan
    <Plan: 2 groups of 4 devices with 6, 6 filters, 2 spares>
    >>> plan.to_networkx(instance).number_of_nodes()
    9
    """

    _shown_as: ClassVar[str] = "plan"

    groups: Annotated[Items[Group], Field()]
    """The groups; every one must answer."""
    spares: Items[Identifier] = ()
    """Devices in no group."""

    @classmethod
    def of(cls, instance: Instance, groups: Iterable[Group]) -> Plan:
        """Make a plan in canonical order; devices in no group are spares.

        The same decision always gives the same plan: devices and filters are sorted, groups by descending
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

    def _told(self) -> str:
        """Tell the number of groups, devices and spares in a line."""
        devices = sum(len(group.devices) for group in self.groups)
        sizes = ", ".join(map(str, self.sizes[:MOST_SIZES])) + (", …" if len(self.groups) > MOST_SIZES else "")
        what = f"{counted(len(self.groups), 'group')} of {counted(devices, 'device')} with {sizes} filters"
        return f"{what}, {counted(len(self.spares), 'spare')}"

    def plot(self, instance: Instance | None = None) -> Figure:
        """Draw how the plan holds up on an instance; see :meth:`rocoin_opt.Result.plot`.

        Parameters
        ----------
        instance : Instance
            What the plan is for.
        """
        return drawing_of(self, instance)

    def to_networkx(self, instance: Instance) -> nx.Graph[tuple[str, str | int]]:
        """Return source, groups, devices and what these share as a NetworkX graph, to draw and to analyse.

        The source is joined to each group, a group to its devices, and a device to its failure domain and the channel
        that it shares. A node is a pair of its ``kind`` (``source``, ``group``, ``device``, ``domain`` or ``channel``)
        and its name, the number of a group. It has the attributes ``kind``, ``label`` and what is known of it:
        ``student``, ``num_filters`` and ``outage`` of a group, ``failure_probability`` and ``is_spare`` of a device.
        The edge of a group and a device has ``seconds``, the time of its answer without slowdown and crashes.

        Parameters
        ----------
        instance : Instance
            What the plan is for.

        Raises
        ------
        InputError
            If the plan names devices or students that the instance does not have.
        """
        return network_of(self, instance)


class HasPlan(Protocol):
    """What holds a plan, or none where there is none: a result, a point of a frontier."""

    @property
    def plan(self) -> Plan | None:
        """The plan."""


def plan_in(given: Plan | HasPlan, name: str = "plan") -> Plan:
    """The plan itself, or the one that a result holds.

    Parameters
    ----------
    given : Plan, Result or other holder of a plan
        What was given.
    name : str
        What the error calls it.

    Raises
    ------
    InputError
        If there is none.
    """
    plan: Any = given if isinstance(given, Plan) else getattr(given, "plan", given)
    if not isinstance(plan, Plan):
        raise InputError(name, [Problem("", "none" if plan is None else shown(plan), "a plan, or what holds one")])
    return plan


def _sorted_group(group: Group) -> Group:
    filters = None if group.filters is None else tuple(sorted(group.filters))
    return Group(
        devices=tuple(sorted(group.devices)), student=group.student, num_filters=group.num_filters, filters=filters
    )
