"""Partitions of the packings of listed columns in two parts, each with fewer columns.

They are made by questions that every packing answers in one of two ways: how many groups there are of a size or more;
whether two devices share a group, after Ryan and Foster, "An integer programming approach to scheduling", 1981; whether
a device is in a group of a size or more, or in a smaller one.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rocoin_opt.grouping import LEAST_FRACTION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rocoin_opt.exact.threshold.listed_columns import ListedColumns

    BoolArray: TypeAlias = NDArray[np.bool_]
    FloatArray: TypeAlias = NDArray[np.float64]
    IntArray: TypeAlias = NDArray[np.int64]

NUMBERS, PAIRS, DEVICES = 2, 6, 6
"""Questions of each kind that are looked at: those that the linear program answers most by halves."""


class Node(NamedTuple):
    """A part of the search: fewest and most groups of each size or more, and the columns that can be among them."""

    least: IntArray
    limits: IntArray
    kept: IntArray


Partition: TypeAlias = tuple[Node, Node]
"""Two parts that hold every packing of a node; the second one is looked at first."""


def partitions(columns: ListedColumns, node: Node, values: FloatArray) -> list[Partition]:
    """Ask what the linear program leaves undecided, each question with two answers.

    Parameters
    ----------
    columns : ListedColumns
        What a packing consists of.
    node : Node
        What is parted.
    values : FloatArray, C
        How often the linear program takes each column.

    Returns
    -------
    list of Partition
        Numbers of groups where any is not whole, for they settle most; else questions of devices. Empty where
        nothing is left to ask.
    """
    if by_numbers := _by_numbers(columns, node, values):
        return by_numbers
    taken = values > LEAST_FRACTION
    before = taken[node.kept].sum()
    by_columns = [*_by_pairs(columns, node, values), *_by_devices(columns, node, values)]
    # Where both devices of a pair are idle otherwise, keeping them together takes out nothing, and settles nothing.
    return [parts for parts in by_columns if all(taken[part.kept].sum() < before for part in parts)]


def _by_numbers(columns: ListedColumns, node: Node, values: FloatArray) -> list[Partition]:
    groups = columns.groups(values)
    # Where groups are missing, and made up for in the program, a limit below them would part nothing.
    is_within = (node.least < groups) & (groups < node.limits)
    off = np.where(is_within, np.abs(groups - np.rint(groups)), 0.0)
    parts: list[Partition] = []
    for at in np.argsort(-off, kind="stable")[:NUMBERS].tolist():
        if off[at] <= LEAST_FRACTION:
            break
        below, above = node.limits.copy(), node.least.copy()
        # Of a larger size there are no more groups, and of a smaller one no fewer.
        below[at:] = np.minimum(below[at:], math.floor(groups[at]))
        above[: at + 1] = np.maximum(above[: at + 1], math.ceil(groups[at]))
        parts.append((node._replace(limits=below), node._replace(least=above)))
    return parts


def _by_pairs(columns: ListedColumns, node: Node, values: FloatArray) -> list[Partition]:
    single = columns.available == 1
    together: dict[tuple[int, int], float] = {}
    for k in _taken_in_part(values).tolist():
        rows = columns.counts.indices[columns.counts.indptr[k] : columns.counts.indptr[k + 1]]
        # Of alike devices several may be in different groups, which parts nothing.
        for pair in combinations(sorted(rows[single[rows]].tolist()), 2):
            together[pair] = together.get(pair, 0.0) + float(values[k])
    off = sorted((abs(total - 0.5), pair) for pair, total in together.items())
    pairs = [pair for distance, pair in off[:PAIRS] if distance < 0.5 - LEAST_FRACTION]
    both = [(columns.counts[list(pair)][:, node.kept] > 0).sum(axis=0) for pair in pairs]
    return [(_only(node, shared < 2), _only(node, shared != 1)) for shared in both]


def _by_devices(columns: ListedColumns, node: Node, values: FloatArray) -> list[Partition]:
    single = np.flatnonzero(columns.available == 1)
    taken = _taken_in_part(values)
    of_size = (columns.step[taken][:, None] >= np.arange(len(columns.steps))) * values[taken][:, None]
    share = (columns.counts[single][:, taken] > 0) @ of_size
    # Of sizes that the point does not tell apart one is enough.
    differs = share[:, 1:] < share[:, :-1] - LEAST_FRACTION
    part = share[:, 1:] / share[:, :1].clip(LEAST_FRACTION)
    off = np.where(differs, np.abs(part - 0.5), 0.5)
    parts: list[Partition] = []
    for at in np.argsort(off, axis=None, kind="stable")[:DEVICES].tolist():
        row, size = divmod(at, off.shape[1])
        if off[row, size] >= 0.5 - LEAST_FRACTION:
            break
        has = columns.counts[[int(single[row])]][:, node.kept].toarray().ravel() > 0
        is_large = columns.step[node.kept] > size
        parts.append((_only(node, ~(has & is_large)), _only(node, ~(has & ~is_large))))
    return parts


def _taken_in_part(values: FloatArray) -> IntArray:
    return np.flatnonzero(np.abs(values - np.rint(values)) > LEAST_FRACTION)


def _only(node: Node, stays: BoolArray) -> Node:
    return node._replace(kept=node.kept[stays])
