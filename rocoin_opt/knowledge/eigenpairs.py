"""Some eigenvalues of dense symmetric matrices, also where LAPACK's fastest driver gives up.

Graphs with many equal weights, or of equal components, have eigenvalues that coincide. The driver of relatively robust
representations computes a few eigenvalues fastest, but may end with an internal error there. Divide and conquer
computes all of them, and does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray


SECONDS_A_CUBE = 2e-10
"""Seconds for each cube of the number of rows, twice what one core took for 1,024 and 2,048 rows: 0.2 s for 1,024."""


def eigen_seconds(rows: int) -> float:
    """About how long an eigenvalue problem takes, which nothing can stop."""
    return SECONDS_A_CUBE * float(rows) ** 3


def largest_eigenpairs(matrix: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    """Largest eigenvalues, ascending, and their eigenvectors.

    Parameters
    ----------
    matrix : FloatArray, M x M
        Symmetric.
    count : int
        How many, 1 to M.

    Returns
    -------
    FloatArray, count, and FloatArray, M x count
    """
    # SciPy takes a while to import, and most commands look at no spectrum.
    from scipy.linalg import eigh

    total = len(matrix)
    try:
        values, vectors = eigh(matrix, subset_by_index=(total - count, total - 1))
    except np.linalg.LinAlgError:
        values, vectors = eigh(matrix, driver="evd")
    return np.asarray(values[-count:]), np.asarray(vectors[:, -count:])


def smallest_eigenvalues(matrix: FloatArray, count: int) -> FloatArray:
    """Smallest eigenvalues, ascending; see :func:`largest_eigenpairs`."""
    from scipy.linalg import eigvalsh

    try:
        values = eigvalsh(matrix, subset_by_index=(0, count - 1))
    except np.linalg.LinAlgError:
        values = eigvalsh(matrix, driver="evd")
    return np.asarray(values[:count])
