"""Subset-row cuts: every packing in whole numbers keeps them, and the point that they were made for breaks them."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import scipy.sparse as sp

from rocoin_opt.exact.threshold.listed_columns import ListedColumns
from rocoin_opt.exact.threshold.subset_rows import VIOLATION, SubsetRows


def drawn(seed: int) -> ListedColumns:
    """Columns of a few devices each, of kinds with one to three devices."""
    rng = np.random.default_rng(seed)
    kinds, count = int(rng.integers(3, 6)), int(rng.integers(3, 7))
    return ListedColumns(
        counts=sp.csc_array(rng.integers(0, 3, (kinds, count)).astype(np.float64)),
        available=rng.integers(1, 4, kinds),
        sizes=np.ones(count, dtype=np.int64),
        most=np.full(count, 2),
        steps=np.array([1]),
        least=np.array([0]),
        limits=np.array([9]),
        wanted=1,
    )


def broken_triples(columns: ListedColumns, values: np.ndarray) -> set[tuple[int, ...]]:
    """Triples of rows whose half sum, rounded down on both sides, a point exceeds; of an even sum none."""
    counts, available = columns.counts.toarray().astype(int), columns.available
    broken: set[tuple[int, ...]] = set()
    # Rows without a column in part are not looked at, and rows of which no column that is taken has two not together.
    looked_at = np.flatnonzero(counts[:, values % 1.0 > 0.0].any(axis=1)).tolist()
    for triple in combinations(looked_at, 3):
        most, taken = int(available[list(triple)].sum()), counts[list(triple)].sum(axis=0) // 2 @ values
        has_pair = any((counts[one] * counts[other]) @ values > 0 for one, other in combinations(triple, 2))
        if most % 2 == 1 and taken - most // 2 > VIOLATION and has_pair:
            broken.add(triple)
    return broken


@pytest.mark.slow
def test_packings_keep_what_the_point_breaks() -> None:
    found = 0
    for seed in range(150):
        columns = drawn(seed)
        rng = np.random.default_rng(1_000 + seed)
        cuts = SubsetRows(columns)
        entered = np.arange(len(columns.sizes))
        values = rng.choice([0.0, 0.5, 0.5, 1.0], len(entered))
        rows = cuts.separate(entered, values).toarray()
        found += len(rows)
        assert len(cuts) == len(rows)
        assert (rows @ values > cuts.most).all()
        assert (cuts.of(entered).toarray() == rows).all()
        prices = rng.random(len(rows))
        assert np.allclose(cuts.cost(prices), prices @ rows)
        for times in product(range(3), repeat=len(entered)):
            if (columns.counts @ np.array(times) <= columns.available).all():
                assert (rows @ np.array(times) <= cuts.most).all(), seed
        # All that are broken are found, by and by, and none twice.
        broken = broken_triples(columns, values)
        assert set(cuts.triples) <= broken
        while cuts.separate(entered, values).shape[0]:
            pass
        assert sorted(cuts.triples) == sorted(broken)
    assert found > 50


def test_of_three_devices_no_two_groups_hold_two_each() -> None:
    columns = ListedColumns(
        counts=sp.csc_array(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])),
        available=np.ones(3, dtype=np.int64),
        sizes=np.ones(3, dtype=np.int64),
        most=np.ones(3, dtype=np.int64),
        steps=np.array([1]),
        least=np.array([0]),
        limits=np.array([3]),
        wanted=2,
    )
    cuts = SubsetRows(columns)
    assert cuts.separate(np.arange(3), np.full(3, 0.5)).toarray().tolist() == [[1.0, 1.0, 1.0]]
    assert cuts.triples == [(0, 1, 2)]
    assert cuts.most.tolist() == [1]
    assert cuts.separate(np.arange(3), np.full(3, 0.5)).shape[0] == 0
    assert cuts.separate(np.arange(3), np.array([1.0, 0.0, 0.0])).shape[0] == 0
