"""Conditions on the entries of partition matrices, as sets that a relaxation projects onto.

A partition matrix is a sum over parts of ``x x^T``, scaled by part; x says which filters are in. Each set here holds
all partition matrices of a kind, once their rows and columns are scaled by a positive vector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.instance import ROUNDING

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray

MAX_RATIO = 1e3
"""Larger ratios between entries of a row are no conditions: their multipliers would drown in rounding."""
NEWTON_STEPS = 3


class Dominance:
    """Rows with ``0 <= Y_ij <= (scale_j / scale_i) Y_ii``: no two filters are more together than one with itself.

    Parameters
    ----------
    scale : FloatArray, M
        Positive.
    """

    def __init__(self, scale: FloatArray) -> None:
        ratio = scale[None, :] / scale[:, None]
        self.bounded = ratio <= MAX_RATIO
        np.fill_diagonal(self.bounded, False)
        self.ratio = np.where(self.bounded, ratio, 0.0)
        self.diagonal = np.zeros(len(scale))

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Newton steps, row by row, for the diagonal; the other entries follow from it."""
        own = np.diagonal(matrix)
        others = np.maximum(matrix, 0.0)
        np.fill_diagonal(others, 0.0)
        diagonal = self.diagonal
        for _ in range(NEWTON_STEPS):
            # Entries above their bound pull the diagonal up. The condition is concave in it: steps cannot turn back.
            above = others > self.ratio * diagonal[:, None]
            pulled = np.where(above, self.ratio, 0.0)
            pulls, slopes = np.einsum("ij,ij->i", pulled, others), np.einsum("ij,ij->i", pulled, pulled)
            diagonal = np.maximum((own + pulls) / (1.0 + slopes), 0.0)
        self.diagonal = diagonal
        copy = np.where(self.bounded, np.minimum(others, self.ratio * diagonal[:, None]), others)
        np.fill_diagonal(copy, diagonal)
        return copy

    def support(self, direction: FloatArray) -> tuple[FloatArray, float]:
        """Lower the diagonal until no row of the set has a positive product: the set is a cone."""
        safe = np.where(self.bounded, direction, np.minimum(direction, 0.0))
        np.fill_diagonal(safe, 0.0)
        most = np.einsum("ij,ij->i", self.ratio, np.maximum(safe, 0.0)) * (1.0 + ROUNDING)
        np.fill_diagonal(safe, np.minimum(np.diagonal(direction), -most))
        return safe, 0.0


class RowSums:
    """Rows with ``least Y_ii g_i <= sum over j of g_j Y_ij <= most Y_ii g_i``: sizes of parts.

    Parameters
    ----------
    weights : FloatArray, M
        Positive g, one over the scale of the rows and columns.
    least, most : int
        Sizes that parts may have, at least 1.
    """

    def __init__(self, weights: FloatArray, least: int, most: int) -> None:
        self.weights = weights
        self.sizes = (least, most)
        self.square = float(weights @ weights)

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Move each row along the normal of the condition that it breaks."""
        g = self.weights
        sums, own = matrix @ g, g * np.diagonal(matrix)
        copy = matrix.copy()
        for size, sign in zip(self.sizes, (1.0, -1.0), strict=True):
            length = self.square + (size - 2.0) * size * g**2
            step = sign * np.minimum(sign * (sums - size * own), 0.0) / length
            copy -= np.outer(step, g)
            copy[np.diag_indices(len(g))] += size * step * g
        return copy

    def support(self, direction: FloatArray) -> tuple[FloatArray, float]:
        """Read one multiplier a row off the direction, and lower the diagonal as the condition asks: a cone."""
        g = self.weights
        off = direction - np.diag(np.diagonal(direction))
        multiplier = off @ g / np.maximum(self.square - g**2, np.finfo(np.float64).tiny)
        least, most = self.sizes
        paid = np.maximum(multiplier * least, multiplier * most)
        paid += ROUNDING * np.abs(paid)
        return np.outer(multiplier, g) - np.diag(paid * g), 0.0


class UnitDiagonal:
    """Matrices with a constant diagonal and the other entries between 0 and it.

    Parameters
    ----------
    value : float
        The diagonal, positive.
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Cut the entries off."""
        copy = np.clip(matrix, 0.0, self.value)
        np.fill_diagonal(copy, self.value)
        return copy

    def support(self, direction: FloatArray) -> tuple[FloatArray, float]:
        """Sum of the diagonal and of the positive entries."""
        diagonal = np.diagonal(direction)
        positive = float(np.maximum(direction, 0.0).sum() - np.maximum(diagonal, 0.0).sum())
        most = self.value * (positive + float(diagonal.sum()))
        return direction, most + ROUNDING * self.value * float(np.abs(direction).sum())


class SumRange:
    """Matrices with row sums in a range and the sum of all entries in another one.

    Parameters
    ----------
    rows, total : tuple of float
        Least and largest sum of a row, and of all entries.
    """

    def __init__(self, rows: tuple[float, float], total: tuple[float, float]) -> None:
        self.rows = rows
        self.total = total

    def nearest(self, matrix: FloatArray) -> FloatArray:
        """Shift rows: first all of them by the same, then those out of range."""
        size = len(matrix)
        sums = matrix.sum(axis=1)
        total = float(sums.sum())
        wanted = sums + (min(max(total, self.total[0]), self.total[1]) - total) / size
        wanted = np.clip(wanted, *self.rows)
        return np.asarray(matrix + ((wanted - sums) / size)[:, None])

    def support(self, direction: FloatArray) -> tuple[FloatArray, float]:
        """Sort rows by their multiplier: each takes its least sum, and what is left goes where it counts most."""
        slopes = direction.mean(axis=1)
        least, most = self.rows
        total, value = len(slopes) * least, least * float(slopes.sum())
        for slope in np.sort(slopes)[::-1].tolist():
            short = self.total[0] - total
            room = self.total[1] - total if slope > 0.0 else max(short, 0.0)
            step = min(most - least, room)
            total, value = total + step, value + slope * step
        flat = np.broadcast_to(slopes[:, None], direction.shape)
        return flat, value + ROUNDING * most * float(np.abs(slopes).sum())
