"""Safe lower bounds of semidefinite relaxations, by the alternating direction method of multipliers.

A relaxation asks for the least ``<cost, W>`` over symmetric matrices W that lie in a set given by their eigenvalues and
in sets given by their entries. For *any* matrices R, one for each set of entries,

    <cost, W>  >=  min over the spectral set of <cost + sum of R, W>  -  sum over the others of  max <R, Y>.

Both sides of the difference are closed forms, so the bound holds however far the method is from its limit. Only the
rounding of eigenvalues has to be paid for. Bounds made safe in this way are those of [2]_.

References
----------
.. [1] S. Boyd, N. Parikh, E. Chu, B. Peleato, J. Eckstein. Distributed optimization and statistical learning via the
   alternating direction method of multipliers. Foundations and Trends in Machine Learning 3(1), 2011.
.. [2] C. Jansson, D. Chaykin, C. Keil. Rigorous error bounds for the optimal value in semidefinite programming. SIAM
   Journal on Numerical Analysis 46(1), 2007.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.instance import ROUNDING
from rocoin_opt.knowledge.eigenpairs import eigen_seconds, largest_eigenpairs, smallest_eigenvalues

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray

UNIT_PENALTY_FILTERS = 160
"""Filters up to which the first penalty is 1; entries of a projection, and good penalties, shrink beyond."""
RELAXATION = 1.6
"""Over-relaxation of the steps, within the (1, 2) that converges."""
PENALTY_STEP = 1.5
"""Factor by which the penalty follows the two residuals."""
IMBALANCE = 3.0
"""Ratio of the residuals beyond which the penalty is changed."""
BALANCING_ROUNDS = 5
MOST_DENSE = 512
"""Filters up to which eigenvectors are computed anew each round."""
SUBSPACE_STEPS = 2
SPARE_EIGENVALUES = 8
"""Eigenvalues computed beyond the positive ones of the round before."""


class SpectralSet(Protocol):
    """Symmetric matrices given by their eigenvalues."""

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix of the set that is nearest to a symmetric one, or close to the nearest."""

    def least(self, cost: FloatArray) -> float:
        """Return a number that ``<cost, W>`` never falls below within the set."""


class EntrySet(Protocol):
    """Matrices, not symmetric in general, given by conditions on their entries."""

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Return a matrix of the set that is nearest to the given one, or close to the nearest."""

    def support(self, direction: FloatArray) -> tuple[FloatArray, float]:
        """Return a direction close to the given one, and a number that ``<direction, Y>`` never exceeds in the set."""


def relaxation_bound(
    cost: FloatArray,
    spectral: SpectralSet,
    entries: Sequence[EntrySet],
    rounds: int,
    control: Control = UNLIMITED,
) -> float:
    """Lower bound on ``<cost, W>`` over the matrices in all sets.

    Parameters
    ----------
    cost : FloatArray, M x M
        Symmetric, scaled to eigenvalues of about 1; the sets should hold matrices whose eigenvalues are about 1.
    spectral : SpectralSet
        Condition on the eigenvalues.
    entries : sequence of EntrySet
        Conditions on the entries, one at least.
    rounds : int
        Steps of the method [1]_, one eigenvalue problem each. More rounds tighten the bound; any number is valid.
    control : Control
        Its limit ends the rounds early, and leaves out what takes longer than is left.

    Returns
    -------
    float
        The best of the bounds without multipliers, after all rounds, and, for moderate sizes, after half of them. Minus
        infinity where there is no time for any.
    """
    seconds = eigen_seconds(len(cost))
    if not control.has_time_for(seconds):
        return -math.inf
    best = spectral.least(cost)
    # A round takes an eigenvalue problem; another one makes a bound of it.
    if rounds < 1 or not control.has_time_for(3.0 * seconds):
        return best
    penalty = min(1.0, math.sqrt(UNIT_PENALTY_FILTERS / len(cost)))
    checkpoints = (rounds // 2, rounds) if len(cost) <= MOST_DENSE else (rounds,)
    matrix = spectral.nearest(-cost)
    copies = [matrix] * len(entries)
    duals = [np.zeros_like(cost) for _ in entries]
    for number in range(1, rounds + 1):
        mean = sum(copy - dual for copy, dual in zip(copies, duals, strict=True)) - cost / penalty
        matrix = spectral.nearest((mean + mean.T) / (2.0 * len(entries)))
        previous = list(copies)
        for k, entry_set in enumerate(entries):
            mixed = RELAXATION * matrix + (1.0 - RELAXATION) * copies[k] + duals[k]
            copies[k] = entry_set.nearest(mixed)
            duals[k] = mixed - copies[k]
        ending = not control.has_time_for(2.0 * seconds)
        if (ending and control.has_time_for(seconds)) or number in checkpoints:
            best = max(best, _dual_value(cost, spectral, entries, [penalty * dual for dual in duals]))
        if ending:
            break
        if number % BALANCING_ROUNDS == 0:
            apart = sum(float(np.linalg.norm(matrix - copy)) for copy in copies)
            moved = sum(float(np.linalg.norm(new - old)) for new, old in zip(copies, previous, strict=True)) * penalty
            if apart > IMBALANCE * moved or moved > IMBALANCE * apart:
                factor = PENALTY_STEP if apart > moved else 1.0 / PENALTY_STEP
                penalty *= factor
                duals = [dual / factor for dual in duals]
    return best


def _dual_value(
    cost: FloatArray, spectral: SpectralSet, entries: Sequence[EntrySet], directions: Sequence[FloatArray]
) -> float:
    shifted, paid = cost, 0.0
    for entry_set, direction in zip(entries, directions, strict=True):
        safe, most = entry_set.support(direction)
        shifted = shifted + (safe + safe.T) / 2.0
        paid += most
    return spectral.least(shifted) - paid


def eigenvalue_error(matrix: FloatArray) -> float:
    """Return what rounding may do to an eigenvalue of a symmetric matrix of moderate size, computed by LAPACK."""
    return float(10.0 * len(matrix) * np.finfo(np.float64).eps * np.linalg.norm(matrix))


class Projections:
    """Hull of the orthogonal projections that keep a unit vector, of ranks within a range.

    Parameters
    ----------
    kept : FloatArray, M
        The vector, of length one.
    least_rank, most_rank : int
        Ranks, 1 to M; the larger one at least 2.
    """

    def __init__(self, kept: FloatArray, least_rank: int, most_rank: int) -> None:
        self.kept = kept
        self.ranks = (least_rank - 1, most_rank - 1)
        self.leading = _LeadingEigenpairs(most_rank)

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Project the eigenvalues on the complement of the kept vector."""
        u, total = self.kept, len(matrix)
        image = matrix @ u
        rest = matrix - np.outer(u, image) - np.outer(image, u) + float(u @ image) * np.outer(u, u)
        values, vectors = self.leading.of(rest, min(total - 1, self.leading.wanted), u)
        shares = _capped(values, *self.ranks)
        used = shares > 0.0
        self.leading.used(int(used.sum()))
        return np.asarray(np.outer(u, u) + (vectors[:, used] * shares[used]) @ vectors[:, used].T)

    def least(self, cost: FloatArray) -> float:
        """Return the kept vector's value and the sum of the smallest eigenvalues on its complement."""
        fewest, most = self.ranks
        corner, rest = _compressed(cost, self.kept)
        values = smallest_eigenvalues(rest, most)
        optional = np.minimum(values[fewest:], 0.0)
        return corner + float(values[:fewest].sum() + optional.sum()) - (most + 1) * eigenvalue_error(cost)


class Spectra:
    """Symmetric matrices whose eigenvalues are majorised by given ones.

    Parameters
    ----------
    values : FloatArray, K
        The largest eigenvalues that majorise, positive and descending; all others are zero.
    """

    def __init__(self, values: FloatArray) -> None:
        self.values = values
        self.leading = _LeadingEigenpairs(len(values))

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Project the eigenvalues onto the permutahedron."""
        # SciPy takes a while to import: only here.
        from scipy.optimize import isotonic_regression

        values, vectors = self.leading.of(matrix, min(len(matrix), self.leading.wanted))
        most = np.zeros(len(values))
        most[: len(self.values)] = self.values
        shares = values - isotonic_regression(values - most, increasing=False).x
        used = shares > ROUNDING
        self.leading.used(int(used.sum()))
        return np.asarray((vectors[:, used] * shares[used]) @ vectors[:, used].T)

    def least(self, cost: FloatArray) -> float:
        """Pair the largest values with the smallest eigenvalues of the cost."""
        smallest = smallest_eigenvalues(cost, len(self.values))
        return float(self.values @ smallest) - float(self.values.sum()) * eigenvalue_error(cost)


class _LeadingEigenpairs:
    """Largest eigenvalues of matrices that change little from one to the next, with eigenvectors.

    Where that is too slow, a few steps of subspace iteration lead from the last eigenvectors to the next, about.
    """

    def __init__(self, least: int) -> None:
        self.least = least
        self.wanted = least + SPARE_EIGENVALUES
        self.vectors: FloatArray | None = None

    def used(self, number: int) -> None:
        """Tell how many of the eigenvalues were of use."""
        self.wanted = max(self.least, number) + SPARE_EIGENVALUES

    def of(self, matrix: FloatArray, number: int, avoided: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues, descending, and eigenvectors; none is the avoided unit eigenvector."""
        total = len(matrix)
        if total <= MOST_DENSE or self.vectors is None:
            if avoided is not None:
                # It gets the smallest eigenvalue, out of the way of the largest.
                depth = 1.0 + 2.0 * float(np.linalg.norm(matrix))
                matrix = matrix - depth * np.outer(avoided, avoided)
            values, vectors = largest_eigenpairs(matrix, number)
            self.vectors = vectors
            return values[::-1], vectors[:, ::-1]
        block = self.vectors
        for _ in range(SUBSPACE_STEPS):
            block = matrix @ block
            if avoided is not None:
                block = block - np.outer(avoided, avoided @ block)
            block = np.linalg.qr(block)[0]
        values, rotation = np.linalg.eigh(block.T @ matrix @ block)
        self.vectors = block
        return values[::-1], block @ rotation[:, ::-1]


def _compressed(matrix: FloatArray, unit: FloatArray) -> tuple[float, FloatArray]:
    """Value of a quadratic form at a unit vector, and its matrix on the complement (by a Householder reflection)."""
    mirror = unit.copy()
    mirror[0] += 1.0 if unit[0] >= 0.0 else -1.0
    mirror /= np.linalg.norm(mirror)
    image = matrix @ mirror
    half = np.outer(mirror, image - float(mirror @ image) * mirror)
    reflected = matrix - 2.0 * (half + half.T)
    return float(unit @ matrix @ unit), reflected[1:, 1:]


def _capped(values: FloatArray, least: int, most: int) -> FloatArray:
    """Nearest vector with entries in [0, 1] and a sum from least to most, which the number of entries allows."""
    plain = np.clip(values, 0.0, 1.0)
    total = min(max(float(plain.sum()), least), most)
    if total == plain.sum():
        return plain
    # The sum of the entries cut off after a shift is piecewise linear and falls with the shift.
    kinks = np.sort(np.concatenate([values, values - 1.0]))
    sums = np.clip(values[None, :] - kinks[:, None], 0.0, 1.0).sum(axis=1)
    shift = np.interp(-total, -sums, kinks)
    return np.asarray(np.clip(values - shift, 0.0, 1.0))
