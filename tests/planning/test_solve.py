"""The registry and ``solve``: every method, every end, nothing believed that was not checked."""

from __future__ import annotations

import math
import os
import signal
import threading
import time

import pytest
from hypothesis import assume, given, settings

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.grouping.bounds import combinatorial_bound
from rocoin_opt.plan.latency import OBJECTIVES
from rocoin_opt.plan.result import Outcome
from rocoin_opt.planning.methods import portfolio
from samples import cases, trials
from strategies import instances
from tracing import assert_traced

PROVEN = ("auto", "exact", "milp")
"""Methods that prove the optimum of every tiny instance, for each objective that they minimise."""
CONSTRUCTIVE = ("lp-rounding", "local-search", "greedy", "rocoin", "nonn", "het-nonn", "random")
"""Methods that promise a valid plan or the reason why they have none."""
FROM_A_START = ("auto", "exact", "milp", "local-search")
"""Methods that can start from a plan."""
THRESHOLD_OBJECTIVES = ("guaranteed", "nominal", "worst")
ALL = (*PROVEN, *CONSTRUCTIVE)


def test_every_registered_method_has_these_tests():
    assert set(ALL) == set(ro.METHODS)
    for name, method in ro.METHODS.items():
        assert method.name == name
        assert method.summary
        assert set(method.objectives) <= set(OBJECTIVES)
        assert (method.improve is not None) == (name in FROM_A_START)


ALL_FOR = [(name, o) for name in ALL for o in ro.METHODS[name].objectives]


@pytest.mark.usefixtures("short_search")
@given(instances(max_devices=4, max_students=2, max_filters=4, deadline=True, level=True))
@settings(max_examples=3)
@pytest.mark.parametrize(("name", "objective"), cases(ALL_FOR[::3], ALL_FOR))
def test_every_method_against_the_oracle(name, objective, instance):
    result, best = ro.solve(instance, name, objective), oracle.best(instance, objective)
    assert_traced(result)
    if best is None:
        assert result.plan is None
        assert result.reasons
        return
    if math.isinf(best[0]):
        # A level out of reach: the proof says so, and no other method has a value.
        assert result.objective_value is None
        assert result.termination == "infeasible" or name not in PROVEN
        return
    assert result.termination != "infeasible"
    if result.plan is not None:
        assert ro.check(instance, result.plan) == ()
        assert result.objective_value == ro.evaluate(instance, result.plan).value(objective)
        # A heuristic's plan may miss a level that others reach.
        assert result.objective_value is not None or (objective == "quantile" and name not in PROVEN)
        assert (math.inf if result.objective_value is None else result.objective_value) >= best[0] * (1 - 1e-12)
    if result.lower_bound is not None:
        assert result.lower_bound <= best[0] * (1 + 1e-12)
    if result.termination == "optimal":
        assert result.objective_value == pytest.approx(best[0], rel=1e-9)
    # Where a device all but never answers, tangents have too few digits to close the gap of ``milp``: its page says so.
    is_rounded = objective == "failure" and any(d.failure_probability > 1 - 1e-9 for d in instance.devices)
    if name in PROVEN and not (name == "milp" and is_rounded):
        assert result.termination == "optimal"
        assert result.gap <= (0.0 if objective in THRESHOLD_OBJECTIVES else 1e-9)


@pytest.mark.parametrize("name", ALL)
def test_infeasible_is_proven_with_a_reason(name):
    result = ro.solve(pairs(requirements={"max_group_outage": 1e-9}), name)
    assert (result.termination, result.plan, result.objective_value) == ("infeasible", None, None)
    assert result.lower_bound is None
    assert result.gap is None
    assert result.reasons[0].startswith("reliability")
    assert_traced(result)


@pytest.mark.parametrize("name", ALL)
def test_no_time_is_a_limit_and_no_fault(name):
    result = ro.solve(pairs(), name, time_limit=0)
    assert result.termination in ("no_plan", "feasible", "optimal")
    if result.plan is None:
        assert result.termination == "no_plan"
        assert result.reasons
        assert result.objective_value is None
    assert result.lower_bound == combinatorial_bound(pairs(), "guaranteed")
    assert_traced(result)


@pytest.mark.parametrize("name", ALL)
def test_an_interrupt_keeps_what_there_is(name):
    timer = threading.Timer(0.0, os.kill, (os.getpid(), signal.SIGINT))

    def interrupt_at_once(instance, objective, control):
        timer.start()
        while not control.stop.is_set():
            time.sleep(0.01)
        return original.run(instance, objective, control)

    original = ro.METHODS[name]
    patched = ro.Method(name, interrupt_at_once, original.objectives, original.summary)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ro.METHODS, name, patched)
        result = ro.solve(pairs(), name)
    assert result.termination in ("no_plan", "feasible", "optimal")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("failure", [0.0, 0.01, 1.0 - 2.0**-53])
def test_one_device_and_one_student(name, failure):
    instance = pairs(
        devices=[
            {
                "id": "only",
                "flops_per_second": 2.0,
                "memory_bytes": 9,
                "uplink_bits_per_second": 1.0,
                "failure_probability": failure,
            }
        ],
        students=[{"id": "s", "flops": 4.0, "memory_bytes": 1, "max_filters": 9}],
    )
    result = ro.solve(instance, name)
    if failure > 0.5:
        assert result.termination == "infeasible"
    else:
        assert result.objective_value == 7.0
        assert result.termination == "optimal"
        assert result.metrics.success_probability == pytest.approx(1.0 - failure)


@pytest.mark.parametrize("name", ALL)
def test_certain_devices_need_no_replicas(name):
    sure = [device.model_copy(update={"failure_probability": 0.0}) for device in pairs().devices]
    instance = pairs(devices=sure, requirements={"max_group_outage": 0.0})
    result = ro.solve(instance, name)
    assert result.plan is not None
    assert result.metrics.success_probability == 1.0


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_plan(name):
    instance = ro.generate("edge", devices=10, seed=3)
    first, second = (ro.solve(instance, name, seed=7) for _ in range(2))
    assert first.plan == second.plan


def test_another_seed_gives_another_random_plan():
    instance = ro.generate("edge", devices=16, seed=3)
    assert len({ro.solve(instance, "random", seed=seed).plan for seed in range(4)}) > 1


@pytest.mark.parametrize("name", ALL)
def test_unsupported_data_is_refused_and_never_ignored(name):
    devices = [device.model_dump() | {"failure_domain": "ap"} for device in pairs().devices]
    shared = pairs(devices=devices, failure_domains=[{"id": "ap", "failure_probability": 0.1}])
    # The domain fails more often than the limit allows any group to: no plan is made as if it did not.
    assert shared.requirements.max_group_outage < 0.1
    assert ro.solve(shared, name).plan is None
    device = pairs().devices[0].model_dump() | {"compute_slowdown": {"law": "gamma", "shape": 2.0}}
    slowed = pairs(devices=[device])
    if ro.METHODS[name].run_random is None:
        with pytest.raises(ro.UnsupportedError, match=rf"devices\[0\].*{name} cannot honour random latencies"):
            ro.solve(slowed, name)
    with pytest.raises(ro.UnsupportedError, match=r"devices\[0\].*(nominal has no meaning|minimises)"):
        ro.solve(slowed, name, "nominal")


def test_options_out_of_range_are_refused():
    for options, field in [
        ({"method": "magic"}, "method"),
        ({"objective": "best"}, "objective"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"time_limit": math.nan}, "time_limit"),
        ({"gap": -0.1}, "gap"),
        ({"seed": -1}, "seed"),
        ({"threads": 0}, "threads"),
    ]:
        with pytest.raises(ro.InputError, match=field):
            ro.solve(pairs(), **options)
    with pytest.raises(ro.UnsupportedError, match="not expected"):
        ro.solve(pairs(), "milp", "expected")
    with pytest.raises(ro.UnsupportedError, match="deadline_seconds"):
        ro.solve(pairs(requirements={"deadline_seconds": None}), "greedy", "expected")


@pytest.mark.parametrize(
    "outcome",
    [
        lambda i: Outcome(ro.Plan.of(i, [ro.Group(devices=("d0",), student="s3", num_filters=5)])),
        lambda i: Outcome(ro.solve(i, "greedy").plan, lower_bound=1e9),
    ],
    ids=["invalid plan", "invalid bound"],
)
def test_a_false_outcome_never_leaves_the_package(outcome, monkeypatch):
    false = ro.Method("greedy", lambda i, *_: outcome(i), OBJECTIVES, "wrong")
    monkeypatch.setitem(ro.METHODS, "rocoin", false)
    with pytest.raises(ro.CertificateError, match="greedy returned"):
        ro.solve(pairs(), "rocoin")


def test_a_bound_above_the_value_by_rounding_is_the_value(monkeypatch):
    plan = ro.solve(pairs(), "milp").plan
    value = ro.evaluate(pairs(), plan).guaranteed_seconds
    rounded = Outcome(plan, lower_bound=value * (1 + 1e-12))
    monkeypatch.setitem(ro.METHODS, "random", ro.Method("random", lambda *_: rounded, OBJECTIVES, "rounds"))
    result = ro.solve(pairs(), "random")
    assert result.lower_bound == result.objective_value == value
    assert result.termination == "optimal"


@pytest.mark.slow
def test_a_gap_asked_for_ends_the_search_early_and_is_told():
    instance = ro.generate("paper", seed=1)
    loose, tight = (ro.solve(instance, "milp", gap=gap, latency_only=True) for gap in (0.5, 0.0))
    assert tight.termination == "optimal"
    assert loose.objective_value >= tight.objective_value
    assert 0.0 < loose.gap <= 0.5
    assert loose.termination == "feasible"


@pytest.mark.slow
def test_threads_change_nothing_but_time():
    # One that greedy does not solve, so that the solver has something to do.
    instance = ro.generate("paper", seed=1)
    assert ro.solve(instance, "greedy").termination == "feasible"
    assert ro.solve(instance, "milp", threads=1).plan == ro.solve(instance, "milp", threads=2).plan


def test_progress_is_reported():
    seen = []
    ro.solve(ro.generate("edge", devices=40, seed=1), "greedy", report=seen.append)
    assert seen
    for progress in seen:
        assert progress.bound <= progress.value


@pytest.mark.slow
def test_the_trace_is_what_was_reported_and_its_certified_end():
    seen = []
    result = ro.solve(ro.generate("paper", devices=8, seed=1), "milp", report=seen.append, latency_only=True)
    assert_traced(result)
    assert len({step.value for step in result.trace}) > 1
    assert len({step.bound for step in result.trace}) > 1
    told = {(progress.seconds, progress.value, progress.bound) for progress in seen}
    exact = [step for step in result.trace[:-1] if step.value > result.objective_value]
    assert exact
    assert {(step.seconds, step.value, step.bound) for step in exact} <= told


def test_a_false_report_never_stands_in_the_trace(monkeypatch):
    def boasting(instance, objective, control):
        control.tell(1e-6, 1e9)
        return ro.METHODS["greedy"].run(instance, objective, control.silent())

    monkeypatch.setitem(ro.METHODS, "random", ro.Method("random", boasting, OBJECTIVES, "boasts"))
    result = ro.solve(pairs(), "random")
    assert_traced(result)
    assert len(result.trace) == 1


@pytest.mark.parametrize("devices", cases([8], [60]))
def test_auto_is_never_worse_than_greedy(devices):
    instance = ro.generate("edge", devices=devices, seed=5)
    auto, greedy = ro.solve(instance, "auto", latency_only=True), ro.solve(instance, "greedy", latency_only=True)
    assert auto.objective_value <= greedy.objective_value


def test_explicit_filters_are_chosen_by_the_graph_or_on_request():
    plain = ro.solve(pairs(), "greedy").plan
    assert all(group.filters is None for group in plain.groups)
    named = ro.solve(pairs(), "greedy", explicit_filters=True).plan
    assert sorted(m for group in named.groups for m in group.filters) == [0, 1, 2, 3, 4]
    with_graph = ro.generate("mcu", seed=0, graph=True)
    result = ro.solve(with_graph, "greedy")
    assert [len(group.filters) for group in result.plan.groups] == list(result.plan.sizes)
    assert 0.0 < result.metrics.ncut < len(result.plan.groups)


def test_comparison_scores_methods_without_redundancy_once_more():
    instance = ro.generate("paper", seed=0)
    results = ro.compare(instance, ["greedy", "nonn"])
    assert [result.method for result in results] == ["greedy", "nonn", "nonn"]
    assert results[1].plan is None
    assert results[2].instance.requirements.max_group_outage == 1.0
    assert results[2].metrics.nominal_seconds > 0


@given(instances(max_devices=4, max_students=2, max_filters=4))
@trials(30, ways=2)
@pytest.mark.parametrize("objective", cases(["guaranteed"], THRESHOLD_OBJECTIVES))
def test_metamorphic_relations_of_the_optimum(objective, instance):
    def optimum(changed: ro.Instance) -> float:
        result = ro.solve(changed, "auto", objective, latency_only=True)
        return math.inf if result.plan is None else result.objective_value

    def changed(**fields) -> ro.Instance:
        return ro.Instance.model_validate(instance.model_dump() | fields)

    value = optimum(instance)
    assume(value < math.inf)
    devices = [device.model_dump() for device in instance.devices]
    assert optimum(changed(devices=devices[::-1])) == pytest.approx(value, rel=1e-12)
    extra = {**devices[0], "id": "extra"}
    assert optimum(changed(devices=[*devices, extra])) <= value * (1 + 1e-12)
    faster = [{**devices[0], "flops_per_second": 2 * devices[0]["flops_per_second"]}, *devices[1:]]
    assert optimum(changed(devices=faster)) <= value * (1 + 1e-12)
    looser = min(1.0, 2 * instance.requirements.max_group_outage)
    assert optimum(instance.with_requirements(max_group_outage=looser)) <= value * (1 + 1e-12)
    scaled = [
        device
        | {
            "flops_per_second": device["flops_per_second"] / 4,
            "uplink_bits_per_second": device["uplink_bits_per_second"] / 4,
            "overhead_seconds": device["overhead_seconds"] * 4,
        }
        for device in devices
    ]
    assert optimum(changed(devices=scaled)) == pytest.approx(4 * value, rel=1e-9)


def test_changed_requirements_are_seen_by_the_arrays():
    instance = pairs()
    loose = instance.with_requirements(max_group_outage=0.5)
    assert instance.arrays.cover_share[0] < loose.arrays.cover_share[0] == 1.0
    assert instance.sha256 != loose.sha256
    fewer = instance.model_copy(update={"devices": instance.devices[:3]})
    assert len(fewer.arrays.failure) == 3


def test_control_stops_methods_that_loop():
    control = Control(deadline=-math.inf)
    for name in ("random", "greedy"):
        assert ro.METHODS[name].run(pairs(), "guaranteed", control).plan is None


@pytest.mark.slow
def test_auto_ends_by_itself_where_no_proof_is_near(monkeypatch):
    monkeypatch.setattr(portfolio, "AUTO_ROUNDS", 0)
    instance = ro.generate("sbc", devices=20, seed=22)
    result = ro.solve(instance, "auto", latency_only=True)
    assert result.termination == "feasible"
    assert result.objective_value <= ro.solve(instance, "greedy").objective_value
    # With a clock nothing but the clock limits it.
    assert ro.solve(instance, "auto", time_limit=1e5, latency_only=True).termination == "optimal"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limit", "time_limit"), cases([("MAX_AUTO_DEVICES", None)], [("MAX_AUTO_DEVICES_WITH_LIMIT", 1e5)])
)
def test_auto_leaves_large_instances_to_greedy(monkeypatch, limit, time_limit):
    instance = ro.generate("sbc", devices=20, seed=22)
    monkeypatch.setattr(portfolio, limit, 19)
    assert ro.solve(instance, "auto", time_limit=time_limit, latency_only=True).termination == "feasible"
    monkeypatch.setattr(portfolio, limit, 20)
    assert ro.solve(instance, "auto", time_limit=time_limit, latency_only=True).termination == "optimal"
