"""A method of a user's own: run, checked and valued like a registered one."""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.grouping.assignment import plan_with_best_sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.plan.latency import Objective


def two_by_two(instance: ro.Instance, objective: Objective, control: ro.Control) -> ro.Outcome:
    members = [(n, n + 1) for n in range(0, len(instance.devices) - 1, 2)]
    plan = plan_with_best_sizes(instance, members, objective)
    if plan is not None:
        control.tell(ro.evaluate(instance, plan).value(objective), None)
    return ro.Outcome(plan)


def method_of(run: Callable[..., object], name: str = "mine") -> ro.Method:
    return ro.Method(name, run, ("guaranteed", "nominal"), "devices in the order of the file")  # type: ignore[arg-type]


def test_a_method_of_ones_own_is_valued_and_bounded_like_any_other(tmp_path):
    instance = pairs()
    result = ro.solve(instance, method_of(two_by_two))
    best = ro.solve(instance, "exact")
    assert result.method == "mine"
    assert ro.check(instance, result.plan) == ()
    assert result.objective_value == ro.evaluate(instance, result.plan).guaranteed_seconds >= best.objective_value
    assert 0.0 < result.lower_bound <= best.objective_value
    assert result.trace[0].value == result.objective_value
    ro.write_plan(tmp_path / "mine.plan.json", instance, result)
    assert ro.read_plan(tmp_path / "mine.plan.json", instance) == result.plan


def test_it_stands_beside_registered_methods_in_a_comparison():
    results = ro.compare(pairs(), ["greedy", method_of(two_by_two), "exact"])
    assert [result.method for result in results] == ["greedy", "mine", "exact"]


def test_one_without_redundancy_is_scored_without_the_limit_too():
    alone = dataclasses.replace(method_of(lambda *_: ro.Outcome(None)), redundant=False)
    assert [r.instance.requirements.max_group_outage for r in ro.compare(pairs(), [alone])] == [
        pairs().requirements.max_group_outage,
        1.0,
    ]


def test_a_registered_method_may_be_given_as_itself():
    assert ro.solve(pairs(), ro.METHODS["greedy"]).plan == ro.solve(pairs(), "greedy").plan


@pytest.mark.parametrize("name", ["", "exact"])
def test_a_name_that_would_mislead_is_refused(name):
    with pytest.raises(ro.InputError, match=r"method.name.*other than auto"):
        ro.solve(pairs(), method_of(two_by_two, name))


def test_an_objective_that_it_does_not_minimise_is_refused():
    with pytest.raises(ro.UnsupportedError, match="mine minimises guaranteed, nominal, not worst"):
        ro.solve(pairs(), method_of(two_by_two), "worst")


def test_random_latencies_are_refused_unless_it_honours_them():
    instance = pairs()
    slowed = instance.with_devices(
        device.model_copy(update={"compute_slowdown": {"law": "lognormal", "sigma": 0.3}})
        for device in instance.devices
    )
    with pytest.raises(ro.UnsupportedError, match="mine cannot honour random latencies"):
        ro.solve(slowed, method_of(two_by_two))


@pytest.mark.parametrize("returned", [None, "a plan"])
def test_what_is_no_outcome_is_a_defect(returned):
    with pytest.raises(ro.CertificateError, match=r"mine returned \w+, not an Outcome"):
        ro.solve(pairs(), method_of(lambda *_: returned))


def test_an_invalid_plan_is_a_defect():
    false = ro.Plan(groups=(ro.Group(devices=("d0",), student="s3", num_filters=5),))
    with pytest.raises(ro.CertificateError, match="mine returned an invalid plan"):
        ro.solve(pairs(), method_of(lambda *_: ro.Outcome(false)))


def test_the_registry_is_left_alone():
    before = dict(ro.METHODS)
    ro.solve(pairs(), method_of(two_by_two))
    assert before == ro.METHODS


def test_a_method_is_called_as_the_tutorial_says():
    assert [*inspect.signature(ro.Method).parameters][:4] == ["name", "run", "objectives", "summary"]
    assert [*inspect.signature(ro.Outcome).parameters] == ["plan", "lower_bound", "infeasible", "reasons", "phases"]
