"""One more replica: each value against the enlarged plan evaluated anew."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rocoin_opt as ro
from fleets import fleet
from rocoin_opt.failure.assessment import REQUIREMENTS
from rocoin_opt.failure.what_if.replica_value import first_of_kinds
from samples import cases
from strategies import instances, structured_plans

if TYPE_CHECKING:
    from rocoin_opt.failure.what_if.replica_value import ReplicaValue
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan


def enlarged(instance: Instance, plan: Plan, value: ReplicaValue) -> tuple[Instance, Plan]:
    """The plan with the replica in it, and the instance with the twin where it is one."""
    name = value.device
    if value.is_twin:
        name = "twin"
        twin = next(d for d in instance.devices if d.id == value.device).model_copy(update={"id": name})
        instance = instance.model_copy(update={"devices": (*instance.devices, twin)})
    groups = [
        group.model_copy(update={"devices": (*group.devices, name)}) if k == value.group else group
        for k, group in enumerate(plan.groups)
    ]
    return instance, ro.Plan(groups=tuple(groups), spares=tuple(d for d in plan.spares if d != name))


def assert_values(instance: Instance, plan: Plan) -> None:
    values = ro.replica_values(instance, plan)
    for value in values:
        figures = ro.assess(*enlarged(instance, plan, value))
        for name in ("guaranteed_seconds", "expected_seconds", "success_probability"):
            computed = getattr(figures, name)
            assert getattr(value, name) == (None if computed is None else pytest.approx(computed, rel=1e-9, abs=1e-12))
    order = [v.guaranteed_seconds if v.expected_seconds is None else v.expected_seconds for v in values]
    known = [math.inf if seconds is None else seconds for seconds in order]
    assert known == sorted(known)


@pytest.mark.parametrize("slowdowns", cases([False], [True]))
def test_values_are_those_of_the_enlarged_plan(slowdowns: bool) -> None:
    @given(st.data())
    def holds(data: st.DataObject) -> None:
        instance = data.draw(instances(domains=True, max_devices=4))
        plan = data.draw(structured_plans(instance))
        assume({violation.rule for violation in ro.check(instance, plan)} <= set(REQUIREMENTS))
        assert_values(instance, plan)

    if slowdowns:
        assert_values(*fleet([0.1, 0.2, 0.1], groups=2, laws=True))
    else:
        holds()


@pytest.mark.parametrize("failures", [[0.05, 0.05], [0.1, 0.1, 0.1], [0.3, 0.3], [0.0, 0.3], [1e-200, 1e-200]])
@pytest.mark.parametrize("limit", cases([1e-300, 0.3 * 0.3], [0.0, 1.0 - 1e-11, 1.0 - 1e-13, 1.0]))
def test_values_are_right_at_the_ends(failures: list[float], limit: float) -> None:
    for groups, deadline in ((1, 2.0), (2, 1e20), (2, 2.0)):
        instance, plan = fleet(failures, groups=groups)
        assert_values(instance.with_requirements(max_group_outage=limit, deadline_seconds=deadline), plan)


def test_a_limit_of_1_is_kept_from_the_first_answer_on() -> None:
    instance, plan = fleet([0.3, 0.3], groups=1)
    first = min(instance.arrays.latency([0, 1], 0, 1))
    assert {value.guaranteed_seconds for value in ro.replica_values(instance, plan)} == {first}


def test_every_spare_and_every_kind_is_tried_where_it_fits() -> None:
    instance, plan = fleet([0.1, 0.2, 0.1, 0.2], groups=2)
    small = instance.devices[0].model_copy(update={"id": "small", "memory_bytes": 0.5})
    spare = instance.devices[3].model_copy(update={"id": "spare", "source": "elsewhere"})
    larger = instance.model_copy(update={"devices": (*instance.devices, small, spare)})
    values = ro.replica_values(larger, plan.model_copy(update={"spares": ("small", "spare")}))
    spares = {(value.device, value.group) for value in values if not value.is_twin}
    assert spares == {("spare", 0), ("spare", 1)}
    assert {value.device for value in values if value.is_twin} == {"d0", "d1", "d2", "d3"}
    # The spare equals d3: as good, and it is there already.
    best = next(value for value in values if value.device in ("spare", "d3"))
    assert not best.is_twin


def test_kinds_differ_by_their_numbers_only() -> None:
    instance, _ = fleet([0.1, 0.1, 0.1], groups=1)
    device = instance.devices[0]
    renamed = device.model_copy(update={"id": "other", "source": "elsewhere"})
    slower = device.model_copy(update={"flops_per_second": 0.5})
    assert first_of_kinds([device, renamed, slower]) == [device, slower]
