"""Planted-partition graphs with heavy-tailed noise: what was planted is known, and can be drowned.

Filters i and j have the weight ``t_i t_j r_ij x_ij``: strengths t and factors x are lognormal with mean 1, and r is 1
within a block and the noise level between blocks. This is a degree-corrected stochastic block model [1]_ with weights.
At noise 0 the blocks are components, at noise 1 they are not there. A sparse graph keeps a pair with the probability
``density * r_ij`` and lets the weight of kept pairs be ``t_i t_j x_ij``.

References
----------
.. [1] B. Karrer, M. E. J. Newman. Stochastic blockmodels and community structure in networks. Phys. Rev. E 83, 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTH_SIGMA = 0.5
"""Of the filters' strengths: a tenth of them are about twice as strong as the middle one."""
WEIGHT_SIGMA = 1.0
"""Of the single weights: one in a hundred is ten times the middle one."""
WIDEST = 3.0
"""Largest planted block over the smallest, about."""


@dataclass(frozen=True, eq=False)
class Planted:
    """A graph and what was planted in it.

    Attributes
    ----------
    weights : array or scipy.sparse.csr_array, M x M
        Symmetric, non-negative, zero diagonal.
    labels : array of int, M
        Block of each filter, 0 to K - 1.
    sizes : tuple of int
        Filters of each block, descending.
    """

    weights: NDArray[np.float64] | sp.csr_array
    labels: NDArray[np.int64]
    sizes: tuple[int, ...]


def planted(
    filters: int, blocks: int, noise: float, seed: int, *, equal: bool = False, density: float | None = None
) -> Planted:
    """Make a graph.

    Parameters
    ----------
    filters, blocks : int
        M and K.
    noise : float
        Mean weight between blocks over that within them, 0 to 1.
    seed : int
        Seed of everything random.
    equal : bool
        Blocks of equal sizes, up to one filter; else the largest is about three times the smallest.
    density : float, optional
        Share of the pairs within blocks that have an edge; None for a dense graph.
    """
    rng = np.random.default_rng([seed, filters, blocks])
    sizes = _block_sizes(filters, np.ones(blocks) if equal else np.linspace(WIDEST, 1.0, blocks))
    labels = rng.permutation(np.repeat(np.arange(blocks), sizes))
    strength = _lognormal(rng, STRENGTH_SIGMA, (filters,))
    ratio = np.where(labels[:, None] == labels[None, :], 1.0, noise)
    weights = np.outer(strength, strength) * _lognormal(rng, WEIGHT_SIGMA, (filters, filters))
    weights *= ratio if density is None else rng.random((filters, filters)) < density * ratio
    weights = np.triu(weights, k=1)
    weights += weights.T
    return Planted(weights if density is None else sp.csr_array(weights), labels, sizes)


def _lognormal(rng: np.random.Generator, sigma: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return rng.lognormal(-0.5 * sigma**2, sigma, shape)


def _block_sizes(filters: int, shares: NDArray[np.float64]) -> tuple[int, ...]:
    """Whole numbers of sum M in proportion to the shares, descending: the ends of the blocks are rounded."""
    ends = np.rint(filters * np.cumsum(shares) / shares.sum()).astype(int)
    return tuple(sorted(np.diff(ends, prepend=0).tolist(), reverse=True))
