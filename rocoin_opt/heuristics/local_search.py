"""Method ``local-search``: disjoint groups at a threshold just below the best value, improved two at a time.

At a threshold T just below the best value so far, a better plan exists exactly where disjoint groups deliver all
filters. So the sum of their capacities is what the search makes larger. Each step takes two groups and some spares at
random and shares them out in the best way, at random prices of the devices: these decide among equals, and now and
then among unequals, so that the search drifts instead of resting. Once the capacities suffice, the groups get optimal
students and sizes, and T falls below the value of that plan. ``expected`` and the objectives of the whole answer have
no threshold: see :mod:`rocoin_opt.heuristics.expected.descent`.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.grouping import combinatorial_bound, latency_range
from rocoin_opt.heuristics.disjoint_groups import DisjointGroups
from rocoin_opt.heuristics.expected import ExpectedDescent, descend_quantile
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.plan import THRESHOLD_OBJECTIVES, Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

STEPS_PER_GROUP = 1_000
"""Steps of a search, for each group that there may be."""
MAX_STEPS = 60_000
"""Steps of the longest search: some ten seconds."""
EXPECTED_STEPS, MAX_EXPECTED_STEPS = 400, 16_000
"""Steps for ``expected`` and the whole answer, a group and at most: each takes about a millisecond."""
MISSING_SHARE = 0.3
"""Share of the time left that a search for the missing share may take on the way to one for another objective."""
ALLOWANCE = 0.05
"""Relative loss against the best value that a first one of these steps may accept; it falls to 0 with the steps, or
the time, that are left."""


def local_search(
    instance: Instance,
    objective: Objective,
    control: Control,
    start: Plan | None = None,
    *,
    iterations: int | None = None,
) -> Outcome:
    """Improve a plan by exchanges between two groups and the spares.

    Parameters
    ----------
    instance : Instance
        What was given: independent devices, and constant latencies; for ``expected`` also random ones with a start,
        whose laws the search approximates by steps.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        What to minimise.
    control : Control
        Limit, gap at which to stop, seed of all random choices. Improvements are told.
    start : Plan, optional
        Valid plan to start from; that of :func:`~rocoin_opt.heuristics.greedy.greedy` where left out. Where greedy
        finds none, the search starts from nothing.
    iterations : int, optional
        Steps after which to stop; in proportion to the number of groups where left out.

    Returns
    -------
    Outcome
        A plan no worse than the start, with the combinatorial lower bound; under laws a plan that may be worse, and no
        bound.
    """
    before = Outcome(start) if start else greedy(instance, objective, control)
    if objective not in THRESHOLD_OBJECTIVES:
        return _descend(instance, objective, control, before, iterations)
    best, bound, limits = (
        before.plan,
        combinatorial_bound(instance, objective, lambda: control.exhausted),
        latency_range(instance.arrays),
    )
    if bound is None or limits is None:
        return Outcome(best, None, reasons=before.reasons)
    value = math.inf if best is None else value_of(instance, best, objective)
    index = instance.arrays.device_index
    groups = [[index[name] for name in group.devices] for group in best.groups] if best else []
    search = DisjointGroups(instance, objective, groups, min(limits[1], _below(value)), control.seed)
    steps = min(STEPS_PER_GROUP * search.most, MAX_STEPS) if iterations is None else iterations
    while steps > 0 and not (value - bound <= control.gap * value < math.inf or control.exhausted):
        steps -= 1
        plan = search.plan()
        if plan is None:
            search.step()
            continue
        best, value = plan, value_of(instance, plan, objective)
        control.tell(value, bound)
        if control.exchange is not None and control.exchange.is_about(instance, objective):
            control.exchange.offer(best, value)
        search.lower(_below(value))
    return Outcome(best, bound, reasons=() if best else before.reasons)


def _descend(
    instance: Instance, objective: Objective, control: Control, before: Outcome, iterations: int | None
) -> Outcome:
    """Improve a plan for the expected answer time, or for the whole answer."""
    # A slowdown factor may be below 1, so that this bound holds for constants alone.
    is_bounded = objective == "expected" and not instance.has_random_latencies
    bound = combinatorial_bound(instance, "expected", lambda: control.exhausted) if is_bounded else None
    if before.plan is None and not control.exhausted:
        # Which plans are valid does not depend on the objective: any will do for a start.
        before = local_search(instance, "guaranteed", replace(control.silent(), gap=1.0), iterations=iterations)
    if before.plan is None:
        return replace(before, lower_bound=bound)
    steps = min(EXPECTED_STEPS * instance.max_groups, MAX_EXPECTED_STEPS) if iterations is None else iterations
    starts = [before.plan]
    if objective in ("failure", "quantile") and not instance.has_random_latencies:
        # A group more or less costs too much on the way for a search by failure: the missing share falls at each step.
        part = replace(control.silent(), deadline=time.perf_counter() + MISSING_SHARE * control.remaining)
        by_share = _steps(ExpectedDescent(instance, before.plan, control.seed, "missing"), steps, part, None)
        by_failure = ExpectedDescent(instance, by_share.plan(), control.seed, "failure")
        if objective == "quantile":
            part = replace(part, deadline=time.perf_counter() + MISSING_SHARE * control.remaining)
            starts.append(_steps(by_failure, steps, part, None).plan())
        else:
            starts.append(_steps(by_failure, steps, control.silent(), None).plan())
        starts.sort(key=lambda plan: value_of(instance, plan, objective))
        control.tell(value_of(instance, starts[0], objective), bound)
    if objective == "quantile":
        plans = [
            descend_quantile(instance, start, control.seed, steps, control.share(1.0 / left), ALLOWANCE)
            for left, start in zip(range(len(starts), 0, -1), starts, strict=True)
        ]
        return Outcome(min(plans, key=lambda plan: value_of(instance, plan, "quantile")))
    search = ExpectedDescent(instance, starts[0], control.seed, objective)
    before_value = search.value
    found = _steps(search, steps, control, bound)
    return Outcome(found.plan() if found.value < before_value else starts[0], bound)


def _steps(search: ExpectedDescent, steps: int, control: Control, bound: float | None) -> ExpectedDescent:
    """Make steps with an ever smaller allowance; tell improvements of a search for the objective that was asked for."""
    begun, available = time.perf_counter(), control.remaining
    for step in range(steps):
        if search.value - (bound or 0.0) <= control.gap * search.value or control.exhausted:
            break
        done = max(step / steps, (time.perf_counter() - begun) / available)
        if search.step(ALLOWANCE * (1.0 - min(done, 1.0))):
            control.tell(search.figure, bound)
    return search


def _below(value: float) -> float:
    """The largest threshold that asks for something better."""
    return math.nextafter(value, -math.inf)
