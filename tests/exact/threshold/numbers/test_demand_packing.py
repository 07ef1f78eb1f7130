"""Packings of given numbers of groups: refuted only where there are none, and what dives make keeps everything."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rocoin_opt as ro
from packing_oracle import PackingOracle, candidates, random_instance, with_alike_devices
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.numbers import demand_packing as module
from rocoin_opt.exact.threshold.numbers import largest_groups
from rocoin_opt.exact.threshold.numbers.count_tree import CountedProgram
from rocoin_opt.exact.threshold.numbers.demand import DemandProgram, Supply, Worths
from rocoin_opt.exact.threshold.numbers.demand_packing import DemandPacking
from rocoin_opt.exact.threshold.numbers.spacious_numbers import NumbersSearch
from rocoin_opt.exact.threshold.packing import Effort
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.planning.solve import solve
from samples import cases, fewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.exact.threshold.packing import Counts
    from rocoin_opt.instance import IntArray
    from rocoin_opt.plan import Members
    from rocoin_opt.plan.latency import Objective

ALL = Effort(1_000_000, None)
TIGHT = [13] * 6 + [14] * 2 + [20] * 11 + [21] + [33] * 5
"""Sizes of the groups of the earliest plan of the edge fleet of 100 devices with seed 404."""


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
    # As after many dives: each begins with the groups that the first program likes best.
    monkeypatch.setattr(module, "RENEWED", seed % 2 * 4)
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
    monkeypatch.setattr(largest_groups, "LARGEST", Effort(2_000, 30, few=few))
    problem = two_odd_kinds()
    for groups, refuted in ((3, 0), (2, None)):
        packing = DemandPacking(problem, numbers(problem, [5] * groups), [], Control.starting_now())
        supply = packing.first
        assert supply is not None
        assert supply.made == pytest.approx(1.0)
        place = largest_groups.refuted_from(problem, np.array([5]), np.array([groups]), supply, Control.starting_now())
        assert place == refuted
        # Where all groups are not listed, that is what decides.
        status = packing.decide(Effort(0, None)).status
        assert status == ("unknown" if refuted is None else "impossible")
        # Not even where nothing may be listed is anything refuted that could be made.
        with monkeypatch.context() as patch:
            patch.setattr(largest_groups, "LARGEST", Effort(0, 1))
            place = largest_groups.refuted_from(
                problem, np.array([5]), np.array([groups]), supply, Control.starting_now()
            )
            assert place is None


def random_supply(
    rng: np.random.Generator, problem: ThresholdProblem, levels: IntArray, sizes: dict[int, int]
) -> Supply:
    """Any prices of kinds, and any worths of levels, less what groups are worth more than their devices cost.

    Parameters
    ----------
    rng : numpy.random.Generator
        What they are drawn with.
    problem : ThresholdProblem
        Whose devices they are for.
    levels : IntArray, R
        Sizes.
    sizes : dict
        Every group, as the bits of its devices, and its size.
    """
    kinds = problem.kind_of_device
    prices = rng.choice([0.0, 0.0, 1.0, 2.0, 3.5], kinds.max() + 1)[kinds]
    totals = np.concatenate([[0.0], np.cumsum(rng.choice([0.0, 1.0, 2.0, 3.0], len(levels)))])
    worths = Worths(levels, totals)
    costs = {mask: sum(price for n, price in enumerate(prices.tolist()) if mask >> n & 1) for mask in sizes}
    excess = max((size - worths.of_one(size) - costs[mask] for mask, size in sizes.items()), default=0.0)
    totals[1:] -= max(excess, 0.0)
    return Supply(1.0, 1.0, float(prices.sum()), prices, Worths(levels, totals), np.empty(0))


def demands_at_any_prices(seed: int) -> Iterator[tuple[ThresholdProblem, IntArray, list[IntArray], Supply, IntArray]]:
    """Demands of a small instance, with levels, the numbers of all its packings, and prices that leave no less."""
    rng = np.random.default_rng(seed)
    instance = random_instance(seed, most_devices=6).with_requirements(min_groups=1)
    if seed % 3:
        instance = with_alike_devices(instance, seed, most=7).with_requirements(min_groups=1)
    objective: Objective = "nominal" if seed % 2 else "guaranteed"
    threshold = float(rng.choice([math.inf, *candidates(instance)]))
    problem = ThresholdProblem(instance, objective, threshold)
    groups = PackingOracle(instance, objective, threshold).capacity
    if not groups or len(groups) > 60:
        return
    levels = np.unique(list(groups.values()))
    supply = random_supply(rng, problem, levels, groups)
    lists = [one for one in every_list_of_sizes(sorted(groups.items()), 0, 0) if 0 < len(one) <= instance.max_groups]
    every = [(np.array(one, dtype=int)[:, None] >= levels).sum(axis=0) for one in lists]
    for _ in range(6):
        asked = every[int(rng.integers(len(every)))]
        asked = np.sort(asked + rng.integers(0, 2, len(asked)))[::-1]
        own = supply._replace(spare=supply.spare - float(np.diff(supply.worths.totals) @ asked))
        if own.is_refuted:
            assert not any((one >= asked).all() for one in every)
        elif asked[0] > 0:
            yield problem, levels, every, own, asked


@pytest.mark.parametrize("few", [0, 20])
def test_largest_groups_refute_only_demands_that_no_packing_meets(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(largest_groups, "LARGEST", Effort(2_000, 30, few=few))
    refuted = {True: 0, False: 0}
    for seed in range(fewer(600)):
        for problem, levels, every, supply, asked in demands_at_any_prices(seed):
            place = largest_groups.refuted_from(problem, levels, asked, supply, Control.starting_now())
            assert place is None or not any((one >= asked).all() for one in every), seed
            refuted[place is not None] += 1
    assert refuted[True] > 10
    assert refuted[False] > 10


@pytest.mark.parametrize("multiples", [(4.0, 2.0, 1.2), (1.0,)])
def test_largest_groups_waste_what_all_packings_with_them_do(
    multiples: tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(largest_groups, "WASTED", multiples)
    found = beside = 0
    for seed in range(1_000, 1_000 + fewer(600)):
        for problem, levels, every, supply, asked in demands_at_any_prices(seed):
            wasteful = largest_groups.wasteful_largest(
                problem, levels, asked, supply, Control.starting_now(), largest_groups.WASTING
            )
            if wasteful is None:
                continue
            assert wasteful.wasted > supply.spare
            largest = np.where(np.arange(len(levels)) >= wasteful.first, asked, 0)
            worths = np.diff(supply.worths.totals)
            for one in every:
                if (one >= largest).all():
                    left = supply.spare + float(worths @ (asked - one))
                    assert left >= wasteful.wasted - 1e-6, seed
                    beside += 1
            found += 1
    assert found > 3
    # Others with as many of the largest groups leave more: these have to keep it, too.
    assert beside > 3 or multiples == (1.0,)


def test_devices_that_differ_in_small_parts_alone_are_priced_apart() -> None:
    """The last device could make the small group: to make a large one with it costs more than with others like it."""

    def device(name: str, students: str, failure: float) -> dict[str, Any]:
        times = dict.fromkeys(students, 1.0)
        return {
            "id": name,
            "compute_seconds": times,
            "memory_bytes": 1,
            "uplink_bits_per_second": 1.0,
            "failure_probability": failure,
        }

    devices = [device(f"d{n}", "a", 0.2) for n in range(5)] + [device(f"e{n}", "b", 0.24) for n in range(2)]
    devices += [device(f"g{n}", "a", 0.2 - 0.001 * n) for n in range(1, 9)] + [device("f", "ab", 0.2)]
    sizes = {"a": 10, "b": 4}
    instance = ro.Instance.model_validate(
        {
            "name": "apart",
            "devices": devices,
            "students": [{"id": s, "flops": 1.0, "memory_bytes": 1, "max_filters": most} for s, most in sizes.items()],
            "knowledge": {"num_filters": 64, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.05},
        }
    )
    problem = ThresholdProblem(instance, "guaranteed", math.inf)
    packing = DemandPacking(problem, numbers(problem, [10] * 6 + [4]), [], Control.starting_now())
    assert packing.decide(ALL).status == "packed"
    assert packing.decide(Effort(0, None)).status == "unknown"
    assert packing.first is not None
    endless = packing.first._replace(spare=math.inf)
    assert largest_groups.refuted_from(problem, packing.levels, packing.asked, endless, Control.starting_now()) is None


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
    least = (np.array(TIGHT)[:, None] >= counts.sizes).sum(axis=0)
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
    first = NumbersSearch(problem, program.counts, relaxed.groups, [], Control.starting_now()).spacious()
    assert first is not None
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


def test_a_step_loses_no_more_than_the_first_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=100, seed=404)
    # The least latency, where little is to spare.
    problem = ThresholdProblem(instance, "guaranteed", 0.3502185821028586)
    counts = CountedProgram(problem, [], Control.starting_now()).counts
    least = (np.array(TIGHT)[:, None] >= counts.sizes).sum(axis=0)
    demand = DemandPacking(problem, counts._replace(least=least), [], Control.starting_now(), roughly=True)
    state, better = demand._state(demand._all, demand.first), 0
    while state is not None:
        steps = []
        for lost in (1.0, 0.0):
            monkeypatch.setattr(module, "LOST", lost)
            step = demand._step(state, [], by_chance=False, together=False)
            assert step is not None
            steps.append(step)
        assert steps[1].more >= steps[0].more
        better += steps[1].more > steps[0].more + 1e-9
        state = steps[1].state
    assert better > 0
