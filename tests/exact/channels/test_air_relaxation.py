"""The bound by prices of air: never above the best plan, and never below what it is given."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.exact.channels.air_relaxation import priced_air_bound
from rocoin_opt.exact.channels.rounding import rounded_plans
from rocoin_opt.exact.channels.search import exact_on_channels
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.airtime import airtime_bound
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES
from samples import cases


@pytest.mark.parametrize("seed", cases(range(0, 60, 20), range(0, 60, 2)))
def test_no_plan_is_earlier(seed: int) -> None:
    instance = random_queues(seed, domains=seed % 4 == 0, rate=seed % 5 == 1)
    for objective in THRESHOLD_OBJECTIVES:
        best = exact_on_channels(instance, objective, Control.starting_now(), None)
        if best.plan is None or not instance.shared_channels:
            continue
        assert best.lower_bound is not None
        bound, relaxation = priced_air_bound(
            instance, objective, Control.starting_now(), 0.0, 1.5 * best.lower_bound + 1.0
        )
        assert bound <= best.lower_bound
        assert relaxation is not None
        assert not any(
            check(instance, plan)
            for plan in rounded_plans(instance, objective, relaxation.columns, relaxation.fractions, 0)
        )


@pytest.mark.slow
def test_prices_of_groups_beat_those_of_devices() -> None:
    instance = ro.generate("paper", devices=10, seed=20, channels=2)
    plain = airtime_bound(instance, "guaranteed")
    priced, relaxation = priced_air_bound(instance, "guaranteed", Control.starting_now(), plain, 14.0)
    assert priced > 1.05 * plain
    assert relaxation is not None
    plans = rounded_plans(instance, "guaranteed", relaxation.columns, relaxation.fractions, 0)
    assert plans
    assert plans == rounded_plans(instance, "guaranteed", relaxation.columns, relaxation.fractions, 0)
    assert all(ro.evaluate(instance, plan).guaranteed_seconds >= priced for plan in plans)


def test_a_limit_keeps_what_was_known() -> None:
    instance = ro.generate("paper", devices=10, seed=20, channels=2)
    assert priced_air_bound(instance, "worst", Control.starting_now(time_limit=0.0), 1.25, 12.0)[0] == 1.25
