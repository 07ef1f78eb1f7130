"""Students and sizes of changed groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocoin_opt.heuristics.restricted.shares import rooms, shared_out
from rocoin_opt.plan.indexed import IndexedGroup
from strategies import instances


@given(instances(max_devices=5, max_filters=9), st.randoms(use_true_random=False))
def test_all_filters_find_a_place_where_there_is_room(instance, random) -> None:
    devices = list(range(len(instance.devices)))
    random.shuffle(devices)
    count = random.randint(1, len(devices))
    groups = [
        IndexedGroup(tuple(devices[k::count]), random.randrange(len(instance.students)), random.randint(0, 12))
        for k in range(count)
    ]
    served = shared_out(instance, groups)
    wanted = instance.knowledge.num_filters
    most = [int(rooms(instance, group.members).max()) for group in groups]
    if served is None:
        # A student that holds its part stays, so that the room may be smaller than with the roomiest.
        assert min(most) == 0 or wanted < len(groups) or sum(most) < wanted or _kept_small(instance, groups)
        return
    assert sum(group.size for group in served) == wanted
    for group in served:
        assert 1 <= group.size <= rooms(instance, group.members)[group.student]


def _kept_small(instance, groups) -> bool:
    return any(rooms(instance, group.members)[group.student] < rooms(instance, group.members).max() for group in groups)


@pytest.mark.parametrize("size", [0, 1, 99])
def test_sizes_are_cut_to_what_is_wanted(size: int) -> None:
    import rocoin_opt as ro

    instance = ro.generate("edge", devices=6, seed=1)
    student = int(instance.arrays.largest[0].argmax())
    served = shared_out(instance, [IndexedGroup((0,), student, size), IndexedGroup((1,), student, 1)])
    if served is not None:
        assert sum(group.size for group in served) == instance.knowledge.num_filters
