from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rocoin_opt.errors import InputError
from rocoin_opt.failure.monte_carlo.estimates import (
    Interval,
    MeanEstimate,
    ProportionEstimate,
    QuantileEstimate,
    Sample,
)
from samples import cases

INFINITE = math.inf


def sample_of(seconds: list[float]) -> Sample:
    values, counts = np.unique(np.array([t for t in seconds if t < INFINITE]), return_counts=True)
    return Sample(values, counts, sum(t == INFINITE for t in seconds))


@given(draws=st.lists(st.floats(0.0, 9.0), min_size=2, max_size=30), level=st.floats(0.01, 0.99))
def test_a_mean_agrees_with_scipy(draws: list[float], level: float) -> None:
    values, counts = np.unique(draws, return_counts=True)
    mean = MeanEstimate.of(values, counts, 0.0, 9.0)
    assert mean.value == pytest.approx(np.mean(draws))
    assert mean.standard_error == pytest.approx(stats.sem(draws), abs=1e-12)
    low, high = mean.interval(level)
    assert 0.0 <= low <= mean.value <= high <= 9.0
    endless = MeanEstimate.of(values, counts, -INFINITE, INFINITE)
    if len(values) > 1 and mean.standard_error > 1e-9:
        expected = stats.t(len(draws) - 1, mean.value, mean.standard_error).interval(level)
        assert tuple(endless.interval(level)) == pytest.approx(expected)


@given(
    trials=st.sampled_from([2, 3, 10, 400, 10**6, 2**40]),
    share=st.floats(0.0, 1.0) | st.sampled_from([1e-6, 1.0 - 1e-6]),
    level=st.sampled_from([0.5, 0.9, 0.95, 0.9999]),
)
def test_the_mean_of_two_values_has_clopper_and_pearsons_interval(trials: int, share: float, level: float) -> None:
    hits = round(share * trials)
    mean = MeanEstimate.of(np.array([-2.0, 3.0]), np.array([trials - hits, hits]), -2.0, 3.0)
    low, high = ((limit + 2.0) / 5.0 for limit in mean.interval(level))
    tail = (1.0 - level) / 2.0
    # What is claimed of the tails, to the safe side; a limit at the end itself is exact.
    if hits:
        assert 0.88 * tail <= stats.binom.sf(hits - 1, trials, low) <= tail * (1.0 + 1e-3)
    else:
        assert low == pytest.approx(0.0, abs=1e-15)
    if hits < trials:
        assert 0.88 * tail <= stats.binom.cdf(hits, trials, high) <= tail * (1.0 + 1e-3)
    else:
        assert high == pytest.approx(1.0)


def test_the_mean_of_many_draws_has_students_interval() -> None:
    draws = np.random.default_rng(0).exponential(size=200_000)
    mean = MeanEstimate.of(draws, np.ones(len(draws), dtype=np.int64), 0.0, 20.0)
    assert mean.draws is not None
    assert len(mean.draws.values) < len(draws)
    assert mean.draws.counts.sum() == len(draws)
    assert (mean.draws.values * mean.draws.counts).sum() == pytest.approx(draws.sum())
    student = stats.t(len(draws) - 1, mean.value, mean.standard_error).interval(0.95)
    low, high = mean.interval()
    assert low == pytest.approx(student[0], abs=0.05 * mean.standard_error)
    assert high == pytest.approx(student[1], abs=0.25 * mean.standard_error)


@pytest.mark.parametrize("hits", cases([0.5, 2.0], [1.0, 3.0, 5.0]))
@pytest.mark.parametrize("trials", cases([20], [1000]))
def test_an_interval_covers_where_few_draws_decide(hits: float, trials: int) -> None:
    rng, covered = np.random.default_rng(7), 0
    share = hits / trials
    truth = 100.0 * share + (1.0 - share) * -math.expm1(-3.0)
    for _ in range(400):
        draws = np.where(rng.random(trials) < share, 100.0, np.minimum(rng.exponential(size=trials), 3.0))
        low, high = MeanEstimate.of(draws, np.ones(trials, dtype=np.int64), 0.0, 100.0).interval()
        covered += low <= truth <= high
    # Of 400, 380 on average at the least; Student's interval covers in 160 to 360.
    assert covered >= 368


def test_many_equal_draws_are_one_value() -> None:
    mean = MeanEstimate.of(np.full(100_000, 2.0), np.ones(100_000, dtype=np.int64), 0.0, 4.0)
    unseen = stats.binomtest(0, 100_000).proportion_ci(0.95, method="exact").high
    assert mean.interval() == pytest.approx((2.0 - 2.0 * unseen, 2.0 + 2.0 * unseen), rel=1e-12)


def test_enormous_draws_have_a_standard_error() -> None:
    mean = MeanEstimate.of(np.array([1e300, 3e300]), np.array([50, 50]), 0.0, INFINITE)
    assert mean.value == pytest.approx(2e300)
    assert mean.standard_error == pytest.approx(1e300 / math.sqrt(99.0))
    assert mean.interval().high == pytest.approx(2e300 + stats.t(99).ppf(0.975) * mean.standard_error)


def test_without_draws_the_limits_are_all_that_is_known() -> None:
    assert MeanEstimate(0.5, 0.0, 0, 0.25, 0.75).interval() == Interval(0.25, 0.75)


def test_equal_draws_leave_room_for_what_did_not_show() -> None:
    mean = MeanEstimate.of(np.array([3.0, 0.7]), np.array([0, 100]), 0.0, 10.0)
    assert (mean.value, mean.standard_error) == (0.7, 0.0)
    unseen = stats.binomtest(0, 100).proportion_ci(0.95, method="exact").high
    assert mean.interval() == pytest.approx((0.7 - unseen * 0.7, 0.7 + unseen * 9.3))
    assert MeanEstimate.of(np.array([0.7]), np.array([100]), 0.0, INFINITE).interval().high == INFINITE
    assert MeanEstimate.of(np.array([0.7]), np.array([100]), 0.7, 0.7).interval() == (0.7, 0.7)


def test_one_draw_says_nothing_about_its_spread() -> None:
    mean = MeanEstimate.of(np.array([2.0]), np.array([1]), 0.0, INFINITE)
    assert (mean.value, mean.standard_error) == (2.0, INFINITE)
    assert mean.interval() == Interval(0.0, INFINITE)


def test_a_proportion_is_clopper_and_pearsons() -> None:
    share = ProportionEstimate(3, 40)
    assert share.value == 0.075
    assert share.standard_error == pytest.approx(math.sqrt(0.075 * 0.925 / 40))
    low, high = share.interval(0.9)
    assert stats.binom.sf(2, 40, low) == pytest.approx(0.05)
    assert stats.binom.cdf(3, 40, high) == pytest.approx(0.05)
    assert ProportionEstimate(0, 40).interval().low == 0.0


@given(
    seconds=st.lists(st.sampled_from([0.5, 1.0, 2.5, 4.0, INFINITE]), min_size=1, max_size=25),
    probability=st.sampled_from([0.1, 0.2, 0.5, 0.6, 0.9, 0.99]) | st.floats(0.01, 0.99),
)
def test_a_quantile_is_an_order_statistic(seconds: list[float], probability: float) -> None:
    quantile = QuantileEstimate(probability, sample_of(seconds))
    by = [t for t in [*seconds, INFINITE] if sum(x <= t for x in seconds) >= probability * len(seconds) * (1 - 1e-9)]
    assert quantile.value == min(by)
    assert quantile.sample.trials == len(seconds)
    low, high = quantile.interval(0.9)
    assert low <= quantile.value <= high


@pytest.mark.parametrize("probability", [0.03, 0.5, 0.9])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_a_quantiles_interval_holds_its_level(probability: float, level: float) -> None:
    trials = 60
    low, high = QuantileEstimate(probability, sample_of([float(t) for t in range(1, trials + 1)])).interval(level)
    # Of continuous draws, the number below the true quantile is binomial.
    above = stats.binom.sf(low - 1.0, trials, probability) if low else 1.0
    beyond = stats.binom.sf(high - 1.0, trials, probability) if high <= trials else 0.0
    assert 1.0 - above <= (1.0 - level) / 2.0 + 1e-12
    assert beyond <= (1.0 - level) / 2.0 + 1e-12
    assert above - beyond >= level - 1e-12
    # And no narrower pair of ranks does.
    assert stats.binom.cdf(low, trials, probability) > (1.0 - level) / 2.0


def test_a_quantiles_standard_error_is_half_its_interval() -> None:
    sample = sample_of([float(t) for t in range(10_000)] + [INFINITE] * 100)
    median = QuantileEstimate(0.5, sample)
    assert median.standard_error == pytest.approx(math.sqrt(10_100 / 4), rel=0.02)
    assert QuantileEstimate(0.9999, sample).standard_error == INFINITE
    assert sample.answered_by(0.0) == 1
    assert sample.answered_by(-1.0) == 0
    assert sample_of([INFINITE]).answered == 0


@pytest.mark.parametrize("level", [0.0, 1.0, math.nan])
def test_a_level_lies_between_0_and_1(level: float) -> None:
    for estimate in (
        MeanEstimate(1.0, 0.1, 5, 0.0, 2.0),
        ProportionEstimate(1, 2),
        QuantileEstimate(0.5, sample_of([1.0])),
    ):
        with pytest.raises(InputError, match="level"):
            estimate.interval(level)
