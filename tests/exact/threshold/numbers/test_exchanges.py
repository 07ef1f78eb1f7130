"""Exchanges: sums and rings are those of groups, devices where they may be, compiled or not; cold means no dearer."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from rocoin_opt.exact.threshold.numbers.exchanges import DRAWS, exchange


def state_of(seed: int, devices: int = 40, groups: int = 8) -> list[np.ndarray]:
    """Shares, what devices hold, groups and their sums: at random, many alike, and some may be in few groups."""
    rng = np.random.default_rng(seed)
    shares = np.sort(np.round(rng.uniform(0.0, 0.6, devices), 1 + seed % 3))
    level = np.append(np.sort(rng.integers(3, size=groups)), 3)
    holds = np.arange(4) >= rng.integers(1 + 3 * (seed % 2), size=devices)[:, None]
    group = np.array([rng.choice(np.flatnonzero(holds[device, level])) for device in range(devices)])
    ahead, behind = np.zeros(devices + groups + 1, dtype=int), np.zeros(devices + groups + 1, dtype=int)
    for number in range(groups + 1):
        ring = [devices + number, *np.flatnonzero(group == number).tolist()]
        ahead[ring], behind[ring] = np.roll(ring, -1), np.roll(ring, 1)
    sums = np.bincount(group, weights=shares, minlength=groups + 1)
    return [shares, holds, level, np.geomspace(3.0, 1.0, 4)[level], group, ahead, behind, sums]


def cost(state: list[np.ndarray], missing: float, lacking: float) -> float:
    """What groups are short of and beyond their need, by definition."""
    off = state[7][:-1] - 1.0
    return float(state[3][:-1] @ np.where(off >= 0.0, off, lacking - missing * off))


@pytest.mark.parametrize("seed", range(12))
def test_sums_and_rings_are_those_of_the_groups(seed: int) -> None:
    state, draws = state_of(seed), np.random.default_rng(seed).random((3_000, DRAWS))
    before = state[4].copy()
    exchange(*state, draws, 0.1, 3.0, 0.02)
    shares, holds, level, _, group, ahead, behind, sums = state
    assert (group != before).any()
    np.testing.assert_allclose(sums, np.bincount(group, weights=shares, minlength=len(sums)), atol=1e-12)
    assert holds[np.arange(len(shares)), level[group]].all()
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
    exchange(*plain, draws, 0.03, 3.0, 0.02)
    njit(exchange)(*compiled, draws, 0.03, 3.0, 0.02)
    for own, other in zip(plain, compiled, strict=True):
        np.testing.assert_array_equal(own, other)


@pytest.mark.parametrize(("missing", "lacking"), [(0.5, 0.0), (1.0, 0.3), (100.0, 0.01)])
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_cold_never_gets_dearer(seed: int, missing: float, lacking: float) -> None:
    state, rng = state_of(seed), np.random.default_rng(1)
    costs = [cost(state, missing, lacking)]
    for _ in range(200):
        exchange(*state, rng.random((20, DRAWS)), 1e-9, missing, lacking)
        costs.append(cost(state, missing, lacking))
    assert (np.diff(costs) <= 1e-6).all()
    assert costs[-1] < 0.5 * costs[0]
