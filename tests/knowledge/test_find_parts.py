from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hash_seeds import printed_for_any_hash_seed
from rocoin_opt.errors import InputError
from rocoin_opt.knowledge.cuts import ncut
from rocoin_opt.knowledge.search import ncut_parts
from samples import cases
from strategies import graphs


def planted(sizes: list[int], inside: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A graph whose blocks are linked ``inside`` times as much as filters of different blocks, and the blocks."""
    rng = np.random.default_rng(seed)
    blocks = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    scale = np.where(blocks[:, None] == blocks[None, :], inside, 1.0)
    upper = np.triu(rng.random((len(blocks), len(blocks))) * scale, 1)
    return upper + upper.T, blocks


def cliques(sizes: list[int]) -> np.ndarray:
    blocks = np.repeat(np.arange(len(sizes)), sizes)
    weights = (blocks[:, None] == blocks[None, :]).astype(float)
    np.fill_diagonal(weights, 0.0)
    return weights


@given(st.data())
def test_prescribed_sizes_are_kept_exactly(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    weights = data.draw(graphs(sum(sizes)))
    labels = ncut_parts(weights, len(sizes), sizes, 3)
    assert np.bincount(labels, minlength=len(sizes)).tolist() == sizes
    assert np.array_equal(labels, ncut_parts(weights, len(sizes), sizes, 3))


@given(st.data())
def test_free_parts_are_never_empty(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 9))
    parts = data.draw(st.integers(1, total))
    labels = ncut_parts(data.draw(graphs(total)), parts, None, 0)
    assert labels.shape == (total,)
    assert set(labels.tolist()) == set(range(parts))


@pytest.mark.parametrize("sizes", cases([[30, 10, 20]], [[20, 20], [12, 12, 12, 12, 12]]))
def test_a_planted_partition_is_recovered(sizes: list[int]) -> None:
    weights, blocks = planted(sizes, inside=6.0)
    free = ncut_parts(weights, len(sizes), None, 0)
    assert len(set(zip(free.tolist(), blocks.tolist(), strict=True))) == len(sizes)
    exact = ncut_parts(weights, len(sizes), sizes, 0)
    assert len(set(zip(exact.tolist(), blocks.tolist(), strict=True))) == len(sizes)
    # Label k must be the block of its size, wherever k-means happened to find it.
    assert np.bincount(exact).tolist() == sizes


def test_sizes_other_than_the_planted_ones_cut_as_little_as_they_must() -> None:
    weights, blocks = planted([24, 24], inside=20.0)
    labels = ncut_parts(weights, 2, [16, 32], 0)
    # The small part takes 16 filters of one block; the other block stays whole.
    assert len(set(blocks[labels == 0].tolist())) == 1


def test_the_cut_is_better_than_the_planted_one_and_than_chance() -> None:
    weights, blocks = planted([16, 16, 16, 16], inside=2.0)
    rng = np.random.default_rng(99)
    sizes = [16] * 4
    found = ncut(weights, ncut_parts(weights, 4, sizes, 0))
    assert found <= ncut(weights, blocks) + 1e-9
    assert all(ncut(weights, rng.permutation(np.repeat(np.arange(4), sizes))) > found for _ in range(50))


@pytest.mark.parametrize(("components", "parts"), [([4, 5], 2), ([4, 5, 6], 3), ([4, 5, 6, 7], 2)])
def test_components_are_not_cut(components: list[int], parts: int) -> None:
    weights = cliques(components)
    labels = ncut_parts(weights, parts, None, 0)
    assert set(labels.tolist()) == set(range(parts))
    assert ncut(weights, labels) == pytest.approx(0.0, abs=1e-12)


def test_one_part_and_as_many_parts_as_filters() -> None:
    weights = cliques([5])
    assert ncut_parts(weights, 1, None, 0).tolist() == [0] * 5
    assert ncut_parts(weights, 5, None, 0).tolist() == [0, 1, 2, 3, 4]


def test_equal_weights_leave_only_the_sizes_to_choose() -> None:
    sizes = [6, 3, 1]
    labels = ncut_parts(cliques([10]), 3, sizes, 0)
    # In a complete graph of 10 filters a part of s has s (s - 1) of its s * 9 ends inside.
    assert ncut(cliques([10]), labels) == pytest.approx(sum(1 - (s - 1) / 9 for s in sizes))
    assert np.bincount(labels).tolist() == sizes


def test_filters_without_edges_fill_up_the_smallest_parts() -> None:
    weights = np.zeros((12, 12))
    weights[:9, :9] = cliques([6, 3])
    labels = ncut_parts(weights, 2, None, 0)
    assert sorted(Counter(labels.tolist()).values()) == [6, 6]
    assert ncut(weights, labels) == pytest.approx(0.0, abs=1e-12)


def test_filters_without_edges_go_where_sizes_are_short() -> None:
    weights = np.zeros((12, 12))
    weights[:9, :9] = cliques([6, 3])
    labels = ncut_parts(weights, 2, [5, 7], 0)
    assert np.bincount(labels).tolist() == [5, 7]
    assert ncut(weights, labels) == pytest.approx(0.0, abs=1e-12)


def test_more_parts_than_filters_with_edges() -> None:
    weights = np.zeros((6, 6))
    weights[0, 1] = weights[1, 0] = 1.0
    assert set(ncut_parts(weights, 4, None, 0).tolist()) == {0, 1, 2, 3}
    assert np.bincount(ncut_parts(weights, 4, [1, 3, 1, 1], 0)).tolist() == [1, 3, 1, 1]


def test_a_graph_without_edges_is_dealt_out_in_order() -> None:
    assert ncut_parts(np.zeros((5, 5)), 2, None, 0).tolist() == [0, 0, 0, 1, 1]
    assert ncut_parts(np.zeros((5, 5)), 2, [1, 4], 0).tolist() == [0, 1, 1, 1, 1]


def test_the_scale_of_the_weights_does_not_matter() -> None:
    weights, _ = planted([10, 10], inside=3.0)
    labels = ncut_parts(weights, 2, None, 0)
    for scale in (2.0**-60, 2.0**60):
        assert np.array_equal(ncut_parts(weights * scale, 2, None, 0), labels)


@pytest.mark.parametrize(("sizes", "parts"), [([2, 2], 2), ([5], 2), ([5, 0], 2), (None, 0), (None, 6)])
def test_impossible_sizes_are_refused(sizes: list[int] | None, parts: int) -> None:
    with pytest.raises(InputError, match=r"parts|sizes"):
        ncut_parts(cliques([5]), parts, sizes, 0)


@pytest.mark.slow
def test_labels_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "import numpy as np; from rocoin_opt.knowledge.search import ncut_parts as cut;"
        "w = np.triu(np.random.default_rng(0).random((40, 40)), 1); w = w + w.T;"
        "print(cut(w, 4, None, 7).tolist(), cut(w, 4, [5, 15, 10, 10], 7).tolist())"
    )
    assert printed_for_any_hash_seed(code)
