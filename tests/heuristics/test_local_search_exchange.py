"""One exchange is the best of all, and the groups at a threshold keep their books."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.disjoint_groups import LARGEST_POOL, DisjointGroups
from rocoin_opt.heuristics.exchange import best_exchange, covering_capacities
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.plan.metrics import evaluate
from rocoin_opt.plan.validity import check


def capacity_of(instance, threshold, members, objective):
    """Capacity by the owner of the idea, 0 for what does not cover."""
    if not members or instance.arrays.cover_share[members].sum() < 1 - 1e-12:
        return 0
    return int(ThresholdProblem(instance, objective, threshold).capacities([members])[0])


def drawn(seed, objective):
    """A small instance, a threshold at which some of its devices are in time, and random devices of it."""
    rng = np.random.default_rng(seed)
    instance = ro.generate("edge", devices=14, seed=seed)
    threshold = evaluate(instance, greedy(instance, objective, Control()).plan).value(objective) * rng.uniform(0.8, 1.5)
    devices = rng.permutation(14).tolist()
    return instance, threshold, devices, rng


@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kept", [(0, 0), (1, 0), (1, 2)])
def test_an_exchange_is_the_best_of_all(objective, seed, kept):
    instance, threshold, devices, _ = drawn(seed, objective)
    problem = ThresholdProblem(instance, objective, threshold)
    pool, fixed = devices[:6], (devices[6 : 6 + kept[0]], devices[8 : 8 + kept[1]])

    def total(places):
        groups = [[*fixed[k], *(n for n, place in zip(pool, places, strict=True) if place == k)] for k in (0, 1)]
        return [capacity_of(instance, threshold, group, objective) for group in groups]

    every = [total(places) for places in itertools.product(range(3), repeat=6)]
    found = best_exchange(problem, pool, fixed, np.zeros(6))
    assert sum(found.capacities) == max(map(sum, every))
    both = best_exchange(problem, pool, fixed, np.zeros(6), both_count=1000.0)
    assert sum(both.capacities) == max(
        map(sum, (pair for pair in every if min(pair) > 0)), default=max(map(sum, every))
    )
    alone = best_exchange(problem, pool, (fixed[0], []), np.zeros(6), second_open=False)
    assert alone.members[1] == []
    assert alone.capacities == (max(first for first, _ in every), 0)
    for exchange in (found, both, alone):
        for k, (members, capacity) in enumerate(zip(exchange.members, exchange.capacities, strict=True)):
            assert capacity_of(instance, threshold, members, objective) == capacity
            assert members[: len(fixed[k])] == (fixed[k] if exchange is not alone or k == 0 else [])
            # Nobody is taken who is not needed.
            for n in set(members) - set(fixed[k]):
                rest = [other for other in members if other != n]
                assert capacity_of(instance, threshold, rest, objective) < capacity
        assert not set(exchange.members[0]) & set(exchange.members[1])


def test_a_price_decides_between_equals_and_never_shuts_a_group_out():
    instance = pairs()
    problem = ThresholdProblem(instance, "guaranteed", 100.0)
    for cheap in range(4):
        prices = np.where(np.arange(4) == cheap, 0.0, 1.0)
        (members, _), capacities = best_exchange(problem, [0, 1, 2, 3], ([], []), prices, second_open=False)
        assert cheap in members
        assert capacities == (5, 0)
    dear = best_exchange(problem, [0, 1, 2, 3], ([], []), np.full(4, 1e3))
    assert dear.capacities == (5, 5)


def test_covering_capacities_agree_with_the_owner_of_capacity():
    for objective in ("guaranteed", "nominal", "worst"):
        instance, threshold, devices, _ = drawn(1, objective)
        problem = ThresholdProblem(instance, objective, threshold)
        groups = [devices[:1], devices[1:4], devices[4:9], devices[9:]]
        assert covering_capacities(problem, groups) == [capacity_of(instance, threshold, g, objective) for g in groups]
        assert covering_capacities(problem, []) == []


@pytest.mark.parametrize(("family", "devices"), [("edge", 40), ("lossy", 40), ("paper", 8)])
@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
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
