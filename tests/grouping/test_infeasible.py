"""Reasons for infeasibility: true, and in words that name what to change."""

from __future__ import annotations

import pytest
from hypothesis import given

import oracle
from examples import two_pairs
from rocoin_opt.grouping.infeasible import reasons_for_infeasibility, reasons_for_no_guarantee
from rocoin_opt.instance.files import read_instance
from strategies import instances


@given(instances(max_devices=4, max_filters=5))
def test_a_reason_is_a_proof(instance):
    if reasons_for_infeasibility(instance):
        assert next(oracle.feasible_plans(instance), None) is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("memory", ["memory: no device can hold any student", "bytes"]),
        ("reliability", ["reliability: all", "fail together", "the outage limit is"]),
        ("capacity", ["capacity: at most", "filters can be placed"]),
        ("groups", ["groups: at most 1 group can", "min_groups asks for"]),
    ],
)
def test_shipped_infeasible_instances_name_their_cause(repository, name, words):
    reasons = reasons_for_infeasibility(read_instance(repository / "instances" / "infeasible" / f"{name}.json"))
    assert len(reasons) == 1
    for word in words:
        assert word in reasons[0]


def test_a_reason_gives_the_figures():
    (reason,) = reasons_for_infeasibility(two_pairs().with_requirements(max_group_outage=1e-5))
    assert "all 4 devices" in reason
    assert "probability 0.0001" in reason
    assert "limit is 1e-05" in reason
    instance = two_pairs()
    (reason,) = reasons_for_infeasibility(instance.with_devices(instance.devices[:1]))
    assert reason.startswith("reliability: the one device that can hold a student fails with probability 0.1; ")


def test_students_and_devices_without_times_are_named():
    instance = two_pairs()
    second = instance.students[0].model_copy(update={"id": "second"})
    instance = instance.model_copy(update={"students": (*instance.students, second)})
    table = {"flops_per_second": None, "compute_seconds": {"second": 1.0}}
    timed = instance.with_devices(device.model_copy(update=table) for device in instance.devices)
    first, idle = instance.students[0].id, timed.devices[0]
    (reason,) = reasons_for_infeasibility(timed.with_requirements(max_group_outage=1e-5))
    assert reason.startswith("reliability: ")
    assert f"No device can run {first}: none that may has a time" in reason
    none = [device.model_copy(update={"students": (first,)}) for device in timed.devices]
    mixed = timed.with_devices([none[0], *timed.devices[1:]]).with_requirements(max_group_outage=1e-5)
    assert reasons_for_infeasibility(mixed)[0].endswith(f"any student that {idle.id} may run.")
    (reason,) = reasons_for_infeasibility(timed.with_devices(none))
    assert reason.startswith("compute_seconds: no device can run any student. There is no time in compute_seconds for")


def test_what_leaves_no_device_is_told_apart_from_memory():
    (reason,) = reasons_for_infeasibility(two_pairs().with_requirements(requests_per_second=1e9))
    assert reason.startswith("limits: no device can serve with any student, because of requests_per_second")


def test_a_device_of_no_time_always_answers_whatever_slows_it():
    law = {"law": "lognormal", "sigma": 1.0}
    sure = {"failure_probability": 0.0, "compute_slowdown": law}
    instance = two_pairs().with_requirements(max_group_outage=0.0)
    student = instance.students[0].id
    timed = [(0.0, False), (1.0, True)]
    for seconds, is_said in timed:
        changed = {**sure, "compute_seconds": {student: seconds}}
        devices = [device.model_copy(update=changed) for device in instance.devices]
        assert bool(reasons_for_no_guarantee(instance.with_devices(devices))) is is_said
