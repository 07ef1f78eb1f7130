"""Normalised spectral clustering of the filter graph, with free or with prescribed part sizes.

References
----------
.. [1] J. Shi, J. Malik. Normalized cuts and image segmentation. IEEE TPAMI 22(8), 2000.
.. [2] A. Y. Ng, M. I. Jordan, Y. Weiss. On spectral clustering: analysis and an algorithm. NIPS 14, 2001.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment

from rocoin_opt.knowledge.criteria import ncut
from rocoin_opt.knowledge.k_means import cluster_means, k_means, squared_distances
from rocoin_opt.knowledge.refinement import descend_by_moves, descend_by_swaps
from rocoin_opt.knowledge.sizes import contiguous_partition, equal_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance.arrays import FloatArray, IntArray

RESTARTS = 8
MAX_BALANCING_ROUNDS = 5


def spectral_partition(weights: FloatArray, sizes: Sequence[int] | None, parts: int, seed: int) -> IntArray:
    """Cut the filter graph into parts of a low normalised cut.

    The rows of the eigenvectors to the K largest eigenvalues of ``D^-1/2 A D^-1/2``, scaled to length one, are
    clustered by k-means [2]_. The best of several starts, by normalised cut [1]_, is improved by moves of single
    filters. Prescribed sizes are then kept by a balanced assignment of rows to centres, and the parts improved by
    swaps.

    Filters without edges do not bear on the cut. They go where sizes are short: to the smallest part while sizes are
    free, to any part with room otherwise.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.
    sizes : sequence of int or None
        Filters of each part, K numbers of at least 1 whose sum is M; None for free sizes.
    parts : int
        Number of parts, K.
    seed : int
        Seed of the k-means starts.

    Returns
    -------
    IntArray, M
        Part of each filter, 0 to K - 1: label k stands exactly ``sizes[k]`` times, or at least once. The same arguments
        give the same labels.

    Raises
    ------
    ValueError
        If no such partition exists.
    """
    total = len(weights)
    level = equal_sizes(total, parts)
    if sizes is not None and (len(sizes) != parts or min(sizes) < 1 or sum(sizes) != total):
        raise ValueError(f"{total} filters cannot make {parts} parts of the sizes {list(sizes)}")
    scale = float(weights.max())
    if parts == 1 or parts == total or scale == 0.0:
        return contiguous_partition(level if sizes is None else sizes)
    scaled = weights / scale
    connected = np.flatnonzero(scaled.sum(axis=1) > 0)
    inner = scaled[np.ix_(connected, connected)]
    points = _embedding(inner, parts)
    rng = np.random.default_rng(seed)
    starts = [k_means(points, min(parts, len(connected)), rng) for _ in range(RESTARTS)]
    clusters = min(starts, key=lambda labels: ncut(inner, labels))
    free = descend_by_moves(scaled, _with_isolated(clusters, connected, total, parts), parts)
    if sizes is None:
        return free
    balanced = _balanced(points, free[connected], connected, np.asarray(sizes))
    return descend_by_swaps(scaled, balanced, parts)


def _embedding(weights: FloatArray, parts: int) -> FloatArray:
    """One point of length one a filter. Signs and rotations of the eigenvectors do not matter: only distances do."""
    total = len(weights)
    root = np.sqrt(weights.sum(axis=1))
    normalised = weights / root[:, None] / root[None, :]
    _, vectors = eigh(normalised, subset_by_index=(max(0, total - parts), total - 1))
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    # A component beyond the K that the eigenvectors span lies at the origin.
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def _with_isolated(clusters: IntArray, connected: IntArray, total: int, parts: int) -> IntArray:
    labels = np.full(total, -1, dtype=np.int64)
    labels[connected] = clusters
    counts = np.bincount(clusters, minlength=parts)
    for m in np.flatnonzero(labels < 0):
        labels[m] = counts.argmin()
        counts[labels[m]] += 1
    return labels


def _balanced(points: FloatArray, clusters: IntArray, connected: IntArray, sizes: IntArray) -> IntArray:
    """Labels with exact sizes: a transport of points to centres of least squared distance, centres updated after it."""
    parts, total = len(sizes), int(sizes.sum())
    # Large clusters become large parts, so that few points have to leave theirs.
    part_of_cluster = np.empty(parts, dtype=np.int64)
    by_count = np.argsort(-np.bincount(clusters, minlength=parts), kind="stable")
    part_of_cluster[by_count] = np.argsort(-sizes, kind="stable")
    labels = part_of_cluster[clusters]
    places = contiguous_partition(sizes.tolist())
    assigned = np.empty(total, dtype=np.int64)
    for _ in range(MAX_BALANCING_ROUNDS):
        costs = np.zeros((total, parts))
        costs[connected] = squared_distances(points, cluster_means(points, labels, parts))
        _, columns = linear_sum_assignment(costs[:, places])
        assigned = places[columns]
        if np.array_equal(assigned[connected], labels):
            break
        labels = assigned[connected]
    return assigned
