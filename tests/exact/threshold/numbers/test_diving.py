"""Dives: what they find is a packing, they mostly find one where there is one, and tight packings too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from bins import cut_bins, packing_instance, require_packing
from packing_oracle import best_position, candidates, random_instance, with_alike_devices, with_domains
from rocoin_opt.control import Control
from rocoin_opt.exact.threshold.numbers import demand_packing, diving
from rocoin_opt.exact.threshold.numbers.diving import dive
from rocoin_opt.exact.threshold.packing import Packing
from rocoin_opt.exact.threshold.search import exact
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from samples import cases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members
    from rocoin_opt.plan.latency import Objective


def forbidden(*_: object) -> None:
    raise AssertionError("no dive was asked for")


def found(instance: Instance, objective: Objective) -> tuple[int, int]:
    """Around the optimum: at how many candidates a dive finds a packing, and at how many there is one."""
    thresholds, position = candidates(instance), best_position(instance, objective)
    hits = possible = 0
    for at in range(max(0, position - 2), min(len(thresholds), position + 2)):
        problem = ThresholdProblem(instance, objective, thresholds[at])
        packing = dive(problem, [], Control.starting_now(), 3)
        possible += at >= position
        assert packing.status != ("impossible" if at >= position else "packed")
        if packing.status == "packed":
            require_packing(problem, packing.groups)
            hits += 1
    return hits, possible


@pytest.mark.parametrize("objective", cases(["guaranteed"], ["nominal"]))
@pytest.mark.parametrize("seeds", cases([range(2)], [range(2, 20)]))
def test_dives_find_packings_and_only_where_there_are_some(objective: Objective, seeds: range) -> None:
    hits = possible = 0
    for seed in seeds:
        instance = random_instance(seed)
        for variant in (instance, with_domains(instance, seed), with_alike_devices(instance, seed, most=7)):
            own = found(variant, objective)
            hits, possible = hits + own[0], possible + own[1]
    assert hits >= 0.95 * possible


@pytest.mark.parametrize(
    ("bins", "length", "pieces"), cases([(10, 100, (2, 5))], [(22, 1000, (3, 3)), (24, 100, (2, 5)), (40, 60, (2, 6))])
)
def test_bins_without_any_rest_are_filled(bins: int, length: int, pieces: tuple[int, int]) -> None:
    lengths = cut_bins(bins, length, bins, pieces)
    problem = ThresholdProblem(packing_instance(lengths, length, bins), "guaranteed", math.inf)
    packing = dive(problem, [], Control.starting_now(), 50)
    assert packing.status == "packed"
    require_packing(problem, packing.groups)


def test_a_tight_fleet_gets_a_plan() -> None:
    lengths = cut_bins(24, 100, 1)
    outcome = exact(packing_instance(lengths, 100, 24), "guaranteed", Control.starting_now())
    assert outcome.plan is not None
    assert outcome.lower_bound == pytest.approx(2.0)
    # One piece is a little shorter: there is no such plan, and the sum of all lengths proves it.
    lengths[lengths.index(max(lengths))] -= 1
    assert exact(packing_instance(lengths, 100, 24), "guaranteed", Control.starting_now()).infeasible


@pytest.mark.slow
def test_dives_are_drawn_by_the_seed_and_stop_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = ThresholdProblem(packing_instance(cut_bins(25, 100, 3), 100, 25), "guaranteed", math.inf)
    monkeypatch.setattr(demand_packing, "FEW_GROUPS", 0)
    assert dive(problem, [], Control.starting_now(seed=1), 20) == dive(problem, [], Control.starting_now(seed=1), 20)
    assert dive(problem, [], Control.starting_now(time_limit=0), 20).status == "unknown"


def test_what_does_not_fit_in_parts_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three of 60 and one of 10 cover 190 of the 200 that two groups take.
    lengths = [60, 60, 60, 10]
    one, two = (ThresholdProblem(packing_instance(lengths, 100, k), "guaranteed", math.inf) for k in (1, 2))
    assert dive(one, [(0, 1)], Control.starting_now(), 1).status == "packed"
    asked: list[Members] = []
    monkeypatch.setattr(demand_packing.DemandPacking, "_choose", lambda *_: asked.append(()))
    assert dive(two, [], Control.starting_now(), 3).status == "impossible"
    assert not asked


@pytest.mark.parametrize("seeds", cases([(45, 59)], [range(80)]))
def test_numbers_alone_refute_and_never_wrongly(seeds: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diving.DemandPacking, "dive", forbidden)
    by_numbers = list[bool]()
    spacious = diving.NumbersSearch.spacious

    def noted(self: diving.NumbersSearch) -> object:
        best = spacious(self)
        by_numbers.append(self.is_refuted)
        return best

    monkeypatch.setattr(diving.NumbersSearch, "spacious", noted)
    for seed in seeds:
        instance = random_instance(seed)
        thresholds, position = candidates(instance), best_position(instance, "guaranteed")
        for at in range(max(0, position - 4), min(len(thresholds), position + 2)):
            asked = len(by_numbers)
            packing = dive(ThresholdProblem(instance, "guaranteed", thresholds[at]), [], Control.starting_now(), 0)
            assert packing.status != ("impossible" if at >= position else "packed")
            assert by_numbers[asked:] in ([], [packing.status == "impossible"])
    assert sum(by_numbers) >= 4


def test_that_no_numbers_are_found_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diving.NumbersSearch, "spacious", lambda _: None)
    monkeypatch.setattr(diving, "pack_alike_parts", lambda *_: Packing("unknown"))
    problem = ThresholdProblem(packing_instance(cut_bins(10, 100, 1), 100, 9), "guaranteed", math.inf)
    for dives in (0, 3):
        assert dive(problem, [], Control.starting_now(), dives).status == "unknown"
