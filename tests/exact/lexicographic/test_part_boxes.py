"""The best partition within a threshold: the truth on tiny instances, valid bounds, and never worse than the start."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rocoin_opt as ro
from partition_oracle import best_within, outcomes
from rocoin_opt.control import Control
from rocoin_opt.exact.frontier_search import FrontierSearch
from rocoin_opt.exact.lexicographic import part_boxes as part_quality
from rocoin_opt.exact.lexicographic import part_search
from rocoin_opt.exact.lexicographic import part_sizes as size_vectors
from rocoin_opt.exact.lexicographic.order import best_within as search_within
from rocoin_opt.exact.lexicographic.part_boxes import best_attainable
from rocoin_opt.exact.lexicographic.part_search import Cut, PartSearch
from rocoin_opt.failure.evaluation import evaluate, value_of
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.knowledge import refinement, spectral
from rocoin_opt.knowledge.sizes import are_within
from rocoin_opt.plan.filters import labels_of, without_filters
from samples import cases, trials
from strategies import instances, valid_plans

if TYPE_CHECKING:
    from pathlib import Path

OBJECTIVES = ("guaranteed", "nominal", "worst")
CRITERIA = ("ncut", "cut", "resilient")


@pytest.mark.parametrize(
    ("criterion", "objective"),
    cases(
        [("ncut", "guaranteed"), ("cut", "worst"), ("resilient", "nominal")],
        [("ncut", "nominal"), ("resilient", "worst"), ("cut", "guaranteed")],
    ),
)
@given(data=st.data(), instance=instances(max_devices=4, max_students=2, max_filters=5, graph=True))
@trials(25)
def test_nothing_is_better_on_tiny_instances(objective, criterion, data, instance):
    plan = data.draw(valid_plans(instance))
    threshold = evaluate(instance, plan).value(objective)
    parts = PartSearch(instance, criterion, Control())
    found = search_within(ThresholdProblem(instance, objective, threshold), parts, plan, Control())
    best = best_within(outcomes(instance, objective, criterion), threshold)
    assert found.cut.value == pytest.approx(best, rel=1e-8, abs=1e-8 * parts.unit)
    assert parts.value(found.cut.labels) == found.cut.value
    # Exact bounds of small graphs prove it.
    assert found.bound <= best + 1e-9 * parts.unit
    assert found.bound == pytest.approx(best, rel=1e-8, abs=1e-8 * parts.unit)


class Packings:
    """Stands for the sizes that groups can have: those within some given vectors, and every level is a capacity."""

    control = Control()

    def __init__(self, largest, wanted):
        self.possible, self.wanted = largest, wanted

    def learn(self, groups, sizes):
        return groups[0]

    def numbers_of_parts(self):
        return range(2, 5)

    def largest(self, parts):
        """The hull of the vectors with so many parts."""
        of_parts = [limits for limits in self.possible if len(limits) == parts]
        return tuple(max(sizes) for sizes in zip(*of_parts, strict=True)) if of_parts else None

    def lowered(self, size):
        return size - 1

    def groups_for(self, sizes):
        return next(([limits] for limits in self.possible if are_within(sizes, limits)), None)

    def conflict(self, sizes):
        return tuple(enumerate(sizes, start=1))


class Costs:
    """Stands for the best partitions: a cost for each vector of sizes."""

    def __init__(self, costs):
        self.costs = costs

    def within(self, limits, starts=()):
        cost, sizes = min((cost, sizes) for sizes, cost in self.costs.items() if are_within(sizes, limits))
        return Cut(np.repeat(np.arange(len(sizes)), sizes), cost)

    def bound(self, limits):
        return self.within(limits).value

    def polished(self, cut, limits):
        return cut

    def is_large(self, parts):
        return False

    def rank(self, value):
        return value


TWELVE = [
    sizes
    for parts in (3, 4)
    for sizes in itertools.combinations_with_replacement(range(12, 0, -1), parts)
    if sum(sizes) == 12
]


@st.composite
def puzzles(draw):
    """Vectors that groups can have, and costs of all vectors of sizes; those that are out of reach are the cheapest."""
    possible = draw(st.lists(st.sampled_from(TWELVE), min_size=1, max_size=6))
    costs = {}
    for sizes, cost in zip(TWELVE, draw(st.permutations(range(len(TWELVE)))), strict=True):
        attained = any(are_within(sizes, limits) for limits in possible)
        costs[sizes] = float(cost + 100 * attained)
    return possible, costs


@given(puzzles())
@trials(100)
def test_boxes_lose_no_vector_of_sizes(puzzle):
    possible, costs = puzzle
    found = best_attainable(Packings(possible, 12), Costs(costs), [possible[0]], None)
    best = min(cost for sizes, cost in costs.items() if any(are_within(sizes, limits) for limits in possible))
    assert found.cut.value == found.bound == best
    assert are_within(found.cut.sizes, found.groups[0])


@given(puzzles())
@trials(50)
def test_what_is_not_proven_does_not_raise_the_bound(puzzle):
    possible, costs = puzzle
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Packings, "conflict", lambda self, sizes: None)
        packings = Packings(possible, 12)
        found = best_attainable(packings, Costs(costs), [possible[0]], None)
    best = min(cost for sizes, cost in costs.items() if any(are_within(sizes, limits) for limits in possible))
    hulls = [limits for limits in map(packings.largest, (3, 4)) if limits]
    assert found.bound == min(Costs(costs).bound(limits) for limits in hulls)
    # The search goes on as if it were proven.
    assert found.cut.value == best


@given(data=st.data(), instance=instances(max_devices=4, max_students=2, max_filters=5, graph=True))
@trials(25)
def test_known_groups_alone_give_a_valid_bound(data, instance):
    plan = data.draw(valid_plans(instance))
    threshold = evaluate(instance, plan).value("guaranteed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size_vectors, "MAX_GROUPS", 0)
        parts = PartSearch(instance, "ncut", Control())
        found = search_within(ThresholdProblem(instance, "guaranteed", threshold), parts, plan, Control())
    best = best_within(outcomes(instance, "guaranteed", "ncut"), threshold)
    assert found.bound - 1e-9 <= best <= found.cut.value + 1e-9
    assert len(found.groups) == len(found.cut.sizes)


@pytest.fixture(scope="module")
def few_descents():
    """Partitions of many filters are not at issue here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part_search, "MAX_DESCENTS", 8)
        yield


@pytest.fixture(scope="module")
def edge(few_descents):
    """An instance whose largest sizes no plan has, with its best plan."""
    instance = ro.generate("edge", devices=16, seed=0, graph=True)
    return instance, ro.solve(instance, latency_only=True).plan


def searched(instance, plan, control=None, criterion="ncut"):
    threshold = value_of(instance, plan, "guaranteed")
    parts = PartSearch(instance, criterion, control or Control())
    return search_within(ThresholdProblem(instance, "guaranteed", threshold), parts, plan, control or Control())


@pytest.mark.slow
def test_conflicts_lead_to_other_groups(edge):
    instance, plan = edge
    found = searched(instance, plan)
    problem = ThresholdProblem(instance, "guaranteed", value_of(instance, plan, "guaranteed"))
    for members, size in zip(found.groups, found.cut.sizes, strict=True):
        assert problem.by_student(np.array([members])).max() >= size
    assert found.bound <= found.cut.value
    labels = labels_of(instance, plan)
    assert found.cut.value <= PartSearch(instance, "ncut", Control()).value(labels)


@pytest.mark.slow
def test_the_number_of_boxes_is_limited(edge, monkeypatch):
    monkeypatch.setattr(part_quality, "MAX_BOXES", 0)
    instance, plan = edge
    found = searched(instance, plan)
    assert found.bound <= found.cut.value
    assert found.cut.sizes <= plan.sizes or len(found.cut.sizes) == len(plan.sizes)


@pytest.mark.slow
def test_without_filters_parts_are_made_from_nothing(edge):
    instance, plan = edge
    found = searched(instance, without_filters(plan))
    assert found.bound <= found.cut.value
    assert sum(found.cut.sizes) == 128


@pytest.mark.slow
def test_no_time_leaves_the_known_groups(edge):
    instance, plan = edge
    control = Control()
    control.stop.set()
    found = searched(instance, plan, control)
    assert len(found.cut.sizes) == len(plan.groups)
    assert found.bound <= found.cut.value


def test_each_vector_of_limits_is_searched_once(monkeypatch):
    instance = ro.generate("paper", seed=1, graph=True)
    parts = PartSearch(instance, "ncut", Control())
    calls = []
    original = PartSearch._labels
    monkeypatch.setattr(PartSearch, "_labels", lambda self, *args: calls.append(args) or original(self, *args))
    wide = parts.within((64, 64, 64))
    assert parts.within((64, 64, 64)) is wide
    # Tighter limits that hold the same parts have the same best ones.
    assert parts.within(wide.sizes).value == wide.value
    assert len(calls) == 1
    tight = parts.within((wide.sizes[0] - 1,) * 3)
    assert len(calls) == 2
    # What is found within tighter limits counts within wider ones.
    assert parts.within((64, 64, 64)).value == min(tight.value, wide.value)
    assert list(wide.sizes) == sorted(wide.sizes, reverse=True)
    assert parts.bound((64, 64, 64)) <= wide.value


@pytest.mark.slow
def test_polishing_is_never_worse_and_done_once(monkeypatch):
    instance = ro.generate("paper", filters=48, seed=2, graph=True)
    parts = PartSearch(instance, "ncut", Control())
    limits = (19, 19, 19)
    first = parts.within(limits)
    polished = parts.polished(first, limits)
    assert polished.value <= first.value
    monkeypatch.setattr(PartSearch, "_labels", None)
    assert parts.polished(polished, polished.sizes) is polished
    assert parts.within(limits) is polished


def test_equal_partitions_have_equal_ranks():
    instance = ro.generate("paper", seed=2, graph=True)
    parts = PartSearch(instance, "cut", Control())
    assert parts.unit == pytest.approx(instance.knowledge.graph.dense(128).sum() / 2)
    assert parts.rank(parts.unit * 0.5) == parts.rank(parts.unit * (0.5 + 1e-11)) == 0.5
    labels = np.repeat([0, 1], 64)
    assert parts.value(labels) == pytest.approx(parts.value(1 - labels))
    assert Cut(labels, 0.0).sizes == (64, 64)


def test_without_a_graph_or_a_name_there_is_no_criterion():
    with pytest.raises(ro.UnsupportedError, match=r"knowledge\.graph is missing"):
        PartSearch(ro.generate("paper", seed=1), "ncut", Control())
    with pytest.raises(ro.InputError, match="one of ncut, cut, resilient"):
        PartSearch(ro.generate("paper", seed=1, graph=True), "best", Control())


def test_the_first_boxes_bound_the_partition_without_a_search(repository: Path) -> None:
    instance = ro.read_instance(repository / "instances" / "paper" / "paper-8-0.json")
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    seconds = ro.evaluate(instance, plan).guaranteed_seconds
    assert seconds is not None
    stopped = Control.starting_now(time_limit=0.0)
    parts = PartSearch(instance, "ncut", stopped, bound_rounds=None)
    search = FrontierSearch(instance, "guaranteed", parts, plan, 0.0, stopped)
    # A search without time has nothing else to say; 0 would be no news.
    assert 1.0 < search.points[0].bound <= search.points[0].value
    assert search.run(4, lambda: None) == "limit"


def test_very_large_partitions_are_searched_for_once(monkeypatch):
    instance = ro.generate("edge", devices=6, kinds=2, graph=True, filters=24)
    for module, name, value in (
        (part_search, "LARGE", 1),
        (refinement, "LARGE", 1),
        (refinement, "REFINING_WORK", 100_000),
        (spectral, "CLUSTERING_WORK", 1),
    ):
        monkeypatch.setattr(module, name, value)
    quick = ro.solve(instance, "exact", explain=False)
    assert ro.check(instance, quick.plan) == ()
    assert quick.objective_value == quick.lower_bound
    assert quick.plan.groups[0].filters is not None
