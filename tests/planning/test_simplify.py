"""Statements about simpler plans: made when true, with a witness, and not made otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rocoin_opt as ro
from failure_plans import replica, system
from oracle import feasible_plans
from rocoin_opt.failure.assessment import REQUIREMENTS
from rocoin_opt.instance.tolerances import stretched
from strategies import instances, structured_plans

if TYPE_CHECKING:
    from rocoin_opt.failure.assessment import Figures


def value_of(figures: Figures) -> float:
    value = figures.guaranteed_seconds if figures.expected_seconds is None else figures.expected_seconds
    return float("inf") if value is None else value


@given(st.data())
def test_what_is_said_is_true_and_one_device_is_never_overlooked(data: st.DataObject) -> None:
    instance = data.draw(instances(max_devices=3, max_filters=4, max_students=2))
    plan = data.draw(structured_plans(instance))
    assume({violation.rule for violation in ro.check(instance, plan)} <= set(REQUIREMENTS))
    found = ro.simplifications(instance, plan)
    limit = stretched(value_of(ro.assess(instance, plan)))
    for witness in (found.one_device, found.without_redundancy):
        if witness is not None:
            rules = {violation.rule for violation in ro.check(instance, witness.plan)}
            assert rules <= (set() if witness.keeps_limit else {"outage"})
            assert witness.figures == ro.assess(instance, witness.plan)
            assert value_of(witness.figures) <= limit
            assert all(len(group.devices) == 1 for group in witness.plan.groups)
    if found.one_device is not None:
        assert len(found.one_device.plan.groups) == 1
        assert found.one_device.keeps_limit
    lone = [other for other in feasible_plans(instance) if len(other.groups) == len(other.groups[0].devices) == 1]
    values = [value_of(ro.assess(instance, other)) for other in lone]
    is_simple = sum(len(group.devices) for group in plan.groups) == 1
    good = [value for value in values if value <= limit and value < float("inf")]
    assert (found.one_device is not None) == (bool(good) and not is_simple)
    if found.one_device is not None:
        assert value_of(found.one_device.figures) == min(good)


def test_one_device_suffices_whose_decimals_round_above_those_of_the_plan() -> None:
    instance, plan = system(
        [replica(0.1, 0.3), replica(0.1, 0.3), replica(0.0, 0.2, overhead_seconds=0.1)], max_group_outage=0.01
    )
    pair = ro.Plan.of(instance, [plan.groups[0].model_copy(update={"devices": ("g0d0", "g0d1")})])
    for deadline in (None, 0.3):
        found = ro.simplifications(instance, pair, deadline)
        assert found.one_device is not None
        assert found.one_device.plan.groups[0].devices == ("g0d2",)
        assert value_of(found.one_device.figures) == pytest.approx(0.3, rel=1e-15)
    assert value_of(found.one_device.figures) == value_of(ro.assess(instance, pair, 0.3)) == 0.3
    found = ro.simplifications(instance, pair)
    assert found.one_device is not None
    assert value_of(found.one_device.figures) > value_of(ro.assess(instance, pair))


def test_one_device_suffices_where_it_is_sure_and_fast() -> None:
    for deadline in ({}, {"deadline_seconds": 9.0}):
        instance, plan = system([replica(0.0, 1.0), replica(0.5, 3.0)], **deadline)
        one = ro.simplifications(instance, plan).one_device
        assert one is not None
        assert one.plan.groups[0].devices == ("g0d0",)
        assert ro.simplifications(instance, one.plan).one_device is None


def test_the_number_of_groups_is_kept() -> None:
    sure = [replica(0.0, 1.0), replica(0.0, 1.0)]
    instance, plan = system(sure, min_groups=2)
    # The plan itself has too few groups, and its single filter does not make two parts.
    found = ro.simplifications(instance, plan)
    assert (found.one_device, found.without_redundancy) == (None, None)


def test_redundancy_pays_where_devices_crash_often() -> None:
    instance, plan = system([replica(0.3, 1.0), replica(0.3, 1.0)], deadline_seconds=9.0)
    found = ro.simplifications(instance, plan)
    assert (found.one_device, found.without_redundancy) == (None, None)


@pytest.mark.parametrize(("limit", "keeps_limit"), [(0.01, True), (1e-5, False)])
def test_redundancy_does_not_pay_where_parts_can_be_smaller(limit: float, keeps_limit: bool) -> None:
    """Two devices as replicas hold two filters each; one filter each takes half the time, and crashes are rare."""
    device = {"memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 1e-3, "flops_per_second": 1.0}
    instance = ro.Instance.model_validate(
        {
            "name": "halves",
            "devices": [{"id": name, **device} for name in "ab"],
            "students": [{"id": "s", "flops": 0, "flops_per_filter": 1, "memory_bytes": 1, "max_filters": 2}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 0},
            "requirements": {"max_group_outage": limit, "deadline_seconds": 10.0},
        }
    )
    plan = ro.Plan.of(instance, [ro.Group(devices=("a", "b"), student="s", num_filters=2)])
    found = ro.simplifications(instance, plan).without_redundancy
    assert found is not None
    assert found.keeps_limit == keeps_limit
    assert found.plan.sizes == (1, 1)
    # With the limit set aside a guarantee says nothing.
    without = ro.simplifications(instance.with_requirements(deadline_seconds=None), plan).without_redundancy
    assert (without is not None) == keeps_limit
    assert ro.simplifications(instance, plan, deadline=1e-3).without_redundancy is not None


def test_random_latencies_have_witnesses_too() -> None:
    law = {"compute_slowdown": {"law": "shifted_exponential", "rate": 4.0}}
    instance, plan = system([replica(0.0, 1.0, **law), replica(0.5, 50.0)], deadline_seconds=1.0)
    found = ro.simplifications(instance, plan)
    assert found.one_device is not None
    assert found.without_redundancy is not None
