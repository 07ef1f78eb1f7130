"""The criteria against their definitions, and the cuts against NetworkX, which counts them edge by edge."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.errors import InputError
from rocoin_opt.knowledge.criteria import Criterion, class_evidence, evidence_lost
from rocoin_opt.knowledge.cuts import cut, ncut
from strategies import graphs


@given(st.integers(2, 9).flatmap(lambda m: st.tuples(graphs(m), st.lists(st.integers(0, 2), min_size=m, max_size=m))))
def test_the_sum_over_parts_of_cut_by_volume(pair):
    weights, labels = pair[0], np.array(pair[1])
    graph = nx.from_numpy_array(weights)
    expected = 0.0
    for part in set(labels):
        inside = set(np.flatnonzero(labels == part))
        volume = nx.volume(graph, inside, weight="weight")
        # A part without edges holds nothing together, as a single filter does.
        expected += nx.cut_size(graph, inside, set(graph) - inside, weight="weight") / volume if volume > 0 else 1.0
    # Differences of volumes of 1e8 lose what single weights of 1e-9 add.
    assert ncut(weights, labels) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_two_parts_agree_with_the_textbook_definition():
    rng = np.random.default_rng(0)
    weights = np.triu(rng.random((12, 12)), 1)
    weights += weights.T
    labels = np.arange(12) % 2
    expected = nx.normalized_cut_size(
        nx.from_numpy_array(weights), set(range(0, 12, 2)), set(range(1, 12, 2)), weight="weight"
    )
    assert ncut(weights, labels) == pytest.approx(expected, rel=1e-12)


def test_one_part_has_no_cut():
    assert ncut(np.ones((3, 3)) - np.eye(3), np.zeros(3, dtype=np.int64)) == 0.0


def test_the_cut_counts_each_edge_between_parts_once():
    rng = np.random.default_rng(1)
    weights = np.triu(rng.random((9, 9)), 1)
    weights += weights.T
    labels = rng.integers(0, 3, 9)
    graph = nx.from_numpy_array(weights)
    expected = sum(weight for i, j, weight in graph.edges(data="weight") if labels[i] != labels[j])
    assert cut(weights, labels) == pytest.approx(expected, rel=1e-12)
    assert Criterion.of("cut", weights, 3).value(labels) == pytest.approx(expected, rel=1e-12)


AFFINITY = np.array([[4.0, 0.0, 0.0, 4.0], [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 1.0, 0.0]])


def test_evidence_is_shared_out_by_class():
    evidence = class_evidence(AFFINITY)
    # No filter speaks for the second class.
    assert evidence.tolist() == [[0.5, 0.0, 0.0, 0.5], [0.25, 0.5, 0.25, 0.0]]
    assert evidence_lost(evidence, np.array([0, 0, 1, 1])).tolist() == [0.75, 0.5]
    assert evidence_lost(np.empty((0, 4)), np.array([0, 0, 1, 1])).tolist() == [0.0, 0.0]


def test_resilient_weighs_the_evidence_lost_against_the_cut():
    weights = np.ones((4, 4)) - np.eye(4)
    labels = np.array([0, 0, 1, 1])
    # Each pair has 2 of its 6 ends inside, so that the normalised cut is 4/3 of 2 parts.
    worst = Criterion.of("resilient", weights, 2, AFFINITY, 0.25)
    assert worst.value(labels) == pytest.approx(0.75 * (4 / 3) / 2 + 0.25 * 0.75)
    expected = Criterion.of("resilient", weights, 2, AFFINITY, 1.0, outages=[0.1, 0.3])
    assert expected.value(labels) == pytest.approx((0.1 * 0.75 + 0.3 * 0.5) / 0.4)
    never = Criterion.of("resilient", weights, 2, AFFINITY, 1.0, outages=[0.0, 0.0])
    assert never.value(labels) == pytest.approx((0.75 + 0.5) / 2)


def test_without_affinity_communities_of_the_graph_stand_for_classes():
    weights = np.kron(np.eye(3), np.ones((5, 5))) + 0.01
    np.fill_diagonal(weights, 0.0)
    criterion = Criterion.of("resilient", weights, 3, None, 1.0)
    assert len(criterion.evidence) == 3
    communities, spread = np.repeat([0, 1, 2], 5), np.tile([0, 1, 2, 0, 1], 3)
    assert criterion.value(communities) > 0.9
    assert criterion.value(spread) < 0.5


def test_a_graph_without_edges_gives_no_classes():
    assert Criterion.of("resilient", np.zeros((3, 3)), 2, None).evidence.shape == (0, 3)


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("criterion", {"name": "modularity"}),
        ("evidence_weight", {"evidence_weight": 1.5}),
        ("evidence_weight", {"evidence_weight": float("nan")}),
        ("outages", {"outages": [0.1]}),
        ("outages", {"outages": [0.1, 1.1]}),
    ],
)
def test_what_is_not_allowed_is_named(field, options):
    arguments = {"name": "resilient", "weights": np.ones((4, 4)), "parts": 2, "class_affinity": AFFINITY, **options}
    with pytest.raises(InputError, match=f"options: {field}: found"):
        Criterion.of(**arguments)
