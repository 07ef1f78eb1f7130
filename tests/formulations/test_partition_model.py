"""The partition model against brute force over all label vectors of small graphs."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocoin_opt.control import Control
from rocoin_opt.errors import InputError
from rocoin_opt.formulations import partition
from rocoin_opt.highs import models as highs

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import FloatArray, IntArray

SIZES = [(6,), (3, 3), (4, 2), (2, 2, 2), (3, 2, 1), (2, 2, 1, 1), (1,) * 6, (3, 3, 1), (2, 2, 2, 1)]


def cut_weight(weights: FloatArray, labels: IntArray) -> float:
    return float(weights[labels[:, None] != labels[None, :]].sum()) / 2


def smallest_cut(weights: FloatArray, sizes: tuple[int, ...]) -> float:
    multiset = [k for k, size in enumerate(sizes) for _ in range(size)]
    return min(cut_weight(weights, np.array(labels)) for labels in set(itertools.permutations(multiset)))


def random_graph(num_filters: int, seed: int) -> FloatArray:
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.integers(0, 5, (num_filters, num_filters)), 1).astype(float)
    return upper + upper.T


@pytest.mark.parametrize("presolve", ["on", "off"])
@pytest.mark.parametrize("sizes", SIZES)
def test_it_finds_the_smallest_cut(sizes: tuple[int, ...], presolve: str) -> None:
    weights = random_graph(sum(sizes), len(sizes))
    model = partition.build(weights, sizes)
    solution = highs.solve(model, Control.starting_now(), options={"presolve": presolve})
    labels = partition.labels_of(model)
    assert tuple(np.bincount(labels)) == sizes
    assert solution.objective == pytest.approx(smallest_cut(weights, sizes))
    assert cut_weight(weights, labels) == pytest.approx(solution.objective)


@given(labels=st.lists(st.integers(0, 2), min_size=6, max_size=6), seed=st.integers(0, 9))
@settings(max_examples=60)
def test_fixed_labels_are_feasible_exactly_when_sizes_and_order_are_right(labels: list[int], seed: int) -> None:
    weights, sizes = random_graph(6, seed), (2, 2, 2)
    vector = np.array(labels)
    model = partition.build(weights, sizes)
    partition.fix(model, vector)
    solution = highs.solve(model, Control.starting_now())
    # Among parts of the same size the one with the smallest filter comes first.
    in_order = list(dict.fromkeys(labels)) == [0, 1, 2]
    if tuple(np.bincount(vector, minlength=3)) == sizes and in_order:
        assert solution.objective == pytest.approx(cut_weight(weights, vector))
    else:
        assert solution.status == "infeasible"


@pytest.mark.parametrize("sizes", [(), (4, 3), (6, 0), (7, -1)])
def test_sizes_that_are_no_parts_are_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="sizes"):
        partition.build(random_graph(6, 0), sizes)
