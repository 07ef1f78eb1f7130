"""Pyomo models: compiled to arrays, solved by HiGHS, the solution loaded back.

Pyomo's standard-form compiler turns the model into arrays, and one ``passModel`` hands them over: several times faster
than the persistent interfaces.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from pyomo.common.errors import InfeasibleConstraintException, InvalidExpressionError
from pyomo.core.base.objective import Objective as PyomoObjective
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from rocoin_opt.errors import SolverError
from rocoin_opt.highs.linear import LinearModel, MilpSolution, Option, solve_linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyomo.environ import ConcreteModel

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray


def solve_model(
    model: ConcreteModel,
    control: Control,
    *,
    options: Mapping[str, Option] | None = None,
    warm_start: bool = False,
) -> MilpSolution:
    """Solve a linear or mixed-integer Pyomo model and load the solution into its variables.

    The solution's values replace those of the model's variables, integers rounded; where there is no solution all
    values that HiGHS was to decide become None, so that nothing stale can be read.

    Parameters
    ----------
    model : ConcreteModel
        A model with one active objective. Fixed variables count as constants.
    control : Control
        Time limit, relative gap, threads, seed, the event that stops the solve (Ctrl-C sets it) and progress reports.
    options : mapping, optional
        More HiGHS options by name, other than those that follow from ``control``.
    warm_start : bool
        Whether the current values of the model's variables are passed as a first solution.

    Returns
    -------
    MilpSolution
        See :func:`rocoin_opt.highs.linear.solve_linear`.

    Raises
    ------
    SolverError
        As :func:`rocoin_opt.highs.linear.solve_linear`, and if the model is not linear.
    """
    try:
        columns, arrays = _compile(model)
    except InfeasibleConstraintException:
        return MilpSolution("infeasible", None, None)
    except InvalidExpressionError as error:
        raise SolverError(f"{model.name}: {error}") from error
    if not columns:
        # The compiler has checked all constant rows; HiGHS would call the model empty.
        return MilpSolution("optimal", arrays.offset, arrays.offset)
    start = {i: v.value for i, v in enumerate(columns) if v.value is not None} if warm_start else None
    solution, values = solve_linear(arrays, control, options=options, start=start)
    _load(columns, arrays, values)
    return solution


def _compile(model: ConcreteModel) -> tuple[list[Any], LinearModel]:
    objectives = list(model.component_data_objects(PyomoObjective, active=True))
    if len(objectives) != 1:
        raise SolverError(f"{model.name}: {len(objectives)} active objectives, a model needs exactly one")
    # The compiler pauses the garbage collector itself, which halves its time.
    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    kinds = np.array([row.bound_type for row in form.rows], dtype=np.int64)
    right = np.asarray(form.rhs, dtype=np.float64)
    for variable in form.columns:
        if not (variable.is_continuous() or variable.is_integer() or variable.is_binary()):
            raise SolverError(f"{variable.name}: a domain that is neither continuous nor integer")
    matrix = form.A.tocsc()
    arrays = LinearModel(
        sense=int(objectives[0].sense),
        offset=float(form.c_offset[0]),
        cost=np.asarray(form.c.todense(), dtype=np.float64).ravel(),
        lower=np.array([-math.inf if v.lb is None else v.lb for v in form.columns], dtype=np.float64),
        upper=np.array([math.inf if v.ub is None else v.ub for v in form.columns], dtype=np.float64),
        row_lower=np.where(kinds == 1, -np.inf, right),
        row_upper=np.where(kinds == -1, np.inf, right),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.array([not v.is_continuous() for v in form.columns], dtype=np.int64),
    )
    return form.columns, arrays


def _load(columns: list[Any], arrays: LinearModel, values: FloatArray | None) -> None:
    """Set the model's variables; None clears them."""
    if values is None:
        for variable in columns:
            variable.set_value(None)
        return
    for variable, value, is_whole in zip(columns, values.tolist(), arrays.integral.tolist(), strict=True):
        variable.set_value(int(value) if is_whole else value, skip_validation=True)
