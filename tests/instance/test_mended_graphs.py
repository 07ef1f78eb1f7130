"""Graphs that are slightly off: mended with a word, the same however they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp

import rocoin_opt as ro
from rocoin_opt.instance.matrices import ASYMMETRY, ROWS, FilterGraph

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt


def random_weights(num_filters: int, seed: int = 1) -> npt.NDArray[np.float64]:
    upper = np.triu(np.random.default_rng(seed).random((num_filters, num_filters)), 1)
    return upper + upper.T


def rounded(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights whose lower half lost its last digits."""
    return np.triu(weights) + np.tril(weights.astype(np.float32).astype(np.float64))


@pytest.mark.parametrize("stored", [np.asarray, sp.csr_array, sp.coo_array, sp.csc_matrix])
@pytest.mark.parametrize("num_filters", [5, ROWS + 7, 2 * ROWS])
def test_an_asymmetry_in_the_last_digits_is_averaged_with_a_word(
    num_filters: int, stored: Callable[[Any], Any]
) -> None:
    weights = rounded(random_weights(num_filters))
    given = weights.copy()
    with pytest.warns(ro.MendedWarning, match="both of a pair count as their mean"):
        graph = FilterGraph.from_weights(stored(given))
    assert (graph.dense(num_filters) == (weights + weights.T) / 2).all()
    assert (given == weights).all()


def test_a_symmetric_graph_is_taken_as_it_is() -> None:
    weights = random_weights(40)
    assert (FilterGraph.from_weights(weights).dense(40) == weights).all()


@pytest.mark.parametrize("stored", [np.asarray, sp.csr_array])
def test_a_larger_asymmetry_is_refused(stored: Callable[[Any], Any]) -> None:
    weights = random_weights(5)
    weights[1, 0] += 1.1 * ASYMMETRY * weights.max()
    with pytest.raises(ro.InputError, match="a symmetric matrix"):
        FilterGraph.from_weights(stored(weights))


def test_edges_of_both_directions_may_differ_in_the_last_digits_too() -> None:
    def graph(edges: Any) -> FilterGraph:
        found = FilterGraph(edges=edges)
        found.check_size(3)
        return found

    with pytest.warns(ro.MendedWarning, match=r"graph\.edges"):
        mended = graph(((0, 1, 0.3), (1, 0, 0.1 + 0.2), (2, 1, 1.0)))
    assert mended.dense(3)[0, 1] == mended.dense(3)[1, 0] == (0.3 + (0.1 + 0.2)) / 2
    assert mended.dense(3)[1, 2] == mended.dense(3)[2, 1] == 1.0
    with pytest.raises(ValueError, match="the weight of"):
        graph(((0, 1, 0.3), (1, 0, 0.31)))


@pytest.mark.parametrize("stored", [np.asarray, sp.csr_array, sp.lil_array, np.ndarray.tolist])
def test_truth_values_are_weights_of_one(stored: Callable[[Any], Any]) -> None:
    adjacency = random_weights(6) > 0.5
    assert (FilterGraph.from_weights(stored(adjacency)).dense(6) == adjacency).all()


@pytest.mark.parametrize("given", [None, "text", [[0, 1], [1]], {0: 1}, object()])
def test_what_is_no_matrix_is_refused_as_such(given: Any) -> None:
    with pytest.raises(ro.InputError):
        FilterGraph.from_weights(given)
