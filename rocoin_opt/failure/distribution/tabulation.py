"""Smooth positive functions that are costly, tabulated: Chebyshev polynomials of their logarithms on panels.

A panel whose polynomial misses the function anywhere it is checked is given up: the caller computes what lies there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import chebyshev

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import BoolArray, FloatArray

TABLE_ERROR = 1e-12
"""Largest relative error of a tabulated value, where it is checked, unless the value is tiny."""
TINY_ERROR = 1e-15
"""Error that a value may have which is right to :data:`TINY_DIGITS`: rounding limits what is compared."""
TINY_DIGITS = 1e-3
_DEGREE = 13
_NODES = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
_CHECKS = np.array([-0.999, -0.7, 0.05, 0.75, 0.999])


@dataclass(frozen=True, eq=False)
class LogTable:
    """Two positive functions of one variable.

    Attributes
    ----------
    edges : FloatArray, P + 1
        Ends of the panels, ascending.
    coefficients : FloatArray, (degree + 1) x 2 x P
        Chebyshev coefficients of the logarithms.
    is_good : BoolArray, P
        Whether a panel keeps these errors.
    """

    edges: FloatArray
    coefficients: FloatArray
    is_good: BoolArray

    @classmethod
    def of(cls, functions: Callable[[FloatArray], tuple[FloatArray, FloatArray]], edges: FloatArray) -> LogTable:
        """Tabulate functions of a vector between edges."""
        half = np.diff(edges) / 2.0
        points = edges[:-1] + half + half * np.concatenate([_NODES, _CHECKS])[:, None]
        values = np.stack([found.reshape(points.shape) for found in functions(points.ravel())], axis=1)
        # A value of 0 has no logarithm: its panel then has no error that would pass.
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(values)
            # Discrete orthogonality: the inverse of the matrix of Chebyshev polynomials at their nodes.
            inverse = chebyshev.chebvander(_NODES, _DEGREE).T * (2.0 / (_DEGREE + 1))
            inverse[0] /= 2.0
            coefficients = np.tensordot(inverse, logs[: _DEGREE + 1], axes=1)
            guesses = np.tensordot(chebyshev.chebvander(_CHECKS, _DEGREE), coefficients, axes=1)
            errors = np.abs(np.expm1(guesses - logs[_DEGREE + 1 :]))
            is_tiny = (errors <= TINY_DIGITS) & (errors * values[_DEGREE + 1 :] <= TINY_ERROR)
        return cls(edges, coefficients, np.asarray(((errors <= TABLE_ERROR) | is_tiny).all(axis=(0, 1))))

    def covers(self, points: FloatArray) -> BoolArray:
        """Which points lie in panels that keep their promise."""
        panels = np.searchsorted(self.edges, points, side="right") - 1
        is_inside: BoolArray = (panels >= 0) & (panels < len(self.is_good))
        is_inside[is_inside] = self.is_good[panels[is_inside]]
        return is_inside

    def values(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Values of both functions at points that the table covers."""
        panels = np.searchsorted(self.edges, points, side="right") - 1
        low, high = self.edges[panels], self.edges[panels + 1]
        places = (2.0 * points - low - high) / (high - low)
        logs = chebyshev.chebval(places, self.coefficients[:, :, panels], tensor=False)
        return np.exp(logs[0]), np.exp(logs[1])
