from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oracle_queues import QueueOracle
from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.exact.channels.search import exact_on_channels
from rocoin_opt.failure.validity import check
from rocoin_opt.grouping.airtime import airtime_bound
from rocoin_opt.plan.latency import THRESHOLD_OBJECTIVES
from rocoin_opt.planning.solve import solve
from samples import cases

if TYPE_CHECKING:
    from fractions import Fraction

MOST_PLANS = 2_500
"""Plans of an instance beyond which the oracle takes too long for a test."""


def best_of_all(oracle: QueueOracle) -> dict[str, Fraction] | None:
    """Least latencies over all plans; None where there are too many of them."""
    best: dict[str, Fraction] = {}
    for number, blocks in enumerate(oracle.decisions(feasible_only=True)):
        if number == MOST_PLANS:
            return None
        for objective in THRESHOLD_OBJECTIVES:
            value = oracle.latency(blocks, objective)
            if value is not None:
                best[objective] = min(value, best.get(objective, value))
    return best


@pytest.mark.parametrize("seed", cases(range(0, 48, 16), range(0, 48, 2)))
def test_no_plan_is_earlier_than_what_is_proven(seed: int) -> None:
    instance = random_queues(seed, domains=seed % 4 == 0, rate=seed % 5 == 1)
    best = best_of_all(QueueOracle(instance))
    if best is None:
        return
    for objective in THRESHOLD_OBJECTIVES:
        found = exact_on_channels(instance, objective, Control.starting_now(), None)
        if objective not in best:
            assert found.plan is None
            assert found.infeasible
            continue
        assert found.lower_bound == float(best[objective])
        assert found.plan is not None
        assert not check(instance, found.plan)
        assert airtime_bound(instance, objective) <= found.lower_bound


@pytest.mark.parametrize("rule", cases([{"together": ["d0", "d1"]}], [{"use": ["d0"]}, {"apart": ["d0", "d1"]}]))
def test_rules_are_kept(rule: dict[str, list[str]]) -> None:
    instance = random_queues(3, 4, filters=3, channels=1)
    named = [device.model_copy(update={"id": f"d{n}"}) for n, device in enumerate(instance.devices)]
    ruled = instance.with_devices(named)
    fields = {name: getattr(ruled, name) for name in type(ruled).model_fields}
    ruled = type(ruled).model_validate({**fields, "rules": [rule]})
    oracle = QueueOracle(ruled)
    values = [
        value
        for blocks in oracle.decisions(feasible_only=True)
        if not [v for v in check(ruled, oracle.plan(blocks)) if v.rule in rule]
        and (value := oracle.latency(blocks, "guaranteed")) is not None
    ]
    result = solve(ruled, "exact")
    if not values:
        assert result.termination == "infeasible"
        return
    assert result.termination == "optimal"
    assert result.objective_value == pytest.approx(float(min(values)))


def test_a_limit_ends_it_with_what_was_known() -> None:
    instance = random_queues(3, 5, filters=6, channels=1)
    full = exact_on_channels(instance, "worst", Control.starting_now(), None)
    short = exact_on_channels(instance, "worst", Control.starting_now(), full.plan, 0.125, nodes=0)
    assert full.lower_bound is not None
    assert short.plan == full.plan
    assert short.lower_bound == 0.125


@pytest.mark.slow
def test_success_is_kept() -> None:
    instance = random_queues(3, 4, filters=3, channels=1)
    oracle = QueueOracle(instance)
    plans = [(oracle.latency(b, "nominal"), oracle.figures(b)["failure"]) for b in oracle.decisions(feasible_only=True)]
    failures = sorted({failure for _, failure in plans if failure is not None})
    wanted = 1.0 - failures[len(failures) // 3]
    best = min(t for t, failure in plans if t is not None and failure is not None and failure <= 1.0 - wanted + 1e-12)
    result = solve(instance.with_requirements(min_success=wanted), "exact", "nominal")
    assert result.objective_value == pytest.approx(float(best))
    assert result.termination == "optimal"
