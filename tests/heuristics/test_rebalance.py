from __future__ import annotations

import itertools

import pytest

from oracle_queues import QueueOracle
from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.heuristics.rebalance import rebalance
from rocoin_opt.instance.generate import generate
from rocoin_opt.planning.solve import solve


@pytest.mark.parametrize("seed", range(6))
def test_no_plan_gets_later(seed: int) -> None:
    instance = random_queues(seed)
    oracle = QueueOracle(instance)
    for blocks in itertools.islice(oracle.decisions(feasible_only=True), 5):
        plan = oracle.plan(blocks)
        for objective in ("guaranteed", "nominal", "worst"):
            found = rebalance(instance, objective, plan, Control.starting_now())
            assert not check(instance, found)
            assert value_of(instance, found, objective) <= value_of(instance, plan, objective)


def test_filters_leave_the_group_that_everybody_waits_for() -> None:
    instance = generate("paper", devices=8, seed=20, channels=1)
    plan = solve(instance, "het-nonn", "nominal", latency_only=True, explain=False).plan
    plan = plan or solve(instance, "random", latency_only=True, explain=False).plan
    assert plan is not None
    found = rebalance(instance, "guaranteed", plan, Control.starting_now())
    assert value_of(instance, found, "guaranteed") < value_of(instance, plan, "guaranteed")
    members = {group.devices for group in plan.groups}
    assert {group.devices for group in found.groups} == members
