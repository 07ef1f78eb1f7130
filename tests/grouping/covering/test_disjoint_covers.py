"""Numbers of disjoint covers that are refuted, against every packing of tiny instances."""

from __future__ import annotations

import numpy as np
import pytest

from packing_oracle import random_instance, with_domains
from rocoin_opt.grouping.covering import disjoint_covers as module
from rocoin_opt.grouping.covering.coverage import Coverage
from rocoin_opt.grouping.covering.disjoint_covers import is_refuted, tightened
from rocoin_opt.instance.model import Instance
from samples import cases


def most_covers(coverage: Coverage, devices: tuple[int, ...]) -> int:
    """Most disjoint covers, by all ways to make the first one of the devices that are left."""
    if not devices:
        return 0
    rest = devices[1:]
    best = most_covers(coverage, rest)
    for mask in range(1 << len(rest)):
        group = [devices[0], *(n for i, n in enumerate(rest) if mask >> i & 1)]
        if coverage.keeps_limit(group):
            left = tuple(n for i, n in enumerate(rest) if not mask >> i & 1)
            best = max(best, 1 + most_covers(coverage, left))
    return best


@pytest.mark.parametrize("seed", cases(range(20), range(60)))
def test_what_is_refuted_is_impossible(seed: int) -> None:
    instance = with_domains(random_instance(seed), seed)
    coverage, shares, count = Coverage(instance), instance.arrays.cover_share, len(instance.devices)
    sizes = np.random.default_rng(seed).integers(0, 5, count)
    firsts = np.array([1, 2, 3, 4])
    held = [tuple(np.flatnonzero(sizes >= first).tolist()) for first in firsts]
    truth = [most_covers(coverage, devices) for devices in held]
    for devices, most in zip(held, truth, strict=True):
        refuted = [is_refuted(coverage, shares, np.array(devices, dtype=np.int64), k) for k in range(1, most + 3)]
        assert not any(refuted[:most])
        waste = shares[list(devices)].sum() - most - 1
        # Little waste leaves no doubt.
        assert refuted[most] or waste > module.MOST_WASTE - 1e-6
    limits = np.full(4, 5)
    found = tightened(coverage, shares, sizes, firsts, limits)
    assert (np.diff(found) <= 0).all()
    assert (found >= np.maximum(truth, 1)).all()
    assert (limits == 5).all()


def tight_fleet() -> Instance:
    """Six devices in three domains: shares for three covers and a bit, and room for two."""
    base = random_instance(0)
    fields = {name: getattr(base, name) for name in Instance.model_fields}
    device = dict(base.devices[0])
    devices = [{**device, "id": f"d{n}", "failure_probability": 0.1, "failure_domain": f"ap{n // 2}"} for n in range(6)]
    domains = [{"id": f"ap{d}", "failure_probability": 0.03} for d in range(3)]
    instance = Instance.model_validate({**fields, "devices": devices, "failure_domains": domains})
    return instance.with_requirements(max_group_outage=0.017, max_groups=None, min_groups=1)


def test_two_of_one_domain_do_not_make_a_cover() -> None:
    coverage, shares = Coverage(tight_fleet()), tight_fleet().arrays.cover_share
    devices = np.arange(6)
    assert shares.sum() > 3.0
    assert is_refuted(coverage, shares, devices[:4], 3)
    assert not is_refuted(coverage, shares, devices, 3)
    assert is_refuted(coverage, shares, devices[[0, 1, 2, 4]], 2) == (most_covers(coverage, (0, 1, 2, 4)) < 2)
    assert is_refuted(coverage, shares, devices[[0, 1]], 1)


@pytest.mark.parametrize(("name", "value"), [("MAX_NODES", -1), ("MAX_COVERS", -1), ("MAX_DEVICES", 1)])
def test_where_it_takes_too_long_nothing_is_refuted(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    monkeypatch.setattr(module, name, value)
    coverage, shares = Coverage(tight_fleet()), tight_fleet().arrays.cover_share
    assert not is_refuted(coverage, shares, np.array([0, 1]), 1)
