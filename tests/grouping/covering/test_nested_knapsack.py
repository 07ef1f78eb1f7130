"""Nested knapsacks: cheapest covers, and covers within a budget, against every set of devices."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from packing_oracle import random_instance, with_domains
from rocoin_opt.grouping.covering import blocks as block_module
from rocoin_opt.grouping.covering.blocks import blocks_of
from rocoin_opt.grouping.covering.coverage import Coverage
from rocoin_opt.grouping.covering.nested_knapsack import SPARE_UNITS, NestedKnapsack, fineness_for
from rocoin_opt.grouping.tolerances import UNREACHABLE
from samples import cases


class Case(NamedTuple):
    """Devices of a chain, what each costs, and the judge of sets."""

    coverage: Coverage
    devices: np.ndarray
    costs: np.ndarray
    leader: tuple[int, ...]

    def cheapest(self, last: int, *, with_last: bool) -> float:
        """Cost of the cheapest true cover among the devices up to a position."""
        best = np.inf
        for size in range(last + 2):
            for chosen in itertools.combinations(range(last + 1), size):
                if with_last and last not in chosen:
                    continue
                if self.coverage.keeps_limit([*self.leader, *self.devices[list(chosen)].tolist()]):
                    best = min(best, float(self.costs[list(chosen)].sum()))
        return best


def case(seed: int) -> Case:
    instance = with_domains(random_instance(seed), seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(instance.devices))
    leader = (int(order[0]),) if seed % 2 else ()
    devices = order[len(leader) :]
    return Case(Coverage(instance), devices, rng.choice([0.0, 1.0, 2.0, 3.5], len(devices)), leader)


@pytest.mark.parametrize("listed", [8, 1])
@pytest.mark.parametrize("seed", cases(range(8), range(24)))
def test_no_cost_is_overrated_and_few_are_underrated(monkeypatch: pytest.MonkeyPatch, seed: int, listed: int) -> None:
    monkeypatch.setattr(block_module, "MAX_LISTED", listed)
    given = case(seed)
    blocks = blocks_of(given.coverage, given.devices, given.leader)
    knapsack = NestedKnapsack(blocks, given.costs, fineness_for(10))
    for last in range(len(given.devices)):
        found = knapsack.upto(last)
        for cost, with_last in ((found.of_any, False), (found.with_last, True)):
            best = given.cheapest(last, with_last=with_last)
            assert cost <= best + 1e-9
            # Grains are coarser; fine units confuse none of these sets.
            if listed == 8 and given.coverage.need > 1e-3:
                assert cost == pytest.approx(best) if best < np.inf else cost >= UNREACHABLE
        if found.with_last < UNREACHABLE:
            members = knapsack.members(0)
            assert members is not None
            assert last in members
            assert len(set(members)) == len(members)
            assert given.costs[members].sum() == pytest.approx(found.with_last)
            spare = knapsack.members(SPARE_UNITS)
            # A few units more make a cover of few blocks a true one.
            if spare is not None and listed == 8 and given.coverage.need > 1e-3:
                assert given.coverage.keeps_limit([*given.leader, *given.devices[spare].tolist()])
