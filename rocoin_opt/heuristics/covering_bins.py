"""Groups one after another, as many as there can be: bin covering from large devices to small ones.

A group begins with the device that covers most, and takes the next largest ones until one of those that are left closes
it; then it takes the smallest of these. A construction of a moment, where a search would take a while to begin.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import COVER_TOLERANCE

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members


def cover_bins(instance: Instance) -> list[Members]:
    """Form groups that keep the outage limit up to rounding, each of devices that hold a student in common.

    Parameters
    ----------
    instance : Instance
        What was given; failure domains and rules of groups are not looked at.

    Returns
    -------
    list of tuples of int
        Disjoint groups of device indices; whoever needs them exact checks them.
    """
    shares, able = instance.arrays.cover_share, instance.arrays.largest > 0
    free = np.ones(len(shares), dtype=bool)
    groups: list[Members] = []
    # Students that few devices hold come first: the others find devices later, too.
    for j in np.argsort(able.sum(axis=0), kind="stable").tolist():
        own = np.flatnonzero(free & able[:, j])
        order = own[np.argsort(shares[own], kind="stable")].tolist()
        found = _covered(shares[order].tolist())
        groups += [tuple(sorted(order[place] for place in group)) for group in found]
        free[[order[place] for group in found for place in group]] = False
    return groups


def _covered(ascending: list[float]) -> list[list[int]]:
    """Positions of the groups among shares in ascending order."""
    values, places = list(ascending), list(range(len(ascending)))
    groups = []
    while values:
        group, lacking = [], 1.0 - COVER_TOLERANCE
        while values and lacking > 0.0:
            # The smallest that closes the group; the largest where none does.
            at = min(bisect_left(values, lacking), len(values) - 1)
            lacking -= values.pop(at)
            group.append(places.pop(at))
        if lacking > 0.0:
            break
        groups.append(group)
    return groups
