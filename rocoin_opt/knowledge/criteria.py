"""How good a partition of the filter graph is."""

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
        Between 0 and K. A part without any edge, of volume 0, has no cut and counts 0.

    References
    ----------
    .. [1] J. Shi, J. Malik. Normalized cuts and image segmentation. IEEE TPAMI 22(8), 2000.
    """
    member = np.eye(int(labels.max()) + 1)[labels]
    inner = np.einsum("mk,mk->k", member, weights @ member)
    volume = member.T @ weights.sum(axis=1)
    return float(np.sum(np.divide(volume - inner, volume, out=np.zeros_like(volume), where=volume > 0)))
