"""Programs of whole covers on channels: never above the best plan, and sharper than prices of fractions."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

import rocoin_opt as ro
from queue_instances import random_queues
from rocoin_opt.control import Control
from rocoin_opt.exact.channels.air_relaxation import priced_air_bound
from rocoin_opt.exact.channels.cover_program import WIDTHS, CoverProgram, minimal_covers, packed_air_bound
from rocoin_opt.exact.channels.search import exact_on_channels
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from samples import cases


@pytest.mark.parametrize("seed", cases(range(0, 60, 15), range(400)))
def test_no_plan_is_earlier_than_a_time_that_is_refuted(seed: int) -> None:
    objective: ro.Objective = ("guaranteed", "worst")[seed // 4 % 2]
    instance = random_queues(seed, domains=seed % 4 == 0, rate=seed % 5 == 1)
    best = exact_on_channels(instance, objective, Control.starting_now(), None)
    if best.plan is None or not instance.shared_channels:
        return
    assert best.lower_bound is not None
    _, relaxation = priced_air_bound(instance, objective, Control.starting_now(), 0.0, 1.5 * best.lower_bound + 1.0)
    assert relaxation is not None
    program = CoverProgram(instance, relaxation)
    for width in WIDTHS:
        refuted, _ = program.at(best.lower_bound, width, Control.starting_now())
        assert not refuted
    bound, plans = packed_air_bound(
        instance, objective, Control.starting_now(), relaxation, 0.0, 1.5 * best.lower_bound + 1.0
    )
    assert bound <= best.lower_bound
    assert all(not check(instance, plan) and value_of(instance, plan, objective) >= bound for plan in plans)


@pytest.mark.parametrize("seed", range(20))
def test_minimal_covers_are_those_of_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.choice([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0], size=7)
    full = {s for k in range(1, 8) for s in combinations(range(7), k) if shares[list(s)].sum() >= 1.0 - 1e-9}
    minimal = {s for s in full if not any(set(other) < set(s) for other in full)}
    found = minimal_covers(shares)
    assert found is not None
    assert len(found) == len(set(found))
    assert set(found) == minimal


def test_too_many_covers_are_not_listed() -> None:
    assert minimal_covers(np.full(40, 0.2)) is None


@pytest.mark.slow
def test_whole_covers_say_more_than_fractions() -> None:
    instance = ro.generate("sbc", devices=16, seed=0, channels=2)
    value = ro.solve(instance, "greedy", latency_only=True).objective_value
    assert value is not None
    priced, relaxation = priced_air_bound(instance, "guaranteed", Control.starting_now(), 0.0, value)
    assert relaxation is not None
    bound, plans = packed_air_bound(instance, "guaranteed", Control.starting_now(), relaxation, priced, value)
    assert bound > 1.005 * priced
    assert plans
    assert value_of(instance, plans[0], "guaranteed") < value


def test_without_time_what_was_known_stays() -> None:
    instance = ro.generate("paper", devices=10, seed=20, channels=2)
    _, relaxation = priced_air_bound(instance, "worst", Control.starting_now(), 1.25, 12.0)
    assert relaxation is not None
    ended = Control.starting_now(time_limit=0.0)
    assert packed_air_bound(instance, "worst", ended, relaxation, 1.25, 12.0) == (1.25, [])
