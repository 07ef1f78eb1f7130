"""What ``exact`` and ``greedy`` run for the objectives of the whole answer: failure, missing and quantile."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.grouping import valuation
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan import Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

FEW_DEVICES = 14
"""Devices up to which all sets are packed at once, in some tenths of a second."""
VALUATIONS = 3
"""Values under laws that time is kept for."""
SEARCH_SHARE = 0.4
"""Share of the time left that local search may take before the proof begins."""


def prove_answer(
    instance: Instance, objective: Objective, control: Control, start: Plan, *, effort: float = math.inf
) -> Outcome:
    """Prove a plan where all sets of devices can be listed; else improve it by a search, and bound it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, independent devices.
    objective : {'failure', 'missing', 'quantile'}
        What is minimised.
    control : Control
        Limits, seed and reports.
    start : Plan
        A valid plan.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.
    """
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import MOST_DEVICES, exact_answer, exact_quantile, failure_bound, quantile_bound

    # The proof for few devices takes less time than a search.
    is_small = len(instance.devices) <= FEW_DEVICES
    improved = start if is_small else _searched(instance, objective, control, start)
    if len(instance.devices) <= MOST_DEVICES:
        if objective == "quantile":
            return exact_quantile(instance, control, improved, effort=effort)
        return exact_answer(instance, objective, control, improved, effort=effort)
    # The missing share of so many devices has no bound but 0 yet.
    if objective == "missing":
        return Outcome(improved)
    bound = failure_bound if objective == "failure" else quantile_bound
    return Outcome(improved, bound(instance, value_of(instance, improved, objective), control))


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
    found = _searched(instance, objective, kept, start, steps * instance.max_groups)
    plan = min((start, found), key=lambda candidate: value_of(instance, candidate, objective))
    if objective != "failure" or not bounded or control.exhausted:
        return Outcome(plan)
    from rocoin_opt.exact import failure_bound

    return Outcome(plan, failure_bound(instance, value_of(instance, plan, objective), control))


def _searched(
    instance: Instance, objective: Objective, control: Control, start: Plan, iterations: int | None = None
) -> Plan:
    limit = time.perf_counter() + SEARCH_SHARE * control.remaining
    asked = replace(control, deadline=limit)
    return local_search(instance, objective, asked, start, iterations=iterations).plan or start
