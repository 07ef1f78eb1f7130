from __future__ import annotations

import itertools

import numpy as np
import pytest

from rocoin_opt.knowledge.criteria import ncut
from rocoin_opt.knowledge.refinement import descend_by_moves, descend_by_swaps


def random_graph(rng: np.random.Generator, total: int) -> np.ndarray:
    upper = np.triu(rng.random((total, total)) ** 3, 1)
    return upper + upper.T


@pytest.mark.parametrize("seed", range(6))
def test_no_move_improves_the_result_of_moves(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, start = random_graph(rng, 14), rng.permutation(np.arange(14) % 3)
    labels = descend_by_moves(weights, start, 3)
    value = ncut(weights, labels)
    assert value < ncut(weights, start)
    for m, target in itertools.product(range(14), range(3)):
        moved = labels.copy()
        moved[m] = target
        if len(np.unique(moved)) == 3:
            assert ncut(weights, moved) >= value - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_no_swap_improves_the_result_of_swaps_and_sizes_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, start = random_graph(rng, 14), rng.permutation(np.repeat([0, 1, 2], [2, 5, 7]))
    labels = descend_by_swaps(weights, start, 3)
    value = ncut(weights, labels)
    assert value < ncut(weights, start)
    assert np.bincount(labels).tolist() == [2, 5, 7]
    for m, n in itertools.combinations(range(14), 2):
        swapped = labels.copy()
        swapped[[m, n]] = labels[[n, m]]
        assert ncut(weights, swapped) >= value - 1e-9


def test_the_given_labels_are_not_changed() -> None:
    rng = np.random.default_rng(1)
    weights, start = random_graph(rng, 10), np.arange(10) % 2
    before = start.copy()
    descend_by_moves(weights, start, 2)
    descend_by_swaps(weights, start, 2)
    assert np.array_equal(start, before)


def test_a_part_keeps_its_last_filter_with_edges() -> None:
    # Filter 3 has no edges. Without 2 its part would have no cut at all, and hold nothing.
    weights = np.zeros((4, 4))
    for i, j in itertools.combinations(range(3), 2):
        weights[i, j] = weights[j, i] = 1.0
    labels = descend_by_moves(weights, np.array([0, 0, 1, 1]), 2)
    assert len(set(labels[:3].tolist())) == 2
