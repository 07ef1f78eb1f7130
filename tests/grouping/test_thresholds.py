"""The candidate latencies and the search over them, against listing them all."""

from __future__ import annotations

import math
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import two_pairs
from rocoin_opt.grouping import thresholds
from rocoin_opt.grouping.thresholds import (
    Candidates,
    latencies_between,
    latency_range,
    next_latency,
    smallest_threshold,
)
from rocoin_opt.instance.model import Instance
from strategies import instances


def all_latencies(instance: Instance) -> list[float]:
    """Every l(n, j, s) of a pair and a size that fit together, ascending."""
    arrays = instance.arrays
    return sorted(
        {
            float(arrays.latency(n, j, size))
            for n in range(len(instance.devices))
            for j in range(len(instance.students))
            for size in range(1, int(arrays.largest[n, j]) + 1)
        }
    )


@given(instances(max_filters=9))
def test_all_latencies_lie_in_the_whole_range(instance: Instance) -> None:
    expected = all_latencies(instance)
    span = latency_range(instance.arrays)
    if not expected:
        assert span is None
        return
    assert span == (expected[0], expected[-1])
    listed = latencies_between(instance.arrays, -1.0, expected[-1]).tolist()
    assert set(listed) <= set(expected)
    # Sizes of equal latency count once; every latency that changes what is possible is there.
    assert listed == expected


@given(instances(), st.data())
def test_latencies_between_two_thresholds(instance: Instance, data: st.DataObject) -> None:
    expected = all_latencies(instance)
    ends = st.sampled_from([0.0, 1.0, *expected]) | st.floats(0.0, 100.0)
    low, high = sorted((data.draw(ends), data.draw(ends)))
    found = latencies_between(instance.arrays, low, high).tolist()
    assert found == [seconds for seconds in expected if low < seconds <= high]


@given(instances(max_filters=9), st.data())
def test_the_smallest_reachable_latency_is_found(instance: Instance, data: st.DataObject) -> None:
    expected = all_latencies(instance)
    if not expected:
        return
    wanted = data.draw(st.sampled_from(expected))
    asked: list[float] = []

    def reachable(seconds: float) -> bool:
        asked.append(seconds)
        return seconds >= wanted

    assert smallest_threshold(instance.arrays, reachable, -1.0, expected[-1]) == wanted
    assert len(asked) <= 2 + math.ceil(math.log2(len(expected) + 1))


@given(instances(max_filters=9), st.data())
def test_wide_ranges_are_halved_first(instance: Instance, data: st.DataObject) -> None:
    expected = all_latencies(instance)
    if not expected:
        return
    wanted = data.draw(st.sampled_from(expected))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thresholds, "MAX_LISTED", 2)
        found = smallest_threshold(instance.arrays, lambda seconds: seconds >= wanted, -1.0, expected[-1])
    assert found == wanted


@given(instances())
def test_nothing_reachable(instance: Instance) -> None:
    assert smallest_threshold(instance.arrays, lambda seconds: False, 0.0, 1e6) is None


def one_device(memory: float) -> Instance:
    """A device and a student of 1 byte, with the same latency for every part."""
    device = {"flops_per_second": 1.0, "uplink_bits_per_second": 1.0, "failure_probability": 0.0}
    return Instance.model_validate(
        {
            "name": "one",
            "devices": [{"id": "d", "memory_bytes": memory, **device}],
            "students": [{"id": "s", "flops": 2.0, "memory_bytes": 1.0, "max_filters": 3}],
            "knowledge": {"num_filters": 3, "bits_per_filter": 0.0},
            "requirements": {"max_group_outage": 0.5},
        }
    )


def test_no_latency_between_the_ends() -> None:
    arrays = one_device(memory=1.0).arrays
    assert latencies_between(arrays, 1.0, 5.0).tolist() == [2.0]
    assert latencies_between(arrays, 2.0, 5.0).size == 0
    assert smallest_threshold(arrays, lambda seconds: True, 3.0, 5.0) == 5.0


def test_where_nothing_fits_there_is_no_latency() -> None:
    arrays = one_device(memory=0.5).arrays
    assert latency_range(arrays) is None
    assert latencies_between(arrays, -1.0, 100.0).size == 0


@given(data=st.data(), instance=instances(max_devices=4, max_filters=6))
def test_counted_candidates_are_the_listed_ones(data, instance):
    limits = latency_range(instance.arrays)
    if limits is None:
        return
    low, high = -1.0, data.draw(st.sampled_from([limits[1], 0.5 * (limits[0] + limits[1])]))
    values = latencies_between(instance.arrays, low, high).tolist()
    listed = Candidates(instance.arrays, low, high)
    with mock.patch.object(thresholds, "MAX_KEPT", 0):
        counted = Candidates(instance.arrays, low, high)
    assert [listed[p] for p in range(len(listed))] == values
    found = [counted[p] for p in range(len(counted))]
    assert sorted(set(found)) == values
    assert found == sorted(found)
    for position, value in enumerate(found):
        assert found[counted.first_from(value)] == value
        assert counted.first_from(value) <= position
        behind = counted.behind(position)
        assert behind == len(counted) or (found[behind] > value and found[behind - 1] == value)
        assert next_latency(instance.arrays, value) == next(
            (v for v in latencies_between(instance.arrays, value, limits[1]).tolist()), None
        )


def test_sizes_of_the_same_latency_are_not_listed_one_by_one(monkeypatch):
    instance = two_pairs()
    # Far beyond what an instance may hold, so nothing is validated.
    slow = tuple(d._replace({"uplink_bits_per_second": 1e300}) for d in instance.devices)
    students = tuple(s._replace({"flops_per_filter": 0.0, "max_filters": 10**9}) for s in instance.students)
    knowledge = instance.knowledge._replace({"num_filters": 10**9})
    many = instance._replace({"devices": slow, "students": students, "knowledge": knowledge})
    monkeypatch.setattr(thresholds, "latencies_between", None)
    limits = latency_range(many.arrays)
    assert smallest_threshold(many.arrays, lambda t: t >= limits[1], -1.0, limits[1]) == limits[1]
