"""Latency tables, alike devices, powers and rates of requests in instances: read, written, valued and refused."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

import rocoin_opt as ro
from rocoin_opt.instance import Instance
from rocoin_opt.instance.counts import MAX_DEVICES
from rocoin_opt.plan.terminal import in_runs

if TYPE_CHECKING:
    from pathlib import Path

KEPT = {"memory_bytes": 1e6, "uplink_bits_per_second": 1e3, "failure_probability": 0.1}
POWERS = {"compute_watts": 2.0, "transmit_watts": 0.5}
CAMERA = {"id": "cam", "count": 3, "compute_seconds": {"a": 0.5, "b": {"seconds": 0.1, "seconds_per_filter": 0.01}}}
BOARD = {"id": "pi", "flops_per_second": 1e8, "compute_seconds": {"c": 0.25}}
FLEET: dict[str, Any] = {
    "name": "fleet",
    "devices": [{**CAMERA, **KEPT, **POWERS}, {**BOARD, **KEPT, **POWERS}],
    "students": [
        {"id": name, "flops": 1e7 * work, "memory_bytes": 1e5, "max_filters": 12} for work, name in enumerate("abc", 1)
    ],
    "knowledge": {"num_filters": 16, "bits_per_filter": 32.0},
    "requirements": {"max_group_outage": 0.05},
}


def fleet(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(FLEET), **changes}


def refusal(content: dict[str, Any]) -> tuple[str, str]:
    """Field and allowed values of the refusal that a content draws."""
    with pytest.raises(ValidationError) as caught:
        Instance.model_validate(content)
    context = caught.value.errors()[0]["ctx"]
    return context["field"], context["allowed"]


def test_an_entry_stands_for_devices_that_are_called_by_number() -> None:
    instance = Instance.model_validate(fleet())
    assert [device.id for device in instance.devices] == ["cam-1", "cam-2", "cam-3", "pi"]
    assert [(entry.id, entry.count, entry.numbered) for entry in instance.alike] == [("cam", 3, True), ("pi", 1, False)]
    written_out = [{**FLEET["devices"][0], "id": f"cam-{n}", "count": None} for n in (1, 2, 3)]
    same = Instance.model_validate(fleet(devices=[*written_out, FLEET["devices"][1]]))
    assert same.sha256 == instance.sha256
    other = fleet()
    other["devices"][0]["count"] = 1
    assert [device.id for device in Instance.model_validate(other).devices] == ["cam-1", "pi"]


def test_alike_devices_are_written_once_and_read_as_they_were(tmp_path: Path) -> None:
    instance = Instance.model_validate(fleet())
    ro.write_instance(tmp_path / "fleet.json", instance)
    text = (tmp_path / "fleet.json").read_text(encoding="utf-8")
    assert '"count": 3' in text
    assert "cam-2" not in text
    again = ro.read_instance(tmp_path / "fleet.json")
    assert again == instance
    assert again.sha256 == instance.sha256


def test_a_number_is_short_for_a_time_without_slope() -> None:
    content = fleet()
    content["devices"][0]["compute_seconds"]["a"] = {"seconds": 0.5}
    assert Instance.model_validate(content).sha256 == Instance.model_validate(fleet()).sha256


def test_measured_seconds_replace_flop_over_rate() -> None:
    arrays = Instance.model_validate(fleet()).arrays
    link = 32.0 / 1e3
    assert arrays.latency(0, 0, 4) == pytest.approx(0.5 + 4 * link)
    assert arrays.latency(0, 1, 4) == pytest.approx(0.1 + 4 * (0.01 + link))
    assert arrays.latency(3, 0, 4) == pytest.approx(0.1 + 4 * link)
    assert arrays.latency(3, 2, 4) == pytest.approx(0.25 + 4 * link)
    assert arrays.latency(0, 2, 4) == math.inf
    assert arrays.largest[0].tolist() == [12, 12, 0]
    # FLOP over seconds, both over the students in the table.
    assert arrays.rate.tolist() == pytest.approx([3e7 / 0.6] * 3 + [1e8])
    assert arrays.joules(0, 1, 4) == pytest.approx(2.0 * (0.1 + 0.04) + 0.5 * 4 * link)


def test_limits_on_energy_and_requests_cap_parts_and_are_checked() -> None:
    content = fleet()
    # 0.1 s of computing and 32 ms a filter on the link: three filters fit into the time between two requests.
    content["requirements"]["requests_per_second"] = 1.0 / (0.1 + 3 * 0.032)
    content["devices"][0]["max_joules"] = 2.0 * (0.1 + 0.02) + 0.5 * 0.064
    instance = Instance.model_validate(content)
    assert instance.arrays.largest.tolist() == [[0, 2, 0]] * 3 + [[3, 0, 0]]
    group = ro.Group(devices=("cam-1", "pi"), student="b", num_filters=16)
    found = ro.check(instance, ro.Plan.of(instance, [group]))
    told = {(violation.rule, violation.where) for violation in found}
    assert {("requests", "groups[0].devices[0]"), ("requests", "groups[0].devices[1]")} <= told
    assert ("energy", "groups[0].devices[0]") in told
    content["requirements"]["max_energy_joules"] = 0.5
    limited = Instance.model_validate(content)
    assert ("energy", "groups") in {(v.rule, v.where) for v in ro.check(limited, ro.Plan.of(limited, [group]))}


def test_the_energy_of_a_plan_counts_the_replicas_of_its_groups() -> None:
    instance = Instance.model_validate(fleet())
    plan = ro.Plan.of(instance, [ro.Group(devices=("cam-1", "pi"), student="a", num_filters=8)])
    metrics = ro.evaluate(instance, plan)
    assert metrics.energy_joules == pytest.approx(2.0 * (0.5 + 0.1) + 2 * 0.5 * 8 * 0.032)
    unknown = [{**CAMERA, **KEPT}, {**BOARD, **KEPT}]
    assert ro.evaluate(Instance.model_validate(fleet(devices=unknown)), plan).energy_joules is None


def test_a_student_without_a_time_cannot_run() -> None:
    instance = Instance.model_validate(fleet())
    plan = ro.Plan.of(instance, [ro.Group(devices=("cam-1", "pi"), student="c", num_filters=8)])
    rules = [violation for violation in ro.check(instance, plan) if violation.rule == "students"]
    assert [(v.found, v.allowed) for v in rules] == [("cam-1 with c", "a, b")]


def test_rules_take_a_name_for_all_of_its_devices() -> None:
    instance = Instance.model_validate(fleet(rules=[{"spare": ["cam"]}]))
    assert instance.rules[0].spare == ("cam-1", "cam-2", "cam-3")
    assert refusal(fleet(rules=[{"use": ["cam-2"]}, {"spare": ["cam"]}]))[0] == "rules[1].spare[0]"
    assert refusal(fleet(rules=[{"use": ["cam", "cam-2"]}])) == ("rules[0].use[1]", "each device once")


@pytest.mark.parametrize(
    ("place", "changes", "field"),
    [
        (0, {"compute_seconds": {"d": 1.0}}, "devices[0].compute_seconds"),
        (1, {"id": "cam-2"}, "devices[1].id"),
        (1, {"id": "cam"}, "devices[1].id"),
        (0, {"count": MAX_DEVICES}, None),
        (0, {"count": MAX_DEVICES + 1}, "devices[0].count"),
    ],
)
def test_what_devices_cannot_be_is_refused(place: int, changes: dict[str, Any], field: str | None) -> None:
    content = fleet()
    content["devices"][place].update(changes)
    if field is None:
        # One more with the board.
        content["devices"] = content["devices"][1:] + content["devices"][:1]
        field = "devices[1].count"
    assert refusal(content)[0] == field


def test_a_device_says_how_fast_it_is_and_what_it_spends_where_that_is_limited() -> None:
    for changes, field in (
        ({"compute_seconds": None}, "flops_per_second"),
        ({"max_joules": 1.0, "transmit_watts": None}, "transmit_watts"),
    ):
        content = fleet()
        content["devices"][0].update(changes)
        assert refusal(content)[0] == field
    content = fleet(requirements={"max_group_outage": 0.05, "max_energy_joules": 1.0})
    del content["devices"][1]["compute_watts"]
    assert refusal(content)[0] == "devices[1].compute_watts"
    content = fleet()
    content["devices"][0]["compute_seconds"] = {}
    with pytest.raises(ValidationError):
        Instance.model_validate(content)


def test_names_in_a_row_are_told_as_one() -> None:
    names = ["cam-1", "cam-10", "cam-11", "cam-2", "cam-3", "pi", "cam-12", "x-0", "y-01", "y-2", "y-3"]
    assert in_runs(names) == ["cam-1 to cam-3", "cam-10 to cam-12", "pi", "x-0", "y-01", "y-2", "y-3"]


def test_a_name_beside_numbered_ones_stays_and_one_that_reads_as_two_is_quoted():
    assert in_runs(["cam", "cam-1", "cam-2"]) == ["cam", "cam-1", "cam-2"]
    assert in_runs(["Pi 4, kitchen", "Pi 4", " lamp"]) == ['"Pi 4, kitchen"', "Pi 4", '" lamp"']
    assert in_runs(f"a, b-{n}" for n in (1, 2, 3)) == ['"a, b-1" to "a, b-3"']


def test_replanning_takes_a_name_for_all_of_its_devices() -> None:
    content = fleet(students=[{**student, "max_filters": 16} for student in FLEET["students"]])
    content["devices"].append({**BOARD, **KEPT, "id": "spare"})
    instance = Instance.model_validate(content)
    plan = ro.solve(instance, prefer="work").plan
    assert plan is not None
    found = ro.replan(instance, plan, ["cam"])
    assert found.lost == ("cam-1", "cam-2", "cam-3")
    assert [device.id for device in found.instance.devices] == ["pi", "spare"]
