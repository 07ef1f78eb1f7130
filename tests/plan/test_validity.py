"""Violations: none exactly for feasible plans, and each rule's with its place and amount."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from rocoin_opt.failure.validity import check
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.model import Group, Plan
from rocoin_opt.plan.validity import Violation
from samples import trials
from strategies import instances, valid_plans, wild_plans


def instance(**requirements: Any) -> Instance:
    """Four devices, of which d3 is small; two students; six filters."""
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    return Instance.model_validate(
        {
            "name": "four",
            "devices": [{"id": f"d{n}", "memory_bytes": memory, **device} for n, memory in enumerate([9, 9, 9, 4])],
            "students": [
                {"id": "small", "flops": 1, "memory_bytes": 1, "memory_bytes_per_filter": 1, "max_filters": 4},
                {"id": "large", "flops": 2, "memory_bytes": 3, "memory_bytes_per_filter": 1, "max_filters": 6},
            ],
            "knowledge": {"num_filters": 6, "bits_per_filter": 0},
            "requirements": {"max_group_outage": 0.2, "min_groups": 2, "max_groups": 3, **requirements},
        }
    )


def group(devices: str, student: str = "small", size: int = 3, filters: tuple[int, ...] | None = None) -> Group:
    """A group of the devices with the given digits."""
    return Group(devices=tuple(f"d{n}" for n in devices), student=student, num_filters=size, filters=filters)


def violations(*groups: Group, spares: str = "", **requirements: Any) -> tuple[Violation, ...]:
    """Violations of a plan, in its order."""
    return check(instance(**requirements), Plan(groups=groups, spares=tuple(f"d{n}" for n in spares)))


@given(st.data())
@trials(40)
def test_no_violation_exactly_where_brute_force_calls_a_plan_feasible(data: st.DataObject) -> None:
    given_instance = data.draw(instances(max_devices=4, max_students=2, max_filters=4, domains=True))
    for plan in oracle.all_plans(given_instance):
        assert (check(given_instance, plan) == ()) == oracle.is_feasible(given_instance, plan)


@given(st.data())
def test_a_feasible_plan_spoilt_in_one_place_is_refused(data: st.DataObject) -> None:
    given_instance = data.draw(instances())
    plan = data.draw(valid_plans(given_instance))
    first, *rest = plan.groups
    used = {device for each in plan.groups for device in each.devices}
    spoilt = [
        Plan(groups=(*plan.groups, first), spares=plan.spares),
        Plan(groups=tuple(rest), spares=plan.spares),
        Plan(groups=plan.groups, spares=(*plan.spares, first.devices[0])),
        Plan(groups=(first.model_copy(update={"num_filters": first.num_filters + 1}), *rest), spares=plan.spares),
        Plan(groups=(first.model_copy(update={"student": "stranger"}), *rest), spares=plan.spares),
        Plan(groups=(first.model_copy(update={"devices": (*first.devices, "stranger")}), *rest), spares=plan.spares),
        *([Plan(groups=plan.groups, spares=plan.spares[1:])] if plan.spares else []),
    ]
    assert check(given_instance, plan) == ()
    assert used | set(plan.spares) == {device.id for device in given_instance.devices}
    for each in spoilt:
        assert check(given_instance, each) != ()


@given(st.data())
def test_any_plan_gets_an_answer(data: st.DataObject) -> None:
    given_instance = data.draw(instances(domains=True))
    for violation in check(given_instance, data.draw(wild_plans(given_instance))):
        assert violation.where
        assert str(violation).startswith(f"{violation.where}: {violation.rule}: found ")


def test_a_valid_plan_has_none() -> None:
    assert violations(group("0", "large", 4), group("13", size=2), spares="2") == ()


@pytest.mark.parametrize(
    ("groups", "spares", "expected"),
    [
        (
            [group("0"), group("17"), group("")],
            "23",
            [
                Violation("known", "groups[1].devices[1]", "d7", "a device of the instance"),
                Violation("nonempty", "groups[2].devices", 0, 1, "devices"),
                Violation("outage", "groups[2]", 1.0, 0.2),
                Violation("cover", "groups", 9, 6, "filters"),
            ],
        ),
        (
            [group("01"), group("12")],
            "3",
            [Violation("disjoint", "groups[1].devices[0]", "d1", "one place only, it is also at groups[0].devices[1]")],
        ),
        (
            [group("0"), group("1")],
            "02",
            [
                Violation("disjoint", "spares[0]", "d0", "one place only, it is also at groups[0].devices[0]"),
                Violation("spares", "spares", "no d3", "every device in a group or among the spares"),
            ],
        ),
        ([group("0", "large", 6)], "123", [Violation("groups", "groups", 1, 2, "groups")]),
        (
            [group("0", size=2), group("1", size=2), group("2", size=1), group("3", size=1)],
            "",
            [Violation("groups", "groups", 4, 3, "groups")],
        ),
        (
            [group("0", size=5), group("1", size=1)],
            "23",
            [Violation("capacity", "groups[0].num_filters", 5, 4, "filters")],
        ),
        (
            [group("0", "large", 4), group("13", "large", 2)],
            "2",
            [Violation("memory", "groups[1].devices[1]", 5.0, 4.0, "bytes")],
        ),
        (
            [group("0", "large", 6), group("1", size=0)],
            "23",
            [Violation("nonempty", "groups[1].num_filters", 0, 1, "filters")],
        ),
        ([group("0"), group("1", size=2)], "23", [Violation("cover", "groups", 5, 6, "filters")]),
        (
            [group("0"), group("1", "huge")],
            "23",
            [Violation("known", "groups[1].student", "huge", "a student of the instance")],
        ),
        (
            [group("0", filters=(0, 1, 2)), group("1")],
            "23",
            [Violation("filters", "groups[1].filters", "none", "explicit filters in all groups or in none")],
        ),
        (
            [group("0", filters=(0, 1, 2)), group("1", filters=(3, 4))],
            "23",
            [
                Violation("filters", "groups[1].filters", 2, 3, "filters"),
                Violation("filters", "groups", "no part for filter 5", "every filter in exactly one part"),
            ],
        ),
        (
            [group("0", filters=(0, 1, 2)), group("1", filters=(2, 4, 6))],
            "23",
            [
                Violation("filters", "groups[1].filters", "filter 2 again", "every filter in exactly one part"),
                Violation("filters", "groups[1].filters", "filter 6", "filters 0 to 5"),
                Violation("filters", "groups", "no part for filter 3", "every filter in exactly one part"),
            ],
        ),
    ],
)
def test_each_rule_says_what_where_and_by_how_much(groups: list[Group], spares: str, expected: list[Violation]) -> None:
    assert list(violations(*groups, spares=spares)) == expected


def test_the_outage_and_its_excess() -> None:
    (violation,) = violations(group("0"), group("12"), spares="3", max_group_outage=0.05)
    assert (violation.rule, violation.where, violation.allowed) == ("outage", "groups[0]", 0.05)
    assert violation.found == 0.1
    assert violation.excess == pytest.approx(0.05)
    assert str(violation) == "groups[0]: outage: found 0.1, allowed 0.05 (by 0.05)"


def test_violations_read_well() -> None:
    (capacity,) = violations(group("0", size=5), group("1", size=1), spares="23")
    assert str(capacity) == "groups[0].num_filters: capacity: found 5 filters, allowed 4 filters (by 1 filters)"
    (unknown,) = violations(group("0"), group("1", "huge"), spares="23")
    assert unknown.excess is None
    assert str(unknown) == "groups[1].student: known: found huge, allowed a student of the instance"


def test_a_repeated_device_does_not_count_twice_towards_the_outage_limit() -> None:
    rules = {violation.rule for violation in violations(group("00"), group("12"), spares="3", max_group_outage=0.05)}
    assert rules == {"disjoint", "outage"}


def test_a_shared_failure_domain_counts_once() -> None:
    fields = instance(max_group_outage=0.1).model_dump(exclude_none=True)
    fields["failure_domains"] = [{"id": "ap", "failure_probability": 0.2}]
    for device in fields["devices"][:2]:
        device["failure_domain"] = "ap"
    shared = Instance.model_validate(fields)
    plan = Plan(groups=(group("01"), group("2")), spares=("d3",))
    (violation,) = check(shared, plan)
    # Both crash, or their domain fails: 0.2 + 0.8 * 0.01.
    assert violation.found == pytest.approx(0.208)


def test_without_max_groups_the_devices_are_the_limit() -> None:
    plan = [group("0", size=2), group("1", size=2), group("2", size=1), group("3", size=1)]
    assert violations(*plan, max_groups=None) == ()
