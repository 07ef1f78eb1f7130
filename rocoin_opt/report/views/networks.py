"""A plan as a graph: source, groups, devices and what these share and fail with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan import Transfers, outage_of, require_computable

if TYPE_CHECKING:
    import networkx as nx

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

SOURCE = ("source", "source")
"""The node that asks, and waits for the answers."""


def network_of(plan: Plan, instance: Instance) -> nx.Graph[tuple[str, str | int]]:
    """Join the source to the groups, each group to its devices, and each device to its failure domain and its channel.

    Raises
    ------
    InputError
        If the plan names devices or students that the instance does not have.
    """
    import networkx as nx

    require_computable(instance, plan)
    arrays = instance.arrays
    graph: nx.Graph[tuple[str, str | int]] = nx.Graph(name=instance.name)
    graph.add_node(SOURCE, kind="source", label="source")
    used = {name for group in plan.groups for name in group.devices}
    for device in instance.devices:
        known = {"failure_probability": device.failure_probability, "is_spare": device.id not in used}
        graph.add_node(("device", device.id), kind="device", label=device.id, **known)
    for domain in instance.failure_domains:
        known = {"failure_probability": domain.failure_probability}
        graph.add_node(("domain", domain.id), kind="domain", label=domain.id, **known)
    for name, senders in instance.shared_channels.items():
        graph.add_node(("channel", name), kind="channel", label=name)
        for n in senders:
            graph.add_edge(("device", instance.devices[n].id), ("channel", name))
    for device in instance.devices:
        if device.failure_domain is not None:
            graph.add_edge(("device", device.id), ("domain", device.failure_domain))
    transfers = Transfers.of(instance, plan)
    answers = dict(zip(transfers.device.tolist(), transfers.calm.tolist(), strict=True))
    for k, group in enumerate(plan.groups):
        members = [arrays.device_index[name] for name in group.devices]
        graph.add_node(
            ("group", k),
            kind="group",
            label=f"group {k}",
            student=group.student,
            num_filters=group.num_filters,
            outage=outage_of(instance, members),
        )
        graph.add_edge(SOURCE, ("group", k))
        for name, n in zip(group.devices, members, strict=True):
            graph.add_edge(("group", k), ("device", name), seconds=answers[n])
    return graph
