"""Students and sizes for given groups against brute force."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given

import oracle
from examples import two_pairs
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.assignment import assign_sizes, plan_with_best_sizes
from samples import trials
from strategies import instances


@given(instances(max_devices=5, max_filters=6))
@trials(60, ways=2)
@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
def test_sizes_are_optimal_for_every_grouping(objective, instance):
    brute = oracle.oracle_of(instance)
    best: dict[frozenset[frozenset[int]], float] = {}
    groupings: dict[frozenset[frozenset[int]], list[list[int]]] = {}
    for blocks in itertools.islice(brute.decisions(feasible_only=True), 4000):
        key = frozenset(frozenset(block.devices) for block in blocks)
        value = brute.value(blocks, objective)
        best[key] = min(best.get(key, value), value)
        groupings[key] = [list(block.devices) for block in blocks]
    complete = len(best) <= 30
    for key, members in itertools.islice(groupings.items(), 30):
        chosen, threshold = assign_sizes(instance, members, objective)
        plan = plan_with_best_sizes(instance, members, objective)
        assert check(instance, plan) == ()
        assert sum(size for _, size in chosen) == instance.knowledge.num_filters
        assert evaluate(instance, plan).value(objective) == threshold
        assert threshold <= best[key] * (1 + 1e-12)
        if complete:
            assert threshold == pytest.approx(best[key], rel=1e-12)


def test_groups_that_cannot_hold_all_filters_have_no_sizes():
    instance = two_pairs()
    small = instance.model_copy(update={"students": (instance.students[0].model_copy(update={"max_filters": 1}),)})
    assert assign_sizes(small, [[0, 1], [2, 3]], "worst") is None
    assert plan_with_best_sizes(small, [[0, 1], [2, 3]], "worst") is None


def test_a_group_that_does_not_cover_has_no_guaranteed_size():
    assert assign_sizes(two_pairs(), [[0], [1, 2, 3]], "guaranteed") is None


def test_more_groups_than_filters_have_no_sizes():
    single = two_pairs().model_copy(update={"knowledge": two_pairs().knowledge.model_copy(update={"num_filters": 1})})
    assert assign_sizes(single, [[0, 1], [2, 3]], "worst") is None
    assert assign_sizes(single, [], "worst") is None


def test_surplus_capacity_is_cut_where_work_is_dearest():
    instance = two_pairs()
    slow = instance.devices[0].model_copy(update={"uplink_bits_per_second": 0.5})
    uneven = instance.model_copy(update={"devices": (slow, *instance.devices[1:])})
    # By 5 s the slow pair delivers one filter, by 6 s the other pair three: four in all.
    assert assign_sizes(uneven, [[0, 1], [2, 3]], "worst") == ([(0, 1), (0, 3)], 6.0)
