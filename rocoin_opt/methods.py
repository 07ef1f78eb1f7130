"""The one way to a plan: a registry of methods, and ``solve`` that checks and values whatever they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.control import Control, Report, stopped_by_interrupt
from rocoin_opt.errors import CertificateError, InputError, Problem, UnsupportedError
from rocoin_opt.exact.bounds import combinatorial_bound
from rocoin_opt.exact.infeasible import reasons_for_infeasibility
from rocoin_opt.heuristics.baselines.het_nonn import het_nonn
from rocoin_opt.heuristics.baselines.nonn import nonn
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.heuristics.baselines.rocoin import rocoin
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.knowledge.partition import contiguous_partition
from rocoin_opt.knowledge.spectral import spectral_partition
from rocoin_opt.plan.check import check
from rocoin_opt.plan.filters import with_filters
from rocoin_opt.plan.latency import OBJECTIVES, Objective, require_constant_latency
from rocoin_opt.plan.metrics import evaluate, require_objective
from rocoin_opt.plan.result import Outcome, Result, Termination, relative_gap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan

    Run: TypeAlias = Callable[[Instance, Objective, Control], Outcome]

THRESHOLD_OBJECTIVES: tuple[Objective, ...] = ("guaranteed", "nominal", "worst")
CLOSED_GAP = 1e-9
"""Relative gap below which value and bound differ by rounding only."""
MAX_AUTO_MEMBERSHIPS = 256
"""Devices x groups up to which ``auto`` tries ``milp`` without a time limit."""
MAX_AUTO_NODES = 3_000
"""Branch-and-bound nodes that it then spends on one model: about a minute at most, and the same on every machine."""
MAX_AUTO_MEMBERSHIPS_WITH_LIMIT = 5_000
"""The same with a time limit; beyond, the model is too large for ``milp`` to better the greedy plan."""


@dataclass(frozen=True)
class Method:
    """A way to find a plan.

    Attributes
    ----------
    name : str
        Name in the API and on the command line.
    run : callable
        ``run(instance, objective, control) -> Outcome``.
    objectives : tuple of str
        Objectives that it minimises or, for baselines, is scored by.
    summary : str
        One line for people.
    redundant : bool
        Whether it uses replicas. One that does not rarely keeps the outage limit, and comparisons also score it
        without the limit.
    """

    name: str
    run: Run
    objectives: tuple[Objective, ...]
    summary: str
    redundant: bool = True


def _milp(instance: Instance, objective: Objective, control: Control) -> Outcome:
    # Pyomo and HiGHS take a second to import: only here.
    from rocoin_opt.exact.milp import milp

    return milp(instance, objective, control, greedy(instance, objective, control.silent()).plan)


def _auto(instance: Instance, objective: Objective, control: Control) -> Outcome:
    outcome = greedy(instance, objective, control)
    if objective not in THRESHOLD_OBJECTIVES or _gap(instance, objective, outcome) == 0.0:
        return outcome
    size = len(instance.devices) * instance.max_groups
    limited = control.remaining < float("inf")
    if size > (MAX_AUTO_MEMBERSHIPS_WITH_LIMIT if limited else MAX_AUTO_MEMBERSHIPS):
        return outcome
    from rocoin_opt.exact.milp import milp

    return milp(
        instance, objective, control, outcome.plan, options={} if limited else {"mip_max_nodes": MAX_AUTO_NODES}
    )


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("auto", _auto, OBJECTIVES, "the best there is: greedy, then milp where the size allows a proof"),
        Method("milp", _milp, THRESHOLD_OBJECTIVES, "one mixed-integer model for everything, proven optimal"),
        Method("greedy", greedy, OBJECTIVES, "threshold search with groups built one after another; fast"),
        Method("rocoin", rocoin, OBJECTIVES, "baseline: follow the leader, normalised cut, Kuhn-Munkres"),
        Method("nonn", nonn, OBJECTIVES, "baseline: one device a part, equal students, no redundancy", redundant=False),
        Method("het-nonn", het_nonn, OBJECTIVES, "baseline: nonn with students fitted to the devices", redundant=False),
        Method("random", random_plan, OBJECTIVES, "baseline: a random feasible plan"),
    )
}


def solve(
    instance: Instance,
    method: str = "auto",
    objective: Objective = "guaranteed",
    *,
    time_limit: float | None = None,
    gap: float = 0.0,
    seed: int = 0,
    threads: int = 1,
    explicit_filters: bool = False,
    report: Report | None = None,
) -> Result:
    """Find a plan, check it, value it, and say what is proved.

    Parameters
    ----------
    instance : Instance
        What is given.
    method : str
        A name of :data:`METHODS`.
    objective : {'guaranteed', 'expected', 'nominal', 'worst'}
        What to minimise, in seconds.
    time_limit : float, optional
        Seconds after which the best plan so far is returned.
    gap : float
        Relative gap at which the search may stop.
    seed : int
        Seed of every random choice.
    threads : int
        Threads of the mathematical programming solver.
    explicit_filters : bool
        Whether to say which filters each part holds although the instance has no graph to choose by; with a graph
        the filters are always explicit.
    report : callable, optional
        Called with a :class:`~rocoin_opt.control.Progress` now and then.

    Returns
    -------
    Result
        With a valid plan, or None and the reasons. Ctrl-C ends the search early and keeps the best plan.

    Raises
    ------
    InputError
        If an option is outside of its range.
    UnsupportedError
        If the method or the objective cannot honour the instance.
    CertificateError
        If the method returned an invalid plan or bound: a defect, which never passes silently.
    """
    chosen = _method(method, objective)
    require_objective(instance, objective)
    require_constant_latency(instance)
    if instance.has_shared_failures:
        raise UnsupportedError(f"{instance.name}: no method honours failure domains yet")
    control = Control.starting_now(time_limit=time_limit, gap=gap, seed=seed, threads=threads, report=report)
    with stopped_by_interrupt(control):
        reasons = reasons_for_infeasibility(instance)
        if reasons:
            outcome = Outcome(None, infeasible=True, reasons=reasons)
        else:
            outcome = chosen.run(instance, objective, control)
        plan = None if outcome.plan is None else _with_filters(instance, outcome.plan, explicit_filters, seed)
    return _certified(instance, chosen, objective, outcome, plan, control)


def compare(
    instance: Instance,
    methods: Sequence[str],
    objective: Objective = "guaranteed",
    *,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int = 1,
    report: Report | None = None,
) -> tuple[Result, ...]:
    """Solve an instance by several methods, all scored by the same evaluator; see :func:`solve`.

    A method without redundancy that cannot keep the outage limit is solved once more without the limit, so that it
    can be scored at all: that result's instance has ``max_group_outage`` 1.
    """
    if not methods:
        raise InputError("options", [Problem("methods", "none", f"some of {', '.join(METHODS)}")])
    results = []
    for name in methods:
        chosen = _method(name, objective)
        variants = [instance]
        while variants:
            variant = variants.pop()
            result = solve(variant, name, objective, time_limit=time_limit, seed=seed, threads=threads, report=report)
            results.append(result)
            if result.plan is None and not chosen.redundant and variant is instance:
                variants.append(instance.with_requirements(max_group_outage=1.0))
    return tuple(results)


def _method(name: str, objective: Objective) -> Method:
    if name not in METHODS:
        raise InputError("options", [Problem("method", repr(name), f"one of {', '.join(METHODS)}")])
    if objective not in OBJECTIVES:
        raise InputError("options", [Problem("objective", repr(objective), f"one of {', '.join(OBJECTIVES)}")])
    method = METHODS[name]
    if objective not in method.objectives:
        raise UnsupportedError(f"{name} minimises {', '.join(method.objectives)}, not {objective}")
    return method


def _with_filters(instance: Instance, plan: Plan, explicit: bool, seed: int) -> Plan:
    if all(group.filters is not None for group in plan.groups):
        return plan
    graph = instance.knowledge.graph
    if graph is not None:
        weights = graph.dense(instance.knowledge.num_filters)
        return with_filters(instance, plan, spectral_partition(weights, plan.sizes, len(plan.sizes), seed))
    return with_filters(instance, plan, contiguous_partition(plan.sizes)) if explicit else plan


def _certified(
    instance: Instance, method: Method, objective: Objective, outcome: Outcome, plan: Plan | None, control: Control
) -> Result:
    """Check and value what a method returned; nothing that it says of itself is believed."""
    if plan is not None:
        violations = check(instance, plan)
        if violations:
            raise CertificateError(f"{method.name} returned an invalid plan: {'; '.join(map(str, violations))}")
    metrics = None if plan is None else evaluate(instance, plan)
    value = None if metrics is None else metrics.value(objective)
    bounds = [] if outcome.infeasible else [outcome.lower_bound, combinatorial_bound(instance, objective)]
    bound = max((b for b in bounds if b is not None), default=None)
    if value is not None and bound is not None and bound > value:
        if bound > value * (1.0 + CLOSED_GAP):
            raise CertificateError(f"{method.name} returned the bound {bound!r} above the value {value!r}")
        bound = value
    return Result(
        instance=instance,
        plan=plan,
        method=method.name,
        objective=objective,
        termination=_termination(plan, value, bound, outcome.infeasible),
        objective_value=value,
        lower_bound=bound,
        metrics=metrics,
        reasons=outcome.reasons,
        wall_seconds=control.elapsed,
        seed=control.seed,
    )


def _termination(plan: Plan | None, value: float | None, bound: float | None, infeasible: bool) -> Termination:
    if plan is None:
        return "infeasible" if infeasible else "no_plan"
    gap = relative_gap(value, bound)
    return "optimal" if gap is not None and gap <= CLOSED_GAP else "feasible"


def _gap(instance: Instance, objective: Objective, outcome: Outcome) -> float | None:
    if outcome.plan is None:
        return None
    return relative_gap(evaluate(instance, outcome.plan).value(objective), outcome.lower_bound)
