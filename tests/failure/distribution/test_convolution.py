"""Sums of two random times, against closed forms and against an independent integrator."""

from __future__ import annotations

import itertools
import math
from typing import NoReturn

import numpy as np
import pytest
from scipy import integrate, special, stats

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.convolution import (
    CONVOLUTION_ERROR,
    FEW_TIMES,
    ConvolvedTime,
    Rule,
    Time,
    convolved,
)
from rocoin_opt.failure.distribution.laws import (
    ContinuousFactor,
    GammaFactor,
    LogNormalFactor,
    ParetoFactor,
    ShiftedExponentialFactor,
    WeibullFactor,
)
from rocoin_opt.failure.distribution.tabulation import LogTable
from samples import cases

FACTORS: list[ContinuousFactor] = [
    ShiftedExponentialFactor(4.0),
    LogNormalFactor(0.25),
    LogNormalFactor(4.0),
    GammaFactor(0.1),
    GammaFactor(3.0),
    WeibullFactor(0.5),
    WeibullFactor(8.0),
    ParetoFactor(0.8),
    ParetoFactor(3.0),
]
TIMES = np.geomspace(1e-3, 1e4, 41)


def test_the_rule_integrates_what_is_singular_at_the_ends() -> None:
    rule = Rule.double_exponential(1 / 16)
    np.testing.assert_allclose(rule.near + rule.far, 1.0, rtol=1e-15)
    assert rule.weights @ rule.near**0.1 == pytest.approx(1.0 / 1.1, abs=1e-14)
    assert rule.weights @ np.log(rule.far) == pytest.approx(-1.0, abs=1e-13)


@pytest.mark.slow
def test_gammas_of_one_scale_add_to_a_gamma() -> None:
    total = convolved(Time(0.5, GammaFactor(0.5)), Time(2.5, GammaFactor(2.5)))
    below, above = total.tails(TIMES)
    np.testing.assert_allclose(below, special.gammainc(3.0, TIMES), atol=CONVOLUTION_ERROR)
    np.testing.assert_allclose(above, special.gammaincc(3.0, TIMES), atol=CONVOLUTION_ERROR)


@pytest.mark.parametrize("scale", [1.0001, 3.0, 1000.0])
def test_exponentials_add_to_a_hypoexponential(scale: float) -> None:
    total = convolved(Time(1.0, ShiftedExponentialFactor(1.0)), Time(scale, ShiftedExponentialFactor(1.0)))
    assert total.low == 1.0 + scale
    rest = np.maximum(TIMES - total.low, 0.0)
    exact = (scale * np.exp(-rest / scale) - np.exp(-rest)) / (scale - 1.0)
    below, above = total.tails(TIMES)
    np.testing.assert_allclose(above, exact, atol=CONVOLUTION_ERROR)
    np.testing.assert_allclose(below, 1.0 - exact, atol=CONVOLUTION_ERROR)


PAIRS = [
    (first, second, (0.05, 1.0, 30.0)[n % 3])
    for n, (first, second) in enumerate(itertools.combinations_with_replacement(FACTORS, 2))
]


@pytest.mark.parametrize(("first", "second", "scale"), cases(PAIRS[::16], PAIRS[::5]))
def test_tails_complement_each_other_in_any_order(
    first: ContinuousFactor, second: ContinuousFactor, scale: float
) -> None:
    total = convolved(Time(1.0, first), Time(scale, second))
    swapped = convolved(Time(scale, second), Time(1.0, first))
    times = total.low + TIMES
    below, above = total.tails(times)
    np.testing.assert_allclose(below + above, 1.0, atol=CONVOLUTION_ERROR)
    np.testing.assert_allclose(swapped.tails(times)[0], below, atol=CONVOLUTION_ERROR)
    assert (np.diff(below) >= -CONVOLUTION_ERROR).all()


@pytest.mark.parametrize(
    ("first", "second", "density"),
    [
        (GammaFactor(3.0), LogNormalFactor(0.25), stats.lognorm(0.25)),
        (WeibullFactor(8.0), ParetoFactor(3.0), stats.pareto(3.0)),
        (LogNormalFactor(4.0), GammaFactor(3.0), stats.gamma(3.0, scale=1 / 3)),
    ],
)
def test_an_adaptive_integrator_agrees(
    first: ContinuousFactor, second: ContinuousFactor, density: stats.distributions.rv_frozen
) -> None:
    total = convolved(Time(0.7, first), Time(1.3, second))
    for seconds in (1.5, 2.0, 4.0, 20.0):
        found, _ = integrate.quad(
            lambda x, z=seconds: density.pdf(x) * float(first.cdf(np.array((z - 1.3 * x) / 0.7))),
            density.support()[0],
            seconds / 1.3,
            epsabs=1e-13,
            epsrel=1e-12,
            limit=500,
        )
        assert total.tails(np.array([seconds]))[0][0] == pytest.approx(found, abs=1e-10)


@pytest.mark.parametrize(("first", "second"), cases([(FACTORS[1], FACTORS[8])], [(FACTORS[3], FACTORS[5])]))
def test_the_table_gives_what_the_quadrature_gives(
    first: ContinuousFactor, second: ContinuousFactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = convolved(Time(1.0, first), Time(2.0, second))
    times = total.low + np.geomspace(1e-6, 1e9, 1000)
    below, above = total.tails(times)
    monkeypatch.setattr(LogTable, "covers", lambda _, points: np.zeros(len(points), dtype=bool))
    computed = total.tails(times)
    np.testing.assert_allclose(below, computed[0], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(above, computed[1], rtol=1e-11, atol=1e-13)


def test_heavy_tails_keep_their_digits() -> None:
    """Far out, a Pareto time dominates whatever is added: shifted by the other's mean, to second order."""
    total = convolved(Time(1.0, ParetoFactor(1.5)), Time(1.0, GammaFactor(3.0)))
    for seconds in (1e8, 1e15, 1e100):
        exact = (seconds - 1.0) ** -1.5
        assert total.tails(np.array([seconds]))[1][0] == pytest.approx(exact, rel=1e-11)


def test_the_ends_of_time() -> None:
    total = convolved(Time(1.0, ParetoFactor(2.0)), Time(1.0, GammaFactor(3.0)))
    below, above = total.tails(np.array([-math.inf, 0.0, 1.0, math.inf]))
    assert below.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert above.tolist() == [1.0, 1.0, 1.0, 0.0]


def test_scales_far_apart_are_resolved() -> None:
    """A narrow time beside one a million times as long is a constant to nine digits."""
    total = convolved(Time(1.0, WeibullFactor(50.0)), Time(1e6, GammaFactor(8.0)))
    times = np.geomspace(1e5, 1e7, 7)
    mean = WeibullFactor(50.0).mean
    exact = special.gammainc(8.0, 8.0 * (times - mean) / 1e6)
    np.testing.assert_allclose(total.tails(times)[0], exact, atol=1e-11)


def test_what_cannot_be_convolved_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="too uneven"):
        convolved(Time(1.0, LogNormalFactor(1e-15)), Time(1.0, LogNormalFactor(1e10))).tails(np.array([3.0]))
    # Not one quantile of the sum is a double above its lower end.
    with pytest.raises(UnsupportedError, match="too uneven"):
        convolved(Time(1.0, ParetoFactor(1e-320)), Time(1.0, ParetoFactor(1e-320))).tails(np.array([3.0]))


def test_few_times_are_computed_and_many_tabulated_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Time(1.0, LogNormalFactor(0.3)), Time(0.4, ShiftedExponentialFactor(2.0))
    times = np.linspace(1.0, 4.0, FEW_TIMES + 1)
    tabled = ConvolvedTime(first, second).tails(times)
    monkeypatch.setattr(LogTable, "of", forbidden)
    for few in (times[:-1], times[1:]):
        computed = ConvolvedTime(first, second).tails(few)
        for one, other in zip(computed, tabled, strict=True):
            np.testing.assert_allclose(one, other[:-1] if few[0] == times[0] else other[1:], rtol=1e-11)
    with pytest.raises(AssertionError, match="not to begin"):
        ConvolvedTime(first, second).tails(times)


def forbidden(*_: object) -> NoReturn:
    raise AssertionError("this was not to begin")
