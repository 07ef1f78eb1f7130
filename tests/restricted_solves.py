"""What a solve of a restricted instance has to be, by the oracle that looks at all plans and all states."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import restricted_instances
import rocoin_opt as ro
from oracle_restricted import RestrictedOracle

if TYPE_CHECKING:
    from rocoin_opt.plan.latency import Objective

CLOSE = 1e-9
"""Relative difference that rounding may make."""
TINY = 1e-15
"""Absolute difference that rounding may make in a probability."""


@lru_cache(maxsize=64)
def drawn(seed: int, devices: int | None = None) -> ro.Instance:
    """The random instance of a seed, with rules."""
    return ro.Instance.model_validate(
        restricted_instances.merged(*restricted_instances.random_restricted(seed, devices=devices))
    )


@lru_cache(maxsize=512)
def truth(instance_seed: int, devices: int | None, objective: Objective) -> float | None:
    """Least value of all plans; None where there is none."""
    answer = RestrictedOracle(drawn(instance_seed, devices)).optimum(objective)
    if answer is None:
        return None
    return math.inf if answer[0] is None else float(answer[0])


def wrong(result: ro.Result, least: float | None) -> list[str]:
    """All that a result says against what is true."""
    faults = []
    value = math.inf if result.objective_value is None else result.objective_value
    if result.plan is not None:
        faults += [str(violation) for violation in ro.check(result.instance, result.plan)]
        if least is None:
            return [*faults, "a plan where there is none"]
        if value < least * (1 - CLOSE) - TINY:
            faults.append(f"value {value} below the least, {least}")
        if result.termination == "optimal" and value > least * (1 + CLOSE) + TINY:
            faults.append(f"value {value} called optimal, {least} is")
    if result.lower_bound is not None and least is not None and result.lower_bound > least * (1 + CLOSE) + TINY:
        faults.append(f"bound {result.lower_bound} above the least, {least}")
    # A quantile that no plan reaches counts as infeasible.
    if result.termination == "infeasible" and least is not None and least < math.inf:
        faults.append(f"infeasible, where a plan has {least}")
    return faults
