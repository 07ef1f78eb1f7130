"""Outage, objectives and the answer's distribution, against brute force and by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from rocoin_opt.errors import UnsupportedError
from rocoin_opt.failure.evaluation import evaluate
from rocoin_opt.instance.model import Instance
from rocoin_opt.plan.latency import (
    OBJECTIVES,
    StepDistribution,
    answer_distribution,
    group_timing,
    group_timings,
    guaranteed_seconds,
    outage_after,
)
from rocoin_opt.plan.model import Group, Plan
from samples import trials
from strategies import full_instance_document, instances, structured_plans


def agree(found: float | None, expected: float | None) -> bool:
    """Whether two figures are both absent, or equal up to rounding."""
    if found is None or expected is None:
        return found is expected
    return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


def three_replicas(**requirements: float) -> tuple[Instance, Plan]:
    """One group whose replicas answer after 1, 2 and 4 seconds and fail with 0.1, 0.2 and 0.5."""
    crashes = {1.0: 0.1, 2.0: 0.2, 4.0: 0.5}
    fields = {
        "name": "three",
        "devices": [
            {
                "id": f"after-{seconds:g}",
                "flops_per_second": 1.0,
                "memory_bytes": 1,
                "uplink_bits_per_second": 1.0,
                "overhead_seconds": seconds,
                "failure_probability": p,
            }
            for seconds, p in crashes.items()
        ],
        "students": [{"id": "s", "flops": 0, "memory_bytes": 1, "max_filters": 4}],
        "knowledge": {"num_filters": 4, "bits_per_filter": 0},
        "requirements": {"max_group_outage": 0.02, **requirements},
    }
    instance = Instance.model_validate(fields)
    group = Group(devices=("after-4", "after-1", "after-2"), student="s", num_filters=4)
    return instance, Plan.of(instance, [group])


@given(st.data())
@trials(40)
def test_every_figure_equals_brute_force_on_all_plans(data: st.DataObject) -> None:
    instance = data.draw(instances(max_devices=4, max_students=2, max_filters=4, level=None))
    for plan in oracle.all_plans(instance):
        metrics = evaluate(instance, plan)
        for objective in OBJECTIVES:
            assert agree(metrics.value(objective), oracle.objective_value(instance, plan, objective))
        assert agree(metrics.success_probability, oracle.success_probability(instance, plan))


@given(st.data())
def test_figures_equal_brute_force_with_five_devices(data: st.DataObject) -> None:
    instance = data.draw(instances(level=None))
    plan = data.draw(structured_plans(instance))
    metrics = evaluate(instance, plan)
    for objective in OBJECTIVES:
        assert agree(metrics.value(objective), oracle.objective_value(instance, plan, objective))
    assert agree(metrics.success_probability, oracle.success_probability(instance, plan))


@given(st.data())
def test_outage_with_failure_domains_equals_brute_force(data: st.DataObject) -> None:
    instance = data.draw(instances(max_devices=4, domains=True))
    members = data.draw(st.permutations(range(len(instance.devices))))
    all_states = oracle.oracle_of(instance)
    for count, outage in enumerate(outage_after(instance, members), start=1):
        assert agree(outage, float(all_states.outage(frozenset(members[:count]))))


@given(st.data())
def test_guaranteed_time_with_failure_domains_equals_brute_force(data: st.DataObject) -> None:
    instance = data.draw(instances(max_devices=4, domains=True))
    plan = data.draw(structured_plans(instance))
    found = guaranteed_seconds(group_timings(instance, plan))
    assert agree(found, oracle.objective_value(instance, plan, "guaranteed"))


def test_a_group_by_hand() -> None:
    instance, plan = three_replicas(deadline_seconds=3.0)
    timing = group_timing(instance, plan.groups[0])
    assert timing.devices == ("after-1", "after-2", "after-4")
    assert timing.seconds == (1.0, 2.0, 4.0)
    assert timing.outage == pytest.approx((0.1, 0.02, 0.01))
    assert timing.guaranteed_seconds == 2.0
    assert timing.final_outage == pytest.approx(0.01)
    metrics = evaluate(instance, plan)
    assert (metrics.guaranteed_seconds, metrics.nominal_seconds, metrics.worst_seconds) == (2.0, 1.0, 4.0)
    assert metrics.expected_seconds == pytest.approx(0.9 * 1.0 + 0.08 * 2.0 + 0.02 * 3.0)
    assert metrics.success_probability == pytest.approx(0.98)


def test_an_outage_limit_that_is_the_rounded_product_is_kept() -> None:
    # 0.1 * 0.2 is 0.020000000000000004 in floating point: the limit 0.02 is kept all the same.
    instance, plan = three_replicas()
    assert 0.1 * 0.2 > 0.02
    assert group_timing(instance, plan.groups[0]).guaranteed_seconds == 2.0


def test_an_outage_limit_out_of_reach_leaves_no_guarantee() -> None:
    instance, plan = three_replicas(max_group_outage=0.001)
    assert evaluate(instance, plan).guaranteed_seconds is None
    assert evaluate(instance, plan).worst_seconds == 4.0


def test_without_deadline_there_is_no_expected_time_and_success_is_an_answer_ever() -> None:
    instance, plan = three_replicas()
    assert evaluate(instance, plan).expected_seconds is None
    assert evaluate(instance, plan).success_probability == pytest.approx(0.99)


def test_an_answer_at_the_deadline_is_in_time() -> None:
    instance, plan = three_replicas(deadline_seconds=2.0)
    assert evaluate(instance, plan).success_probability == pytest.approx(0.98)


def test_two_groups_multiply() -> None:
    instance, _ = three_replicas(deadline_seconds=10.0)
    plan = Plan.of(
        instance,
        [
            Group(devices=("after-1", "after-4"), student="s", num_filters=3),
            Group(devices=("after-2",), student="s", num_filters=1),
        ],
    )
    distribution = answer_distribution(instance, group_timings(instance, plan))
    at = {0.5: 0.0, 1.0: 0.0, 1.99: 0.0, 2.0: 0.9 * 0.8, 3.99: 0.9 * 0.8, 4.0: 0.95 * 0.8, 1e9: 0.95 * 0.8}
    for seconds, probability in at.items():
        assert distribution.cdf(seconds) == pytest.approx(probability)
    assert distribution.expected(10.0) == pytest.approx(0.72 * 2 + 0.04 * 4 + 0.24 * 10)


def test_expected_time_of_a_step_distribution() -> None:
    distribution = StepDistribution(np.array([1.0, 3.0]), np.log([0.5, 0.75]))
    assert distribution.expected(0.5) == 0.5
    assert distribution.expected(2.0) == pytest.approx(1.5)
    assert distribution.expected(4.0) == pytest.approx(1 + 0.5 * 2 + 0.25 * 1)


def test_random_latencies_are_refused_by_name() -> None:
    instance = Instance.model_validate(
        {key: value for key, value in full_instance_document().items() if key not in ("format", "version")}
    )
    group = Group(devices=("d0",), student="wrn-16-1", num_filters=4)
    with pytest.raises(UnsupportedError, match=r"full: devices\[0\] \(d0\) has a slowdown law"):
        group_timing(instance, group)


def test_the_distribution_under_failure_domains_is_refused() -> None:
    fields = three_replicas()[0].model_dump(exclude_none=True)
    fields["failure_domains"] = [{"id": "ap", "failure_probability": 0.1}]
    # A domain that no device is in changes nothing.
    unused = Instance.model_validate(fields)
    assert answer_distribution(unused, group_timings(unused, three_replicas()[1])).cdf(4.0) == pytest.approx(0.99)
    fields["devices"][0]["failure_domain"] = "ap"
    with pytest.raises(UnsupportedError, match="failure domains"):
        answer_distribution(Instance.model_validate(fields), ())


def test_figures_keep_their_digits_where_probabilities_are_extreme() -> None:
    fields = three_replicas(deadline_seconds=1e24, max_group_outage=1.0)[0].model_dump(exclude_none=True)
    for device, p in zip(fields["devices"], (1 - 1e-7, 1e-30, 0.5), strict=True):
        device["failure_probability"] = p
    instance = Instance.model_validate(fields)
    figures = evaluate(instance, three_replicas()[1])
    late = [Fraction(1), Fraction(1 - 1e-7), Fraction(1 - 1e-7) * Fraction(1e-30)]
    exact = late[0] * 1 + late[1] * (2 - 1) + late[2] * (4 - 2) + late[2] * Fraction(0.5) * (Fraction(10) ** 24 - 4)
    assert figures.expected_seconds == pytest.approx(float(exact), rel=1e-12)
    assert figures.success_probability is not None
    assert 0.0 < figures.success_probability <= 1.0


@pytest.mark.slow
def test_ten_thousand_devices() -> None:
    groups, replicas, p = 2500, 4, 0.3
    device = {"flops_per_second": 1e6, "memory_bytes": 1e6, "uplink_bits_per_second": 1e5, "failure_probability": p}
    instance = Instance.model_validate(
        {
            "name": "large",
            "devices": [{"id": f"{n:05}", **device, "overhead_seconds": n * 1e-3} for n in range(groups * replicas)],
            "students": [{"id": "s", "flops": 1e6, "memory_bytes": 1e3, "max_filters": 1}],
            "knowledge": {"num_filters": groups, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.05, "deadline_seconds": 1e6},
        }
    )
    plan = Plan.of(
        instance,
        [
            Group(devices=tuple(f"{k + groups * i:05}" for i in range(replicas)), student="s", num_filters=1)
            for k in range(groups)
        ],
    )
    metrics = evaluate(instance, plan)
    # The third replica of the last group meets the limit: 0.3 ** 3 < 0.05 < 0.3 ** 2.
    assert metrics.guaranteed_seconds == pytest.approx(1 + (3 * groups - 1) * 1e-3)
    assert metrics.nominal_seconds == pytest.approx(1 + (groups - 1) * 1e-3)
    assert metrics.worst_seconds == pytest.approx(1 + (4 * groups - 1) * 1e-3)
    assert metrics.success_probability == pytest.approx((1 - p**replicas) ** groups, rel=1e-9)
    assert math.isfinite(metrics.expected_seconds or math.nan)
