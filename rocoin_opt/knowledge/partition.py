"""Partitions that need no graph: how many filters each part gets, and filters in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance.arrays import IntArray


def equal_sizes(num_filters: int, parts: int) -> tuple[int, ...]:
    """Sizes of parts that differ by one filter at most, descending.

    Raises
    ------
    ValueError
        Unless 1 <= parts <= num_filters: no part may be empty.
    """
    if not 1 <= parts <= num_filters:
        raise ValueError(f"{num_filters} filters cannot make {parts} parts without an empty one")
    smaller, rest = divmod(num_filters, parts)
    return (smaller + 1,) * rest + (smaller,) * (parts - rest)


def level_sizes(num_filters: int, limits: Sequence[int]) -> tuple[int, ...]:
    """Sizes of parts as equal as upper limits allow: what a limited part cannot take is shared by the others.

    Parameters
    ----------
    num_filters : int
        Sum of the sizes, M.
    limits : sequence of int
        Largest size of each part, at least 1.

    Returns
    -------
    tuple of int
        Sizes of at least 1, in the order of the limits.

    Raises
    ------
    ValueError
        Unless the number of filters lies between the number of parts and the sum of the limits.
    """
    if not 1 <= len(limits) <= num_filters <= sum(limits) or min(limits) < 1:
        raise ValueError(f"{num_filters} filters cannot make non-empty parts within the limits {list(limits)}")
    sizes = [0] * len(limits)
    left = num_filters
    # The tightest limits first: each part then takes its equal share of what is left, or its limit.
    for taken, k in enumerate(sorted(range(len(limits)), key=lambda k: limits[k])):
        sizes[k] = min(limits[k], left // (len(limits) - taken))
        left -= sizes[k]
    return tuple(sizes)


def contiguous_partition(sizes: Sequence[int]) -> IntArray:
    """Part of each filter when the filters are dealt out in their order: M labels, 0 to K - 1."""
    return np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)
