"""Repaired packings: whatever a neighbourhood does, the packing stays one, and it never gets worse."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.listed_columns import ListedColumns
from rocoin_opt.exact.threshold.neighbourhoods import Repair
from rocoin_opt.exact.threshold.packing import Effort, pack_alike_parts
from rocoin_opt.grouping import ThresholdProblem


def triples(seed: int, groups: int = 12) -> ListedColumns:
    """Bins of three pieces each, cut without waste: a packing of all exists, and most other triples spoil it."""
    rng = np.random.default_rng(seed)
    pieces = []
    for _ in range(groups):
        first = int(rng.integers(20, 40))
        second = int(rng.integers(20, 80 - first))
        pieces += [first, second, 100 - first - second]
    lengths = np.array(pieces)
    found = [
        (a, b, c)
        for a in range(len(lengths))
        for b in range(a)
        for c in range(b)
        if lengths[a] + lengths[b] + lengths[c] == 100
    ]
    counts = np.zeros((len(lengths), len(found)))
    for k, members in enumerate(found):
        counts[list(members), k] = 1.0
    return ListedColumns(
        counts=sp.csc_array(counts),
        available=np.ones(len(lengths), dtype=np.int64),
        sizes=np.ones(len(found), dtype=np.int64),
        most=np.ones(len(found), dtype=np.int64),
        steps=np.array([1]),
        least=np.array([0]),
        limits=np.array([groups]),
        wanted=groups,
    )


@pytest.mark.parametrize("seed", range(4))
def test_a_packing_without_waste_is_found(seed: int) -> None:
    columns = triples(seed)
    count = len(columns.sizes)
    # No linear program tells where to begin.
    repair = Repair(columns, np.arange(count), np.zeros(count), np.zeros(count), Control.starting_now(seed=seed))
    times = repair.run(60)
    assert times is not None
    assert columns.keeps(times)


def test_a_neighbourhood_loses_nothing() -> None:
    columns = triples(7, groups=10)
    count = len(columns.sizes)
    repair = Repair(columns, np.arange(count), np.zeros(count), np.zeros(count), Control.starting_now())
    held = 0
    for _ in range(6):
        repair.run(1)
        assert (columns.counts @ repair.times <= columns.available).all()
        assert (columns.groups(repair.times) <= columns.limits).all()
        assert int(repair.times @ columns.sizes) >= held
        held = int(repair.times @ columns.sizes)
    assert (
        Repair(columns, np.arange(count), np.zeros(count), np.zeros(count), Control.starting_now(time_limit=0)).run(5)
        is None
    )


def test_parts_that_differ_are_left_to_others() -> None:
    instance = ro.generate("edge", devices=12, seed=0)
    problem = ThresholdProblem(instance, "guaranteed", 10.0)
    assert pack_alike_parts(problem, Control.starting_now(), Effort(1_000, 10)).status == "unknown"


@pytest.mark.parametrize("seed", range(3))
def test_tight_fleets_are_packed_and_no_more_than_that(seed: int) -> None:
    instance = ro.generate("tight", devices=24, seed=seed)
    found = ro.max_groups(instance)
    assert found.termination == "optimal"
    more = instance._replace({"knowledge": instance.knowledge._replace({"num_filters": found.number + 1})})
    asked = more.with_requirements(min_groups=found.number + 1, max_groups=found.number + 1)
    problem = ThresholdProblem(asked, "worst", 1e9)
    assert pack_alike_parts(problem, Control.starting_now(), Effort(100_000, None)).status == "impossible"
