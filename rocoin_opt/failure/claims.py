"""What a plan file claims of its plan: written as the evaluator computes it, and held against that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.failure.evaluation import evaluate_known
from rocoin_opt.plan import (
    MEASURED,
    WITHOUT_UNIT,
    Result,
    Violation,
    plan_document,
    plan_in,
    relative_gap,
    result_document,
    write_plan_document,
)

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan, Metrics, Plan, PlanDocument

CLAIM_TOLERANCE = 1e-9
"""Relative difference that a claimed figure may have from the computed one: another machine's rounding."""
NEAR_ZERO = frozenset({"failure_probability", "missing_share"})
"""Figures of which a difference below the tolerance may be all there is: they are compared relatively only."""


def write_plan(path: str | Path, instance: Instance, result: Result | Plan | HasPlan) -> None:
    """Write a plan with its figures, and for a result how it was found, atomically.

    Parameters
    ----------
    path : str or Path
        File to write; an existing file is replaced.
    instance : Instance
        What the plan is for.
    result : Result, Plan or other holder of a plan
        What to write: of a result the plan, its figures and how it was found; of a plan, or a point of a frontier, the
        plan and the figures that can be told exactly. There are none of a plan that cannot be computed.

    Raises
    ------
    InputError
        If the file cannot be written.
    ValueError
        If the result holds no plan.

    Examples
    --------
    >>> ro.write_plan("fleet.plan.json", instance, ro.solve(instance, "greedy"))
    >>> ro.read_plan("fleet.plan.json", instance) == plan
    True
    """
    if getattr(result, "plan", result) is None:
        raise ValueError("there is no plan to write")
    if isinstance(result, Result):
        document = result_document(instance, result)
    else:
        plan = plan_in(result)
        document = plan_document(instance, plan, _figures(instance, plan))
    write_plan_document(path, document)


def _figures(instance: Instance, plan: Plan) -> Metrics | None:
    try:
        return evaluate_known(instance, plan)
    except (InputError, UnsupportedError):
        # Whoever asks for its figures is told why; a file may hold it all the same.
        return None


def check_claims(instance: Instance, document: PlanDocument) -> tuple[Violation, ...]:
    """Find every claim of a plan file that the instance and the evaluator refute.

    Parameters
    ----------
    instance : Instance
        The instance.
    document : PlanDocument
        A file whose plan is valid, see :func:`rocoin_opt.check`.

    Returns
    -------
    tuple of Violation
        Empty when fingerprint, figures, objective value, gap and termination agree with what is computed anew.
    """
    reference = document.instance
    violations = []
    if reference.name != instance.name:
        violations.append(Violation("claim", "instance.name", reference.name, instance.name))
    if reference.sha256 != instance.sha256:
        since = "" if violations else ": the instance has changed since"
        violations.append(Violation("claim", "instance.sha256", reference.sha256, instance.sha256 + since))
    # Figures for another instance are no lies, and a plan made by hand claims none.
    if not violations and (document.metrics is not None or document.solve is not None):
        violations += _false_figures(document, evaluate_known(instance, document.plan))
    return tuple(violations)


def _false_figures(document: PlanDocument, computed: Metrics) -> list[Violation]:
    violations = []
    claims = {} if document.metrics is None else document.metrics.model_dump(exclude_unset=True, exclude=set(MEASURED))
    for name, claimed in claims.items():
        violations += _compare(f"metrics.{name}", claimed, getattr(computed, name), is_near_zero=name in NEAR_ZERO)
    record = document.solve
    if record is None:
        return violations
    value, bound = computed.value(record.objective), record.lower_bound
    is_share = record.objective in WITHOUT_UNIT
    gap = relative_gap(value, bound)
    # A plan that there was no time to value claims neither.
    if claims or document.metrics is None or record.objective_value is not None:
        violations += _compare("solve.objective_value", record.objective_value, value, is_near_zero=is_share)
        violations += _compare("solve.gap", record.gap, gap)
    if record.termination in ("infeasible", "no_plan"):
        violations.append(Violation("claim", "solve.termination", record.termination, "optimal or feasible"))
    if record.termination == "optimal" and (gap is None or gap > CLAIM_TOLERANCE):
        violations.append(Violation("claim", "solve.termination", "optimal", "feasible, as the gap is open"))
    if bound is not None and value is not None and bound > value * (1 + CLAIM_TOLERANCE):
        violations.append(Violation("claim", "solve.lower_bound", bound, value, "" if is_share else "s"))
    return violations


def _compare(
    where: str, claimed: float | None, computed: float | None, *, is_near_zero: bool = False
) -> list[Violation]:
    if claimed is None or computed is None:
        agree = claimed is computed
    else:
        least = 0.0 if is_near_zero else CLAIM_TOLERANCE
        agree = math.isclose(claimed, computed, rel_tol=CLAIM_TOLERANCE, abs_tol=least)
    if agree:
        return []
    found, allowed = ("null" if figure is None else figure for figure in (claimed, computed))
    return [Violation("claim", where, found, allowed)]
