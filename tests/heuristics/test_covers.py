"""Cheap covers: valid, minimal, and the best among few candidates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packing_oracle import random_instance, with_domains
from rocoin_opt.grouping.covering.coverage import Coverage, Joining
from rocoin_opt.heuristics import covers as module
from rocoin_opt.heuristics.covers import MAX_POOL, best_cover

SHARES = st.lists(st.sampled_from([0.2, 0.25, 0.3, 0.45, 0.5, 0.7, 1.0]), min_size=1, max_size=MAX_POOL)


@given(SHARES, st.sampled_from([0.0, 0.5, 3.0]), st.randoms(use_true_random=False))
def test_the_best_subset_of_few_candidates(shares, price, random):
    levels = np.array(sorted((random.randint(1, 9) for _ in shares), reverse=True))
    chosen = best_cover(np.array(shares), levels, price)
    scores = [
        levels[max(subset)] - price * sum(shares[i] for i in subset)
        for size in range(1, len(shares) + 1)
        for subset in itertools.combinations(range(len(shares)), size)
        if sum(shares[i] for i in subset) >= 1 - 1e-12
    ]
    if chosen is None:
        assert not scores
    else:
        taken = sum(shares[i] for i in chosen)
        assert taken >= 1 - 1e-9
        assert levels[max(chosen)] - price * taken >= max(scores) - 1e-4


@given(st.lists(st.floats(0.01, 0.12), min_size=MAX_POOL + 1, max_size=60))
def test_long_covers_need_all_their_members(shares):
    values = np.array(shares)
    chosen = best_cover(values, np.ones(len(values), dtype=np.int64), 0.0)
    if values.sum() < 1 - 1e-9:
        assert chosen is None
    else:
        assert values[chosen].sum() >= 1 - 1e-9
        assert values[chosen].sum() - values[chosen].min() < 1


def test_a_smaller_need_takes_fewer():
    shares, levels = np.array([0.5, 0.5, 0.5]), np.array([3, 3, 3])
    assert len(best_cover(shares, levels, 0.0, needed=0.4)) == 1
    assert len(best_cover(shares, levels, 0.0)) == 2


@pytest.mark.parametrize("seed", range(25))
def test_the_best_subset_where_devices_fail_together(seed: int) -> None:
    instance = with_domains(random_instance(seed), seed)
    coverage, shares, count = Coverage(instance), instance.arrays.cover_share, len(instance.devices)
    rng = np.random.default_rng(seed)
    order = rng.permutation(count)
    fixed, devices = tuple(order[: seed % 2].tolist()), order[seed % 2 :]
    levels = np.sort(rng.integers(1, 9, len(devices)))[::-1]
    for pool in (MAX_POOL, 2):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "MAX_POOL", pool)
            chosen = best_cover(shares[devices], levels, 0.5, joining=Joining(coverage, devices, fixed))
        covers = [
            subset
            for size in range(len(devices) + 1)
            for subset in itertools.combinations(range(len(devices)), size)
            if coverage.keeps_limit([*fixed, *devices[list(subset)].tolist()])
        ]
        if chosen is None:
            assert not covers
            continue
        assert tuple(chosen.tolist()) in covers
        if pool == MAX_POOL and () not in covers:
            scores = [levels[max(subset)] - 0.5 * shares[devices[list(subset)]].sum() for subset in covers]
            own = levels[chosen.max()] - 0.5 * shares[devices[chosen]].sum()
            assert own >= max(scores) - 1e-4
        elif pool == 2 and not any(max(subset, default=0) < 2 for subset in covers):
            # Longer covers need all of their members.
            assert not any(set(subset) < set(chosen.tolist()) for subset in covers)
