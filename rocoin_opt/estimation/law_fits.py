"""Which slowdown law measured times follow, by maximum likelihood, and whether they follow it at all.

A law multiplies a time that a log does not tell. So each law is fitted together with that time, its scale: two
parameters for all of them, and the largest likelihood is the least AIC. The fit is judged by the distance of Kolmogorov
and Smirnov, whose tables hold for given parameters only: here it is compared with samples from the fitted law that are
fitted anew (parametric bootstrap).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from scipy import special

from rocoin_opt.instance import Constant, Empirical, Gamma, LogNormal, Pareto, ShiftedExponential, Slowdown, Weibull

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance import FloatArray

Laws: TypeAlias = Literal["auto", "empirical", "none"]
LAWS: tuple[Laws, ...] = get_args(Laws)
"""The likeliest law, or measured factors where none passes a test; always measured factors; or no law at all."""
CONSTANT_SPREAD = 0.05
"""Times that all lie so close to their median, as a share of it, count as constant."""
FEWEST_FOR_LAW = 30
"""Fewest times that a law is fitted to."""
FEWEST_MEASURED = 10
"""Fewest times that stand for themselves."""
MOST_MEASURED = 100
"""Most values of an empirical law."""
SIGNIFICANCE = 0.05
"""Probability with which the test rejects a law that holds."""
SAMPLES = 499
"""Samples that the distance is compared with."""
LARGEST_SAMPLE = 500
"""Size of those samples where there are more times: the distance times the root of the size hardly depends on it."""
NEWTON_STEPS = 30
"""Steps to a shape: far more than it takes to get all digits from the start chosen here."""


@dataclass(frozen=True)
class TimeEstimate:
    """A law fitted to measured times.

    Attributes
    ----------
    count : int
        Number of times.
    nominal : float
        The time that a factor of 1 stands for, in the unit of the times: the law's own, see the table of laws; for
        measured factors, constant times and where there is no law, the median.
    law : Slowdown or None
        The law of the factor; None where there are too few times, or none was asked for.
    p_value : float or None
        p-value of the test that the times follow the law; None where nothing was tested.
    rejected : str
        The likeliest law if no law passed the test; else empty.
    """

    count: int
    nominal: float
    law: Slowdown | None
    p_value: float | None = None
    rejected: str = ""


def estimate_times(times: FloatArray, laws: Laws = "auto", seed: int = 0) -> TimeEstimate:
    """Find the law of positive times: constant, one of the shipped ones, or the measured factors themselves.

    Parameters
    ----------
    times : FloatArray, R
        At least one.
    laws : {'auto', 'empirical', 'none'}
        See :data:`LAWS`.
    seed : int
        Of the samples that the fit is compared with.
    """
    median, count = float(np.median(times)), len(times)
    if laws == "none" or count < FEWEST_MEASURED:
        return TimeEstimate(count, median, None)
    if np.abs(times - median).max() <= CONSTANT_SPREAD * median:
        return TimeEstimate(count, median, Constant())
    if laws == "empirical" or count < FEWEST_FOR_LAW:
        return TimeEstimate(count, median, measured_factors(times))
    ordered = np.sort(times)[None, :]
    fits = {family: family.fit(ordered) for family in FAMILIES}
    likelihood = {family: float(family.log_density(ordered, *_columns(*found)).sum()) for family, found in fits.items()}
    by_likelihood = sorted(FAMILIES, key=lambda family: -likelihood[family])
    tested: list[float] = []
    for family in by_likelihood:
        scale, shape = fits[family]
        tested.append(_p_value(family, ordered, scale, shape, seed))
        if tested[-1] >= SIGNIFICANCE:
            return TimeEstimate(count, float(scale[0]), family.law(float(shape[0])), tested[-1])
    return TimeEstimate(count, median, measured_factors(times), tested[0], by_likelihood[0].name)


def measured_factors(times: FloatArray) -> Empirical:
    """Times as factors on their median; of many, the largest of each hundredth, so that none is said to be earlier."""
    factors = np.sort(times) / np.median(times)
    count = min(len(factors), MOST_MEASURED)
    ends = -(-len(factors) * np.arange(1, count + 1) // count) - 1
    return Empirical(values=tuple(factors[ends].tolist()))


@dataclass(frozen=True, eq=False)
class Family:
    """A law with its scale. Samples are rows, sorted; scale and shape have an entry for each.

    Attributes
    ----------
    name : str
        As in files.
    law : callable
        The law of a shape.
    fit : callable
        Scale and shape of largest likelihood.
    log_density, cdf : callable
        At given times, elementwise.
    factors : callable
        Random factors of a shape, in a given form.
    """

    name: str
    law: Callable[[float], Slowdown]
    fit: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    log_density: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    cdf: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    factors: Callable[[np.random.Generator, float, tuple[int, int]], FloatArray]


def _p_value(family: Family, ordered: FloatArray, scale: FloatArray, shape: FloatArray, seed: int) -> float:
    """Share of samples from the fitted law that lie at least as far from their own fit, this one counted in."""
    count = ordered.shape[1]
    size = min(count, LARGEST_SAMPLE)
    # Scales drop out: all of it is the same in another unit.
    drawn = family.factors(np.random.default_rng(seed), float(shape[0]), (SAMPLES, size))
    samples = np.sort(drawn, axis=1)
    found = math.sqrt(count) * _distance(family, ordered, scale, shape)
    others = math.sqrt(size) * _distance(family, samples, *family.fit(samples))
    return float(1 + (others >= found).sum()) / (1 + SAMPLES)


def _distance(family: Family, ordered: FloatArray, scale: FloatArray, shape: FloatArray) -> FloatArray:
    steps = np.arange(ordered.shape[1] + 1) / ordered.shape[1]
    cdf = family.cdf(ordered, *_columns(scale, shape))
    return np.asarray(np.maximum(steps[1:] - cdf, cdf - steps[:-1]).max(axis=1))


def _columns(scale: FloatArray, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
    return scale[:, None], shape[:, None]


def _fit_shifted_exponential(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    least = rows[:, 0]
    return least, least / (rows.mean(axis=1) - least)


def _fit_lognormal(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    logs = np.log(rows)
    return np.exp(logs.mean(axis=1)), logs.std(axis=1)


def _fit_pareto(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    least = rows[:, 0]
    return least, 1.0 / np.log(rows / least[:, None]).mean(axis=1)


def _fit_gamma(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean = rows.mean(axis=1)
    wanted = -np.log(rows / mean[:, None]).mean(axis=1)
    # Minka's start, then Newton's method for ln k - digamma(k) = wanted.
    shape = (3.0 - wanted + np.sqrt((wanted - 3.0) ** 2 + 24.0 * wanted)) / (12.0 * wanted)
    for _ in range(NEWTON_STEPS):
        change = (np.log(shape) - special.digamma(shape) - wanted) / (1.0 / shape - special.polygamma(1, shape))
        shape = np.maximum(shape - change, 0.5 * shape)
    return mean, shape


def _fit_weibull(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Relative to the largest: no power leaves the range of a double.
    logs = np.log(rows / rows[:, -1:])
    mean = logs.mean(axis=1)
    # The shape of a Gumbel distribution with the same spread, then Newton's method.
    shape = math.pi / math.sqrt(6.0) / logs.std(axis=1)
    for _ in range(NEWTON_STEPS):
        powers = np.exp(shape[:, None] * logs)
        total, first, second = powers.sum(axis=1), (powers * logs).sum(axis=1), (powers * logs**2).sum(axis=1)
        value = first / total - 1.0 / shape - mean
        slope = second / total - (first / total) ** 2 + 1.0 / shape**2
        shape = np.maximum(shape - value / slope, 0.5 * shape)
    scale = rows[:, -1] * np.exp(shape[:, None] * logs).mean(axis=1) ** (1.0 / shape)
    return scale, shape


def _normal_log_density(x: FloatArray, scale: Any, sigma: Any) -> FloatArray:
    return np.asarray(-0.5 * (np.log(x / scale) / sigma) ** 2 - np.log(x * sigma * math.sqrt(2.0 * math.pi)))


def _gamma_log_density(x: FloatArray, mean: Any, shape: Any) -> FloatArray:
    powers = special.xlogy(shape, shape * x / mean) - shape * x / mean
    return np.asarray(powers - np.log(x) - special.gammaln(shape))


def _weibull_log_density(x: FloatArray, scale: Any, shape: Any) -> FloatArray:
    return np.asarray(np.log(shape / x) + shape * np.log(x / scale) - (x / scale) ** shape)


FAMILIES = (
    Family(
        "shifted_exponential",
        lambda shape: ShiftedExponential(rate=shape),
        _fit_shifted_exponential,
        lambda x, least, rate: np.log(rate / least) - rate * (x / least - 1.0),
        lambda x, least, rate: -np.expm1(-rate * (x / least - 1.0)),
        lambda rng, rate, form: 1.0 + rng.exponential(1.0 / rate, form),
    ),
    Family(
        "lognormal",
        lambda shape: LogNormal(sigma=shape),
        _fit_lognormal,
        _normal_log_density,
        lambda x, median, sigma: np.asarray(special.ndtr(np.log(x / median) / sigma)),
        lambda rng, sigma, form: rng.lognormal(0.0, sigma, form),
    ),
    Family(
        "gamma",
        lambda shape: Gamma(shape=shape),
        _fit_gamma,
        _gamma_log_density,
        lambda x, mean, shape: np.asarray(special.gammainc(shape, shape * x / mean)),
        lambda rng, shape, form: rng.gamma(shape, 1.0 / shape, form),
    ),
    Family(
        "weibull",
        lambda shape: Weibull(shape=shape),
        _fit_weibull,
        _weibull_log_density,
        lambda x, scale, shape: -np.expm1(-((x / scale) ** shape)),
        lambda rng, shape, form: rng.weibull(shape, form),
    ),
    Family(
        "pareto",
        lambda shape: Pareto(alpha=shape),
        _fit_pareto,
        lambda x, least, alpha: np.log(alpha / x) - alpha * np.log(x / least),
        lambda x, least, alpha: -np.expm1(-alpha * np.log(x / least)),
        lambda rng, alpha, form: 1.0 + rng.pareto(alpha, form),
    ),
)
"""The shipped laws with a parameter."""
