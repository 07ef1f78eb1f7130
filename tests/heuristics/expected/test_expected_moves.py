"""Sharing devices and filters between two groups: equal to trying every way and evaluating every plan."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.heuristics.expected import moves as expected_moves
from rocoin_opt.heuristics.expected.moves import Answered, expected_seconds, share_devices, share_filters
from rocoin_opt.plan import IndexedGroup, indexed_groups, plan_of
from samples import trials
from strategies import instances, valid_plans


def value(model, blocks):
    """E[min(X, D)] by the evaluator of plans."""
    return value_of(model.instance, plan_of(model.instance, blocks), "expected")


@st.composite
def situations(draw):
    """An instance, a valid plan's groups, two of which are to be shared out, and the others."""
    instance = draw(instances(max_devices=5, max_students=3, max_filters=6, deadline=True))
    model = ExpectedModel(instance)
    blocks = indexed_groups(model.instance, draw(valid_plans(instance)))
    assume(len(blocks) >= 2)
    return model, blocks[0], blocks[1], blocks[2:]


@given(st.data())
def test_the_value_is_that_of_the_evaluator_for_any_deadline(data):
    deadline = data.draw(st.sampled_from([None, 1e-3, 1e12]))
    instance = data.draw(instances(deadline=True))
    instance = instance if deadline is None else instance.with_requirements(deadline_seconds=deadline)
    plan = data.draw(valid_plans(instance))
    model = ExpectedModel(instance)
    seconds = expected_seconds(model, indexed_groups(model.instance, plan))
    assert seconds == pytest.approx(value_of(instance, plan, "expected"), rel=1e-9, abs=1e-280)


@given(st.data())
def test_the_integral_is_that_of_the_probability(data):
    instance = data.draw(instances(deadline=True))
    model = ExpectedModel(instance)
    blocks = indexed_groups(model.instance, data.draw(valid_plans(instance)))
    known = oracle.oracle_of(instance)
    answer = np.maximum.reduce([known.first_answers(oracle.Block(b.members, b.student, b.size)) for b in blocks])
    seconds = np.array(data.draw(st.lists(st.floats(0.0, model.deadline), min_size=1, max_size=4)))
    # The integral of P(X <= u) from 0 to t is E[(t - X)^+].
    wanted = [float(known.probabilities @ np.maximum(t - answer, 0.0)) for t in seconds]
    assert Answered(model, blocks).until(seconds) == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_without_groups_everything_has_answered():
    nobody = Answered(ExpectedModel(pairs()), [])
    assert nobody.until(np.array([0.0, 3.0, 20.0])).tolist() == [0.0, 3.0, 20.0]
    assert nobody.expected == 0.0


@given(situations(), st.data())
@trials(40)
def test_devices_are_shared_in_the_best_way(situation, data):
    model, first, second, others = situation
    used = {n for block in others for n in block.members}
    spares = [n for n in range(len(model.weights)) if n not in {*used, *first.members, *second.members}]
    stays = [[n for n in block.members if data.draw(st.booleans())] for block in (first, second)]
    pool = [n for n in (*first.members, *second.members, *spares) if n not in {*stays[0], *stays[1]}]
    parts = (first.student, first.size), (second.student, second.size)
    found = share_devices(model, Answered(model, others), pool, (stays[0], stays[1]), parts)
    values = []
    for sides in itertools.product((0, 1), repeat=len(pool)):
        members = [
            (
                *stays[side],
                *(
                    n
                    for n, where in zip(pool, sides, strict=True)
                    if where == side and model.arrays.largest[n, parts[side][0]] >= parts[side][1]
                ),
            )
            for side in (0, 1)
        ]
        blocks = [IndexedGroup(own, *part) for own, part in zip(members, parts, strict=True)]
        if all(block.members and model.is_valid(block) for block in blocks):
            values.append(value(model, [*blocks, *others]))
    assert values
    assert found is not None
    blocks = [IndexedGroup(own, *part) for own, part in zip(found, parts, strict=True)]
    assert value(model, [*blocks, *others]) == pytest.approx(min(values), rel=1e-9, abs=1e-12)


def test_a_pool_that_cannot_cover_both_groups_is_not_shared():
    model = ExpectedModel(pairs())
    rest = Answered(model, [])
    assert share_devices(model, rest, [0, 1, 2], ([], []), ((1, 2), (1, 3))) is None
    assert share_devices(model, rest, [0, 1, 2], ([], [3]), ((1, 2), (1, 3))) is not None


@given(situations())
@trials(40)
def test_filters_are_shared_in_the_best_way(situation):
    model, first, second, others = situation
    total = first.size + second.size
    found = share_filters(model, Answered(model, others), (first.members, second.members), total)
    assert found is not None
    students = range(len(model.instance.students))
    values = [
        value(model, [a, b, *others])
        for size in range(1, total)
        for i, j in itertools.product(students, repeat=2)
        for a, b in [(IndexedGroup(first.members, i, size), IndexedGroup(second.members, j, total - size))]
        if all((model.arrays.largest[list(block.members), block.student] >= block.size).all() for block in (a, b))
    ]
    blocks, gained = found
    assert sum(block.size for block in blocks) == total
    assert value(model, [*blocks, *others]) == pytest.approx(min(values), rel=1e-9, abs=1e-12)
    assert model.deadline - gained == pytest.approx(min(values), rel=1e-9, abs=1e-12)


def test_filters_that_have_no_room_are_not_shared():
    small = [device.model_copy(update={"memory_bytes": 1}) for device in pairs().devices]
    model = ExpectedModel(pairs(devices=small))
    assert share_filters(model, Answered(model, []), ((0, 1), (2, 3)), 5) is None
    assert share_filters(model, Answered(model, []), ((0, 1), (2, 3)), 4) is not None


def test_filters_are_shared_coarsely_first_where_there_are_many(monkeypatch):
    instance = ro.generate("edge", devices=8, seed=1)
    model = ExpectedModel(instance)
    members, rest, total = ((0, 1), (2, 3)), Answered(model, []), 40
    every = share_filters(model, rest, members, total)
    monkeypatch.setattr(expected_moves, "MOST_SIZES", 8)
    tried = []
    share = expected_moves._best_share
    monkeypatch.setattr(expected_moves, "_best_share", lambda *given: tried.append(len(given[-1])) or share(*given))
    coarse = share_filters(model, rest, members, total)
    assert sum(tried) < total - 1
    assert sum(block.size for block in coarse[0]) == total
    assert 0.9 * every[1] <= coarse[1] <= every[1]
