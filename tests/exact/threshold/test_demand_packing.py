"""Packings of given numbers of groups: refuted only where there are none, and what dives make keeps everything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rocoin_opt as ro
from packing_oracle import PackingOracle, candidates, random_instance, with_alike_devices
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold import demand_packing as module
from rocoin_opt.exact.threshold.count_tree import CountedProgram
from rocoin_opt.exact.threshold.demand import DemandProgram
from rocoin_opt.exact.threshold.demand_packing import DemandPacking
from rocoin_opt.exact.threshold.diving import spacious_numbers
from rocoin_opt.exact.threshold.packing import Effort
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.planning.solve import solve
from samples import cases

if TYPE_CHECKING:
    from rocoin_opt.exact.threshold.packing import Counts
    from rocoin_opt.plan import Members
    from rocoin_opt.plan.latency import Objective

ALL = Effort(1_000_000, None)


def numbers(problem: ThresholdProblem, sizes: list[int]) -> Counts:
    """Numbers of groups for the sizes of some, as they are counted at a threshold."""
    counts = CountedProgram(problem, [], Control.starting_now()).counts
    return counts._replace(least=(np.array(sizes)[:, None] >= counts.sizes).sum(axis=0))


def every_list_of_sizes(groups: list[tuple[int, int]], start: int, used: int) -> set[tuple[int, ...]]:
    """Sizes of the groups of every packing, descending; a group is the bits of its devices, and its size."""
    every: set[tuple[int, ...]] = {()}
    for k in range(start, len(groups)):
        mask, size = groups[k]
        if mask & used == 0:
            rest = every_list_of_sizes(groups, k + 1, used | mask)
            every |= {tuple(sorted((*sizes, size), reverse=True)) for sizes in rest}
    return every


def require_numbers(problem: ThresholdProblem, groups: list[Members], asked: np.ndarray, levels: np.ndarray) -> None:
    used = [n for group in groups for n in group]
    assert len(used) == len(set(used))
    assert problem.covering(groups).all()
    assert len(groups) == asked[0]
    capacities = problem.capacities(groups)
    assert ((capacities[:, None] >= levels).sum(axis=0) >= asked).all()
    assert capacities.sum() >= problem.wanted


@pytest.mark.parametrize("seed", cases(range(6), range(50)))
def test_numbers_are_refuted_only_where_no_packing_has_them(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a fleet with hundreds of groups: all that can be is chosen at once.
    monkeypatch.setattr(module, "TOGETHER", 1 + seed % 2 * 14)
    # The largest groups by branching, or by an integer program.
    monkeypatch.setattr(module, "FEW_LARGEST", seed % 2 * 20)
    instance = random_instance(seed, most_devices=6).with_requirements(min_groups=1)
    instance = with_alike_devices(instance, seed, most=6).with_requirements(min_groups=1) if seed % 3 == 0 else instance
    objective: Objective = "nominal" if seed % 4 == 1 else "guaranteed"
    thresholds = candidates(instance)
    for threshold in thresholds[seed % 2 :: max(1, len(thresholds) // 3)]:
        problem = ThresholdProblem(instance, objective, threshold)
        groups = sorted(PackingOracle(instance, objective, threshold).capacity.items())
        every = every_list_of_sizes(groups, 0, 0)
        sizes = sorted({size for _, size in groups}, reverse=True)
        for asked in [(a, b) for a in sizes for b in sizes if a >= b] + [(a,) for a in sizes]:
            if sum(asked) < problem.wanted:
                continue
            packing = DemandPacking(problem, numbers(problem, list(asked)), [], Control.starting_now())
            met = any(
                ((np.array(one, dtype=int)[:, None] >= packing.levels).sum(axis=0) >= packing.asked).all()
                for one in every
            )
            if packing.first is not None and not packing.first.is_refuted:
                of = (problem, packing.levels, packing.asked, packing.first, Control.starting_now())
                assert not met or module.refuted_from(*of) is None
            status = packing.decide(ALL).status
            assert status != ("impossible" if met else "packed")
            found = packing.dive(3)
            if found is not None:
                assert met
                require_numbers(problem, found, packing.asked, packing.levels)


def two_odd_kinds() -> ThresholdProblem:
    """Three devices that know one student, and three that know another: two cover, and one is left of each kind."""
    devices = [
        {
            "id": f"{student}-{n}",
            "compute_seconds": {student: 1.0},
            "memory_bytes": 1,
            "uplink_bits_per_second": 1.0,
            "failure_probability": 0.2,
        }
        for student in ("a", "b")
        for n in range(3)
    ]
    instance = ro.Instance.model_validate(
        {
            "name": "odd",
            "devices": devices,
            "students": [{"id": name, "flops": 1.0, "memory_bytes": 1, "max_filters": 5} for name in ("a", "b")],
            "knowledge": {"num_filters": 15, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.05},
        }
    )
    return ThresholdProblem(instance, "guaranteed", math.inf)


@pytest.mark.parametrize("few", [0, 20])
def test_groups_that_only_parts_make_refute_a_demand(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW_LARGEST", few)
    problem = two_odd_kinds()
    for groups, refuted in ((3, 0), (2, None)):
        packing = DemandPacking(problem, numbers(problem, [5] * groups), [], Control.starting_now())
        supply = packing.first
        assert supply is not None
        assert supply.made == pytest.approx(1.0)
        place = module.refuted_from(problem, np.array([5]), np.array([groups]), supply, Control.starting_now())
        assert place == refuted
        # Where all groups are not listed, that is what decides.
        status = packing.decide(Effort(0, None)).status
        assert status == ("unknown" if refuted is None else "impossible")
        # Not even where nothing may be listed is anything refuted that could be made.
        with monkeypatch.context() as patch:
            patch.setattr(module, "LARGEST", Effort(0, 1))
            assert (
                module.refuted_from(problem, np.array([5]), np.array([groups]), supply, Control.starting_now()) is None
            )


def test_as_many_filters_are_asked_for_as_are_wanted() -> None:
    instance = random_instance(3).with_requirements(min_groups=1)
    problem = ThresholdProblem(instance, "guaranteed", math.inf)
    largest = int(problem.timely.max())
    packing = DemandPacking(problem, numbers(problem, [largest] * 5), [], Control.starting_now())
    filters = int(np.diff(packing.levels, prepend=0) @ packing.asked)
    assert filters >= problem.wanted
    # One group less would not do.
    assert filters - int(packing.levels[0]) < problem.wanted or packing.asked[0] == 1


@pytest.mark.slow
def test_dives_make_the_groups_of_a_fleet_with_parts_of_many_sizes() -> None:
    instance = generate("edge", devices=100, seed=404)
    # The least latency, which no dive that follows filters alone finds.
    problem = ThresholdProblem(instance, "guaranteed", 0.3502185821028586)
    counts = CountedProgram(problem, [], Control.starting_now()).counts
    sizes = [13] * 6 + [14] * 2 + [20] * 11 + [21] + [33] * 5
    least = (np.array(sizes)[:, None] >= counts.sizes).sum(axis=0)
    packing = DemandPacking(problem, counts._replace(least=least), [], Control.starting_now())
    found = packing.dive(20)
    assert found is not None
    require_numbers(problem, found, packing.asked, packing.levels)


def test_several_groups_chosen_at_a_time_take_fewer_linear_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=60, seed=3)
    best = solve(instance, method="greedy").objective_value
    assert best is not None
    problem = ThresholdProblem(instance, "guaranteed", best)
    program = CountedProgram(problem, [], Control.starting_now())
    relaxed = program.solve(program.counts, None)
    assert relaxed is not None
    (first, *_) = spacious_numbers(problem, program.counts, relaxed.groups, [], Control.starting_now())
    monkeypatch.setattr(module, "FEW_GROUPS", 0)
    solved: list[int] = []
    solve_left = DemandProgram.solve

    def counted(*given: Any, **how: Any) -> Any:
        solved[-1] += 1
        return solve_left(*given, **how)

    monkeypatch.setattr(DemandProgram, "solve", counted)
    for together in (1_000, 2):
        monkeypatch.setattr(module, "TOGETHER", together)
        solved.append(0)
        packing = DemandPacking(problem, first.counts, [], Control.starting_now(), roughly=True)
        found = packing.dive(1)
        assert found is not None
        require_numbers(problem, found, packing.asked, packing.levels)
    assert solved[1] < solved[0]


def test_a_limit_ends_it() -> None:
    problem = ThresholdProblem(random_instance(4), "guaranteed", math.inf)
    packing = DemandPacking(problem, numbers(problem, [1]), [], Control.starting_now(time_limit=0))
    assert packing.decide(ALL).status == "unknown"
    assert packing.dive(3) is None
