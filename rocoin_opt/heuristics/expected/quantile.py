"""Descent on a quantile of the answer time: failure at a time just below it is lowered until the level is reached."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.heuristics.expected.descent import ExpectedDescent
from rocoin_opt.instance import LIMIT_TOLERANCE, complement, stretched

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan


def most_weight(level: float) -> float:
    """``-ln P`` that a plan may have at most where an answer is wanted with a probability."""
    return -math.log1p(-min(stretched(complement(level)), 1.0 - LIMIT_TOLERANCE))


def descend_quantile(
    instance: Instance, plan: Plan, seed: int, steps: int, control: Control, allowance: float = 0.0
) -> Plan:
    """Lower the quantile of a plan.

    Parameters
    ----------
    instance : Instance
        With a success level.
    plan : Plan
        A valid plan.
    seed : int
        Seed of the random choices.
    steps : int
        Steps at most.
    control : Control
        Limit; improvements are told.
    allowance : float
        Relative loss that a step may accept.

    Returns
    -------
    Plan
        Valid; with a quantile not above that of the given one.
    """
    level = instance.requirements.success_level
    if level is None:
        raise ValueError("a quantile needs a success level")
    limit, value = most_weight(level), value_of(instance, plan, "quantile")
    while steps > 0 and not control.exhausted:
        # Times within the tolerance on limits count as equal, so the next one worth having lies further off.
        earlier = value * (1.0 - 4.0 * LIMIT_TOLERANCE)
        search = ExpectedDescent(instance, plan, seed, "failure", earlier)
        while search.value > limit and steps > 0 and not control.exhausted:
            search.step(allowance)
            steps -= 1
        found = search.plan()
        quantile = value_of(instance, found, "quantile")
        if not quantile < value:
            break
        plan, value = found, quantile
        control.tell(value, None)
    return plan
