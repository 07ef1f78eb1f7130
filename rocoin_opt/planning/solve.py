"""The one way to a plan: ``solve`` runs a method, checks and values whatever it returns, and says what is proved."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.control import Control, Recorder, Report, stopped_by_interrupt
from rocoin_opt.errors import CertificateError
from rocoin_opt.exact import sized_parts
from rocoin_opt.failure import check, evaluate, evaluate_known, is_untied, value_of
from rocoin_opt.grouping import combinatorial_bound, reasons_for_infeasibility, reasons_for_no_guarantee
from rocoin_opt.instance import given_instance
from rocoin_opt.knowledge import contiguous_partition
from rocoin_opt.plan import (
    FIGURES,
    Metrics,
    Objective,
    Outcome,
    Plan,
    Result,
    StartRepair,
    has_queues,
    plan_in,
    with_filters,
    without_filters,
)
from rocoin_opt.planning.behind_latency import settled
from rocoin_opt.planning.conflicts.why_not import can_be_explained, conflict_of, what_is_known
from rocoin_opt.planning.methods import can_be_valued, mended, no_worse
from rocoin_opt.planning.min_success import surely_begun, with_min_success, with_time_kept
from rocoin_opt.planning.request import Request, certified_bound, is_closed, require_certified
from rocoin_opt.planning.workers.team import Team

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan, Termination
    from rocoin_opt.planning.methods import Method

NOT_KEPT = "no guarantee: some group of this plan does not keep the outage limit by any time"
NOT_REACHED = "success_level: this plan never answers with so high a probability"
TIED = "too many failure domains tie the groups together for figures of the whole answer: simulate them with evaluate"
QUEUED = "too many devices are tied together by channels for figures of the whole answer: simulate them with evaluate"
BOUNDING = 0.1
"""Seconds behind the limit that the counting bound may take where it is not known yet: enough for 1,000 devices."""
UNVALUED = "the time was up before the exact value of this plan was computed; evaluate it without a limit"


def solve(
    instance: Instance | str | Path,
    method: str | Method = "auto",
    objective: Objective = "guaranteed",
    *,
    time_limit: float | None = None,
    gap: float = 0.0,
    seed: int = 0,
    threads: int = 1,
    start: Plan | HasPlan | None = None,
    latency_only: bool = False,
    explicit_filters: bool = False,
    criterion: str = "ncut",
    prefer: str = "reliability",
    polish: float | None = None,
    explain: bool = True,
    workers: int = 1,
    report: Report | None = None,
) -> Result:
    """Find a plan, check it, compute its figures, and state what is proven.

    Parameters
    ----------
    instance : Instance, str or Path
        The instance, or the path of its file.
    method : str or Method
        A name of :data:`METHODS`, or a method of your own under another name. What it returns is
        checked and evaluated like that of any other.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        What to minimise.
    time_limit : float, optional
        Seconds after which the best plan so far is returned.
    gap : float
        Relative gap at which the search may stop.
    seed : int
        Seed of every random choice.
    threads : int
        Threads of the mathematical programming solver.
    start : Plan, Result or other holder of a plan, optional
        A plan to improve on; the result is never worse. Its filters are kept where the result has its very groups,
        students and sizes, and chosen anew otherwise. A plan that misses limits or breaks rules is repaired first, or
        ignored if that fails; the result says so.
    latency_only : bool
        Whether to optimise latency only. Otherwise the methods that prove latency go on behind it: better partition
        where there is a graph, then what is preferred.
    explicit_filters : bool
        Whether to name the filters of each part although the instance has no graph to choose by; with a graph
        the filters are always explicit.
    criterion : {'ncut', 'cut', 'resilient'}
        Criterion for partitions if the instance has a graph; ``resilient`` takes the class affinities, or
        estimates them from the graph if the instance has none.
    prefer : {'reliability', 'work', 'energy'}
        What decides among plans of equal latency and partition: the least failure probability of the whole answer,
        for which idle devices join groups, and then the fewest device-seconds of work; or the fewest device-seconds, or
        joules, and then the most reliability left in the spares.
    polish : float, optional
        Largest number of seconds for the criteria behind latency; no such limit by default, so that the same
        arguments give the same plan on every machine.
    explain : bool
        Whether to find out, if there is no plan, which requirements and rules cannot hold together, within ten
        seconds and the time limit. The baselines never do.
    workers : int
        Processes that search for the least latency at the same time, this one included: beside ``exact``, or ``auto``,
        the others run local search, the joint model and more packings, and all share plans and bounds. With one, the
        same arguments give the same plan; with more a proven value is the same, but which plan of that value depends
        on which process is first. For constant latencies without failure domains, rules and shared channels.
    report : callable, optional
        Called with a :class:`~rocoin_opt.control.Progress` from time to time: the best value and bound so far.

    Returns
    -------
    Result
        With a valid plan, or None and the reasons. Ctrl-C ends the search early and keeps the best plan.

    Raises
    ------
    InputError
        If an option is outside of its range, or ``start`` names what the instance does not have, or a device twice:
        with every violation.
    UnsupportedError
        If the method or the objective does not support the instance, or the method cannot start from a plan.
    CertificateError
        If the method returned an invalid plan or bound, which is a defect.

    Examples
    --------
    >>> result = ro.solve(instance, "greedy")
    >>> result.plan == plan, result.objective_value >= result.lower_bound
    (True, True)
    """
    instance = given_instance(instance)
    recorder = Recorder(report)
    control = Control.starting_now(time_limit=time_limit, gap=gap, seed=seed, threads=threads, report=recorder.report)
    request = Request(
        instance=instance,
        control=control,
        method=method,
        objective=objective,
        start=None if start is None else plan_in(start, "start"),
        latency_only=latency_only,
        explicit_filters=explicit_filters,
        criterion=criterion,
        prefer=prefer,
        polish=polish,
        workers=workers,
    )
    result = answer(request)
    if explain and result.plan is None and request.solver.surer is not None:
        # A method without one plans blind: what it misses is its own doing.
        result = _explained(request, result)
    trace = recorder.certified(result.wall_seconds, result.objective_value, result.lower_bound)
    return replace(result, trace=trace)


def answer(request: Request) -> Result:
    """Solve as one step of a longer search, whose limits and reports count; see :func:`solve`."""
    request = request.accepted()
    instance, gain, repair, given = request.instance, None, None, request.start
    with stopped_by_interrupt(request.control):
        broken = () if given is None else check(instance, given)
        if given is not None and broken:
            request = replace(request, start=mended(instance, request.objective, given, request.control))
        # A valid start is proof enough that there is a plan.
        reasons = () if request.start is not None else reasons_for_infeasibility(instance)
        if request.start is None and request.objective == "guaranteed" and not reasons:
            reasons = reasons_for_no_guarantee(instance)
        if reasons:
            outcome = Outcome(None, infeasible=True, reasons=reasons)
        else:
            begun = surely_begun(request)
            outcome = begun if isinstance(begun, Outcome) else with_min_success(begun, _searched(with_time_kept(begun)))
            if not request.latency_only:
                outcome, gain = settled(request, outcome)
        plan = outcome.plan
        if plan is not None:
            plan = _with_filters(request, plan)
    if given is not None and broken:
        repair = StartRepair.of(instance, given, broken, None if request.start is None else plan)
    return replace(_certified(request, outcome, plan), reinforcement=gain, repair=repair)


def _explained(request: Request, result: Result) -> Result:
    """Add what stands in the way of a plan, if the time allows."""
    if request.control.exhausted or not can_be_explained(request.instance, request.objective):
        return result
    control = request.control.entering("conflict").silent()
    with stopped_by_interrupt(control):
        if result.termination != "infeasible":
            known = what_is_known(request.instance, request.objective, control)
            return replace(result, reasons=(*result.reasons, *known))
        conflict = conflict_of(request.instance, request.objective, control, is_proven=True)
    if conflict is None or not conflict.members:
        return result
    return replace(result, conflict=conflict, reasons=(*result.reasons, *conflict.sentences))


def _searched(request: Request) -> Outcome:
    """Run the method, from a start where there is one; what it returns is never worse than the start."""
    instance, objective, start = request.instance, request.objective, request.start
    if start is not None:
        # Methods choose groups, students and sizes; filters that were left on a changed group would be wrong.
        start = without_filters(start)
        if can_be_valued(instance, start, [objective], request.control):
            request.control.tell(value_of(instance, start, objective), None)
    outcome = _run(request, start)
    # Checked before it is compared: an invalid plan may have any value.
    require_certified(f"{request.solver.name} returned", instance, outcome.plan, searched=True)
    if start is not None:
        rivals = (start, outcome.plan or start)
        if not all(can_be_valued(instance, rival, [objective], request.control) for rival in rivals):
            # Which one is better nobody knows in time.
            return replace(outcome, plan=start, infeasible=False, reasons=())
    return no_worse(instance, objective, outcome, start)


def _run(request: Request, start: Plan | None) -> Outcome:
    if request.workers == 1:
        return _run_here(request, start)
    with Team(request, start) as team:
        return team.joined(_run_here(replace(request, control=team.control), start))


def _run_here(request: Request, start: Plan | None) -> Outcome:
    instance, objective, control, method = request.instance, request.objective, request.control, request.solver
    if instance.shared_channels and method.run_channels is not None:
        outcome = method.run_channels(instance, objective, control, start)
    elif instance.is_restricted and method.run_restricted is not None:
        outcome = method.run_restricted(instance, objective, control, start)
    elif instance.has_random_latencies and method.run_random is not None:
        outcome = method.run_random(instance, objective, control, start)
    elif start is None or method.improve is None:
        outcome = method.run(instance, objective, control)
    else:
        outcome = method.improve(instance, objective, control, start)
    # A method of a user's own may forget its last line.
    if not isinstance(outcome, Outcome):
        raise CertificateError(f"{method.name} returned {type(outcome).__name__}, not an Outcome")
    return outcome


def _with_filters(request: Request, plan: Plan) -> Plan:
    instance, start = request.instance, request.start
    if all(group.filters is not None for group in plan.groups):
        return plan
    # The very plan that was given keeps the filters that it came with.
    if start is not None and start.groups[0].filters is not None and plan == without_filters(start):
        return start
    if instance.knowledge.graph is not None:
        return with_filters(instance, plan, sized_parts(instance, request.criterion, plan.sizes, request.control))
    return with_filters(instance, plan, contiguous_partition(plan.sizes)) if request.explicit_filters else plan


def _certified(request: Request, outcome: Outcome, plan: Plan | None) -> Result:
    instance, objective, whose = request.instance, request.objective, f"{request.solver.name} returned"
    require_certified(whose, instance, plan)
    if plan is not None and outcome.infeasible:
        raise CertificateError(f"{request.solver.name} found no plan possible where there is one")
    in_time = plan is None or can_be_valued(instance, plan, [objective], request.control)
    metrics = None if plan is None else _figures(request, plan) if in_time else Metrics()
    value = None if metrics is None else metrics.value(objective)
    bounds = [] if outcome.infeasible else [outcome.lower_bound]
    if bounds and not instance.has_random_latencies:
        # A slowdown factor may be below 1, so that this bound holds for constants alone.
        moment = request.control.a_moment_longer(BOUNDING)
        bounds.append(combinatorial_bound(instance, objective, lambda: moment.exhausted))
    bound = max((b for b in bounds if b is not None), default=None)
    if value is not None and bound is not None:
        bound = certified_bound(whose, bound, value)
    reasons = outcome.reasons
    if not in_time:
        reasons = (*reasons, UNVALUED)
    elif plan is not None and not instance.has_random_latencies and not is_untied(instance, plan):
        reasons = (*reasons, QUEUED if has_queues(instance, plan) else TIED)
    elif plan is not None and value is None and not reasons:
        reasons = (NOT_REACHED if objective == "quantile" else NOT_KEPT,)
    return Result(
        instance=instance,
        plan=plan,
        method=request.solver.name,
        objective=objective,
        termination=_termination(plan, value, bound, outcome.infeasible),
        objective_value=value,
        lower_bound=bound,
        metrics=metrics,
        reasons=reasons,
        wall_seconds=request.control.elapsed,
        seed=request.control.seed,
        phases=() if plan is None else outcome.phases,
    )


def _figures(request: Request, plan: Plan) -> Metrics:
    """All figures of a plan, or that of the objective alone where the time is short."""
    instance, objective, control = request.instance, request.objective, request.control
    # Without laws all figures together take no time worth saving.
    if not instance.has_random_latencies:
        return evaluate_known(instance, plan)
    value = value_of(instance, plan, objective)
    if can_be_valued(instance, plan, FIGURES, control):
        return evaluate(instance, plan)
    return Metrics.model_validate({FIGURES[objective]: value if value < math.inf else None})


def _termination(plan: Plan | None, value: float | None, bound: float | None, infeasible: bool) -> Termination:
    if plan is None:
        return "infeasible" if infeasible else "no_plan"
    return "optimal" if is_closed(value, bound) else "feasible"
