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

from rocoin_opt.failure import check, is_untied, value_of
from rocoin_opt.grouping import ExpectedModel, combinatorial_bound, import_of_models
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.restricted import Within, descend, with_spares_added
from rocoin_opt.instance import relaxed, without_rules
from rocoin_opt.plan import (
    ANSWER_OBJECTIVES,
    THRESHOLD_OBJECTIVES,
    Outcome,
    Plan,
    structural_violations,
    without_filters,
)
from rocoin_opt.planning.methods.alike import by_share_first
from rocoin_opt.planning.methods.outcomes import can_be_valued, is_closed, no_worse, searched_on
from rocoin_opt.planning.methods.portfolio import AUTO_ROUNDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Preference

    Run: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]

RELAXED_SHARE, SEARCH_SHARE = 0.4, 0.7
"""Shares of the time left that the relaxed instance may take; and a search of which the bound is still to come."""
STEPS_A_GROUP, MOST_STEPS = 150, 4_000
"""Changes that a search tries, a group and at most; each takes about a millisecond."""
QUICK_STEPS_A_GROUP, FEW_STEPS_A_GROUP = 60, 30  # For greedy; and under laws, where a value takes far longer.
SETTLING_EFFORT = 1e9
"""Sets that a search for less failure behind a latency looks at without a time limit: some seconds."""
EXPECTED_NODES, FEW_DEVICES = 300_000, 12
"""Nodes of branch and bound without a time limit; and devices up to which a state is bounded by a search."""
STATE_GAP = 0.01
"""Relative gap that is enough for the bound where a domain is down, which counts for as little as that is likely."""
MENDING_STEPS = (100, 400, 1_600)
"""Changes that mending a plan tries, once and again: the fewer of them, the more of the plan is left."""
MOST_BY_HAND = 100  # Devices up to which spares are added one by one, each to every group in turn.
NOT_FOUND = "no plan was found that keeps all limits and rules; that there is none is not proven"


def honours_domains(instance: Instance, objective: Objective) -> bool:
    """Whether methods honour failure domains by themselves: the limit of a group concerns it alone."""
    return objective in THRESHOLD_OBJECTIVES and not instance.has_random_latencies


def blind(run: Callable[[Instance, Objective, Control], Outcome]) -> Run:
    """Make a baseline's way to plan: without domains and rules, so that its plan may break them; then it has none."""

    def found(instance: Instance, objective: Objective, control: Control, _: Plan | None = None) -> Outcome:
        if not instance.is_restricted:
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
        is_plain = honours_domains(instance, objective)
        if is_plain and not (instance.restrictions.of_groups or instance.limits_energy):
            return run(instance, objective, control, start)
        chosen = run_random if instance.has_random_latencies and run_random is not None else run
        free = without_rules(instance) if is_plain else relaxed(instance)
        limit = time.perf_counter() + RELAXED_SHARE * control.remaining
        first = chosen(free, objective, replace(control.silent(), deadline=limit), None)
        if first.infeasible:
            return Outcome(None, infeasible=True, reasons=first.reasons)
        if first.plan is not None and _is_kept(instance, objective, first, control):
            # What is best without what restricts the instance, and keeps it, is best with it.
            return first if start is None else _merged(instance, objective, Outcome(start), first)
        steps = _steps(instance, steps_a_group)
        starts: list[Plan | None] = [first.plan] if start is None else [start]
        if start is not None and first.plan is not None and not structural_violations(instance, first.plan):
            starts.append(first.plan)
        if not (is_plain or instance.has_random_latencies or control.exhausted):
            # A plan that spreads its groups over the domains from the start.
            starts.append(greedy(without_rules(instance), "guaranteed", control.silent()).plan)
        plans = []
        for left, begin in zip(range(len(starts), 0, -1), starts, strict=True):
            plans.append(descend(instance, objective, begin, steps, control.share(1.0 / left)))
        kept = [plan for plan in (start, *plans) if plan is not None]
        best = min(kept, key=lambda plan: value_of(instance, plan, objective), default=None)
        return Outcome(best, first.lower_bound, reasons=() if best else (NOT_FOUND,))

    return found


def _steps(instance: Instance, a_group: int) -> int:
    """Changes that a search tries: fewer under laws, where a value takes far longer."""
    steps = min(a_group * instance.max_groups, MOST_STEPS)
    return min(steps, FEW_STEPS_A_GROUP * instance.max_groups) if instance.has_random_latencies else steps


def _is_kept(instance: Instance, objective: Objective, found: Outcome, control: Control) -> bool:
    """Whether a plan of the relaxed instance is all that is wanted: valid, and proven or not to be bettered by rules.

    Parameters
    ----------
    instance, objective, control
        What was asked.
    found : Outcome
        A plan of the instance without domains, rules and the limit on energy.
    """
    wanted: list[Objective] = [objective] if instance.requirements.min_success is None else [objective, "failure"]
    if found.plan is None or not can_be_valued(instance, found.plan, wanted, control):
        return False
    if check(instance, found.plan):
        return False
    is_energy_alone = not (instance.has_shared_failures or instance.restrictions.of_groups)
    return is_energy_alone or is_closed(instance, objective, found, control.gap)


def mended(instance: Instance, objective: Objective, start: Plan, control: Control) -> Plan | None:
    """Find a valid plan near one that breaks rules or misses limits.

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
    search = by_share_first(searched(run, run_random))

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        is_open = objective == "failure" and instance.has_shared_failures and not instance.has_random_latencies
        # What follows such a search is a bound that is worth some seconds.
        first = search(instance, objective, control.share(SEARCH_SHARE) if is_open else control, start)
        # Without time there is none for imports either.
        if first.infeasible or control.exhausted or is_closed(instance, objective, first, control.gap):
            return first
        # HiGHS takes a while to import: only here.
        from rocoin_opt.exact import MOST_DEVICES, failure_bound_by_states

        if len(instance.devices) > MOST_DEVICES and instance.limits_energy and not instance.has_random_latencies:
            rounds = None if math.isinf(effort) or control.remaining < math.inf else AUTO_ROUNDS
            first = _within_energy(instance, objective, control, first, search, rounds)
        if len(instance.devices) > MOST_DEVICES:
            if first.plan is not None and is_open:
                by_states = failure_bound_by_states(instance, relaxed(instance), first.plan, control)
                first = replace(first, lower_bound=max(by_states, first.lower_bound or 0.0))
            if objective not in ANSWER_OBJECTIVES:
                return first
            steps = _steps(instance, STEPS_A_GROUP)
            return searched_on(
                instance, objective, control, first, lambda own, plan: descend(instance, objective, plan, steps, own)
            )
        if objective == "expected":
            if first.plan is None and instance.limits_energy and not instance.has_random_latencies:
                any_plan = _any_plan(instance, control)
                if any_plan.plan is None:
                    return any_plan
                begun = search(instance, objective, control, any_plan.plan)
                first = replace(begun, lower_bound=first.lower_bound)
            return _least_expected(instance, control, first, run)
        if instance.has_random_latencies:
            return first
        return _proven(instance, objective, control, first, effort if math.isinf(control.remaining) else math.inf)

    return found


def modelled(search: Run, solve_model: Run) -> Run:
    """Make the way of ``milp`` to plan restricted instances: the model states them, and starts from a plan of a search.

    Parameters
    ----------
    search : callable
        ``run(instance, objective, control, start) -> Outcome``: finds plans of restricted instances.
    solve_model : callable
        The same, by the model.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        first = search(instance, objective, control.silent(), start)
        if first.infeasible or not control.has_time_for(import_of_models()):
            return first
        return _merged(instance, objective, first, solve_model(instance, objective, control, first.plan))

    return found


def _least_expected(instance: Instance, control: Control, first: Outcome, run: Run) -> Outcome:
    """The plan of least expected answer time of a handful of devices, proven; else a better bound on it.

    Parameters
    ----------
    instance, control
        What was given.
    first : Outcome
        A plan, if one was found, and the bound of the instance without domains and rules.
    run : callable
        Plans, and bounds, instances without domains and rules.
    """
    from rocoin_opt.exact import best_of_all, is_small, mean_over_states, prove_expected

    model = ExpectedModel(instance)
    found = best_of_all(model, control, first.plan) if is_small(model) else None
    if found is not None:
        return _merged(instance, "expected", first, found)
    if not instance.has_random_latencies and not control.exhausted:
        nodes = math.inf if control.remaining < math.inf else EXPECTED_NODES
        first = _merged(instance, "expected", first, prove_expected(model, control, first.plan, nodes=nodes))
        if first.infeasible or is_closed(instance, "expected", first, control.gap):
            return first
    if instance.has_random_latencies or not instance.has_shared_failures or first.lower_bound is None:
        return first

    def given(left: Instance) -> float:
        if len(left.devices) > FEW_DEVICES:
            return combinatorial_bound(left, "expected") or model.deadline
        outcome = run(left, "expected", replace(control.silent(), gap=STATE_GAP), None)
        return model.deadline if outcome.infeasible else outcome.lower_bound or 0.0

    bound = mean_over_states(instance, relaxed(instance), first.lower_bound, given, model.deadline, control)
    return replace(first, lower_bound=max(bound, first.lower_bound))


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
        found = exact_restricted(instance, objective, control, first.plan, first.lower_bound)
        return _merged(instance, objective, first, found)
    start = first.plan
    if start is None:
        any_plan = _any_plan(instance, control)
        if any_plan.plan is None:
            return any_plan
        start = any_plan.plan
    known = replace(first, plan=start, reasons=())
    if objective not in ANSWER_OBJECTIVES:
        return known
    if objective == "quantile":
        return _merged(instance, objective, known, exact_quantile(instance, control, start, effort=effort))
    return _merged(instance, objective, known, exact_answer(instance, objective, control, start, effort=effort))


def _within_energy(
    instance: Instance, objective: Objective, control: Control, first: Outcome, search: Run, rounds: int | None
) -> Outcome:
    """A better plan of many devices within a limit on energy, and for a latency a better bound, perhaps a proof."""
    from rocoin_opt.exact import early_within_energy, exact_within_energy

    latency = objective if objective in THRESHOLD_OBJECTIVES else "guaranteed"
    if objective == latency and not control.exhausted:
        found = exact_within_energy(instance, objective, control, first.plan, first.lower_bound, rounds=rounds)
        first = _merged(instance, objective, first, found)
    is_open = not (first.infeasible or control.exhausted or is_closed(instance, objective, first, control.gap))
    if not is_open or instance.has_shared_failures or instance.restrictions.of_groups:
        return first
    begin = greedy(without_rules(instance), latency, control.silent()).plan
    plan = None if begin is None else early_within_energy(instance, latency, begin, control)
    if plan is None:
        return first
    found = Outcome(plan) if objective == latency else search(instance, objective, control, plan)
    return replace(no_worse(instance, objective, found, first.plan), lower_bound=first.lower_bound)


def _any_plan(instance: Instance, control: Control) -> Outcome:
    """Any valid plan, or none: which ones are valid does not depend on the objective."""
    from rocoin_opt.exact import exact_restricted

    return replace(exact_restricted(instance, "worst", replace(control.silent(), gap=1.0), None), lower_bound=None)


def _merged(instance: Instance, objective: Objective, first: Outcome, found: Outcome) -> Outcome:
    """The better plan and the better bound of two outcomes."""
    if found.infeasible:
        return found
    bounds = [outcome.lower_bound for outcome in (first, found) if outcome.lower_bound is not None]
    best = no_worse(instance, objective, found, first.plan)
    reasons = () if best.plan is not None else (*found.reasons, *first.reasons)[:1]
    return replace(best, lower_bound=max(bounds, default=None), reasons=reasons)


def settled_under_rules(
    instance: Instance, objective: Objective, plan: Plan, control: Control, prefer: Preference
) -> Outcome:
    """Go on behind a latency to less failure and less work, or to less work and less failure.

    Parameters
    ----------
    instance, control
        What was given: constant latencies.
    objective : {'guaranteed', 'nominal', 'worst'}
        Whose value must not get worse.
    plan : Plan
        A valid plan.
    prefer : {'reliability', 'work', 'energy'}
        What comes first.

    Returns
    -------
    Outcome
        The plan, and where reliability comes first a valid lower bound on the failure probability of plans as early, if
        one is known.
    """
    seconds = value_of(instance, plan, objective)
    within = Within(objective, seconds, prefer)
    steps = _steps(instance, STEPS_A_GROUP)
    if not is_untied(instance, plan):
        # Which of two plans fails less nobody can tell.
        return Outcome(plan)
    quiet = control.silent()
    best = descend(instance, "failure", plan, steps, quiet, within=within) or plan
    if prefer == "reliability" and len(instance.devices) <= MOST_BY_HAND and not control.exhausted:
        # No plan is kept that spares added by hand to the one of least work would better.
        lean = descend(instance, "failure", plan, steps, quiet, within=within._replace(prefer="work")) or plan
        by_hand = with_spares_added(instance, lean, objective, seconds)
        again = descend(instance, "failure", by_hand, steps, quiet, within=within) or by_hand
        best = min((best, by_hand, again), key=lambda found: value_of(instance, found, "failure"))
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import MOST_DEVICES, surest_within

    if prefer != "reliability" or len(instance.devices) > MOST_DEVICES or control.exhausted:
        return Outcome(best)
    effort = math.inf if control.is_timed else SETTLING_EFFORT
    found = surest_within(instance, objective, seconds, control.silent(), best, effort=effort)
    if found.plan is None or value_of(instance, found.plan, objective) > seconds:
        return replace(found, plan=best)
    # As sure, but perhaps with more work.
    is_surer = value_of(instance, found.plan, "failure") < value_of(instance, best, "failure")
    return found if is_surer else replace(found, plan=best)
