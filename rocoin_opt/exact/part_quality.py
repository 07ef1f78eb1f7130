"""Better partitions at no cost of latency: fewer groups, then the best cut that their part sizes leave room for.

A group may take any part up to its capacity at the threshold, so the graph decides the sizes. The search is a descent
from spectral partitions: it improves, and proves nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.exact.group_program import Cost, Demand, choose
from rocoin_opt.exact.minimal_groups import roomiest_choices
from rocoin_opt.exact.thrift import cheapest_student
from rocoin_opt.knowledge.criteria import ncut
from rocoin_opt.knowledge.refinement import SMALLEST_GAIN, descend_by_moves, descend_by_swaps
from rocoin_opt.knowledge.sizes import level_sizes
from rocoin_opt.knowledge.spectral import spectral_partition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.minimal_groups import Choices, Serving
    from rocoin_opt.exact.thrift import Served
    from rocoin_opt.instance.arrays import FloatArray, IntArray

MAX_GROUPS = 2_000
"""Minimal groups up to which groups are formed anew for the sake of the cut."""
SHAKES = 8
"""Descents from disturbed partitions."""
DISTURBED = (1.0, 0.2)
"""Share of the filters that change parts, in turn: all of them, or some of those of the best partition."""
MAX_ROUNDS = 5
"""Rounds of moves and swaps; a descent mostly ends within two."""


NCUT_DIGITS = 9
"""Decimals to which cuts are compared: the others are rounding."""


class Cut(NamedTuple):
    """A partition: the part of each filter, and its normalised cut."""

    labels: IntArray
    value: float


def better_parts(
    serving: Serving, served: Sequence[Served], labels: IntArray, weights: FloatArray, control: Control
) -> tuple[list[Served], Cut]:
    """Look for groups, part sizes and filters of a lower cut within the threshold.

    Parameters
    ----------
    serving : Serving
        What devices can do at the threshold.
    served : sequence of Served
        Groups of a valid plan whose value is within the threshold.
    labels : IntArray, M
        Part of each filter; part k has ``served[k].size`` filters.
    weights : FloatArray, M x M
        The filter graph.
    control : Control
        Limit and seed.

    Returns
    -------
    list of Served, Cut
        Part k of the cut belongs to group k; sizes descend. The cut is not above that of the labels.
    """
    best = [group.members for group in served]
    known = [sorted(_capacities(serving, best))]
    cut = best_partition_within(weights, known[0], [labels], control.seed)
    for other in other_groups(serving, served, weights, control):
        limits = sorted(_capacities(serving, other))
        if limits in known or control.exhausted:
            continue
        known.append(limits)
        found = best_partition_within(weights, limits, [], control.seed)
        if round(found.value, NCUT_DIGITS) < round(cut.value, NCUT_DIGITS):
            best, cut = other, found
    cut = _shaken(weights, cut, _capacities(serving, best), control)
    by_room = [best[k] for k in np.argsort([-limit for limit in _capacities(serving, best)], kind="stable")]
    sizes = np.bincount(cut.labels).tolist()
    return [cheapest_student(serving, members, size) for members, size in zip(by_room, sizes, strict=True)], cut


def _capacities(serving: Serving, groups: Sequence[Sequence[int]]) -> list[int]:
    return [int(serving.capacities(np.array([members])).max()) for members in groups]


def best_partition_within(weights: FloatArray, limits: Sequence[int], starts: Sequence[IntArray], seed: int) -> Cut:
    """Cut the filter graph into parts whose sizes stay within limits.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.
    limits : sequence of int
        Largest size of each part, at least 1; together at least M. Which part has which limit is free.
    starts : sequence of IntArray
        Partitions within the limits to improve on, too.
    seed : int
        Seed of the k-means starts.

    Returns
    -------
    Cut
        The lowest cut found; parts by descending size, so that the limits in descending order hold them.
    """
    parts, total = len(limits), len(weights)
    ordered = np.sort(np.asarray(limits))[::-1]
    free = spectral_partition(weights, None, parts, seed)
    chosen = np.sort(np.bincount(free, minlength=parts))[::-1]
    if (chosen <= ordered).all():
        candidates = [*starts, free]
    else:
        sizes = {tuple(_nearest_sizes(chosen, ordered).tolist()), level_sizes(total, ordered.tolist())}
        candidates = [*starts, *(spectral_partition(weights, wanted, parts, seed) for wanted in sorted(sizes))]
    return min((_descend(weights, labels, ordered) for labels in candidates), key=lambda cut: cut.value)


def _shaken(weights: FloatArray, cut: Cut, limits: Sequence[int], control: Control) -> Cut:
    """Descend from disturbed partitions too: a spectral start alone can end several per cent above the best."""
    random, ordered = np.random.default_rng(control.seed), np.sort(np.asarray(limits))[::-1]
    for turn in range(SHAKES):
        if control.exhausted:
            break
        labels = cut.labels.copy()
        moved = random.permutation(len(labels))[: round(DISTURBED[turn % len(DISTURBED)] * len(labels))]
        labels[moved] = labels[random.permutation(moved)]
        cut = min(cut, _descend(weights, labels, ordered), key=lambda found: round(found.value, NCUT_DIGITS))
    return cut


def _nearest_sizes(sizes: IntArray, limits: IntArray) -> IntArray:
    """Descending sizes cut down to descending limits; what is left goes to where there is the most room."""
    nearest = np.minimum(sizes, limits)
    for _ in range(int(sizes.sum() - nearest.sum())):
        nearest[np.argmax(limits - nearest)] += 1
    return np.sort(nearest)[::-1]


def _descend(weights: FloatArray, labels: IntArray, limits: IntArray) -> Cut:
    """Moves within the limits and swaps, in turn, while they lower the cut."""
    scale = float(weights.max()) or 1.0
    scaled, parts, value = weights / scale, len(limits), ncut(weights, labels)
    for _ in range(MAX_ROUNDS):
        improved = descend_by_swaps(scaled, descend_by_moves(scaled, labels, parts, limits), parts)
        lower = ncut(weights, improved)
        if lower >= value - SMALLEST_GAIN:
            break
        labels, value = improved, lower
    by_size = np.argsort(-np.bincount(labels, minlength=parts), kind="stable")
    rank = np.empty(parts, dtype=np.int64)
    rank[by_size] = np.arange(parts)
    return Cut(rank[labels], value)


def other_groups(
    serving: Serving, served: Sequence[Served], weights: FloatArray, control: Control
) -> list[list[tuple[int, ...]]]:
    """Form groups anew that leave the cut more room: as few as possible, and not more than there are.

    One way takes the most filters in all, another one comes closest to the sizes that the graph would choose by itself.

    Returns
    -------
    list of lists of tuples of int
        Device indices of the groups of each way; together they can take all filters.
    """
    groups = serving.minimal_groups(MAX_GROUPS)
    if groups is None:
        return []
    instance, total = serving.instance, serving.instance.knowledge.num_filters
    choices = roomiest_choices(serving, groups)
    demand = Demand.of_filters(serving, (instance.requirements.min_groups, len(served)), (total, np.inf))
    each = np.ones(len(choices))
    fewest = choose(choices, demand, Cost(each, 0.0 * each), control)
    if fewest is None:
        return []
    parts = len(fewest)
    ways = [_members(choices, fewest, demand.devices)]
    exactly = Demand.of_filters(serving, (parts, parts), (total, np.inf))
    roomiest = choose(choices, exactly, Cost(-choices.most / total, 0.0 * each), control, start=fewest)
    if roomiest is not None:
        ways.append(_members(choices, roomiest, demand.devices))
    free = spectral_partition(weights, None, parts, control.seed)
    sizes = Counter(np.bincount(free, minlength=parts).tolist())
    by_kind = replace(
        choices.taken(np.tile(np.arange(len(choices)), len(sizes))), kind=np.repeat(np.arange(len(sizes)), len(choices))
    )
    close = np.minimum(by_kind.most, np.array(list(sizes))[by_kind.kind]) / total
    wanted = Demand.of_sizes(demand.devices, list(sizes.values()))
    closest = choose(by_kind, wanted, Cost(-close, 0.0 * close), control)
    if closest is not None and by_kind.most[closest].sum() >= total:
        ways.append(_members(by_kind, closest, demand.devices))
    return ways


def _members(choices: Choices, rows: IntArray, nobody: int) -> list[tuple[int, ...]]:
    return [tuple(sorted(n for n in members if n < nobody)) for members in choices.members[rows].tolist()]
