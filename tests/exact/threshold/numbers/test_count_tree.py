"""Numbers of groups branched on with pricing: packed exactly where brute force packs, and bounds that hold at nodes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from packing_oracle import PackingOracle, best_position, candidates, random_instance, with_alike_devices, with_domains
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.numbers import count_tree
from rocoin_opt.exact.threshold.numbers.count_tree import CountedProgram, pack_by_counts
from rocoin_opt.exact.threshold.numbers.diving import dive
from rocoin_opt.exact.threshold.packing import Effort, Memory
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from samples import cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

ALL = Effort(1_000_000, None)


def drawn(seed: int, *, most: int = 7) -> tuple[Instance, Objective]:
    """An instance with many alike devices or few, and an objective."""
    instance = random_instance(seed, most_devices=most)
    instance = with_alike_devices(instance, seed, most=most) if seed % 3 == 0 else instance
    return instance, "nominal" if seed % 4 == 1 else "guaranteed"


@pytest.mark.parametrize("listed", [0, 20_000])
@pytest.mark.parametrize("seed", cases(range(8), range(60)))
def test_packed_from_the_optimum_on_and_refuted_below(monkeypatch: pytest.MonkeyPatch, seed: int, listed: int) -> None:
    # Where nothing may be listed, every number of groups is branched on.
    monkeypatch.setattr(count_tree, "LISTED", listed)
    instance, objective = drawn(seed)
    thresholds, position = candidates(instance), best_position(instance, objective)
    memory = Memory()
    for at in range(max(0, position - 2), min(len(thresholds), position + 2)):
        problem = ThresholdProblem(instance, objective, thresholds[at])
        packing = pack_by_counts(problem, [], Control.starting_now(), ALL, memory)
        assert packing.status == ("packed" if at >= position else "impossible")
        used = [n for group in packing.groups for n in group]
        assert len(used) == len(set(used))
        if packing.groups:
            assert instance.requirements.min_groups <= len(packing.groups) <= instance.max_groups
            assert problem.capacities(packing.groups).sum() >= problem.wanted
            assert problem.covering(packing.groups).all()


@pytest.mark.parametrize("seed", cases(range(4), range(30)))
def test_a_small_effort_says_nothing_wrong(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(count_tree, "LISTED", 0)
    instance, objective = drawn(seed)
    thresholds, position = candidates(instance), best_position(instance, objective)
    for at in range(max(0, position - 1), min(len(thresholds), position + 1)):
        problem = ThresholdProblem(instance, objective, thresholds[at])
        for effort in (Effort(3, 2), Effort(1_000_000, 0), Effort(0, None)):
            packing = pack_by_counts(problem, [], Control.starting_now(), effort, Memory())
            assert packing.status != ("impossible" if at >= position else "packed")


def packings(groups: list[tuple[int, int]], used: int, sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Sizes of the groups of every packing; a group is the bits of its devices, and its size."""
    yield sizes
    for k, (mask, size) in enumerate(groups):
        if mask & used == 0:
            yield from packings(groups[k + 1 :], used | mask, (*sizes, size))


@pytest.mark.parametrize("seed", cases(range(6), range(40)))
def test_bounds_hold_for_every_packing_with_such_numbers_of_groups(seed: int) -> None:
    rng = random.Random(seed)
    instance, objective = drawn(seed, most=5)
    thresholds = candidates(instance)
    if not thresholds:
        return
    threshold = thresholds[rng.randrange(len(thresholds) // 2, len(thresholds))]
    problem = ThresholdProblem(instance, objective, threshold)
    groups = sorted(PackingOracle(instance, objective, threshold).capacity.items())
    every = {tuple(sorted(sizes)) for sizes in packings(groups, 0, ())}
    program = CountedProgram(problem, [], Control.starting_now())
    centre = None
    for _ in range(5):
        counts = program.counts
        low = np.sort([rng.choice([0, 0, 0, 1, 2]) for _ in counts.sizes])[::-1]
        least = np.minimum(low, counts.limits)
        room = np.sort([rng.randint(0, 4) for _ in counts.sizes])[::-1]
        limits = np.maximum(np.minimum(room, counts.limits), least)
        found = program.solve(counts._replace(least=least, limits=limits), centre)
        assert found is not None
        centre = found.prices
        for sizes in every:
            numbers = (np.array(sizes, dtype=int)[:, None] >= counts.sizes).sum(axis=0)
            if (least <= numbers).all() and (numbers <= limits).all():
                assert sum(sizes) <= found.relaxation.bound + 1e-6


def test_nothing_is_said_where_devices_fail_together() -> None:
    instance = with_domains(random_instance(3), 3)
    problem = ThresholdProblem(instance, "guaranteed", candidates(instance)[-1])
    assert problem.coverage is not None
    assert pack_by_counts(problem, [], Control.starting_now(), ALL, Memory()).status == "unknown"


def test_nothing_is_said_of_too_many_kinds_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = random_instance(3)
    problem = ThresholdProblem(instance, "guaranteed", candidates(instance)[-1])
    monkeypatch.setattr(count_tree, "MOST_KINDS", 1)
    assert pack_by_counts(problem, [], Control.starting_now(), ALL, Memory()).status == "unknown"
    assert dive(problem, [], Control.starting_now(), 10).status == "unknown"
