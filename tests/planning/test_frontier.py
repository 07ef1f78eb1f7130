"""The frontier of latency and partition: the true one on tiny instances, checked plans, valid bounds, honest ends."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import assume, given

import rocoin_opt as ro
from examples import two_pairs
from partition_oracle import best_within, outcomes
from rocoin_opt.control import Control
from rocoin_opt.errors import InputError
from rocoin_opt.exact import frontier_search
from rocoin_opt.exact.lexicographic import part_search
from rocoin_opt.exact.lexicographic.part_boxes import Found
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.instance.matrices import FilterGraph
from rocoin_opt.plan.filters import labels_of, without_filters
from rocoin_opt.planning import frontier as tradeoff
from rocoin_opt.planning.frontier import frontier
from samples import cases, trials
from strategies import instances

OBJECTIVES = ("guaranteed", "nominal", "worst")
CRITERIA = ("ncut", "cut", "resilient")


def assert_frontier(instance, found, objective, criterion):
    """Valid plans with true figures, in order, none as good as another one in both respects; bounds below values."""
    parts = PartSearch(instance, criterion, Control())
    for point in found.points:
        assert ro.check(instance, point.plan) == ()
        assert ro.evaluate(instance, point.plan).value(objective) == point.seconds <= point.limit_seconds
        assert parts.value(labels_of(instance, point.plan)) == point.partition_value >= point.partition_bound
        gap = point.partition_value - point.partition_bound
        assert point.partition_gap == pytest.approx(gap / point.partition_value if point.partition_value else 0.0)
    for point, following in itertools.pairwise(found.points):
        assert point.seconds <= point.limit_seconds < following.seconds
        assert parts.rank(point.partition_value) > parts.rank(following.partition_value)
        assert point.partition_bound >= following.partition_bound - 1e-9 * parts.unit
    assert found.latency_bound <= found.points[0].seconds


@pytest.mark.parametrize(
    ("criterion", "objective"),
    cases(
        [("ncut", "guaranteed"), ("cut", "worst"), ("resilient", "nominal")],
        [("ncut", "nominal"), ("resilient", "worst"), ("cut", "guaranteed")],
    ),
)
@given(instance=instances(max_devices=4, max_students=2, max_filters=5, graph=True))
@trials(12, ways=2)
def test_the_frontier_of_tiny_instances_is_the_true_one(objective, criterion, instance):
    truth = outcomes(instance, objective, criterion)
    found = frontier(instance, objective, criterion=criterion, points=100)
    if not truth:
        assert found.termination == "infeasible"
        assert found.points == ()
        return
    assert found.termination == "complete"
    assert_frontier(instance, found, objective, criterion)
    rank = PartSearch(instance, criterion, Control()).rank
    efficient = [
        (seconds, value)
        for seconds, value in sorted(truth)
        if not any(
            (t < seconds and rank(v) <= rank(value)) or (t <= seconds and rank(v) < rank(value)) for t, v in truth
        )
    ]
    assert [point.seconds for point in found.points] == [seconds for seconds, _ in efficient]
    values = [value for _, value in efficient]
    assert [point.partition_value for point in found.points] == pytest.approx(values, rel=1e-7, abs=1e-300)
    for point in found.points:
        best = best_within(truth, point.limit_seconds)
        assert point.partition_bound <= best + 1e-9 * max(1.0, best)
    assert found.latency_bound == found.points[0].seconds
    assert found.points[-1].limit_seconds >= max(seconds for seconds, _ in truth)


def test_any_number_of_points_may_be_asked_for():
    edges = [[0, 1, 1.0], [1, 2, 2.0], [2, 3, 1.0]]
    knowledge = two_pairs().knowledge.model_copy(update={"graph": FilterGraph.model_validate({"edges": edges})})
    instance = two_pairs().model_copy(update={"knowledge": knowledge})
    asked = [frontier(instance, points=points) for points in (100, 10**400)]
    assert asked[0].points == asked[1].points


@given(instance=instances(max_devices=4, max_students=2, max_filters=5, graph=True))
@trials(15)
def test_two_points_are_the_two_ends(instance):
    truth = outcomes(instance, "guaranteed", "ncut")
    assume(truth)
    found = frontier(instance, points=2)
    assert_frontier(instance, found, "guaranteed", "ncut")
    first, last = found.points[0], found.points[-1]
    assert len(found.points) <= 2
    assert first.seconds == min(seconds for seconds, _ in truth)
    assert first.partition_value == pytest.approx(best_within(truth, first.seconds), abs=1e-8)
    assert last.partition_value == pytest.approx(min(value for _, value in truth), abs=1e-8)
    everything = frontier(instance, points=100)
    assert (found.termination == "complete") == (len(everything.points) <= 2 and everything.points == found.points)


@pytest.mark.slow
def test_an_end_is_not_dominated_where_partitions_of_other_sizes_tie():
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 9,
            "uplink_bits_per_second": rate,
            "failure_probability": 0.1,
        }
        for n, rate in enumerate((1.0, 1.0, 1.0, 2.0))
    ]
    # In 4 filters, or in 3 and 1, nothing is cut; in 3 and 1 the answer is earlier.
    graph = FilterGraph.from_weights(
        np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 0.0]])
    )
    instance = ro.Instance.model_validate(
        {
            "name": "ties",
            "devices": devices,
            "students": [{"id": "s", "flops": 0.0, "memory_bytes": 1, "max_filters": 4}],
            "knowledge": {"num_filters": 4, "bits_per_filter": 1.0, "graph": graph},
            "requirements": {"max_group_outage": 1.0},
        }
    )
    for criterion in ("ncut", "cut"):
        truth = outcomes(instance, "guaranteed", criterion)
        rank = PartSearch(instance, criterion, Control()).rank
        for points in (2,) if criterion == "cut" else (2, 3):
            found = frontier(instance, criterion=criterion, points=points)
            assert_frontier(instance, found, "guaranteed", criterion)
            for point in found.points:
                assert not any(
                    seconds < point.seconds and rank(value) <= rank(point.partition_value) for seconds, value in truth
                )


@pytest.fixture(scope="module")
def sbc():
    """An instance with seven points, whose twelve filters allow exact bounds."""
    return ro.generate("sbc", devices=8, seed=1, filters=12, max_groups=3, graph=True)


@pytest.fixture(scope="module")
def seven(sbc):
    return frontier(sbc)


@pytest.fixture
def mcu(monkeypatch):
    """An instance of more filters than can be proven, searched with few refinements: they are not at issue here."""
    monkeypatch.setattr(part_search, "MAX_DESCENTS", 8)
    return ro.generate("mcu", devices=8, seed=1, filters=32, max_groups=3, graph=True)


@pytest.mark.slow
def test_points_spread_over_the_latencies(mcu):
    found = frontier(mcu, points=5)
    assert found.termination == "points"
    assert len(found.points) == 5
    assert_frontier(mcu, found, "guaranteed", "ncut")
    solved = ro.solve(mcu)
    assert found.points[0].seconds == solved.objective_value
    # The order of the parts decides on the last digit of their sum.
    assert found.points[0].partition_value <= solved.metrics.ncut * (1.0 + 1e-12)
    assert found.points[0].partition_bound > 0.0
    assert found.latency_bound == solved.lower_bound


@pytest.mark.slow
def test_fewer_points_are_some_of_the_same_frontier(sbc, seven):
    assert seven.termination == "complete"
    assert len(seven.points) == 7
    assert_frontier(sbc, seven, "guaranteed", "ncut")
    figures = [(point.seconds, point.partition_value) for point in seven.points]
    for points in (3,):
        fewer = frontier(sbc, points=points)
        assert_frontier(sbc, fewer, "guaranteed", "ncut")
        assert (fewer.termination, len(fewer.points)) == ("points", points)
        assert {(point.seconds, point.partition_value) for point in fewer.points} <= set(figures)
        assert fewer.points[0].seconds == figures[0][0]
        assert fewer.points[-1].seconds == figures[-1][0]
        # A point answers all limits up to its own, so that none is missed within.
        for point in fewer.points:
            assert not any(point.seconds < seconds <= point.limit_seconds for seconds, _ in figures)


@pytest.mark.slow
def test_the_same_arguments_give_the_same_frontier(sbc, seven):
    assert frontier(sbc).points == seven.points
    assert frontier(sbc, threads=2).points == seven.points
    assert frontier(sbc, seed=3).seed == 3


@pytest.mark.slow
def test_the_criterion_decides(sbc, seven):
    resilient = frontier(sbc, criterion="resilient")
    assert_frontier(sbc, resilient, "guaranteed", "resilient")
    assert resilient.criterion == "resilient"
    parts = PartSearch(sbc, "resilient", Control())
    better = []
    for point in seven.points:
        value = parts.value(labels_of(sbc, point.plan))
        best = min(other.partition_value for other in resilient.points if other.seconds <= point.seconds)
        assert best <= value + 1e-9
        better.append(best < value - 1e-3)
    assert any(better)


@pytest.mark.slow
def test_the_objective_decides(sbc, seven):
    nominal = frontier(sbc, "nominal")
    assert_frontier(sbc, nominal, "nominal", "ncut")
    assert nominal.points[0].seconds < seven.points[0].seconds


@pytest.mark.parametrize("after", cases([5, 20, 80], [0, 1, 200, 392]))
def test_a_limit_anywhere_leaves_true_points(sbc, seven, after, monkeypatch):
    looks = itertools.count()

    class StopsAfter(Control):
        """A control that is stopped at its n-th look at the clock, copies included."""

        @property
        def exhausted(self):
            if next(looks) >= after:
                self.stop.set()
            return self.stop.is_set()

    monkeypatch.setattr(tradeoff.Control, "starting_now", lambda **options: StopsAfter(report=options.get("report")))
    found = frontier(sbc)
    if after <= 5:
        # Too early for any plan.
        assert (found.termination, found.points) == ("no_plan", ())
        return
    assert found.termination == ("limit" if next(looks) > after else "complete")
    assert found.points == seven.points or found.termination == "limit"
    assert_frontier(sbc, found, "guaranteed", "ncut")


def test_what_is_spent_on_partitions_has_a_limit_of_its_own(sbc, seven):
    found = frontier(sbc, polish=0.0)
    assert found.termination == "limit"
    # Latency was proven all the same.
    assert (found.latency_bound, found.points[0].seconds) == (seven.latency_bound, seven.points[0].seconds)
    assert all(point.partition_bound <= point.partition_value for point in found.points)
    with pytest.raises(InputError, match=r"polish: found -1\.0"):
        frontier(sbc, polish=-1.0)


def test_a_better_partition_found_later_takes_over(sbc, seven):
    """Partitions of many filters are not proven: a tighter limit can lead to a better one."""
    first, second, *_, last = seven.points
    search = frontier_search.FrontierSearch(
        sbc, "guaranteed", PartSearch(sbc, "ncut", Control()), first.plan, first.seconds, Control()
    )
    worse = frontier_search.Point(last.plan, last.seconds, 1.0, 2.0 * last.seconds, 0.25)
    search._insert(worse)
    assert [point.seconds for point in search.points] == [first.seconds, last.seconds]
    search._insert(frontier_search.Point(second.plan, second.seconds, 0.5, 0.0, 0.0))
    assert [point.seconds for point in search.points] == [first.seconds, second.seconds]
    assert (search.points[1].limit, search.points[1].bound) == (worse.limit, worse.bound)


def test_no_plan_is_made_up_when_time_is_up(sbc, seven):
    control = Control()
    plan = seven.points[0].plan
    search = frontier_search.FrontierSearch(sbc, "guaranteed", PartSearch(sbc, "ncut", control), plan, 0.0, control)
    control.stop.set()
    parts = part_search.Cut(np.repeat([0, 1], 6), 0.0)
    assert search._earliest(Found([(0,)], parts, 0.0), 1e9) is None


def test_parts_without_a_plan_leave_the_points_as_they_are(sbc, seven, monkeypatch):
    monkeypatch.setattr(frontier_search.FrontierSearch, "_earliest", lambda self, found, limit: None)
    found = frontier(sbc)
    assert found.termination == "complete"
    (point,) = found.points
    assert point.plan == seven.points[0].plan
    assert point.partition_bound == pytest.approx(seven.points[-1].partition_bound)


def test_no_time_is_told_apart_from_no_plan(mcu):
    found = frontier(mcu, time_limit=0.0)
    assert found.termination in ("limit", "no_plan")
    assert (found.termination == "limit") == bool(found.points)


def with_graph(instance):
    total = instance.knowledge.num_filters
    edges = [[m, m + 1, 1.0] for m in range(total - 1)]
    fields = instance.model_dump(mode="json")
    fields["knowledge"]["graph"] = {"edges": edges}
    return ro.Instance.model_validate(fields)


def test_infeasible_instances_have_reasons():
    instance = with_graph(two_pairs())
    found = frontier(instance.with_requirements(min_groups=3, max_groups=3))
    assert (found.termination, found.points) == ("infeasible", ())
    assert found.reasons


def test_a_frontier_that_is_one_point():
    # One pair of devices a group, all devices equal: fewer groups are slower and have the better cut.
    instance = with_graph(two_pairs())
    found = frontier(instance)
    assert [point.plan.sizes for point in found.points] == [(2, 2), (4,)]
    assert [point.partition_value for point in found.points] == pytest.approx([2 / 3, 0.0])
    assert [point.partition_gap for point in found.points] == pytest.approx([0.0, 0.0])
    assert found.termination == "complete"
    alone = frontier(instance.with_requirements(min_groups=2, max_groups=2))
    assert [point.plan.sizes for point in alone.points] == [(2, 2)]
    assert alone.termination == "complete"


def test_what_cannot_be_honoured_is_refused(sbc):
    with pytest.raises(ro.UnsupportedError, match=r"needs a filter graph, and knowledge\.graph is missing"):
        frontier(two_pairs())
    with pytest.raises(ro.UnsupportedError, match="guaranteed, nominal, worst, not expected"):
        frontier(sbc, "expected")
    for points in (1, 2.0, True):
        with pytest.raises(ro.InputError, match="at least 2"):
            frontier(sbc, points=points)
    with pytest.raises(ro.InputError, match="one of ncut, cut, resilient"):
        frontier(sbc, criterion="best")
    with pytest.raises(ro.InputError, match="objective"):
        frontier(sbc, "fastest")


def test_false_points_never_leave(sbc, seven):
    first = seven.points[0]
    point = frontier_search.Point(first.plan, first.seconds, first.partition_value, first.limit_seconds, 0.0)
    parts = PartSearch(sbc, "ncut", ro.Control())
    certified = tradeoff._certified(sbc, "guaranteed", parts, point)
    assert certified.partition_value == first.partition_value
    group = first.plan.groups[0].model_copy(update={"num_filters": 13})
    broken = first.plan.model_copy(update={"groups": (group, *first.plan.groups[1:])})
    for change, words in (
        ({"plan": broken}, "invalid plan"),
        ({"plan": without_filters(first.plan)}, "or its filters"),
        ({"limit": 0.5 * first.seconds}, "misses its latency limit"),
        ({"bound": 2.0 * first.partition_value}, "above the value"),
    ):
        with pytest.raises(ro.CertificateError, match=words):
            tradeoff._certified(sbc, "guaranteed", parts, dataclasses.replace(point, **change))


def test_progress_tells_the_left_end(sbc, seven):
    told = []
    frontier(sbc, points=2, report=told.append)
    assert told[-1].value == seven.points[0].seconds
    assert told[-1].bound == seven.latency_bound


def test_graphs_without_edges_have_a_frontier_too():
    instance = with_graph(two_pairs())
    knowledge = instance.knowledge.model_copy(update={"graph": FilterGraph(edges=())})
    found = frontier(instance.model_copy(update={"knowledge": knowledge}))
    assert found.termination == "complete"
    assert found.points[0].plan.sizes in ((2, 2), (3, 1))
