"""What solve does behind latency: the plan that is preferred of those that answer equally early, and what it gained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.control import Control
from rocoin_opt.errors import CertificateError
from rocoin_opt.failure import missed_success, value_of
from rocoin_opt.grouping import ThresholdProblem
from rocoin_opt.heuristics import descend_failure, descend_work, seconds_to_begin
from rocoin_opt.plan import (
    CLOSED_GAP,
    THRESHOLD_OBJECTIVES,
    Outcome,
    Phase,
    Reinforcement,
    indexed_groups,
    plan_of,
    relative_gap,
    structural_violations,
)
from rocoin_opt.planning.methods import settled_on_channels, settled_under_rules
from rocoin_opt.planning.request import certified_bound, require_certified

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan
    from rocoin_opt.planning.request import Request


MOMENT, LONGEST_MOMENT = 0.2, 0.5
"""Seconds that idle devices may take to join the groups that they help where the time is up, beside those that it takes
to begin, and with these."""
SHORT_MOMENT = 0.2
"""Seconds that it may take, where the time is up, to say which devices the outage limit does not need."""
MOST_IN_A_MOMENT = 2_000
"""Devices of a fleet up to which that is known in such a moment."""


def settled(request: Request, outcome: Outcome) -> tuple[Outcome, Reinforcement | None]:
    """Go on to what the request prefers among plans of equal latency, where its method can.

    Parameters
    ----------
    request : Request
        What is asked for.
    outcome : Outcome
        What the method found, with a checked plan.

    Returns
    -------
    Outcome, Reinforcement or None
        The plan that is best behind latency with the bound on the objective as it was; and what its further replicas
        are for, where they were chosen and that is known.

    Raises
    ------
    CertificateError
        If the plan is not valid, is later than the given one, or fails less than its bound allows.
    """
    instance, objective, method, plan = request.instance, request.objective, request.solver, outcome.plan
    if plan is None or instance.has_random_latencies:
        # What comes behind latency is stated for constants alone.
        return outcome, None
    if request.control.exhausted:
        return _with_spares_at_once(request, outcome, plan), None
    control = request.control.within(request.polish)
    is_latency = objective in THRESHOLD_OBJECTIVES
    if is_latency:
        # Some methods tell nothing of what they found first: what comes next is to be seen beside it.
        request.control.tell(value_of(instance, plan, objective), outcome.lower_bound)
    if instance.shared_channels:
        if method.reinforce is None or not is_latency:
            return outcome, None
        control = control.entering("reliability" if request.preferred == "reliability" else "work")
        found = settled_on_channels(instance, objective, plan, control, request.preferred)
        kept = _kept(request, outcome, found.plan or plan)
        return replace(kept, phases=(_phase_under_rules(instance, found, control),)), None
    if instance.limits_energy:
        # Where the best plan without the limit keeps it, there is no better one; further replicas may break it.
        free = instance.with_requirements(max_energy_joules=None)
        settled_free, gain = settled(replace(request, instance=free, control=control, polish=None), outcome)
        if settled_free.plan is not None and not structural_violations(instance, settled_free.plan):
            return settled_free, gain
    if instance.is_restricted:
        if method.reinforce is None or not is_latency:
            return outcome, None
        control = control.entering("reliability" if request.preferred == "reliability" else "work")
        found = settled_under_rules(instance, objective, plan, control, request.preferred)
        found = replace(found, phases=(_phase_under_rules(instance, found, control),))
    elif method.reinforce is not None and (request.prefer == "reliability" or not is_latency):
        found = method.reinforce(instance, objective, plan, control, request.criterion)
    elif method.break_ties is not None and is_latency:
        # Methods of a user's own that know of no energy take five arguments.
        energy = ["energy"] if request.preferred == "energy" else []
        tied = method.break_ties(instance, objective, plan, control, request.criterion, *energy)
        found = tied if isinstance(tied, Outcome) else Outcome(tied)
    else:
        return outcome, None
    after = found.plan or plan
    kept = _kept(request, outcome, after)
    gain = None
    if kept is outcome:
        return outcome, None
    if is_latency and request.prefer == "reliability" and method.reinforce is not None and not instance.is_restricted:
        gain = _reinforcement(replace(request, control=control), after, found.lower_bound)
    return replace(kept, phases=found.phases), gain


def _with_spares_at_once(request: Request, outcome: Outcome, plan: Plan) -> Outcome:
    """The outcome where idle devices have joined the groups that they help, whatever the clock says; a moment's work.

    Parameters
    ----------
    request : Request
        What is asked for.
    outcome : Outcome
        What the method found.
    plan : Plan
        Its plan.
    """
    instance, objective, most = request.instance, request.objective, len(plan.spares) * len(plan.groups)
    is_wanted = request.prefer == "reliability" and request.solver.reinforce is not None
    if not is_wanted or objective not in THRESHOLD_OBJECTIVES or request.latency_only or most == 0:
        return outcome
    seconds = value_of(instance, plan, objective)
    needed = MOMENT + seconds_to_begin(len(instance.devices), len(plan.groups))
    moment = request.control.a_moment_longer(min(needed, LONGEST_MOMENT)).silent()
    if instance.is_restricted or instance.shared_channels:
        settle = settled_on_channels if instance.shared_channels else settled_under_rules
        return _kept(request, outcome, settle(instance, objective, plan, moment, "reliability").plan or plan)
    problem = ThresholdProblem(instance, objective, seconds)
    found = plan_of(instance, descend_failure(problem, indexed_groups(instance, plan), moment))
    # Sums of weights are rounded: only plans that keep limit and threshold exactly are compared.
    is_fine = value_of(instance, found, objective) <= seconds and not structural_violations(instance, found)
    is_surer = is_fine and value_of(instance, found, "failure") < value_of(instance, plan, "failure")
    return _kept(request, outcome, found) if is_surer else outcome


def _kept(request: Request, outcome: Outcome, after: Plan) -> Outcome:
    """The outcome with the plan behind latency, once that is checked.

    Parameters
    ----------
    request : Request
        What is asked for.
    outcome : Outcome
        What the method found, with a plan.
    after : Plan
        What is preferred of those that are as early.
    """
    instance, objective, name = request.instance, request.objective, request.solver.name
    require_certified(f"{name} returned", instance, after, searched=True)
    if missed_success(instance, after) is not None or outcome.plan is None:
        # Less work is no reason to answer more rarely than is asked for.
        return outcome
    # What is summed up is rounded, what waits for one replica is not.
    rounding = 0.0 if objective in THRESHOLD_OBJECTIVES else CLOSED_GAP
    if value_of(instance, after, objective) > value_of(instance, outcome.plan, objective) * (1.0 + rounding):
        raise CertificateError(f"{name} gave up latency for what comes behind it")
    return replace(outcome, plan=after)


def _phase_under_rules(instance: Instance, found: Outcome, control: Control) -> Phase:
    gap = None
    if found.plan is not None and found.lower_bound is not None:
        gap = relative_gap(value_of(instance, found.plan, "failure"), found.lower_bound)
    is_proven = gap is not None and gap <= CLOSED_GAP
    return Phase(control.phase, is_proven, was_cut=not is_proven and control.exhausted)


def _reinforcement(request: Request, plan: Plan, bound: float | None) -> Reinforcement | None:
    """What the devices beyond the limit are for; None where the time was up before the others were known."""
    instance, objective = request.instance, request.objective
    if bound is not None:
        failure = value_of(instance, plan, "failure")
        bound = certified_bound(f"{request.solver.name} returned", bound, failure)
    control = request.control.silent()
    if control.exhausted or control.remaining < SHORT_MOMENT:
        if len(instance.devices) > MOST_IN_A_MOMENT:
            return None
        # The bound is worth a moment behind the limit: mostly some milliseconds.
        control = Control.starting_now(time_limit=SHORT_MOMENT)
    problem = ThresholdProblem(instance, objective, value_of(instance, plan, objective))
    served = indexed_groups(instance, plan)
    needed = plan_of(instance, descend_work(problem, served, control, free_sizes=False))
    if control.exhausted:
        # A search that was stopped leaves replicas in their groups that are not needed.
        return None
    devices = len(needed.spares) - len(plan.spares)
    return Reinforcement(max(0, devices), value_of(instance, needed, "failure"), bound)
