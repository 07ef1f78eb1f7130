"""What is there in time: its value is the evaluator's, and two groups share devices and filters in the best way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.heuristics.expected import valuation as valuations
from rocoin_opt.heuristics.expected.valuation import AnswerTime, InTime, valuation_of
from rocoin_opt.plan import IndexedGroup, indexed_groups, plan_of
from samples import trials
from strategies import instances, valid_plans

OBJECTIVE = st.sampled_from(["failure", "missing"])


def model_of(instance):
    """The model at the deadline, or for crashes alone where there is none."""
    deadline = instance.requirements.deadline_seconds
    return ExpectedModel(instance, math.inf if deadline is None else deadline)


def by_evaluator(model, blocks, objective):
    """Value of whole plans, in the terms of the valuation; no finite one where an answer is impossible."""
    value = value_of(model.instance, plan_of(model.instance, blocks), objective)
    if objective == "missing":
        return value
    return -math.log1p(-value) if value < 1.0 else math.inf


@st.composite
def situations(draw):
    """A valuation, a valid plan's groups, two of which are to be shared out, and the others."""
    instance = draw(instances(max_devices=5, max_students=3, max_filters=6))
    model, objective = model_of(instance), draw(OBJECTIVE)
    blocks = indexed_groups(model.instance, draw(valid_plans(instance)))
    assume(len(blocks) >= 2)
    return InTime(model, objective), objective, blocks[0], blocks[1], blocks[2:]


@given(st.data(), OBJECTIVE)
@trials(30)
def test_the_value_is_that_of_the_evaluator(data, objective):
    instance = data.draw(instances())
    model = model_of(instance)
    blocks = indexed_groups(model.instance, data.draw(valid_plans(instance)))
    wanted, found = by_evaluator(model, blocks, objective), InTime(model, objective).value(blocks)
    if wanted < math.inf:
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-280)
    else:
        # Worse than any answer that may come: each group with nobody in time counts.
        assert found > -math.log(2 * valuations.NOTHING)


@given(situations(), st.data())
@trials(60)
def test_devices_are_shared_in_the_best_way(situation, data):
    valuation, _, first, second, others = situation
    model = valuation.model
    used = {n for block in others for n in block.members}
    spares = [n for n in range(len(model.weights)) if n not in {*used, *first.members, *second.members}]
    stays = [[n for n in block.members if data.draw(st.booleans())] for block in (first, second)]
    pool = [n for n in (*first.members, *second.members, *spares) if n not in {*stays[0], *stays[1]}]
    parts = (first.student, first.size), (second.student, second.size)
    found = valuation.share_devices(others, pool, (stays[0], stays[1]), parts)
    values = []
    for sides in itertools.product((0, 1, None), repeat=len(pool)):
        blocks = []
        for side, (student, size) in enumerate(parts):
            joined = [n for n, where in zip(pool, sides, strict=True) if where == side]
            blocks.append(IndexedGroup(tuple(sorted([*stays[side], *joined])), student, size))
        fitting = all((model.arrays.largest[list(b.members), b.student] >= b.size).all() for b in blocks if b.members)
        if fitting and all(block.members and model.is_valid(block) for block in blocks):
            values.append(valuation.value([*blocks, *others]))
    assert found is not None
    blocks = [IndexedGroup(own, *part) for own, part in zip(found, parts, strict=True)]
    assert valuation.value([*blocks, *others]) == pytest.approx(min(values), rel=1e-9, abs=1e-280)


@given(situations())
@trials(60)
def test_filters_are_shared_in_the_best_way(situation):
    valuation, objective, first, second, others = situation
    model, total = valuation.model, first.size + second.size
    found = valuation.share_filters(others, (first.members, second.members), total)
    assert found is not None
    (one, two), gained = found
    assert (one.members, two.members, one.size + two.size) == (first.members, second.members, total)
    assert gained == pytest.approx(-valuation.value([one, two]), rel=1e-9, abs=1e-280)
    # The lightest student that fits is taken for each size, as for the other objectives.
    values = [
        valuation.value([a, b])
        for size in range(1, total)
        for a, b in [(model.block(first.members, size), model.block(second.members, total - size))]
        if a is not None and b is not None
    ]
    assert -gained == pytest.approx(min(values), rel=1e-9, abs=1e-280)
    wanted = by_evaluator(model, [one, two, *others], objective)
    if wanted < math.inf:
        assert valuation.value([one, two, *others]) == pytest.approx(wanted, rel=1e-9, abs=1e-280)


def test_what_cannot_be_shared_is_not():
    valuation = InTime(model_of(pairs()), "failure")
    assert valuation.share_devices([], [0, 1, 2], ([], []), ((1, 2), (1, 3))) is None
    assert valuation.share_devices([], [0, 1, 2], ([], [3]), ((1, 2), (1, 3))) is not None
    small = [device.model_copy(update={"memory_bytes": 1}) for device in pairs().devices]
    valuation = InTime(model_of(pairs(devices=small)), "missing")
    assert valuation.share_filters([], ((0, 1), (2, 3)), 5) is None
    assert valuation.share_filters([], ((0, 1), (2, 3)), 4) is not None


@pytest.mark.parametrize("objective", ["failure", "missing"])
@pytest.mark.parametrize("deadline", [None, 7.0])
def test_many_sizes_are_tried_where_something_changes(monkeypatch, objective, deadline):
    instance = ro.generate("edge", devices=8, seed=4).with_requirements(deadline_seconds=deadline)
    valuation = InTime(model_of(instance), objective)
    halves = (range(4), range(4, 8))
    total = min(instance.knowledge.num_filters, int(instance.arrays.largest.max(axis=1).min()))
    every = valuation.share_filters([], halves, total)
    monkeypatch.setattr(valuations, "MOST_SIZES", 8)
    some = valuation.share_filters([], halves, total)
    # The missing share is linear between two such sizes.
    assert some[1] == pytest.approx(every[1], rel=1e-9)


def test_each_objective_has_its_valuation():
    model = ExpectedModel(pairs())
    assert isinstance(valuation_of(model, "expected"), AnswerTime)
    assert [valuation_of(model, objective).by_size for objective in ("failure", "missing")] == [False, True]
    one = InTime(ExpectedModel(pairs(), 1e-9), "failure").weights([0, 1], 0, 1)
    assert np.array_equal(one, np.zeros(2))
