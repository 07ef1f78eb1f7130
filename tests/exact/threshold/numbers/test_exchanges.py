"""Exchanges: sums and rings stay those of the groups, compiled or not, and what is cold never gets dearer."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from rocoin_opt.exact.threshold.numbers.exchanges import DRAWS, exchange


def state_of(seed: int, devices: int = 40, groups: int = 8) -> list[np.ndarray]:
    """Shares, groups, rings and sums: a random one, or none, for each device."""
    rng = np.random.default_rng(seed)
    # Many are alike.
    shares = np.sort(np.round(rng.uniform(0.0, 0.6, devices), 1 + seed % 3))
    group = rng.integers(groups + 1, size=devices)
    ahead, behind = np.zeros(devices + groups + 1, dtype=int), np.zeros(devices + groups + 1, dtype=int)
    for number in range(groups + 1):
        ring = [devices + number, *np.flatnonzero(group == number).tolist()]
        ahead[ring], behind[ring] = np.roll(ring, -1), np.roll(ring, 1)
    return [shares, group, ahead, behind, np.bincount(group, weights=shares, minlength=groups + 1)]


def cost(state: list[np.ndarray], missing: float) -> float:
    off = state[4][:-1] - 1.0
    return float(np.where(off >= 0.0, off, -missing * off).sum())


@pytest.mark.parametrize("seed", range(12))
def test_sums_and_rings_are_those_of_the_groups(seed: int) -> None:
    state, draws = state_of(seed), np.random.default_rng(seed).random((3_000, DRAWS))
    before = state[1].copy()
    exchange(*state, draws, 0.1, 3.0)
    shares, group, ahead, behind, sums = state
    assert (group != before).any()
    np.testing.assert_allclose(sums, np.bincount(group, weights=shares, minlength=len(sums)), atol=1e-12)
    for number in range(len(sums)):
        ring = [len(shares) + number]
        while ahead[ring[-1]] != ring[0]:
            ring.append(ahead[ring[-1]])
            assert behind[ring[-1]] == ring[-2]
        assert sorted(ring[1:]) == np.flatnonzero(group == number).tolist()


@pytest.mark.parametrize("seed", range(3))
def test_compiled_it_does_the_same_to_the_bit(seed: int) -> None:
    plain, compiled = state_of(seed), state_of(seed)
    draws = np.random.default_rng(seed).random((5_000, DRAWS))
    exchange(*plain, draws, 0.03, 3.0)
    njit(exchange)(*compiled, draws, 0.03, 3.0)
    for own, other in zip(plain, compiled, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize("missing", [0.5, 1.0, 100.0])
def test_what_is_cold_never_gets_dearer(missing: float) -> None:
    state, rng = state_of(1), np.random.default_rng(1)
    costs = [cost(state, missing)]
    for _ in range(200):
        exchange(*state, rng.random((20, DRAWS)), 1e-9, missing)
        costs.append(cost(state, missing))
    assert (np.diff(costs) <= 1e-6).all()
    assert costs[-1] < 0.5 * costs[0]
