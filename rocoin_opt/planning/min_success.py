"""What a method's plan becomes where ``min_success`` is asked for: kept, replaced by a surer one, or none.

Methods search without this requirement. It only takes plans away, so their lower bounds stay valid, and a plan that
they proved and that keeps it is still proven. Where a plan misses it, the search for the least failure probability has
the last word: either it finds a plan that is sure enough, or its bound says that there is none. From such a plan the
search goes on with the requirement as a row of its own: for the least threshold that leaves a sure plan, or by a local
search that keeps it.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from rocoin_opt.failure import CLEARLY, allowed_failure, check, is_untied, missed_success, value_of
from rocoin_opt.grouping import ExpectedModel, ThresholdProblem
from rocoin_opt.heuristics import descend_failure
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.plan import THRESHOLD_OBJECTIVES, Outcome, Plan, indexed_groups, plan_of, without_filters
from rocoin_opt.planning.methods import AUTO_EFFORT, AUTO_NODES, METHODS, can_be_valued, searched, searched_answer

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.planning.request import Request

KEPT_SHARE = 0.25
"""Share of a time limit that is kept for that search."""
TIGHTENINGS = 8
"""Outage limits that are tried between the instance's own and one at which every plan is sure enough."""
RESTRICTED_NODES = 300_000
"""Nodes of branch and bound for ``expected`` under failure domains and rules, where there is no limit of time."""
QUICK_SHARE = 0.1
"""Share of the time left in which a first search for a sure plan on channels ends."""
PROVING = ("auto", "exact")
"""Methods whose own search for the least failure probability bounds it."""
SUCCESS = "success"
"""Phase of the search for a plan that is sure enough, before any other."""
UNSURE = "min_success: no plan was found whose probability of an answer is known"
UNKNOWN = "min_success: the time was up before the success of the plan was computed"


def with_time_kept(request: Request) -> Request:
    """The request as a method gets it: with less time, where a surer plan may have to be found behind it."""
    control, wanted = request.control, request.instance.requirements.min_success
    is_needless = wanted is None or request.solver.surer is None or request.objective == "failure"
    if is_needless or math.isinf(control.deadline):
        return request
    now = time.perf_counter()
    return replace(request, control=replace(control, deadline=now + (1.0 - KEPT_SHARE) * (control.deadline - now)))


def surely_begun(request: Request) -> Request | Outcome:
    """On channels, look for a plan that is sure enough before any other search.

    A search that every plan fails has no end of its own there. That with links of one's own even the surest plan fails
    more often than is allowed is a proof: nobody answers earlier on a channel that others share.

    Parameters
    ----------
    request : Request
        What was asked.

    Returns
    -------
    Request or Outcome
        The request, from a plan that keeps ``min_success``; or no plan and why, where none was found.
    """
    instance, method = request.instance, request.solver
    is_asked = instance.shared_channels and instance.requirements.min_success is not None
    if not is_asked or method.surer is None or method.run_channels is None or request.control.exhausted:
        return request
    if request.start is not None and _is_sure(instance, request.start):
        return request
    control = replace(request.control.entering(SUCCESS).silent(), gap=0.0)
    start = None if request.start is None else without_filters(request.start)
    found = _surest_of_all(request, control.share(QUICK_SHARE), start, "greedy")
    if found.plan is None or not _is_sure(instance, found.plan):
        able = method.name if "failure" in method.objectives and method.name in PROVING else "local-search"
        found = _surest_of_all(request, control.share(1.0 - KEPT_SHARE), found.plan or start, able)
        if found.plan is not None and request.objective == "failure" and _is_sure(instance, found.plan):
            return found
    if found.plan is not None and _is_sure(instance, found.plan):
        return replace(request, start=found.plan)
    return _none_is_sure(instance, found)


def _surest_of_all(request: Request, control: Control, start: Plan | None, name: str) -> Outcome:
    """What a method finds for the least failure probability, and its bound, if ``min_success`` is not asked for."""
    bare = request.instance.with_requirements(min_success=None)
    method = METHODS[name]
    if bare.shared_channels and method.run_channels is not None:
        return method.run_channels(bare, "failure", control, start)
    if bare.is_restricted and method.run_restricted is not None:
        return method.run_restricted(bare, "failure", control, start)
    return method.run(bare, "failure", control)


def _is_sure(instance: Instance, plan: Plan) -> bool:
    return is_untied(instance, plan) and not check(instance, plan)


def _none_is_sure(instance: Instance, found: Outcome) -> Outcome:
    """Say that no plan is sure enough, or that none was found, by a search for the least failure probability.

    Parameters
    ----------
    instance : Instance
        What was given.
    found : Outcome
        What that search found without the requirement: no plan that keeps it.
    """
    wanted, limit, bound = instance.requirements.min_success or 0.0, allowed_failure(instance), found.lower_bound or 0.0
    if found.infeasible:
        return Outcome(None, infeasible=True, reasons=found.reasons)
    if bound > limit * CLEARLY:
        return Outcome(None, infeasible=True, reasons=(_too_much(bound, wanted),))
    if found.plan is None or not is_untied(instance, found.plan):
        return Outcome(None, reasons=(*found.reasons, UNSURE)[:1])
    return Outcome(None, reasons=(_closest(value_of(instance, found.plan, "failure"), bound, limit),))


def with_min_success(request: Request, outcome: Outcome) -> Outcome:
    """Keep a plan that is sure enough; else find one, prove that there is none, or say what is known.

    Parameters
    ----------
    request : Request
        What was asked.
    outcome : Outcome
        What the method returned: a plan that keeps all other rules, or none.

    Returns
    -------
    Outcome
        With a plan that keeps ``min_success``, or without one and the reasons.
    """
    instance, plan = request.instance, outcome.plan
    if instance.requirements.min_success is None or outcome.infeasible:
        return outcome
    if plan is None:
        return _unfound(request, outcome)
    start = None if request.start is None else without_filters(request.start)
    if not can_be_valued(instance, plan, ["failure"], request.control):
        return replace(outcome, plan=start, reasons=() if start else (UNKNOWN,))
    missed = missed_success(instance, plan)
    if missed is None:
        return outcome
    if request.solver.surer is None:
        return replace(outcome, plan=start, reasons=() if start else (str(missed),))
    is_threshold = request.objective in THRESHOLD_OBJECTIVES and not instance.has_random_latencies
    is_threshold = is_threshold and not instance.is_restricted
    if is_threshold and (spared := _with_spares(request, plan)) is not None:
        # As early as without the requirement.
        return replace(outcome, plan=spared, reasons=())
    surest = outcome if request.control.exhausted else _surest(request, outcome, plan)
    sure = [start] if start else []
    if surest.plan is not None and can_be_valued(instance, surest.plan, ["failure"], request.control):
        sure += [surest.plan] if missed_success(instance, surest.plan) is None else []
    if sure:
        best = min(sure, key=lambda found: value_of(instance, found, request.objective)) if len(sure) > 1 else sure[0]
        found = replace(outcome, plan=best, infeasible=False, reasons=())
        # The surest plan is what the objective asks for, up to the gap that may be left.
        is_done = instance.has_random_latencies or request.objective == "failure"
        return found if is_done else _improved(request, found, best)
    return _without_plan(request, outcome, surest)


def _unfound(request: Request, outcome: Outcome) -> Outcome:
    """Why a search that asked for ``min_success`` from the start has no plan; one, where another search finds it."""
    instance, method, control = request.instance, request.solver, request.control
    is_searched = instance.is_restricted and not instance.has_random_latencies and not instance.shared_channels
    if method.surer is None or not is_searched or control.exhausted:
        return outcome
    able = method.name if method.name in PROVING else "local-search"
    found = _surest_of_all(request, replace(control.silent(), gap=0.0), None, able)
    if found.plan is not None and _is_sure(instance, found.plan):
        return replace(outcome, plan=found.plan, reasons=())
    return replace(_none_is_sure(instance, found), lower_bound=outcome.lower_bound)


def _with_spares(request: Request, plan: Plan) -> Plan | None:
    """The plan with its devices shared out for the least failure at the same latency, if that keeps the requirement."""
    instance, objective = request.instance, request.objective
    problem = ThresholdProblem(instance, objective, value_of(instance, plan, objective))
    groups = descend_failure(problem, indexed_groups(instance, plan), request.control)
    found = plan_of(instance, groups)
    if value_of(instance, found, objective) > problem.threshold or check(instance, found):
        return None
    return found


def _improved(request: Request, outcome: Outcome, plan: Plan) -> Outcome:
    """Go on from a plan that keeps the requirement to a better one that does, and to a proof where there is one."""
    instance, objective, control = request.instance, request.objective, request.control
    from rocoin_opt.exact import (
        MOST_DEVICES,
        best_of_all,
        exact_answer,
        exact_expected,
        exact_quantile,
        exact_sure_latency,
        is_small,
        prove_expected,
    )

    is_timed = control.remaining < math.inf
    effort, nodes = (math.inf, None) if is_timed else (AUTO_EFFORT, AUTO_NODES)
    is_exact = request.solver.surer is not None and request.solver.surer is request.solver.improve
    is_few = is_exact and len(instance.devices) <= MOST_DEVICES
    is_free = not instance.is_restricted
    if objective in THRESHOLD_OBJECTIVES:
        plan = _tightened(request, plan) if is_free else plan
        start = replace(outcome, plan=plan)
        return exact_sure_latency(instance, objective, control, start, effort=effort) if is_few else start
    # A search under rules and failure domains keeps the requirement from the start.
    better = searched_answer(instance, objective, control.silent(), plan) if is_free else plan
    begun = replace(outcome, plan=better)
    if not is_few or begun.plan is None:
        return begun
    if objective == "expected" and not is_free:
        model = ExpectedModel(instance)
        small = best_of_all(model, control, begun.plan, surely=True) if is_small(model) else None
        # From a plan that keeps it branch and bound takes no other one.
        found = small or prove_expected(model, control, begun.plan, nodes=math.inf if is_timed else RESTRICTED_NODES)
    elif objective == "expected":
        found = exact_expected(instance, control, begun.plan, nodes=nodes)
    elif objective == "missing":
        found = exact_answer(instance, objective, control, begun.plan, effort=effort)
    else:
        found = exact_quantile(instance, control, begun.plan, bound=outcome.lower_bound, effort=effort)
    if found.infeasible:
        return found
    # What was proven without the requirement holds with it.
    bounds = (found.lower_bound, outcome.lower_bound)
    return replace(found, lower_bound=max((bound for bound in bounds if bound is not None), default=None))


def _tightened(request: Request, plan: Plan) -> Plan:
    """The earliest of plans with ever smaller outage limits, their devices shared out for the least failure."""
    instance, objective = request.instance, request.objective
    limit, failure = instance.requirements.max_group_outage, allowed_failure(instance)
    best, value = plan, value_of(instance, plan, objective)
    low, high = 0.0, math.log(limit / failure) + math.log(instance.max_groups) if failure > 0.0 < limit else 0.0
    for _ in range(TIGHTENINGS):
        if request.control.exhausted or not low < high:
            break
        middle = 0.5 * (low + high)
        stricter = instance.with_requirements(max_group_outage=limit * math.exp(-middle), min_success=None)
        found = greedy(stricter, objective, request.control.silent()).plan
        sure = None if found is None else _with_spares(request, found)
        if sure is None:
            # Too lenient, unless there is no plan at all.
            low, high = (middle, high) if found is not None else (low, middle)
            continue
        high = middle
        if (seconds := value_of(instance, sure, objective)) < value:
            best, value = sure, seconds
    return best


def _surest(request: Request, outcome: Outcome, plan: Plan) -> Outcome:
    """What the search for the least failure probability returns from a plan."""
    instance, method = request.instance, request.solver
    # It was just this search, and it was not told to end early.
    if request.objective == "failure" and method.surer is method.improve and request.control.gap == 0.0:
        return outcome
    control = replace(request.control.silent(), gap=0.0)
    if instance.is_restricted and method.surer is not None:
        own = method.run_restricted if method.surer is method.improve else None
        return (own or searched(method.surer, method.run_random))(instance, "failure", control, plan)
    if instance.has_random_latencies:
        return outcome if method.run_random is None else method.run_random(instance, "failure", control, plan)
    return outcome if method.surer is None else method.surer(instance, "failure", control, plan)


def _without_plan(request: Request, outcome: Outcome, surest: Outcome) -> Outcome:
    instance = request.instance
    wanted = instance.requirements.min_success or 0.0
    proven = [surest.lower_bound, outcome.lower_bound if request.objective == "failure" else None]
    limit, bound = allowed_failure(instance), max(bound or 0.0 for bound in proven)
    if surest.plan is not None and bound > limit * CLEARLY:
        return Outcome(None, infeasible=True, reasons=(_too_much(bound, wanted),))
    plans = [plan for plan in (outcome.plan, surest.plan) if plan is not None]
    failure = min(value_of(instance, plan, "failure") for plan in plans)
    return replace(outcome, plan=None, reasons=(_closest(failure, bound, limit),))


def _too_much(bound: float, wanted: float) -> str:
    reason = f"min_success: no plan answers with a probability above {_at_most(bound, wanted)}"
    return f"{reason}; {wanted} is required"


def _closest(failure: float, bound: float, limit: float) -> str:
    reason = f"min_success: the most reliable plan found fails with probability {failure:.6g}"
    known = f", no plan below {bound:.6g}" if bound > 0.0 else ""
    remedy = "require less, or search longer; without min_success the objective failure finds that plan"
    return f"{reason}{known}; at most {limit:.6g} is allowed: {remedy}"


def _at_most(failure: float, wanted: float) -> str:
    """A success probability that a least failure leaves, rounded up but still below the one that is asked for."""
    success = 1 - Decimal(repr(failure))
    for digits in range(4, 17):
        shown = success.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_CEILING)
        if shown < Decimal(repr(wanted)):
            return f"{shown.normalize():f}"
    return f"1 - {failure:.6g}"
