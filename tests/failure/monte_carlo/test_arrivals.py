from __future__ import annotations

import math
from typing import Any

import pytest

from fleets import fleet
from rocoin_opt.errors import InputError
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.failure.monte_carlo.arrivals import simulate_arrivals
from rocoin_opt.failure.monte_carlo.simulation import simulate
from rocoin_opt.failure.partial_answers import parts_arrived
from rocoin_opt.plan.model import Plan

CASE: dict[str, Any] = {
    "failures": [0.2, 0.1, 0.3, 0.05, 0.4, 0.2, 0.6],
    "groups": 3,
    "domains": {"a": 0.1, "b": 0.2},
    "member": {0: "b", 1: "b", 2: "a", 4: "b"},
}


@pytest.mark.parametrize("laws", [False, True])
@pytest.mark.parametrize("deadline", [None, 3.0])
def test_parts_arrive_as_the_exact_distribution_says(laws: bool, deadline: float | None) -> None:
    instance, plan = fleet(**CASE, laws=laws, deadline=deadline)
    arrivals = simulate_arrivals(instance, plan, 100_000)
    distribution = latency_distribution(instance, plan)
    for number, exact in enumerate(parts_arrived(distribution, deadline)):
        estimate = arrivals.parts_arrived(number)
        assert abs(estimate.value - exact) <= 4 * estimate.standard_error + 1e-12
    for k in range(3):
        estimate = arrivals.part(k)
        exact = 1.0 - distribution.outage(k, math.inf if deadline is None else deadline)
        assert abs(estimate.value - exact) <= 4 * estimate.standard_error + 1e-12


@pytest.mark.slow
def test_all_parts_arrive_in_the_trials_that_are_answered() -> None:
    instance, plan = fleet(**CASE, laws=True, deadline=4.0)
    arrivals = simulate_arrivals(instance, plan, 30_000, seed=3)
    assert arrivals.trials == 30_000
    assert arrivals.groups == 3
    assert arrivals.parts_arrived(3) == simulate(instance, plan, 30_000, seed=3).success_probability
    assert simulate_arrivals(instance, plan, 30_000, seed=3, workers=2, chunk=4096) == arrivals
    told: list[tuple[int, int]] = []
    again = simulate_arrivals(instance, plan, 30_000, seed=3, chunk=20_480, advance=lambda *done: told.append(done))
    assert list(again.counts) == list(arrivals.counts)
    assert told == [(20_480, 30_000), (30_000, 30_000)]


def test_a_figure_of_what_arrived_is_averaged() -> None:
    instance, plan = fleet(**CASE)
    arrivals = simulate_arrivals(instance, plan, 20_000)
    share = arrivals.expected(lambda arrived: len(arrived) / 3, 0.0, 1.0)
    assert share.value == pytest.approx(sum(arrivals.part(k).value for k in range(3)) / 3)
    assert 0.0 < share.standard_error < 0.01


def test_more_groups_than_a_byte_has_bits() -> None:
    instance, plan = fleet([0.5] * 11, groups=11)
    arrivals = simulate_arrivals(instance, plan, 20_000)
    assert abs(arrivals.part(10).value - 0.5) <= 4 * arrivals.part(10).standard_error
    assert max(max(arrived, default=0) for arrived in arrivals.counts) == 10


def test_a_plan_without_groups_is_refused() -> None:
    instance, _ = fleet([0.5] * 2, groups=1)
    with pytest.raises(InputError, match="groups"):
        simulate_arrivals(instance, Plan(groups=()))
