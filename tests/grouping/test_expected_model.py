"""What the expected answer time needs by indices: for members and a size, the lightest student is best."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracle
from examples import pairs
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.plan.indexed import indexed_groups, plan_of
from strategies import instances, structured_plans


def test_a_deadline_is_needed():
    with pytest.raises(ValueError, match="deadline"):
        ExpectedModel(pairs(requirements={"deadline_seconds": None}))


@given(st.data())
def test_a_block_has_the_student_that_is_fastest_on_every_member(data):
    instance = data.draw(instances(deadline=True))
    model = ExpectedModel(instance)
    devices = st.integers(0, len(instance.devices) - 1)
    members = data.draw(st.lists(devices, min_size=1, unique=True))
    size = data.draw(st.integers(1, model.wanted))
    block = model.block(members, size)
    fitting = [
        j
        for j, student in enumerate(instance.students)
        if size <= student.max_filters and all(oracle.fits(instance, n, j, size) for n in members)
    ]
    if not fitting:
        assert block is None
        return
    assert block is not None
    assert block.student in fitting
    assert (block.members, block.size) == (tuple(sorted(members)), size)
    for n, seconds in zip(block.members, model.steps.seconds(block.members, block.student, size), strict=True):
        best = min(oracle.latency(instance, n, j, size) for j in fitting)
        assert seconds == pytest.approx(float(best), rel=1e-12)


@given(st.data())
def test_plans_and_blocks_are_two_views_of_the_same(data):
    instance = data.draw(instances(deadline=True))
    plan = data.draw(structured_plans(instance))
    model = ExpectedModel(instance)
    assert plan_of(model.instance, indexed_groups(model.instance, plan)) == plan
    limit = oracle.oracle_of(instance).limit
    for block in indexed_groups(model.instance, plan):
        outage = oracle.oracle_of(instance).outage(frozenset(block.members))
        assert model.is_valid(block) == (outage <= limit)


def test_weights_of_devices_that_never_fail_are_finite():
    sure = [device.model_copy(update={"failure_probability": 0.0}) for device in pairs().devices]
    model = ExpectedModel(pairs(devices=sure))
    assert np.isfinite(model.weights).all()
    assert math.exp(-model.weights[0]) == pytest.approx(0.0, abs=1e-299)
