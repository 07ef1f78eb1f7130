"""The recursions of :mod:`rocoin_opt.grouping.covering.covering_knapsack`, compiled by Numba.

They do the same operations in the same order. Imported only where Numba is present; the compiled code is cached on
disk. Loops stand where NumPy would have one call: they compile in a third of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from rocoin_opt.grouping.tolerances import COST_TOLERANCE, SHARE_TOLERANCE, UNIT_TOLERANCE, UNREACHABLE

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray


@njit(cache=True)
def cheapest_covers(units: IntArray, costs: FloatArray, resolution: int) -> FloatArray:
    """Cheapest cost to gather u units from the first i devices, for all i and u.

    Parameters
    ----------
    units : IntArray, L
        Share of each device in units, at least 0.
    costs : FloatArray, L
        Cost of each device, at least 0.
    resolution : int
        Units of a need of 1.

    Returns
    -------
    FloatArray, (L + 1) x (resolution + 1)
        :data:`UNREACHABLE` and above where there is no such set.
    """
    count = len(units)
    table = np.empty((count + 1, resolution + 1))
    table[0, :] = UNREACHABLE
    table[0, 0] = 0.0
    for i in range(count):
        unit, cost = min(units[i], resolution), costs[i]
        first = max(unit, 1)
        # Slices that are read from their beginning: with places that might be below 0 no loop is vectorised.
        after, before = table[i + 1], table[i]
        few, few_before = after[1:first], before[1:first]
        many, many_before, less = after[first:], before[first:], before[first - unit : resolution + 1 - unit]
        after[0] = 0.0
        for u in range(len(few)):
            few[u] = min(few_before[u], cost)
        for u in range(len(many)):
            many[u] = min(many_before[u], less[u] + cost)
    return table


@njit(cache=True)
def cheapest_before(
    units: IntArray, costs: FloatArray, needs: IntArray, resolution: int
) -> tuple[FloatArray, BoolArray]:
    """Cheapest cost to gather some units from the devices before each one.

    Parameters
    ----------
    units : IntArray, L
        Share of each device in units, at least 0.
    costs : FloatArray, L
        Cost of each device, at least 0.
    needs : IntArray, L
        Units to gather before each device, at most the resolution.
    resolution : int
        Most units that are asked for.

    Returns
    -------
    FloatArray, L
        :data:`UNREACHABLE` and above where there is no such set.
    BoolArray, (L + 1) x (resolution + 1)
        Whether the cheapest set that gathers u units from the first i devices takes the last of them.
    """
    count = len(units)
    before = np.full(resolution + 1, UNREACHABLE)
    before[0] = 0.0
    after = before.copy()
    cheapest, takes = np.empty(count), np.empty((count + 1, resolution + 1), dtype=np.bool_)
    takes[0, :] = False
    for i in range(count):
        unit, cost = min(units[i], resolution), costs[i]
        cheapest[i] = before[needs[i]]
        first, row = max(unit, 1), takes[i + 1]
        few, few_before, few_takes = after[1:first], before[1:first], row[1:first]
        many, many_before, many_takes = after[first:], before[first:], row[first:]
        less = before[first - unit : resolution + 1 - unit]
        row[0] = False
        for u in range(len(few)):
            few_takes[u] = cost < few_before[u]
            few[u] = min(few_before[u], cost)
        for u in range(len(many)):
            own = less[u] + cost
            many_takes[u] = own < many_before[u]
            many[u] = min(many_before[u], own)
        before, after = after, before
    return cheapest, takes


@njit(cache=True)
def covers_within(
    table: FloatArray,
    shares: FloatArray,
    costs: FloatArray,
    prefixes: IntArray,
    needs: FloatArray,
    budgets: FloatArray,
    repeats: BoolArray,
    longest: int,
    limit: int,
    steps: int,
) -> tuple[int, IntArray, IntArray]:
    """List every minimal cover within its level's budget, depth first.

    Parameters
    ----------
    table : FloatArray, (L + 1) x (resolution + 1)
        :func:`cheapest_covers` of the same devices.
    shares, costs : FloatArray, L
        True shares, and costs.
    prefixes : IntArray, V
        How many devices, the first ones, each level is made of; non-decreasing.
    needs, budgets : FloatArray, V
        Shares that each level has to reach, and what it may cost at most.
    repeats : BoolArray, L
        Which devices are like the one behind them: they only come with it.
    longest : int
        Largest number of devices of a minimal cover.
    limit, steps : int
        Largest number of covers, and of devices that are tried for them.

    Returns
    -------
    int, IntArray, IntArray
        Number of covers, -1 beyond a limit; positions in each, filled up with -1; level of each. There may be
        more rows than covers.
    """
    resolution = table.shape[1] - 1
    capacity = min(limit, 1024)
    members = _unfilled(capacity, longest)
    levels = np.empty(capacity, dtype=np.int64)
    count = 0
    chosen = np.empty(longest, dtype=np.int64)
    position = np.empty(longest + 1, dtype=np.int64)
    rest = np.empty(longest + 1)
    paid = np.empty(longest + 1)
    for level in range(len(prefixes)):
        budget = budgets[level] + COST_TOLERANCE
        need = needs[level]
        if need <= SHARE_TOLERANCE:
            if budget < 0.0:
                continue
            if count >= limit:
                return -1, members, levels
            if count >= capacity:
                members, levels, capacity = _grown(members, levels, limit)
            levels[count] = level
            count += 1
            continue
        depth = 0
        position[0], rest[0], paid[0] = prefixes[level], need, 0.0
        while depth >= 0:
            position[depth] -= 1
            i = position[depth]
            if i < 0:
                depth -= 1
                continue
            steps -= 1
            if steps < 0:
                return -1, members, levels
            # The last of alike devices stand for all others, one more for each that is wanted.
            if repeats[i] and i + 1 < prefixes[level] and (depth == 0 or chosen[depth - 1] != i + 1):
                continue
            left, cost = rest[depth] - shares[i], paid[depth] + costs[i]
            units = np.int64(max(np.ceil(left * resolution - UNIT_TOLERANCE), 0.0))
            # The table never overrates the rest of a cover, so none within the budget is lost.
            if cost + table[i, units] > budget:
                continue
            chosen[depth] = i
            if left > SHARE_TOLERANCE:
                depth += 1
                position[depth], rest[depth], paid[depth] = i, left, cost
                continue
            # Where not even the smallest share can be spared, none can.
            smallest = shares[chosen[0]]
            for d in range(1, depth + 1):
                smallest = min(smallest, shares[chosen[d]])
            if left + smallest <= SHARE_TOLERANCE:
                continue
            if count >= limit:
                return -1, members, levels
            if count >= capacity:
                members, levels, capacity = _grown(members, levels, limit)
            for d in range(depth + 1):
                members[count, d] = chosen[d]
            levels[count] = level
            count += 1
    return count, members, levels


@njit(cache=True)
def _unfilled(rows: int, columns: int) -> IntArray:
    """An array of -1."""
    members = np.empty((rows, columns), dtype=np.int64)
    for row in range(rows):
        for column in range(columns):
            members[row, column] = -1
    return members


@njit(cache=True)
def _grown(members: IntArray, levels: IntArray, limit: int) -> tuple[IntArray, IntArray, int]:
    """Room for twice as many covers."""
    capacity = min(limit, 2 * len(levels))
    wider = _unfilled(capacity, members.shape[1])
    longer = np.empty(capacity, dtype=np.int64)
    for row in range(len(levels)):
        longer[row] = levels[row]
        for column in range(members.shape[1]):
            wider[row, column] = members[row, column]
    return wider, longer, capacity
