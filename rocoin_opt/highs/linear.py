"""The only module that talks to HiGHS: a Pyomo model goes in as arrays, a checked solution comes out.

Pyomo's standard-form compiler turns the model into arrays, and one ``passModel`` hands them over: several times faster
than the persistent interfaces. Every solve has a fresh ``Highs`` object, because options stick to a used one and its
clock runs on.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import highspy
import numpy as np
from pyomo.common.errors import InfeasibleConstraintException, InvalidExpressionError
from pyomo.core.base.objective import Objective as PyomoObjective
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from rocoin_opt.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyomo.environ import ConcreteModel

    from rocoin_opt.control import Control
    from rocoin_opt.instance.arrays import FloatArray, IntArray
    from rocoin_opt.plan.result import Termination

Option: TypeAlias = bool | int | float | str

FEASIBILITY_TOLERANCE = 1e-9
"""By how much a solution may miss a constraint or an integer, and a reduced cost its sign; HiGHS allows 1e-10 and up.

Set for all three tolerances; models should be stated in units that make their numbers near 1.
"""
BOUND_SAFETY = 1e-6
"""Relative step, of max(1, |bound|), by which a dual bound is moved to the safe side."""
INTEGER_TOLERANCE = 1e-6
"""A value further than this from an integer is no rounding error."""

_STATUS = highspy.HighsModelStatus
_LIMITS = {
    _STATUS.kTimeLimit,
    _STATUS.kIterationLimit,
    _STATUS.kSolutionLimit,
    _STATUS.kInterrupt,
    _STATUS.kObjectiveBound,
    _STATUS.kObjectiveTarget,
    _STATUS.kMemoryLimit,
}
_INTERRUPTIBLE = (
    highspy.cb.HighsCallbackType.kCallbackMipInterrupt,
    highspy.cb.HighsCallbackType.kCallbackSimplexInterrupt,
    highspy.cb.HighsCallbackType.kCallbackIpmInterrupt,
)


@dataclass(frozen=True)
class MilpSolution:
    """What HiGHS found out about a model.

    Attributes
    ----------
    status : str
        ``optimal`` (within the gap asked for), ``feasible`` (a solution, stopped by a limit), ``infeasible`` (proven)
        or ``no_plan`` (stopped without a solution).
    objective : float or None
        Objective of the solution, computed from its rounded values.
    bound : float or None
        Dual bound on the safe side: no solution is better.
    """

    status: Termination
    objective: float | None
    bound: float | None


@dataclass
class _Scheduler:
    """The thread pool that all HiGHS objects of a process share.

    Two solves at once hang, and a solve with another number of threads than the pool was made for ends without a
    status; so solves wait for each other, and the pool is made anew when the number changes.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: int | None = None

    def run(self, highs: Any, threads: int) -> None:
        if threads != self.threads:
            highspy.Highs.resetGlobalScheduler(True)
        # A run that an error breaks off leaves the pool in an unknown state.
        self.threads = None
        highs.run()
        self.threads = threads


_SCHEDULER = _Scheduler()


@dataclass(frozen=True)
class _Arrays:
    """A linear model ``min or max c x + offset`` with ``row_lower <= A x <= row_upper`` and bounds on x."""

    columns: list[Any]
    sense: int
    offset: float
    cost: FloatArray
    matrix: Any
    row_lower: FloatArray
    row_upper: FloatArray
    lower: FloatArray
    upper: FloatArray
    integral: IntArray


def solve(
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
        Whether the present values of the model's variables are offered as a first solution.

    Returns
    -------
    MilpSolution
        The dual bound of an integer model is moved by ``BOUND_SAFETY * max(1, |bound|)`` to the safe side: HiGHS prunes
        with reduced costs and rows that are right up to :data:`FEASIBILITY_TOLERANCE`, each of which moves a bound by
        the tolerance times the range of a variable, and the sum of these stays far below the step for models of some
        hundred variables of ranges up to some hundred.

    Raises
    ------
    SolverError
        If an option does not exist, has no such value or follows from ``control``, if the model is unbounded or not
        linear, or if HiGHS ends in any other way that means nothing.
    """
    highs = highspy.Highs()
    _set_options(highs, control, options or {})
    try:
        arrays = _compile(model)
    except InfeasibleConstraintException:
        return MilpSolution("infeasible", None, None)
    except InvalidExpressionError as error:
        raise SolverError(f"{model.name}: {error}") from error
    if not arrays.columns:
        # The compiler has checked all constant rows; HiGHS would call the model empty.
        return MilpSolution("optimal", arrays.offset, arrays.offset)
    _pass(highs, arrays)
    if warm_start:
        _offer_values(highs, arrays)
    _listen(highs, arrays, control)
    with _SCHEDULER.lock:
        highs.setOptionValue("time_limit", control.remaining)
        _SCHEDULER.run(highs, control.threads)
    return _read(highs, arrays)


def _compile(model: ConcreteModel) -> _Arrays:
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
    return _Arrays(
        columns=form.columns,
        sense=int(objectives[0].sense),
        offset=float(form.c_offset[0]),
        cost=np.asarray(form.c.todense(), dtype=np.float64).ravel(),
        matrix=form.A.tocsc(),
        row_lower=np.where(kinds == 1, -np.inf, right),
        row_upper=np.where(kinds == -1, np.inf, right),
        lower=np.array([-math.inf if v.lb is None else v.lb for v in form.columns], dtype=np.float64),
        upper=np.array([math.inf if v.ub is None else v.ub for v in form.columns], dtype=np.float64),
        integral=np.array([not v.is_continuous() for v in form.columns], dtype=np.int64),
    )


def _set_options(highs: Any, control: Control, options: Mapping[str, Option]) -> None:
    controlled: dict[str, Option] = {
        "mip_rel_gap": control.gap,
        "threads": control.threads,
        "random_seed": control.seed,
        "time_limit": control.remaining,
    }
    for name in options:
        if name in controlled:
            raise SolverError(f"the HiGHS option {name} follows from the control of the search")
    chosen: dict[str, Option] = {
        "output_flag": False,
        "mip_feasibility_tolerance": FEASIBILITY_TOLERANCE,
        "primal_feasibility_tolerance": FEASIBILITY_TOLERANCE,
        "dual_feasibility_tolerance": FEASIBILITY_TOLERANCE,
        "mip_abs_gap": 0.0,
        **options,
        **controlled,
    }
    for name, value in chosen.items():
        if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise SolverError(f"HiGHS has no option {name} with the value {value!r}")


def _pass(highs: Any, arrays: _Arrays) -> None:
    matrix = arrays.matrix
    status = highs.passModel(
        len(arrays.columns),
        len(arrays.row_lower),
        matrix.nnz,
        int(highspy.MatrixFormat.kColwise),
        arrays.sense,
        arrays.offset,
        arrays.cost,
        arrays.lower,
        arrays.upper,
        arrays.row_lower,
        arrays.row_upper,
        matrix.indptr.astype(np.int32),
        matrix.indices.astype(np.int32),
        matrix.data.astype(np.float64),
        arrays.integral.astype(np.int32),
    )
    # A warning means bounds that cross, which the solve then finds infeasible.
    if status == highspy.HighsStatus.kError:
        raise SolverError("HiGHS refused the model: a coefficient is not finite, or 1e15 and more")


def _offer_values(highs: Any, arrays: _Arrays) -> None:
    known = [(i, v.value) for i, v in enumerate(arrays.columns) if v.value is not None]
    indices = np.array([i for i, _ in known], dtype=np.int32)
    highs.setSolution(len(known), indices, np.array([value for _, value in known], dtype=np.float64))


def _listen(highs: Any, arrays: _Arrays, control: Control) -> None:
    told: list[tuple[float | None, float | None]] = []

    def on_event(kind: Any, _message: str, out: Any, into: Any, _data: Any) -> None:
        # Being in Python at all also lets a pending Ctrl-C run its handler, which sets the event.
        if control.stop.is_set():
            into.user_interrupt = True
        if kind == highspy.cb.HighsCallbackType.kCallbackMipInterrupt:
            state = (_known(out.mip_primal_bound), _safe(out.mip_dual_bound, arrays.sense))
            if told[-1:] != [state]:
                told[:] = [state]
                control.tell(*state)

    highs.setCallback(on_event, None)
    for kind in _INTERRUPTIBLE:
        highs.startCallback(kind)


def _read(highs: Any, arrays: _Arrays) -> MilpSolution:
    status, info = highs.getModelStatus(), highs.getInfo()
    if status == _STATUS.kInfeasible:
        _load(arrays, None)
        return MilpSolution("infeasible", None, None)
    if status != _STATUS.kOptimal and status not in _LIMITS:
        raise SolverError(f"HiGHS ended with: {highs.modelStatusToString(status)}")
    has_solution = info.primal_solution_status == highspy.kSolutionStatusFeasible
    objective = _load(arrays, highs.getSolution().col_value if has_solution else None)
    if arrays.integral.any():
        bound = _safe(info.mip_dual_bound, arrays.sense)
    else:
        bound = _safe(info.objective_function_value, arrays.sense) if status == _STATUS.kOptimal else None
    if status == _STATUS.kOptimal:
        return MilpSolution("optimal", objective, bound)
    return MilpSolution("feasible" if has_solution else "no_plan", objective, bound)


def _load(arrays: _Arrays, values: Any) -> float | None:
    """Set the model's variables, integers rounded, and return the objective; None clears them."""
    if values is None:
        for variable in arrays.columns:
            variable.set_value(None)
        return None
    raw = np.asarray(values, dtype=np.float64)
    whole = arrays.integral > 0
    point = np.where(whole, np.rint(raw), raw)
    if np.abs(point - raw).max() > INTEGER_TOLERANCE:
        raise SolverError("HiGHS returned a fraction for an integer variable")
    for variable, value, is_whole in zip(arrays.columns, point.tolist(), whole.tolist(), strict=True):
        variable.set_value(int(value) if is_whole else value, skip_validation=True)
    return float(arrays.cost @ point + arrays.offset)


def _known(value: float) -> float | None:
    return value if abs(value) < highspy.kHighsInf else None


def _safe(bound: float, sense: int) -> float | None:
    """The bound moved to the safe side: down for a minimum, up for a maximum."""
    known = _known(bound)
    return None if known is None else known - sense * BOUND_SAFETY * max(1.0, abs(known))
