"""Students and part sizes for given groups under random latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.control import TimeUp
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.grouping.stochastic.shares import StochasticShares
    from rocoin_opt.plan import Members, Plan

MAX_HALVINGS = 40
RESOLUTION = 1e-12
"""Relative width at which the search for a smaller threshold ends: filters beyond those wanted are then ties."""


def plan_within(shares: StochasticShares, groups: Sequence[Members], threshold: float) -> Plan | None:
    """Make a plan of given groups that answers within a threshold, as early as their sizes allow.

    Parameters
    ----------
    shares : StochasticShares
        Owner of instance and shares.
    groups : sequence of tuples of int
        Device indices of disjoint groups. A device that cannot hold its group's part becomes a spare.
    threshold : float
        T in seconds.

    Returns
    -------
    Plan or None
        None if the groups do not hold all filters within the threshold, or the time of the shares is up.
    """
    try:
        return _plan_within(shares, groups, threshold)
    except TimeUp:
        return None


def _plan_within(shares: StochasticShares, groups: Sequence[Members], threshold: float) -> Plan | None:
    wanted = shares.instance.knowledge.num_filters
    held = _held(shares, groups, threshold) if len(groups) <= wanted else None
    if held is None:
        return None
    low, high = 0.0, threshold
    for _ in range(MAX_HALVINGS):
        # Where nothing is to be cut, an earlier threshold could only hold the same sizes.
        if high <= low * (1.0 + RESOLUTION) or sum(held) == wanted:
            break
        middle = 0.5 * (low + high)
        earlier = _held(shares, groups, middle)
        if earlier is None:
            low = middle
        else:
            held, high = earlier, middle
    sizes = cut_to(held, wanted)
    instance, chosen = shares.instance, []
    for members, size in zip(groups, sizes, strict=True):
        # Of the students that serve, the one whose shares sum to the most is ready first as a rule.
        j = max(range(len(instance.students)), key=lambda j: shares.total(members, j, size, high))
        able = tuple(n for n in members if instance.arrays.largest[n, j] >= size)
        chosen.append(IndexedGroup(able, j, size))
    return plan_of(instance, chosen)


def _held(shares: StochasticShares, groups: Sequence[Members], threshold: float) -> list[int] | None:
    """Largest part of each group within a threshold, with any student; None if they are too few filters."""
    held = []
    for members in groups:
        best = 0
        for j in range(len(shares.instance.students)):
            # Another student only matters if it takes a larger part than the best so far.
            if shares.covers(members, j, best + 1, threshold):
                best = shares.capacity(members, j, threshold, least=best + 1)
        if best == 0:
            return None
        held.append(best)
    return held if sum(held) >= shares.instance.knowledge.num_filters else None


def cut_to(sizes: list[int], wanted: int) -> list[int]:
    """Cut sizes down to a sum, the largest first, none below one filter: to a common level, as it turns out.

    Of the sizes above the level the last ones keep one more.
    """
    low, high = 1, max(sizes)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(size, middle) for size in sizes) <= wanted:
            low = middle
        else:
            high = middle - 1
    left = [min(size, low) for size in sizes]
    above = [k for k, size in enumerate(sizes) if size > low]
    spare = wanted - sum(left)
    for k in above[len(above) - spare :]:
        left[k] += 1
    return left
