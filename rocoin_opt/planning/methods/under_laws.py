"""What the methods run under slowdown laws: searches by the steps of the laws, and exact values of what they find."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.grouping import valuation
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan import ANSWER_OBJECTIVES, Outcome
from rocoin_opt.planning.methods.answers import SEARCH_SHARE, searched_answer
from rocoin_opt.planning.methods.outcomes import can_be_valued, no_worse
from rocoin_opt.planning.methods.portfolio import MAX_AUTO_DEVICES, MAX_AUTO_DEVICES_WITH_LIMIT, any_plan

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

AUTO_TIMES = 6
"""Times at which it bounds the expected answer time under random latencies: some seconds."""
RANDOM_STEPS = 100
"""Steps of the search for the expected answer time under random latencies, for each group that there may be; each takes
some milliseconds."""
VALUED: tuple[Objective, ...] = ("guaranteed", "expected")
"""Objectives under random latencies, whose values of the plan that is returned are computed."""
FEW_STEPS = 10
"""The same for ``greedy``."""
AUTO_ROUNDS_STOCHASTIC = 1
"""Rounds of integer packings that ``auto`` tries under random latencies, where a packing costs more."""
VALUATIONS = 3
"""Values under laws that time is kept for."""


def run_greedy_stochastic(
    instance: Instance, objective: Objective, control: Control, start: Plan | None, *, bounded: bool = False
) -> Outcome:
    """Run greedy under random latencies.

    Parameters
    ----------
    instance : Instance
        What was given, with slowdown laws.
    objective : {'guaranteed', 'expected', 'failure', 'missing', 'quantile'}
        What is minimised.
    control : Control
        Limits, seed, threads and reports.
    start : Plan or None
        A valid plan to begin with.
    bounded : bool
        Whether a plan for the whole answer is searched for longer, and bounded.
    """
    # SciPy's special functions take a while to import, and constants do without.
    from rocoin_opt.heuristics.deterministic_equivalents import greedy_stochastic

    if objective in ANSWER_OBJECTIVES:
        first = greedy_stochastic(instance, "guaranteed", control.silent(), start)
        if first.plan is None:
            return replace(first, lower_bound=None)
        steps = RANDOM_STEPS if bounded else FEW_STEPS
        return answer_under_laws(instance, objective, control, first.plan, steps, bounded=bounded)
    return greedy_stochastic(instance, objective, control, start)


def run_exact_stochastic(
    instance: Instance, objective: Objective, control: Control, start: Plan | None, rounds: int | None = None
) -> Outcome:
    """Prove a plan under random latencies, or bound it.

    Parameters
    ----------
    instance : Instance
        What was given, with slowdown laws.
    objective : {'guaranteed', 'expected', 'failure', 'missing', 'quantile'}
        What is minimised.
    control : Control
        Limits, seed, threads and reports.
    start : Plan or None
        A valid plan to begin with.
    rounds : int, optional
        Rounds of integer packings at most; given, bounds on the expected answer time are short too.
    """
    if objective in ANSWER_OBJECTIVES:
        return run_greedy_stochastic(instance, objective, control, start, bounded=True)
    first = run_greedy_stochastic(instance, objective, control, start)
    if control.exhausted:
        return first
    if first.plan is not None:
        # The plan that the search ends with has to be valued too.
        kept = sum(valuation(instance, first.plan, figure) for figure in VALUED)
        control = replace(control, deadline=control.deadline - kept)
        if control.deadline <= time.perf_counter():
            return first
    if objective != "guaranteed":
        return _exact_expected_random(instance, control, first, rounds)
    from rocoin_opt.exact import exact_stochastic

    return exact_stochastic(instance, control, first.plan, rounds=rounds)


def _exact_expected_random(instance: Instance, control: Control, first: Outcome, rounds: int | None) -> Outcome:
    """Prove a plan where there are few of them; else improve it by a search, and bound it."""
    from rocoin_opt.exact import best_of_all, expected_bound, is_small
    from rocoin_opt.grouping import ExpectedModel

    model = ExpectedModel(instance)
    if is_small(model):
        proof = best_of_all(model, control, first.plan)
        if proof is not None:
            return proof
    # A plan may exist where none of the deterministic equivalents has one.
    if first.plan is None:
        first = replace(any_plan(instance, control, rounds), lower_bound=first.lower_bound)
        if first.plan is None:
            return first
    improved, found = first, _descended(instance, control, first)
    if found.plan is not None and can_be_valued(instance, found.plan, ["expected"], control):
        improved = no_worse(instance, "expected", found, first.plan)
    bound = expected_bound(model, control, times=None if rounds is None else AUTO_TIMES)
    return replace(improved, lower_bound=max(filter(None, (bound, first.lower_bound)), default=None))


def _descended(instance: Instance, control: Control, first: Outcome) -> Outcome:
    """Search on from a plan by the steps of its laws, which only approximate them."""
    limit = time.perf_counter() + SEARCH_SHARE * control.remaining
    steps = RANDOM_STEPS * instance.max_groups
    return local_search(instance, "expected", replace(control.silent(), deadline=limit), first.plan, iterations=steps)


def run_auto_stochastic(instance: Instance, objective: Objective, control: Control, start: Plan | None) -> Outcome:
    """Run greedy under random latencies, then ``exact`` where the size allows it.

    Parameters
    ----------
    instance, objective, control, start
        As for :func:`run_exact_stochastic`.
    """
    limited = control.remaining < math.inf
    if len(instance.devices) > (MAX_AUTO_DEVICES_WITH_LIMIT if limited else MAX_AUTO_DEVICES):
        return run_greedy_stochastic(instance, objective, control, start)
    # Without a clock the rounds are the limit: the same plan on every machine.
    return run_exact_stochastic(instance, objective, control, start, None if limited else AUTO_ROUNDS_STOCHASTIC)


def answer_under_laws(
    instance: Instance, objective: Objective, control: Control, start: Plan, steps: int, *, bounded: bool
) -> Outcome:
    """Search by the steps of the laws, which approximate them, and keep what is better by its exact value.

    Parameters
    ----------
    instance : Instance
        What was given, with slowdown laws.
    objective : {'failure', 'missing', 'quantile'}
        What is minimised.
    control : Control
        Limits, seed and reports.
    start : Plan
        A valid plan.
    steps : int
        Steps of the search, for each group that there may be.
    bounded : bool
        Whether failure is also bounded, which takes some seconds.
    """
    valued = valuation(instance, start, objective)
    # Both plans want to be valued, and whoever certifies one of them wants its other figures.
    if not control.has_time_for(VALUATIONS * valued):
        return Outcome(start)
    kept = replace(control.silent(), deadline=control.deadline - VALUATIONS * valued)
    found = searched_answer(instance, objective, kept, start, steps * instance.max_groups)
    plan = min((start, found), key=lambda candidate: value_of(instance, candidate, objective))
    if objective != "failure" or not bounded or control.exhausted:
        return Outcome(plan)
    from rocoin_opt.exact import failure_bound

    return Outcome(plan, failure_bound(instance, value_of(instance, plan, objective), control))
