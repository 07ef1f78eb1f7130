"""Graphs of NetworkX, in and out: filter graphs with their weights and order, and plans as graphs."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

import rocoin_opt as ro
from examples import pairs

WEIGHTS = np.array([[0.0, 3.0, 0.0, 1.0], [3.0, 0.0, 2.0, 0.0], [0.0, 2.0, 0.0, 4.0], [1.0, 0.0, 4.0, 0.0]])


def square() -> nx.Graph:
    """The four filters, not in their order."""
    graph: nx.Graph = nx.Graph()
    graph.add_nodes_from([2, 0, 3, 1])
    graph.add_weighted_edges_from((i, j, WEIGHTS[i, j]) for i in range(4) for j in range(i) if WEIGHTS[i, j])
    return graph


def test_filters_by_number_keep_it_and_others_stand_in_the_order_of_the_graph() -> None:
    assert (ro.FilterGraph.from_networkx(square()).dense(4) == WEIGHTS).all()
    named = nx.relabel_nodes(square(), {0: "a", 1: "b", 2: "c", 3: "d"})
    order = ["abcd".index(name) for name in named]
    assert (ro.FilterGraph.from_networkx(named).dense(4) == WEIGHTS[np.ix_(order, order)]).all()


def test_weights_are_an_attribute_or_one() -> None:
    graph = nx.Graph([(0, 1, {"weight": 5.0, "flow": 2.0}), (1, 2)])
    assert ro.FilterGraph.from_networkx(graph).dense(3).tolist() == [[0, 5, 0], [5, 0, 1], [0, 1, 0]]
    assert ro.FilterGraph.from_networkx(graph, "flow").dense(3).tolist() == [[0, 2, 0], [2, 0, 1], [0, 1, 0]]


def test_a_partition_of_a_graph_is_that_of_its_matrix() -> None:
    found, matrix = ro.partition(square(), 2), ro.partition(WEIGHTS, 2)
    assert (found.labels.tolist(), found.value) == (matrix.labels.tolist(), matrix.value)
    assert ro.partition(square(), 2, criterion="cut", weight="missing").value == 2.0


@pytest.mark.parametrize(
    "given",
    [
        nx.DiGraph([(0, 1)]),
        nx.MultiGraph([(0, 1)]),
        nx.Graph(),
        nx.Graph([(0, 0)]),
        nx.Graph([(0, 1, {"weight": "x"})]),
    ],
)
def test_what_is_no_filter_graph_is_refused(given: nx.Graph) -> None:
    with pytest.raises(ro.InputError):
        ro.FilterGraph.from_networkx(given)


def test_an_instance_takes_and_gives_its_filter_graph() -> None:
    knowledge = ro.Knowledge(num_filters=4, bits_per_filter=8.0, graph=square())
    instance = pairs().with_fields(knowledge=knowledge)
    graph = instance.filter_graph()
    assert list(graph) == [0, 1, 2, 3]
    assert (nx.to_numpy_array(graph) == WEIGHTS).all()
    with pytest.raises(ro.InputError, match="5 rows"):
        ro.Knowledge(num_filters=5, bits_per_filter=8.0, graph=square())
    with pytest.raises(ro.InputError, match="found nothing"):
        instance.with_knowledge(graph=None).filter_graph()


def test_a_plan_is_a_graph_of_what_it_rests_on() -> None:
    instance = ro.read_instance("instances/mcu/mcu-12-0.json")
    ends = (instance.devices[0].id, instance.devices[-1].id)
    domain = ro.FailureDomain(id="hub", failure_probability=0.01)
    instance = instance.with_fields(
        failure_domains=(domain,),
        devices=tuple(d.with_fields(failure_domain="hub") if d.id in ends else d for d in instance.devices),
    )
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    graph = plan.to_networkx(instance)
    kinds = [kind for _, kind in graph.nodes(data="kind")]
    assert [kinds.count(kind) for kind in ("source", "group", "device", "domain")] == [1, len(plan.groups), 12, 1]
    assert set(graph["domain", "hub"]) == {("device", name) for name in ends}
    for k, group in enumerate(plan.groups):
        node = graph.nodes["group", k]
        assert (node["student"], node["num_filters"]) == (group.student, group.num_filters)
        assert set(graph["group", k]) == {("source", "source"), *(("device", name) for name in group.devices)}
    idle = {name for (kind, name), spare in graph.nodes(data="is_spare") if spare}
    assert idle == set(plan.spares)
    slowest = max(seconds for _, _, seconds in graph.edges(data="seconds") if seconds is not None)
    assert slowest == ro.evaluate(instance, plan).worst_seconds
    with pytest.raises(ro.InputError):
        plan.to_networkx(pairs())


def test_what_devices_share_is_joined_to_them() -> None:
    instance = ro.generate("mcu", devices=4, seed=0, channels=2)
    plan = ro.solve(instance, "greedy").plan
    graph = plan.to_networkx(instance)
    for name, members in instance.shared_channels.items():
        assert graph.nodes["channel", name] == {"kind": "channel", "label": name}
        assert set(graph.neighbors(("channel", name))) == {("device", instance.devices[n].id) for n in members}
    ends = [edge["seconds"] for *_, edge in graph.edges(data=True) if "seconds" in edge]
    assert max(ends) == ro.evaluate(instance, plan).worst_seconds
