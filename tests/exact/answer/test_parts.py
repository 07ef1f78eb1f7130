"""The largest part of every set: by trying each student and size."""

from __future__ import annotations

import pytest

from restricted_solves import drawn
from rocoin_opt.exact.answer.outages import members, outages
from rocoin_opt.exact.answer.parts import possible_parts
from rocoin_opt.grouping.reach import Reach
from rocoin_opt.plan.latency import group_keeps_limit
from samples import cases


def largest(instance, reach, devices):
    """Largest part that some student allows, one size after another."""
    best = 0
    for j in range(len(instance.students)):
        for size in range(1, instance.knowledge.num_filters + 1):
            is_possible = all(reach.counted[n, j] >= size for n in devices)
            if reach.covering is not None:
                early = [n for n in devices if reach.covering[n, j] >= size]
                is_possible &= bool(early) and group_keeps_limit(instance, early)
            if reach.leading is not None:
                is_possible &= any(reach.leading[n, j] >= size for n in devices)
            best = max(best, size if is_possible else 0)
    return best


@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
@pytest.mark.parametrize("seed", cases(range(4), range(12)))
def test_parts_are_what_devices_deliver_one_by_one(seed: int, objective: str) -> None:
    instance = drawn(seed, 5).with_requirements(deadline_seconds=None)
    _, keeps = outages(instance)
    for threshold in (1.0, 3.0, 10.0):
        reach = Reach.within(instance, objective, threshold)
        parts = possible_parts(reach, keeps, instance.knowledge.num_filters)
        assert parts[0] == 0
        for mask in range(1, len(parts)):
            assert parts[mask] == largest(instance, reach, members(mask))
