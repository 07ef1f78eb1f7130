"""What the methods run where devices share failures, or rules say who may serve with whom.

Without domains and rules more plans are valid, and each of them answers as early and as often, or more so: whatever
fails without the domains fails with them. So every lower bound of the *relaxed* instance holds, and its plans are where
a search begins that values and checks everything as the instance has it. For few devices all sets of devices are at
hand, and the proofs take domains and rules as they are.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.failure import check, value_of
from rocoin_opt.grouping import ExpectedModel
from rocoin_opt.heuristics.restricted import descend
from rocoin_opt.plan import (
    ANSWER_OBJECTIVES,
    THRESHOLD_OBJECTIVES,
    Outcome,
    Plan,
    structural_violations,
    without_filters,
)
from rocoin_opt.planning.portfolio import no_worse

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective

    Run: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]

RELAXED_SHARE = 0.4
"""Share of the time left that the relaxed instance may take."""
STEPS_A_GROUP, MOST_STEPS = 150, 4_000
"""Changes that a search tries, a group and at most; each takes about a millisecond."""
FEW_STEPS_A_GROUP = 30
"""The same for ``greedy``, and under laws, where a value takes far longer."""
MENDING_STEPS = (100, 400, 1_600)
"""Changes that mending a plan tries, once and again: the fewer of them, the more of the plan is left."""
NOT_FOUND = "no plan was found that keeps all limits and rules; that there is none is not proven"


def is_restricted(instance: Instance) -> bool:
    """Whether a method needs its way for restricted instances."""
    return instance.has_shared_failures or instance.restrictions.of_groups


def relaxed(instance: Instance) -> Instance:
    """The instance without failure domains, ``min_success`` and all rules that ask how devices are grouped or used."""
    alone = tuple(device.model_copy(update={"failure_domain": None}) for device in instance.devices)
    rules = tuple(rule for rule in instance.rules if rule.kind == "spare")
    freed = instance.model_copy(update={"devices": alone, "failure_domains": (), "rules": rules})
    return freed.with_requirements(min_success=None)


def blind(run: Callable[[Instance, Objective, Control], Outcome]) -> Run:
    """Make a baseline's way to plan: without domains and rules, so that its plan may break them; then it has none."""

    def found(instance: Instance, objective: Objective, control: Control, _: Plan | None = None) -> Outcome:
        if not (instance.has_shared_failures or instance.restrictions.of_groups):
            return run(instance, objective, control)
        outcome = run(relaxed(instance), objective, control)
        broken = () if outcome.plan is None else structural_violations(instance, outcome.plan)
        # The baseline knows no bound worth keeping.
        return Outcome(None, reasons=tuple(map(str, broken))) if broken else outcome

    return found


def searched(run: Run, run_random: Run | None, steps_a_group: int = STEPS_A_GROUP) -> Run:
    """Make a way to plan restricted instances from a method's ways for relaxed instances.

    Parameters
    ----------
    run, run_random : callable
        ``run(instance, objective, control, start) -> Outcome`` for constant latencies, and for random ones.
    steps_a_group : int
        Changes that the search from its plan tries, for each group that there may be.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        chosen = run_random if instance.has_random_latencies and run_random is not None else run
        limit = time.perf_counter() + RELAXED_SHARE * control.remaining
        first = chosen(relaxed(instance), objective, replace(control.silent(), deadline=limit), None)
        if first.infeasible:
            return Outcome(None, infeasible=True, reasons=first.reasons)
        steps = min(steps_a_group * instance.max_groups, MOST_STEPS)
        if instance.has_random_latencies:
            steps = min(steps, FEW_STEPS_A_GROUP * instance.max_groups)
        starts = [first.plan] if start is None else [start]
        if start is not None and first.plan is not None and not structural_violations(instance, first.plan):
            starts.append(first.plan)
        plans = [descend(instance, objective, begin, steps, control) for begin in starts]
        kept = [plan for plan in (start, *plans) if plan is not None]
        best = min(kept, key=lambda plan: value_of(instance, plan, objective), default=None)
        return Outcome(best, first.lower_bound, reasons=() if best else (NOT_FOUND,))

    return found


def mended(instance: Instance, objective: Objective, start: Plan, control: Control) -> Plan | None:
    """Find a valid plan near one that breaks rules or misses limits, or None.

    Parameters
    ----------
    instance : Instance
        Any failure domains and rules; constant latencies or laws.
    objective : str
        What the changes make small once nothing is broken.
    start : Plan
        A plan that has figures.
    control : Control
        Limit and seed.
    """
    begin = without_filters(start)
    if not check(instance, begin):
        return begin
    for steps in MENDING_STEPS:
        if control.exhausted:
            break
        plan = descend(instance, objective, begin, steps, control.silent())
        if plan is not None:
            return plan
    return None


def proven(run: Run, run_random: Run | None, effort: float) -> Run:
    """Make a way to plan restricted instances, and to prove the plan, from a method's ways for relaxed instances.

    Parameters
    ----------
    run, run_random : callable
        As for :func:`searched`.
    effort : float
        Sets that one search for a packing looks at, at most, where there is no limit of time.
    """
    search = searched(run, run_random)

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        # HiGHS takes a while to import: only here.
        from rocoin_opt.exact import MOST_DEVICES

        first = search(instance, objective, control, start)
        if first.infeasible or len(instance.devices) > MOST_DEVICES:
            return first
        if objective == "expected":
            return _least_expected(instance, control, first)
        if instance.has_random_latencies:
            return first
        return _proven(instance, objective, control, first, effort if math.isinf(control.remaining) else math.inf)

    return found


def _least_expected(instance: Instance, control: Control, first: Outcome) -> Outcome:
    """The plan of least expected answer time of a handful of devices, proven; else what a search has found."""
    from rocoin_opt.exact import best_of_all, is_small

    model = ExpectedModel(instance)
    found = best_of_all(model, control, first.plan) if is_small(model) else None
    return first if found is None else _merged(instance, "expected", first, found)


def _proven(instance: Instance, objective: Objective, control: Control, first: Outcome, effort: float) -> Outcome:
    """Prove, or improve, what a search has found, with all sets of devices at hand.

    Parameters
    ----------
    instance, objective, control
        What was given: constant latencies.
    first : Outcome
        A plan, if one was found, and a valid lower bound.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.
    """
    from rocoin_opt.exact import exact_answer, exact_quantile, exact_restricted

    if objective in THRESHOLD_OBJECTIVES:
        return _merged(instance, objective, first, exact_restricted(instance, objective, control, first.plan))
    start = first.plan
    if start is None:
        # Any valid plan will do: which ones are does not depend on the objective.
        any_plan = exact_restricted(instance, "worst", replace(control.silent(), gap=1.0), None)
        if any_plan.plan is None:
            return replace(any_plan, lower_bound=None)
        start = any_plan.plan
    known = replace(first, plan=start, reasons=())
    if objective in ANSWER_OBJECTIVES:
        found = (
            exact_quantile(instance, control, start, effort=effort)
            if objective == "quantile"
            else exact_answer(instance, objective, control, start, effort=effort)
        )
        return _merged(instance, objective, known, found)
    return known


def _merged(instance: Instance, objective: Objective, first: Outcome, found: Outcome) -> Outcome:
    """The better plan and the better bound of two outcomes."""
    if found.infeasible:
        return found
    bounds = [outcome.lower_bound for outcome in (first, found) if outcome.lower_bound is not None]
    best = no_worse(instance, objective, found, first.plan)
    reasons = () if best.plan is not None else (*found.reasons, *first.reasons)[:1]
    return replace(best, lower_bound=max(bounds, default=None), reasons=reasons)
