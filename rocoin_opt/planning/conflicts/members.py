"""What can be taken away from an instance without a plan: the table of requirements and rules.

Each row says where the requirement stands, how the instance looks without it, and which values it may take instead. To
take one away never makes a plan invalid; proofs by deletion rest on that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.failure import allowed_failure, value_of
from rocoin_opt.instance import SMALLEST_OUTAGE_LIMIT, complement
from rocoin_opt.plan import indexed_groups, num_domains, outage_of
from rocoin_opt.planning.conflicts.loads import loads_of
from rocoin_opt.planning.conflicts.scales import (
    ONE,
    Scale,
    failure_places,
    number_at,
    place_above,
    place_below,
    success_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rocoin_opt.instance import Instance, Rule
    from rocoin_opt.plan import Objective, Plan

    Value: TypeAlias = int | float | str | tuple[str, ...]

MOST_NAMES = 8
"""Names of a rule that a sentence lists."""
DIGITS = 8
"""Significant digits of numbers in sentences, but for those close to 1."""


@dataclass(frozen=True)
class Member:
    """One requirement or rule that can be taken away.

    Attributes
    ----------
    path : str
        Where it stands in the instance; ``[*]`` for all of a list.
    kind : str
        ``fact`` of devices and students, ``requirement`` or ``rule``.
    found : int, float, str or tuple of str
        The value found there.
    description : str
        The same as sentences.
    without : callable
        ``without(instance)``: the instance without it.
    scale : Scale or None
        Other values that it may have; None where it is there or not.
    removal : str
        The removal in words, behind which "there is a plan" can stand.
    choice : callable or None
        ``choice(instance, plan)``: value and remedy with which a plan of the instance without it is valid, where no
        smaller change can be.
    """

    path: str
    kind: str
    found: Value
    description: str
    without: Callable[[Instance], Instance]
    scale: Scale | None = None
    removal: str = ""
    choice: Callable[[Instance, Plan], tuple[Value, str]] | None = None


def members_of(instance: Instance, objective: Objective) -> tuple[Member, ...]:
    """List what can be taken away and is not as lenient as can be already.

    Rules stand from the last to the first, so that the places of those that are left stay as they are.

    Parameters
    ----------
    instance : Instance
        The instance.
    objective : str
        What is minimised: ``quantile`` asks for its level.
    """
    return (
        *_memory(instance),
        *_capacity(instance),
        *_students(instance),
        *(
            Member(load.path, load.kind, load.found, load.description, load.without, load.scale)
            for load in loads_of(instance)
        ),
        *_min_groups(instance),
        *_max_groups(instance),
        *_outage(instance),
        *_success(instance),
        *(_level(instance) if objective == "quantile" else ()),
        *(_rule(rule, place) for place, rule in reversed(list(enumerate(instance.rules)))),
    )


def _memory(instance: Instance) -> Iterator[Member]:
    filters = instance.knowledge.num_filters
    needed = max(student.memory_bytes + student.memory_bytes_per_filter * filters for student in instance.students)
    least = min(device.memory_bytes for device in instance.devices)
    if needed <= least:
        return

    def grown(instance: Instance, grow: Callable[[float], float]) -> Instance:
        devices = (d._replace({"memory_bytes": grow(d.memory_bytes)}) for d in instance.devices)
        return instance._replace({"devices": tuple(devices)})

    def place_of(instance: Instance, plan: Plan) -> int:
        factors = (
            (instance.students[j].memory_bytes + instance.students[j].memory_bytes_per_filter * size)
            / instance.devices[n].memory_bytes
            for devices, j, size in indexed_groups(instance, plan)
            for n in devices
        )
        return place_above(max(factors))

    yield Member(
        "devices[*].memory_bytes",
        "fact",
        1.0,
        "the memory of the devices",
        lambda instance: grown(instance, lambda own: max(own, needed)),
        Scale(
            ONE,
            place_above(needed / least),
            lambda instance, place: grown(instance, lambda own: own * float(number_at(place))),
            place_of,
            lambda place: float(number_at(place)),
            lambda place: f"with {float(number_at(place)):g} times the memory on every device",
        ),
    )


def _capacity(instance: Instance) -> Iterator[Member]:
    filters, least = instance.knowledge.num_filters, min(student.max_filters for student in instance.students)
    if least >= filters:
        return

    def raised(instance: Instance, to: int) -> Instance:
        students = (s._replace({"max_filters": max(s.max_filters, to)}) for s in instance.students)
        return instance._replace({"students": tuple(students)})

    def place_of(instance: Instance, plan: Plan) -> int:
        groups = indexed_groups(instance, plan)
        return max((size for _, j, size in groups if size > instance.students[j].max_filters), default=least)

    yield Member(
        "students[*].max_filters",
        "fact",
        least,
        "max_filters of the students",
        lambda instance: raised(instance, filters),
        Scale(
            least,
            filters,
            raised,
            place_of,
            lambda place: place,
            lambda place: f"with max_filters of {place} or more for every student",
        ),
    )


def _students(instance: Instance) -> Iterator[Member]:
    everything = {student.id for student in instance.students}

    def without(instance: Instance, n: int) -> Instance:
        devices = list(instance.devices)
        devices[n] = devices[n]._replace({"students": None})
        return instance._replace({"devices": tuple(devices)})

    def choice(instance: Instance, plan: Plan, n: int) -> tuple[Value, str]:
        device = instance.devices[n]
        own = device.students or ()
        # A device runs one student, so that one more on its list is all that a plan can need.
        taken = [group.student for group in plan.groups if device.id in group.devices and group.student not in own]
        return (*own, *taken), f"with {', '.join(taken) or 'all'} among the students of {device.id}"

    for n, device in enumerate(instance.devices):
        if device.students is not None and everything - set(device.students):
            yield Member(
                f"devices[{n}].students",
                "fact",
                device.students,
                f"the students of {device.id}",
                partial(without, n=n),
                choice=partial(choice, n=n),
            )


def _min_groups(instance: Instance) -> Iterator[Member]:
    found = instance.requirements.min_groups
    if found > 1:
        yield Member(
            "requirements.min_groups",
            "requirement",
            found,
            f"min_groups {found}",
            lambda instance: instance.with_requirements(min_groups=1),
            Scale(
                -found,
                -1,
                lambda instance, place: instance.with_requirements(min_groups=-place),
                lambda _, plan: -len(plan.groups),
                lambda place: -place,
                lambda place: f"with min_groups {-place} instead of {found}",
            ),
        )


def _max_groups(instance: Instance) -> Iterator[Member]:
    found, count = instance.requirements.max_groups, len(instance.devices)
    if found is not None and found < count:
        yield Member(
            "requirements.max_groups",
            "requirement",
            found,
            f"max_groups {found}",
            lambda instance: instance.with_requirements(max_groups=None),
            Scale(
                found,
                count,
                lambda instance, place: instance.with_requirements(max_groups=place),
                lambda _, plan: len(plan.groups),
                lambda place: place,
                lambda place: f"with max_groups {place} instead of {found}",
            ),
        )


def _outage(instance: Instance) -> Iterator[Member]:
    found = instance.requirements.max_group_outage
    if found >= 1.0:
        return
    smallest = place_above(SMALLEST_OUTAGE_LIMIT)

    def place_of(instance: Instance, plan: Plan) -> int:
        outage = max(outage_of(instance, group.members) for group in indexed_groups(instance, plan))
        return max(place_above(outage), smallest) if outage > 0.0 else smallest

    yield Member(
        "requirements.max_group_outage",
        "requirement",
        found,
        f"max_group_outage {found:.{DIGITS}g}",
        lambda instance: instance.with_requirements(max_group_outage=1.0),
        Scale(
            place_below(found) if found > 0.0 else smallest - 1,
            ONE,
            lambda instance, place: instance.with_requirements(max_group_outage=float(number_at(place))),
            place_of,
            lambda place: float(number_at(place)),
            lambda place: f"with max_group_outage {float(number_at(place)):g} instead of {found:.{DIGITS}g}",
        ),
    )


def _success(instance: Instance) -> Iterator[Member]:
    found = instance.requirements.min_success
    if found:
        strict, lenient = failure_places(allowed_failure(instance))
        yield Member(
            "requirements.min_success",
            "requirement",
            found,
            f"min_success {found!r}",
            lambda instance: instance.with_requirements(min_success=None),
            Scale(
                strict,
                lenient,
                lambda instance, place: instance.with_requirements(min_success=success_at(place)),
                lambda instance, plan: _failure_place(instance, plan, strict),
                success_at,
                lambda place: f"with min_success {success_at(place)!r} instead of {found!r}",
            ),
        )


def _level(instance: Instance) -> Iterator[Member]:
    found = instance.requirements.success_level
    if found is not None:
        strict, lenient = failure_places(complement(found))

        def place_of(instance: Instance, plan: Plan) -> int:
            return _failure_place(instance.with_requirements(deadline_seconds=None), plan, strict)

        yield Member(
            "requirements.success_level",
            "requirement",
            found,
            f"success_level {found!r}",
            lambda instance: instance.with_requirements(success_level=None),
            Scale(
                strict,
                lenient - 1,
                lambda instance, place: instance.with_requirements(success_level=success_at(place)),
                place_of,
                success_at,
                lambda place: f"with success_level {success_at(place)!r} instead of {found!r}",
            ),
            removal="for an objective other than quantile",
        )


def _failure_place(instance: Instance, plan: Plan, strict: int) -> int:
    failure = value_of(instance, plan, "failure")
    return max(place_above(failure), strict) if failure > 0.0 else strict


def _rule(rule: Rule, place: int) -> Member:
    path = f"rules[{place}]"
    names = rule.devices
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    said = str(rule) if rule.spread is not None else f"{rule.kind} {', '.join(names[:MOST_NAMES])}{more}"

    def with_other(instance: Instance, other: tuple[Rule, ...]) -> Instance:
        return instance._replace({"rules": (*instance.rules[:place], *other, *instance.rules[place + 1 :])})

    member = Member(
        path,
        "rule",
        str(rule),
        f"{path} ({said})",
        lambda instance: with_other(instance, ()),
        removal=f"without {path} ({said})",
    )
    if rule.spread is None or rule.spread < 2:
        return member

    def domains(instance: Instance, plan: Plan) -> int:
        return -min(num_domains(instance, group.members) for group in indexed_groups(instance, plan))

    def remedy(at: int) -> str:
        return f"with spread {-at} instead of {rule.spread}" if at < -1 else member.removal

    def changed(instance: Instance, at: int) -> Instance:
        return with_other(instance, (rule._replace({"spread": -at}),))

    scale = Scale(-rule.spread, -1, changed, domains, lambda at: -at, remedy)
    return replace(member, scale=scale)


def freed(instance: Instance, members: tuple[Member, ...]) -> Instance:
    """The instance without some members, given in the order of the table."""
    for member in members:
        instance = member.without(instance)
    return instance
