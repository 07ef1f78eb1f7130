"""What the methods run where several devices send on one channel.

With links of their own no device answers later, so every lower bound of that instance holds, and its plans are where a
search begins that values and checks everything as the instance has it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.failure import check, is_untied, value_of
from rocoin_opt.heuristics.restricted import Within, descend
from rocoin_opt.instance import without_channels
from rocoin_opt.plan import THRESHOLD_OBJECTIVES, Outcome, structural_violations

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan, Preference

    Plain: TypeAlias = Callable[[Instance, Objective, Control], Outcome]
    Run: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]

STEPS_A_GROUP, MOST_STEPS = 400, 6_000
"""Changes that a search tries, a group and at most; each takes about a millisecond."""
QUICK_STEPS_A_GROUP = 80
"""The same for ``greedy``."""
NOT_FOUND = "no plan was found that keeps all limits and rules with shared channels; that there is none is not proven"


def blind(run: Run) -> Run:
    """Make a baseline's way to plan: as if each device had a link of its own, so that its plan may break a limit."""

    def found(instance: Instance, objective: Objective, control: Control, _: Plan | None = None) -> Outcome:
        outcome = run(without_channels(instance), objective, control, None)
        broken = () if outcome.plan is None else structural_violations(instance, outcome.plan)
        if broken:
            return Outcome(None, reasons=tuple(map(str, broken)))
        return replace(outcome, lower_bound=None)

    return found


def searched(run: Plain, run_restricted: Run, steps_a_group: int = STEPS_A_GROUP) -> Run:
    """Make a way to plan with channels from ways to plan without.

    Parameters
    ----------
    run, run_restricted : callable
        Ways to plan with links of their own; the second one honours failure domains and rules.
    steps_a_group : int
        Changes that the search from their plan tries, for each group that there may be.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        free = without_channels(instance)
        quiet = control.silent()
        first = run_restricted(free, objective, quiet, None) if free.is_restricted else run(free, objective, quiet)
        if first.infeasible:
            return Outcome(None, infeasible=True, reasons=first.reasons)
        steps = min(steps_a_group * instance.max_groups, MOST_STEPS)
        starts: list[Plan | None] = [plan for plan in (start, first.plan) if plan is not None]
        plans = [descend(instance, objective, begin, steps, control) for begin in starts or [None]]
        kept = [plan for plan in (start, *plans) if plan is not None and is_kept(instance, objective, plan)]
        best = min(kept, key=lambda plan: value_of(instance, plan, objective), default=None)
        return Outcome(best, first.lower_bound, reasons=() if best else (NOT_FOUND,))

    return found


def settled_on_channels(
    instance: Instance, objective: Objective, plan: Plan, control: Control, prefer: Preference
) -> Outcome:
    """Go on behind a latency to less failure and less work, or to less work and less failure, by a search.

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
    """
    if not is_untied(instance, plan):
        # Which of two plans fails less nobody can tell.
        return Outcome(plan)
    within = Within(objective, value_of(instance, plan, objective), prefer)
    steps = min(QUICK_STEPS_A_GROUP * instance.max_groups, MOST_STEPS)
    return Outcome(descend(instance, "failure", plan, steps, control.silent(), within=within) or plan)


def is_kept(instance: Instance, objective: Objective, plan: Plan) -> bool:
    """Whether a plan is valid and has a value of its own.

    Parameters
    ----------
    instance, objective
        What was asked.
    plan : Plan
        A plan for it.
    """
    is_whole = instance.requirements.min_success is not None or objective not in THRESHOLD_OBJECTIVES
    return not (is_whole and not is_untied(instance, plan)) and not check(instance, plan)
