"""Laws of a slowdown factor, against SciPy's distributions and by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rocoin_opt.failure.distribution.laws import DiscreteFactor, factor_of
from rocoin_opt.instance.slowdown import Constant, Empirical, Gamma, LogNormal, Pareto, ShiftedExponential, Weibull

PAIRS: list[tuple[Any, Any]] = [
    (ShiftedExponential(rate=4.0), stats.expon(loc=1.0, scale=0.25)),
    (ShiftedExponential(rate=0.1), stats.expon(loc=1.0, scale=10.0)),
    (LogNormal(sigma=0.25), stats.lognorm(0.25)),
    (LogNormal(sigma=3.0), stats.lognorm(3.0)),
    (Gamma(shape=0.1), stats.gamma(0.1, scale=10.0)),
    (Gamma(shape=8.0), stats.gamma(8.0, scale=0.125)),
    (Weibull(shape=0.5), stats.weibull_min(0.5)),
    (Weibull(shape=8.0), stats.weibull_min(8.0)),
    (Pareto(alpha=0.8), stats.pareto(0.8)),
    (Pareto(alpha=2.5), stats.pareto(2.5)),
]
LEVELS = np.array([1e-15, 1e-9, 1e-3, 0.1, 0.5, 0.9, 0.999])


@pytest.mark.parametrize(("law", "distribution"), PAIRS)
def test_functions_are_those_of_scipy(law: Any, distribution: Any) -> None:
    factor = factor_of(law)
    assert not isinstance(factor, DiscreteFactor)
    points = np.concatenate([[-1.0, 0.0, factor.low], distribution.ppf(LEVELS), distribution.isf(LEVELS)])
    np.testing.assert_allclose(factor.cdf(points), distribution.cdf(points), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(factor.sf(points), distribution.sf(points), rtol=1e-11)
    np.testing.assert_allclose(factor.ppf(LEVELS), distribution.ppf(LEVELS), rtol=1e-11)
    np.testing.assert_allclose(factor.isf(LEVELS), distribution.isf(LEVELS), rtol=1e-11)
    assert factor.low == distribution.support()[0]
    assert factor.mean == pytest.approx(distribution.mean(), rel=1e-12)


@pytest.mark.parametrize("law", [law for law, _ in PAIRS])
def test_far_tails_keep_their_digits(law: Any) -> None:
    factor = factor_of(law)
    assert not isinstance(factor, DiscreteFactor)
    far = factor.isf(np.array([1e-250]))
    assert factor.sf(far)[0] == pytest.approx(1e-250, rel=1e-8)
    assert factor.cdf(np.array([math.inf]))[0] == 1.0
    assert factor.sf(np.array([math.inf]))[0] == 0.0


def test_only_pareto_tails_are_powers() -> None:
    for law, _ in PAIRS:
        factor = factor_of(law)
        assert not isinstance(factor, DiscreteFactor)
        assert factor.tail_index == (law.alpha if isinstance(law, Pareto) else math.inf)


def test_means_that_are_no_doubles_are_infinite() -> None:
    assert factor_of(LogNormal(sigma=50.0)).mean == math.inf
    assert factor_of(Weibull(shape=1e-3)).mean == math.inf
    assert factor_of(Pareto(alpha=1.0)).mean == math.inf


@pytest.mark.parametrize("law", [None, Constant()])
def test_without_a_law_the_factor_is_one(law: Constant | None) -> None:
    factor = factor_of(law)
    assert isinstance(factor, DiscreteFactor)
    assert (factor.values.tolist(), factor.weights.tolist(), factor.mean) == ([1.0], [1.0], 1.0)


def test_measured_factors_count_as_often_as_they_were_measured() -> None:
    factor = factor_of(Empirical(values=(3.0, 1.0, 3.0, 2.0)))
    assert isinstance(factor, DiscreteFactor)
    assert factor.values.tolist() == [1.0, 2.0, 3.0]
    assert factor.weights.tolist() == [0.25, 0.25, 0.5]
    assert factor.mean == 2.25
