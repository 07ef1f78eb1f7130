"""Data is valid however it is made or copied, and says what is wrong in the words that files get."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.instance import write_instance

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEVICE = {
    "id": "cam",
    "flops_per_second": 1e9,
    "memory_bytes": 1e6,
    "uplink_bits_per_second": 1e6,
    "failure_probability": 0.1,
}


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(ro.InputError) as caught:
        make()
    return str(caught.value)


def test_a_constructor_says_what_a_file_would_be_told() -> None:
    for fields, told in (
        ({"failure_probability": 7}, "Device: failure_probability: found 7; allowed: a number below 1; 7 % is 0.07"),
        (
            {"falure_probability": 0.1},
            "Device: falure_probability: found an unknown field; allowed: only the fields of the format; did you mean "
            "failure_probability?",
        ),
        ({"memory_bytes": "1e6"}, 'Device: memory_bytes: found "1e6"; allowed: a number'),
    ):
        assert refusal(lambda fields=fields: ro.Device(**(DEVICE | fields))) == told
    assert refusal(lambda: ro.Requirements()) == (
        "Requirements: max_group_outage: found nothing; allowed: this field is required"
    )


def test_a_repeated_identifier_is_named_and_one_device_draws_one_message() -> None:
    instance = pairs()
    first = instance.devices[0]
    twice = f'Instance: devices[1].id: found "{first.id}"; allowed: an identifier that no other one repeats'
    assert refusal(lambda: instance.with_devices([first, first])) == twice
    fields = {name: getattr(instance, name) for name in ro.Instance.model_fields}
    assert refusal(lambda: ro.Instance(**fields | {"devices": first})) == (
        "Instance: devices: found one Device; allowed: a list"
    )
    wrong = (DEVICE | {"failure_probability": 7}, *instance.devices)
    assert refusal(lambda: ro.Instance(**fields | {"devices": wrong})) == (
        "Instance: devices[0].failure_probability: found 7; allowed: a number below 1; 7 % is 0.07"
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda device: device.with_fields(failure_probability=7),
        lambda device: device.model_copy(update={"failure_probability": 7}),
        lambda device: device.model_copy(update={"failure_probability": 7}, deep=True),
        lambda device: pairs().with_device(device.id, failure_probability=7),
        lambda device: pairs().with_devices([unsound(device)]),
        lambda device: pairs().with_fields(devices=(unsound(device),)),
        lambda device: pairs().model_copy(update={"devices": (unsound(device),)}),
    ],
)
def test_no_way_to_change_a_device_leaves_it_invalid(change: Callable[[ro.Device], object]) -> None:
    assert refusal(lambda: change(pairs().devices[0])).endswith(
        "failure_probability: found 7; allowed: a number below 1; 7 % is 0.07"
    )


def unsound(device: ro.Device) -> ro.Device:
    return ro.Device.model_construct(**{**device.__dict__, "failure_probability": 7})


def test_copies_with_changes_are_what_was_asked_for() -> None:
    instance = pairs()
    name = instance.devices[1].id
    changed = instance.with_device(name, failure_probability=0.25)
    assert changed.device(name).failure_probability == 0.25
    assert [d for d in changed.devices if d.id != name] == [d for d in instance.devices if d.id != name]
    assert changed.sha256 != instance.sha256 == instance.model_copy().sha256
    assert instance.with_requirements(max_groups=1).max_groups == 1
    (kept, *_) = instance.students
    assert instance.with_students([kept]).students == (kept,)
    assert instance.with_knowledge(bits_per_filter=1.0).knowledge.bits_per_filter == 1.0
    assert instance.student(kept.id) == kept
    assert "max_group_outage?" in refusal(lambda: instance.with_requirements(max_group=3))
    assert refusal(lambda: instance.device("nobody")).startswith('devices: id: found "nobody"; allowed: one of ')


def test_a_graph_keeps_its_weights_under_another_name() -> None:
    graph = ro.FilterGraph.from_weights([[0.0, 2.0], [2.0, 0.0]])
    renamed = graph.with_fields(path="other.npz")
    assert (renamed.path, renamed.dense(2).tolist()) == ("other.npz", graph.dense(2).tolist())


@pytest.mark.parametrize("use", ["solve", "compare", "why_not", "check", "evaluate", "max_groups"])
def test_an_instance_made_past_the_validation_is_refused(use: str) -> None:
    instance = pairs()
    plan = ro.solve(instance, "greedy").plan
    broken = ro.Instance.model_construct(**{**instance.__dict__, "devices": (unsound(instance.devices[0]),)})
    given: dict[str, Any] = {"compare": (["greedy"],), "check": (plan,), "evaluate": (plan,)}
    assert refusal(lambda: getattr(ro, use)(broken, *given.get(use, ()))) == (
        "Instance: devices[0].failure_probability: found 7; allowed: a number below 1; 7 % is 0.07"
    )


def test_functions_take_files_and_results(tmp_path: Path) -> None:
    instance = pairs()
    write_instance(tmp_path / "pairs.json", instance)
    result = ro.solve(tmp_path / "pairs.json", "greedy")
    assert result.plan == ro.solve(instance, "greedy").plan
    assert ro.check(instance, result) == ()
    assert ro.evaluate(instance, result) == ro.evaluate(instance, result.plan) == result.metrics
    ro.write_plan(tmp_path / "own.plan.json", instance, result.plan)
    assert ro.read_plan(tmp_path / "own.plan.json", instance) == result.plan
    assert refusal(lambda: ro.solve(5)) == "instance: found 5; allowed: an instance, or the path of an instance file"
    assert refusal(lambda: ro.evaluate(instance, None)) == "plan: found none; allowed: a plan, or what holds one"


def uses_of_plans() -> list[tuple[str, list[str]]]:
    """The public functions that take an instance and plans of it, and the names of these plans."""
    plans = ("plan", "first", "second", "start")
    functions = [value for name in dir(ro) if inspect.isfunction(value := getattr(ro, name))]
    taken = {function.__name__: inspect.signature(function).parameters for function in functions}
    return [(name, given) for name, names in taken.items() if (given := [plan for plan in plans if plan in names])]


@pytest.mark.parametrize(("name", "plans"), uses_of_plans())
def test_who_takes_a_plan_takes_a_result(name: str, plans: list[str]) -> None:
    instance = pairs()
    result = ro.solve(instance, "greedy")
    given = dict.fromkeys(plans, result)
    getattr(ro, name)(instance, **given)
    for plan in plans:
        without = given | {plan: SimpleNamespace(plan=None)}
        told = refusal(lambda without=without: getattr(ro, name)(instance, **without))
        assert told == f"{plan}: found none; allowed: a plan, or what holds one"


def test_completion_and_repr_are_our_own() -> None:
    plan = ro.solve(pairs(), "greedy").plan
    assert not [name for name in dir(plan) if name.startswith(("model_", "parse_", "schema")) and name != "model_copy"]
    assert "to_networkx" in dir(plan)
    assert repr(ro.Requirements(max_group_outage=0.1)) == "Requirements(max_group_outage=0.1)"
    assert "\n" not in repr(plan)
    assert ro.__version__ == ro.versions()["rocoin-opt"]
