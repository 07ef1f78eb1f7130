"""Partitions to start from: normalised spectral clustering of the filter graph, within ranges of part sizes.

References
----------
.. [1] J. Shi, J. Malik. Normalized cuts and image segmentation. IEEE TPAMI 22(8), 2000.
.. [2] A. Y. Ng, M. I. Jordan, Y. Weiss. On spectral clustering: analysis and an algorithm. NIPS 14, 2001.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.knowledge.cuts import ncut
from rocoin_opt.knowledge.eigenpairs import eigen_seconds, largest_eigenpairs
from rocoin_opt.knowledge.k_means import cluster_means, k_means, squared_distances
from rocoin_opt.knowledge.sizes import contiguous_partition, with_sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.knowledge.sizes import SizeRanges

CLUSTERINGS = 40
"""Clusterings of which the best are taken."""
CLUSTERING_WORK = 4_000_000
"""Filters times parts times clusterings beyond which there are fewer: some seconds."""
MAX_BALANCING_ROUNDS = 5
TRANSPORT_SECONDS = 2e-10
"""Seconds that a transport takes for each cube of the number of filters: four times what one core took."""
DIGITS = 9
"""Decimals to which cuts tell clusterings apart."""


def normalised_spectrum(weights: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Smallest eigenvalues of the normalised Laplacian ``I - D^-1/2 A D^-1/2``, ascending, and their eigenvectors.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative; every filter has edges.
    count : int
        How many, 1 to M.

    Returns
    -------
    FloatArray, count, and FloatArray, M x count
    """
    root = np.sqrt(weights.sum(axis=1))
    values, vectors = largest_eigenpairs(weights / root[:, None] / root, count)
    return np.asarray(1.0 - values[::-1]), np.asarray(vectors[:, ::-1])


def embedding(weights: FloatArray, parts: int, *, unit_rows: bool = True) -> FloatArray:
    """One point a filter: its row of the eigenvectors to the K smallest eigenvalues of the normalised Laplacian.

    Signs and rotations of the eigenvectors do not matter: only distances do.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative; every filter has edges.
    parts : int
        Number K of parts.
    unit_rows : bool
        Whether rows are scaled to length one [2]_, or divided by the root of the filter's degree [1]_: the first takes
        every filter for equally important, the second leaves weakly linked ones near the origin.

    Returns
    -------
    FloatArray, M x K
    """
    _, vectors = normalised_spectrum(weights, min(parts, len(weights)))
    if not unit_rows:
        return np.asarray(vectors / np.sqrt(weights.sum(axis=1))[:, None])
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    # A component beyond the K that the eigenvectors span lies at the origin.
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def spectral_partitions(
    weights: FloatArray, ranges: SizeRanges, rng: np.random.Generator, count: int, control: Control = UNLIMITED
) -> Iterator[IntArray]:
    """Cluster the filters by k-means over their spectral embeddings, and make the best clusterings fit the ranges.

    Half of the :data:`CLUSTERINGS` are made over each embedding; those of the lowest normalised cut are taken. Clusters
    become parts by their size: the largest cluster the part of the largest range. Where they do not fit, each part
    takes the number of filters within its range that is next to its cluster's, and filters are assigned to centres of
    clusters such that the sum of squared distances is least. Filters without edges go to the smallest part while there
    is room, and to any part with room otherwise.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal; at least one weight is not 0.
    ranges : SizeRanges
        Sizes that the parts may have.
    rng : numpy.random.Generator
        Source of the starts.
    count : int
        Number of partitions, at most.
    control : Control
        Its limit leaves clusterings out; all of them where there is no time for a spectrum.

    Yields
    ------
    IntArray, M
        Part of each filter, 0 to K - 1, within the ranges; the best clusterings first.
    """
    connected = np.flatnonzero(weights.sum(axis=1) > 0)
    inner = weights[np.ix_(connected, connected)]
    clusters = min(ranges.parts, len(connected))
    found: list[tuple[FloatArray, IntArray]] = []
    for unit_rows in (True, False):
        if not control.has_time_for(eigen_seconds(len(inner))):
            break
        points = embedding(inner, ranges.parts, unit_rows=unit_rows)
        for _ in range(max(1, min(CLUSTERINGS, CLUSTERING_WORK // (len(inner) * clusters)) // 2)):
            if control.exhausted:
                break
            found.append((points, k_means(points, clusters, rng, control)))
    cuts = np.array([ncut(inner, labels) for _, labels in found if not control.exhausted])
    # Often the same clustering comes out again, its clusters in another order.
    _, different = np.unique(np.round(cuts, DIGITS), return_index=True)
    for position in different[:count]:
        points, labels = found[position]
        by_count = np.argsort(-np.bincount(labels, minlength=ranges.parts), kind="stable")
        part_of_cluster = np.empty(ranges.parts, dtype=np.int64)
        part_of_cluster[by_count] = ranges.by_room
        yield _fitted(points, part_of_cluster[labels], connected, ranges, control)


def exchanged_partitions(
    weights: FloatArray, labels: IntArray, ranges: SizeRanges, rng: np.random.Generator, control: Control = UNLIMITED
) -> Iterator[IntArray]:
    """Make a partition of any sizes fit the ranges, again and again: which part gets which range is drawn by chance.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal; at least one weight is not 0.
    labels : IntArray, M
        Part of each filter, 0 to K - 1.
    ranges : SizeRanges
        Sizes that the parts may have.
    rng : numpy.random.Generator
        Source of the exchanges.
    control : Control
        Its limit.

    Yields
    ------
    IntArray, M
        Part of each filter, within the ranges; without end, or never where there is no time for a spectrum.
    """
    connected = np.flatnonzero(weights.sum(axis=1) > 0)
    if not control.has_time_for(eigen_seconds(len(connected))):
        return
    points = embedding(weights[np.ix_(connected, connected)], ranges.parts)
    while True:
        yield _fitted(points, rng.permutation(ranges.parts)[labels[connected]], connected, ranges, control)


def _fitted(
    points: FloatArray, labels: IntArray, connected: IntArray, ranges: SizeRanges, control: Control
) -> IntArray:
    partition = _with_isolated(labels, connected, ranges)
    sizes = np.bincount(partition, minlength=ranges.parts)
    if ranges.hold(sizes):
        return partition
    return _balanced(points, partition, connected, ranges.nearest(sizes), control)


def _with_isolated(clusters: IntArray, connected: IntArray, ranges: SizeRanges) -> IntArray:
    labels = np.full(ranges.total, -1, dtype=np.int64)
    labels[connected] = clusters
    counts = np.bincount(clusters, minlength=ranges.parts)
    for m in np.flatnonzero(labels < 0):
        labels[m] = np.lexsort((counts, counts >= ranges.upper, counts >= ranges.lower))[0]
        counts[labels[m]] += 1
    return labels


def _balanced(
    points: FloatArray, partition: IntArray, connected: IntArray, sizes: IntArray, control: Control
) -> IntArray:
    """Labels with exact sizes: a transport of points to centres of least squared distance, centres updated after it.

    Where there is no time for it, whoever comes last leaves a part that is too large.
    """
    # SciPy takes a while to import: only here.
    from scipy.optimize import linear_sum_assignment

    parts, total = len(sizes), int(sizes.sum())
    places = contiguous_partition(sizes.tolist())
    labels, assigned = partition[connected], with_sizes(partition, sizes)
    for _ in range(MAX_BALANCING_ROUNDS):
        if not control.has_time_for(TRANSPORT_SECONDS * total**3):
            break
        costs = np.zeros((total, parts))
        costs[connected] = squared_distances(points, cluster_means(points, labels, parts))
        _, columns = linear_sum_assignment(costs[:, places])
        assigned = places[columns]
        if np.array_equal(assigned[connected], labels):
            break
        labels = assigned[connected]
    return assigned
