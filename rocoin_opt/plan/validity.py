"""Whether a plan keeps every rule: each violation as a value that says what, where and by how much."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, TypeAlias

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.instance import complement, keeps_limit, keeps_outage_limit, stretched
from rocoin_opt.plan.latency import outage_of
from rocoin_opt.plan.transfers import Transfers, has_queues
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rocoin_opt.instance import Instance, Rule
    from rocoin_opt.plan.model import Group, Plan

RuleName: TypeAlias = Literal[
    "known",
    "disjoint",
    "spares",
    "nonempty",
    "groups",
    "capacity",
    "memory",
    "outage",
    "cover",
    "filters",
    "students",
    "apart",
    "together",
    "use",
    "spare",
    "spread",
    "energy",
    "requests",
    "min_success",
    "claim",
]


@dataclass(frozen=True)
class Violation:
    """One rule that a plan breaks.

    Attributes
    ----------
    rule : str
        Which rule.
    where : str
        Path in the plan, for example ``groups[2].devices[0]``.
    found, allowed : float or str
        The value found there, and the limit.
    unit : str
        Unit of both, empty for names and counts without one.

    Examples
    --------
    >>> alone = plan.with_fields(groups=plan.groups[:1])
    >>> [violation.rule for violation in ro.check(instance, alone)][:2]
    ['spares', 'spares']
    """

    rule: RuleName
    where: str
    found: float | int | str
    allowed: float | int | str
    unit: str = ""

    @property
    def excess(self) -> float | None:
        """By how much the limit is missed, in its unit; None if it is no quantity."""
        if isinstance(self.found, str) or isinstance(self.allowed, str):
            return None
        return abs(self.found - self.allowed)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        by = "" if self.excess is None else f" (by {_show(self.excess)}{unit})"
        found, allowed = f"{_show(self.found)}{unit}", f"{_show(self.allowed)}{unit}"
        return printable(f"{self.where}: {self.rule}: found {found}, allowed {allowed}{by}")


def structural_violations(instance: Instance, plan: Plan) -> tuple[Violation, ...]:
    """Find every violation of the rules that parts and groups keep one by one.

    Whether a plan is valid says :func:`rocoin_opt.check`, which goes beyond. These rules alone are for searches, whose
    plans are checked as a whole once they are found, and for who asks for one of them.

    The rules: every filter in exactly one part, 1 <= part size <= capacity, the student fits into the memory of every
    device of its group, the number of groups lies in its range, and no group's outage exceeds the limit. Devices are
    in at most one group, and the spares are exactly the others. Besides, each device runs a student that it may and
    can run, energies and the rate of requests are kept, and so are the instance's own rules.

    Parameters
    ----------
    instance : Instance
        What was given; slowdown laws do not matter here, failure domains do.
    plan : Plan
        The decision, in any order.

    Returns
    -------
    tuple of Violation
        Empty when the plan keeps these rules.
    """
    return (
        *_check_devices(instance, plan),
        *_check_number_of_groups(instance, plan),
        *(violation for k, group in enumerate(plan.groups) for violation in _check_group(instance, group, k)),
        *_check_cover(instance, plan),
        *_check_filters(instance, plan),
        *_check_students(instance, plan),
        *_check_loads(instance, plan),
        *(violation for rule in instance.rules for violation in _check_rule(instance, plan, rule)),
    )


def require_computable(instance: Instance, plan: Plan) -> None:
    """Refuse a plan that has no figures, whatever it may be allowed to miss.

    Raises
    ------
    InputError
        Naming each place without groups, devices or filters, what the instance does not know, and every device that
        stands in two places.
    """
    instance.require_valid()
    problems = list(uncomputable(instance, plan))
    if problems:
        raise InputError("plan", problems)


def uncomputable(instance: Instance, plan: Plan) -> Iterator[Problem]:
    """What keeps a plan from having figures; see :func:`require_computable`."""
    known = instance.arrays.device_index, instance.arrays.student_index
    if not plan.groups:
        yield Problem("groups", "none", "at least one group")
    seen: set[str] = set()
    for k, group in enumerate(plan.groups):
        if not group.devices:
            yield Problem(f"groups[{k}].devices", "none", "at least one device")
        if group.num_filters < 1:
            yield Problem(f"groups[{k}].num_filters", str(group.num_filters), "at least 1")
        for i, name in enumerate(group.devices):
            where = f"groups[{k}].devices[{i}]"
            if name not in known[0]:
                yield Problem(where, repr(name), "a device of the instance")
            elif name in seen:
                yield Problem(where, f"{name!r} again", "each device in one group at most")
            seen.add(name)
        if group.student not in known[1]:
            yield Problem(f"groups[{k}].student", repr(group.student), "a student of the instance")


def _check_devices(instance: Instance, plan: Plan) -> Iterator[Violation]:
    known = instance.arrays.device_index
    places: dict[str, str] = {}
    listed = [(d, f"groups[{k}].devices[{i}]") for k, g in enumerate(plan.groups) for i, d in enumerate(g.devices)]
    listed += [(d, f"spares[{i}]") for i, d in enumerate(plan.spares)]
    for device, where in listed:
        if device not in known:
            yield Violation("known", where, device, "a device of the instance")
        elif device in places:
            yield Violation("disjoint", where, device, f"one place only, it is also at {places[device]}")
        places.setdefault(device, where)
    for device in known:
        if device not in places:
            yield Violation("spares", "spares", f"no {device}", "every device in a group or among the spares")


def _check_number_of_groups(instance: Instance, plan: Plan) -> Iterator[Violation]:
    found, smallest = len(plan.groups), instance.requirements.min_groups
    # Not Instance.max_groups: that one also knows how many groups are possible at all.
    largest = instance.requirements.max_groups or len(instance.devices)
    if found < smallest:
        yield Violation("groups", "groups", found, smallest, "groups")
    if found > largest:
        yield Violation("groups", "groups", found, largest, "groups")


def _check_group(instance: Instance, group: Group, k: int) -> Iterator[Violation]:
    where, arrays = f"groups[{k}]", instance.arrays
    if group.num_filters < 1:
        yield Violation("nonempty", f"{where}.num_filters", group.num_filters, 1, "filters")
    if not group.devices:
        yield Violation("nonempty", f"{where}.devices", 0, 1, "devices")
    j = arrays.student_index.get(group.student)
    if j is None:
        yield Violation("known", f"{where}.student", group.student, "a student of the instance")
    else:
        student = instance.students[j]
        if group.num_filters > student.max_filters:
            yield Violation("capacity", f"{where}.num_filters", group.num_filters, student.max_filters, "filters")
        needed = student.memory_bytes + student.memory_bytes_per_filter * group.num_filters
        for i, device in enumerate(group.devices):
            n = arrays.device_index.get(device)
            if n is not None and not keeps_limit(needed, instance.devices[n].memory_bytes):
                memory = instance.devices[n].memory_bytes
                yield Violation("memory", f"{where}.devices[{i}]", needed, memory, "bytes")
    members = dict.fromkeys(arrays.device_index[d] for d in group.devices if d in arrays.device_index)
    outage = outage_of(instance, members)
    if not keeps_outage_limit(outage, instance.requirements.max_group_outage):
        yield Violation("outage", where, outage, instance.requirements.max_group_outage)


def _check_cover(instance: Instance, plan: Plan) -> Iterator[Violation]:
    found, wanted = sum(plan.sizes), instance.knowledge.num_filters
    if found != wanted:
        yield Violation("cover", "groups", found, wanted, "filters")


def _check_filters(instance: Instance, plan: Plan) -> Iterator[Violation]:
    explicit = [group.filters is not None for group in plan.groups]
    if not any(explicit):
        return
    total = instance.knowledge.num_filters
    seen: Counter[int] = Counter()
    for k, group in enumerate(plan.groups):
        where = f"groups[{k}].filters"
        if group.filters is None:
            yield Violation("filters", where, "none", "explicit filters in all groups or in none")
            continue
        if len(group.filters) != group.num_filters:
            yield Violation("filters", where, len(group.filters), group.num_filters, "filters")
        for m in group.filters:
            if m >= total:
                yield Violation("filters", where, f"filter {m}", f"filters 0 to {total - 1}")
            elif seen[m]:
                yield Violation("filters", where, f"filter {m} again", "every filter in exactly one part")
            seen[m] += 1
    missing = [m for m in range(total) if not seen[m]]
    if missing and all(explicit):
        yield Violation("filters", "groups", f"no part for filter {missing[0]}", "every filter in exactly one part")


def _check_students(instance: Instance, plan: Plan) -> Iterator[Violation]:
    known, names = instance.arrays.device_index, [student.id for student in instance.students]
    for k, group in enumerate(plan.groups):
        for i, name in enumerate(group.devices):
            device = instance.devices[known[name]] if name in known else None
            if device is not None and group.student in names and not device.runs(group.student):
                able = ", ".join(filter(device.runs, names)) or "none"
                yield Violation("students", f"groups[{k}].devices[{i}]", f"{name} with {group.student}", able)


def _check_loads(instance: Instance, plan: Plan) -> Iterator[Violation]:
    """Energy of each device and of all, and how long a request keeps a device busy; factors of laws count as 1."""
    arrays, requirements = instance.arrays, instance.requirements
    rate = requirements.requests_per_second
    for k, group in enumerate(plan.groups):
        j = arrays.student_index.get(group.student)
        for i, name in enumerate(group.devices):
            n = arrays.device_index.get(name)
            if n is None or j is None:
                continue
            where, allowed = f"groups[{k}].devices[{i}]", instance.devices[n].max_joules
            # Other rules name a student without a time.
            if rate is not None:
                busy = instance.latency_terms(n, j, group.num_filters).busy
                if math.inf > busy > stretched(1.0 / rate):
                    yield Violation("requests", where, busy, 1.0 / rate, "s")
            if allowed is not None:
                spent = float(arrays.joules(n, j, group.num_filters))
                if not keeps_limit(spent, allowed):
                    yield Violation("energy", where, spent, allowed, "J")
    if rate is not None and has_queues(instance, plan) and not list(uncomputable(instance, plan)):
        for name, (first, last) in Transfers.of(instance, plan).spans.items():
            # The next request finds the channel free.
            if last - first > stretched(1.0 / rate):
                yield Violation("requests", f"channel {name}", last - first, 1.0 / rate, "s")
    limit = requirements.max_energy_joules
    if limit is not None:
        spent = energy_joules(instance, plan)
        if not keeps_limit(spent, limit):
            yield Violation("energy", "groups", spent, limit, "J")


def energy_joules(instance: Instance, plan: Plan) -> float:
    """Energy of a request: of all devices in groups, each to the end of its part, factors of laws at 1.

    Devices and students that the instance does not know count nothing.
    """
    arrays = instance.arrays
    spent = [
        float(arrays.joules(arrays.device_index[name], arrays.student_index[group.student], group.num_filters))
        for group in plan.groups
        if group.student in arrays.student_index
        for name in group.devices
        if name in arrays.device_index
    ]
    return math.fsum(spent)


def _check_rule(instance: Instance, plan: Plan, rule: Rule) -> Iterator[Violation]:
    place = {name: k for k, group in enumerate(plan.groups) for name in group.devices}
    if rule.spread is not None:
        for k, group in enumerate(plan.groups):
            known = instance.arrays.device_index
            reached = num_domains(instance, [known[name] for name in group.devices if name in known])
            if reached < rule.spread:
                yield Violation("spread", f"groups[{k}]", reached, rule.spread, "failure domains")
        return
    if rule.kind in ("use", "spare"):
        for name in rule.devices:
            if (name in place) == (rule.kind == "spare"):
                where = "spares" if rule.use else f"groups[{place[name]}].devices"
                yield Violation(rule.kind, where, name, "in a group" if rule.use else "in no group")
        return
    # By group, None for the spares, the first of the devices that is there.
    met: dict[int | None, str] = {}
    for name in rule.devices:
        at = place.get(name)
        where = "spares" if at is None else f"groups[{at}].devices"
        if rule.apart and at is not None and at in met:
            yield Violation("apart", where, f"{met[at]} and {name}", "one of them in a group at most")
        if rule.together and met and at not in met:
            first = next(iter(met.values()))
            yield Violation("together", where, f"{name} without {first}", "all in one group, or all spare")
        met.setdefault(at, name)


def rules_allow(instance: Instance, members: Iterable[int]) -> bool:
    """Whether the instance's rules allow a group of these devices: ``apart``, ``together`` and ``spread``."""
    rules, inside = instance.restrictions, frozenset(members)
    return (
        all(len(rivals & inside) <= 1 for rivals in rules.apart)
        and all(friends <= inside or not friends & inside for friends in rules.together)
        and num_domains(instance, inside) >= rules.spread
    )


def num_domains(instance: Instance, members: Iterable[int]) -> int:
    """Number of failure domains that devices lie in; one in none counts as one of its own."""
    return len({instance.devices[n].failure_domain or (n,) for n in members})


def _show(value: float | str) -> str:
    if isinstance(value, str):
        return value
    # Close to 1 it is the rest that tells two probabilities apart.
    return str(1 - Decimal(f"{complement(value):.6g}")) if 0.9 < value < 1.0 else f"{value:.6g}"
