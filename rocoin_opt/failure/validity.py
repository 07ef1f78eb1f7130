"""What makes a plan valid: the rules of parts and groups, and what is asked of the plan as a whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.instance import complement, stretched
from rocoin_opt.plan import Violation, plan_in, require_computable, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan, Plan

CLEARLY = 1.0 + 1e-9
"""Factor on the limit above which a bound refutes: the proofs close gaps up to a billionth."""


def check(instance: Instance, plan: Plan | HasPlan) -> tuple[Violation, ...]:
    """Find every violation of the rules of a feasible plan.

    Feasible: every filter in exactly one part, 1 <= part size <= capacity, the student fits into the memory of every
    device of its group, the number of groups lies in its range, and no group's outage exceeds the limit. Devices are
    in at most one group, and the spares are exactly the others. Where ``min_success`` is asked for, the whole answer is
    there by the deadline, or ever, with at least this probability; of a plan too broken to have one this is not said.

    Parameters
    ----------
    instance : Instance
        What was given; failure domains matter, slowdown laws for ``min_success`` alone.
    plan : Plan, Result or other holder of a plan
        The decision, in any order.

    Returns
    -------
    tuple of Violation
        Empty when the plan is valid.

    Raises
    ------
    InputError
        If the instance is not valid, or there is no plan.
    UnsupportedError
        If ``min_success`` is asked for, and too many failure domains tie groups together, or a law is too extreme.

    Examples
    --------
    >>> ro.check(instance, plan)
    ()
    """
    plan = plan_in(plan)
    instance.require_valid()
    broken = structural_violations(instance, plan)
    if instance.requirements.min_success is None:
        return broken
    if broken:
        try:
            require_computable(instance, plan)
        except InputError:
            return broken
    missed = missed_success(instance, plan)
    return broken if missed is None else (*broken, missed)


def allowed_failure(instance: Instance) -> float:
    """Largest failure probability of a plan that keeps ``min_success``, up to rounding; infinite without the wish."""
    wanted = instance.requirements.min_success
    return math.inf if wanted is None else stretched(complement(wanted))


def missed_success(instance: Instance, plan: Plan) -> Violation | None:
    """Violation of ``min_success`` alone; None where it is kept, or not asked for: nothing is computed then.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan that :func:`rocoin_opt.evaluate` takes.
    """
    wanted = instance.requirements.min_success
    if wanted is None:
        return None
    failure = value_of(instance, plan, "failure")
    if failure <= allowed_failure(instance):
        return None
    # A failure too small to leave its mark on 1 is written out.
    found = 1.0 - failure
    return Violation("min_success", "groups", found if found < wanted else f"1 - {failure:.6g}", wanted)
