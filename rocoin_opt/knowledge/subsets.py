"""Every subset of a few filters as a bit mask, and the best partition by dynamic programming over subsets.

Filter m is bit m of a mask, so that figures of all subsets of M filters stand in arrays of length ``2**M``. The tables
of the recursion have a partition's part with the highest filter split off first: each partition is met once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.knowledge.criteria import Criterion
    from rocoin_opt.knowledge.sizes import SizeRanges

    Counts = tuple[int, ...]

MAX_FILTERS = 20
"""Largest number of filters whose subsets are listed: a million of them."""
INNER_FILTERS = 7
"""Filters over which the recursion runs in one array operation; their 2,187 pairs of subsets fit a cache."""


def part_sums(values: FloatArray) -> FloatArray:
    """Sum of the values over every subset of filters.

    Parameters
    ----------
    values : FloatArray, ... x M
        One number for each filter, along the last axis.

    Returns
    -------
    FloatArray, ... x 2**M
        Sums by mask; 0 for the empty subset.
    """
    filters = values.shape[-1]
    _require_few(filters)
    sums = np.zeros((*values.shape[:-1], 1 << filters))
    for m in range(filters):
        sums[..., 1 << m : 2 << m] = sums[..., : 1 << m] + values[..., m, None]
    return sums


def inner_weights(weights: FloatArray) -> FloatArray:
    """Weight within every subset of filters, each edge counted from both of its ends: 2**M numbers by mask."""
    _require_few(len(weights))
    inner = np.zeros(1 << len(weights))
    for m, row in enumerate(weights):
        # A subset with highest filter m is one without it, and the edges from m into it.
        inner[1 << m : 2 << m] = inner[: 1 << m] + 2.0 * part_sums(row[:m])
    return inner


def cut_costs(weights: FloatArray) -> FloatArray:
    """Half the weight of the edges that leave each subset: summed over parts, the weight between them.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.

    Returns
    -------
    FloatArray, 2**M
        Costs by mask, exact up to the rounding of the subset's volume.
    """
    return np.maximum(part_sums(weights.sum(axis=1)) - inner_weights(weights), 0.0) / 2.0


def ncut_costs(weights: FloatArray) -> FloatArray:
    """Share of each subset's volume that leaves it, 1 without volume: summed over parts, the normalised cut.

    Parameters and return value are those of :func:`cut_costs`.
    """
    volume = part_sums(weights.sum(axis=1))
    return np.divide(2.0 * cut_costs(weights), volume, out=np.ones_like(volume), where=volume > 0)


def largest_sums(rows: FloatArray) -> FloatArray:
    """Largest of the rows' sums over every subset; of class evidence, what is lost at worst with the subset.

    Parameters
    ----------
    rows : FloatArray, C x M
        Non-negative numbers, as the evidence that each filter has for each class; there may be no row.

    Returns
    -------
    FloatArray, 2**M
        Largest sums by mask; 0 where there is no row.
    """
    _require_few(rows.shape[1])
    largest = np.zeros(1 << rows.shape[1])
    for row in rows:
        np.maximum(largest, part_sums(row), out=largest)
    return largest


def part_costs(criterion: Criterion) -> tuple[FloatArray, FloatArray | None]:
    """What each subset of filters costs as a part under a criterion.

    Returns
    -------
    additive : FloatArray, 2**M or K x 2**M
        What parts add to the criterion's value by mask, one row for each part where they differ.
    bottleneck : FloatArray, 2**M, or None
        Costs by mask of which the largest one over the parts is added as well; None where there are none.
    """
    weights = criterion.weights
    of_graph = ncut_costs(weights) if criterion.normalised else cut_costs(weights) * criterion.scale
    additive = criterion.graph_weight * of_graph
    if criterion.loss_weight == 0.0:
        return additive, None
    lost = criterion.loss_weight * largest_sums(criterion.evidence)
    if criterion.outages is None:
        return additive, lost
    return additive + criterion.outages[:, None] * lost, None


@dataclass(frozen=True, eq=False)
class PartKind:
    """Parts that may stand for each other: of the same sizes, at the same costs.

    Attributes
    ----------
    parts : tuple of int
        The parts of this kind, ascending.
    costs : FloatArray, 2**M
        Cost of a part by mask, infinite where no part of this kind may be: the wrong number of filters, none at all, or
        a cost that was infinite before.
    """

    parts: tuple[int, ...]
    costs: FloatArray


def part_kinds(additive: FloatArray, ranges: SizeRanges) -> tuple[PartKind, ...]:
    """Sort the parts into kinds, in the order of the first part of each.

    Parameters
    ----------
    additive : FloatArray, 2**M or K x 2**M
        Cost of a part by mask, one row for each part where they differ; infinite where it must not be.
    ranges : SizeRanges
        Sizes that each of the K parts may have.

    Raises
    ------
    InputError
        If the costs are not those of K parts of M filters.
    """
    masks = 1 << ranges.total
    if additive.shape not in ((masks,), (ranges.parts, masks)):
        allowed = f"sizes that fit costs of the shape {additive.shape}: one for each subset, or a row for each part"
        given = f"{ranges.parts} parts of {ranges.total} filters"
        raise InputError("options", [Problem("sizes", given, allowed)])
    rows = np.broadcast_to(additive, (ranges.parts, masks))
    alike: dict[tuple[int, int, bytes], list[int]] = {}
    for k, (lower, upper) in enumerate(zip(ranges.lower.tolist(), ranges.upper.tolist(), strict=True)):
        costs = b"" if additive.ndim == 1 else rows[k].tobytes()
        alike.setdefault((lower, upper, costs), []).append(k)
    sizes = np.bitwise_count(np.arange(masks))
    return tuple(
        PartKind(tuple(parts), np.where((lower <= sizes) & (sizes <= upper), rows[parts[0]], np.inf))
        for (lower, upper, _), parts in alike.items()
    )


def operations(ranges: SizeRanges, *, alike: bool = True) -> float:
    """Estimate how many sums :func:`best_partition` compares, for one threshold of a bottleneck.

    Parameters
    ----------
    ranges : SizeRanges
        Sizes of the parts.
    alike : bool
        Whether parts of the same sizes have the same costs.

    Returns
    -------
    float
        Some hundred million of them take about a second; infinite for more filters than ``MAX_FILTERS``.
    """
    if ranges.total > MAX_FILTERS:
        return np.inf
    pairs = list(zip(ranges.lower.tolist(), ranges.upper.tolist(), strict=True))
    counts = [pairs.count(pair) for pair in dict.fromkeys(pairs)] if alike else [1] * len(pairs)
    # Coefficient j of the product: how many choices of j parts there are, parts of one kind not told apart.
    choices = np.ones(1)
    for count in counts:
        choices = np.convolve(choices, np.ones(count + 1))
    spare = ranges.total - ranges.parts
    layers = [choices[j] * min(j, len(counts)) * 3.0 ** (spare + j) / 2.0 for j in range(2, ranges.parts)]
    return float(sum(layers) + len(counts) * 2.0**ranges.total)


def best_partition(additive: FloatArray, ranges: SizeRanges, bottleneck: FloatArray | None = None) -> IntArray:
    """Find the partition of the least sum of part costs, plus the largest bottleneck cost of a part.

    Partitions are compared in floating point, so that the result is the best up to rounding.

    Parameters
    ----------
    additive : FloatArray, 2**M or K x 2**M
        Cost of a part by mask, one row for each part where they differ; infinite where it must not be.
    ranges : SizeRanges
        Sizes that each of the K parts may have.
    bottleneck : FloatArray, 2**M, optional
        Cost by mask of which only the largest one over all parts counts; infinite where a part must not be.

    Returns
    -------
    IntArray, M
        Part of each filter, 0 to K - 1. Parts that may stand for each other come in the order of their first filters.
        The same arguments give the same labels.

    Raises
    ------
    InputError
        If the costs are not those of K parts of M filters.
    ValueError
        If every partition within the ranges has a part of infinite cost, or for more than ``MAX_FILTERS`` filters.
    """
    _require_few(ranges.total)
    kinds = part_kinds(additive, ranges)
    if bottleneck is None:
        found = _least_sum([kind.costs for kind in kinds], kinds, ranges)
        parts = None if found is None else found[1]
    else:
        parts = _least_with_bottleneck(kinds, ranges, bottleneck)
    if parts is None:
        raise ValueError("no partition within the sizes has finite costs")
    return labels_of_parts(parts, [kind.parts for kind in kinds], ranges.total)


def labels_of_parts(chosen: Iterable[tuple[int, int]], parts: Sequence[Iterable[int]], filters: int) -> IntArray:
    """Part of each filter, M labels, from chosen subsets.

    Parameters
    ----------
    chosen : iterable of pairs
        Mask and kind of each part.
    parts : sequence
        The parts of each kind; the chosen ones take them in the order of their first filters.
    filters : int
        Number of filters, M.
    """
    labels = np.full(filters, -1, dtype=np.int64)
    unused = [iter(of_kind) for of_kind in parts]
    # The lowest bit of a mask is its first filter.
    for mask, kind in sorted(chosen, key=lambda part: part[0] & -part[0]):
        labels[(mask >> np.arange(filters)) & 1 == 1] = next(unused[kind])
    return labels


def _require_few(filters: int) -> None:
    if filters > MAX_FILTERS:
        raise ValueError(f"{filters} filters have too many subsets; {MAX_FILTERS} filters at most")


def _least_with_bottleneck(
    kinds: Sequence[PartKind], ranges: SizeRanges, bottleneck: FloatArray
) -> list[tuple[int, int]] | None:
    """Lower the threshold on the bottleneck cost until what is left cannot beat the best partition found."""
    best, best_parts, threshold = np.inf, None, np.inf
    while found := _least_sum([np.where(bottleneck < threshold, k.costs, np.inf) for k in kinds], kinds, ranges):
        total, parts = found
        largest = max(float(bottleneck[mask]) for mask, _ in parts)
        if total + largest < best:
            best, best_parts = total + largest, parts
        # Sums only grow with a lower threshold: at this bottleneck cost or above, none is better any more.
        threshold = min(largest, best - total)
    return best_parts


def _least_sum(
    costs: Sequence[FloatArray], kinds: Sequence[PartKind], ranges: SizeRanges
) -> tuple[float, list[tuple[int, int]]] | None:
    """The least sum of costs, and the parts as pairs of mask and kind; None where every sum is infinite."""
    counts = tuple(len(kind.parts) for kind in kinds)
    tables = _tables(costs, counts, ranges.total)
    left, subset = counts, (1 << ranges.total) - 1
    total = 0.0
    parts: list[tuple[int, int]] = []
    while subset:
        value, mask, kind = _first_part(subset, left, costs, tables)
        if not parts:
            if value == np.inf:
                return None
            total = value
        parts.append((mask, kind))
        left, subset = _without(left, kind), subset ^ mask
    return total, parts


def _tables(costs: Sequence[FloatArray], counts: Counts, filters: int) -> dict[Counts, FloatArray]:
    """Least cost of every subset for every choice of parts but all of them.

    The parts split off before hold the highest filters, one each at least; so with j of K parts left, the subset is one
    of the lowest M - K + j filters.
    """
    spare = filters - sum(counts)
    empty = np.full(1 << spare, np.inf)
    empty[0] = 0.0
    tables = {(0,) * len(counts): empty}
    choices = product(*(range(count + 1) for count in counts))
    for choice in sorted(choices, key=lambda choice: (sum(choice), choice))[1:-1]:
        size = 1 << (spare + sum(choice))
        table = np.full(size, np.inf)
        for kind in np.flatnonzero(choice).tolist():
            if sum(choice) == 1:
                table = costs[kind][:size]
            else:
                np.minimum(table, _one_part_more(costs[kind], tables[_without(choice, kind)]), out=table)
        tables[choice] = table
    return tables


def _first_part(
    subset: int, left: Counts, costs: Sequence[FloatArray], tables: dict[Counts, FloatArray]
) -> tuple[float, int, int]:
    """The best part with the highest filter of a subset: least cost of the subset, mask of the part, its kind."""
    top = 1 << (subset.bit_length() - 1)
    rest = subset ^ top
    masks = np.arange(top)
    masks = masks[masks & ~rest == 0]
    options = []
    for kind in np.flatnonzero(left).tolist():
        values = costs[kind][top + masks] + tables[_without(left, kind)][rest ^ masks]
        i = int(values.argmin())
        options.append((float(values[i]), top + int(masks[i]), kind))
    return min(options)


def _without(counts: Counts, kind: int) -> Counts:
    return (*counts[:kind], counts[kind] - 1, *counts[kind + 1 :])


def _one_part_more(costs: FloatArray, table: FloatArray) -> FloatArray:
    """Least cost of a part with the subset's highest filter and of what is left of the subset; infinite for none."""
    filters = len(table).bit_length()
    more = np.full(1 << filters, np.inf)
    for top in range(filters):
        more[1 << top : 2 << top] = _subset_convolution(costs[1 << top : 2 << top], table[: 1 << top])
    return more


def _subset_convolution(first: FloatArray, second: FloatArray) -> FloatArray:
    """Least ``first[P] + second[S - P]`` over the subsets P of every set S, for two arrays of 2**n numbers."""
    filters = len(first).bit_length() - 1
    inner = min(filters // 2, INNER_FILTERS)
    outer = 1 << (filters - inner)
    inside, outside, starts = _pairs(inner)
    firsts = first.reshape(outer, -1)[:, inside]
    seconds = second.reshape(outer, -1)[:, outside]
    least = np.empty((outer, len(starts)))
    masks = np.arange(outer)
    for subset in range(outer):
        parts = masks[: subset + 1]
        parts = parts[parts & ~subset == 0]
        least[subset] = np.minimum.reduceat((firsts[parts] + seconds[subset ^ parts]).min(axis=0), starts)
    return least.ravel()


@cache
def _pairs(filters: int) -> tuple[IntArray, IntArray, IntArray]:
    """All subsets P of all sets S in the order of S: the masks P, the masks S - P, and where each S starts."""
    masks = np.arange(1 << filters)
    subsets, parts = np.nonzero(masks & ~masks[:, None] == 0)
    return parts, subsets ^ parts, np.searchsorted(subsets, masks)
