"""On the way in and out: plans are checked here, and nothing that a search says of what it returns is believed.

A plan, a point of a frontier, a replanned fleet and a partition all pass the same two questions: is it valid, and is
the bound no better than the value? A no is a defect of the package or of a user's own method, never a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.errors import CertificateError, InputError, Problem, UnsupportedError
from rocoin_opt.failure import check, value_of
from rocoin_opt.plan import CLOSED_GAP, relative_gap, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan


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


def require_startable(instance: Instance, plan: Plan, source: str) -> None:
    """Refuse a plan to start from that no search can mend: one with strangers, devices in two places or empty groups.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        What is to be started from; it may miss limits and break rules.
    source : str
        Where the plan comes from, for the message.

    Raises
    ------
    InputError
        Naming the source and every violation, those included that could be mended.
    """
    beyond_repair = {"known", "disjoint", "nonempty"}
    broken = {violation.rule for violation in structural_violations(instance, plan)}
    if not plan.groups or broken & beyond_repair:
        require_valid(instance, plan, source)


def require_no_min_success(instance: Instance, what: str) -> None:
    """Refuse an instance by name whose ``min_success`` a search cannot honour yet."""
    if instance.requirements.min_success is not None:
        raise UnsupportedError(f"{instance.name}: {what} does not honour requirements.min_success yet")


def require_certified(whose: str, instance: Instance, plan: Plan | None, *, searched: bool = False) -> None:
    """Refuse a plan that breaks a rule; None is no plan and passes.

    Parameters
    ----------
    whose : str
        Who returned it, for the message: "greedy returned", say.
    instance, plan
        What was given, and what was found.
    searched : bool
        Whether a method has just returned the plan: methods search without ``min_success``, which is weighed next.

    Raises
    ------
    CertificateError
        With every violation.
    """
    judge = structural_violations if searched else check
    violations = () if plan is None else judge(instance, plan)
    if violations:
        raise CertificateError(f"{whose} an invalid plan: {'; '.join(map(str, violations))}")


def certified_value(whose: str, instance: Instance, plan: Plan, objective: Objective) -> float:
    """Check a plan, and compute the value of its objective in seconds anew.

    Parameters
    ----------
    whose : str
        Who returned the plan, for the message: "greedy returned", say.
    instance, plan
        What was given, and what was found.
    objective : {'guaranteed', 'nominal', 'worst', 'expected'}
        Whose value is computed.

    Raises
    ------
    CertificateError
        If the plan breaks a rule.
    """
    require_certified(whose, instance, plan)
    return value_of(instance, plan, objective)


def certified_bound(whose: str, bound: float, value: float, *, scale: float = 0.0) -> float:
    """Return a lower bound, no higher than the value.

    Parameters
    ----------
    whose : str
        Who returned it, for the message: "greedy returned", say.
    bound, value : float
        Lower bound, and the value that was computed anew.
    scale : float
        Magnitude that rounding is relative to where the value itself is smaller.

    Raises
    ------
    CertificateError
        If the bound is above the value by more than rounding.
    """
    if bound > value + CLOSED_GAP * max(scale, abs(value)):
        raise CertificateError(f"{whose} the bound {bound!r} above the value {value!r}")
    # Above by rounding only: no gap is negative.
    return min(bound, value)


def is_closed(value: float | None, bound: float | None) -> bool:
    """Whether value and bound differ by rounding only: proven optimal."""
    gap = relative_gap(value, bound)
    return gap is not None and gap <= CLOSED_GAP
