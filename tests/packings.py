"""Problems of packing listed sets, and brute force over all packings."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from rocoin_opt.control import Control
from rocoin_opt.exact.answer.relaxation import Costs, Wanted
from rocoin_opt.exact.answer.sets import ServingSets, serving_sets
from rocoin_opt.grouping.reach import Reach
from strategies import instances

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

PackingProblem: TypeAlias = tuple[ServingSets, Costs, Wanted, float]
"""Sets, their costs, what is wanted, and the unit of costs that depend on outages alone, else 0."""


@st.composite
def packing_problems(draw: DrawFn) -> PackingProblem:
    """Sets of tiny instances, at some time, with the costs of failure or of the missing share."""
    instance = draw(instances(max_devices=5, max_filters=6))
    sets = serving_sets(instance, Reach.by(instance, draw(st.sampled_from([2.0, 8.0, math.inf]))), Control())
    unit = draw(st.sampled_from([1.0, 0.1, 3e-4]))
    sets = sets.taken(sets.outage < 1.0)
    assume(len(sets) > 0)
    filters = instance.knowledge.num_filters
    wanted = Wanted(filters, instance.requirements.min_groups, instance.max_groups)
    # Who packs has a valid plan.
    assume(wanted.fewest <= wanted.most)
    nothing = np.zeros(len(sets))
    if draw(st.booleans()):
        return sets, Costs(-np.log1p(-sets.outage) / unit, nothing), wanted, unit
    return sets, Costs(nothing, sets.outage / (filters * unit)), wanted, 0.0


def cheapest(problem: PackingProblem) -> float:
    """Cost of the cheapest packing, infinite where there is none, by trying all of them."""
    sets, costs, wanted, _ = problem
    masks, largest = sets.masks.tolist(), sets.largest.tolist()
    best = math.inf

    def extend(first: int, used: int, chosen: tuple[int, ...]) -> None:
        nonlocal best
        if wanted.fewest <= len(chosen) <= wanted.filters and chosen:
            best = min(best, _cost(costs, [largest[i] for i in chosen], chosen, wanted.filters))
        if len(chosen) < wanted.most:
            for i in range(first, len(masks)):
                if not masks[i] & used:
                    extend(i + 1, used | masks[i], (*chosen, i))

    extend(0, 0, ())
    return best


def _cost(costs: Costs, room: list[int], chosen: tuple[int, ...], filters: int) -> float:
    """Least cost of sets that hold all filters, each one at least."""
    fixed = sum(float(costs.fixed[i]) for i in chosen)
    if not any(costs.per_filter):
        return fixed if sum(room) >= filters else math.inf
    ways = (
        sum(float(costs.per_filter[i]) * size for i, size in zip(chosen, sizes, strict=True))
        for sizes in itertools.product(*(range(1, most + 1) for most in room))
        if sum(sizes) == filters
    )
    return fixed + min(ways, default=math.inf)
