from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from oracle import Oracle
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.heuristics.baselines.het_nonn import het_nonn
from rocoin_opt.heuristics.baselines.nonn import nonn
from rocoin_opt.instance.model import Instance
from strategies import instances


def make(crashes: list[float], links: list[float], memories: list[float], **more: Any) -> Instance:
    """Devices that take 1 / link seconds a filter, and students of memory 1 and 2 for up to 3 and up to 6 filters."""
    return Instance.model_validate(
        {
            "name": "made",
            "devices": [
                {
                    "id": f"d{n}",
                    "flops_per_second": 1.0,
                    "memory_bytes": memory,
                    "uplink_bits_per_second": link,
                    "failure_probability": p,
                }
                for n, (p, link, memory) in enumerate(zip(crashes, links, memories, strict=True))
            ],
            "students": [
                {"id": "small", "flops": 0.0, "memory_bytes": 1, "max_filters": 3},
                {"id": "large", "flops": 5.0, "memory_bytes": 2, "max_filters": 6},
            ],
            "knowledge": {"num_filters": 8, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.05, **more},
        }
    )


def test_nonn_takes_the_fastest_devices_with_equal_students() -> None:
    instance = make([0.01] * 4, [1.0, 4.0, 2.0, 3.0], [2, 2, 2, 2], max_groups=3)
    plan = nonn(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert [(g.devices, g.student, g.num_filters) for g in plan.groups] == [
        (("d1",), "small", 3),
        (("d3",), "small", 3),
        (("d2",), "small", 2),
    ]
    assert plan.spares == ("d0",)


def test_nonn_takes_fewer_parts_where_devices_are_short() -> None:
    # Two devices keep the limit; parts of 4 need the large student.
    instance = make([0.01, 0.2, 0.05, 0.3], [1.0] * 4, [2, 2, 2, 2])
    plan = nonn(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert [(g.devices, g.student, g.num_filters) for g in plan.groups] == [
        (("d0",), "large", 4),
        (("d2",), "large", 4),
    ]


def test_nonn_goes_down_with_the_parts_until_a_student_fits_everywhere() -> None:
    # Three devices could hold parts of 3 with the small student, but one has no memory for any.
    instance = make([0.01] * 3, [1.0] * 3, [2, 0.5, 2])
    plan = nonn(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert [g.devices for g in plan.groups] == [("d0",), ("d2",)]
    # Here all three serve, two of them with the small student only.
    poor = make([0.01] * 3, [1.0] * 3, [2, 1, 1])
    assert [g.student for g in (nonn(poor, "guaranteed", Control()).plan or pytest.fail("no plan")).groups] == [
        "small"
    ] * 3


def test_reasons_without_redundancy() -> None:
    risky = make([0.12, 0.2], [1.0, 1.0], [2, 2])
    expected = (
        "one device per part: the best device alone has outage 0.12, the limit is 0.05; this instance needs replicas",
    )
    few = make([0.01, 0.2, 0.3], [1.0] * 3, [2] * 3, min_groups=2)
    too_few = ("one device per part: 1 of 3 devices alone keep the outage limit 0.05, at least 2 groups are required",)
    helpless = make([0.01], [1.0], [0.5])
    nothing_fits = ("one device per part: no device can hold any student",)
    for method in (nonn, het_nonn):
        assert method(risky, "guaranteed", Control()).reasons == expected
        assert method(few, "guaranteed", Control()).reasons == too_few
        assert method(helpless, "guaranteed", Control()).reasons == nothing_fits


def test_reasons_when_the_devices_are_too_small() -> None:
    small = make([0.01, 0.01], [1.0, 1.0], [1, 1])
    assert nonn(small, "guaranteed", Control()).reasons == (
        "one device per part: with 8 filters in 2 down to 1 equal parts, no student can learn a part and fits on "
        "enough devices",
    )
    assert het_nonn(small, "guaranteed", Control()).reasons == (
        "one device per part: the 2 roomiest devices can hold parts of 6 filters in all, 8 must be held",
    )


def test_het_nonn_fits_student_and_size_to_the_device() -> None:
    # 6 filters on the fast link take 5 + 1 seconds with the large student, 2 on the slow one take 2.
    instance = make([0.01, 0.01], [6.0, 1.0], [2, 1])
    plan = het_nonn(instance, "guaranteed", Control()).plan
    assert plan is not None
    assert [(g.devices, g.student, g.num_filters) for g in plan.groups] == [
        (("d0",), "large", 5),
        (("d1",), "small", 3),
    ]
    assert nonn(instance, "guaranteed", Control()).plan is None


@given(instances(max_devices=4, max_filters=5))
def test_het_nonn_is_the_best_plan_without_redundancy(instance: Instance) -> None:
    oracle = Oracle(instance)
    values = [
        oracle.value(blocks, "worst")
        for blocks in oracle.decisions(feasible_only=True)
        if all(len(block.devices) == 1 for block in blocks)
    ]
    plan = het_nonn(instance, "guaranteed", Control()).plan
    assert (plan is None) == (not values)
    if plan is not None:
        assert all(len(group.devices) == 1 for group in plan.groups)
        assert evaluate(instance, plan).worst_seconds == pytest.approx(min(v for v in values if v is not None))


@given(instances())
def test_nonn_is_equal_everywhere_and_never_better_than_het_nonn(instance: Instance) -> None:
    relaxed = instance.with_requirements(max_group_outage=1.0)
    plan = nonn(relaxed, "guaranteed", Control()).plan
    if plan is None:
        return
    assert len({group.student for group in plan.groups}) == 1
    assert max(plan.sizes) - min(plan.sizes) <= 1
    assert all(len(group.devices) == 1 for group in plan.groups)
    fitted = het_nonn(relaxed, "guaranteed", Control()).plan
    assert fitted is not None
    best, equal = evaluate(relaxed, fitted).worst_seconds, evaluate(relaxed, plan).worst_seconds
    assert best is not None
    assert equal is not None
    assert best <= equal * (1 + 1e-12)
