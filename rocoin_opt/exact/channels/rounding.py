"""Plans from the packing relaxation with airtime rows: disjoint groups drawn by their fractions, sized to all filters.

They are where a search begins: a draw knows what the air costs, and nothing of the order on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rocoin_opt.failure import check, value_of
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Members, Objective, Plan

    Column: TypeAlias = tuple[Members, int]

DRAWS = 200
"""Draws of groups."""
KEPT = 2
"""Plans that are given back at most."""
LEAST_FRACTION = 1e-6
UNLIKELY = 1e-3
"""Weight of a group that the relaxation takes nothing of."""


def rounded_plans(
    instance: Instance, objective: Objective, columns: Sequence[Column], fractions: FloatArray, seed: int
) -> list[Plan]:
    """Valid plans, the earliest first; none where every draw breaks a limit.

    Parameters
    ----------
    instance : Instance
        Constant latencies and shared channels.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    columns : sequence of (members, size)
        Groups that the relaxation knows.
    fractions : FloatArray
        How much it takes of the first of them.
    seed : int
        Of the draws.
    """
    if not len(fractions):
        return []
    rng = np.random.default_rng(seed)
    weights = np.where(fractions > LEAST_FRACTION, fractions, UNLIKELY)
    found: dict[Plan, float] = {}
    for _ in range(DRAWS):
        groups = _drawn(instance, columns, np.log(weights), rng)
        if groups is None:
            continue
        plan = plan_of(instance, groups)
        if plan not in found and not check(instance, plan):
            found[plan] = value_of(instance, plan, objective)
    return sorted(found, key=found.__getitem__)[:KEPT]


def _drawn(
    instance: Instance, columns: Sequence[Column], logs: FloatArray, rng: Generator
) -> list[IndexedGroup] | None:
    """Disjoint groups that hold all filters together; None where they do not.

    Parameters
    ----------
    instance : Instance
        What was given.
    columns : sequence of (members, size)
        Groups to draw from.
    logs : FloatArray
        Logarithms of their weights, for the first of them.
    rng : Generator
        Source of chance.
    """
    # Sorted by perturbed logarithms, groups come as if drawn one by one by their weights.
    order = np.argsort(-(logs + rng.gumbel(size=len(logs))), kind="stable")
    used: set[int] = set()
    chosen: list[Column] = []
    for place in order.tolist():
        members, size = columns[place]
        if used.isdisjoint(members):
            used.update(members)
            chosen.append((members, size))
            if len(chosen) == instance.max_groups:
                break
    return sized(instance, chosen)


def sized(instance: Instance, chosen: Sequence[Column]) -> list[IndexedGroup] | None:
    """Groups with their sizes scaled to all filters; None where they do not hold them.

    Parameters
    ----------
    instance : Instance
        What was given.
    chosen : sequence of (members, size)
        Disjoint groups.
    """
    most = [_most(instance, members) for members, _ in chosen]
    total = instance.knowledge.num_filters
    wanted = sum(size for _, size in chosen)
    sizes = [max(1, min(top, round(size * total / wanted))) for (_, size), top in zip(chosen, most, strict=True)]
    rest = total - sum(sizes)
    while rest:
        step = 1 if rest > 0 else -1
        able = [k for k, size in enumerate(sizes) if 1 <= size + step <= most[k]]
        if not able:
            return None
        # Those that are the least full take more, the fullest ones give.
        k = min(able, key=lambda k: step * sizes[k] / most[k])
        sizes[k] += step
        rest -= step
    return [
        IndexedGroup(members, _student(instance, members, size), size)
        for (members, _), size in zip(chosen, sizes, strict=True)
    ]


def _most(instance: Instance, members: Members) -> int:
    return max(int(instance.arrays.largest[list(members)].min(axis=0).max()), 1)


def _student(instance: Instance, members: Members, size: int) -> int:
    """The student with which the slowest of the members is the earliest on links of their own."""
    arrays = instance.arrays
    able = np.flatnonzero(arrays.largest[list(members)].min(axis=0) >= size)
    if not len(able):
        return 0
    return int(min(able.tolist(), key=lambda j: float(arrays.latency(list(members), j, size).max())))
