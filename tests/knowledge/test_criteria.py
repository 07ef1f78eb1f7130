"""The normalised cut against NetworkX, which counts it edge by edge."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.knowledge.criteria import ncut
from strategies import graphs


@given(st.integers(2, 9).flatmap(lambda m: st.tuples(graphs(m), st.lists(st.integers(0, 2), min_size=m, max_size=m))))
def test_the_sum_over_parts_of_cut_by_volume(pair):
    weights, labels = pair[0], np.array(pair[1])
    graph = nx.from_numpy_array(weights)
    expected = 0.0
    for part in set(labels):
        inside = set(np.flatnonzero(labels == part))
        volume = nx.volume(graph, inside, weight="weight")
        if volume > 0:
            expected += nx.cut_size(graph, inside, set(graph) - inside, weight="weight") / volume
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
