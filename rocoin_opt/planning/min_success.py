"""What a method's plan becomes where ``min_success`` is asked for: kept, replaced by a surer one, or none.

Methods search without this requirement. It only takes plans away, so their lower bounds stay valid, and a plan that
they proved and that keeps it is still proven. Where a plan misses it, the search for the least failure probability has
the last word: either it finds a plan that is sure enough, or its bound says that there is none.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from rocoin_opt.failure import allowed_failure, missed_success, value_of
from rocoin_opt.plan import Outcome, Plan, without_filters
from rocoin_opt.planning.portfolio import can_be_valued

if TYPE_CHECKING:
    from rocoin_opt.planning.request import Request

KEPT_SHARE = 0.25
"""Share of a time limit that is kept for that search."""
CLEARLY = 1.0 + 1e-9
"""Factor on the limit above which a bound refutes: the proofs close gaps up to a billionth."""
UNKNOWN = "min_success: the time was up before the success of the plan was computed"


def with_time_kept(request: Request) -> Request:
    """The request as a method gets it: with less time, where a surer plan may have to be found behind it."""
    control, wanted = request.control, request.instance.requirements.min_success
    is_needless = wanted is None or request.solver.surer is None or request.objective == "failure"
    if is_needless or math.isinf(control.deadline):
        return request
    now = time.perf_counter()
    return replace(request, control=replace(control, deadline=now + (1.0 - KEPT_SHARE) * (control.deadline - now)))


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
        With a plan that keeps ``min_success``, or without one and the reasons. A surer plan need not be best.
    """
    instance, plan = request.instance, outcome.plan
    if instance.requirements.min_success is None or plan is None:
        return outcome
    start = None if request.start is None else without_filters(request.start)
    if not can_be_valued(instance, plan, ["failure"], request.control):
        return replace(outcome, plan=start, reasons=() if start else (UNKNOWN,))
    missed = missed_success(instance, plan)
    if missed is None:
        return outcome
    if request.solver.surer is None:
        return replace(outcome, plan=start, reasons=() if start else (str(missed),))
    surest = _surest(request, outcome, plan)
    sure = [start] if start else []
    if surest.plan is not None and can_be_valued(instance, surest.plan, ["failure"], request.control):
        sure += [surest.plan] if missed_success(instance, surest.plan) is None else []
    if sure:
        best = min(sure, key=lambda found: value_of(instance, found, request.objective)) if len(sure) > 1 else sure[0]
        return replace(outcome, plan=best, infeasible=False, reasons=())
    return _without_plan(request, outcome, surest)


def _surest(request: Request, outcome: Outcome, plan: Plan) -> Outcome:
    """What the search for the least failure probability returns from a plan."""
    instance, method = request.instance, request.solver
    # It was just this search, and it was not told to end early.
    if request.objective == "failure" and method.surer is method.improve and request.control.gap == 0.0:
        return outcome
    control = replace(request.control.silent(), gap=0.0)
    if instance.has_random_latencies:
        return outcome if method.run_random is None else method.run_random(instance, "failure", control, plan)
    return outcome if method.surer is None else method.surer(instance, "failure", control, plan)


def _without_plan(request: Request, outcome: Outcome, surest: Outcome) -> Outcome:
    instance = request.instance
    wanted = instance.requirements.min_success or 0.0
    limit, bound = allowed_failure(instance), surest.lower_bound or 0.0
    if surest.plan is not None and bound > limit * CLEARLY:
        reason = f"min_success: no plan answers with a probability above {_at_most(bound, wanted)}"
        return Outcome(None, infeasible=True, reasons=(f"{reason}; {wanted} is asked for",))
    plans = [plan for plan in (outcome.plan, surest.plan) if plan is not None]
    failure = min(value_of(instance, plan, "failure") for plan in plans)
    reason = f"min_success: the surest plan that was found fails with probability {failure:.6g}"
    proven = f", no plan below {bound:.6g}" if bound > 0.0 else ""
    return replace(outcome, plan=None, reasons=(f"{reason}{proven}; at most {limit:.6g} is asked for",))


def _at_most(failure: float, wanted: float) -> str:
    """A success probability that a least failure leaves, rounded up but still below the one that is asked for."""
    success = 1 - Decimal(repr(failure))
    for digits in range(4, 17):
        shown = success.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_CEILING)
        if shown < Decimal(repr(wanted)):
            return f"{shown.normalize():f}"
    return f"1 - {failure:.6g}"
