"""Requirements and rules that cannot hold together, found by deletion, and the nearest value of each that would do.

Of all that can be taken away, one after another is left out for good where the rest is still proven to have no plan.
What is left is irreducible: without any one of its members there was a plan, or the limit came first, which is said.
See Chinneck, Feasibility and Infeasibility in Optimization, 2008, section 6.1, on deletion filters.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.control import Control, stopped_by_interrupt
from rocoin_opt.failure import check
from rocoin_opt.instance import given_instance, without_channels
from rocoin_opt.plan import Conflict, ConflictMember, require_own_links, structural_violations
from rocoin_opt.planning.conflicts.any_plan import AnyPlan
from rocoin_opt.planning.conflicts.members import freed, members_of

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan
    from rocoin_opt.planning.conflicts.members import Member

MOST_SECONDS = 10.0
"""What may be spent where there is no limit of time."""
FILTER_SHARE = 0.6
"""Share of it that finding the set may take; values that would do come behind."""
MOST_TOLD = 3
"""Violations of the closest plan that are told."""


def why_not(
    instance: Instance | str | Path,
    objective: Objective = "guaranteed",
    *,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int = 1,
) -> Conflict | None:
    """Find out why an instance has no plan.

    Parameters
    ----------
    instance : Instance, str or Path
        The instance, or the path of its file.
    objective : str
        The objective. It matters for ``quantile``, whose level may be out of reach, and for ``guaranteed``,
        for which a plan may have no value under slowdown laws.
    time_limit : float, optional
        Seconds; ten where left out.
    seed : int
        Seed of searches for plans.
    threads : int
        Threads of the mathematical programming solver.

    Returns
    -------
    Conflict or None
        Requirements and rules that cannot hold together; without members where it was not decided in time whether
        there is a plan. None where there is one.

    Raises
    ------
    InputError
        If an option is outside of its range.
    UnsupportedError
        If several devices send on one channel, and there is a rate of requests, ``min_success`` or a success level.

    Examples
    --------
    >>> ro.why_not(instance) is None
    True
    """
    instance = given_instance(instance)
    control = Control.starting_now(time_limit=time_limit, seed=seed, threads=threads)
    with stopped_by_interrupt(control):
        return conflict_of(instance, objective, control)


def can_be_explained(instance: Instance, objective: Objective) -> bool:
    """Whether the queues of channels have no say in whether there is a plan, so that it can be said why there is none.

    Parameters
    ----------
    instance, objective
        What was asked.
    """
    given = instance.requirements
    is_wished = given.requests_per_second is not None or given.min_success is not None
    return not (instance.shared_channels and (is_wished or objective == "quantile"))


def conflict_of(
    instance: Instance, objective: Objective, control: Control, *, is_proven: bool = False
) -> Conflict | None:
    """Find the conflict as one step of a longer search; see :func:`why_not`.

    Parameters
    ----------
    instance, objective
        What was asked.
    control : Control
        Limit, seed and threads.
    is_proven : bool
        Whether it is known that there is no plan.
    """
    if not can_be_explained(instance, objective):
        what = "why_not with requests_per_second, min_success or success_level"
        require_own_links(instance, what, instead="solve says whether there is a plan")
    # When answers come does not decide whether there is a plan.
    instance = without_channels(instance)
    now = time.perf_counter()
    end = min(control.deadline, now + MOST_SECONDS)
    filtering = AnyPlan(objective, replace(control, deadline=now + FILTER_SHARE * (end - now)))
    if not is_proven:
        verdict = filtering.of(instance)
        if verdict.plan is not None:
            return None
        if not verdict.refuted:
            return Conflict()
    kept, needed, some_gone = _filtered(instance, objective, filtering)
    if not needed and not some_gone and len(kept) > 1:
        # Nothing was decided: that all of them together leave no plan is known anyway.
        return Conflict()
    asking = AnyPlan(objective, replace(control, deadline=end))
    asking.known = filtering.known
    members = [_told(instance, member, asking, is_needed=member.path in needed) for member in kept]
    # The requirements first, then the rules in their order.
    members.sort(key=lambda member: member.path.startswith("rules"))
    return Conflict(members=tuple(members), irreducible=len(kept) > 0 and len(needed) == len(kept))


def _filtered(instance: Instance, objective: Objective, asking: AnyPlan) -> tuple[list[Member], set[str], bool]:
    """Leave out what is not needed for the conflict; the paths of what is proven to be; and if anything could go."""
    members = members_of(instance, objective)
    gone: set[str] = set()
    needed: set[str] = set()

    def variant(also: set[str]) -> Instance:
        return freed(instance, tuple(member for member in members if member.path in gone | also))

    def drop(block: list[Member]) -> None:
        """Leave out a block as a whole, or else what can go of its halves."""
        if not block:
            return
        paths = {member.path for member in block}
        verdict = asking.of(variant(paths))
        if verdict.refuted:
            gone.update(paths)
        elif len(block) > 1:
            half = len(block) // 2
            drop(block[:half])
            drop(block[half:])
        elif verdict.plan is not None:
            needed.update(paths)

    # Facts go first and rules last: what a user has asked for is what he can take back.
    for kind in ("fact", "requirement", "rule"):
        drop([member for member in members if member.kind == kind][:: -1 if kind == "rule" else 1])
    return [member for member in reversed(members) if member.path not in gone], needed, bool(gone)


def _told(instance: Instance, member: Member, asking: AnyPlan, *, is_needed: bool) -> ConflictMember:
    """Find the nearest value of one member with which there is a plan, all others as they are.

    Parameters
    ----------
    instance : Instance
        The instance.
    member : Member
        What may change.
    asking : AnyPlan
        Who is asked.
    is_needed : bool
        Whether the others can hold together without it, for the record.
    """
    told = ConflictMember(path=member.path, found=member.found, description=member.description, is_needed=is_needed)
    verdict = asking.of(member.without(instance))
    if verdict.plan is None:
        return told._replace({"helps": False if verdict.refuted else None})
    if member.choice is not None:
        value, remedy = member.choice(instance, verdict.plan)
        return told._replace({"helps": True, "would_do": value, "remedy": remedy, "is_nearest": True})
    if member.scale is None:
        return told._replace({"helps": True, "remedy": member.removal, "is_nearest": True})
    place, is_nearest = _nearest(instance, member, verdict.plan, asking)
    if place is None:
        return told._replace({"helps": True, "remedy": member.removal or None, "is_nearest": is_nearest})
    found = {"helps": True, "would_do": member.scale.value(place), "remedy": member.scale.remedy(place)}
    return told._replace({**found, "is_nearest": is_nearest})


def _nearest(instance: Instance, member: Member, plan: Plan, asking: AnyPlan) -> tuple[int | None, bool]:
    """The strictest place of a member's scale with a plan, and whether it is proven that there is none before it.

    Parameters
    ----------
    instance : Instance
        The instance.
    member : Member
        With a scale.
    plan : Plan
        One for the instance without the member.
    asking : AnyPlan
        Who is asked.
    """
    scale = member.scale
    assert scale is not None
    low, is_proven = scale.strict, True
    high = min(max(scale.place_of(instance, plan), low + 1), scale.lenient)
    # What a plan needs is computed, and rounded once more where it is compared.
    while not asking.is_met(scale.changed(instance, high), plan):
        if high >= scale.lenient:
            return None, False
        high += 1
    while high - low > 1:
        middle = (low + high) // 2
        verdict = asking.of(scale.changed(instance, middle))
        if verdict.plan is not None:
            high = min(middle, max(scale.place_of(instance, verdict.plan), low + 1))
            while not asking.is_met(scale.changed(instance, high), verdict.plan):
                high += 1
        else:
            low = middle
            is_proven = is_proven and verdict.refuted
    return high, is_proven


def what_is_known(instance: Instance, objective: Objective, control: Control) -> tuple[str, ...]:
    """Say what stands between an instance and a plan where none was found, and none is proven impossible.

    Parameters
    ----------
    instance, objective
        What was asked.
    control : Control
        Limit, seed and threads.

    Returns
    -------
    tuple of str
        Whether there is a plan without the rules, and what it breaks; empty where nothing is known.
    """
    if not instance.rules or control.exhausted:
        return ()
    instance = without_channels(instance)
    end = min(control.deadline, time.perf_counter() + MOST_SECONDS)
    asking = AnyPlan(objective, replace(control, deadline=end))
    free = asking.of(instance._replace({"rules": ()}))
    if free.plan is None:
        return ("known: without the rules there is no plan either, which is proven",) if free.refuted else ()
    broken = structural_violations(instance, free.plan) or check(instance, free.plan)
    if not broken:
        return ()
    more = f", and {len(broken) - MOST_TOLD} more" if len(broken) > MOST_TOLD else ""
    told = "; ".join(str(violation) for violation in broken[:MOST_TOLD])
    return (f"known: without the rules there is a plan; the one that was found breaks {told}{more}",)
