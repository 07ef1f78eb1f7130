"""The adaptive rule, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.distribution.quadrature import integrate


@pytest.mark.parametrize("power", [0, 1, 7, 22])
def test_polynomials_are_exact(power: int) -> None:
    assert integrate(lambda t: t**power, np.array([0.0, 2.0])) == pytest.approx(
        2.0 ** (power + 1) / (power + 1), rel=1e-14
    )


def test_singular_ends_are_met() -> None:
    assert integrate(lambda t: t**0.1, np.array([0.0, 1.0])) == pytest.approx(1.0 / 1.1, rel=1e-11)
    assert integrate(lambda t: 1.0 - np.abs(t - 1.0) ** 0.1, np.array([0.0, 1.0, 3.0])) == pytest.approx(
        3.0 - (1.0 + 2.0**1.1) / 1.1, rel=1e-10
    )


def test_steep_rises_near_an_edge_are_found() -> None:
    assert integrate(lambda t: np.exp(-1e6 * t), np.array([0.0, 1e-6, 1e-3, 1.0])) == pytest.approx(1e-6, rel=1e-11)


def test_nothing_is_nothing() -> None:
    assert integrate(np.zeros_like, np.array([0.0, 1.0])) == 0.0


def test_what_does_not_settle_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(UnsupportedError, match="too uneven"):
        integrate(lambda t: rng.random(len(t)), np.array([0.0, 1.0]))
    with pytest.raises(UnsupportedError, match="too uneven"):
        integrate(lambda t: np.full_like(t, np.nan), np.array([0.0, 1.0]))
