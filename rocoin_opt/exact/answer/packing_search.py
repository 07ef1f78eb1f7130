"""The depth-first search of :mod:`rocoin_opt.exact.answer.packing`, in the subset of Python that Numba compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, IntArray


def search(
    masks: IntArray,
    reduced: FloatArray,
    fixed: FloatArray,
    per_filter: FloatArray,
    spare: IntArray,
    weights: FloatArray,
    everything: float,
    unit: float,
    filters: int,
    fewest: int,
    most: int,
    base: float,
    best: float,
    first: int,
    last: int,
    effort: int,
) -> tuple[float, IntArray, int]:
    """Find the cheapest packing whose first set, in the order of reduced costs, is one of a range.

    Parameters
    ----------
    masks : IntArray
        Devices of each set as bits, by ascending reduced cost.
    reduced, fixed, per_filter : FloatArray
        Reduced cost, cost with one filter, and cost of every further one.
    spare : IntArray
        Filters that each set can hold beyond one.
    weights : FloatArray
        ``-ln`` of each set's outage.
    everything : float
        The same for all devices together, or more.
    unit : float
        Costs are ``-ln(1 - outage)`` in this unit; 0 where they are not, but grow with the part.
    filters, fewest, most : int
        M, and the fewest and the most sets.
    base : float
        Cost of every packing without reduced costs, or less.
    best : float
        Cost that a packing has to be below.
    first, last : int
        The range of first sets.
    effort : int
        Sets to look at, over and over, before the search gives up.

    Returns
    -------
    float, IntArray, int
        Cost and sets of the best packing, the cost as given and no sets where there is none; sets that were looked at,
        ``effort`` or more where the search gave up.
    """
    count = len(masks)
    lowest, widest = min(0.0, reduced[0]), spare.max() + 1
    candidates = np.empty((most + 1, count), dtype=np.int64)
    lengths = np.zeros(most + 1, dtype=np.int64)
    places = np.zeros(most + 1, dtype=np.int64)
    used = np.zeros(most + 1, dtype=np.int64)
    paid = np.zeros(most + 1)
    spent = np.zeros(most + 1)
    room = np.zeros(most + 1, dtype=np.int64)
    weight = np.zeros(most + 1)
    chosen = np.zeros(most, dtype=np.int64)
    found = np.zeros(0, dtype=np.int64)
    taken = np.zeros(most, dtype=np.bool_)
    candidates[0] = np.arange(count)
    lengths[0], places[0] = last, first
    looked, depth = 0, 0
    while depth >= 0:
        if places[depth] >= lengths[depth]:
            depth -= 1
            continue
        i = candidates[depth, places[depth]]
        places[depth] += 1
        k = depth + 1
        # Sets stand by ascending reduced cost: none that follows is cheaper.
        if base + paid[depth] + reduced[i] + (most - k) * lowest >= best:
            places[depth] = lengths[depth]
            continue
        if looked >= effort:
            return best, found, looked
        looked += 1
        chosen[depth] = i
        room_now, spent_now = room[depth] + spare[i], spent[depth] + fixed[i]
        if fewest <= k <= filters and room_now >= filters - k:
            # Every part has one filter; the others go where one costs least.
            cost, left = spent_now, filters - k
            taken[:k] = False
            while left > 0:
                cheapest = -1
                for m in range(k):
                    if not taken[m] and (cheapest < 0 or per_filter[chosen[m]] < per_filter[chosen[cheapest]]):
                        cheapest = m
                taken[cheapest] = True
                given = min(left, spare[chosen[cheapest]])
                cost += per_filter[chosen[cheapest]] * given
                left -= given
            if cost < best:
                best = cost
                found = chosen[:k].copy()
            if unit > 0.0:
                # A further group can only fail, too.
                continue
        if k == most:
            continue
        weight_now = weight[depth] + weights[i]
        used_now, paid_now = used[depth] | masks[i], paid[depth] + reduced[i]
        lacking = filters - room_now - k
        if unit > 0.0:
            # As -ln(1 - e^-w) is convex, the groups that are needed fail least where they share what is left evenly.
            needed = max(-(-lacking // widest), fewest - k)
            left_over = max(everything - weight_now, 0.0) / needed
            if left_over <= 0.0 or spent_now - needed * np.log(-np.expm1(-left_over)) / unit >= best:
                continue
        # A set of the first level may stand before ones that are not first themselves.
        begin, end = (i + 1, count) if depth == 0 else (places[depth], lengths[depth])
        length, largest = 0, 0
        # What the next set has to hold if all that may follow it hold as much as the widest one can.
        narrow = filters - room_now - k - 1 - (most - k - 1) * widest
        for p in range(begin, end):
            j = p if depth == 0 else candidates[depth, p]
            looked += 1
            if base + paid_now + reduced[j] + (most - k - 1) * lowest >= best:
                break
            if masks[j] & used_now == 0 and spare[j] >= narrow and spent_now + fixed[j] < best:
                candidates[k, length] = j
                length += 1
                largest = max(largest, spare[j])
        # Even the largest of what is left may not hold the filters that are left.
        if (most - k) * (largest + 1) < lacking:
            continue
        lengths[k], places[k] = length, 0
        used[k], paid[k], spent[k], room[k], weight[k] = used_now, paid_now, spent_now, room_now, weight_now
        depth = k
    return best, found, looked
