"""The method ``milp`` with shared channels: a second opinion on a handful of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.failure import check, value_of
from rocoin_opt.formulations import sequences
from rocoin_opt.highs import solve_model
from rocoin_opt.instance import SOLVER_SAFETY
from rocoin_opt.plan import CLOSED_GAP, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective


def milp_on_channels(
    instance: Instance, objective: Objective, control: Control, begin: Callable[[], Outcome]
) -> Outcome:
    """Improve a plan by the model of sequences, and bound it within what the solver's arithmetic is good for.

    Parameters
    ----------
    instance : Instance
        Few devices that share channels, see :func:`rocoin_opt.formulations.sequences.require_sequences_model`.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limits.
    begin : callable
        Searches for a plan to begin with, once it is known that the model can state the instance.

    Returns
    -------
    Outcome
        The better plan, and a bound that is a millionth below the model's optimum at least.

    Raises
    ------
    UnsupportedError
        Naming what the model cannot state.
    """
    sequences.require_sequences_model(instance)
    first = begin()
    if first.plan is None or control.exhausted:
        return first
    plan, bound = first.plan, first.lower_bound or 0.0
    value = value_of(instance, plan, objective)
    if value - bound <= max(control.gap, CLOSED_GAP) * value:
        return first
    model = sequences.build(instance, objective, value * (1.0 + SOLVER_SAFETY))
    solution = solve_model(model, control.silent())
    if solution.bound is not None:
        bound = max(bound, min(solution.bound, 1.0) * value * (1.0 - SOLVER_SAFETY))
    if solution.objective is not None:
        other = sequences.sequenced_plan(model, instance)
        # Where ties decide, or a share is a hair too small, the model's plan may be none, or later than it says.
        if not check(instance, other) and value_of(instance, other, objective) < value:
            plan = other
    return Outcome(plan, bound)
