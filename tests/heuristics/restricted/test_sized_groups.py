"""Groups for parts of given sizes: what is found keeps every rule, and nothing is found where there is nothing."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic import part_rules
from rocoin_opt.exact.restricted.sized_sets import SizedSets
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping import Reach, ThresholdProblem
from rocoin_opt.heuristics.restricted import groups_of_sizes
from rocoin_opt.instance import Rule
from rocoin_opt.plan import members_of


def fleet() -> ro.Instance:
    instance = ro.generate("sbc", devices=8, seed=4, filters=6, max_groups=3)
    ids = [device.id for device in instance.devices]
    return instance.with_rules(Rule(together=tuple(ids[:2])), Rule(use=tuple(ids[2:4])))


def test_groups_are_disjoint_and_keep_the_rules() -> None:
    instance = fleet()
    groups = groups_of_sizes(instance, (3, 2), [(), ()], len, lambda _: 0.0, 2_000, Control())
    assert groups is not None
    held = [n for group in groups for n in group]
    assert len(held) == len(set(held))
    assert {2, 3} <= set(held)
    assert all(len({0, 1} & set(group)) != 1 for group in groups)
    # A group has room for as many filters as it has devices here.
    assert [len(group) >= size for group, size in zip(groups, (3, 2), strict=True)] == [True, True]


def test_nothing_is_found_where_no_group_has_room_or_something_is_always_missed() -> None:
    instance = fleet()
    assert groups_of_sizes(instance, (3, 3), [(), ()], lambda _: 2, lambda _: 0.0, 200, Control()) is None
    assert groups_of_sizes(instance, (1, 1), [(), ()], len, lambda _: 0.5, 200, Control()) is None


@pytest.mark.slow
def test_without_lists_of_sets_parts_are_possible_that_merged_groups_cannot_take() -> None:
    instance = fleet()
    plan = ro.solve(instance, "local-search", latency_only=True).plan
    assert plan is not None
    seconds = 10.0 * value_of(instance, plan, "guaranteed")
    listed, blank = SizedSets(instance, Control()), SizedSets(instance, Control())
    blank.tables = None
    vectors = part_rules.RulePartSizes(
        ThresholdProblem(instance, "guaranteed", seconds), members_of(instance, plan), plan.sizes, Control(), blank
    )
    possible = 0
    for sizes in ((6,), (5, 1), (4, 2), (3, 3), (4, 1, 1), (3, 2, 1), (2, 2, 2)):
        there, own = listed.plan(Reach.within(instance, "guaranteed", seconds), sizes)[0], vectors.plan_for(sizes)
        assert (own is None) == (there is None)
        if own is not None:
            assert ro.check(instance, own) == ()
            assert value_of(instance, own, "guaranteed") <= seconds
            possible += 1
    assert possible == 6
