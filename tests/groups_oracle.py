"""The most groups of a few devices, in fractions and by all sets of them; and tiny instances that are hard to judge.

Written from the definitions: it calls nothing of the package but data classes.
"""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random
from typing import TYPE_CHECKING

from rocoin_opt.instance import Device, FailureDomain, Instance, Knowledge, Requirements, Rule, Student

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE = Fraction(1, 10**12)
"""Relative tolerance of the limit on outages, as ``docs/formulation.md`` has it."""
PROBABILITIES = (0.0, 0.05, 0.1, 0.1, 0.2, 0.2, 0.25, 0.3, 0.5, 0.5, 0.7, 0.9)
SPREAD = 2


def outage(instance: Instance, group: Sequence[int]) -> Fraction:
    """How likely no device of a group answers."""
    falls = {domain.id: Fraction(domain.failure_probability) for domain in instance.failure_domains}
    inside: dict[str, Fraction] = {}
    product = Fraction(1)
    for n in group:
        device = instance.devices[n]
        p = Fraction(device.failure_probability)
        if device.failure_domain is None:
            product *= p
        else:
            inside[device.failure_domain] = inside.get(device.failure_domain, Fraction(1)) * p
    for name, together in inside.items():
        product *= falls[name] + (1 - falls[name]) * together
    return product


def is_group(instance: Instance, group: Sequence[int]) -> bool:
    """Whether devices keep the limit, all rules on one group, and have a student for one filter."""
    limit = Fraction(instance.requirements.max_group_outage)
    if not group or outage(instance, group) > limit * (1 + TOLERANCE):
        return False
    devices = [instance.devices[n] for n in group]
    ids = {device.id for device in devices}
    for rule in instance.rules:
        if rule.apart is not None and len(ids & set(rule.apart)) > 1:
            return False
        if rule.together is not None and ids & set(rule.together) and not set(rule.together) <= ids:
            return False
        if rule.spare is not None and ids & set(rule.spare):
            return False
        if rule.spread is not None and len({device.failure_domain or device.id for device in devices}) < rule.spread:
            return False
    return any(
        all(
            (device.students is None or student.id in device.students)
            and Fraction(student.memory_bytes) + Fraction(student.memory_bytes_per_filter)
            <= Fraction(device.memory_bytes)
            and _fast_enough(instance, device, student)
            for device in devices
        )
        for student in instance.students
    )


def _fast_enough(instance: Instance, device: Device, student: Student) -> bool:
    rate = instance.requirements.requests_per_second
    if rate is None or device.flops_per_second is None:
        return True
    work = (Fraction(student.flops) + Fraction(student.flops_per_filter)) / Fraction(device.flops_per_second)
    sent = Fraction(instance.knowledge.bits_per_filter) / Fraction(device.uplink_bits_per_second)
    return (work + sent) * Fraction(rate) <= 1


def most_groups(instance: Instance) -> int | None:
    """The largest number of disjoint groups; None where no grouping keeps all rules."""
    count = len(instance.devices)
    names = {device.id: n for n, device in enumerate(instance.devices)}
    used = sum({1 << names[name] for rule in instance.rules for name in rule.use or ()})
    groups = [mask for mask in range(1, 1 << count) if is_group(instance, [n for n in range(count) if mask >> n & 1])]
    # Most groups that take exactly these devices.
    best: dict[int, int] = {0: 0}
    for mask in range(1, 1 << count):
        first = mask & -mask
        inside = [group for group in groups if group & first and group & mask == group and mask ^ group in best]
        if inside:
            best[mask] = 1 + max(best[mask ^ group] for group in inside)
    return max((number for mask, number in best.items() if number and mask & used == used), default=None)


def tiny(seed: int, *, domains: bool = False, rules: bool = False, close: bool = True) -> Instance:
    """Make a tiny instance: alike devices, ties, certain devices, limits that a product meets exactly.

    Parameters
    ----------
    seed : int
        Seed of all choices.
    domains, rules : bool
        Whether some devices share failures, and whether there are rules.
    close : bool
        Whether limits may miss what devices reach by so little that only exact products tell.
    """
    draw = Random(seed)
    count = draw.randint(3, 8)
    palette = draw.sample(PROBABILITIES, draw.randint(1, 4))
    failing = [draw.choice(palette) for _ in range(count)]
    product = math.prod(draw.sample(failing, draw.randint(1, min(3, count))))
    limit = draw.choice((*[product] * 4, product * (1 - 1e-9) if close else product, 0.05, 1.0, 0.0))
    students = [
        Student(id=f"s{j}", flops=draw.choice((1.0, 2.0)), memory_bytes=draw.choice((1.0, 2.0, 3.0)), max_filters=2)
        for j in range(draw.randint(1, 3))
    ]
    shared = [FailureDomain(id=f"d{d}", failure_probability=draw.choice((0.0, 0.01, 0.1))) for d in range(2)]
    names = [student.id for student in students]
    made = [
        Device(
            id=f"n{n}",
            flops_per_second=draw.choice((1.0, 2.0)),
            memory_bytes=draw.choice((0.5, 2.0, *[3.0] * 6)),
            uplink_bits_per_second=8.0,
            failure_probability=p,
            failure_domain=draw.choice((None, "d0", "d1")) if domains else None,
            students=None if draw.random() < 0.8 else (draw.choice(names),),
        )
        for n, p in enumerate(failing)
    ]
    return Instance(
        name=f"tiny-{seed}",
        devices=tuple(made),
        failure_domains=tuple(shared) if domains else (),
        students=tuple(students),
        knowledge=Knowledge(num_filters=4, bits_per_filter=1.0),
        requirements=Requirements(
            max_group_outage=limit if limit == 0.0 or limit >= 1e-300 else 0.0,
            requests_per_second=draw.choice((*[None] * 4, 0.5)),
        ),
        rules=tuple(_rules(draw, count)) if rules else (),
    )


def _rules(draw: Random, count: int) -> list[Rule]:
    found = []
    for kind in ("apart", "together", "use", "spare"):
        if draw.random() < 0.4:
            named = tuple(f"n{n}" for n in draw.sample(range(count), min(count, draw.randint(1, 3))))
            found.append(Rule.model_validate({kind: named}))
    if draw.random() < 0.2:
        found.append(Rule(spread=SPREAD))
    used = {name for rule in found for name in rule.use or ()}
    return [rule for rule in found if not (rule.spare and used & set(rule.spare))]
