"""The frontier under domains, rules and ``min_success``: the true one on tiny instances, valid on larger ones."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from restricted_frontiers import drawn_with_graph, efficient, true_outcomes
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.exact.restricted import sized_sets
from rocoin_opt.grouping import Reach
from rocoin_opt.instance import Rule
from rocoin_opt.plan import labels_of
from rocoin_opt.planning.frontier import frontier
from samples import cases

pytestmark = pytest.mark.usefixtures("short_search")
OBJECTIVES = ("guaranteed", "nominal", "worst")
TELLING = (37, 21, 30, 50, 10, 47)
"""Seeds with several points: rules, domains, energy and ``min_success`` among them."""


def assert_true(seed: int, devices: int) -> None:
    instance = drawn_with_graph(seed, devices)
    objective, criterion = OBJECTIVES[seed % 3], ("ncut", "cut")[seed % 2]
    truth = true_outcomes(instance, objective, criterion)
    found = frontier(instance, objective, criterion=criterion, points=100)
    if not truth:
        assert (found.termination, found.points) == ("infeasible", ())
        return
    assert found.termination == "complete"
    points = [number for point in found.points for number in (point.seconds, point.partition_value)]
    assert points == pytest.approx([number for point in efficient(truth) for number in point], rel=1e-9, abs=1e-9)
    for point in found.points:
        assert ro.check(instance, point.plan) == ()
        # The next point lies a rounding behind the limit of this one.
        limit = max(point.limit_seconds * (1.0 - 1e-11), point.seconds * (1.0 + 1e-12))
        best = min(value for seconds, value in truth if seconds <= limit)
        assert point.partition_bound <= best + 1e-9 * max(1.0, best)


@pytest.mark.parametrize("seed", cases([], TELLING))
def test_the_frontier_is_the_true_one(seed: int) -> None:
    assert_true(seed, 4)


@pytest.mark.slow
def test_hundreds_of_frontiers_are_the_true_ones() -> None:
    for seed in range(2000, 2060):
        assert_true(seed, 4)


@pytest.fixture(scope="module")
def fleet() -> ro.Instance:
    instance = ro.generate("sbc", devices=26, seed=1, filters=8, graph=True, domains=5, max_groups=3)
    ids = [device.id for device in instance.devices]
    rules = [{"together": ids[:2]}, {"apart": ids[3:5]}, {"use": [ids[5]]}]
    return instance.model_copy(update={"rules": tuple(map(Rule.model_validate, rules))})


@pytest.mark.slow
def test_points_of_large_fleets_keep_rules_and_have_valid_bounds(fleet: ro.Instance) -> None:
    found = frontier(fleet, points=2)
    assert found.points
    parts = PartSearch(fleet, "ncut", Control())
    free = frontier(fleet.model_copy(update={"rules": ()}), points=2)
    for point in found.points:
        assert ro.check(fleet, point.plan) == ()
        assert parts.value(labels_of(fleet, point.plan)) == point.partition_value >= point.partition_bound
        best = min(other.partition_value for other in free.points if other.seconds <= point.limit_seconds)
        assert point.partition_bound <= best + 1e-9


@pytest.mark.slow
def test_an_integer_program_packs_where_the_search_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    agreed = 0
    for seed in range(60):
        instance = drawn_with_graph(seed, 4).with_requirements(min_success=None)
        if seed % 2:
            instance = instance.with_requirements(max_energy_joules=None)
        reach = Reach.within(instance, "worst", 1e9)
        total = instance.knowledge.num_filters
        for sizes in {(total,), (total - 1, 1) if total > 1 else (total,)}:
            monkeypatch.setattr(sized_sets, "EFFORT", 1e9)
            plan, refuted = sized_sets.SizedSets(instance, Control()).plan(reach, sizes)
            monkeypatch.setattr(sized_sets, "EFFORT", -1)
            again, refuted_again = sized_sets.SizedSets(instance, Control()).plan(reach, sizes)
            assert (plan is None, refuted) == (again is None, refuted_again)
            agreed += plan is not None
    assert agreed >= 10
