"""What the methods run: ``auto`` and ``exact`` are portfolios of heuristics and proofs, in an order that pays.

What takes a while to import, HiGHS and Pyomo above all, is imported where it runs.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import known_value, value_of
from rocoin_opt.grouping import import_of_models, valuation
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.instance import without_laws
from rocoin_opt.plan import ANSWER_OBJECTIVES, THRESHOLD_OBJECTIVES, Outcome, relative_gap

if TYPE_CHECKING:
    from collections.abc import Iterable

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
MOMENT = 0.3  # Seconds that such a value may take whatever the clock says.
SEARCH_SHARE = 0.4
"""Share of the time left that local search may take before ``exact`` proves the expected answer time."""
MAX_AUTO_DEVICES_WITH_LIMIT = 2_000
"""The same with a time limit; beyond, the linear programs take too long to better the greedy plan."""
STEPS_A_GROUP = 20
"""Steps of local search, for each group, before ``exact`` begins: a tenth of a second for 100 devices."""
REINFORCING_EFFORT = 1e9
"""Sets that one search for a packing of less failure looks at without a time limit: some seconds."""
FEW_STEPS = 60  # Steps of local search before that: some hundredths of a second.
NODES, FEW_NODES, MOST_BRANCHED = 1_000, 30, 64
"""Programs that bound the failure of more devices, with a limit of time and without; and devices up to which then."""
FEW_DEVICES_OF_SETS = 14
"""Devices up to which all sets are packed at once, in some tenths of a second."""


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
    improved = local_search(instance, objective, control.silent(), first.plan, iterations=steps)
    found = exact(instance, objective, control, improved.plan, rounds=rounds)
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
    improved = start
    if start is not None:
        limit = time.perf_counter() + SEARCH_SHARE * control.remaining
        improved = local_search(instance, "expected", replace(control, deadline=limit), start).plan
    return exact_expected(instance, control, improved, nodes=None if rounds is None else AUTO_NODES)


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
    if control.exhausted:
        return Outcome(start)
    # The proof for few devices takes less time than a search.
    is_small = len(instance.devices) <= FEW_DEVICES_OF_SETS
    steps = FEW_STEPS if is_small else None
    improved = searched_answer(instance, objective, control, start, steps)
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import MOST_DEVICES, exact_answer, exact_quantile, failure_bound, quantile_bound

    if len(instance.devices) <= MOST_DEVICES:
        if objective == "quantile":
            return exact_quantile(instance, control, improved, effort=effort)
        return exact_answer(instance, objective, control, improved, effort=effort)
    # The missing share of so many devices has no bound but 0 yet.
    if objective == "missing":
        return Outcome(improved)
    value = value_of(instance, improved, objective)
    if objective == "quantile":
        return Outcome(improved, quantile_bound(instance, value, control))
    nodes = NODES if control.is_timed else FEW_NODES if len(instance.devices) <= MOST_BRANCHED else 1
    found = Outcome(improved, failure_bound(instance, value, control, nodes=nodes))
    return _searched_on(instance, objective, control, found)


def _searched_on(instance: Instance, objective: Objective, control: Control, found: Outcome) -> Outcome:
    """Search for better plans by other chances as long as there is time: the proof can go no further.

    Parameters
    ----------
    instance, objective, control
        As for :func:`prove_answer`.
    found : Outcome
        A plan and a bound.
    """
    seed = control.seed
    while control.is_timed and found.plan is not None and not control.exhausted:
        gap = gap_of(instance, objective, found)
        if gap is not None and gap <= control.gap:
            break
        seed += 1
        plan = local_search(instance, objective, replace(control.silent(), seed=seed), found.plan).plan or found.plan
        # The search keeps its start unless it finds a better plan.
        found = replace(found, plan=plan)
        control.tell(value_of(instance, plan, objective), found.lower_bound)
    return found


def searched_answer(
    instance: Instance, objective: Objective, control: Control, start: Plan, iterations: int | None = None
) -> Plan:
    """The plan that local search makes of another one.

    Parameters
    ----------
    instance, objective, control, start
        As for :func:`prove_answer`.
    iterations : int, optional
        Steps after which to stop.
    """
    limit = time.perf_counter() + SEARCH_SHARE * control.remaining
    asked = replace(control, deadline=limit)
    return local_search(instance, objective, asked, start, iterations=iterations).plan or start


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


def no_worse(instance: Instance, objective: Objective, outcome: Outcome, start: Plan | None) -> Outcome:
    """The outcome with the better one of its plan and the start, the start where both are equally good.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'guaranteed', 'nominal', 'worst', 'expected'}
        Whose values are compared.
    outcome : Outcome
        What a search returned.
    start : Plan or None
        A valid plan to compare with; None leaves the outcome as it is.
    """
    if start is None:
        return outcome
    # Under slowdown laws a value may take seconds: none is computed that decides nothing.
    found = outcome.plan
    value = math.inf if found is None or found == start else value_of(instance, found, objective)
    if value < math.inf and value < value_of(instance, start, objective):
        return outcome
    # What proves that no plan has a value is no contradiction to a valid plan without one.
    infeasible = outcome.infeasible and value_of(instance, start, objective) < math.inf
    return replace(outcome, plan=start, infeasible=infeasible, reasons=())


def can_be_valued(instance: Instance, plan: Plan, objectives: Iterable[Objective], control: Control) -> bool:
    """Whether values of a plan are known, or there is time to compute those that are not.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A valid plan.
    objectives : iterable of str
        Whose values are asked for.
    control : Control
        Owner of the time that is left.
    """
    unknown = [objective for objective in objectives if known_value(instance, plan, objective) is None]
    return sum(valuation(instance, plan, objective) for objective in unknown) <= max(control.remaining, MOMENT)


def gap_of(instance: Instance, objective: Objective, outcome: Outcome) -> float | None:
    """Relative gap of the plan of an outcome; None without a plan or a bound.

    Parameters
    ----------
    instance, objective
        Whose value and bound are compared.
    outcome : Outcome
        What a search returned.
    """
    if outcome.plan is None:
        return None
    return relative_gap(value_of(instance, outcome.plan, objective), outcome.lower_bound)
