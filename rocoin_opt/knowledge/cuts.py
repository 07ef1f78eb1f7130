"""Normalised cut, and cut: how much weight of the filter graph lies between parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance.arrays import FloatArray, IntArray


def ncut(weights: FloatArray, labels: IntArray) -> float:
    """Normalised cut: sum over parts of cut(P) / vol(P).

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative adjacency matrix.
    labels : IntArray, M
        Part of each filter, 0 to K - 1.

    Returns
    -------
    float
        Between 0 and K. A part without any edge holds nothing together and counts 1, as a single filter does.

    References
    ----------
    .. [1] J. Shi, J. Malik. Normalized cuts and image segmentation. IEEE TPAMI 22(8), 2000.
    """
    inner, volume = _inner_and_volume(weights, labels)
    # A label that no filter has is no part.
    without_edges = (np.bincount(labels) > 0).astype(np.float64)
    return float(np.sum(np.divide(volume - inner, volume, out=without_edges, where=volume > 0)))


def cut(weights: FloatArray, labels: IntArray) -> float:
    """Weight of the edges between parts, each edge counted once; see :func:`ncut`."""
    inner, volume = _inner_and_volume(weights, labels)
    return 0.5 * float(np.sum(volume - inner))


def _inner_and_volume(weights: FloatArray, labels: IntArray) -> tuple[FloatArray, FloatArray]:
    """Weight within each part, counted in both directions, and the sum of its filters' degrees."""
    member = np.eye(int(labels.max()) + 1)[labels]
    volume = np.asarray(member.T @ weights.sum(axis=1))
    # Both are sums of the same weights in another order: rounding must not make a cut negative.
    return np.minimum(np.einsum("mk,mk->k", member, weights @ member), volume), volume
