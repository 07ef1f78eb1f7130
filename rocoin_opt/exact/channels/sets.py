"""Which sets of devices can be groups where several devices send on one channel.

A replica more delays others, so that where no rule wants it and no success is asked for, one that a group can do
without is left out: groups are minimal covers of the outage limit, for ``nominal`` with one leader besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan import group_keeps_limit, rules_allow

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective


def groups_by_first(instance: Instance, objective: Objective) -> list[list[tuple[int, Members]]]:
    """Sets that may be groups, as bits and as indices, by the lowest index in them; smaller sets first.

    Parameters
    ----------
    instance : Instance
        A dozen devices at most.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency counts.
    """
    count, arrays = len(instance.devices), instance.arrays
    able = sum(1 << n for n in range(count) if arrays.largest[n].any())
    covers = {bits for bits in range(1, 1 << count) if not bits & ~able and _covers(instance, bits)}
    is_free = not instance.restrictions.of_groups and instance.requirements.min_success is None
    found: list[list[tuple[int, Members]]] = [[] for _ in range(count)]
    for bits in sorted(covers, key=lambda bits: (bits.bit_count(), bits)):
        members = members_of_bits(bits)
        if not (arrays.largest[list(members)].min(axis=0) > 0).any() or not rules_allow(instance, members):
            continue
        needless = [n for n in members if bits & ~(1 << n) in covers]
        if is_free and needless and not (objective == "nominal" and _has_leader(covers, bits, members)):
            continue
        found[members[0]].append((bits, members))
    return found


def members_of_bits(bits: int) -> Members:
    """Indices of the bits that are set, ascending."""
    return tuple(n for n in range(bits.bit_length()) if bits >> n & 1)


def _covers(instance: Instance, bits: int) -> bool:
    return group_keeps_limit(instance, members_of_bits(bits))


def _has_leader(covers: set[int], bits: int, members: Members) -> bool:
    """Whether one member may lead, so that none of the others can be left out."""
    return any(all(bits & ~(1 << n) not in covers for n in members if n != leader) for leader in members)
