"""What a time limit keeps from beginning, by clocks that are over and estimates that do not fit."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import NoReturn

import numpy as np
import pytest

import rocoin_opt as ro
from examples import two_pairs
from rocoin_opt.control import Control, TimeUp, require_time
from rocoin_opt.exact.expected.branch_and_bound import prove_expected
from rocoin_opt.exact.expected.nodes import Bounding
from rocoin_opt.exact.expected.success_relaxation import GroupPool, most_likely
from rocoin_opt.exact.lexicographic import part_search
from rocoin_opt.exact.lexicographic.part_search import PartSearch, sized_parts
from rocoin_opt.exact.milp import milp
from rocoin_opt.exact.replanning_search import ReplanningSearch
from rocoin_opt.exact.stochastic.packing import StochasticPacking
from rocoin_opt.exact.stochastic.search import EFFORTS
from rocoin_opt.exact.threshold.enumeration import enumerate_columns
from rocoin_opt.failure.distribution.delivery_probability import DeliveryProbabilities
from rocoin_opt.failure.validity import check
from rocoin_opt.formulations import grouping, joint
from rocoin_opt.grouping import columns, combinatorial_bound, durations
from rocoin_opt.grouping.covering import covering_knapsack as knapsack
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.grouping.relaxation import Pool, relax
from rocoin_opt.grouping.stochastic.assignment import plan_within
from rocoin_opt.grouping.stochastic.shares import StochasticShares
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.heuristics.baselines.follow_the_leader import follow_the_leader
from rocoin_opt.heuristics.work_descent import descend_work
from rocoin_opt.highs.linear import LinearModel, solve_linear
from rocoin_opt.knowledge import criteria, eigenpairs, spectral
from rocoin_opt.knowledge.criteria import Criterion
from rocoin_opt.knowledge.search import find_parts
from rocoin_opt.knowledge.sizes import SizeRanges
from rocoin_opt.plan import indexed_groups
from rocoin_opt.planning.methods import portfolio
from samples import cases


def over() -> Control:
    return Control.starting_now(time_limit=0.0)


def forbidden(*_: object, **__: object) -> NoReturn:
    raise AssertionError("this was not to begin")


def planted(total: int, parts: int) -> np.ndarray:
    """Parts of equal size whose filters are linked strongly."""
    rng, labels = np.random.default_rng(0), np.arange(total) % parts
    upper = np.triu(rng.random((total, total)) * np.where(labels[:, None] == labels, 1.0, 0.2), 1)
    return upper + upper.T


class Looks(Control):
    """A control whose limit is reached at its n-th look at the clock."""

    def allowing(self, looks: int) -> Control:
        self.__dict__["left"] = [looks]
        return self

    @property
    def exhausted(self) -> bool:
        left = self.__dict__["left"]
        left[0] -= 1
        return bool(left[0] < 0)


def test_there_is_time_for_what_fits() -> None:
    control = Control.starting_now(time_limit=1000.0)
    assert control.has_time_for(900.0)
    assert not control.has_time_for(1001.0)
    require_time(control)
    assert Control().has_time_for(1e300)
    assert not over().has_time_for(0.0)
    control.stop.set()
    assert not control.has_time_for(0.0)
    with pytest.raises(TimeUp):
        require_time(control)


def test_filters_are_dealt_out_in_their_order_where_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=12, graph=True)
    monkeypatch.setattr(PartSearch, "__init__", forbidden)
    labels = sized_parts(instance, "ncut", [100, 28], over())
    assert labels.tolist() == [0] * 100 + [1] * 28


@pytest.mark.slow
def test_no_spectrum_begins_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = planted(40, 2)
    criterion, ranges = Criterion.of("ncut", weights, 2), SizeRanges.of(40, 2, [30, 10])
    monkeypatch.setattr(spectral, "largest_eigenpairs", forbidden)
    monkeypatch.setattr("scipy.optimize.linear_sum_assignment", forbidden)
    monkeypatch.setattr(spectral, "eigen_seconds", lambda _: 1e6)
    labels = find_parts(criterion, ranges, control=Control.starting_now(time_limit=1e5))
    assert np.bincount(labels).tolist() == [30, 10]


def test_a_search_without_time_keeps_its_start() -> None:
    weights = planted(40, 2)
    criterion, ranges = Criterion.of("ncut", weights, 2), SizeRanges.of(40, 2, [30, 10])
    start = np.array([1] * 10 + [0] * 30)
    assert find_parts(criterion, ranges, starts=[start], control=over()).tolist() == start.tolist()
    assert find_parts(criterion, ranges, control=over()).tolist() == [0] * 30 + [1] * 10


@pytest.mark.parametrize("after", range(0, 40, 3))
@pytest.mark.parametrize("sizes", [None, [20, 12, 8]])
def test_a_limit_anywhere_leaves_parts_of_the_right_sizes(after: int, sizes: list[int] | None) -> None:
    weights = planted(40, 3)
    ranges = SizeRanges.of(40, 3, sizes)
    labels = find_parts(Criterion.of("ncut", weights, 3), ranges, control=Looks().allowing(after))
    assert ranges.hold(np.bincount(labels, minlength=3))


def test_bounds_of_partitions_are_zero_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=12, graph=True)
    # That of a small graph takes no time worth a word.
    assert PartSearch(instance, "ncut", over()).bound((100, 28)) > 0.0
    monkeypatch.setattr(part_search, "NO_TIME", 0.0)
    assert PartSearch(instance, "ncut", over()).bound((100, 28)) == 0.0


def test_all_numbers_of_parts_share_one_graph() -> None:
    instance = ro.generate("edge", devices=12, graph=True)
    for criterion in ("ncut", "cut", "resilient"):
        search = PartSearch(instance, criterion, Control())
        graph, affinity = instance.knowledge.graph, instance.knowledge.class_affinity
        assert graph is not None
        assert affinity is not None
        made = Criterion.of(criterion, graph.dense(128), 5, affinity.values)
        found = search.criterion(5)
        assert found.weights is search.criterion(2).weights
        assert (found.parts, found.graph_weight, found.loss_weight) == (5, made.graph_weight, made.loss_weight)
        labels = np.arange(128) % 5
        assert found.value(labels) == made.value(labels)


def test_milp_begins_nothing_that_it_has_no_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=12)
    start = ro.solve(instance, "random").plan
    monkeypatch.setattr(joint, "build", forbidden)
    monkeypatch.setattr(grouping, "build", forbidden)
    monkeypatch.setattr(durations, "REPLICA", 1e6)
    monkeypatch.setattr(durations, "MEMBER", 1e6)
    outcome = milp(instance, "guaranteed", Control.starting_now(time_limit=1e5), start)
    assert outcome.plan == start
    assert outcome.lower_bound is not None
    monkeypatch.setattr(portfolio, "import_of_models", lambda: 1e6)
    monkeypatch.setitem(sys.modules, "rocoin_opt.exact.milp", None)
    assert ro.solve(instance, "milp", time_limit=1e5).plan == ro.solve(instance, "greedy", time_limit=1e5).plan


def test_only_what_is_imported_already_costs_no_import(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "rocoin_opt.highs.models", raising=False)
    assert durations.import_of_models() == durations.PYOMO
    monkeypatch.setitem(sys.modules, "rocoin_opt.highs.models", sys)
    assert durations.import_of_models() == 0.0


def test_replanning_builds_no_model_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=12)
    plan = ro.solve(instance, "random").plan
    assert plan is not None
    monkeypatch.setattr(durations, "REPLICA", 1e6)
    control = Control.starting_now(time_limit=1e5)
    found = ReplanningSearch(instance, plan, "guaranteed", 0, control, lower_bound=0.0).run([plan])
    assert found.plan is not None
    assert found.lower_bound == 0.0
    nothing = ReplanningSearch(instance, plan, "guaranteed", 0, control, lower_bound=0.0).run([])
    assert (nothing.plan, nothing.infeasible) == (None, False)


def test_a_model_that_would_be_presolved_too_long_is_not_solved() -> None:
    one = np.ones(1)
    model = LinearModel(
        1, 0.0, one, 0 * one, one, one, one, np.array([0, 1]), np.array([0]), one, np.ones(1, dtype=int)
    )
    assert solve_linear(model, Control())[0].status == "optimal"
    solution, values = solve_linear(model, over())
    assert (solution.status, solution.bound, values) == ("unknown", None, None)


@pytest.mark.parametrize("objective", ["guaranteed", "nominal"])
def test_a_relaxation_broken_off_anywhere_has_a_valid_bound_or_none(objective: str) -> None:
    instance = ro.generate("mcu", devices=12)
    threshold = ro.solve(instance, "greedy", objective).objective_value
    assert threshold is not None
    view = ThresholdProblem(instance, objective, threshold)
    whole = relax(view, Pool(), Control())
    assert whole is not None
    for after in range(0, 200, 7):
        found = relax(view, Pool(), Looks().allowing(after))
        assert found is None or found.bound >= whole.bound - 1e-6
        assert found is None or len(found.groups) == len(found.values)
    assert relax(view, Pool(), Looks().allowing(1)) is None
    assert enumerate_columns(view, whole, np.arange(12), 3.0, 10_000, over()) is None


def test_very_many_chains_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("mcu", devices=12)
    threshold = ro.solve(instance, "greedy", "nominal").objective_value
    assert threshold is not None
    kept = ThresholdProblem(instance, "nominal", threshold).chains
    assert isinstance(kept, list)
    monkeypatch.setattr("rocoin_opt.grouping.threshold_problem.MAX_KEPT", 0)
    view = ThresholdProblem(instance, "nominal", threshold)
    for _ in range(2):
        found = list(view.chains)
        assert [(c.student, c.leader, c.devices.tolist()) for c in found] == [
            (c.student, c.leader, c.devices.tolist()) for c in kept
        ]


def test_minimal_groups_are_not_listed_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for objective in ("guaranteed", "nominal"):
        problem = ThresholdProblem(two_pairs(), objective, 7.0)
        assert columns.minimal_groups(problem, 100) is not None
        assert columns.minimal_groups(problem, 100, over()) is None
    monkeypatch.setattr(columns, "EXTENSION", 1e6)
    assert columns.minimal_groups(problem, 100, Control.starting_now(time_limit=1e5)) is None


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5])
def test_work_is_saved_as_far_as_time_goes(after: int) -> None:
    instance = ro.generate("mcu", devices=12, seed=3)
    plan = ro.solve(instance, "random", seed=1).plan
    assert plan is not None
    served = indexed_groups(instance, plan)
    left = descend_work(ThresholdProblem(instance, "guaranteed", 1e9), served, Looks().allowing(after), free_sizes=True)
    assert len(left) == len(served)
    assert sum(group.size for group in left) == sum(group.size for group in served)
    if after == 0:
        assert left == served


@pytest.mark.slow
def test_branch_and_bound_broken_off_within_a_step_keeps_its_nodes() -> None:
    instance = ro.generate("paper", devices=7, seed=0)
    model = ExpectedModel(instance)
    start = ro.solve(instance, "random", "expected").plan
    best = ro.solve(instance, "exact", "expected").objective_value
    assert best is not None
    bounds = [prove_expected(model, Looks().allowing(after), start).lower_bound for after in (0, 20, 40, 80)]
    assert bounds[0] is None
    assert all(bound is None or bound <= best * (1.0 + 1e-9) for bound in bounds)
    assert bounds[-1] is not None
    with pytest.raises(TimeUp):
        Bounding(model, over()).root(2)


def test_random_latencies_are_not_looked_up_without_time() -> None:
    instance = ro.generate("edge", devices=12, slowdowns=True)
    shares = StochasticShares(instance, over())
    with pytest.raises(TimeUp):
        shares.share(0, 0, 1, 1.0)
    plan = ro.solve(instance, "random").plan
    assert plan is not None
    index = instance.arrays.device_index
    groups = [tuple(sorted(index[name] for name in group.devices)) for group in plan.groups]
    assert plan_within(shares, groups, 1e6) is None
    packing = StochasticPacking(shares)
    assert not packing.refutes(1e-6, Control())
    assert packing.decide(1.0, Control(), EFFORTS[0]).status == "unknown"
    assert packing.attempt(1.0, Control(), EFFORTS[0]).status == "unknown"
    assert packing.search(1.0, groups, Control(), 10).status == "unknown"
    model = ExpectedModel(instance)
    assert most_likely(model, 1.0, GroupPool(), over(), DeliveryProbabilities(instance)) == 0.0


def test_recursions_are_not_compiled_within_a_short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, knapsack.COMPILED, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    monkeypatch.setattr(knapsack, "MIN_COMPILED_DEVICES", 40)
    monkeypatch.setattr(knapsack, "IMPORT_SECONDS", 1e6)
    monkeypatch.setattr(knapsack, "COMPILING_SECONDS", 1e6)
    assert not knapsack.use_compiled(50, Control.starting_now(time_limit=1e5))
    assert knapsack.use_compiled(50)
    compiled = {name: SimpleNamespace(signatures=[()]) for name in knapsack.COMPILED_FUNCTIONS}
    monkeypatch.setitem(sys.modules, knapsack.COMPILED, SimpleNamespace(**compiled))
    assert knapsack.use_compiled(50, over())


def test_grouping_ends_with_the_time() -> None:
    instance = ro.generate("edge", devices=12)
    assert follow_the_leader(instance)
    assert follow_the_leader(instance, over()) == []


def test_a_frontier_whose_classes_cannot_be_guessed_in_time_has_no_points(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ro.read_instance("instances/mcu/mcu-12-0.json")
    knowledge = given.knowledge.model_copy(update={"class_affinity": None})
    instance = given.model_copy(update={"knowledge": knowledge})
    monkeypatch.setattr(part_search, "estimation_seconds", lambda _: 1e6)
    found = ro.frontier(instance, criterion="resilient", time_limit=1e3)
    assert (found.termination, found.points) == ("no_plan", ())
    assert "classes" in found.reasons[0]


@pytest.mark.parametrize("method", cases(["auto", "random"], ["greedy", "local-search", "lp-rounding", "milp"]))
def test_a_million_filters_are_as_hard_as_few(method: str) -> None:
    filters, scale = 1_000_000, 100
    devices = [
        {"flops_per_second": 4e7, "memory_bytes": 7e4, "uplink_bits_per_second": 0.007, "failure_probability": 0.0},
        {"flops_per_second": 3e7, "memory_bytes": 2e4, "uplink_bits_per_second": 0.041, "failure_probability": 0.0},
        {"flops_per_second": 1e6, "memory_bytes": 7e4, "uplink_bits_per_second": 0.034, "failure_probability": 2e-5},
        {"flops_per_second": 5e6, "memory_bytes": 2e5, "uplink_bits_per_second": 0.005, "failure_probability": 0.7},
        {"flops_per_second": 2e6, "memory_bytes": 2e5, "uplink_bits_per_second": 0.014, "failure_probability": 0.2},
    ]
    instance = ro.Instance.model_validate(
        {
            "name": "many filters",
            "devices": [{"id": f"d{n}", **device} for n, device in enumerate(devices)],
            "students": [
                {"id": "s0", "flops": 7.0, "memory_bytes": 0, "max_filters": 3_333 * scale},
                {"id": "s1", "flops": 0.0, "memory_bytes": 15_268, "max_filters": 5_000 * scale},
                {"id": "s2", "flops": 0.0, "memory_bytes": 0, "max_filters": filters},
            ],
            "knowledge": {"num_filters": filters, "bits_per_filter": 1},
            "requirements": {"max_group_outage": 0.25, "max_groups": 3, "deadline_seconds": 1e9},
        }
    )
    for objective in ("guaranteed", "nominal", "expected"):
        is_quick = objective != "expected" or method in ("greedy", "random")
        if is_quick and objective in ro.METHODS[method].objectives:
            result = ro.solve(instance, method, objective)
            assert result.plan is not None
            assert check(instance, result.plan) == ()
            if method == "auto":
                assert result.termination == "optimal"


def test_a_stopped_control_stays_stopped_in_copies() -> None:
    control = Control()
    control.stop.set()
    assert not replace(control, deadline=1e300).has_time_for(0.0)


@pytest.mark.slow
def test_classes_that_there_is_no_time_to_estimate_are_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rocoin_opt.knowledge.search.MAX_DESCENTS", 4)
    graph = planted(32, 4)
    whole = ro.partition(graph, 4, criterion="resilient", time_limit=600.0)
    assert whole.affinity_is_estimated
    assert whole.evidence_left is not None
    # What takes a moment is done whatever the clock says.
    assert ro.partition(graph, 4, criterion="resilient", time_limit=0.0).affinity_is_estimated
    monkeypatch.setattr(eigenpairs, "SECONDS_A_CUBE", 1e6)
    monkeypatch.setattr(criteria, "estimated_affinity", forbidden)
    found = ro.partition(graph, 4, criterion="resilient", time_limit=600.0)
    assert not found.affinity_is_estimated
    assert found.evidence_left is None
    assert "evidence" not in found.summary()
    together = Criterion.of("resilient", graph, 4, graph.sum(axis=0)[None, :])
    assert found.bound <= found.value == pytest.approx(together.value(found.labels))
    # Classes that are given take no estimate.
    assert ro.partition(graph, 4, None, "resilient", np.ones((2, 32)), time_limit=600.0).evidence_left is not None


@pytest.mark.parametrize("after", range(12))
def test_a_counting_bound_broken_off_anywhere_is_valid(after: int) -> None:
    stopped = iter([False] * after)
    made = ro.generate("edge", devices=12)
    bound = combinatorial_bound(made, "guaranteed", lambda: next(stopped, True))
    whole = combinatorial_bound(ro.generate("edge", devices=12), "guaranteed")
    assert bound is not None
    assert whole is not None
    assert 0.0 <= bound <= whole
