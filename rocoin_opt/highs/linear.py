"""Linear and mixed-integer models as arrays: passed to HiGHS in one call, solved, and read with care.

Every solve has a fresh ``Highs`` object, because options stick to a used one and its clock runs on.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import highspy
import numpy as np

from rocoin_opt.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, IntArray

Option: TypeAlias = bool | int | float | str
SolveStatus: TypeAlias = Literal["optimal", "feasible", "infeasible", "unknown"]
"""How a solve ended, in words that every model shares; what it means for a plan is for the method to say."""

FEASIBILITY_TOLERANCE = 1e-9
"""By how much a solution may miss a constraint or an integer, and a reduced cost its sign; HiGHS allows 1e-10 and up.

Set for all three tolerances; models should be stated in units that make their numbers near 1.
"""
BOUND_SAFETY = 1e-6
"""Relative step, of max(1, |bound|), by which a dual bound is moved to the safe side."""
ENTRY_SECONDS = 3e-6
"""Seconds for each entry of a matrix until HiGHS looks at its clock for the first time: it takes the model over, and
presolves it, at one go. Where they are not left the solve does not begin."""
HEARTBEAT = 1.0
"""Seconds after which a solve reports although nothing has changed."""
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
        or ``unknown`` (stopped without a solution).
    objective : float or None
        Objective of the solution, computed from its rounded values.
    bound : float or None
        Dual bound on the safe side: no solution is better.
    """

    status: SolveStatus
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


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A model ``min or max c x + offset`` with ``row_lower <= A x <= row_upper``, ``lower <= x <= upper``.

    Attributes
    ----------
    sense : {1, -1}
        1 to minimise, -1 to maximise.
    offset : float
        Constant of the objective.
    cost, lower, upper : FloatArray, one a column
        Objective and bounds; infinite where there is none.
    row_lower, row_upper : FloatArray, one a row
        Bounds of the rows; infinite where there is none.
    starts, rows, values : IntArray, IntArray, FloatArray
        The matrix by columns: column i has the entries ``starts[i]`` to ``starts[i + 1]``.
    integral : IntArray, one a column
        1 for integers, 0 for continuous variables.
    """

    sense: int
    offset: float
    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray
    starts: IntArray
    rows: IntArray
    values: FloatArray
    integral: IntArray


def solve_linear(
    model: LinearModel,
    control: Control,
    *,
    options: Mapping[str, Option] | None = None,
    start: Mapping[int, float] | None = None,
) -> tuple[MilpSolution, FloatArray | None]:
    """Solve a linear or mixed-integer model.

    Parameters
    ----------
    model : LinearModel
        With at least one column.
    control : Control
        Time limit, relative gap, threads, seed, the event that stops the solve (Ctrl-C sets it) and progress reports.
    options : mapping, optional
        More HiGHS options by name, other than those that follow from ``control``.
    start : mapping, optional
        Values of some columns, offered as a first solution.

    Returns
    -------
    MilpSolution
        The dual bound of an integer model is moved by ``BOUND_SAFETY * max(1, |bound|)`` to the safe side: HiGHS prunes
        with reduced costs and rows that are right up to :data:`FEASIBILITY_TOLERANCE`, each of which moves a bound by
        the tolerance times the range of a variable, and the sum of these stays far below the step for models of some
        hundred variables of ranges up to some hundred.
    FloatArray or None
        Value of each column, integers rounded; None where there is no solution.

    Raises
    ------
    SolverError
        If an option does not exist, has no such value or follows from ``control``, if the model is unbounded, or if
        HiGHS ends in any other way that means nothing.
    """
    highs = highspy.Highs()
    set_options(highs, control, options or {})
    if not control.has_time_for(ENTRY_SECONDS * len(model.values)):
        return MilpSolution("unknown", None, None), None
    _pass(highs, model)
    if start:
        indices = np.array(list(start), dtype=np.int32)
        highs.setSolution(len(start), indices, np.array(list(start.values()), dtype=np.float64))
    _listen(highs, model.sense, control)
    run(highs, control)
    if highs.getModelStatus() == _STATUS.kSolveError:
        # Presolve can end at a point that misses a row by a hair more than the tolerance.
        set_options(highs, control, {**(options or {}), "presolve": "off"})
        run(highs, control, elapsed=highs.getRunTime())
    return _read(highs, model)


def set_options(highs: Any, control: Control, options: Mapping[str, Option]) -> None:
    """Set the options that follow from the control, then the others; each is checked.

    Parameters
    ----------
    highs : highspy.Highs
        The object that is set up.
    control : Control
        Relative gap, threads, seed and seconds left.
    options : mapping
        More HiGHS options by name.

    Raises
    ------
    SolverError
        If an option does not exist, has no such value or follows from ``control``.
    """
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


def run(highs: Any, control: Control, elapsed: float = 0.0) -> None:
    """Run HiGHS within the time that is left, while no other solve of this process runs.

    Parameters
    ----------
    highs : highspy.Highs
        The object, with its model and options.
    control : Control
        Seconds left, and threads.
    elapsed : float
        Seconds that the object's clock shows: that of a used object runs on.
    """
    with _SCHEDULER.lock:
        highs.setOptionValue("time_limit", elapsed + control.remaining)
        _SCHEDULER.run(highs, control.threads)


def _pass(highs: Any, model: LinearModel) -> None:
    status = highs.passModel(
        len(model.cost),
        len(model.row_lower),
        len(model.values),
        int(highspy.MatrixFormat.kColwise),
        model.sense,
        model.offset,
        model.cost,
        model.lower,
        model.upper,
        model.row_lower,
        model.row_upper,
        model.starts.astype(np.int32),
        model.rows.astype(np.int32),
        model.values.astype(np.float64),
        model.integral.astype(np.int32),
    )
    # A warning means bounds that cross, which the solve then finds infeasible.
    if status == highspy.HighsStatus.kError:
        raise SolverError("HiGHS refused the model: a coefficient is not finite, or 1e15 and more")


def _listen(highs: Any, sense: int, control: Control) -> None:
    told: tuple[tuple[float | None, float | None], float] = ((None, None), -HEARTBEAT)

    def on_event(kind: Any, _message: str, out: Any, into: Any, _data: Any) -> None:
        nonlocal told
        # Being in Python at all also lets a pending Ctrl-C run its handler, which sets the event.
        if control.stopped:
            into.user_interrupt = True
        if kind == highspy.cb.HighsCallbackType.kCallbackMipInterrupt:
            state, now = (_known(out.mip_primal_bound), _safe(out.mip_dual_bound, sense)), control.elapsed
            # News at once, and a sign of life now and then.
            if state != told[0] or now - told[1] >= HEARTBEAT:
                told = (state, now)
                control.tell(*state)

    highs.setCallback(on_event, None)
    for kind in _INTERRUPTIBLE:
        highs.startCallback(kind)


def _read(highs: Any, model: LinearModel) -> tuple[MilpSolution, FloatArray | None]:
    status, info = highs.getModelStatus(), highs.getInfo()
    if status == _STATUS.kInfeasible:
        return MilpSolution("infeasible", None, None), None
    if status != _STATUS.kOptimal and status not in _LIMITS:
        raise SolverError(f"HiGHS ended with: {highs.modelStatusToString(status)}")
    has_solution = info.primal_solution_status == highspy.kSolutionStatusFeasible
    values = _rounded(model, highs.getSolution().col_value) if has_solution else None
    objective = None if values is None else float(model.cost @ values + model.offset)
    if model.integral.any():
        bound = _safe(info.mip_dual_bound, model.sense)
    else:
        bound = _safe(info.objective_function_value, model.sense) if status == _STATUS.kOptimal else None
    if status == _STATUS.kOptimal:
        return MilpSolution("optimal", objective, bound), values
    return MilpSolution("feasible" if has_solution else "unknown", objective, bound), values


def _rounded(model: LinearModel, values: Any) -> FloatArray:
    raw = np.asarray(values, dtype=np.float64)
    point: FloatArray = np.where(model.integral > 0, np.rint(raw), raw)
    if np.abs(point - raw).max() > INTEGER_TOLERANCE:
        raise SolverError("HiGHS returned a fraction for an integer variable")
    return point


def _known(value: float) -> float | None:
    return value if abs(value) < highspy.kHighsInf else None


def _safe(bound: float, sense: int) -> float | None:
    """The bound moved to the safe side: down for a minimum, up for a maximum."""
    known = _known(bound)
    return None if known is None else known - sense * BOUND_SAFETY * max(1.0, abs(known))
