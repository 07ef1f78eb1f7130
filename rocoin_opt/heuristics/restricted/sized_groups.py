"""Groups that take parts of given sizes under rules: units move between parts until nothing is missed any more."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.heuristics.restricted.violation import BROKEN, violation_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance

    Members: TypeAlias = tuple[int, ...]

HEAT = 1.0
"""What a step up may cost on average at first, in the units below."""
LACKING = 3.0
"""What lacking room for a whole part counts, in units of an outage that is e times its limit."""


def groups_of_sizes(
    instance: Instance,
    sizes: Sequence[int],
    start: Sequence[Members],
    room: Callable[[Members], int],
    short: Callable[[Sequence[Members]], float],
    steps: int,
    control: Control,
) -> list[Members] | None:
    """Search for disjoint groups that keep all rules and take parts of some sizes.

    Parameters
    ----------
    instance : Instance
        Any failure domains and rules.
    sizes : sequence of int
        Filters of each part.
    start : sequence of tuples of int
        Device indices of a group for each part, some of them perhaps empty.
    room : callable
        The largest part that a group can take, apart from rules.
    short : callable
        What groups that keep rules and have room still miss; below 1, and 0 where they are a plan.
    steps : int
        Changes that are tried.
    control : Control
        Limit and seed.

    Returns
    -------
    list of tuples of int, or None
        A group for each part, in the order of the sizes; None where none were found.
    """
    search = _Search(instance, sizes, room, short)
    chance = random.Random(control.seed)
    now = search.whole(start)
    missed = search.missed(now)
    for step in range(steps):
        if missed == 0.0 or control.exhausted:
            break
        then = search.changed(now, chance)
        found = search.missed(then)
        # Simulated annealing: where hardly a device is to spare, no way down is without a step up.
        heat = HEAT * (1.0 - step / steps)
        if found <= missed - heat * math.log(1.0 - chance.random()):
            now, missed = then, found
    return now if missed == 0.0 else None


class _Search:
    def __init__(
        self,
        instance: Instance,
        sizes: Sequence[int],
        room: Callable[[Members], int],
        short: Callable[[Sequence[Members]], float],
    ) -> None:
        self.instance, self.sizes, self.room, self.short = instance, sizes, room, short
        rules = instance.restrictions
        useful = {n for n in range(len(instance.devices)) if instance.arrays.largest[n].any()} - rules.spare
        bound = {n for friends in rules.together for n in friends}
        self.units = [tuple(sorted(friends)) for friends in rules.together if friends <= useful]
        self.units += [(n,) for n in sorted(useful - bound)]
        self.rooms: dict[Members, int] = {}

    def whole(self, start: Sequence[Members]) -> list[Members]:
        """Groups that hold every unit as a whole, where most of it is."""
        groups: list[Members] = [()] * len(self.sizes)
        for unit in self.units:
            held = [sum(n in group for n in unit) for group in start]
            if any(held):
                k = held.index(max(held))
                groups[k] = tuple(sorted((*groups[k], *unit)))
        return groups

    def changed(self, groups: Sequence[Members], chance: random.Random) -> list[Members]:
        """Groups after one unit has gone elsewhere, or two have changed places."""
        place = {n: k for k, group in enumerate(groups) for n in group}
        unit = chance.choice(self.units)
        # Behind the groups there are the spares.
        at = chance.randrange(len(groups) + 1)
        moves = {unit: at}
        if chance.random() < 0.5:
            other = chance.choice(self.units)
            moves = {unit: place.get(other[0], len(groups)), other: place.get(unit[0], len(groups))}
        gone = {n for moved in moves for n in moved}
        found = [tuple(n for n in group if n not in gone) for group in groups]
        for moved, k in moves.items():
            if k < len(groups):
                found[k] = tuple(sorted((*found[k], *moved)))
        return found

    def missed(self, groups: Sequence[Members]) -> float:
        """What groups miss: outage limits and rules, room for their parts, and then what else is asked of them."""
        missed = violation_of(self.instance, [group for group in groups if group])
        for group, size in zip(groups, self.sizes, strict=True):
            if not group:
                missed += BROKEN
                continue
            if group not in self.rooms:
                self.rooms[group] = self.room(group)
            missed += LACKING * max(size - self.rooms[group], 0) / size
        return missed if missed > 0.0 else self.short(groups)
