"""Subset figures against their definitions, and the recursion over subsets against all vectors of labels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given

from part_problems import PartProblem, part_problems, random_problem
from rocoin_opt.errors import InputError
from rocoin_opt.knowledge.sizes import SizeRanges
from rocoin_opt.knowledge.subsets import (
    MAX_FILTERS,
    best_partition,
    cut_costs,
    inner_weights,
    largest_sums,
    ncut_costs,
    operations,
    part_sums,
)
from samples import trials


def every_labels(filters: int, parts: int) -> np.ndarray:
    return np.array(list(itertools.product(range(parts), repeat=filters)))


def test_figures_of_subsets_by_mask():
    weights = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
    assert part_sums(np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]])).tolist() == [list(range(8)), [0, 0, 1, 1] * 2]
    assert inner_weights(weights).tolist() == [0, 0, 0, 2, 0, 4, 0, 6]
    assert cut_costs(weights).tolist() == [0, 1.5, 0.5, 1, 1, 0.5, 1.5, 0]
    # Nothing holds the empty subset together, nor filters 1 and 2.
    assert ncut_costs(weights) == pytest.approx([1, 1, 1, 0.5, 1, 0.2, 1, 0])
    assert largest_sums(np.array([[0.5, 0.5, 0.0], [0.25, 0.0, 0.75]])) == pytest.approx(
        [0, 0.5, 0.5, 1, 0.75, 1, 0.75, 1]
    )


@given(part_problems())
@trials(250)
def test_no_vector_of_labels_is_better(problem: PartProblem):
    additive, bottleneck = problem.costs()
    labels = best_partition(additive, problem.ranges, bottleneck)
    assert problem.values(labels[None])[0] == pytest.approx(problem.least(), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("outages", [None, [0.1, 0.2, 0.1]])
def test_a_recursion_over_inner_and_outer_filters(outages: list[float] | None):
    """Ten filters: large enough for the outer loop of the convolution to have several rounds."""
    problem = random_problem("resilient", 10, 3, outages=outages)
    additive, bottleneck = problem.costs()
    assert problem.values(best_partition(additive, problem.ranges, bottleneck)[None])[0] == pytest.approx(
        problem.least()
    )


@pytest.mark.parametrize("seed", range(8))
def test_arbitrary_costs_of_subsets(seed: int):
    """Costs that no graph has, some infinite, so that the threshold has to come down several times."""
    rng = np.random.default_rng(seed)
    additive = rng.random((3, 64))
    additive[rng.random((3, 64)) < 0.3] = np.inf
    bottleneck = rng.random(64)
    ranges = SizeRanges.of(6, 3)
    masks = np.sum((every_labels(6, 3)[:, :, None] == np.arange(3)) << np.arange(6)[:, None], axis=1)
    masks = masks[(masks > 0).all(axis=1)]
    values = additive[np.arange(3), masks].sum(axis=1) + bottleneck[masks].max(axis=1)
    labels = best_partition(additive, ranges, bottleneck)
    parts = np.sum((labels[:, None] == np.arange(3)) << np.arange(6)[:, None], axis=0)
    assert additive[np.arange(3), parts].sum() + bottleneck[parts].max() == pytest.approx(values.min())


def test_equal_values_give_the_parts_in_the_order_of_their_first_filters():
    weights = np.ones((7, 7)) - np.eye(7)
    labels = [best_partition(cut_costs(weights), SizeRanges.of(7, 3, [2, 3, 2])).tolist() for _ in range(2)]
    assert labels[0] == labels[1]
    assert labels[0].index(0) < labels[0].index(2)
    assert sorted(labels[0]) == [0, 0, 1, 1, 1, 2, 2]


def test_costs_that_forbid_every_partition_are_an_error():
    ranges, never = SizeRanges.of(4, 2), np.full(16, np.inf)
    for costs in ((never, None), (np.ones(16), never)):
        with pytest.raises(ValueError, match="finite"):
            best_partition(costs[0], ranges, costs[1])


@pytest.mark.parametrize("shape", [(8,), (3, 16), (2, 8)])
def test_costs_of_other_filters_or_parts_are_refused(shape: tuple[int, ...]):
    with pytest.raises(InputError, match="sizes"):
        best_partition(np.ones(shape), SizeRanges.of(4, 2))


def test_too_many_filters_are_refused():
    many = MAX_FILTERS + 1
    assert operations(SizeRanges.of(many, 2)) == math.inf
    for refused in (lambda: part_sums(np.ones(many)), lambda: largest_sums(np.ones((1, many)))):
        with pytest.raises(ValueError, match="subsets"):
            refused()


def test_operations_grow_with_filters_and_with_parts_that_differ():
    assert operations(SizeRanges.of(16, 3)) == 3.0**15 / 2 + 2.0**16
    assert operations(SizeRanges.of(12, 3)) < operations(SizeRanges.of(12, 3), alike=False)
    assert operations(SizeRanges.of(12, 3, [4, 4, 4])) < operations(SizeRanges.of(12, 3, [3, 4, 5]))
