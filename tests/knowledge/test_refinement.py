from __future__ import annotations

import itertools

import numpy as np
import pytest

from rocoin_opt.control import UNLIMITED, Control
from rocoin_opt.knowledge.criteria import CRITERIA, Criterion
from rocoin_opt.knowledge.refinement import refine
from rocoin_opt.knowledge.sizes import SizeRanges
from rocoin_opt.knowledge.tracking import Tracker


def random_graph(rng: np.random.Generator, total: int) -> np.ndarray:
    upper = np.triu(rng.random((total, total)) ** 3, 1)
    return upper + upper.T


def refined(criterion: Criterion, ranges: SizeRanges, start: np.ndarray) -> np.ndarray:
    tracker = Tracker(criterion, start)
    refine(tracker, ranges, UNLIMITED, in_any_order=False)
    return tracker.labels


@pytest.mark.parametrize("name", ["ncut", "cut"])
@pytest.mark.parametrize("seed", range(4))
def test_no_move_within_the_ranges_improves_the_result(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    criterion, ranges = Criterion.of(name, random_graph(rng, 14), 3), SizeRanges.of(14, 3, [(2, 7)] * 3)
    start = rng.permutation(np.arange(14) % 3)
    labels = refined(criterion, ranges, start)
    value = criterion.value(labels)
    assert value < criterion.value(start)
    for m, target in itertools.product(range(14), range(3)):
        moved = labels.copy()
        moved[m] = target
        if ranges.hold(np.bincount(moved, minlength=3)):
            assert criterion.value(moved) >= value - 1e-9


@pytest.mark.parametrize("name", CRITERIA)
@pytest.mark.parametrize("seed", range(4))
def test_prescribed_sizes_stay_and_the_value_falls(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    criterion = Criterion.of(name, random_graph(rng, 14), 3, rng.random((4, 14)))
    start = rng.permutation(np.repeat([0, 1, 2], [2, 5, 7]))
    labels = refined(criterion, SizeRanges.of(14, 3, [2, 5, 7]), start)
    assert criterion.value(labels) < criterion.value(start)
    assert np.bincount(labels).tolist() == [2, 5, 7]


def test_a_pass_climbs_out_of_a_local_optimum() -> None:
    # Two cliques of four, dealt out crosswise by pairs: each single swap and move makes the cut worse.
    weights = np.kron(np.eye(2), np.ones((4, 4))) - np.eye(8)
    for i in (0, 2, 4, 6):
        weights[i, i + 1] = weights[i + 1, i] = 8.0
    start = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    criterion, ranges = Criterion.of("ncut", weights, 2), SizeRanges.of(8, 2, [4, 4])
    value = criterion.value(start)
    for m, n in itertools.product(np.flatnonzero(start == 0), np.flatnonzero(start == 1)):
        swapped = start.copy()
        swapped[[m, n]] = swapped[[n, m]]
        assert criterion.value(swapped) > value
    assert criterion.value(refined(criterion, ranges, start)) == pytest.approx(0.0, abs=1e-12)


def test_parts_exchange_nested_ranges_where_they_may() -> None:
    # The heavy pair belongs to filter 4; the parts of three and two must change roles for it.
    weights = np.ones((5, 5)) - np.eye(5)
    weights[4, 2:4] = weights[2:4, 4] = 9.0
    start, ranges = np.array([0, 0, 0, 1, 1]), SizeRanges.of(5, 2, [3, 2])
    tracker = Tracker(Criterion.of("ncut", weights, 2), start)
    refine(tracker, ranges, UNLIMITED, in_any_order=True)
    assert sorted(tracker.sizes.tolist()) == [2, 3]
    assert len(set(tracker.labels[2:].tolist())) == 1


def test_a_stopped_refinement_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    start = np.arange(10) % 2
    tracker = Tracker(Criterion.of("ncut", random_graph(rng, 10), 2), start)
    refine(tracker, SizeRanges.of(10, 2), Control.starting_now(time_limit=0.0), in_any_order=False)
    assert np.array_equal(tracker.labels, start)
