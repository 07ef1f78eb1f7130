from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.monte_carlo.factors import MAX_ERROR, factor_table
from rocoin_opt.instance.slowdown import Constant, Empirical, Gamma, LogNormal, Pareto, ShiftedExponential, Weibull

EVERYDAY: list[tuple[Any, Any]] = [
    (ShiftedExponential(rate=0.25), stats.expon(loc=1.0, scale=4.0)),
    (LogNormal(sigma=0.25), stats.lognorm(0.25)),
    (Gamma(shape=3.0), stats.gamma(3.0, scale=1 / 3)),
    (Weibull(shape=1.5), stats.weibull_min(1.5)),
    (Pareto(alpha=2.5), stats.pareto(2.5)),
]
EXTREME: list[tuple[Any, Any]] = [
    (LogNormal(sigma=8.0), stats.lognorm(8.0)),
    (Gamma(shape=0.1), stats.gamma(0.1, scale=10.0)),
    (Weibull(shape=0.1), stats.weibull_min(0.1)),
    (Pareto(alpha=0.1), stats.pareto(0.1)),
    (Gamma(shape=1e4), stats.gamma(1e4, scale=1e-4)),
]
ENDS = np.array([*range(300), 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, *range(2**32 - 300, 2**32)], dtype=np.uint32)
WORDS = np.concatenate([ENDS, np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)])


@pytest.mark.parametrize(("law", "distribution"), EVERYDAY + EXTREME)
def test_tables_keep_their_error(law: Any, distribution: Any) -> None:
    lower, upper = (WORDS + 0.5) / 2**32, (~WORDS + 0.5) / 2**32
    exact = np.where(lower < 0.5, distribution.ppf(lower), distribution.isf(upper))
    error = np.abs(factor_table(law).factors(WORDS) - exact) / np.maximum(exact, 1.0)
    assert error.max() <= (1e-9 if any(law == everyday for everyday, _ in EVERYDAY) else MAX_ERROR)


def test_measured_factors_are_drawn_alike() -> None:
    table = factor_table(Empirical(values=(4.0, 1.0, 2.0)))
    third = 2**32 // 3
    words = np.array([0, third, third + 1, 2 * third, 2 * third + 1, 2**32 - 1], dtype=np.uint32)
    assert table.factors(words).tolist() == [4.0, 4.0, 1.0, 1.0, 2.0, 2.0]


@pytest.mark.parametrize("law", [LogNormal(sigma=1e6), Pareto(alpha=1e-4), Weibull(shape=1e-3)])
def test_laws_without_a_good_table_are_refused(law: Any) -> None:
    with pytest.raises(UnsupportedError, match="too extreme"):
        factor_table(law)


def test_a_constant_needs_no_table() -> None:
    with pytest.raises(TypeError, match="no random factor"):
        factor_table(Constant())
