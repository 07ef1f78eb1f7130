"""Columns that wait: of thousands that are known, a linear program needs some hundreds.

A restricted master of all known columns is solved slowly, most of all the first time. So it begins with those that
prices like best, and the others enter where they would better it; it finds them by one product of matrix and prices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray


class WaitingColumns:
    """Columns outside a restricted master, a maximisation.

    Parameters
    ----------
    cost : FloatArray, one a column
        Coefficients of the objective.
    matrix : CSR array, columns x rows
        Their entries: a row of it is a column of the program.
    """

    def __init__(self, cost: FloatArray, matrix: Any) -> None:
        self.cost, self.matrix = cost, matrix
        self.waits: BoolArray = np.ones(len(cost), dtype=bool)
        """Which columns still wait."""

    def best(self, prices: FloatArray, most: int, least: float) -> IntArray:
        """Columns that wait and are worth most at some prices, the best first.

        Parameters
        ----------
        prices : FloatArray, one a row
            Of the master.
        most : int
            How many, at most.
        least : float
            What each must be worth beyond its price, at least.
        """
        if not self.waits.any():
            return np.empty(0, dtype=np.int64)
        surplus = np.where(self.waits, self.cost - self.matrix @ prices, -np.inf)
        better = np.flatnonzero(surplus > least)
        return np.asarray(better[np.argsort(-surplus[better], kind="stable")[:most]])

    def enter(self, columns: IntArray) -> None:
        """Take down that columns are in the master now.

        Parameters
        ----------
        columns : IntArray
            Their places.
        """
        self.waits[columns] = False
