"""How long it takes to state the big-M model of ``big_m.py``, and to hand it to the solver, by modelling layer.

``python -m peers.building {linopy,pyscipopt,pyomo} INSTANCE.json``, from the folder ``benchmarks``, prints one line of
JSON: ``state_seconds``, ``pass_seconds``, ``rows`` and ``columns``, imports not counted. Pyomo goes the way of the
package: its standard-form compiler makes arrays, and ``passModel`` takes them. PySCIPOpt states the model within SCIP.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import rocoin_opt as ro
from peers.big_m import BigM, Settings


def linopy(numbers: BigM) -> dict[str, float]:
    """State the model in linopy, and pass it to HiGHS without files."""
    from peers.linopy_model import LinopyStatement, load

    load()
    started = time.perf_counter()
    statement = LinopyStatement(numbers, Settings())
    spent = time.perf_counter() - started
    model = statement.solver.solver_model
    passing = statement.passing_seconds
    return _figures(spent - passing, passing, model.getNumRow(), model.getNumCol())


def pyscipopt(numbers: BigM) -> dict[str, float]:
    """State the model in SCIP."""
    from peers.scip_model import ScipStatement

    started = time.perf_counter()
    model = ScipStatement(numbers, Settings()).model
    return _figures(time.perf_counter() - started, 0.0, model.getNConss(), model.getNVars())


def pyomo(numbers: BigM) -> dict[str, float]:
    """State the model in Pyomo, compile it to arrays, and pass these to HiGHS."""
    import pyomo.environ as pyo

    from peers.pyomo_model import pyomo_model

    # The compiler imports on its way, as linopy does.
    small = pyo.ConcreteModel()
    small.x = pyo.Var(bounds=(0, 1))
    small.row = pyo.Constraint(expr=2 * small.x <= 1)
    small.objective = pyo.Objective(expr=small.x)
    _passed(small)
    started = time.perf_counter()
    model = pyomo_model(numbers)
    stated = time.perf_counter()
    highs = _passed(model)
    return _figures(stated - started, time.perf_counter() - stated, highs.getNumRow(), highs.getNumCol())


def _passed(model: Any) -> Any:
    import highspy
    from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

    form = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=None)
    kinds, right = np.array([row.bound_type for row in form.rows]), np.asarray(form.rhs, dtype=np.float64)
    matrix = form.A.tocsc()
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(
        *(len(form.columns), len(form.rows), matrix.nnz),
        *(int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize), float(form.c_offset[0])),
        np.asarray(form.c.todense(), dtype=np.float64).ravel(),
        np.array([-np.inf if v.lb is None else v.lb for v in form.columns], dtype=np.float64),
        np.array([np.inf if v.ub is None else v.ub for v in form.columns], dtype=np.float64),
        *(np.where(kinds == 1, -np.inf, right), np.where(kinds == -1, np.inf, right)),
        *(matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data.astype(np.float64)),
        np.array([not v.is_continuous() for v in form.columns], dtype=np.int32),
    )
    return highs


def _figures(state_seconds: float, pass_seconds: float, rows: int, columns: int) -> dict[str, float]:
    return {"state_seconds": state_seconds, "pass_seconds": pass_seconds, "rows": rows, "columns": columns}


if __name__ == "__main__":
    layer, path = sys.argv[1:]
    build = {"linopy": linopy, "pyscipopt": pyscipopt, "pyomo": pyomo}[layer]
    print(json.dumps(build(BigM.of(ro.read_instance(Path(path)), "guaranteed"))))
