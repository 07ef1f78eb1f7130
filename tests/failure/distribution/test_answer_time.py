"""The exact distribution, against closed forms, the evaluator of constant latencies, and plain sampling."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

import oracle
import rocoin_opt as ro
from failure_plans import group_draws, replica, system
from rocoin_opt.errors import InputError, UnsupportedError
from rocoin_opt.failure.distribution import answer_time as answers
from rocoin_opt.failure.distribution.answer_time import latency_distribution
from rocoin_opt.plan.latency import answer_distribution, group_timings
from rocoin_opt.plan.model import Plan
from samples import trials
from strategies import instances, structured_plans

EXPONENTIAL = {"law": "shifted_exponential", "rate": 4.0}
GAMMA_EULER = 0.5772156649015329


def harmonic(count: int) -> float:
    return sum(1.0 / k for k in range(1, count + 1))


@pytest.mark.parametrize(("groups", "replicas"), [(1, 1), (5, 1), (1, 4), (6, 3), (40, 2)])
def test_exponential_maxima(groups: int, replicas: int) -> None:
    """The maximum of K minima of R exponentials of rate mu has the mean H_K / (R mu)."""
    instance, plan = system(*[[replica(compute_slowdown=EXPONENTIAL)] * replicas] * groups)
    distribution = latency_distribution(instance, plan)
    mean = 1.0 + harmonic(groups) / (replicas * 4.0)
    assert distribution.expected(1000.0) == pytest.approx(mean, rel=1e-12)
    assert distribution.expected_given_answer() == pytest.approx(mean, rel=1e-12)
    for q in (1e-6, 0.5, 0.999):
        quantile = 1.0 - math.log(-math.expm1(math.log(q) / groups)) / (4.0 * replicas)
        assert distribution.quantile(q) == pytest.approx(quantile, rel=1e-12)


def test_exponentials_of_different_rates_by_inclusion_and_exclusion() -> None:
    """E[max] = sum over the non-empty sets of groups of (-1)^(|S| + 1) / (sum of their rates)."""
    rates = [0.5, 1.0, 2.5, 4.0]
    laws = [{"law": "shifted_exponential", "rate": rate} for rate in rates]
    instance, plan = system(*[[replica(compute_slowdown=law)] for law in laws])
    mean = 1.0 + sum(
        (-1) ** (size + 1) / sum(chosen) for size in range(1, 5) for chosen in itertools.combinations(rates, size)
    )
    assert latency_distribution(instance, plan).expected(1e4) == pytest.approx(mean, rel=1e-12)


def test_crashes_and_exponentials_by_inclusion_and_exclusion() -> None:
    """q(t) = p + (1 - p) exp(-mu t): the products over sets of groups expand into exponentials."""
    p, mu, deadline, groups = 0.2, 4.0, 2.5, 3
    instance, plan = system(*[[replica(p, compute_slowdown=EXPONENTIAL)]] * groups)
    distribution = latency_distribution(instance, plan)
    rest = deadline - 1.0
    # P(X <= t) = (1 - p)^K (1 - exp(-mu t))^K; its integral, term by term.
    integral = (1 - p) ** groups * sum(
        math.comb(groups, k) * (-1) ** k * (rest if k == 0 else -math.expm1(-k * mu * rest) / (k * mu))
        for k in range(groups + 1)
    )
    assert distribution.expected(deadline) == pytest.approx(deadline - integral, rel=1e-12)
    assert distribution.success_probability() == pytest.approx((1 - p) ** groups, rel=1e-14)
    assert distribution.expected_given_answer() == pytest.approx(1.0 + harmonic(groups) / mu, rel=1e-12)
    assert distribution.outage(1, 1.5) == pytest.approx(p + (1 - p) * math.exp(-mu * 0.5), rel=1e-14)


@pytest.mark.parametrize("alpha", [1.05, 1.5, 4.0])
def test_heavy_tails(alpha: float) -> None:
    instance, plan = system([replica(0.3, compute_slowdown={"law": "pareto", "alpha": alpha})])
    distribution = latency_distribution(instance, plan)
    assert distribution.expected_given_answer() == pytest.approx(alpha / (alpha - 1.0), rel=1e-11)
    until = (alpha - 1e12 ** (1.0 - alpha)) / (alpha - 1.0)
    assert distribution.expected(1e12) == pytest.approx(0.3 * 1e12 + 0.7 * until, rel=1e-11)


def test_tails_too_heavy_for_a_mean_are_infinite() -> None:
    pareto = {"law": "pareto", "alpha": 0.8}
    alone = latency_distribution(*system([replica(0.0, compute_slowdown=pareto)]))
    assert alone.expected_given_answer() == math.inf
    # The first of two has the index 1.6, if both are sure to survive.
    pair = latency_distribution(*system([replica(0.0, compute_slowdown=pareto)] * 2))
    assert pair.expected_given_answer() == pytest.approx(1.6 / 0.6, rel=1e-11)
    may_fail = latency_distribution(*system([replica(0.1, compute_slowdown=pareto)] * 2))
    assert may_fail.expected_given_answer() == math.inf
    rescued = latency_distribution(*system([replica(0.1, compute_slowdown=pareto), replica(0.0, compute=3.0)]))
    assert 1.0 < rescued.expected_given_answer() < 3.0


@pytest.mark.parametrize(("other_domain", "is_finite"), [(0, True), (1, False)])
def test_a_domain_that_fails_leaves_a_heavy_tail_alone(other_domain: int, is_finite: bool) -> None:
    pareto = {"law": "pareto", "alpha": 0.8}
    devices = [
        replica(0.0, compute_slowdown=pareto, failure_domain=0),
        replica(0.0, compute_slowdown=pareto, failure_domain=other_domain),
    ]
    distribution = latency_distribution(*system(devices, domains=[0.1, 0.1]))
    assert math.isfinite(distribution.expected_given_answer()) is is_finite
    never_fails = latency_distribution(*system(devices, domains=[0.0, 0.0]))
    assert math.isfinite(never_fails.expected_given_answer())


def test_means_that_converge_too_slowly_are_refused() -> None:
    distribution = latency_distribution(*system([replica(0.0, compute_slowdown={"law": "pareto", "alpha": 1.01})]))
    with pytest.raises(UnsupportedError, match="too heavy"):
        distribution.expected_given_answer()
    endless = latency_distribution(*system([replica(0.0, compute_slowdown={"law": "lognormal", "sigma": 100.0})]))
    with pytest.raises(UnsupportedError, match="too heavy"):
        endless.expected_given_answer()


def test_answers_that_never_come_have_no_mean() -> None:
    distribution = latency_distribution(*system(*[[replica(1 - 2**-50)]] * 30))
    with pytest.raises(UnsupportedError, match="too improbable"):
        distribution.expected_given_answer()


@given(st.data())
@trials(60)
def test_constant_latencies_are_those_of_the_evaluator(data: st.DataObject) -> None:
    instance = data.draw(instances(deadline=True))
    plan = data.draw(structured_plans(instance))
    distribution = latency_distribution(instance, plan)
    timings = group_timings(instance, plan)
    known = answer_distribution(instance, timings)
    deadline = instance.requirements.deadline_seconds
    assert deadline is not None
    assert distribution.expected(deadline) == pytest.approx(known.expected(deadline), rel=1e-12)
    for seconds in [0.0, *known.seconds, deadline, math.inf]:
        assert distribution.cdf(seconds) == pytest.approx(known.cdf(seconds), abs=1e-15)
    for k, timing in enumerate(timings):
        for seconds, outage in zip(timing.seconds, timing.outage, strict=True):
            position = np.searchsorted(timing.seconds, seconds, side="right") - 1
            assert distribution.outage(k, seconds) == pytest.approx(timing.outage[position], rel=1e-12), outage
        assert distribution.outage(k, 0.0) == pytest.approx(1.0) or timing.seconds[0] == 0.0


@given(st.data())
@trials(60)
def test_domains_and_constant_latencies_equal_brute_force(data: st.DataObject) -> None:
    instance = data.draw(instances(deadline=True, domains=True))
    plan = data.draw(structured_plans(instance))
    distribution = latency_distribution(instance, plan)
    deadline = instance.requirements.deadline_seconds
    assert deadline is not None
    expected = oracle.objective_value(instance, plan, "expected")
    assert distribution.expected(deadline) == pytest.approx(expected, rel=1e-9)
    assert distribution.success_probability(deadline) == pytest.approx(
        oracle.success_probability(instance, plan), abs=1e-12
    )


def test_quantiles_of_steps_by_hand() -> None:
    """Answers after 1, 2 and 4 seconds; 0.9, 0.08 and 0.01 of the probability."""
    instance, plan = system([replica(0.1, 1.0), replica(0.2, 2.0), replica(0.5, 4.0)])
    distribution = latency_distribution(instance, plan)
    assert [distribution.quantile(q) for q in (1e-9, 0.9, 0.90001, 0.98, 0.99)] == [1.0, 1.0, 2.0, 2.0, 4.0]
    assert distribution.quantile(0.990001) == math.inf
    assert distribution.quantile(1.0) == math.inf
    assert distribution.failure_probability() == pytest.approx(0.01, rel=1e-14)
    assert distribution.failure_probability(1.5) == pytest.approx(0.1, rel=1e-14)
    assert distribution.expected_given_answer() == pytest.approx((0.9 + 2 * 0.08 + 4 * 0.01) / 0.99, rel=1e-14)


def test_the_sure_quantile_needs_a_sure_answer() -> None:
    sure = latency_distribution(*system([replica(0.5, 1.0), replica(0.0, 2.0)]))
    assert sure.quantile(1.0) == 2.0
    nearly = latency_distribution(*system([replica(1e-20, 2.0)]))
    assert (nearly.quantile(1.0), nearly.quantile(1.0 - 1e-16)) == (math.inf, 2.0)
    endless = latency_distribution(*system([replica(0.0, compute_slowdown={"law": "pareto", "alpha": 1.0})]))
    assert endless.quantile(1.0) == math.inf
    assert endless.quantile(0.5) == pytest.approx(2.0, rel=1e-12)
    measured = {"law": "empirical", "values": [1.0, 3.0]}
    mixed = [replica(0.0, compute_slowdown=measured), replica(0.0, compute_slowdown=EXPONENTIAL)]
    assert latency_distribution(*system(mixed)).quantile(1.0) == 3.0


def test_a_quantile_may_be_a_jump_between_smooth_pieces() -> None:
    devices = [replica(0.0, compute_slowdown=EXPONENTIAL), replica(0.5, 1.25)]
    distribution = latency_distribution(*system(devices))
    before = -math.expm1(-1.0)
    for q in (before + 1e-9, 0.8, before + 0.5 * (1 - before) - 1e-9):
        assert distribution.quantile(q) == 1.25
    assert distribution.quantile(before - 1e-9) < 1.25 < distribution.quantile(0.82)


@pytest.mark.parametrize("wrong", [0.0, -1.0, 1.5, math.nan])
def test_quantiles_of_no_probability_are_refused(wrong: float) -> None:
    with pytest.raises(InputError, match="above 0, at most 1"):
        latency_distribution(*system([replica()])).quantile(wrong)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.inf, math.nan])
def test_deadlines_must_be_times(wrong: float) -> None:
    with pytest.raises(InputError, match="positive finite"):
        latency_distribution(*system([replica()])).expected(wrong)


def test_times_and_groups_must_be_some() -> None:
    distribution = latency_distribution(*system([replica(0.5)]))
    with pytest.raises(InputError, match="seconds: found nan"):
        distribution.cdf(math.nan)
    for wrong in (-1, 1):
        with pytest.raises(InputError, match=f"group: found {wrong}; allowed: a place from 0 to 0"):
            distribution.outage(wrong, 1.0)
    assert distribution.cdf(-1.0) == 0.0


def test_a_plan_of_strangers_is_refused() -> None:
    instance, plan = system([replica(0.5)])
    with pytest.raises(InputError, match="none; allowed: at least one device"):
        latency_distribution(instance, Plan(groups=(plan.groups[0].model_copy(update={"devices": ()}),)))
    with pytest.raises(InputError, match="'stranger'"):
        latency_distribution(instance, Plan(groups=(plan.groups[0].model_copy(update={"devices": ("stranger",)}),)))


def test_rare_failures_keep_their_digits() -> None:
    distribution = latency_distribution(*system(*[[replica(1e-5), replica(1e-7)]] * 3))
    assert distribution.failure_probability() == pytest.approx(3e-12, rel=1e-11)


def test_too_many_times_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.failure.distribution.answer_time.MAX_JUMPS", 3)
    distribution = latency_distribution(*system([replica(compute=1.0 + n) for n in range(4)]))
    with pytest.raises(UnsupportedError, match="more than 3 different times"):
        distribution.expected(2.0)


def test_more_times_than_fit_at_once_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    instance, plan = system(
        *[[replica(0.1, compute=1.0 + n, failure_domain=n % 2)] for n in range(4)], domains=[0.1, 0.2]
    )
    whole = latency_distribution(instance, plan).expected(3.5)
    monkeypatch.setattr("rocoin_opt.failure.distribution.groups._CHUNK", 1)
    assert latency_distribution(instance, plan).expected(3.5) == whole


@given(st.data())
@trials(40, deadline=None)
def test_every_law_and_domain_lies_within_four_standard_errors(data: st.DataObject) -> None:
    instance = data.draw(instances(deadline=True, domains=True, slowdowns=True))
    plan = data.draw(structured_plans(instance))
    trials = 20_000
    draws = group_draws(instance, plan, seed=3, trials=trials)
    answers = draws.max(axis=0)
    distribution = latency_distribution(instance, plan)
    deadline = instance.requirements.deadline_seconds
    assert deadline is not None
    kept = np.minimum(answers, deadline)
    # Rare events may not have been drawn at all: their share of the mean is what one of them in all trials adds.
    slack = 4.0 * kept.std() / math.sqrt(trials) + 8.0 * deadline / trials
    assert distribution.expected(deadline) == pytest.approx(kept.mean(), abs=slack)
    for name, exact, seen in [
        ("success", distribution.success_probability, answers),
        *((f"group {k}", lambda t, k=k: 1.0 - distribution.outage(k, t), row) for k, row in enumerate(draws)),
    ]:
        for seconds in (deadline / 3.0, deadline, 1e300):
            chance = exact(seconds)
            error = 4.0 * math.sqrt(max(chance * (1.0 - chance), 0.0) / trials) + 8.0 / trials
            assert (seen <= seconds).mean() == pytest.approx(chance, abs=error), name


def sampled_quantiles(answers: np.ndarray, q: float) -> tuple[float, float]:
    """Order statistics four standard errors on either side of a quantile."""
    ordered, width = np.sort(answers), 4.0 * math.sqrt(q * (1.0 - q) / len(answers))
    places = np.clip(np.array([q - width, q + width]) * len(answers), 0, len(answers) - 1).astype(int)
    return float(ordered[places[0]]), float(ordered[places[1]])


LAWS: list[dict[str, Any]] = [
    EXPONENTIAL,
    {"law": "lognormal", "sigma": 0.8},
    {"law": "gamma", "shape": 0.4},
    {"law": "weibull", "shape": 0.7},
    {"law": "pareto", "alpha": 3.0},
    {"law": "empirical", "values": [0.5, 1.0, 2.5]},
]


@pytest.mark.slow
def test_a_fleet_of_all_laws_agrees_with_sampling() -> None:
    groups = [
        [
            replica(0.1, 1.0 + 0.1 * k, transfer=0.5, compute_slowdown=one, link_slowdown=two, failure_domain=k % 2)
            for k, one in enumerate(LAWS)
        ]
        for two in LAWS[::2]
    ]
    instance, plan = system(*groups, domains=[0.05, 0.02], bits=1.0)
    answers = group_draws(instance, plan, seed=1, trials=50_000).max(axis=0)
    distribution = latency_distribution(instance, plan)
    assert distribution.expected(5.0) == pytest.approx(
        np.minimum(answers, 5.0).mean(), abs=4.0 * np.minimum(answers, 5.0).std() / math.sqrt(50_000)
    )
    answered = answers[np.isfinite(answers)]
    assert distribution.expected_given_answer() == pytest.approx(
        answered.mean(), abs=4.0 * answered.std() / math.sqrt(len(answered))
    )
    for q in (0.1, 0.5, 0.9):
        low, high = sampled_quantiles(answers, q)
        assert low <= distribution.quantile(q) <= high


@pytest.mark.slow
def test_the_rules_of_gumbel() -> None:
    """The mean of the maximum of many exponentials is ln K + gamma, to 1 / (2 K)."""
    instance, plan = system(*[[replica(compute_slowdown={"law": "shifted_exponential", "rate": 1.0})]] * 1000)
    found = latency_distribution(instance, plan).expected(1e4) - 1.0
    assert found == pytest.approx(math.log(1000) + GAMMA_EULER + 1 / 2000, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("deadline", [0.9, 40.0])
def test_an_adaptive_integrator_agrees(deadline: float) -> None:
    """Integrals of the same distribution function, between all of its kinks, by QUADPACK."""
    pairs = list(itertools.combinations(LAWS, 2))
    groups = [
        [replica(0.1, 0.5 + 0.2 * k, transfer=0.3, compute_slowdown=one, link_slowdown=two)]
        for k, (one, two) in enumerate(pairs)
    ]
    distribution = latency_distribution(*system(*groups[::3], domains=[], bits=1.0))
    guides = np.concatenate([replica.response.guides for replica in distribution.groups.replicas])
    edges = np.unique([0.0, deadline, *guides[guides < deadline]])
    integral = sum(
        integrate.quad(lambda t: 1.0 - distribution.cdf(t), low, high, epsabs=1e-13, epsrel=1e-11)[0]
        for low, high in itertools.pairwise(edges)
    )
    assert distribution.expected(deadline) == pytest.approx(integral, rel=1e-10)


@pytest.mark.slow
def test_the_guarantee_is_that_of_the_latest_group() -> None:
    instance = ro.generate("lossy", devices=16, slowdowns=True)
    limit = instance.requirements.max_group_outage
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    assert len(plan.groups) > 2
    alone = [
        latency_distribution(instance, plan.model_copy(update={"groups": (group,)})).guaranteed(limit)
        for group in plan.groups
    ]
    assert latency_distribution(instance, plan).guaranteed(limit) == pytest.approx(max(alone), rel=1e-12)
    for order in (plan.groups[::-1], (*plan.groups[1:], plan.groups[0])):
        turned = latency_distribution(instance, plan.model_copy(update={"groups": order}))
        assert turned.guaranteed(limit) == pytest.approx(max(alone), rel=1e-12)


def test_without_a_guarantee_of_one_group_there_is_none() -> None:
    instance, plan = system([replica(0.1)], [replica(0.5)], [replica(0.2)], domains=[])
    distribution = latency_distribution(instance, plan)
    assert distribution.guaranteed(0.4) == math.inf
    assert distribution.guaranteed(0.5) < math.inf


@pytest.mark.slow
def test_some_guides_of_many_replicas_are_as_good_as_all(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("lossy", devices=24, slowdowns=True)
    deadline = instance.requirements.deadline_seconds
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    assert deadline is not None
    with_all = latency_distribution(instance, plan).expected(deadline)
    monkeypatch.setattr(answers, "MAX_GUIDES", 8)
    assert latency_distribution(instance, plan).expected(deadline) == pytest.approx(with_all, rel=1e-11)
