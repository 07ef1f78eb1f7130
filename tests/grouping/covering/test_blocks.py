"""Blocks of devices that fail together: what their choices cover and cost, against every subset."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packing_oracle import random_instance, with_domains
from rocoin_opt.grouping.covering import blocks as module
from rocoin_opt.grouping.covering.blocks import Block, blocks_of
from rocoin_opt.grouping.covering.coverage import Coverage
from rocoin_opt.instance.arrays import weight_with_domain

FALLS = st.sampled_from([0.0, 1e-12, 0.005, 0.05, 0.5, 0.999999])
WEIGHTS = st.lists(st.sampled_from([1e-9, 0.1, 0.5, 1.0, 2.3, 5.0, 40.0, math.inf]), min_size=1, max_size=6)


@given(falls=FALLS, weights=WEIGHTS)
def test_what_a_domain_adds_is_concave_and_bounded(falls: float, weights: list[float]) -> None:
    exact = [-math.log(falls + (1.0 - falls) * math.exp(-w)) if w < 700.0 or falls else w for w in weights]
    found = weight_with_domain(np.array(weights), falls)
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-15)
    assert (found <= np.array(weights) * (1.0 + 1e-9)).all()
    assert falls == 0.0 or (found <= -math.log(falls) + 1e-9).all()
    finite = [w for w in weights if w < 50.0]
    together = weight_with_domain(np.array([math.fsum(finite)]), falls)[0]
    assert together <= weight_with_domain(np.array(finite), falls).sum() + 1e-9


@pytest.mark.parametrize("listed", [8, 0])
@given(data=st.data(), falls=FALLS, weights=WEIGHTS, base=st.sampled_from([0.0, 0.7]), need=st.sampled_from([0.1, 3.0]))
def test_no_subset_covers_more_for_less_than_the_choices(
    listed: int, data: st.DataObject, falls: float, weights: list[float], base: float, need: float
) -> None:
    count = len(weights)
    costs = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0, 2.5, 3.0]), min_size=count, max_size=count)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_LISTED", listed)
        block = Block(range(count), np.array(weights), falls, base, need)
        priced = block.priced(costs)
        for length, with_last in itertools.product(range(1, count + 1), (False, True)):
            options = priced.options(length, with_last=with_last)
            assert (np.diff(options.shares) > 0.0).all()
            assert (np.diff(options.costs) >= 0.0).all()
            for choice, share, cost in zip(options.choices, options.shares, options.costs, strict=True):
                members = priced.members(int(choice), length, with_last=with_last)
                assert costs[members].sum() == pytest.approx(cost)
                assert len(set(members)) == len(members)
                assert not with_last or length - 1 in members
                # Grains are rounded up.
                true = float(block.shares(np.array([base + sum(weights[i] for i in members)]))[0])
                assert true <= share + 1e-9 if listed == 0 else true == pytest.approx(share)
            for size in range(length + 1):
                for subset in itertools.combinations(range(length), size):
                    if with_last and length - 1 not in subset:
                        continue
                    share = float(block.shares(np.array([base + sum(weights[i] for i in subset)]))[0])
                    able = options.costs[options.shares >= share - 1e-9]
                    assert len(able)
                    assert able.min() <= costs[list(subset)].sum() + 1e-9


@pytest.mark.parametrize("seed", range(10))
def test_blocks_share_out_the_devices_of_a_chain(seed: int) -> None:
    instance = with_domains(random_instance(seed), seed)
    coverage, count = Coverage(instance), len(instance.devices)
    devices = np.array([n for n in range(count) if n != 1])
    blocks = blocks_of(coverage, devices, (1,))
    assert sorted(position for block in blocks for position in block.positions.tolist()) == list(range(count - 1))
    for block in blocks:
        domains = {instance.devices[n].failure_domain for n in devices[block.positions]}
        assert len(domains) <= 1
        assert domains != {None} or len(block.positions) == 1
    share = coverage.shares(coverage.products(np.arange(count)[None, :]))[0]
    total = sum(
        float(weight_with_domain(np.array([block.base + block.weights.sum()]), block.falls)[0]) for block in blocks
    )
    assert min(total / coverage.need, 1.0) == pytest.approx(share) if coverage.need < math.inf else share in (0.0, 1.0)
