"""k-means clustering with a seeded start and without empty clusters.

:func:`scipy.cluster.vq.kmeans2` neither asks a clock nor leaves the worst point to an empty cluster, and its draws
would change every partition that a seed has given so far.

References
----------
.. [1] D. Arthur, S. Vassilvitskii. k-means++: the advantages of careful seeding. SODA 2007.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray

MAX_ROUNDS = 100


def k_means(points: FloatArray, clusters: int, rng: np.random.Generator, control: Control = UNLIMITED) -> IntArray:
    """Cluster points by Lloyd's iteration from a k-means++ start [1]_.

    Parameters
    ----------
    points : FloatArray, P x D
        The points; they may repeat each other.
    clusters : int
        Number of clusters, 1 to P.
    rng : numpy.random.Generator
        Source of the start.
    control : Control
        Its limit ends the iteration early.

    Returns
    -------
    IntArray, P
        Cluster of each point, 0 to ``clusters - 1``; none is empty.
    """
    centres = _scattered_centres(points, clusters, rng)
    labels = np.full(len(points), -1, dtype=np.int64)
    for _ in range(MAX_ROUNDS):
        distances = squared_distances(points, centres)
        nearest = _without_empty(distances.argmin(axis=1), distances)
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        if control.exhausted:
            break
        centres = cluster_means(points, labels, clusters)
    return labels


def cluster_means(points: FloatArray, labels: IntArray, clusters: int) -> FloatArray:
    """Mean of each cluster's points, one row a cluster; the origin for an empty one.

    Parameters
    ----------
    points : FloatArray, P x D
        The points.
    labels : IntArray, P
        Cluster of each.
    clusters : int
        Number of clusters.

    Returns
    -------
    FloatArray, clusters x D
    """
    member = np.eye(clusters)[labels]
    return np.asarray(member.T @ points / np.maximum(member.sum(axis=0), 1.0)[:, None])


def squared_distances(points: FloatArray, centres: FloatArray, lengths: FloatArray | None = None) -> FloatArray:
    """Squared Euclidean distance of each point, by row, from each centre, by column.

    Parameters
    ----------
    points : FloatArray, P x D
        The points.
    centres : FloatArray, C x D
        The centres.
    lengths : FloatArray, P, optional
        Squared distances of the points from the origin, where they are known.
    """
    products = points @ centres.T
    of_points = (points**2).sum(axis=1) if lengths is None else lengths
    squares = of_points[:, None] - 2.0 * products + (centres**2).sum(axis=1)[None, :]
    return np.asarray(np.maximum(squares, 0.0))


def _scattered_centres(points: FloatArray, clusters: int, rng: np.random.Generator) -> FloatArray:
    chosen, lengths = [int(rng.integers(len(points)))], (points**2).sum(axis=1)
    nearest = squared_distances(points, points[chosen], lengths)[:, 0]
    while len(chosen) < clusters:
        # A hair of chance for every point keeps the draw possible where all points left repeat a centre.
        chance = nearest + np.finfo(np.float64).tiny
        chance[chosen] = 0.0
        chosen.append(int(rng.choice(len(points), p=chance / chance.sum())))
        nearest = np.minimum(nearest, squared_distances(points, points[chosen[-1:]], lengths)[:, 0])
    centres: FloatArray = points[chosen]
    return centres


def _without_empty(labels: IntArray, distances: FloatArray) -> IntArray:
    """Give every empty cluster the point that lies worst in its own cluster of two or more."""
    counts = np.bincount(labels, minlength=distances.shape[1])
    rows = np.arange(len(labels))
    for empty in np.flatnonzero(counts == 0):
        misfit = np.where(counts[labels] > 1, distances[rows, labels], -1.0)
        point = int(misfit.argmax())
        counts[labels[point]] -= 1
        counts[empty] += 1
        labels[point] = empty
    return labels
