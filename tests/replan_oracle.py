"""Brute force over the plans that change an older one: loads and bytes straight from their definitions."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import oracle
from oracle_rules import members_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oracle_restricted import RestrictedOracle
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective
    from rocoin_opt.plan.model import Plan


class Change(NamedTuple):
    """Value, loads and bytes of one plan."""

    value: float
    loads: int
    shipped: float


def fewest_loads(instance: Instance, old: Plan, new: Plan) -> tuple[int, float]:
    """Fewest loads and bytes over every way in which groups of a new plan can continue groups of an old one."""
    students = {student.id: student for student in instance.students}
    best = None
    choices = [None] * len(new.groups) + list(range(len(old.groups)))
    for continued in set(itertools.permutations(choices, len(new.groups))):
        loads, shipped = 0, 0.0
        for group, g in zip(new.groups, continued, strict=True):
            before = None if g is None else old.groups[g]
            if before is not None and (before.student, before.num_filters) != (group.student, group.num_filters):
                break
            if before is not None and before.filters and group.filters and before.filters != group.filters:
                break
            student = students[group.student]
            count = len(set(group.devices) - set(before.devices if before else ()))
            loads += count
            shipped += count * (student.memory_bytes + student.memory_bytes_per_filter * group.num_filters)
        else:
            best = (loads, shipped) if best is None else min(best, (loads, shipped))
    assert best is not None
    return best


def changes(instance: Instance, old: Plan, objective: Objective) -> Iterator[Change]:
    """Every plan of an instance as a change of an old one."""
    for plan in oracle.feasible_plans(instance):
        value = oracle.objective_value(instance, plan, objective)
        assert value is not None
        yield Change(value, *fewest_loads(instance, old, plan))


def plans_of(restricted: RestrictedOracle) -> Iterator[tuple[oracle.Block, ...]]:
    """Every plan of an instance with failure domains and rules, ``min_success`` aside."""

    def extended(free: int, left: int, blocks: tuple[oracle.Block, ...]) -> Iterator[tuple[oracle.Block, ...]]:
        if left == 0:
            if restricted.keeps_rest(blocks):
                yield blocks
            return
        if not free:
            return
        lowest = free & -free
        for members in restricted.groups:
            if members & ~free or (members & -members) != lowest:
                continue
            for size, j in itertools.product(range(1, left + 1), range(len(restricted.instance.students))):
                if not members & ~restricted.fitting[j, size]:
                    block = oracle.Block(members_of(members), j, size)
                    yield from extended(free & ~members, left - size, (*blocks, block))
        yield from extended(free & ~lowest, left, blocks)

    return extended((1 << restricted.count) - 1, restricted.filters, ())
