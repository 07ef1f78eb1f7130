"""Latency, its exact inverse, what fits, and the shares of the outage limit."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import oracle
from rocoin_opt.instance.arrays import InstanceArrays, keeps_outage_limit
from rocoin_opt.instance.fields import LARGEST, SMALLEST
from rocoin_opt.instance.model import Instance
from strategies import instances

MAGNITUDES = st.one_of(
    st.just(0.0),
    st.floats(SMALLEST, LARGEST),
    st.sampled_from([1e-15, 1e-12, 0.1, 1 / 3, 1.0, 3.0, 1e9, 1e15, 1e24]),
    st.integers(1, 2**40).map(float),
)


def affine(base: float, slope: float, largest: int) -> InstanceArrays:
    """Arrays of one device and one student with a given latency."""
    return InstanceArrays(
        base=np.array([[base]]),
        slope=np.array([[slope]]),
        compute=np.zeros((1, 1, 2)),
        transfer=np.array([slope]),
        largest=np.array([[largest]]),
        energy=np.zeros((1, 1, 2)),
        rate=np.array([1.0]),
        failure=np.array([0.1]),
        cover_share=np.array([1.0]),
        domain_failure={},
        device_index={"d": 0},
        student_index={"s": 0},
    )


def single(**changes: Any) -> Instance:
    """One device and one student, with some of their fields changed."""
    device = {"id": "d", "flops_per_second": 4.0, "memory_bytes": 10, "uplink_bits_per_second": 2.0}
    student = {"id": "s", "flops": 6.0, "memory_bytes": 4, "max_filters": 5}
    fields: dict[str, Any] = {
        "name": "single",
        "devices": [{**device, "failure_probability": 0.1}],
        "students": [student],
        "knowledge": {"num_filters": 8, "bits_per_filter": 3.0},
        "requirements": {"max_group_outage": 0.2},
    }
    for part, change in changes.items():
        target = fields[part]
        (target[0] if isinstance(target, list) else target).update(change)
    return Instance.model_validate(fields)


@given(MAGNITUDES, MAGNITUDES, st.integers(0, 1_000_000), st.data())
@example(1e9, 1e-10, 1000, None)
@example(1.0, 0.1, 3, None)
@example(0.0, 0.0, 5, None)
def test_largest_part_is_the_exact_inverse_of_the_latency(
    base: float, slope: float, largest: int, data: st.DataObject | None
) -> None:
    arrays = affine(base, slope, largest)
    thresholds = [base, base + slope, 0.0, base * 0.5, math.inf]
    if data is not None:
        # The latencies themselves, and the floating-point numbers next to them, are where an inverse goes wrong.
        exact = float(arrays.latency(0, 0, data.draw(st.integers(1, max(largest, 1)))))
        thresholds += [exact, math.nextafter(exact, 0.0), math.nextafter(exact, math.inf), data.draw(MAGNITUDES)]
    for threshold in thresholds:
        size = int(arrays.largest_part(threshold)[0, 0])
        assert 0 <= size <= largest
        assert size == 0 or arrays.latency(0, 0, size) <= threshold
        assert size == largest or arrays.latency(0, 0, size + 1) > threshold


@given(instances())
def test_latency_is_the_formula(instance: Instance) -> None:
    for n in range(len(instance.devices)):
        for j in range(len(instance.students)):
            for size in range(1, instance.knowledge.num_filters + 1):
                expected = float(oracle.latency(instance, n, j, size))
                assert float(instance.arrays.latency(n, j, size)) == pytest.approx(expected, rel=1e-14)


@given(instances())
def test_largest_is_what_memory_capacity_and_knowledge_allow(instance: Instance) -> None:
    for n in range(len(instance.devices)):
        for j, student in enumerate(instance.students):
            sizes = range(1, min(student.max_filters, instance.knowledge.num_filters) + 1)
            expected = max((size for size in sizes if oracle.fits(instance, n, j, size)), default=0)
            assert instance.arrays.largest[n, j] == expected


@given(instances(), st.data())
def test_shares_sum_to_one_exactly_where_the_outage_limit_is_kept(instance: Instance, data: st.DataObject) -> None:
    members = data.draw(st.lists(st.sampled_from(range(len(instance.devices))), min_size=1, unique=True))
    outage = math.prod((oracle.exact(instance.devices[n].failure_probability) for n in members), start=Fraction(1))
    limit = oracle.exact(instance.requirements.max_group_outage)
    share = float(instance.arrays.cover_share[members].sum())
    # Sums of logarithms round: the shares decide the clear cases, the product decides those on the edge.
    if abs(share - 1.0) > 1e-9:
        assert (share > 1.0) == (outage <= limit)
    assert keeps_outage_limit(float(outage), float(limit)) == (outage <= limit)


def test_single_values_by_hand() -> None:
    arrays = single(students={"flops_per_filter": 2.0, "memory_bytes_per_filter": 2.0}).arrays
    assert float(arrays.latency(0, 0, 3)) == pytest.approx((6 + 2 * 3) / 4 + 3 * 3 / 2)
    assert arrays.largest.tolist() == [[3]]
    assert arrays.largest_part(7.5).tolist() == [[3]]
    assert arrays.largest_part(7.4).tolist() == [[2]]
    assert arrays.cover_share.tolist() == [1.0]


@pytest.mark.parametrize(
    ("failure", "limit", "share"),
    [
        (0.1, 0.01, 0.5),
        (0.0, 0.01, 1.0),
        (0.001, 0.01, 1.0),
        (0.0, 0.0, 1.0),
        (0.1, 0.0, 0.0),
        (0.1, 1.0, 1.0),
        (0.9, 0.81, 0.5),
    ],
)
def test_share_of_the_outage_limit(failure: float, limit: float, share: float) -> None:
    instance = single(devices={"failure_probability": failure}, requirements={"max_group_outage": limit})
    assert instance.arrays.cover_share[0] == pytest.approx(share)


@pytest.mark.parametrize(
    ("changes", "largest"),
    [
        ({}, 5),
        ({"students": {"max_filters": 100}}, 8),
        ({"devices": {"memory_bytes": 3.9}}, 0),
        ({"devices": {"memory_bytes": 4}}, 5),
        ({"students": {"memory_bytes_per_filter": 10.0}}, 0),
    ],
)
def test_largest_part_that_fits(changes: dict[str, Any], largest: int) -> None:
    assert single(**changes).arrays.largest.tolist() == [[largest]]


def test_arrays_are_read_only_and_derived_once() -> None:
    instance = single()
    assert instance.arrays is instance.arrays
    for name in ("base", "slope", "largest", "failure", "cover_share"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(instance.arrays, name)[0] = 1


def test_the_outage_limit_forgives_rounding_and_no_more() -> None:
    assert keeps_outage_limit(0.1 * 0.1, 0.01)
    assert not keeps_outage_limit(0.01 * (1 + 1e-11), 0.01)
    assert not keeps_outage_limit(5e-324, 0.0)
