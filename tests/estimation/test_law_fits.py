"""Laws of measured times: each is found again in what was drawn from it, and none where none was."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rocoin_opt.estimation.law_fits import FAMILIES, FEWEST_FOR_LAW, FEWEST_MEASURED, MOST_MEASURED, estimate_times
from rocoin_opt.failure import factor_of
from rocoin_opt.instance import Gamma, LogNormal, Pareto, ShiftedExponential, Weibull

LAWS = [
    ShiftedExponential(rate=0.5),
    ShiftedExponential(rate=20.0),
    LogNormal(sigma=0.1),
    LogNormal(sigma=1.2),
    Gamma(shape=0.7),
    Gamma(shape=9.0),
    Weibull(shape=0.6),
    Weibull(shape=4.0),
    Pareto(alpha=1.5),
    Pareto(alpha=6.0),
]
FITTED_BY_SCIPY = {
    "lognormal": (stats.lognorm, lambda shape, scale: (scale, shape)),
    "gamma": (stats.gamma, lambda shape, scale: (shape * scale, shape)),
    "weibull": (stats.weibull_min, lambda shape, scale: (scale, shape)),
}


@pytest.mark.parametrize("law", LAWS, ids=repr)
def test_a_law_is_found_in_what_was_drawn_from_it(law):
    # The law as the rest of the package has it: fits and plans mean the same.
    uniforms = np.random.default_rng(3).random(5000)
    times = 0.04 * factor_of(law).ppf(uniforms)
    found = estimate_times(times)
    assert found.law is not None
    assert found.law.law == law.law
    (parameter,) = law.model_dump(exclude={"law"}).values()
    assert next(iter(found.law.model_dump(exclude={"law"}).values())) == pytest.approx(parameter, rel=0.06)
    assert found.nominal == pytest.approx(0.04, rel=0.05)
    assert found.p_value >= 0.05


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_fits_have_the_largest_likelihood(family):
    times = np.sort(np.random.default_rng(1).gamma(2.0, 0.3, 200) + 0.01)[None, :]
    scale, shape = family.fit(times)

    def likelihood(scale, shape):
        return family.log_density(times, scale, shape).sum()

    best = likelihood(scale, shape)
    assert all(likelihood(scale, shape * change) < best for change in (0.999, 1.001))
    # Beyond the least time some densities are zero.
    assert likelihood(scale * 0.999, shape) < best
    if family.name in FITTED_BY_SCIPY:
        law, given = FITTED_BY_SCIPY[family.name]
        fitted, _, size = law.fit(times[0], floc=0)
        assert (scale[0], shape[0]) == pytest.approx(given(fitted, size), rel=1e-3)
        assert best == pytest.approx(law.logpdf(times[0], fitted, 0, size).sum(), abs=1e-4)


@pytest.mark.slow
def test_a_law_that_holds_is_rarely_rejected():
    # The test has its level, although the law was fitted to the same times.
    rng = np.random.default_rng(7)
    rejected = sum(bool(estimate_times(rng.weibull(2.0, 60), seed=seed).rejected) for seed in range(30))
    assert rejected <= 4


def test_what_follows_no_law_stands_for_itself():
    rng = np.random.default_rng(0)
    times = np.concatenate([rng.normal(1.0, 0.05, 700), rng.normal(5.0, 0.05, 300)])
    found = estimate_times(times)
    assert found.law is not None
    assert found.law.law == "empirical"
    assert found.rejected
    assert found.p_value < 0.05
    # No factor is smaller than the one that was measured in its place.
    ordered = np.sort(times) / np.median(times)
    assert len(found.law.values) == MOST_MEASURED
    assert np.all(np.repeat(found.law.values, 10) >= ordered)
    assert found.law.values[-1] == ordered[-1]


def test_few_times_and_hardly_different_ones():
    times = np.random.default_rng(0).gamma(2.0, 1.0, FEWEST_FOR_LAW)
    assert estimate_times(times).law.law != "empirical"
    assert estimate_times(times[1:]).law.law == "empirical"
    assert estimate_times(times[: FEWEST_MEASURED - 1]).law is None
    steady = estimate_times(np.linspace(0.98, 1.02, 50))
    assert (steady.law.law, steady.nominal) == ("constant", pytest.approx(1.0))
