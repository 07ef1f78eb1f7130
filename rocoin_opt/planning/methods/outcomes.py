"""How outcomes compare: the better of two plans, the gap of one, and whether there is time to value it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import known_value, value_of
from rocoin_opt.grouping import valuation
from rocoin_opt.plan import CLOSED_GAP, Outcome, relative_gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

MOMENT = 0.3  # Seconds that such a value may take whatever the clock says.


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


def is_closed(instance: Instance, objective: Objective, outcome: Outcome, gap: float) -> bool:
    """Whether a plan is proven within a gap.

    Parameters
    ----------
    instance, objective
        Whose value and bound are compared.
    outcome : Outcome
        What a search returned.
    gap : float
        Relative gap that is enough; rounding counts as closed in any case.
    """
    if outcome.plan is None or outcome.lower_bound is None:
        return False
    value = value_of(instance, outcome.plan, objective)
    # A level that the plan never reaches is no value, and every gap to it would pass for closed.
    return value < math.inf and value - outcome.lower_bound <= max(gap, CLOSED_GAP) * value


def searched_on(
    instance: Instance,
    objective: Objective,
    control: Control,
    found: Outcome,
    improved: Callable[[Control, Plan], Plan | None],
) -> Outcome:
    """Search for better plans by other chances as long as a limit of time allows, where a proof goes no further.

    Parameters
    ----------
    instance, objective, control
        What was asked.
    found : Outcome
        A plan, perhaps none, and a bound.
    improved : callable
        ``improved(control, plan) -> Plan or None``: what a search with the seed of a control makes of a plan.
    """
    seed = control.seed
    while control.is_timed and found.plan is not None and not control.exhausted:
        if is_closed(instance, objective, found, control.gap):
            break
        seed += 1
        best = found.plan
        better = improved(replace(control.silent(), seed=seed), best)
        if better is not None and value_of(instance, better, objective) < value_of(instance, best, objective):
            best = better
        found = replace(found, plan=best)
        control.tell(value_of(instance, best, objective), found.lower_bound)
    return found
