"""Partitions: every packing is in one of the two parts, and what the linear program took is in neither."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.threshold.listed_columns import ListedColumns
from rocoin_opt.exact.threshold.partitions import Node, partitions

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import BoolArray, FloatArray, IntArray

DEVICES, COLUMNS, GROUPS = 7, 10, 4


def drawn(seed: int) -> tuple[ListedColumns, IntArray]:
    """Columns of three sizes over devices of which there are one each, or two; and all packings of them."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((DEVICES, COLUMNS))
    for k in range(COLUMNS):
        counts[rng.choice(DEVICES, int(rng.integers(2, 4)), replace=False), k] = 1.0
    sizes = rng.choice([2, 3, 5], COLUMNS)
    steps = np.unique(sizes)
    columns = ListedColumns(
        counts=sp.csc_array(counts),
        available=np.where(rng.random(DEVICES) < 0.2, 2, 1),
        sizes=sizes,
        most=np.ones(COLUMNS, dtype=np.int64),
        steps=steps,
        least=np.zeros(len(steps), dtype=np.int64),
        limits=np.full(len(steps), GROUPS),
        wanted=1,
    )
    times = np.array(list(product((0, 1), repeat=COLUMNS)))
    fits = (times @ counts.T <= columns.available).all(axis=1) & (times.sum(axis=1) <= GROUPS)
    return columns, times[fits]


def holds(node: Node, columns: ListedColumns, times: IntArray | FloatArray) -> BoolArray:
    """Which rows of times a node holds."""
    outside = np.ones(COLUMNS, dtype=bool)
    outside[node.kept] = False
    groups = times @ (columns.sizes[:, None] >= columns.steps)
    within = (groups >= node.least).all(axis=1) & (groups <= node.limits).all(axis=1)
    return np.asarray(within & (times[:, outside] == 0).all(axis=1))


def test_every_packing_is_in_a_part_and_the_point_is_in_none() -> None:
    asked = {"numbers": 0, "columns": 0}
    for seed in range(300):
        columns, packings = drawn(seed)
        rng = np.random.default_rng(seed + 1_000)
        # Points of few packings with as many groups of each size have whole numbers of these.
        groups = packings @ (columns.sizes[:, None] >= columns.steps)
        alike = packings[(groups == groups[rng.integers(len(packings))]).all(axis=1)] if seed % 2 else packings
        point = rng.dirichlet(np.ones(3)) @ alike[rng.integers(len(alike), size=3)]
        node = Node(columns.least, columns.limits, np.arange(COLUMNS))
        for parts in partitions(columns, node, point):
            held = [holds(part, columns, packings) for part in parts]
            assert (held[0] | held[1]).all(), seed
            assert not any(holds(part, columns, point[None, :])[0] for part in parts), seed
            asked["columns" if len(parts[0].kept) < COLUMNS else "numbers"] += 1
    assert min(asked.values()) >= 100


def test_nothing_is_asked_of_whole_numbers() -> None:
    columns, packings = drawn(0)
    node = Node(columns.least, columns.limits, np.arange(COLUMNS))
    assert partitions(columns, node, packings[-1].astype(np.float64)) == []


def test_alike_devices_are_not_told_apart() -> None:
    columns, packings = drawn(1)
    columns.available[:] = 2
    node = Node(columns.least, np.full_like(columns.limits, 0), np.arange(COLUMNS))
    point = packings[-3:].mean(axis=0)
    assert (point % 1.0 > 0.0).any()
    assert partitions(columns, node, point) == []
