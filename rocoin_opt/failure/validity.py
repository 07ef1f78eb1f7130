"""What makes a plan valid: the rules of parts and groups, and what is asked of the plan as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.plan import structural_violations

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan, Violation


def check(instance: Instance, plan: Plan) -> tuple[Violation, ...]:
    """Find every violation of the rules of a feasible plan.

    Feasible: every filter in exactly one part, 1 <= part size <= capacity, the student fits into the memory of every
    device of its group, the number of groups lies in its range, and no group's outage exceeds the limit. Devices are
    in at most one group, and the spares are exactly the others.

    Parameters
    ----------
    instance : Instance
        What was given; slowdown laws do not matter here, failure domains do.
    plan : Plan
        The decision, in any order.

    Returns
    -------
    tuple of Violation
        Empty when the plan is valid.
    """
    return structural_violations(instance, plan)


def require_valid(instance: Instance, plan: Plan, source: str) -> None:
    """Refuse a plan that a user gave unless it is valid.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        What is checked.
    source : str
        Where the plan comes from, for the message.

    Raises
    ------
    InputError
        Naming the source and every violation.
    """
    problems = [
        Problem(f"{v.where}: {v.rule}", f"{v.found} {v.unit}".rstrip(), f"{v.allowed} {v.unit}".rstrip())
        for v in check(instance, plan)
    ]
    if problems:
        raise InputError(source, problems)
