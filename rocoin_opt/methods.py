"""The one way to a plan: ``solve`` runs a method, checks and values whatever it returns, and says what is proved."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.control import Control, Recorder, Report, stopped_by_interrupt, terminated
from rocoin_opt.errors import CertificateError, InputError, Problem, UnsupportedError
from rocoin_opt.exact.bounds import combinatorial_bound
from rocoin_opt.exact.infeasible import reasons_for_infeasibility, reasons_for_no_guarantee
from rocoin_opt.exact.part_search import sized_parts
from rocoin_opt.failure.evaluation import evaluate, value_of
from rocoin_opt.knowledge.criteria import CRITERIA
from rocoin_opt.knowledge.sizes import contiguous_partition
from rocoin_opt.plan.check import check, require_valid
from rocoin_opt.plan.filters import with_filters, without_filters
from rocoin_opt.plan.latency import OBJECTIVES, Objective
from rocoin_opt.plan.metrics import Metrics, require_objective
from rocoin_opt.plan.model import Plan
from rocoin_opt.plan.result import Outcome, Result, Termination, relative_gap
from rocoin_opt.registry import METHODS, THRESHOLD_OBJECTIVES, Method, can_be_valued, no_worse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance.model import Instance


UNVALUED = "the time was up before the exact value of this plan was computed; evaluate it without a limit"
CLOSED_GAP = 1e-9
"""Relative gap below which value and bound differ by rounding only."""


def solve(
    instance: Instance,
    method: str | Method = "auto",
    objective: Objective = "guaranteed",
    *,
    time_limit: float | None = None,
    gap: float = 0.0,
    seed: int = 0,
    threads: int = 1,
    start: Plan | None = None,
    latency_only: bool = False,
    explicit_filters: bool = False,
    criterion: str = "ncut",
    report: Report | None = None,
) -> Result:
    """Find a plan, check it, value it, and say what is proved.

    Parameters
    ----------
    instance : Instance
        What is given.
    method : str or Method
        A name of :data:`METHODS`, or a method of your own under a name that none of these has. What it returns is
        checked and valued like any other's.
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
    start : Plan, optional
        A valid plan to improve on; the result is never worse. Its filters are kept where the result has its very
        groups, students and sizes, and chosen anew otherwise.
    latency_only : bool
        Whether to stop after latency. Otherwise the methods that prove latency go on behind it: better partition
        where there is a graph, then fewer device-seconds of work, then more spare reliability.
    explicit_filters : bool
        Whether to say which filters each part holds although the instance has no graph to choose by; with a graph
        the filters are always explicit.
    criterion : {'ncut', 'cut', 'resilient'}
        What partitions are judged by where the instance has a graph; ``resilient`` takes the class affinities, or
        estimates them from the graph where the instance has none.
    report : callable, optional
        Called with a :class:`~rocoin_opt.control.Progress` now and then: the best value and bound so far.

    Returns
    -------
    Result
        With a valid plan, or None and the reasons. Ctrl-C ends the search early and keeps the best plan.

    Raises
    ------
    InputError
        If an option is outside of its range, or ``start`` is not valid: with every violation.
    UnsupportedError
        If the method or the objective cannot honour the instance, or the method cannot start from a plan.
    CertificateError
        If the method returned an invalid plan or bound: a defect, which never passes silently.
    """
    recorder = Recorder(report)
    control = Control.starting_now(time_limit=time_limit, gap=gap, seed=seed, threads=threads, report=recorder.report)
    result = solve_under(
        control,
        instance,
        method,
        objective,
        start=start,
        latency_only=latency_only,
        explicit_filters=explicit_filters,
        criterion=criterion,
    )
    trace = recorder.certified(result.wall_seconds, result.objective_value, result.lower_bound)
    return replace(result, trace=trace)


def solve_under(
    control: Control,
    instance: Instance,
    method: str | Method,
    objective: Objective,
    *,
    start: Plan | None = None,
    latency_only: bool = False,
    explicit_filters: bool = False,
    criterion: str = "ncut",
) -> Result:
    """Solve as one step of a longer search, whose limits and reports count; see :func:`solve`."""
    chosen = _method(method, objective)
    if criterion not in CRITERIA:
        raise InputError("options", [Problem("criterion", repr(criterion), f"one of {', '.join(CRITERIA)}")])
    require_objective(instance, objective)
    _require_honoured(instance, chosen)
    if instance.has_shared_failures:
        raise UnsupportedError(f"{instance.name}: no method honours failure domains yet")
    if start is not None:
        start = _canonical_start(instance, chosen, start)
    with stopped_by_interrupt(control):
        # A valid start is proof enough that there is a plan.
        reasons = () if start is not None else reasons_for_infeasibility(instance)
        if start is None and objective == "guaranteed" and not reasons:
            reasons = reasons_for_no_guarantee(instance)
        if reasons:
            outcome = Outcome(None, infeasible=True, reasons=reasons)
        else:
            outcome = _outcome(instance, chosen, objective, control, start)
            if not latency_only:
                outcome = _settled(instance, chosen, objective, control, outcome, criterion)
        plan = outcome.plan
        if plan is not None:
            plan = _with_filters(instance, plan, start, control, criterion, explicit=explicit_filters)
    return _certified(instance, chosen, objective, outcome, plan, control)


def compare(
    instance: Instance,
    methods: Sequence[str | Method],
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

    Parameters
    ----------
    instance : Instance
        What is given.
    methods : sequence of str or Method
        Names of the registry, or methods of one's own, in the order of the results.
    objective : {'guaranteed', 'expected', 'nominal', 'worst'}
        What each of them minimises.
    time_limit : float, optional
        Seconds for each method.
    seed, threads, report
        As for :func:`solve`.

    Returns
    -------
    tuple of Result
        One a method, and one more where a method was solved once more without the outage limit. Once SIGTERM has
        stopped a search, no other one begins: the results so far are all.

    Raises
    ------
    InputError, UnsupportedError, CertificateError
        As for :func:`solve`.
    """
    if not methods:
        raise InputError("options", [Problem("methods", "none", f"some of {', '.join(METHODS)}")])
    results = []
    for method in methods:
        chosen = _method(method, objective)
        variants = [instance]
        while variants:
            variant = variants.pop()
            result = solve(variant, method, objective, time_limit=time_limit, seed=seed, threads=threads, report=report)
            results.append(result)
            if terminated():
                return tuple(results)
            if result.plan is None and not chosen.redundant and variant is instance:
                variants.append(instance.with_requirements(max_group_outage=1.0))
    return tuple(results)


def _method(wanted: str | Method, objective: Objective) -> Method:
    method = _own(wanted) if isinstance(wanted, Method) else METHODS.get(wanted)
    if method is None:
        raise InputError("options", [Problem("method", repr(wanted), f"one of {', '.join(METHODS)}")])
    if objective not in OBJECTIVES:
        raise InputError("options", [Problem("objective", repr(objective), f"one of {', '.join(OBJECTIVES)}")])
    if objective not in method.objectives:
        raise UnsupportedError(f"{method.name} minimises {', '.join(method.objectives)}, not {objective}")
    return method


def _own(method: Method) -> Method:
    """A method that is given as such; its results must not pass for those of a registered one."""
    if not method.name or METHODS.get(method.name, method) is not method:
        allowed = f"a name other than {', '.join(METHODS)}"
        raise InputError("options", [Problem("method.name", repr(method.name), allowed)])
    return method


def _require_honoured(instance: Instance, method: Method) -> None:
    """Refuse random latencies where a method cannot honour them."""
    if instance.has_random_latencies and method.run_random is None:
        position = next(n for n, device in enumerate(instance.devices) if device.is_random)
        able = ", ".join(other.name for other in METHODS.values() if other.run_random is not None)
        raise UnsupportedError(
            f"{instance.name}: devices[{position}] ({instance.devices[position].id}) has a slowdown law, and "
            f"{method.name} cannot honour random latencies; {able} can"
        )


def _canonical_start(instance: Instance, method: Method, start: Plan) -> Plan:
    """Return the start in canonical order, once it is clear that the method can use it and that it is valid."""
    if method.improve is None:
        able = ", ".join(other.name for other in METHODS.values() if other.improve is not None)
        raise UnsupportedError(f"{method.name} cannot start from a plan; {able} can")
    require_valid(instance, start, "start")
    return Plan.of(instance, start.groups)


def _outcome(instance: Instance, method: Method, objective: Objective, control: Control, start: Plan | None) -> Outcome:
    """Run a method, from a start where there is one; what it returns is never worse than the start."""
    if start is None or method.improve is None:
        outcome = _run(instance, method, objective, control, None)
        _refuse_invalid(instance, method, outcome.plan)
        return outcome
    # Methods choose groups, students and sizes; filters that were left on a changed group would be wrong.
    bare = without_filters(start)
    if can_be_valued(instance, bare, objective, control):
        control.tell(value_of(instance, bare, objective), None)
    outcome = _run(instance, method, objective, control, bare)
    _refuse_invalid(instance, method, outcome.plan)
    if not all(can_be_valued(instance, one, objective, control) for one in (bare, outcome.plan or bare)):
        # Which one is better nobody knows in time.
        return replace(outcome, plan=bare, infeasible=False, reasons=())
    return no_worse(instance, objective, outcome, bare)


def _run(instance: Instance, method: Method, objective: Objective, control: Control, start: Plan | None) -> Outcome:
    outcome = _called(instance, method, objective, control, start)
    # A method of a user's own may forget its last line.
    if not isinstance(outcome, Outcome):
        raise CertificateError(f"{method.name} returned {type(outcome).__name__}, not an Outcome")
    return outcome


def _called(instance: Instance, method: Method, objective: Objective, control: Control, start: Plan | None) -> Outcome:
    if instance.has_random_latencies and method.run_random is not None:
        return method.run_random(instance, objective, control, start)
    if start is None or method.improve is None:
        return method.run(instance, objective, control)
    return method.improve(instance, objective, control, start)


def _settled(
    instance: Instance, method: Method, objective: Objective, control: Control, outcome: Outcome, criterion: str
) -> Outcome:
    """The outcome with what its method prefers among plans of equal latency."""
    plan = outcome.plan
    if plan is None or method.break_ties is None or objective not in THRESHOLD_OBJECTIVES:
        return outcome
    if instance.has_random_latencies:
        # What comes behind latency is stated for constants alone.
        return outcome
    # What is weighed behind latency is no value of the objective.
    settled = method.break_ties(instance, objective, plan, control.silent(), criterion)
    _refuse_invalid(instance, method, settled)
    if value_of(instance, settled, objective) > value_of(instance, plan, objective):
        raise CertificateError(f"{method.name} gave up latency for what comes behind it")
    return replace(outcome, plan=settled)


def _refuse_invalid(instance: Instance, method: Method, plan: Plan | None) -> None:
    violations = () if plan is None else check(instance, plan)
    if violations:
        raise CertificateError(f"{method.name} returned an invalid plan: {'; '.join(map(str, violations))}")


def _with_filters(
    instance: Instance, plan: Plan, start: Plan | None, control: Control, criterion: str, *, explicit: bool
) -> Plan:
    if all(group.filters is not None for group in plan.groups):
        return plan
    if start is not None and start.groups[0].filters is not None and plan == without_filters(start):
        return start
    if instance.knowledge.graph is not None:
        return with_filters(instance, plan, sized_parts(instance, criterion, plan.sizes, control))
    return with_filters(instance, plan, contiguous_partition(plan.sizes)) if explicit else plan


def _certified(
    instance: Instance, method: Method, objective: Objective, outcome: Outcome, plan: Plan | None, control: Control
) -> Result:
    """Check and value what a method returned; nothing that it says of itself is believed."""
    _refuse_invalid(instance, method, plan)
    if plan is not None and outcome.infeasible:
        raise CertificateError(f"{method.name} found no plan possible where there is one")
    in_time = plan is None or can_be_valued(instance, plan, objective, control)
    metrics = None if plan is None else _figures(instance, plan, objective, control) if in_time else Metrics()
    value = None if metrics is None else metrics.value(objective)
    bounds = [] if outcome.infeasible else [outcome.lower_bound]
    if bounds and not instance.has_random_latencies:
        # A slowdown factor may be below 1, so that this bound holds for constants alone.
        bounds.append(combinatorial_bound(instance, objective))
    bound = max((b for b in bounds if b is not None), default=None)
    if value is not None and bound is not None and bound > value:
        if bound > value * (1.0 + CLOSED_GAP):
            raise CertificateError(f"{method.name} returned the bound {bound!r} above the value {value!r}")
        bound = value
    reasons = outcome.reasons
    if not in_time:
        reasons = (*reasons, UNVALUED)
    elif plan is not None and value is None and not reasons:
        reasons = ("no guarantee: some group of this plan does not keep the outage limit by any time",)
    return Result(
        instance=instance,
        plan=plan,
        method=method.name,
        objective=objective,
        termination=_termination(plan, value, bound, outcome.infeasible),
        objective_value=value,
        lower_bound=bound,
        metrics=metrics,
        reasons=reasons,
        wall_seconds=control.elapsed,
        seed=control.seed,
    )


def _figures(instance: Instance, plan: Plan, objective: Objective, control: Control) -> Metrics:
    """All figures of a plan, or that of the objective alone where the time is short."""
    other: Objective = "expected" if objective == "guaranteed" else "guaranteed"
    if not instance.has_random_latencies:
        return evaluate(instance, plan)
    value = value_of(instance, plan, objective)
    if can_be_valued(instance, plan, other, control):
        return evaluate(instance, plan)
    return Metrics.model_validate({f"{objective}_seconds": value if value < math.inf else None})


def _termination(plan: Plan | None, value: float | None, bound: float | None, infeasible: bool) -> Termination:
    if plan is None:
        return "infeasible" if infeasible else "no_plan"
    gap = relative_gap(value, bound)
    return "optimal" if gap is not None and gap <= CLOSED_GAP else "feasible"
