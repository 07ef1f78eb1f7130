"""Baseline ``random``: a random feasible plan, the floor of every comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.heuristics.baselines.groups import common_room, keeps_limit, shortest_cover, usable_devices
from rocoin_opt.plan import Outcome, Plan, group_of

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective

MAX_DRAWS = 1_000
MAX_PLACED = 100_000
"""Devices that all draws together may place: large instances get fewer draws."""


def random_plan(instance: Instance, objective: Objective, control: Control) -> Outcome:  # noqa: ARG001 - one signature
    """Draw groupings until one carries a plan.

    A draw forms groups one after another: a random student, and random devices that can hold it until they keep the
    outage limit, less those that turn out superfluous. A random number of these groups is taken, or more where they
    cannot learn all filters; where even all of them cannot with the drawn students, some get the roomiest student that
    all of their devices can hold. Sizes are drawn one group after another within what leaves the others feasible. So a
    draw fails only if its grouping carries no plan at all.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : str
        Plays no part.
    control : Control
        Seed of the draws, and the limit that stops them.

    Returns
    -------
    Outcome
        A plan, or the reasons why no draw gave one. Nothing is proved.
    """
    rng = np.random.default_rng(control.seed)
    max_draws = min(MAX_DRAWS, max(1, MAX_PLACED // len(instance.devices)))
    most_groups = most_room = draws = 0
    while draws < max_draws and not control.exhausted:
        draws += 1
        groups = _random_groups(instance, rng)
        room = sum(group.most_room for group in groups)
        most_groups, most_room = max(most_groups, len(groups)), max(most_room, room)
        if len(groups) >= instance.requirements.min_groups and room >= instance.knowledge.num_filters:
            return Outcome(_random_plan_of(instance, groups, rng))
    if draws == 0:
        return Outcome(None, reasons=("stopped by the limit before a grouping was drawn",))
    return Outcome(
        None,
        reasons=(
            f"none of {draws} random groupings carries a plan: at most {most_groups} of at least "
            f"{instance.requirements.min_groups} groups keep the outage limit and share a student, and the students "
            f"learn at most {most_room} of {instance.knowledge.num_filters} filters",
        ),
    )


@dataclass(frozen=True)
class _Cover:
    """Devices that keep the outage limit together, their student, and what each student can learn on all of them."""

    members: list[int]
    student: int
    room: IntArray

    @property
    def most_room(self) -> int:
        return int(self.room.max())


def _random_groups(instance: Instance, rng: np.random.Generator) -> list[_Cover]:
    left: IntArray = rng.permutation(np.array(usable_devices(instance), dtype=np.int64))
    groups: list[_Cover] = []
    while len(groups) < instance.max_groups:
        group = _random_group(instance, left, rng)
        if group is None:
            break
        groups.append(group)
        left = left[~np.isin(left, group.members)]
    return groups


def _random_group(instance: Instance, left: IntArray, rng: np.random.Generator) -> _Cover | None:
    """A random student with the first devices left that can hold it; None if no student gets enough devices."""
    arrays = instance.arrays
    for j in rng.permutation(len(instance.students)).tolist():
        cover = shortest_cover(instance, left[arrays.largest[left, j] > 0].tolist())
        if cover is not None:
            members = _without_superfluous(instance, cover)
            return _Cover(members, j, common_room(arrays, members))
    return None


def _without_superfluous(instance: Instance, cover: list[int]) -> list[int]:
    """The cover without the devices, one after another, that it can do without."""
    members = cover
    # The last device completed the cover, and is needed whoever else leaves.
    for n in cover[:-1]:
        others = [other for other in members if other != n]
        if keeps_limit(instance, others):
            members = others
    return members


def _random_plan_of(instance: Instance, groups: list[_Cover], rng: np.random.Generator) -> Plan:
    wanted = instance.knowledge.num_filters
    count = int(rng.integers(instance.requirements.min_groups, len(groups) + 1))
    while sum(group.most_room for group in groups[:count]) < wanted:
        count += 1
    groups = groups[:count]
    students = [group.student for group in groups]
    room = [int(group.room[group.student]) for group in groups]
    for k in rng.permutation(count).tolist():
        if sum(room) >= wanted:
            break
        students[k] = int(groups[k].room.argmax())
        room[k] = groups[k].most_room
    sizes = _random_sizes(room, wanted, rng)
    return Plan.of(
        instance,
        [group_of(instance, group.members, j, s) for group, j, s in zip(groups, students, sizes, strict=True)],
    )


def _random_sizes(room: list[int], wanted: int, rng: np.random.Generator) -> list[int]:
    """Sizes from 1 to each group's room that sum to ``wanted``, drawn in random order."""
    sizes = [0] * len(room)
    order = rng.permutation(len(room)).tolist()
    for position, k in enumerate(order):
        rest = order[position + 1 :]
        smallest = max(1, wanted - sum(room[other] for other in rest))
        largest = min(room[k], wanted - len(rest))
        sizes[k] = int(rng.integers(smallest, largest + 1))
        wanted -= sizes[k]
    return sizes
