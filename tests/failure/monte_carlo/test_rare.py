from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

from fleets import failure_by_enumeration, fleet
from rocoin_opt.errors import InputError
from rocoin_opt.failure.monte_carlo.rare import failure_probability
from rocoin_opt.failure.monte_carlo.simulation import simulate
from rocoin_opt.plan.latency import answer_distribution, group_timings
from rocoin_opt.plan.model import Group, Plan
from samples import cases

SHARED = {0: "a", 1: "a", 2: "b", 4: "a", 5: "b", 7: "b"}
CASES: dict[str, dict[str, Any]] = {
    "1e-12": {"failures": [1e-6] * 4 + [2e-7] * 4, "groups": 4},
    "1e-9": {"failures": [1e-3] * 12, "groups": 4},
    "common": {"failures": [0.3] * 9, "groups": 3},
    "nearly sure": {"failures": [0.95] * 9, "groups": 3},
    "domains, 1e-9": {"failures": [1e-3] * 12, "groups": 4, "domains": {"a": 1e-6, "b": 1e-5}, "member": SHARED},
    "domains, common": {"failures": [0.3] * 12, "groups": 4, "domains": {"a": 0.2, "b": 0.4}, "member": SHARED},
    "one domain for all": {
        "failures": [1e-4] * 8,
        "groups": 4,
        "domains": {"a": 1e-10},
        "member": dict.fromkeys(range(8), "a"),
    },
    "domains of no effect": {
        "failures": [1e-2, 1e-6, 0.0],
        "groups": 2,
        "domains": {"a": 1e-6, "b": 1e-6},
        "member": {1: "b"},
    },
    "only domains fail": {
        "failures": [0.0] * 8,
        "groups": 4,
        "domains": {"a": 1e-11, "b": 0.0},
        "member": dict.fromkeys(range(8), "a") | {7: "b"},
    },
}


@pytest.mark.parametrize("case", CASES)
def test_the_estimate_meets_the_exact_value(case: str) -> None:
    instance, plan = fleet(**CASES[case])
    exact = failure_by_enumeration(instance, plan)
    for seed in range(3):
        estimate = failure_probability(instance, plan, seed=seed)
        assert abs(estimate.value - exact) <= 4 * estimate.standard_error + 1e-3 * exact
        low, high = estimate.interval(0.9999)
        assert low <= exact <= high
        low, high = estimate.interval()
        assert (high - low) / 2 <= 0.01 * estimate.value


def test_a_finer_estimate_takes_more_draws_and_comes_closer() -> None:
    instance, plan = fleet(**CASES["domains, common"])
    exact = failure_by_enumeration(instance, plan)
    coarse, fine = (failure_probability(instance, plan, rel_error=error) for error in (0.1, 0.002))
    assert coarse.trials < fine.trials
    assert abs(fine.value - exact) <= 4 * fine.standard_error
    assert fine.standard_error < 0.0011 * exact
    assert failure_probability(instance, plan, rel_error=0.002) == fine
    assert failure_probability(instance, plan, rel_error=0.002, seed=1) != fine


def test_the_number_of_draws_is_limited() -> None:
    instance, plan = fleet(**CASES["domains, common"])
    assert failure_probability(instance, plan, rel_error=1e-9, trials=5001).trials == 5001


FEW_DRAWS: list[dict[str, Any]] = [
    {"failures": [0.01, 1e-6, 0.3], "groups": 3, "domains": {"a": 1e-6}, "member": {0: "a", 1: "a"}},
    {"failures": [0.3, 1e-5, 0.2], "groups": 3, "domains": {"a": 1e-3}, "member": {1: "a", 2: "a"}},
    {"failures": [0.999999, 0.999999], "groups": 2, "domains": {"a": 0.5}, "member": {0: "a", 1: "a"}},
    {"failures": [1e-3] * 9, "groups": 3, "domains": {"a": 1e-9, "b": 0.2}, "member": {0: "a", 1: "a", 2: "b"}},
    {"failures": [0.05] * 6, "groups": 3, "domains": {"a": 0.1, "b": 0.2}, "member": dict.fromkeys(range(5), "a")},
]


@pytest.mark.parametrize(
    ("case", "trials"),
    cases(zip(FEW_DRAWS[1:4], (30, 1000, 2), strict=True), [(case, n) for case in FEW_DRAWS for n in (2, 30, 1000)]),
)
def test_an_interval_covers_at_its_level_however_few_draws_there_are(case: dict[str, Any], trials: int) -> None:
    instance, plan = fleet(**case)
    exact = failure_by_enumeration(instance, plan)
    covered = 0
    for seed in range(200):
        low, high = failure_probability(instance, plan, trials=trials, rel_error=1e-12, seed=seed).interval()
        covered += low <= exact <= high
    # 190 of 200 on average, with a deviation of 3.1.
    assert covered >= 181


@pytest.mark.parametrize("failures", [[0.999999, 0.999999], [0.01, 1e-6], [0.3, 1e-5], [1e-310, 5e-324], [1e-200] * 4])
def test_independent_groups_leave_nothing_to_chance(failures: list[float]) -> None:
    instance, plan = fleet(failures, groups=2)
    outages = [math.prod(map(Fraction, failures[k::2])) for k in range(2)]
    exact = 1 - (1 - outages[0]) * (1 - outages[1])
    for seed in (0, 1):
        estimate = failure_probability(instance, plan, seed=seed)
        assert (estimate.trials, estimate.standard_error) == (0, 0.0)
        low, high = estimate.interval()
        assert high - low <= 3e-11 * estimate.value + 1e-322
        # What is below the smallest double counts as 0.
        assert low <= float(exact) <= high


def test_a_domain_that_hardly_ever_fails_takes_its_groups_along() -> None:
    instance, plan = fleet([1e-200] * 4, groups=2, domains={"a": 1e-310}, member=dict.fromkeys(range(4), "a"))
    # Both groups fail whenever one does.
    low, high = failure_probability(instance, plan).interval()
    assert low <= 1e-310 <= high <= 1.01e-310


def test_late_is_failed_where_there_is_a_deadline() -> None:
    instance, plan = fleet([1e-3] * 12, groups=4)
    timings = group_timings(instance, plan)
    distribution = answer_distribution(instance, timings)
    deadline = timings[-1].seconds[1]
    estimate = failure_probability(instance, plan, deadline=deadline)
    assert estimate.value == pytest.approx(1.0 - distribution.cdf(deadline), rel=0.01)
    assert estimate.value > 10 * failure_probability(instance, plan).value


def test_certainties_are_told_as_such() -> None:
    instance, plan = fleet([0.0, 0.5, 0.5, 0.0], groups=2)
    assert failure_probability(instance, plan).value == 0.0
    assert failure_probability(instance, plan).interval() == (0.0, 0.0)
    assert failure_probability(instance, plan, deadline=1e-3).value == 1.0
    assert failure_probability(instance, plan, deadline=1e-3).interval() == (1.0, 1.0)


def test_it_agrees_with_plain_simulation() -> None:
    instance, plan = fleet(**CASES["domains, common"])
    plain = simulate(instance, plan, 200_000).cdf(math.inf)
    estimate = failure_probability(instance, plan, rel_error=0.003)
    error = math.hypot(plain.standard_error, estimate.standard_error)
    assert abs(1.0 - plain.value - estimate.value) <= 4 * error


def test_a_device_in_two_groups_is_refused() -> None:
    instance, _ = fleet([0.1] * 4, groups=2)
    twice = Plan(groups=(Group(devices=("d0",), student="s", num_filters=1),) * 2)
    with pytest.raises(InputError, match="one group at most"):
        failure_probability(instance, twice)


def test_random_latencies_may_be_late() -> None:
    instance, plan = fleet([0.05] * 6, groups=2, laws=True, domains={"a": 0.02}, member={0: "a", 1: "a", 2: "a"})
    for deadline in (2.5, 6.0):
        plain = simulate(instance, plan, 200_000, deadline=deadline).success_probability
        estimate = failure_probability(instance, plan, deadline=deadline, rel_error=0.005)
        error = math.hypot(plain.standard_error, estimate.standard_error)
        assert abs(1.0 - plain.value - estimate.value) <= 4 * error
