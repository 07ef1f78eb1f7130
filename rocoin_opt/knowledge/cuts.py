"""Normalised cut, and cut: how much weight of the filter graph lies between parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray, IntArray


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
    outside, volume = _outside_and_volume(weights, labels)
    # A label that no filter has is no part.
    without_edges = (np.bincount(labels) > 0).astype(np.float64)
    return float(np.sum(np.divide(outside, volume, out=without_edges, where=volume > 0)))


def cut(weights: FloatArray, labels: IntArray) -> float:
    """Weight of the edges between parts, each edge counted once; see :func:`ncut`."""
    outside, _ = _outside_and_volume(weights, labels)
    return 0.5 * float(np.sum(outside))


def _outside_and_volume(weights: FloatArray, labels: IntArray) -> tuple[FloatArray, FloatArray]:
    """Weight between each part and the rest, and the sum of its filters' degrees."""
    member = np.eye(int(labels.max()) + 1)[labels]
    between = member.T @ (weights @ member)
    inner = np.diagonal(between).copy()
    # Sums of non-negative numbers keep their digits; a difference of volumes would lose those of a small cut.
    np.fill_diagonal(between, 0.0)
    outside = between.sum(axis=1)
    return outside, inner + outside
