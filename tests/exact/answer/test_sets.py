"""Serving sets: by brute force over all groups, students and sizes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.answer.outages import members
from rocoin_opt.exact.answer.sets import serving_sets
from rocoin_opt.grouping.covering.blocks import subset_sums
from rocoin_opt.grouping.reach import Reach
from samples import trials
from strategies import instances

SECONDS = st.sampled_from([0.1, 1.0, 2.5, 4.0, 12.0, math.inf])


def all_groups(instance, seconds):
    """Devices, outage by a time and size of every group that keeps the limit."""
    known, total = oracle.oracle_of(instance), instance.knowledge.num_filters
    count, students = len(instance.devices), range(len(instance.students))
    for mask in range(1, 1 << count):
        devices = tuple(n for n in range(count) if mask >> n & 1)
        for student, size in itertools.product(students, range(1, total + 1)):
            block = oracle.Block(devices, student, size)
            if known.block_feasible(block):
                timely = frozenset(n for t, n in known.latencies(block) if t <= seconds * (1 + 1e-13))
                yield mask, float(known.outage(timely)), size


@given(instances(max_devices=5, max_filters=5), SECONDS)
@trials(150)
def test_the_sets_are_the_groups_that_no_group_of_these_devices_beats(instance, seconds):
    sets = serving_sets(instance, Reach.by(instance, seconds), Control())
    assert sets.complete
    groups = list(all_groups(instance, seconds))
    listed = list(zip(sets.masks.tolist(), sets.outage.tolist(), sets.largest.tolist(), strict=True))
    # Every set is a group with just these figures, or one that is as good.
    for mask, outage, largest in listed:
        assert any(m == mask and s == largest and q <= outage * (1 + 1e-12) for m, q, s in groups)
    # Every group is matched by a set of devices among its own that does no worse.
    for mask, outage, size in groups:
        assert any(m & ~mask == 0 and s >= size and q <= outage * (1 + 1e-12) for m, q, s in listed)


@given(instances(max_devices=5, max_filters=5), SECONDS, st.sampled_from([0.5, 0.1, 0.01, 0.0]))
@trials(80)
def test_an_outage_above_the_worst_of_use_is_left_out_and_no_other(instance, seconds, worst):
    every, some = (
        serving_sets(instance, Reach.by(instance, seconds), Control(), worst=limit) for limit in (1.0, worst)
    )
    every = every.taken(every.outage <= worst)
    rows = [
        sorted(zip(sets.masks.tolist(), sets.outage.tolist(), sets.largest.tolist(), strict=True))
        for sets in (every, some)
    ]
    assert rows[0] == rows[1]


@given(instances(max_devices=5, max_filters=5), SECONDS)
@trials(40)
def test_the_weight_is_that_of_all_devices_in_time(instance, seconds):
    sets = serving_sets(instance, Reach.by(instance, seconds), Control())
    timely = sets.reach.counted.max(axis=1) > 0
    failure = np.array([device.failure_probability for device in instance.devices])[timely]
    product = math.prod(failure.tolist())
    assert math.exp(-sets.weight) == pytest.approx(product, rel=1e-9, abs=1e-300)
    for mask in range(1 << len(timely)):
        assert members(mask) == [n for n in range(len(timely)) if mask >> n & 1]


def test_late_devices_keep_the_limit_and_do_not_count():
    # Two quick devices alone miss the limit of 0.02; a slow one makes it good.
    device = {"memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": 0.1}
    instance = ro.Instance.model_validate(
        {
            "name": "late",
            "devices": [{"id": f"d{n}", "flops_per_second": rate, **device} for n, rate in enumerate((4.0, 0.1))],
            "students": [{"id": "s", "flops": 4.0, "memory_bytes": 1, "max_filters": 2}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 0.02},
        }
    )
    sets = serving_sets(instance, Reach.by(instance, 3.0), Control())
    best = np.argmin(sets.outage)
    assert (sets.masks[best], sets.outage[best], sets.largest[best]) == (0b11, 0.1, 2)
    assert serving_sets(instance, Reach.by(instance, math.inf), Control()).outage.min() == pytest.approx(0.01)


def test_products_that_meet_the_limit_are_in_and_none_is_where_there_is_no_time():
    instance = ro.generate("edge", devices=6, seed=1)
    devices = [device.model_copy(update={"failure_probability": 0.1}) for device in instance.devices]
    instance = instance.model_copy(update={"devices": tuple(devices)}).with_requirements(max_group_outage=0.001)
    sizes = {
        len(members(mask)) for mask in serving_sets(instance, Reach.by(instance, math.inf), Control()).masks.tolist()
    }
    assert sizes == {3, 4, 5, 6}
    nothing = serving_sets(instance, Reach.by(instance, math.inf), Control(deadline=-math.inf))
    assert (len(nothing), nothing.complete) == (0, False)


def test_sums_over_sets():
    assert subset_sums(np.array([1.0, 2.0, 4.0])).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
