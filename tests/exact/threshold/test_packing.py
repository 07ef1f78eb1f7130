"""Integer packings: packed exactly where brute force packs, and never refuted there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given

from packing_oracle import best_position, candidates, random_instance
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold import packing as module
from rocoin_opt.exact.threshold import search
from rocoin_opt.exact.threshold.column_list import Column, ColumnList
from rocoin_opt.exact.threshold.completion import Completion, complete
from rocoin_opt.exact.threshold.packing import Effort, Memory, Packing, pack, pack_groups
from rocoin_opt.exact.threshold.search import exact
from rocoin_opt.grouping.relaxation import Pool, Relaxation, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.arrays import keeps_outage_limit
from rocoin_opt.instance.generate import generate
from samples import cases, trials
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

ALL = Effort(1_000_000, None)


def relaxed(problem: ThresholdProblem) -> Relaxation:
    relaxation = relax(problem, Pool(), Control.starting_now())
    assert relaxation is not None
    return relaxation


def assert_packed(problem: ThresholdProblem, packing: Packing) -> None:
    """Disjoint groups that keep the limit and hold all filters in time, neither too few nor too many."""
    used = [n for group in packing.groups for n in group]
    assert len(used) == len(set(used))
    requirements = problem.instance.requirements
    assert requirements.min_groups <= len(packing.groups) <= problem.instance.max_groups
    assert problem.capacities(packing.groups).sum() >= problem.wanted
    for group in packing.groups:
        outage = math.prod(problem.instance.devices[n].failure_probability for n in group)
        assert keeps_outage_limit(outage, requirements.max_group_outage)


def assert_decided(instance: Instance, objective: Objective, effort: Effort = ALL, width: int = 3) -> None:
    """Around the optimum: packed from it on, impossible below it; one memory for all thresholds, and none."""
    thresholds, position = candidates(instance), best_position(instance, objective)
    memory = Memory()
    for at in range(max(0, position - width), min(len(thresholds), position + width)):
        problem = ThresholdProblem(instance, objective, thresholds[at])
        relaxation = relaxed(problem)
        for known in (memory, memory, Memory()):
            packing = pack(problem, relaxation, Control.starting_now(), effort, known)
            if effort is ALL:
                assert packing.status == ("packed" if at >= position else "impossible")
            else:
                assert packing.status != ("impossible" if at >= position else "packed")
            if packing.status == "packed":
                assert_packed(problem, packing)


@pytest.mark.parametrize("objective", ["guaranteed", "nominal", "worst"])
@given(instance=instances(max_devices=5, max_filters=6))
@trials(40)
def test_packings_of_tiny_instances(objective: Objective, instance: Instance) -> None:
    # Rounding may decide a cover here: then nothing is known, but nothing wrong is said.
    assert_decided(instance, objective, Effort(1_000_000, 10_000))


# In 374, 601 and 962 listing too few columns once refuted what there is; in 42, 59 and 95 zero-dual devices are short.
@pytest.mark.parametrize("seed", cases([15, 42, 374], [*range(0, 12, 2), 59, 95, 601, 962]))
def test_packings_of_random_instances(seed: int) -> None:
    assert_decided(random_instance(seed), "guaranteed" if seed % 2 else "nominal")


@pytest.mark.parametrize("family", cases(["lossy"], ["edge", "mcu"]))
def test_packings_of_generated_instances(family: str) -> None:
    instance = generate(family, devices=8, seed=3)
    assert_decided(instance, "guaranteed", width=2)
    assert_decided(instance.with_requirements(min_groups=2, max_groups=3), "guaranteed", width=1)


@pytest.mark.parametrize("effort", [Effort(3, None), Effort(1_000_000, 0)])
def test_a_small_effort_says_nothing_wrong(effort: Effort) -> None:
    for seed in range(4):
        assert_decided(random_instance(seed), "guaranteed", effort)


@pytest.mark.parametrize(
    ("instance", "objective"),
    [(random_instance(42), "nominal"), (random_instance(59), "guaranteed")],
)
def test_fillers_that_are_short_are_shared_out(
    monkeypatch: pytest.MonkeyPatch, instance: Instance, objective: Objective
) -> None:
    dealt: list[Completion] = []

    def spy(*given: object) -> Completion:
        dealt.append(complete(*given))  # type: ignore[arg-type]
        return dealt[-1]

    monkeypatch.setattr(module, "complete", spy)
    # What dives prove or find is not left to lists.
    monkeypatch.setattr(search, "LOW_DIVES", (0, 0, 0))
    monkeypatch.setattr(search._Search, "_dive_down", lambda *_: None)
    outcome = exact(instance, objective, Control.starting_now())
    assert outcome.plan is not None
    short = [dealing for dealing in dealt if dealing.groups is None]
    assert short
    assert all(len(dealing.contested) for dealing in short)


def test_cores_that_find_no_fillers_and_none_to_contest_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "complete", lambda *_: Completion(None))
    problem = four_equal_pairs()
    assert pack(problem, relaxed(problem), Control.starting_now(), ALL, Memory()).status == "unknown"


def four_equal_pairs() -> ThresholdProblem:
    """Four devices, two of which cover: two groups within 9 seconds."""
    from examples import two_pairs

    return ThresholdProblem(two_pairs(), "guaranteed", 9.0)


def dealt(columns: list[Column], priced: list[int], control: Control | None = None) -> Completion:
    return complete(four_equal_pairs(), columns, np.array(priced, dtype=np.int64), control or Control.starting_now())


def test_fillers_complete_cores_and_are_given_once() -> None:
    groups = dealt([Column(2, 0, (0,)), Column(2, 0, ())], [0]).groups
    assert groups is not None
    assert sorted(n for group in groups for n in group) == [0, 1, 2, 3]
    assert dealt([Column(2, 0, (0, 1))], [0, 1]).groups == [(0, 1)]
    # A priced device that nobody took helps out.
    assert dealt([Column(2, 0, (0,)), Column(2, 0, (1,))], [0, 1, 2, 3]).groups is not None


def test_too_few_fillers_are_named() -> None:
    short = dealt([Column(2, 0, ())] * 3, [0])
    assert (short.groups, short.contested.tolist()) == (None, [1, 2, 3])
    # All that could help is priced already: there is nothing to look at more closely.
    assert dealt([Column(2, 0, ())] * 3, [0, 1, 2, 3]).contested.tolist() == []
    late = dealt([Column(2, 0, (0,))], [0], Control.starting_now(time_limit=0))
    assert (late.groups, late.contested.tolist()) == (None, [1, 2, 3])


def test_given_groups_are_packed_or_nothing_is_known() -> None:
    problem = four_equal_pairs()

    def status(groups: list[tuple[int, ...]], control: Control | None = None) -> str:
        packing = pack_groups(problem, groups, control or Control.starting_now(), None)
        if packing.status == "packed":
            assert_packed(problem, packing)
        return packing.status

    assert status([(0, 1), (1, 2), (2, 3), (3,)]) == "packed"
    assert status([(0, 1), (2, 3)], Control.starting_now(time_limit=0)) == "unknown"
    assert status([]) == "unknown"
    assert status([(0,), (1,)]) == "unknown"
    far = ThresholdProblem(problem.instance, "guaranteed", 5.0)
    assert pack_groups(far, [(0, 1), (0, 2)], Control.starting_now(), None).status == "unknown"


def test_memory_spares_what_was_tried_in_vain() -> None:
    instance = generate("edge", devices=12, seed=1)
    outcome = exact(instance, "guaranteed", Control.starting_now())
    assert outcome.lower_bound is not None
    problem = ThresholdProblem(instance, "guaranteed", outcome.lower_bound)
    given = [Column(1, 0, (n,)) for n in range(3)]
    columns, fewer = ColumnList.of(given, 12), ColumnList.of(given[:2], 12)
    memory = Memory()
    assert memory.verdict(problem, columns, ALL) is None
    memory.learn(problem, columns, Effort(9, 100), "unknown")
    assert memory.verdict(problem, columns, Effort(9, 100)) == "unknown"
    assert memory.verdict(problem, columns, Effort(9, 400)) is None
    assert memory.verdict(problem, fewer, Effort(9, 100)) is None
    memory.learn(problem, columns, ALL, "unknown")
    assert memory.verdict(problem, columns, ALL) == "unknown"
    memory.learn(problem, columns, ALL, "packed")
    memory.learn(problem, columns, ALL, "impossible")
    assert memory.verdict(problem, fewer, ALL) == "impossible"
    assert memory.verdict(problem, ColumnList.of([*given, Column(2, 0, (5, 6))], 12), ALL) is None
    elsewhere = ThresholdProblem(instance, "guaranteed", 1e6)
    assert memory.verdict(elsewhere, fewer, ALL) is None
