"""How many filters the parts may have, and partitions that need no graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, IntArray

Sizes: TypeAlias = Sequence[int] | Sequence[tuple[int, int]] | None
"""None for free sizes; a number for a part of exactly that size, or its least and largest size."""


@dataclass(frozen=True, eq=False)
class SizeRanges:
    """Sizes that parts may have: part k has ``lower[k]`` to ``upper[k]`` filters, all parts together ``total``.

    Attributes
    ----------
    lower, upper : IntArray, K
        Each of them is the size of the part in some partition within the ranges: ranges are as tight as their sum
        allows.
    total : int
        Number of filters, M.
    """

    lower: IntArray
    upper: IntArray
    total: int

    @classmethod
    def of(cls, total: int, parts: int, sizes: Sizes = None) -> SizeRanges:
        """Make ranges of what a user says.

        Parameters
        ----------
        total : int
            Number of filters, M.
        parts : int
            Number of parts, K.
        sizes : sequence or None
            For each part its size, or its least and largest size; None for free sizes. No part may be empty.

        Raises
        ------
        InputError
            If no partition has such sizes.
        """
        if not 1 <= parts <= total:
            allowed = f"a whole number from 1 to {total}, the number of filters"
            raise InputError("options", [Problem("parts", repr(parts), allowed)])
        lower, upper = np.ones(parts, dtype=np.int64), np.full(parts, total, dtype=np.int64)
        if sizes is not None:
            pairs = _pairs(sizes)
            if pairs is None or len(pairs) != parts or any(not 1 <= least <= most for least, most in pairs):
                allowed = f"for each of the {parts} parts a size of at least 1, or a pair of its least and largest size"
                raise InputError("options", [Problem("sizes", repr(sizes), allowed)])
            # A part of more than all filters is as impossible as a larger one yet; huge numbers would not fit.
            lower, upper = np.minimum(np.array(pairs, dtype=object), total + 1).astype(np.int64).T
        if not lower.sum() <= total <= upper.sum():
            allowed = f"sizes that can add up to {total}, the number of filters"
            raise InputError("options", [Problem("sizes", repr(sizes), allowed)])
        tightened = np.maximum(lower, total - (upper.sum() - upper)), np.minimum(upper, total - (lower.sum() - lower))
        return cls(*tightened, total)

    @property
    def parts(self) -> int:
        """Number of parts, K."""
        return len(self.lower)

    @cached_property
    def are_exact(self) -> bool:
        """Whether the size of every part is prescribed."""
        return bool((self.lower == self.upper).all())

    @cached_property
    def are_free(self) -> bool:
        """Whether every part may have any size but 0."""
        return bool((self.lower == 1).all() and (self.upper == self.total - self.parts + 1).all())

    @cached_property
    def are_nested(self) -> bool:
        """Whether a part that may be larger than another one must be at least as large: sorted sizes fit sorted ranges.

        Then only the sizes matter, and not which part has which.
        """
        upper = self.upper[self.by_room]
        return bool((np.diff(self.lower[self.by_room]) <= 0).all() and (np.diff(upper) <= 0).all())

    @cached_property
    def by_room(self) -> IntArray:
        """Parts by descending upper, then lower limit."""
        return np.lexsort((-self.lower, -self.upper))

    def hold(self, sizes: IntArray) -> bool:
        """Whether the parts have sizes within their ranges."""
        return bool(((self.lower <= sizes) & (sizes <= self.upper)).all())

    def nearest(self, sizes: IntArray) -> IntArray:
        """Sizes within the ranges and with the right sum, next to given ones: the parts farthest off give or take."""
        near = np.clip(sizes, self.lower, self.upper)
        missing = self.total - int(near.sum())
        for _ in range(abs(missing)):
            if missing > 0:
                near[np.where(near < self.upper, sizes - near, -np.inf).argmax()] += 1
            else:
                near[np.where(near > self.lower, near - sizes, -np.inf).argmax()] -= 1
        return near

    def allow(self, sizes: IntArray, *, in_any_order: bool) -> BoolArray:
        """Whether a filter may move from one part to another.

        Parameters
        ----------
        sizes : IntArray, K
            Sizes within the ranges.
        in_any_order : bool
            Whether the parts may exchange nested ranges for it; :meth:`arranged` undoes that.

        Returns
        -------
        BoolArray, K x K
            By source and target.
        """
        if not in_any_order or self.are_free:
            return np.asarray((sizes > self.lower)[:, None] & (sizes < self.upper))
        # Sorted sizes fit sorted limits if no size is reached by more parts than limits, or by fewer than it must be.
        grown = _reaching(sizes, sizes + 1) + 1 <= _reaching(self.upper, sizes + 1)
        shrunk = _reaching(sizes, sizes) - 1 >= _reaching(self.lower, sizes)
        exchanged = sizes[:, None] == sizes + 1
        return np.asarray((shrunk[:, None] & grown) | exchanged)

    def arranged(self, labels: IntArray) -> IntArray:
        """Number parts of nested ranges such that each has a size within its own: the largest gets the largest range.

        Labels that fit as they are stay.
        """
        sizes = np.bincount(labels, minlength=self.parts)
        if self.hold(sizes):
            return labels
        part = np.empty(self.parts, dtype=np.int64)
        part[np.argsort(-sizes, kind="stable")] = self.by_room
        return part[labels]


def _pairs(sizes: object) -> list[tuple[int, int]] | None:
    """Least and largest size of each part, as said; None where what is said is anything else."""
    if not isinstance(sizes, Iterable) or isinstance(sizes, str):
        return None
    pairs = []
    for size in sizes:
        pair = (size, size) if _is_whole(size) else tuple(size) if isinstance(size, Iterable) else ()
        if len(pair) != 2 or not all(map(_is_whole, pair)):
            return None
        pairs.append((int(pair[0]), int(pair[1])))
    return pairs


def _is_whole(size: object) -> bool:
    return isinstance(size, (int, np.integer)) and not isinstance(size, bool)


def _reaching(values: IntArray, least: IntArray) -> IntArray:
    """How many of some values are at least as large as each of some others."""
    return np.asarray(len(values) - np.searchsorted(np.sort(values), least))


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


def are_within(sizes: Sequence[int], limits: Sequence[int]) -> bool:
    """Whether there are as many sizes as limits, and none is above the limit at its place."""
    return len(sizes) == len(limits) and all(size <= limit for size, limit in zip(sizes, limits, strict=True))


def contiguous_partition(sizes: Sequence[int]) -> IntArray:
    """Part of each filter when the filters are dealt out in their order: M labels, 0 to K - 1."""
    return np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)


def with_sizes(labels: IntArray, sizes: IntArray) -> IntArray:
    """Labels with exact sizes that keep what fits: the last filters of a part that is too large go where there is room.

    Parameters
    ----------
    labels : IntArray, M
        Part of each filter, 0 to K - 1.
    sizes : IntArray, K
        Filters of each part, M together.
    """
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels, minlength=len(sizes))
    place = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    leaving = order[place >= sizes[labels[order]]]
    fitted = labels.copy()
    fitted[leaving] = np.repeat(np.arange(len(sizes)), np.maximum(sizes - counts, 0))
    return fitted
