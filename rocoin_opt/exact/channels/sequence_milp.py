"""The method ``milp`` with shared channels: a second opinion on a handful of devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.failure import check, value_of
from rocoin_opt.formulations import sequences
from rocoin_opt.highs import solve_model
from rocoin_opt.instance import SOLVER_SAFETY
from rocoin_opt.plan import Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan


def milp_on_channels(
    instance: Instance, objective: Objective, control: Control, start: Plan, lower_bound: float | None = None
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
    start : Plan
        A valid plan.
    lower_bound : float, optional
        What is known already, in seconds.

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
    plan, value = start, value_of(instance, start, objective)
    if value <= 0.0:
        return Outcome(plan, 0.0)
    model = sequences.build(instance, objective, value * (1.0 + SOLVER_SAFETY))
    solution = solve_model(model, control.silent())
    bound = lower_bound or 0.0
    if solution.bound is not None:
        bound = max(bound, min(solution.bound, 1.0) * value * (1.0 - SOLVER_SAFETY))
    if solution.objective is not None:
        other = sequences.sequenced_plan(model, instance)
        # Where ties decide, or a share is a hair too small, the model's plan may be none, or later than it says.
        if not check(instance, other) and value_of(instance, other, objective) < value:
            plan = other
    return Outcome(plan, bound)
