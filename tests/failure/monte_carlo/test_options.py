"""Options of simulations that are out of range."""

from __future__ import annotations

import math
from typing import Any

import pytest

from fleets import fleet
from rocoin_opt.errors import InputError
from rocoin_opt.failure.monte_carlo.arrivals import simulate_arrivals
from rocoin_opt.failure.monte_carlo.options import MAX_KEPT, MAX_TRIALS
from rocoin_opt.failure.monte_carlo.rare import failure_probability
from rocoin_opt.failure.monte_carlo.simulation import simulate, simulate_difference


@pytest.mark.parametrize(
    "options",
    [
        {"trials": 1},
        {"trials": 1000.0},
        {"trials": 2**41},
        {"seed": -1},
        {"seed": 2**64},
        {"workers": 0},
        {"workers": 1000},
        {"chunk": 0},
        {"deadline": 0.0},
        {"deadline": math.nan},
        {"rel_error": 1.0},
    ],
)
def test_options_of_trials_out_of_range_are_refused(options: dict[str, Any]) -> None:
    instance, plan = fleet([0.2] * 4, groups=2)
    with pytest.raises(InputError, match=next(iter(options))):
        simulate(instance, plan, **options)


def test_more_answers_than_can_be_kept_are_refused() -> None:
    assert MAX_KEPT < MAX_TRIALS
    instance, plan = fleet([0.2] * 4, groups=2, laws=True)
    with pytest.raises(InputError, match="trials"):
        simulate(instance, plan, MAX_KEPT + 1)
    with pytest.raises(InputError, match="trials"):
        simulate_difference(instance, plan, plan, MAX_KEPT + 1)


@pytest.mark.parametrize(
    "options",
    [{"rel_error": 0.0}, {"trials": 1}, {"seed": -1}, {"deadline": 0.0}, {"deadline": math.inf}],
)
def test_options_of_rare_events_out_of_range_are_refused(options: dict[str, Any]) -> None:
    instance, plan = fleet([0.1] * 4, groups=2)
    with pytest.raises(InputError, match=next(iter(options))):
        failure_probability(instance, plan, **options)


def test_all_that_is_out_of_range_is_named_at_once() -> None:
    instance, plan = fleet([0.2] * 4, groups=2)
    with pytest.raises(InputError) as refused:
        simulate_arrivals(instance, plan, 1, seed=-1, workers=0, chunk=0, deadline=0.0)
    assert [fault.field for fault in refused.value.problems] == ["trials", "seed", "workers", "chunk", "deadline"]
    with pytest.raises(InputError) as refused:
        failure_probability(instance, plan, trials=1, seed=-1, deadline=0.0)
    assert [fault.field for fault in refused.value.problems] == ["trials", "seed", "deadline"]


def test_a_rare_event_takes_any_seed_of_numpy() -> None:
    instance, plan = fleet([0.2] * 4, groups=2)
    assert failure_probability(instance, plan, seed=2**70).value > 0.0
    with pytest.raises(InputError, match="seed"):
        simulate(instance, plan, 1000, seed=2**70)
