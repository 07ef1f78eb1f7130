"""``solve`` and its files under random latencies: what each method does, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from fleets import LAWS
from rocoin_opt.grouping.infeasible import NO_GUARANTEE
from rocoin_opt.plan.model import Group
from samples import cases
from slowed import mixed, slowed
from tracing import assert_traced

if TYPE_CHECKING:
    from pathlib import Path

ABLE = tuple(name for name, method in ro.METHODS.items() if method.run_random is not None)
UNABLE = tuple(name for name in ro.METHODS if name not in ABLE)


@pytest.fixture(scope="module")
def instance() -> ro.Instance:
    return mixed(10, 0)


def test_the_documented_methods_honour_random_latencies() -> None:
    assert ABLE == ("auto", "exact", "greedy", "rocoin", "nonn", "het-nonn", "random")


@pytest.mark.parametrize("objective", cases(["guaranteed"], ["expected"]))
@pytest.mark.parametrize("name", ABLE)
def test_every_method_returns_a_checked_plan_or_says_why(name: str, objective: str, instance: ro.Instance) -> None:
    if objective not in ro.METHODS[name].objectives:
        return
    result = ro.solve(instance, name, objective)
    assert_traced(result)
    if result.plan is None:
        assert name in ("nonn", "het-nonn")
        assert result.reasons
        return
    assert ro.check(instance, result.plan) == ()
    assert result.objective_value == ro.evaluate(instance, result.plan).value(objective)
    if name in ("auto", "exact") and objective == "guaranteed":
        assert result.termination == "optimal"
        assert 0.0 <= result.gap <= 1e-9
    assert result.summary()
    assert "without slowdown" in result.summary()


@pytest.mark.parametrize("name", UNABLE)
def test_the_other_methods_say_who_can(name: str, instance: ro.Instance) -> None:
    with pytest.raises(ro.UnsupportedError, match=f"{name} cannot honour random latencies; {', '.join(ABLE)} can"):
        ro.solve(instance, name)


@pytest.mark.parametrize("objective", ["nominal", "worst"])
def test_objectives_without_a_meaning_are_refused(objective: str, instance: ro.Instance) -> None:
    with pytest.raises(ro.UnsupportedError, match=f"{objective} has no meaning for random latencies"):
        ro.solve(instance, "auto", objective)


@pytest.mark.slow
def test_baselines_never_beat_the_proven_optimum(instance: ro.Instance) -> None:
    best = ro.solve(instance, "exact").lower_bound
    for result in ro.compare(instance, ["greedy", "rocoin", "random"]):
        assert result.objective_value >= best


@pytest.mark.slow
def test_a_start_is_never_made_worse_and_its_filters_are_kept() -> None:
    instance = slowed(ro.generate("mcu", devices=6, seed=0, graph=True), LAWS[1])
    start = ro.solve(instance, "random", seed=3)
    for name in ("auto", "exact"):
        result = ro.solve(instance, name, start=start.plan)
        assert result.objective_value <= start.objective_value
        assert all(group.filters is not None for group in result.plan.groups)
        assert ro.solve(instance, name, start=result.plan).plan == result.plan


def test_a_limit_of_no_time_returns_what_there_is(instance: ro.Instance) -> None:
    result = ro.solve(instance, "exact", time_limit=0.0)
    assert result.termination == "no_plan"
    assert result.reasons
    start = ro.solve(instance, "random").plan
    result = ro.solve(instance, "exact", time_limit=0.0, start=start)
    assert (result.plan.groups, result.termination) == (start.groups, "feasible")


@pytest.mark.slow
def test_infeasible_is_proven_with_a_reason(instance: ro.Instance) -> None:
    for name in ABLE:
        result = ro.solve(instance.with_requirements(max_group_outage=1e-12), name)
        assert result.termination == "infeasible"
        assert result.reasons[0].startswith("reliability")


def test_auto_without_a_limit_leaves_large_instances_to_greedy(monkeypatch, instance: ro.Instance) -> None:
    monkeypatch.setattr("rocoin_opt.planning.methods.under_laws.MAX_AUTO_DEVICES", 9)
    result = ro.solve(instance, "auto")
    assert result.objective_value == ro.solve(instance, "greedy").objective_value


@pytest.mark.slow
def test_the_same_arguments_give_the_same_plan(instance: ro.Instance) -> None:
    first, second = (ro.solve(instance, "exact", seed=5) for _ in range(2))
    assert (first.plan, first.objective_value, first.lower_bound) == (
        second.plan,
        second.objective_value,
        second.lower_bound,
    )


@pytest.mark.slow
def test_plan_files_are_checked_by_the_evaluator(run, tmp_path: Path, instance: ro.Instance) -> None:
    ro.write_instance(tmp_path / "i.json", instance)
    assert run("solve", tmp_path / "i.json", "--out", tmp_path / "p.plan.json")[0] == 0
    status, out, _ = run("check", tmp_path / "i.json", tmp_path / "p.plan.json")
    assert (status, "agrees with the evaluator" in out) == (0, True)
    document = json.loads((tmp_path / "p.plan.json").read_text())
    assert document["metrics"]["nominal_seconds"] is None
    document["metrics"]["guaranteed_seconds"] *= 1.0001
    document["solve"]["lower_bound"] *= 1.001
    (tmp_path / "p.plan.json").write_text(json.dumps(document))
    status, out, _ = run("check", tmp_path / "i.json", tmp_path / "p.plan.json")
    assert status == 1
    assert "metrics.guaranteed_seconds" in out
    assert "solve.lower_bound" in out


def test_what_knows_constants_only_refuses() -> None:
    instance = slowed(ro.generate("mcu", devices=8, seed=0, graph=True), LAWS[1])
    with pytest.raises(ro.UnsupportedError, match="slowdown law"):
        ro.frontier(instance)
    with pytest.raises(ro.UnsupportedError, match="slowdown law"):
        ro.replan(instance, ro.solve(instance, "greedy").plan)


def without_failures(*laws: dict[str, object], filters: int = 2, **requirements: float) -> ro.Instance:
    """Devices that never fail, and an outage limit of 0 where no other is given."""
    devices = [
        {
            "id": f"d{n}",
            "flops_per_second": 1.0,
            "memory_bytes": 9,
            "uplink_bits_per_second": 1.0,
            "failure_probability": 0.0,
            "compute_slowdown": law,
        }
        for n, law in enumerate(laws)
    ]
    return ro.Instance.model_validate(
        {
            "name": "sure",
            "devices": devices,
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": filters, "bits_per_filter": 1},
            "requirements": {"max_group_outage": 0.0, "deadline_seconds": 9.0, **requirements},
        }
    )


@pytest.mark.parametrize("name", ABLE)
def test_no_guarantee_without_a_bounded_device_is_proven(name: str) -> None:
    instance = without_failures(LAWS[1], LAWS[4])
    result = ro.solve(instance, name)
    assert (result.termination, result.plan, result.lower_bound) == ("infeasible", None, None)
    is_told = "conflict: max_group_outage 0 alone rules out every plan" in result.reasons
    assert is_told == (ro.METHODS[name].surer is not None)
    assert result.reasons[:1] == (NO_GUARANTEE,)
    # For the expected time the very same plans are valid and have a value.
    assert ro.solve(instance, name, "expected").objective_value > 2.0


def test_a_guarantee_needs_a_bounded_device_in_every_group() -> None:
    instance = without_failures(LAWS[1], LAWS[5], LAWS[0])
    for name in ("auto", "exact"):
        result = ro.solve(instance, name)
        assert (result.termination, result.lower_bound, result.reasons[:1]) == ("infeasible", None, (NO_GUARANTEE,))
    for name in ("greedy", "rocoin", "random"):
        result = ro.solve(instance, name)
        assert (result.termination, result.objective_value) == ("feasible", None)
        assert result.reasons[0].startswith("no guarantee")
        assert "no guarantee" in result.summary()
    start = ro.solve(instance, "random").plan
    kept = ro.solve(instance, "exact", start=start)
    assert (kept.plan, kept.objective_value, kept.lower_bound) == (start, None, None)
    assert kept.reasons[0].startswith("no guarantee")


def test_a_bounded_device_a_group_is_a_guarantee() -> None:
    instance = without_failures(LAWS[1], LAWS[5], LAWS[5])
    for name in ("auto", "exact"):
        result = ro.solve(instance, name)
        assert (result.termination, result.objective_value) == ("optimal", 5.0)
    start = ro.Plan.of(instance, [Group(devices=(f"d{n}",), student="s", num_filters=1) for n in (0, 1)])
    assert ro.solve(instance, "exact", start=start).objective_value == 5.0
    # What has nothing to compute is never slow.
    idle = without_failures(LAWS[1], LAWS[1]).model_dump(exclude_unset=True)
    idle["students"][0]["flops"] = 0.0
    assert ro.solve(ro.Instance.model_validate(idle), "exact").objective_value == 1.0


def test_tails_beyond_all_times_are_no_guarantee() -> None:
    fields = without_failures({"law": "pareto", "alpha": 0.02}, {"law": "pareto", "alpha": 0.02}).model_dump()
    for device in fields["devices"]:
        device["failure_probability"] = 0.1
    fields["requirements"]["max_group_outage"] = 0.1
    result = ro.solve(ro.Instance.model_validate(fields), "exact")
    assert (result.termination, result.lower_bound) == ("infeasible", None)
    assert result.reasons[:1] == ("no guarantee: no plan keeps the outage limit by 1e+290 s",)
