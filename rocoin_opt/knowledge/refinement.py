"""Descent on the normalised cut: move or swap single filters until no such step improves it.

With inner(P) the weight within part P and vol(P) its degree sum, Ncut = K - sum of inner(P) / vol(P). A step changes
two terms of that sum, so its gain costs a constant number of operations once the links of all filters to all parts are
known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import BoolArray, FloatArray, IntArray

MAX_SWEEPS = 10
"""Passes over all filters; a descent from a spectral partition mostly ends within five."""
SMALLEST_GAIN = 1e-10
"""Smaller gains are rounding, on which a descent could turn in circles."""
NO_VOLUME = 1e-12
"""Share of the graph's volume below which a part counts as one without edges."""


def descend_by_moves(weights: FloatArray, labels: IntArray, parts: int, limits: IntArray | None = None) -> IntArray:
    """Move single filters to other parts while that lowers the normalised cut; sizes change.

    No part loses its last filter with edges: a part of none but isolated filters has no cut, and holds nothing. Volumes
    below the rounding of the sums count as none.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.
    labels : IntArray, M
        Part of each filter, 0 to K - 1.
    parts : int
        Number of parts, K.
    limits : IntArray, K, optional
        Sizes that the parts must stay within in some order: the largest part within the largest limit, and so on.

    Returns
    -------
    IntArray, M
        Labels of a partition that no single move, or no sweep of the bounded number left, improves.
    """
    association = _Association(weights, labels, parts, limits)
    for _ in range(MAX_SWEEPS):
        steps = [_improve_by_move(association, m) for m in association.movable]
        if not any(steps):
            break
    return association.labels


def descend_by_swaps(weights: FloatArray, labels: IntArray, parts: int) -> IntArray:
    """Swap filters of different parts while that lowers the normalised cut; sizes stay.

    Parameters and return value are those of :func:`descend_by_moves`, without limits.
    """
    association = _Association(weights, labels, parts)
    for _ in range(MAX_SWEEPS):
        steps = [_improve_by_swap(association, m) for m in association.movable]
        if not any(steps):
            break
    return association.labels


class _Association:
    """A partition with what the gain of a step needs: links between filters and parts, inner weights, volumes."""

    def __init__(self, weights: FloatArray, labels: IntArray, parts: int, limits: IntArray | None = None) -> None:
        self.weights = weights
        self.limits = None if limits is None else np.sort(limits)
        self.degree: FloatArray = weights.sum(axis=1)
        self.labels: IntArray = labels.copy()
        member = np.eye(parts)[labels]
        self.links: FloatArray = weights @ member
        self.inner: FloatArray = np.einsum("mk,mk->k", member, self.links)
        self.volume: FloatArray = member.T @ self.degree
        self.movable: list[int] = np.flatnonzero(self.degree > 0).tolist()
        self.connected: IntArray = (member.T @ (self.degree > 0)).astype(np.int64)
        self.sizes: IntArray = np.bincount(labels, minlength=parts)
        self.no_volume = NO_VOLUME * float(self.volume.sum())

    def share(self, inner: FloatArray, volume: FloatArray) -> FloatArray:
        """Share of the parts' volume that stays inside of them; 0 without volume, as if all of it were cut."""
        has_volume = volume > self.no_volume
        return np.divide(inner, volume, out=np.zeros_like(volume), where=has_volume)

    def move(self, m: int, target: int) -> None:
        """Give filter m to another part."""
        source = int(self.labels[m])
        self.inner[source] -= 2.0 * self.links[m, source]
        self.inner[target] += 2.0 * self.links[m, target]
        for part, sign in ((source, -1), (target, 1)):
            self.volume[part] += sign * self.degree[m]
            self.connected[part] += sign
            self.sizes[part] += sign
            self.links[:, part] += sign * self.weights[m]
        self.labels[m] = target

    def room(self, source: int) -> BoolArray:
        """Whether each part may take a filter from another one."""
        if self.limits is None:
            return np.ones(len(self.sizes), dtype=bool)
        after = self.sizes.copy()
        after[source] -= 1
        # Among parts of equal size the one that grows counts as the largest of them.
        rank = np.searchsorted(np.sort(after), after, side="right") - 1
        return np.asarray(after < self.limits[rank], dtype=bool)


def _improve_by_move(association: _Association, m: int) -> bool:
    """Make the best move of filter m if it gains."""
    a, source = association, int(association.labels[m])
    if a.connected[source] == 1:
        return False
    inner = a.inner + 2.0 * a.links[m]
    volume = a.volume + a.degree[m]
    inner[source] = a.inner[source] - 2.0 * a.links[m, source]
    volume[source] = a.volume[source] - a.degree[m]
    change = a.share(inner, volume) - a.share(a.inner, a.volume)
    gain = change + change[source]
    gain[~a.room(source)] = 0.0
    gain[source] = 0.0
    target = int(gain.argmax())
    if gain[target] <= SMALLEST_GAIN:
        return False
    a.move(m, target)
    return True


def _improve_by_swap(association: _Association, m: int) -> bool:
    """Make the best swap of filter m with a filter of another part if it gains."""
    a, source = association, int(association.labels[m])
    labels, degree, between = a.labels, a.degree, a.weights[m]
    # The weight between the two filters lies in the cut before the swap and after it.
    inner_here = a.inner[source] - 2.0 * (a.links[m, source] - a.links[:, source] + between)
    inner_there = a.inner[labels] + 2.0 * (a.links[m, labels] - a.links[np.arange(len(labels)), labels] - between)
    volume_here = a.volume[source] - degree[m] + degree
    volume_there = a.volume[labels] + degree[m] - degree
    now = a.share(a.inner, a.volume)
    gain = a.share(inner_here, volume_here) + a.share(inner_there, volume_there) - now[source] - now[labels]
    gain[labels == source] = 0.0
    partner = int(gain.argmax())
    if gain[partner] <= SMALLEST_GAIN:
        return False
    target = int(labels[partner])
    a.move(m, target)
    a.move(partner, source)
    return True
