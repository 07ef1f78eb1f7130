"""Classes guessed from the filter graph, where nobody measured which filter speaks for which class.

Filters that answer to the same images are linked strongly, so a community of the graph stands for a class, or for
several that look alike. A filter speaks for a community as much as it is linked to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.knowledge.eigenpairs import eigen_seconds
from rocoin_opt.knowledge.k_means import k_means
from rocoin_opt.knowledge.spectral import embedding, normalised_spectrum

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray

MAX_COMMUNITIES = 20
"""Communities that are looked for at most."""
SEED = 0
"""The guess belongs to the graph: no seed of a search changes it."""


def estimated_affinity(weights: FloatArray) -> FloatArray:
    """Estimate how much each filter speaks for each class from the filter graph alone.

    The number of communities is where the eigenvalues of the normalised Laplacian make their largest step (the eigengap
    rule), of two or more; they are found by spectral clustering.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative, zero diagonal.

    Returns
    -------
    FloatArray, C x M
        Weight between each filter and each community; 1 x M, zeros, without two filters that have edges.
    """
    connected = np.flatnonzero(weights.sum(axis=1) > 0)
    most = min(MAX_COMMUNITIES, len(connected) - 1)
    if most < 2:
        return one_class(weights)
    inner = weights[np.ix_(connected, connected)]
    values, _ = normalised_spectrum(inner, most + 1)
    communities = 2 + int(np.diff(values[1:]).argmax())
    found = k_means(embedding(inner, communities), communities, np.random.default_rng(SEED))
    member = np.zeros((len(weights), communities))
    member[connected, found] = 1.0
    return np.asarray((weights @ member).T)


def one_class(weights: FloatArray) -> FloatArray:
    """Affinity 1 x M where no classes are told apart: a filter speaks for the one that all are in by its degree."""
    return np.asarray(weights.sum(axis=1)[None, :])


def estimation_seconds(filters: int) -> float:
    """About how long an estimate takes, which nothing can stop: that of two spectra of the graph."""
    return 2.0 * eigen_seconds(filters)
