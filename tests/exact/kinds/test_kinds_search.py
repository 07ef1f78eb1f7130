"""Latencies of alike devices: equal to those by subsets, to those one by one, and proven for thousands."""

from __future__ import annotations

import pytest

from packing_oracle import best_position, candidates, random_instance, with_alike_devices
from rocoin_opt.control import UNLIMITED, Control
from rocoin_opt.exact.kinds.search import exact_by_kinds
from rocoin_opt.exact.threshold.search import exact
from rocoin_opt.failure import check
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.instance.generate import generate
from rocoin_opt.planning.solve import solve
from samples import cases

LATENCIES = ["guaranteed", "nominal", "worst"]


@pytest.mark.parametrize("objective", cases(["guaranteed"], LATENCIES))
def test_values_and_bounds_are_those_of_all_packings(objective):
    found = set()
    for seed in range(12):
        instance = with_alike_devices(random_instance(seed, most_devices=3), seed)
        thresholds, position = candidates(instance), best_position(instance, objective)
        outcome = exact_by_kinds(instance, objective, UNLIMITED)
        found.add(outcome.infeasible)
        if position == len(thresholds):
            assert outcome.infeasible
            assert outcome.reasons
            continue
        assert value_of(instance, outcome.plan, objective) == outcome.lower_bound == thresholds[position]
        assert check(instance, outcome.plan) == ()
    assert found == {True, False}


@pytest.mark.parametrize("objective", cases(["guaranteed"], LATENCIES))
def test_a_fleet_is_worth_what_it_is_one_by_one(objective):
    for devices, seed in ((12, 0), (16, 1)):
        instance = generate("edge", devices=devices, kinds=4, seed=seed)
        alike, other = (run(instance, objective, UNLIMITED) for run in (exact_by_kinds, exact))
        value = value_of(instance, other.plan, objective)
        assert value_of(instance, alike.plan, objective) == alike.lower_bound == value == other.lower_bound


def test_a_start_is_never_lost_and_limits_are_kept():
    instance = generate("lossy", devices=40, kinds=4, seed=2)
    best = exact_by_kinds(instance, "guaranteed", UNLIMITED)
    assert exact_by_kinds(instance, "guaranteed", UNLIMITED, best.plan).plan == best.plan
    assert exact_by_kinds(instance, "guaranteed", Control.starting_now(time_limit=0.0)) is None
    result = solve(instance, "exact", time_limit=0.0)
    assert result.lower_bound <= value_of(instance, best.plan, "guaranteed")


@pytest.mark.slow
def test_a_thousand_devices_of_eight_kinds_are_proven():
    instance = generate("edge", devices=1_000, kinds=8, seed=7, max_group_outage=0.01)
    result = solve(instance, latency_only=True)
    assert result.termination == "optimal"
    assert len(result.plan.spares) < 1_000
