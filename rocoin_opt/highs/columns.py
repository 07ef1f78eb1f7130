"""A linear program that grows by columns: the restricted master of a column generation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import highspy
import numpy as np

from rocoin_opt.errors import SolverError
from rocoin_opt.highs.linear import run, set_options

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray

STOPPED = (highspy.HighsModelStatus.kTimeLimit, highspy.HighsModelStatus.kInterrupt)
"""How HiGHS ends at a limit."""


DUAL, PRIMAL = 1, 4
"""The dual and the primal simplex method, as HiGHS numbers its strategies."""


@dataclass(frozen=True, eq=False)
class LpSolution:
    """Optimum of the program as it stands.

    Attributes
    ----------
    objective : float
        Up to the solver's tolerances.
    values : FloatArray, one a column
        The point.
    prices : FloatArray, one a row
        Dual values, as HiGHS signs them.
    """

    objective: float
    values: FloatArray
    prices: FloatArray


class RestrictedMaster:
    """``max c x`` with ``row_lower <= A x <= row_upper`` and ``x >= 0``; every solve starts from the last basis.

    One ``Highs`` object is kept on purpose: its basis is what makes the next solve short.
    """

    def __init__(self, row_lower: FloatArray, row_upper: FloatArray, control: Control) -> None:
        self.control = control.silent()
        self._highs = highspy.Highs()
        set_options(self._highs, self.control, {})
        self._strategy = PRIMAL
        count = len(row_lower)
        empty = np.zeros(0, dtype=np.int32)
        self._highs.addRows(count, row_lower, row_upper, 0, np.zeros(count, dtype=np.int32), empty, np.zeros(0))
        self._highs.changeObjectiveSense(highspy.ObjSense.kMaximize)

    def add(self, cost: FloatArray, starts: IntArray, rows: IntArray, values: FloatArray) -> None:
        """Add columns ``x >= 0``; column i has the entries ``starts[i]`` to ``starts[i + 1]``.

        Parameters
        ----------
        cost : FloatArray, one a column
            Coefficients of the objective.
        starts : IntArray, one more than columns
            Where the entries of each column begin; the last one is where they end.
        rows, values : IntArray, FloatArray, one an entry
            Row and coefficient.

        Raises
        ------
        SolverError
            If a coefficient is not finite, or too large for HiGHS.
        """
        # New columns leave the last basis primal feasible: from there the primal simplex method takes half the time.
        self._strategy = PRIMAL
        count = len(cost)
        lower, upper = np.zeros(count), np.full(count, highspy.kHighsInf)
        status = self._highs.addCols(
            count, cost, lower, upper, len(rows), starts[:-1].astype(np.int32), rows.astype(np.int32), values
        )
        if status == highspy.HighsStatus.kError:
            raise SolverError("HiGHS refused a column: a coefficient is not finite, or 1e15 and more")

    def constrain(self, most: FloatArray, rows: Any, first: int = 0) -> None:
        """Add rows ``a x <= b``.

        Parameters
        ----------
        most : FloatArray, one a row
            Right-hand sides.
        rows : CSR array
            Coefficients of the columns from ``first`` on.
        first : int
            Column of the first coefficient: those before it are in none of the rows.
        """
        self._strategy = DUAL
        count = len(most)
        self._highs.addRows(
            count,
            np.full(count, -highspy.kHighsInf),
            most,
            rows.nnz,
            rows.indptr[:-1].astype(np.int32),
            (rows.indices + first).astype(np.int32),
            rows.data.astype(np.float64),
        )

    def limit(self, rows: FloatArray, columns: FloatArray, lower: FloatArray | None = None) -> None:
        """Set the limits of all rows and the upper limits of all columns.

        Parameters
        ----------
        rows : FloatArray, one a row
            Upper limits.
        columns : FloatArray, one a column
            Upper limits; 0 takes a column out.
        lower : FloatArray, one a row, optional
            Lower limits of the rows; none where left out.
        """
        # New limits leave it dual feasible.
        self._strategy = DUAL
        least = np.full(len(rows), -highspy.kHighsInf) if lower is None else lower
        self._highs.changeRowsBounds(len(rows), np.arange(len(rows), dtype=np.int32), least, rows)
        self._highs.changeColsBounds(
            len(columns), np.arange(len(columns), dtype=np.int32), np.zeros(len(columns)), columns
        )

    def solve(self) -> LpSolution | None:
        """Solve to optimality; None if a limit came first."""
        self._highs.setOptionValue("simplex_strategy", self._strategy)
        # The clock of a used object runs on, so the limit counts from its start.
        run(self._highs, self.control, elapsed=self._highs.getRunTime())
        status = self._highs.getModelStatus()
        if status in (highspy.HighsModelStatus.kUnknown, highspy.HighsModelStatus.kSolveError):
            # The last basis can be one that the simplex method does not get away from: without it, it ends.
            self._highs.clearSolver()
            run(self._highs, self.control, elapsed=self._highs.getRunTime())
            status = self._highs.getModelStatus()
        if status in STOPPED:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverError(f"HiGHS ended a linear program with: {self._highs.modelStatusToString(status)}")
        solution = self._highs.getSolution()
        return LpSolution(
            objective=float(self._highs.getInfo().objective_function_value),
            values=np.array(solution.col_value, dtype=np.float64),
            prices=np.array(solution.row_dual, dtype=np.float64),
        )
