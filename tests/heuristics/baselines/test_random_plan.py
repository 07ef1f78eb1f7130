from __future__ import annotations

import math

from hypothesis import given

from oracle import feasible_plans
from rocoin_opt.control import Control
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from rocoin_opt.instance.model import Instance
from strategies import instances


def make(students: list[tuple[int, int]], filters: int, memories: list[int], p: float = 0.1) -> Instance:
    """Equal devices of some memories, and students of (memory, capacity); two devices keep the outage limit."""
    return Instance.model_validate(
        {
            "name": "made",
            "devices": [
                {
                    "id": f"d{n}",
                    "flops_per_second": 1.0,
                    "memory_bytes": memory,
                    "uplink_bits_per_second": 1.0,
                    "failure_probability": p,
                }
                for n, memory in enumerate(memories)
            ],
            "students": [
                {"id": f"s{j}", "flops": 1.0, "memory_bytes": memory, "max_filters": capacity}
                for j, (memory, capacity) in enumerate(students)
            ],
            "knowledge": {"num_filters": filters, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.01},
        }
    )


def test_seeds_make_different_plans() -> None:
    instance = make([(1, 8), (1, 10)], 12, [1] * 8)
    plans = {random_plan(instance, "guaranteed", Control(seed=seed)).plan for seed in range(20)}
    assert len(plans) > 15
    assert {len(plan.groups) for plan in plans if plan} == {2, 3, 4}


def test_students_are_raised_where_the_drawn_ones_learn_too_little() -> None:
    # Both groups need the large student, or sizes do not reach 12; a drawn one is large in half of the cases.
    instance = make([(1, 2), (1, 6)], 12, [1] * 4)
    for seed in range(10):
        plan = random_plan(instance, "guaranteed", Control(seed=seed)).plan
        assert plan is not None
        assert [(group.student, group.num_filters) for group in plan.groups] == [("s1", 6), ("s1", 6)]


def test_groups_are_drawn_among_devices_that_share_a_student() -> None:
    # Only the two devices of memory 9 can hold the student that learns all filters.
    instance = make([(1, 1), (9, 5)], 5, [1, 9, 1, 9])
    plan = random_plan(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert {"d1", "d3"} in [set(group.devices) for group in plan.groups]


def test_the_reason_tells_what_the_draws_reached() -> None:
    assert random_plan(make([(1, 3)], 12, [1] * 4), "guaranteed", Control()).reasons == (
        "none of 1000 random groupings carries a plan: at most 2 of at least 1 groups keep the outage limit and share "
        "a student, and the students learn at most 6 of 12 filters",
    )


def test_no_device_of_a_drawn_group_is_superfluous() -> None:
    # 0.1 * 0.1 keeps the limit 0.01; a device of 0.5 in such a group is not needed.
    fields = make([(1, 8)], 8, [1] * 6).model_dump(exclude_none=True)
    for device in fields["devices"][:3]:
        device["failure_probability"] = 0.5
    instance = Instance.model_validate(fields)
    for seed in range(20):
        plan = random_plan(instance, "guaranteed", Control(seed=seed)).plan
        assert plan is not None
        for group in plan.groups:
            for device in group.devices:
                left = [instance.devices[instance.arrays.device_index[d]] for d in group.devices if d != device]
                assert math.prod(d.failure_probability for d in left) > 0.0101


@given(instances(max_devices=4, max_filters=5))
def test_a_plan_is_found_where_there_is_one(instance: Instance) -> None:
    exists = next(iter(feasible_plans(instance)), None) is not None
    assert (random_plan(instance, "guaranteed", Control()).plan is not None) == exists
