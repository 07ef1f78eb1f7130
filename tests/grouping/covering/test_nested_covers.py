"""All covers within a budget where devices fail together, against every set of devices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from packing_oracle import random_instance, with_domains
from rocoin_opt.grouping.covering import blocks as block_module
from rocoin_opt.grouping.covering import nested_covers as module
from rocoin_opt.grouping.covering.blocks import blocks_of
from rocoin_opt.grouping.covering.coverage import Coverage
from rocoin_opt.grouping.covering.nested_covers import nested_covers_within
from samples import cases


@pytest.mark.parametrize("listed", [8, 1])
@pytest.mark.parametrize("seed", cases(range(8), range(24)))
def test_every_minimal_cover_within_the_budget_is_listed(
    monkeypatch: pytest.MonkeyPatch, seed: int, listed: int
) -> None:
    monkeypatch.setattr(block_module, "MAX_LISTED", listed)
    instance = with_domains(random_instance(seed), seed)
    coverage, rng = Coverage(instance), np.random.default_rng(seed)
    order = rng.permutation(len(instance.devices))
    base, devices = order[: seed % 3].tolist(), order[seed % 3 :]
    costs = rng.choice([0.0, 1.0, 2.0, 3.5], len(devices))
    blocks = blocks_of(coverage, devices, base)
    for budget in (-1.0, 0.0, 2.0, 100.0):
        found = nested_covers_within(blocks, costs, budget, 1024, 10_000)
        assert found is not None
        listed_sets = [frozenset(n for n in row if n >= 0) for row in found.tolist()]
        assert len(set(listed_sets)) == len(listed_sets)
        expected = set()
        for size in range(len(devices) + 1):
            for chosen in itertools.combinations(range(len(devices)), size):
                group = [*base, *devices[list(chosen)].tolist()]
                less = [[*base, *devices[[i for i in chosen if i != out]].tolist()] for out in chosen]
                is_minimal = coverage.keeps_limit(group) and not any(map(coverage.keeps_limit, less))
                if is_minimal and costs[list(chosen)].sum() <= budget:
                    expected.add(frozenset(chosen))
        assert expected <= set(listed_sets)
        assert all(costs[list(chosen)].sum() <= budget + 1e-6 for chosen in listed_sets)
    assert nested_covers_within(blocks, costs, 100.0, 1024, 0) is None or not expected


def test_too_many_sets_on_the_way_end_the_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PAIRS", 1)
    instance = with_domains(random_instance(5), 5).with_requirements(max_group_outage=1e-3)
    devices = np.arange(len(instance.devices))
    assert nested_covers_within(blocks_of(Coverage(instance), devices), np.zeros(len(devices)), 1.0, 64, 10) is None
