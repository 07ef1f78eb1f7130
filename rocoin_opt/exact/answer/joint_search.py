"""The depth-first search of :mod:`rocoin_opt.exact.answer.joint`, in the subset of Python that Numba compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

SHARINGS = 20_000
"""Steps that sharing out the filters of one packing takes at most: a millisecond or two, compiled."""


class JointStack(NamedTuple):
    """Where a search stands, changed in place.

    Attributes
    ----------
    device : IntArray, K + 1
        At each depth the device whose sets are looked at: those of which it is the first one.
    place : IntArray, K + 1
        The next of these sets.
    used, room : IntArray, K + 1
        Devices of the sets chosen so far, as bits, and the filters that these can hold beyond their least.
    held, loads : IntArray, K + 1
        Sums over the sets chosen so far: of their least sizes, and of their loads.
    late : FloatArray, (K + 1) x T x Z
        Failure probability of the answer of the sets chosen so far, by each time in each state of the domains.
    share, energy : FloatArray, K + 1
        Sums over the sets chosen so far: of their outages times least sizes, and of their joules with these.
    open : FloatArray, 1
        Least cost that packings may have of which not all ways to share out the filters were tried.
    chosen, found : IntArray, K
        The sets chosen, and those of the best packing, filled up with -1.
    sizes : IntArray, K
        Filters of the sets of the best packing.
    """

    device: IntArray
    place: IntArray
    used: IntArray
    room: IntArray
    held: IntArray
    loads: IntArray
    late: FloatArray
    share: FloatArray
    energy: FloatArray
    open: FloatArray
    chosen: IntArray
    found: IntArray
    sizes: IntArray


def joint_start(most: int, times: int, states: int) -> JointStack:
    """Where a search begins.

    Parameters
    ----------
    most : int
        Most sets of a packing, K.
    times, states : int
        One time or two, T, and states of the domains, Z.
    """
    device, place, used, room, held, loads = np.zeros((6, most + 1), dtype=np.int64)
    chosen, found, sizes = np.full((3, most), -1)
    late, (share, energy) = np.zeros((most + 1, times, states)), np.zeros((2, most + 1))
    return JointStack(
        device, place, used, room, held, loads, late, share, energy, np.full(1, np.inf), chosen, found, sizes
    )


def search_jointly(
    masks: IntArray,
    first: IntArray,
    least: IntArray,
    spare: IntArray,
    kind: IntArray,
    loads: IntArray,
    alone: FloatArray,
    inside: FloatArray,
    down: BoolArray,
    chance: FloatArray,
    failure: FloatArray,
    domain: IntArray,
    outages: FloatArray,
    joules: FloatArray,
    per_filter: FloatArray,
    most_joules: float,
    counts: IntArray,
    most_loads: int,
    purse: float,
    of_share: bool,
    must: int,
    filters: int,
    fewest: int,
    most: int,
    stack: JointStack,
    depth: int,
    best: float,
    effort: int,
) -> tuple[int, float, int]:
    """Go on with the search for the cheapest packing, until it ends or has looked at enough sets.

    Parameters
    ----------
    masks : IntArray, C
        Devices of each set as bits, by its first device. Bits beyond the devices are what sets cannot share either.
    first : IntArray, N + 1
        Where the sets of each first device begin.
    least, spare : IntArray, C
        Fewest filters that each set holds, and how many it can hold beyond these.
    kind, loads : IntArray, C
        Of which kind each set is, and its loads.
    alone : FloatArray, T x C
        Probability that none of the set's devices outside of the domains answers, by one time or by each of two.
    inside : FloatArray, T x C x D
        The same of its devices within each domain, where that is up; 1 where it has none there.
    down : BoolArray, Z x D
        Which domains are down in each state.
    chance : FloatArray, Z
        Probability of each state.
    failure : FloatArray, T x N
        Crash probability of each device; 1 of those that are late with any part.
    domain : IntArray, N
        Domain of each device; -1 outside of them.
    outages : FloatArray, C
        Outage of each set over all states, by the first time.
    joules, per_filter : FloatArray, C
        Energy of each set with its least filters, and of every further one.
    most_joules : float
        Energy that a packing may take; infinite where that is not limited.
    counts : IntArray
        How many sets of each kind a packing has at most; empty where kinds do not matter.
    most_loads : int
        Loads that a packing may have.
    purse : float
        Failure probability that a packing may have: by the second time, or where its cost is the missing share.
    of_share : bool
        Whether the cost is the missing share, times M; otherwise it is the failure probability by the first time.
    must : int
        Devices that a packing has to use, as bits.
    filters, fewest, most : int
        M, and the fewest and the most sets.
    stack : JointStack
        Where the search stands; changed.
    depth : int
        How many sets are chosen.
    best : float
        Cost that a packing has to be below.
    effort : int
        Sets to look at before the search pauses.

    Returns
    -------
    int, float, int
        The depth to go on from, below 0 where the search has ended; the cost of the best packing so far, as given where
        there is none; and how many sets were looked at.
    """
    device, place, used, room, held, loaded, late, share, energy, unsettled, chosen, found, sizes = stack
    times, count, states, domains = len(alone), failure.shape[1], down.shape[0], down.shape[1]
    widest = (least + spare).max()
    rest_inside = np.ones(domains)
    taken = np.zeros(most, dtype=np.bool_)
    lean, safe, given, left_at = np.zeros((4, most), dtype=np.int64)
    cost_at, joules_at = np.zeros((2, most))
    safest_of_all = outages.min()
    # No filter takes less energy than one of a full part.
    leanest = ((joules + per_filter * spare) / (least + spare)).min()
    looked = 0
    while depth >= 0 and looked < effort:
        n = device[depth]
        if n == count:
            depth -= 1
            continue
        is_used = used[depth] >> n & 1 == 1
        k = depth + 1
        if is_used or place[depth] >= first[n + 1]:
            if not is_used and must >> n & 1 == 1:
                # Whatever follows leaves out a device that has to be used.
                depth -= 1
                continue
            device[depth] = n + 1
            place[depth] = first[n + 1]
            continue
        i = place[depth]
        place[depth] += 1
        looked += 1
        energy_now = energy[depth] + joules[i]
        held_now, loads_now = held[depth] + least[i], loaded[depth] + loads[i]
        if masks[i] & used[depth] != 0 or energy_now > most_joules or loads_now > most_loads or held_now > filters:
            continue
        if len(counts) > 0:
            alike = 1
            for m in range(depth):
                if kind[chosen[m]] == kind[i]:
                    alike += 1
            if alike > counts[kind[i]]:
                continue
        failing, is_refuted = 0.0, False
        for t in range(times):
            failing_by = 0.0
            for z in range(states):
                outage = alone[t, i]
                for d in range(domains):
                    if not down[z, d]:
                        outage *= inside[t, i, d]
                late[k, t, z] = late[depth, t, z] + outage * (1.0 - late[depth, t, z])
                failing_by += chance[z] * late[k, t, z]
            if t == 0:
                failing = failing_by
            elif failing_by > purse:
                is_refuted = True
        if is_refuted:
            continue
        share_now = share[depth] + outages[i] * least[i]
        if of_share:
            # Every part has its least filters, and the others miss as rarely as those of any set.
            if failing > purse or share_now + (filters - held_now) * safest_of_all >= best:
                continue
        elif failing >= best:
            continue
        chosen[depth] = i
        used_now, room_now = used[depth] | masks[i], room[depth] + spare[i]
        lacking = filters - room_now - held_now
        if fewest <= k and lacking <= 0 and used_now & must == must:
            # The filters beyond the least of each go where one takes least energy.
            spent, left = energy_now, filters - held_now
            taken[:k] = False
            for rank in range(k):
                leaner = -1
                for m in range(k):
                    if not taken[m] and (leaner < 0 or per_filter[chosen[m]] < per_filter[chosen[leaner]]):
                        leaner = m
                taken[leaner] = True
                lean[rank] = leaner
                given[leaner] = min(left, spare[chosen[leaner]])
                spent += per_filter[chosen[leaner]] * given[leaner]
                left -= given[leaner]
            if not of_share and spent <= most_joules and failing < best:
                best = failing
                found[:k] = chosen[:k]
                found[k:] = -1
                for m in range(k):
                    sizes[m] = given[m] + least[chosen[m]]
            if of_share and spent <= most_joules:
                # The safest sets first: each holds as much as it can, and less only where the energy asks for it.
                taken[:k] = False
                for rank in range(k):
                    safest = -1
                    for m in range(k):
                        if not taken[m] and (safest < 0 or outages[chosen[m]] < outages[chosen[safest]]):
                            safest = m
                    taken[safest] = True
                    safe[rank] = safest
                rank, tried, dream = 0, 0, share_now
                left_at[0], cost_at[0], joules_at[0] = filters - held_now, share_now, energy_now
                given[safe[0]] = min(filters - held_now, spare[chosen[safe[0]]]) + 1
                while rank >= 0:
                    m = safe[rank]
                    given[m] -= 1
                    tried += 1
                    left = left_at[rank] - given[m]
                    cost = cost_at[rank] + outages[chosen[m]] * given[m]
                    spent = joules_at[rank] + per_filter[chosen[m]] * given[m]
                    # What the sets behind it would hold for the least cost.
                    wished, wished_joules, rest = cost, spent, left
                    for other in range(rank + 1, k):
                        m = safe[other]
                        given[m] = min(rest, spare[chosen[m]])
                        wished += outages[chosen[m]] * given[m]
                        wished_joules += per_filter[chosen[m]] * given[m]
                        rest -= given[m]
                    if tried == 1:
                        dream = wished
                    if given[safe[rank]] < 0 or rest > 0 or wished >= best:
                        # With fewer filters here the others lack room, or cost only more.
                        rank -= 1
                        continue
                    if wished_joules <= most_joules:
                        best = wished
                        found[:k] = chosen[:k]
                        found[k:] = -1
                        for m in range(k):
                            sizes[m] = given[m] + least[chosen[m]]
                        rank -= 1
                        continue
                    taken[:k] = False
                    for other in range(rank + 1):
                        taken[safe[other]] = True
                    least_joules, rest = spent, left
                    for other in range(k):
                        if not taken[lean[other]]:
                            least_joules += per_filter[chosen[lean[other]]] * min(rest, spare[chosen[lean[other]]])
                            rest -= min(rest, spare[chosen[lean[other]]])
                    if least_joules > most_joules:
                        continue
                    if tried > SHARINGS:
                        # None of the ways that were not tried costs less than what it is now.
                        unsettled[0] = min(unsettled[0], dream)
                        break
                    rank += 1
                    left_at[rank], cost_at[rank], joules_at[rank] = left, cost, spent
                    given[safe[rank]] = min(left, spare[chosen[safe[rank]]]) + 1
                looked += tried
            if not of_share and spent <= most_joules:
                # A further group can only fail, too.
                continue
        if k == most or lacking > (most - k) * widest:
            continue
        if most_joules < np.inf:
            leaner_slope = leanest
            for m in range(k):
                leaner_slope = min(leaner_slope, per_filter[chosen[m]])
            if energy_now + (filters - held_now) * leaner_slope > most_joules:
                continue
        # All devices that are left, together, share what they can do among the groups that are needed.
        needed = max(-(-lacking // widest), fewest - k, 1)
        for t in range(times):
            rest_alone = 1.0
            rest_inside[:] = 1.0
            for m in range(n + 1, count):
                if used_now >> m & 1 == 0:
                    if domain[m] < 0:
                        rest_alone *= failure[t, m]
                    else:
                        rest_inside[domain[m]] *= failure[t, m]
            bound = 0.0
            for z in range(states):
                outage = rest_alone
                for d in range(domains):
                    if not down[z, d]:
                        outage *= rest_inside[d]
                # (1 - q_1) ... (1 - q_m) is largest, where the product of the q is given, if all are equal.
                each = outage ** (1.0 / needed)
                missed = 1.0 if each >= 1.0 else -np.expm1(needed * np.log1p(-each))
                bound += chance[z] * (late[k, t, z] + missed * (1.0 - late[k, t, z]))
            if bound > purse if of_share or t > 0 else bound >= best:
                is_refuted = True
                break
        if is_refuted:
            continue
        device[k], place[k] = n + 1, first[n + 1]
        used[k], room[k], held[k], loaded[k] = used_now, room_now, held_now, loads_now
        share[k], energy[k] = share_now, energy_now
        depth = k
    return depth, best, looked
