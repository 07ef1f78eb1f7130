"""What the methods run: ``auto`` and ``exact`` are portfolios of heuristics and proofs, in an order that pays.

What takes a while to import, HiGHS and Pyomo above all, is imported where it runs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.grouping import import_of_models
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.instance import without_laws
from rocoin_opt.plan import ANSWER_OBJECTIVES, THRESHOLD_OBJECTIVES, Outcome
from rocoin_opt.planning.methods.answers import prove_answer, searched_answer
from rocoin_opt.planning.methods.outcomes import gap_of, is_closed, no_worse

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan, Preference

MAX_AUTO_DEVICES = 400
"""Devices up to which ``auto`` goes on to ``exact`` without a time limit."""
AUTO_ROUNDS = 2
"""Rounds of integer packings that it then tries: a minute or two at most, and the same on every machine."""
AUTO_NODES = 300_000
"""Nodes of branch and bound that it tries for the expected answer time: ten to twenty seconds."""
AUTO_EFFORT = 2e9
"""Sets that one search for a packing looks at then, for the objectives of the whole answer: some seconds."""
FIRST_NODES = 20_000
"""Nodes of branch and bound that ``exact`` tries on few devices before it searches for better plans."""
PROVEN = 1e-9  # Relative gap at which these were enough.
FIRST_SHARE = 0.4
"""Share of the time left for a first proof, then for a longer search, where devices share failures."""
MAX_AUTO_DEVICES_WITH_LIMIT = 2_000
"""The same with a time limit; beyond, the linear programs take too long to better the greedy plan."""
STEPS_A_GROUP = 20
"""Steps of local search, for each group, before ``exact`` begins: a tenth of a second for 100 devices."""
REINFORCING_EFFORT = 1e9
"""Sets that one search for a packing of less failure looks at without a time limit: some seconds."""


def run_milp(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
    """Run the joint model, or that of failure, from greedy's plan, or a better start.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst', 'failure'}
        What is minimised.
    control : Control
        Limits, seed, threads and reports.
    start : Plan, optional
        A valid plan to begin with.
    """
    first = no_worse(instance, objective, greedy(instance, objective, control.silent()), start)
    return (
        first if not control.has_time_for(import_of_models()) else solve_model(instance, objective, control, first.plan)
    )


def solve_model(instance: Instance, objective: Objective, control: Control, start: Plan | None) -> Outcome:
    """Solve the joint model, or that of failure.

    Parameters
    ----------
    instance, objective, control, start
        As for :func:`run_milp`.
    """
    # Pyomo and HiGHS take a second to import: only here.
    from rocoin_opt.exact.milp import milp

    return milp(instance, objective, control, start)


def run_exact(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
    """Improve greedy's plan, or a better start, and prove it.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst', 'expected'}
        What is minimised.
    control : Control
        Limits, seed, threads and reports.
    start : Plan, optional
        A valid plan to begin with.
    """
    return _exact_from(instance, objective, control, greedy(instance, objective, control.silent()), start)


def _exact_from(
    instance: Instance,
    objective: Objective,
    control: Control,
    constructed: Outcome,
    start: Plan | None,
    rounds: int | None = None,
) -> Outcome:
    """Improve a constructed plan, or a given one, by a little local search, and prove it."""
    first = no_worse(instance, objective, constructed, start)
    # The plan meets the counting bound, and nothing is left to prove; or no time is left, not even for imports.
    if control.exhausted or (first.plan is not None and gap_of(instance, objective, first) == 0.0):
        return first
    if objective in ANSWER_OBJECTIVES:
        start = first.plan
        if start is None:
            found = any_plan(instance, control, rounds)
            if found.plan is None:
                return found
            start = found.plan
        return prove_answer(instance, objective, control, start, effort=math.inf if rounds is None else AUTO_EFFORT)
    if objective == "expected":
        return _exact_expected(instance, control, first.plan, rounds)
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import exact

    steps = STEPS_A_GROUP * instance.max_groups
    begin = local_search(instance, objective, control.silent(), first.plan, iterations=steps).plan
    bound = None
    if instance.has_shared_failures and control.is_timed and rounds is None:
        # Where many share a failure an exchange of devices seldom helps, and few steps find little. Most fleets are
        # proven at once all the same: only the others are searched for longer.
        quick = exact(instance, objective, control.share(FIRST_SHARE), begin, rounds=1)
        if quick.infeasible or control.exhausted or is_closed(instance, objective, quick, control.gap):
            return quick
        begin, bound = quick.plan, quick.lower_bound
        if begin is not None:
            begin = local_search(instance, objective, control.share(FIRST_SHARE).silent(), begin).plan
    found = exact(instance, objective, control, begin, rounds=rounds)
    if bound is not None and not found.infeasible:
        found = replace(found, lower_bound=max(bound, found.lower_bound or bound))
    gap = gap_of(instance, objective, found)
    if found.plan is None or gap is None or gap <= control.gap or math.isinf(control.remaining) or control.exhausted:
        return found
    # The proof can go no further, and time is left: a better plan closes the gap from above.
    searched = replace(local_search(instance, objective, control, found.plan), lower_bound=found.lower_bound)
    return no_worse(instance, objective, searched, found.plan)


def _exact_expected(instance: Instance, control: Control, start: Plan | None, rounds: int | None) -> Outcome:
    from rocoin_opt.exact import FEW_DEVICES, exact_expected

    if start is None:
        # That greedy found no plan proves nothing.
        found = any_plan(instance, control, rounds)
        if found.infeasible:
            return found
        start = found.plan
    # So few are mostly proven at once: no search for better plans is needed.
    if len(instance.devices) <= FEW_DEVICES:
        from rocoin_opt.exact import prove_expected
        from rocoin_opt.grouping import ExpectedModel

        proof = prove_expected(ExpectedModel(instance), control, start, nodes=FIRST_NODES)
        gap = gap_of(instance, "expected", proof)
        if proof.infeasible or (gap is not None and gap <= max(control.gap, PROVEN)):
            return proof
        start = proof.plan
    improved = None if start is None else searched_answer(instance, "expected", control, start)
    return exact_expected(instance, control, improved, nodes=None if rounds is None else AUTO_NODES)


def any_plan(instance: Instance, control: Control, rounds: int | None) -> Outcome:
    """Find a plan that keeps every rule, or prove that there is none: neither objective nor laws matter for that.

    Parameters
    ----------
    instance : Instance
        What was given.
    control : Control
        Limits and seed.
    rounds : int or None
        Rounds of integer packings, at most.
    """
    from rocoin_opt.exact import exact

    # The first plan is as good as any: no gap is too large.
    found = exact(without_laws(instance), "guaranteed", replace(control.silent(), gap=1.0), rounds=rounds)
    # What bounds the guarantee does not bound the objective that the plan is wanted for.
    return replace(found, lower_bound=None)


def run_auto(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
    """Run greedy, then ``exact`` where the size allows it.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst', 'expected'}
        What is minimised.
    control : Control
        Limits, seed, threads and reports.
    start : Plan, optional
        A valid plan to begin with.
    """
    outcome = no_worse(instance, objective, greedy(instance, objective, control), start)
    limited = control.remaining < math.inf
    if len(instance.devices) > (MAX_AUTO_DEVICES_WITH_LIMIT if limited else MAX_AUTO_DEVICES):
        return outcome
    # Without a clock the rounds are the limit: the same plan on every machine.
    return _exact_from(instance, objective, control, outcome, None, None if limited else AUTO_ROUNDS)


def run_break_ties(
    instance: Instance, objective: Objective, plan: Plan, control: Control, criterion: str, prefer: Preference = "work"
) -> Outcome:
    """Go on behind latency: partition, work or energy, spare reliability.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst'}
        Whose value must not get worse.
    plan : Plan
        A valid plan.
    control : Control
        Limits, seed, threads and reports.
    criterion : {'ncut', 'cut', 'resilient'}
        What partitions are judged by, where the instance has a graph.
    prefer : {'work', 'energy'}
        What is least behind the partition.
    """
    if not control.has_time_for(import_of_models()):
        return Outcome(plan)
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import least_busy

    return least_busy(instance, objective, plan, control, criterion, prefer)


def run_reinforce(instance: Instance, objective: Objective, plan: Plan, control: Control, criterion: str) -> Outcome:
    """Go on behind the value: partition, then, for a latency, the failure probability, then work.

    Parameters
    ----------
    instance, plan, control, criterion
        As for :func:`run_break_ties`.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        Whose value must not get worse.

    Returns
    -------
    Outcome
        The plan, and for a latency a lower bound on the failure probability.
    """
    from rocoin_opt.exact import most_reliable, settle_answer

    # Without a clock the effort is the limit: the same plan on every machine.
    effort = math.inf if control.is_timed else REINFORCING_EFFORT
    if objective in THRESHOLD_OBJECTIVES:
        return most_reliable(instance, objective, plan, control, criterion, effort)
    return settle_answer(instance, objective, plan, control, criterion, effort)
