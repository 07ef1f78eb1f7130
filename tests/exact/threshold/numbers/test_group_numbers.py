"""The integer program of numbers of groups: what enumeration finds, and rows that the numbers of all packings keep."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_demand_packing import every_list_of_sizes, two_odd_kinds

import rocoin_opt as ro
from packing_oracle import PackingOracle, candidates, random_instance, with_alike_devices
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.numbers.count_tree import CountedProgram
from rocoin_opt.exact.threshold.numbers.group_numbers import MOST_FILTERS, ROW_SAFETY, NumbersProgram
from rocoin_opt.exact.threshold.numbers.spacious_numbers import NumbersMemory, NumbersSearch
from rocoin_opt.exact.threshold.packing import Counts
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from samples import cases, fewer

if TYPE_CHECKING:
    from rocoin_opt.instance import IntArray
    from rocoin_opt.plan.latency import Objective

SIZES = np.array([2, 3, 5])


MANY = np.full(3, 100)
"""Numbers that no row keeps."""


def is_smaller(numbers: IntArray, others: IntArray) -> bool:
    return bool((numbers < others)[others > 0].any())


@pytest.mark.parametrize("filters", [1, 99_991, 10_000_019])
@pytest.mark.parametrize("seed", cases(range(20), range(400)))
def test_numbers_are_those_that_enumeration_finds(seed: int, filters: int) -> None:
    """In units of many filters, too: rows that are kept exactly are no less than that by the tolerances of solvers."""
    rng = np.random.default_rng(seed)
    wanted, unit = int(rng.integers(3, 14)), filters / 7.0 if filters > 1 else 1.0
    counts = Counts(SIZES * filters, np.array([1, 0, 0]), np.array([4, 3, 3]))
    rows = NumbersProgram(counts, wanted * filters, Control.starting_now())
    kept = [(rng.integers(0, 4, 3), int(rng.integers(5, 20))) for _ in range(3)]
    for prices, most in kept:
        rows.learn(prices * unit, most * unit)
    wasting = []
    for _ in range(int(rng.integers(0, 3))):
        largest = np.where(np.arange(3) >= rng.integers(0, 3), np.sort(rng.integers(1, 5, 3))[::-1], 0)
        prices, most = rng.integers(0, 4, 3), int(rng.integers(2, 20))
        rows.learn_wasted(largest, prices * unit, most * unit, MANY)
        wasting.append((largest, prices, most))
    for ruled_out in (rows.refuted, rows.avoided):
        ruled_out += [np.sort(rng.integers(0, 5, 3))[::-1] for _ in range(int(rng.integers(0, 2)))]
    widths = np.diff(SIZES, prepend=0)
    kept_by_all, not_avoided = [], []
    for numbers in itertools.product(range(1, 5), range(4), range(4)):
        asked = np.array(numbers)
        is_kept = (np.diff(asked) <= 0).all() and widths @ asked >= wanted
        is_kept = is_kept and all(prices @ asked <= most for prices, most in kept)
        is_kept = is_kept and all(prices @ asked <= most or is_smaller(asked, one) for one, prices, most in wasting)
        if is_kept and all(is_smaller(asked, one) for one in rows.refuted):
            kept_by_all.append(asked)
            if all(is_smaller(asked, one) for one in rows.avoided):
                not_avoided.append(asked)
    others = rng.random(3) * 4
    found, is_refuted = rows.nearest(others)
    assert is_refuted == (not kept_by_all)
    if not not_avoided:
        assert found is None
        return
    assert any((found == one).all() for one in not_avoided)
    away = [widths @ abs(one - others) for one in not_avoided]
    assert widths @ abs(found - others) == pytest.approx(min(away))
    best, most = rows.most_spare(counts)
    assert any((best == one).all() for one in not_avoided)
    # What largest groups waste counts beside what numbers leave: of these rows only that they are kept.
    scaled_down = max(wanted * filters / MOST_FILTERS, 1.0)
    spare = max(min(most - prices @ one for prices, most in kept) for one in not_avoided) * unit
    assert most <= spare + 2.0 * ROW_SAFETY * scaled_down
    if not wasting:
        assert most >= spare - 2.0 * ROW_SAFETY * scaled_down


def fleet_of_kinds(seed: int, *, slower: float = 0.0) -> ro.Instance:
    """Odd numbers of devices that know one student or two, and cover in pairs or threes: whole groups waste some.

    Those of later kinds take longer by so many seconds.
    """
    rng = np.random.default_rng(seed)
    sizes = {"a": 5, "b": int(rng.choice([5, 5, 4])), "c": int(rng.choice([5, 2]))}
    failures = [float(rng.choice([0.2, 0.2, 0.35])) for _ in range(3)]
    known = [["a"], ["b"] if rng.random() < 0.7 else ["a", "b"], ["c"] if rng.random() < 0.7 else ["b", "c"]]
    devices: list[dict[str, Any]] = [
        {
            "id": f"{kind}-{n}",
            "compute_seconds": dict.fromkeys(known[kind], 1.0 + slower * kind),
            "memory_bytes": 1,
            "uplink_bits_per_second": 1.0,
            "failure_probability": failures[kind],
        }
        for kind in range(int(rng.integers(2, 4)))
        for n in range(int(rng.choice([1, 3, 3])))
    ]
    return ro.Instance.model_validate(
        {
            "name": "kinds",
            "devices": devices,
            "students": [{"id": s, "flops": 1.0, "memory_bytes": 1, "max_filters": most} for s, most in sizes.items()],
            "knowledge": {"num_filters": 1, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.05},
        }
    )


def test_the_numbers_of_every_packing_keep_all_rows() -> None:
    refuted = kept = 0
    for seed in range(fewer(600)):
        instance = fleet_of_kinds(seed)
        groups = sorted(PackingOracle(instance, "guaranteed", math.inf).capacity.items())
        every = every_list_of_sizes(groups, 0, 0)
        best = max(map(sum, every))
        for filters in range(max(best - 1, 1), best + 7):
            knowledge = instance.knowledge.with_fields(num_filters=filters)
            problem = ThresholdProblem(instance.with_fields(knowledge=knowledge), "guaranteed", math.inf)
            program = CountedProgram(problem, [], Control.starting_now())
            if (program.counts.least > program.counts.limits).any():
                continue
            relaxed = program.solve(program.counts, None)
            if relaxed is None or not relaxed.relaxation.admits(problem.wanted):
                assert filters > best
                continue
            search = NumbersSearch(problem, program.counts, relaxed.groups, [], Control.starting_now())
            found = search.spacious()
            assert found is None or not search.is_refuted
            for one in every:
                numbers = (np.array(one, dtype=int)[:, None] >= program.counts.sizes).sum(axis=0)
                assert search.rows.spare(numbers) >= 0.0, seed
                for largest, prices, most in search.rows.wasting:
                    assert prices @ numbers <= most or is_smaller(numbers, largest), seed
                kept += sum(one) >= filters
            assert not (filters <= best and search.is_refuted), (seed, filters)
            refuted += search.is_refuted
    assert kept > 10
    assert refuted > 3


def test_rows_of_a_later_threshold_are_kept_at_earlier_ones() -> None:
    """Whatever sizes groups have there: of no packing the numbers are refuted."""
    inherited = refuted = 0
    for seed in range(fewer(600)):
        instance = random_instance(seed, most_devices=6).with_requirements(min_groups=1)
        instance = with_alike_devices(instance, seed, most=6).with_requirements(min_groups=1) if seed % 2 else instance
        objective: Objective = "nominal" if seed % 4 == 1 else "guaranteed"
        filters = int(np.random.default_rng(seed).integers(1, instance.knowledge.num_filters + 1))
        if seed % 3:
            instance = fleet_of_kinds(seed, slower=0.25 * (seed % 2))
            groups = sorted(PackingOracle(instance, "guaranteed", math.inf).capacity.items())
            filters = max(1, *map(sum, every_list_of_sizes(groups, 0, 0))) + seed % 4
        instance = instance.with_fields(knowledge=instance.knowledge.with_fields(num_filters=filters))
        thresholds = candidates(instance)[:: -max(1, len(candidates(instance)) // 4)]
        memory, now = NumbersMemory(), Control.starting_now()
        for threshold in thresholds:
            groups = sorted(PackingOracle(instance, objective, threshold).capacity.items())
            every = every_list_of_sizes(groups, 0, 0)
            problem = ThresholdProblem(instance, objective, threshold)
            program = CountedProgram(problem, [], now)
            if (program.counts.least > program.counts.limits).any():
                continue
            relaxed = program.solve(program.counts, None)
            if relaxed is None or not relaxed.relaxation.admits(problem.wanted):
                continue
            search = NumbersSearch(problem, program.counts, relaxed.groups, [], now)
            memory.tell(threshold, search.rows)
            inherited += search.rows.spare(np.zeros_like(program.counts.sizes)) < math.inf
            refuted += len(search.rows.refuted)
            for number in range(2):
                # First by what is inherited alone, then by its own rows as well.
                for one in every:
                    numbers = (np.array(one, dtype=int)[:, None] >= program.counts.sizes).sum(axis=0)
                    assert search.rows.spare(numbers) >= 0.0, (seed, threshold, number)
                    for largest, prices, most in search.rows.wasting:
                        assert prices @ numbers <= most or is_smaller(numbers, largest), (seed, threshold, number)
                    if sum(one) >= problem.wanted:
                        assert all(is_smaller(numbers, other) for other in search.rows.refuted), (seed, threshold)
                search.spacious()
            # What no packing has that holds all filters is refuted, as a list of all groups would do it.
            sizes, wanted = program.counts.sizes, problem.wanted
            enough = [np.array(one) for one in every if sum(one) >= wanted]
            asked = np.sort(np.random.default_rng(seed).integers(0, 3, len(sizes)))[::-1]
            if all(is_smaller((one[:, None] >= sizes).sum(axis=0), asked) for one in enough) and asked[0] > 0:
                search.refute(sizes, asked)
    assert inherited > 10
    assert refuted > 5


def test_groups_that_only_parts_make_leave_no_numbers() -> None:
    problem = two_odd_kinds()
    program = CountedProgram(problem, [], Control.starting_now())
    relaxed = program.solve(program.counts, None)
    assert relaxed is not None
    assert relaxed.relaxation.admits(problem.wanted)
    search = NumbersSearch(problem, program.counts, relaxed.groups, [], Control.starting_now())
    assert search.spacious() is None
    assert search.is_refuted
    assert len(search.rows.wasting) == 1
    assert math.isclose(search.rows.wasting[0][2], 15.0 - 5.0, abs_tol=5.0)
    # At an earlier threshold that is known without a linear program.
    memory, rows = NumbersMemory(), NumbersProgram(program.counts, problem.wanted, Control.starting_now())
    memory.tell(2.0, search.rows)
    memory.tell(1.0, rows)
    assert rows.nearest(relaxed.groups) == (None, True)
    memory.tell(3.0, later := NumbersProgram(program.counts, problem.wanted, Control.starting_now()))
    assert later.nearest(relaxed.groups)[1] is False


def test_numbers_that_a_rounded_row_keeps_are_ruled_out_by_themselves() -> None:
    asked, prices = np.array([3, 2, 1]), np.array([1.0, 2.0, 3.0])
    for most, is_kept in ((9.0, False), (10.0 - 1e-9, True), (10.0, True), (10.0 + 1e-9, True)):
        rows = NumbersProgram(Counts(SIZES, np.array([1, 0, 0]), np.array([4, 3, 3])), 3, Control.starting_now())
        rows.learn_wasted(asked, prices, most, asked)
        assert bool(rows.refuted) == is_kept
        found, is_refuted = rows.nearest(asked.astype(float))
        assert not is_refuted
        assert found is not None
        assert is_smaller(found, asked)
