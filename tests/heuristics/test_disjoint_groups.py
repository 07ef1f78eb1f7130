"""Groups at a threshold keep their books while they exchange devices."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.failure.validity import check
from rocoin_opt.heuristics.disjoint_groups import LARGEST_POOL, DisjointGroups
from rocoin_opt.heuristics.exchange import covering_capacities
from rocoin_opt.heuristics.greedy import greedy


@pytest.mark.parametrize(
    ("family", "devices", "objective"), [("edge", 40, "nominal"), ("lossy", 40, "guaranteed"), ("paper", 8, "nominal")]
)
def test_steps_keep_the_books(family, devices, objective):
    instance = ro.generate(family, devices=devices, seed=5)
    plan = greedy(instance, objective, Control()).plan
    index, value = instance.arrays.device_index, evaluate(instance, plan).value(objective)
    groups = [[index[name] for name in group.devices] for group in plan.groups]
    search = DisjointGroups(instance, objective, groups, value, 1)
    assert search.suffice
    assert value >= evaluate(instance, search.plan()).value(objective)
    totals = []
    for step in range(300):
        if step == 150:
            search.lower(0.8 * value)
        search.step()
        grouped = [n for group in search.groups for n in group]
        assert len(grouped) + len(search.spares) == len({*grouped, *search.spares})
        assert len(search.groups) <= search.most
        assert search.total == sum(search.capacities)
        assert search.serving == sum(capacity > 0 for capacity in search.capacities)
        assert search.capacities == covering_capacities(search.problem, search.groups)
        totals.append(search.total)
    assert max(totals[:150]) >= instance.knowledge.num_filters > max(totals[151:])


def test_groups_larger_than_a_pool_keep_members():
    instance = ro.generate("lossy", devices=60, seed=1).with_requirements(max_group_outage=1e-4, max_groups=2)
    longest = float((instance.arrays.base + instance.arrays.slope * instance.arrays.largest).max())
    search = DisjointGroups(instance, "guaranteed", [range(30), range(30, 60)], longest, 0)
    before = search.total
    assert search.pool_size == LARGEST_POOL
    for _ in range(200):
        search.step()
    assert search.total >= before > 0
    # Members that are not needed went one step at a time.
    assert max(map(len, search.groups)) < 30
    assert search.spares


def test_false_covers_are_given_up():
    """Shares close to a limit of 1 promise too much: each device alone seems to cover, and misses the limit."""
    instance = pairs(requirements={"max_group_outage": 1 - 1e-7})
    weak = [device.model_copy(update={"failure_probability": 1 - 1e-8}) for device in instance.devices]
    instance = instance.model_copy(update={"devices": (*weak[:3], instance.devices[3])})
    search = DisjointGroups(instance, "worst", [[0], [1], [2], [3]], 1e9, 0)
    assert search.suffice
    plan = search.plan()
    assert check(instance, plan) == ()
    assert [group.devices for group in plan.groups] == [("d3",)]
    assert sorted(search.spares) == [0, 1, 2]
    false_only = DisjointGroups(instance, "worst", [[0], [1]], 1e9, 0)
    assert false_only.plan() is None
    assert false_only.groups == []


def test_groups_are_opened_until_there_are_enough():
    instance = pairs(requirements={"min_groups": 2})
    search = DisjointGroups(instance, "worst", [[0, 1, 2, 3]], 1e9, 0)
    assert not search.suffice
    search.step()
    assert search.suffice
    assert search.serving == 2
    for _ in range(20):
        search.step()
        assert search.serving == 2
