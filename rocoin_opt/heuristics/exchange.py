"""The best exchange between two groups and some spares: every way to share a few devices out, in one sweep.

A pool of P devices has 2^P subsets. Tables over all of them, built by doubling, say what each subset delivers as a
group. One group takes a subset, the other takes from what is left, so the best of all pairs of disjoint groups is the
largest sum of a table and its mirror image. Swaps, moves, replacements by spares, dropped members, new groups and
dissolved ones are all among these pairs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rocoin_opt.grouping import COVER_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray, IntArray


def covering_capacities(problem: ThresholdProblem, groups: Sequence[Sequence[int]]) -> list[int]:
    """Largest part of each group, none of which is empty; 0 where it does not cover or cannot serve."""
    if not groups:
        return []
    capacities: list[int] = np.where(problem.covering(groups), problem.capacities(groups), 0).tolist()
    return capacities


def subset_capacities(problem: ThresholdProblem, pool: Sequence[int], fixed: Sequence[int]) -> IntArray:
    """Capacity of every subset of a pool of P devices, together with some fixed ones.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    pool : sequence of int, P
        Device indices.
    fixed : sequence of int
        Devices that are in every one of the groups.

    Returns
    -------
    IntArray, 2^P
        In filters; bit i of a position stands for ``pool[i]``. 0 where the group does not cover or cannot serve.
    """
    if problem.coverage is not None:
        covered = problem.coverage.covered_subsets(pool, fixed)
    else:
        covered = _over_subsets(np.add, problem.shares[:, None], pool, fixed, 0.0)[0] >= 1.0 - COVER_TOLERANCE
    # No group holds more than the largest memory, so nobody at all may begin with that.
    held = _over_subsets(np.minimum, problem.allowed, pool, fixed, int(problem.arrays.largest.max()))
    if problem.led:
        held = np.minimum(held, _over_subsets(np.maximum, problem.timely, pool, fixed, 0))
    capacity: IntArray = held.max(axis=0)
    capacity[~covered] = 0
    return capacity


class Exchange(NamedTuple):
    """Two disjoint groups, either of which may be empty, and what they deliver."""

    members: tuple[list[int], list[int]]
    capacities: tuple[int, int]


def best_exchange(
    problem: ThresholdProblem,
    pool: Sequence[int],
    fixed: tuple[list[int], list[int]],
    prices: FloatArray,
    *,
    both_count: float = 0.0,
    second_open: bool = True,
) -> Exchange:
    """Share a pool of devices out between two groups, so that they deliver most at the least price.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    pool : sequence of int, P
        Devices that may be in either group or in none.
    fixed : pair of lists of int
        Members of each group that stay where they are.
    prices : FloatArray, P
        What using a device costs, in filters. Random prices settle ties, and more than ties, in random ways.
    both_count : float
        Filters that it is worth to have two groups rather than one.
    second_open : bool
        Whether there may be a second group.

    Returns
    -------
    Exchange
        No pool device is taken that its group does not need. A group that delivers nothing keeps its fixed members.
    """
    costs = _over_subsets(np.add, prices[:, None], range(len(pool)), (), 0.0)[0]
    # Two groups without fixed members have the same table.
    apart = fixed if fixed[0] or fixed[1] else fixed[:1]
    capacities = [subset_capacities(problem, pool, kept) for kept in apart]
    worths = [_best_subsets(capacity, costs) for capacity in capacities]
    # The devices that subset i leaves are subset 2^P - 1 - i.
    left = worths[-1][::-1] if second_open else np.zeros_like(worths[0])
    total = worths[0] + left
    if both_count:
        total += both_count * ((worths[0] > 0.0) & (left > 0.0))
    taken = int(np.argmax(total))
    subsets = (_needed(worths[0], taken), _needed(worths[-1], len(total) - 1 - taken) if second_open else 0)
    members = [[*kept, *_devices(pool, subset)] for kept, subset in zip(fixed, subsets, strict=True)]
    delivered = int(capacities[0][subsets[0]]), int(capacities[-1][subsets[1]])
    return Exchange((members[0], members[1]), delivered)


def _over_subsets(fold: np.ufunc, values: Any, pool: Sequence[int], fixed: Sequence[int], start: float) -> Any:
    """Fold rows of ``values`` over every subset of a pool, together with the fixed rows: J x 2^P."""
    folded = np.empty((values.shape[1], 1 << len(pool)), dtype=values.dtype)
    folded[:, 0] = fold.reduce(values[list(fixed)], axis=0) if fixed else start
    for i, n in enumerate(pool):
        fold(folded[:, : 1 << i], values[n][:, None], out=folded[:, 1 << i : 2 << i])
    return folded


def _best_subsets(capacity: IntArray, costs: FloatArray) -> FloatArray:
    """For every set of devices, the worth of the best group within it: capacity less cost, but no less than half."""
    # The floor keeps small groups of large devices worth having.
    worth: FloatArray = np.maximum(capacity - costs, 0.5 * capacity)
    width = 1
    while width < len(worth):
        halves = worth.reshape(-1, 2, width)
        np.maximum(halves[:, 1], halves[:, 0], out=halves[:, 1])
        width *= 2
    return worth


def _needed(worth: FloatArray, subset: int) -> int:
    """Smallest part of a subset that is worth as much."""
    value = worth[subset]
    # Devices that add nothing stay spare, for other groups to take.
    for bit in range(len(worth).bit_length() - 1):
        if subset >> bit & 1 and worth[subset ^ (1 << bit)] == value:
            subset ^= 1 << bit
    return subset


def _devices(pool: Sequence[int], subset: int) -> list[int]:
    return [n for i, n in enumerate(pool) if subset >> i & 1]
