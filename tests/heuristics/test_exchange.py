"""One exchange between two groups is the best of all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.exchange import best_exchange, covering_capacities
from rocoin_opt.heuristics.greedy import greedy
from samples import cases


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


@pytest.mark.parametrize(
    ("objective", "seed", "kept"),
    cases(
        [("guaranteed", 0, (0, 0)), ("nominal", 1, (1, 0)), ("worst", 2, (1, 2))],
        [("nominal", 0, (0, 0)), ("worst", 1, (1, 0)), ("guaranteed", 2, (1, 2)), ("worst", 3, (1, 2))],
    ),
)
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
