"""Cheap covers: subsets of a few devices that keep the outage limit and waste little reliability."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import COVER_TOLERANCE

if TYPE_CHECKING:
    from rocoin_opt.grouping import Joining
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

MAX_POOL = 9
"""Devices among which the best cover is found by looking at every subset."""


@cache
def _subsets(size: int) -> tuple[FloatArray, IntArray]:
    """All subsets of ``size`` elements as a 0/1 matrix, 2^size x size, and the last element of each."""
    subsets = (np.arange(2**size)[:, None] >> np.arange(size)) & 1
    return subsets.astype(np.float64), size - 1 - np.argmax(subsets[:, ::-1], axis=1)


def best_cover(
    shares: FloatArray, levels: IntArray, price: float, needed: float = 1.0, joining: Joining | None = None
) -> IntArray | None:
    """Choose the cover with the largest level minus the price of the reliability that it takes.

    Parameters
    ----------
    shares : FloatArray, L
        Cover share of each candidate.
    levels : IntArray, L
        Part size that each candidate delivers, descending: a cover's level is that of its last member.
    price : float
        What one whole cover's worth of reliability costs, in filters.
    needed : float
        Sum of shares that makes a cover.
    joining : Joining, optional
        The same candidates with their judge where devices fail together, and shares do not add up.

    Returns
    -------
    IntArray or None
        Positions of the chosen candidates, ascending; None if all of them together do not cover. Only the first
        :data:`MAX_POOL` candidates are searched for subsets; where more are needed, the shortest covering prefix is
        taken, less the members that it can do without.
    """
    count = min(len(shares), MAX_POOL)
    if joining is not None:
        return _best_together(joining, shares, levels, price)
    if shares[:count].sum() < needed - COVER_TOLERANCE:
        return _covering_prefix(shares, needed)
    subsets, last = _subsets(count)
    taken = subsets @ shares[:count]
    # A hair per unit taken settles ties at price 0 for the cover that wastes least.
    score = np.where(taken >= needed - COVER_TOLERANCE, levels[last] - (price + 1e-6) * taken, -np.inf)
    return np.flatnonzero(subsets[int(np.argmax(score))])


def _best_together(joining: Joining, shares: FloatArray, levels: IntArray, price: float) -> IntArray | None:
    """The same where devices fail together."""
    count = min(len(shares), MAX_POOL)
    covered = joining.covered_subsets(count)
    if not covered[-1]:
        length = joining.covering_prefix()
        if length is None:
            return None
        # The largest member that is not needed goes first: it serves another group best.
        order = np.argsort(-shares[:length], kind="stable").tolist()
        return np.array(joining.needed(order, length), dtype=np.int64)
    subsets, last = _subsets(count)
    score = np.where(covered, levels[last] - (price + 1e-6) * (subsets @ shares[:count]), -np.inf)
    return np.flatnonzero(subsets[int(np.argmax(score))])


def _covering_prefix(shares: FloatArray, needed: float) -> IntArray | None:
    covered = np.cumsum(shares) >= needed - COVER_TOLERANCE
    if not covered.any():
        return None
    prefix = shares[: int(np.argmax(covered)) + 1]
    return np.flatnonzero(needed_members(prefix, float(prefix.sum()) - needed + COVER_TOLERANCE))


def needed_members(shares: FloatArray, slack: float) -> BoolArray:
    """Which members stay where a cover gives up all that it can do without, by their shares and its slack."""
    kept = np.ones(len(shares), dtype=bool)
    # The largest member that the slack allows goes first: it serves another group best.
    for position in np.argsort(-shares, kind="stable"):
        if shares[position] <= slack:
            kept[position] = False
            slack -= float(shares[position])
    return kept
