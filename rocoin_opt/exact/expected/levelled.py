"""Bounds of partial plans for the expected answer time where devices are levelled within what they can serve.

Sizes of groups nest: who delivers a part by t delivers every smaller one. So by t no more weight of open devices is in
the groups of the c largest least sizes than that of the open devices that deliver the smallest of these sizes, for
every c. Under these limits ``sum ln(1 - exp(-W_k))`` is largest where weights are poured from the first groups on: over
as many as leave the lowest level, then over the groups behind them what is left.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, IntArray


def levelled_bounds(
    places: IntArray,
    rows: IntArray,
    seconds: FloatArray,
    order: IntArray,
    weights: FloatArray,
    deadline: float,
    enough: float,
    bounds: FloatArray,
) -> None:
    """Lower bounds in seconds on the expected answer time of all completions; in the Python that Numba compiles.

    Parameters
    ----------
    places : IntArray, B x N
        Group of each device, -1 where it is open and -2 where it is a spare.
    rows : IntArray, B x K
        For each group the row of its least size in ``seconds``.
    seconds : FloatArray, S x N
        When each device answers with so many filters, the deadline at most; sizes ascend with the row.
    order : IntArray, S x N
        The devices by these seconds.
    weights : FloatArray, N
        ``-ln p`` of each device; 0 where it never answers.
    deadline : float
        D in seconds.
    enough : float
        Bounds from there on need not be known.
    bounds : FloatArray, B
        Where they are written to.
    """
    devices, groups = places.shape[1], rows.shape[1]
    place = np.empty(groups, dtype=np.int64)
    kind_of = np.empty(groups, dtype=np.int64)
    row = np.empty(groups, dtype=np.int64)
    end = np.empty(groups, dtype=np.int64)
    at = np.empty(groups, dtype=np.int64)
    served = np.empty(groups, dtype=np.int64)
    pool = np.empty(groups)
    own = np.empty(groups)
    least = np.empty(groups)
    for b in range(places.shape[0]):
        # Groups by least size, the largest first; those of equal ones are of a kind.
        for k in range(groups):
            i = k
            while i > 0 and rows[b, place[i - 1]] < rows[b, k]:
                place[i] = place[i - 1]
                i -= 1
            place[i] = k
        kinds = 0
        for i in range(groups):
            if i == 0 or rows[b, place[i]] != row[kinds - 1]:
                row[kinds] = rows[b, place[i]]
                at[kinds], served[kinds], pool[kinds] = 0, 0, 0.0
                kinds += 1
            kind_of[place[i]] = kinds - 1
            end[kinds - 1] = i + 1
            own[i] = 0.0
        # Where each group stands.
        for i in range(groups):
            least[place[i]] = i
        stands = least.astype(np.int64)
        now, late, total, is_known = 0.0, 1.0, 0.0, True
        while total < enough:
            then, kind = deadline, -1
            for c in range(kinds):
                if at[c] < devices and seconds[row[c], order[row[c], at[c]]] < then:
                    then, kind = seconds[row[c], order[row[c], at[c]]], c
            n = -1
            if kind >= 0:
                n = order[row[kind], at[kind]]
                at[kind] += 1
                k = places[b, n]
                if weights[n] == 0.0 or k == -2 or (k >= 0 and kind_of[k] != kind):
                    continue
            if then > now:
                if not is_known:
                    late, is_known = 0.0, True
                    # Each group that nobody of its own has served needs an open device for itself.
                    empty, i = 0, 0
                    for c in range(kinds):
                        while i < end[c]:
                            empty += own[i] == 0.0
                            i += 1
                        if empty > served[c]:
                            late = 1.0
                    first, begin, poured = 0, 0, 0.0
                    while late < 1.0 and first < kinds:
                        level, last, count, i = np.inf, first, 0, begin
                        for c in range(first, kinds):
                            while i < end[c]:
                                j = count
                                while j > 0 and least[j - 1] > own[i]:
                                    least[j] = least[j - 1]
                                    j -= 1
                                least[j] = own[i]
                                count += 1
                                i += 1
                            so_far, lowest = max(pool[c] - poured, 0.0), np.inf
                            for j in range(count):
                                so_far += least[j]
                                lowest = min(lowest, so_far / (j + 1))
                            if lowest <= level:
                                level, last = lowest, c
                        for i in range(begin, end[last]):
                            late += math.exp(-max(own[i], level)) * (1.0 - late)
                        poured, begin, first = pool[last], end[last], last + 1
                total += late * (then - now)
                now = then
            if n < 0:
                break
            is_known = False
            if k == -1:
                pool[kind] += weights[n]
                served[kind] += 1
            else:
                own[stands[k]] += weights[n]
        bounds[b] = total
