"""Tables over all sets of devices: outage, limit and rules, one set at a time by the functions that judge plans."""

from __future__ import annotations

import numpy as np
import pytest

from restricted_solves import drawn
from rocoin_opt.exact.answer.outages import allowed, lightest_outage, mask_of, members, outages
from rocoin_opt.grouping.covering.blocks import subset_sums
from rocoin_opt.plan.latency import group_keeps_limit, outage_of
from rocoin_opt.plan.validity import rules_allow
from samples import cases


@pytest.mark.parametrize("seed", cases(range(13), range(40)))
def test_every_set_is_judged_as_a_group_of_a_plan_is(seed: int) -> None:
    instance = drawn(seed, 6)
    outage, keeps = outages(instance)
    fine = allowed(instance)
    for mask in range(1, len(outage)):
        devices = members(mask)
        assert outage[mask] == pytest.approx(outage_of(instance, devices), rel=1e-12)
        assert keeps[mask] == group_keeps_limit(instance, devices)
        assert fine[mask] == rules_allow(instance, devices)
    assert not keeps[0]


@pytest.mark.parametrize("seed", range(20))
def test_no_device_takes_more_off_a_set_than_it_has_alone(seed: int) -> None:
    instance = drawn(seed, 6)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights, single = -np.log(outages(instance)[0]), -np.log(lightest_outage(instance))
    together = subset_sums(np.where(np.isfinite(single), single, 1e9))
    assert (np.where(np.isfinite(weights), weights, 0.0) <= together * (1 + 1e-12) + 1e-12).all()


def test_sets_are_bits() -> None:
    assert members(0b1011) == [0, 1, 3]
    assert mask_of([3, 0, 1]) == 0b1011
    assert subset_sums(np.array([1.0, 10.0, 100.0])).tolist() == [0, 1, 10, 11, 100, 101, 110, 111]
