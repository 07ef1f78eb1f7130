"""Rules that cannot hold together whatever the devices are: devices that must serve and must not meet.

Devices that are together are one node of a graph, and two nodes are joined where some of their devices are apart. Nodes
that must serve and are all joined with each other, a clique, need a group each.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rocoin_opt.wording import counted, listed

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance

MOST_CLIQUES = 2000
"""Maximal cliques that are looked at: there may be very many, and each is a proof of its own."""
MOST_NAMED = 12
"""Devices that a reason names at most."""


def reasons_of_rules(instance: Instance) -> tuple[str, ...]:
    """Find proofs that no plan keeps the rules ``apart``, ``together`` and ``use``, whatever the devices can do.

    Returns
    -------
    tuple of str
        One sentence a cause. Empty if none of these simple proofs applies, which does not mean that a plan exists.
    """
    rules = instance.restrictions
    if not rules.apart or not rules.use:
        return ()
    import networkx as nx

    names = [device.id for device in instance.devices]
    together: nx.Graph[int] = nx.Graph()
    together.add_nodes_from(sorted(rules.use))
    for friends in rules.together:
        nx.add_path(together, sorted(friends))
    unit_of = {n: min(unit) for unit in nx.connected_components(together) if unit & rules.use for n in unit}
    apart: nx.Graph[int] = nx.Graph()
    apart.add_nodes_from(sorted(set(unit_of.values())))
    for rivals in rules.apart:
        met: dict[int, int] = {}
        for n in sorted(rivals & unit_of.keys()):
            if unit_of[n] in met:
                pair = listed([names[met[unit_of[n]]], names[n]])
                return (f"rules: {pair} must serve in one group, and must not. Take back a rule on them.",)
            met[unit_of[n]] = n
        apart.add_edges_from((one, other) for one in met for other in met if one < other)
    clique = max(islice(nx.find_cliques(apart), MOST_CLIQUES), key=len)
    if len(clique) <= instance.max_groups:
        return ()
    told = sorted(clique)
    more = [f"{len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else []
    devices = listed([*(names[n] for n in told[:MOST_NAMED]), *more])
    return (
        f"rules: {devices} must serve, no two of them in one group, and there are at most "
        f"{counted(instance.max_groups, 'group')}. Take back a rule on them, or raise max_groups.",
    )
