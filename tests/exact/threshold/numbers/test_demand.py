"""Demands: what is refuted cannot be had, prices overlook no group, and a number that is only kept hides no other."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from packing_oracle import PackingOracle, candidates, random_instance, with_alike_devices, with_domains
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.numbers import demand as module
from rocoin_opt.exact.threshold.numbers.count_tree import CountedProgram
from rocoin_opt.exact.threshold.numbers.demand import DemandProgram, Left
from rocoin_opt.grouping import generate_columns
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.instance.model import Instance
from rocoin_opt.planning.solve import solve
from samples import cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.exact.threshold.numbers.alike_groups import AlikeGroup
    from rocoin_opt.exact.threshold.numbers.demand import Supply
    from rocoin_opt.grouping import Round


def numbers_of_packings(groups: list[tuple[int, int]], levels: np.ndarray) -> set[tuple[int, ...]]:
    """Groups of each level or more in every packing; a group is the bits of its devices, and its size."""
    every: set[tuple[int, ...]] = set()

    def extend(start: int, used: int, sizes: tuple[int, ...]) -> None:
        every.add(tuple((np.array(sizes, dtype=int)[:, None] >= levels).sum(axis=0).tolist()))
        for k in range(start, len(groups)):
            if groups[k][0] & used == 0:
                extend(k + 1, used | groups[k][0], (*sizes, groups[k][1]))

    extend(0, 0, ())
    return every


@pytest.mark.parametrize("seed", cases(range(8), range(60)))
def test_demands_that_some_packing_meets_are_never_refuted(seed: int) -> None:
    rng = random.Random(seed)
    instance = random_instance(seed, most_devices=6)
    instance = (instance, with_alike_devices(instance, seed, most=6), with_domains(instance, seed))[seed % 3]
    objective = "nominal" if seed % 4 == 1 else "guaranteed"
    thresholds = candidates(instance)
    if not thresholds:
        return
    threshold = thresholds[rng.randrange(len(thresholds) // 2, len(thresholds))]
    problem = ThresholdProblem(instance, objective, threshold)
    groups = PackingOracle(instance, objective, threshold).capacity.items()
    sizes = sorted({size for _, size in groups})
    if not sizes:
        return
    levels = np.array(sorted(rng.sample(sizes, rng.randint(1, min(3, len(sizes))))))
    every = numbers_of_packings(sorted(groups), levels)
    program = DemandProgram(problem, levels, [], Control.starting_now())
    for _ in range(6):
        asked = np.sort([rng.randint(0, 3) for _ in levels])[::-1]
        asked[0] = max(asked[0], 1)
        program.ask(asked)
        supply = program.solve(Left(program.all, asked))
        assert supply is not None
        if any(np.all(np.array(numbers) >= asked) for numbers in every):
            assert not supply.is_refuted
            assert supply.made >= 1.0 - 1e-6
        # What it takes is there, and makes what the factor promises.
        taken = sum(value * group.counts for value, group in zip(supply.values, program.groups, strict=False))
        assert np.all(taken <= program.all + 1e-6)
        # Prices are in filters, so that what they leave of different ones can be compared.
        worth = float(np.diff(supply.worths.totals) @ asked)
        assert supply.is_refuted or worth == pytest.approx(program.filters(asked), rel=1e-6)
        # No group is worth more than its devices cost, or nothing would be proven.
        prices, worths = supply.prices, supply.worths
        for mask, size in groups:
            members = [n for n in range(len(instance.devices)) if mask >> n & 1]
            if size >= levels[0]:
                assert size - worths.of_one(size) <= prices[members].sum() + 1e-5


def fleet(shares: list[float], rates: list[float]) -> ThresholdProblem:
    """Devices of some shares of a cover; one with a rate of r delivers parts of 10 r within the threshold."""
    instance = Instance.model_validate(
        {
            "name": "fleet",
            "devices": [
                {
                    "id": f"d{n}",
                    "flops_per_second": 1e9,
                    "memory_bytes": 1.0,
                    "uplink_bits_per_second": rate,
                    "failure_probability": 0.01**share,
                }
                for n, (share, rate) in enumerate(zip(shares, rates, strict=True))
            ],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1.0, "max_filters": 100}],
            "knowledge": {"num_filters": 100, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
        }
    )
    return ThresholdProblem(instance, "guaranteed", 10.01)


def test_a_number_that_cannot_be_exceeded_hides_no_other() -> None:
    # One device alone holds a large part: of such groups there is one, whatever else there is.
    problem = fleet([1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    small, large = np.unique(problem.timely[problem.timely > 0]).tolist()
    program = DemandProgram(problem, np.array([small, large]), [], Control.starting_now())
    program.ask(np.array([3, 1]))
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    # Of four groups that there can be, three are asked for.
    assert supply.factor == pytest.approx(4 / 3)


def test_known_groups_that_wait_enter_where_they_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_A_DEVICE", 0)
    monkeypatch.setattr(module, "ADDED", 1)
    problem = fleet([1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    levels = np.unique(problem.timely[problem.timely > 0])
    groups = [(0,), (1, 2), (3, 4), (5, 6)]
    program = DemandProgram(problem, levels, groups, Control.starting_now())
    assert program.groups == []
    program.ask(np.array([3, 1]))
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    assert supply.factor == pytest.approx(4 / 3)
    # Without the single device no group of the larger level fits, whatever waits.
    left = program.all.copy()
    left[problem.kind_of_device[0]] -= 1
    supply = program.solve(Left(left, program.asked))
    assert supply is not None
    assert supply.made < 1.0


def test_a_rough_solution_takes_fewer_rounds_and_its_bound_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = generate("edge", devices=120, seed=0)
    best = solve(instance, method="greedy").objective_value
    assert best is not None
    problem = ThresholdProblem(instance, "guaranteed", 1.02 * best)
    counted = CountedProgram(problem, [], Control.starting_now())
    relaxed = counted.solve(counted.counts, None)
    assert relaxed is not None
    asked = np.floor(0.97 * relaxed.groups).astype(np.int64)
    rounds = 0

    def generated(*given: Any, **how: Any) -> Iterator[Round]:
        nonlocal rounds
        for one in generate_columns(*given, **how):
            rounds += 1
            yield one

    monkeypatch.setattr(module, "generate_columns", generated)
    solutions: list[Supply] = []
    taken: list[int] = []
    for roughly in (False, True):
        program = DemandProgram(problem, counted.counts.sizes, [], Control.starting_now())
        program.ask(asked)
        rounds = 0
        supply = program.solve(Left(program.all, asked), roughly=roughly)
        assert supply is not None
        solutions.append(supply)
        taken.append(rounds)
    exact, rough = solutions
    assert taken[1] < taken[0]
    assert exact.made >= 1.0 - 1e-6
    assert rough.made >= 1.0 - 1e-6
    # The limit of what is left is valid, and not much larger than what the solution leaves.
    assert exact.spare - 1e-5 <= rough.spare <= exact.spare * (1.0 + module.TAIL) + 1e-5
    assert exact.factor - 1.0 >= rough.factor - 1.0 - 1e-6
    assert rough.factor - 1.0 >= (exact.factor - 1.0) / (1.0 + module.TAIL) - 1e-6


def test_a_program_set_up_anew_begins_with_the_likeliest_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = fleet([1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], [4.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    levels = np.unique(problem.timely[problem.timely > 0])
    # The likeliest ones last.
    every = [*itertools.combinations(range(1, 7), 3), *itertools.combinations(range(1, 7), 2), (0,)]
    program = DemandProgram(problem, levels, every, Control.starting_now())
    program.ask(np.array([4, 3, 3, 2, 1, 0]))
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    monkeypatch.setattr(module, "FIRST_A_DEVICE", 1)
    anew = program.renewed(supply)
    # All groups are known still, and those of the program are worth most beyond what they cost.
    keys = [{(group.counts.tobytes(), group.level) for group in one.groups + one.waiting} for one in (program, anew)]
    assert keys[0] == keys[1]
    assert len(anew.groups) == 7 < len(keys[0])

    def worth(groups: list[AlikeGroup]) -> list[float]:
        costs = [float(supply.prices[list(anew.alike.devices(group.counts))].sum()) for group in groups]
        return [supply.worths.totals[1 + group.level] - cost for group, cost in zip(groups, costs, strict=True)]

    assert min(worth(anew.groups)) >= max(worth(anew.waiting))
    # What could not be exceeded before is not tried again.
    assert anew.asked.tolist() == program.asked.tolist()
    assert anew._kept.tolist() == program._kept.tolist()
    assert program._kept.any()
    for one in (anew, program):
        one.ask(one.asked, like_before=True)
    same, before = (one.solve(Left(one.all, one.asked)) for one in (anew, program))
    assert same is not None
    assert before is not None
    assert same.factor == pytest.approx(before.factor)
    assert same.spare == pytest.approx(before.spare)


def test_numbers_asked_for_by_a_larger_level_are_asked_for_once() -> None:
    problem = fleet([1.0] * 6, [1.0] * 3 + [2.0] * 3)
    small, large = np.unique(problem.timely).tolist()
    program = DemandProgram(problem, np.array([small, small + 1, large]), [], Control.starting_now())
    program.ask(np.array([5, 2, 2]))
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    assert np.diff(supply.worths.totals)[1] == 0.0
    assert supply.factor == pytest.approx(6 / 5)


def test_what_could_not_be_exceeded_before_is_not_tried_again() -> None:
    problem = fleet([1.0] * 6, [1.0] * 3 + [2.0] * 3)
    small, large = np.unique(problem.timely).tolist()
    program = DemandProgram(problem, np.array([small, large]), [], Control.starting_now())
    factors = []
    for like_before in (False, True, False):
        program.ask(np.array([5, 3]), like_before=like_before)
        supply = program.solve(Left(program.all, program.asked))
        assert supply is not None
        factors.append(supply.factor)
    assert factors == pytest.approx([6 / 5] * 3)


def test_covers_that_units_alone_promise_are_refuted() -> None:
    # Two of these miss a cover by less than units tell: without looking at true shares, there would be two groups.
    problem = fleet([0.5 - 1e-6, 0.5 - 1e-6 / 3, 0.5 - 1e-6 / 7, 0.5 - 1e-6 / 11], [1.0] * 4)
    program = DemandProgram(problem, np.array([int(problem.timely.max())]), [], Control.starting_now())
    program.ask(np.array([2]))
    supply = program.solve(Left(program.all, program.asked))
    assert supply is not None
    assert supply.is_refuted


def test_a_limit_ends_it() -> None:
    problem = fleet([0.5] * 4, [1.0] * 4)
    program = DemandProgram(problem, np.array([1]), [], Control.starting_now(time_limit=0))
    program.ask(np.array([1]))
    assert program.solve(Left(program.all, program.asked)) is None
