"""The method ``exact`` for the expected answer time, through ``solve``: every end, and order on shipped instances."""

from __future__ import annotations

import math
import signal

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.exact.expected import method as expected
from rocoin_opt.exact.expected.method import exact_expected
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.plan.result import Outcome
from samples import cases

SHIPPED = cases(
    ["mcu/mcu-8-0"],
    ["sbc/sbc-8-0", "edge/edge-12-0", "lossy/lossy-16-0", "mcu/mcu-20-0"],
)


@pytest.fixture
def few_nodes(monkeypatch):
    """Let branch and bound, and local search, end early without a clock."""
    monkeypatch.setattr("rocoin_opt.exact.expected.method.NODES", 3_000)
    monkeypatch.setattr("rocoin_opt.heuristics.local_search.MAX_EXPECTED_STEPS", 150)


@pytest.mark.parametrize("name", SHIPPED)
def test_bounds_and_values_stand_in_order(name, few_nodes, repository):
    instance = ro.read_instance(repository / f"instances/{name}.json")
    found = {method: ro.solve(instance, method, "expected") for method in ("exact", "local-search", "greedy")}
    value = {method: result.objective_value for method, result in found.items()}
    bound = found["exact"].lower_bound
    assert combinatorial_bound(instance, "expected") <= bound <= value["exact"]
    assert value["exact"] <= value["local-search"] <= value["greedy"]
    # No plan has a smaller value than any bound.
    assert max(result.lower_bound for result in found.values()) <= min(value.values())


@pytest.mark.slow
def test_a_hard_instance_of_eight_devices_is_proven(repository):
    instance = ro.read_instance(repository / "instances/paper/paper-8-0.json")
    result = ro.solve(instance, "exact", "expected")
    assert result.termination == "optimal"
    assert result.objective_value == pytest.approx(result.lower_bound, rel=1e-9)
    assert ro.solve(instance, "auto", "expected").objective_value == pytest.approx(result.objective_value, rel=1e-9)


def test_no_time_gives_the_greedy_plan_and_a_valid_bound():
    instance = ro.generate("paper", seed=0)
    hurried = exact_expected(instance, Control(deadline=-math.inf), ro.solve(instance, "greedy", "expected").plan)
    assert hurried.plan is not None
    assert hurried.lower_bound is None
    large = ro.generate("edge", devices=40, seed=0)
    nothing = exact_expected(large, Control(deadline=-math.inf), None)
    assert nothing.plan is None
    assert not nothing.infeasible
    assert nothing.reasons == ("the search was stopped before it found a plan",)
    for instance in (ro.generate("paper", seed=0), large):
        for method in ("exact", "auto", "local-search"):
            result = ro.solve(instance, method, "expected", time_limit=0.0)
            assert result.termination in ("no_plan", "feasible")


@pytest.mark.slow
def test_many_devices_get_the_bound_of_the_relaxation(monkeypatch, few_nodes):
    instance = ro.generate("edge", devices=12, seed=1)
    start = ro.solve(instance, "greedy", "expected").plan
    monkeypatch.setattr(expected, "MANY_DEVICES", 11)
    monkeypatch.setattr(expected, "prove_expected", None)
    told = []
    relaxed = exact_expected(instance, Control(report=told.append), start)
    assert relaxed.plan == start
    assert combinatorial_bound(instance, "expected") < relaxed.lower_bound < value_of(instance, start, "expected")
    assert {progress.value for progress in told} == {value_of(instance, start, "expected")}


@pytest.mark.slow
def test_a_gap_that_the_relaxation_closes_needs_no_branching(monkeypatch):
    instance = ro.generate("edge", devices=12, seed=1)
    start = ro.solve(instance, "greedy", "expected").plan
    monkeypatch.setattr(expected, "prove_expected", None)
    assert exact_expected(instance, Control(gap=0.9), start).plan == start


@pytest.mark.slow
def test_branching_never_loses_the_bound_of_the_relaxation():
    instance = ro.generate("lossy", devices=16, seed=0)
    start = ro.solve(instance, "greedy", "expected").plan
    bounds = [exact_expected(instance, Control(), start, nodes=nodes).lower_bound for nodes in (0, 500)]
    assert bounds[0] <= bounds[1] <= value_of(instance, start, "expected")


@pytest.mark.slow
def test_a_plan_that_greedy_misses_is_found(monkeypatch):
    monkeypatch.setattr("rocoin_opt.heuristics.local_search.MAX_EXPECTED_STEPS", 50)
    instance = ro.generate("paper", devices=6, seed=2)
    best = ro.solve(instance, "exact", "expected")
    monkeypatch.setattr("rocoin_opt.planning.methods.portfolio.greedy", lambda *_: Outcome(None, reasons=("none",)))
    monkeypatch.setattr("rocoin_opt.heuristics.local_search.greedy", lambda *_: Outcome(None, reasons=("none",)))
    for method in ("exact", "auto"):
        assert ro.solve(instance, method, "expected").objective_value == pytest.approx(best.objective_value, rel=1e-9)
    assert ro.solve(instance, "local-search", "expected").plan is not None


@pytest.mark.slow
def test_infeasible_instances_are_proven_so():
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0}
    # Two groups keep the limit, and one of four filters; but not a group of four filters beside another one.
    divided = {
        "name": "divided",
        "devices": [
            {"id": f"d{n}", "memory_bytes": memory, "failure_probability": failure, **device}
            for n, (memory, failure) in enumerate([(4, 0.063), (4, 0.063), (1, 0.16), (1, 0.16)])
        ],
        "students": [{"id": "s", "flops": 1.0, "memory_bytes": 0, "memory_bytes_per_filter": 1, "max_filters": 4}],
        "knowledge": {"num_filters": 5, "bits_per_filter": 1.0},
        "requirements": {"max_group_outage": 0.0101, "deadline_seconds": 30.0},
    }
    instance = ro.Instance.model_validate(divided)
    assert exact_expected(instance, Control(), None) == Outcome(None, infeasible=True, reasons=(expected.NO_PLAN,))
    for case, methods in ((instance, ("exact", "auto")), (pairs(requirements={"max_group_outage": 1e-9}), ("exact",))):
        for method in methods:
            result = ro.solve(case, method, "expected")
            assert result.termination == "infeasible"
            assert result.reasons
        assert ro.solve(case, "local-search", "expected").plan is None


def test_many_devices_without_room_are_proven_infeasible():
    instance = ro.generate("mcu", devices=12, seed=0)
    tiny = tuple(device.model_copy(update={"memory_bytes": 1}) for device in instance.devices)
    outcome = exact_expected(instance.model_copy(update={"devices": tiny}), Control(), None)
    assert outcome == Outcome(None, infeasible=True, reasons=(expected.NO_PLAN,))


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_plan(monkeypatch):
    def interrupt(progress):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("rocoin_opt.heuristics.local_search.MAX_EXPECTED_STEPS", 10)
    for devices in (8, 16):
        instance = ro.generate("paper", devices=devices, seed=0)
        result = ro.solve(instance, "exact", "expected", report=interrupt)
        assert result.termination == "feasible"
        assert 0.0 < result.lower_bound < result.objective_value


@pytest.mark.slow
def test_the_same_seed_gives_the_same_result(few_nodes):
    instance = ro.generate("edge", devices=10, seed=3)
    first, second = (ro.solve(instance, "exact", "expected", seed=5) for _ in range(2))
    assert (first.plan, first.lower_bound) == (second.plan, second.lower_bound)
