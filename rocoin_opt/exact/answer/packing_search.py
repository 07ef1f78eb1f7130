"""The depth-first search of :mod:`rocoin_opt.exact.answer.packing`, in the subset of Python that Numba compiles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, IntArray


class Stack(NamedTuple):
    """Where a search stands, changed in place: which sets were chosen, and what may follow them.

    Attributes
    ----------
    candidates : IntArray, (K + 1) x C
        Sets that may stand at each depth, of C sets in all; at the first one all of them.
    lengths, places : IntArray, K + 1
        How many candidates there are, and the next one to look at.
    used, room : IntArray, K + 1
        Devices of the sets chosen so far, as bits, and the filters that these can hold beyond one each.
    paid, spent, weight, due : FloatArray, K + 1
        Reduced costs, costs, weights and dues of the sets chosen so far.
    short : IntArray, (K + 1) x V
        How many of the sets chosen so far have no room for a part of each size.
    chosen : IntArray, K
        The sets chosen.
    found : IntArray, P x K
        The best packing so far, filled up with -1; with several rows, packings below the limit in the order in which
        they were found.
    """

    candidates: IntArray
    lengths: IntArray
    places: IntArray
    used: IntArray
    room: IntArray
    paid: FloatArray
    spent: FloatArray
    weight: FloatArray
    due: FloatArray
    short: IntArray
    chosen: IntArray
    found: IntArray


def at_the_start(count: int, most: int, sizes: int = 0, packings: int = 1) -> Stack:
    """Where a search begins.

    Parameters
    ----------
    count : int
        Number of sets, C.
    most : int
        Most sets of a packing, K.
    sizes : int
        Number of different part sizes, V; 0 where they are free.
    packings : int
        Packings to remember, P.
    """
    candidates = np.empty((most + 1, count), dtype=np.int64)
    candidates[0] = np.arange(count)
    lengths, places, used, room = np.zeros((4, most + 1), dtype=np.int64)
    paid, spent, weight, due = np.zeros((4, most + 1))
    lengths[0] = count
    short, chosen = np.zeros((most + 1, sizes), dtype=np.int64), np.full(most, -1)
    found = np.full((packings, most), -1)
    return Stack(candidates, lengths, places, used, room, paid, spent, weight, due, short, chosen, found)


def search(
    masks: IntArray,
    reduced: FloatArray,
    fixed: FloatArray,
    per_filter: FloatArray,
    spare: IntArray,
    weights: FloatArray,
    lacks: IntArray,
    may_lack: IntArray,
    dues: FloatArray,
    purse: float,
    everything: float,
    unit: float,
    must: int,
    filters: int,
    fewest: int,
    most: int,
    base: float,
    stack: Stack,
    depth: int,
    best: float,
    effort: int,
) -> tuple[int, float, int]:
    """Go on with the search for the cheapest packing, until it ends or has looked at enough sets.

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
    lacks : IntArray, C x V
        1 where a set has no room for a part of each given size; no columns where sizes are free.
    may_lack : IntArray, V
        How many sets of a packing may have none.
    dues : FloatArray
        What each set costs besides, by another measure.
    purse : float
        What a packing may cost by that measure.
    everything : float
        The same for all devices together, or more.
    unit : float
        Costs are ``-ln(1 - outage)`` in this unit; 0 where they are not, but grow with the part.
    must : int
        Devices that a packing has to use, as bits.
    filters, fewest, most : int
        M, and the fewest and the most sets.
    base : float
        Cost of every packing without reduced costs, or less.
    stack : Stack
        Where the search stands; changed.
    depth : int
        How many sets are chosen.
    best : float
        Cost that a packing has to be below.
    effort : int
        Sets to look at, over and over, before the search pauses.

    Returns
    -------
    int, float, int
        The depth to go on from, below 0 where the search has ended; the cost of the best packing so far, as given where
        there is none or several are remembered; and how many sets were looked at.
    """
    candidates, lengths, places, used, room, paid, spent, weight, due, short, chosen, found = stack
    lowest, widest = min(0.0, reduced[0]), spare.max() + 1
    taken = np.zeros(most, dtype=np.bool_)
    looked = 0
    while depth >= 0 and looked < effort:
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
        looked += 1
        due_now = due[depth] + dues[i]
        if due_now > purse:
            continue
        chosen[depth] = i
        room_now, spent_now = room[depth] + spare[i], spent[depth] + fixed[i]
        if fewest <= k <= filters and room_now >= filters - k and (used[depth] | masks[i]) & must == must:
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
                row = 0
                if len(found) == 1:
                    best = cost
                else:
                    while row < len(found) and found[row, 0] >= 0:
                        row += 1
                    if row == len(found):
                        return depth, best, looked
                found[row, :k] = chosen[:k]
                found[row, k:] = -1
            if unit > 0.0 and len(found) == 1:
                # A further group can only fail, too. Where several packings are remembered it may never do so, and take
                # filters that are work elsewhere.
                continue
        if k == most:
            continue
        weight_now = weight[depth] + weights[i]
        used_now, paid_now = used[depth] | masks[i], paid[depth] + reduced[i]
        lacking = filters - room_now - k
        if unit > 0.0:
            # As -ln(1 - e^-w) is convex, the groups that are needed fail least where they share what is left evenly.
            needed = max(-(-lacking // widest), fewest - k, 1)
            left_over = max(everything - weight_now, 0.0) / needed
            # In floats of Python, whose quotients by the smallest units are infinite without a warning.
            least = -needed * math.log(-math.expm1(-left_over)) / float(unit) if left_over > 0.0 else math.inf
            if spent_now + least >= best:
                continue
        length, largest = 0, 0
        # What the next set has to hold if all that may follow it hold as much as the widest one can.
        narrow = filters - room_now - k - 1 - (most - k - 1) * widest
        for p in range(places[depth], lengths[depth]):
            j = candidates[depth, p]
            looked += 1
            if base + paid_now + reduced[j] + (most - k - 1) * lowest >= best:
                break
            if (
                masks[j] & used_now != 0
                or spare[j] < narrow
                or spent_now + fixed[j] >= best
                or due_now + dues[j] > purse
            ):
                continue
            fits = True
            for v in range(len(may_lack)):
                if short[depth, v] + lacks[i, v] + lacks[j, v] > may_lack[v]:
                    fits = False
            if fits:
                candidates[k, length] = j
                length += 1
                largest = max(largest, spare[j])
        # Even the largest of what is left may not hold the filters that are left.
        if (most - k) * (largest + 1) < lacking:
            continue
        lengths[k], places[k] = length, 0
        used[k], paid[k], spent[k], room[k], weight[k] = used_now, paid_now, spent_now, room_now, weight_now
        due[k] = due_now
        for v in range(len(may_lack)):
            short[k, v] = short[depth, v] + lacks[i, v]
        depth = k
    return depth, best, looked
