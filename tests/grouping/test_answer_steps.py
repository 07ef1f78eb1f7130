"""Steps of answers: exact where one factor is measured, close to the evaluator where it has a density."""

from __future__ import annotations

import numpy as np
import pytest

import rocoin_opt as ro
from fleets import LAWS
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.answer_steps import AnswerSteps
from rocoin_opt.grouping.expected_model import ExpectedModel
from rocoin_opt.heuristics.expected.moves import Answered, expected_seconds, share_devices, share_filters
from rocoin_opt.plan.indexed import indexed_groups, plan_of
from slowed import slowed

MEASURED = {"law": "empirical", "values": [1.0, 4.0, 2.0, 2.0]}


def test_a_constant_latency_is_one_step() -> None:
    instance = ro.generate("edge", devices=5, seed=0)
    steps, arrays = AnswerSteps.of(instance), instance.arrays
    assert steps.device.tolist() == list(range(5))
    assert steps.of_devices([3, 1]).tolist() == [3, 1]
    assert (steps.seconds([3, 1], 2, 7) == arrays.latency([3, 1], 2, 7)).all()
    assert np.exp(-steps.weights) == pytest.approx(arrays.failure)


def test_steps_of_a_device_stand_together_and_sum_to_its_weight() -> None:
    instance = slowed(ro.generate("edge", devices=4, seed=0), MEASURED, LAWS[6], LAWS[1])
    steps = AnswerSteps.of(instance)
    assert np.bincount(steps.device).tolist() == [3, 1, 8, 3]
    assert steps.of_devices([2, 0]).tolist() == [*range(4, 12), 0, 1, 2]
    assert steps.of_devices([]).tolist() == []
    weights = np.bincount(steps.device, weights=steps.weights)
    assert np.exp(-weights) == pytest.approx(instance.arrays.failure)


@pytest.mark.parametrize(("law", "error"), [(MEASURED, 1e-12), (LAWS[0], 0.01), (LAWS[1], 0.01), (LAWS[4], 0.02)])
def test_the_expected_time_of_the_steps_is_near_that_of_the_evaluator(law: dict[str, object], error: float) -> None:
    instance = slowed(ro.generate("edge", devices=6, seed=0), law)
    model = ExpectedModel(instance)
    for seed in range(4):
        plan = ro.solve(instance, "random", "expected", seed=seed).plan
        found = expected_seconds(model, indexed_groups(model.instance, plan))
        assert found == pytest.approx(value_of(instance, plan, "expected"), rel=error)


def test_moves_under_a_measured_law_are_worth_what_they_say() -> None:
    instance = slowed(ro.generate("edge", devices=6, seed=0), MEASURED).with_requirements(max_group_outage=1.0)
    model = ExpectedModel(instance)
    size = model.wanted // 2
    parts = (model.block([0], size), model.block([1], model.wanted - size))
    assert parts[0] is not None
    assert parts[1] is not None
    rest = Answered(model, [])
    pairs = ((parts[0].student, size), (parts[1].student, model.wanted - size))
    members = share_devices(model, rest, [2, 3, 4], ([0], [1]), pairs)
    assert members is not None
    shared = share_filters(model, rest, members, model.wanted)
    assert shared is not None
    blocks, gained = shared
    value = value_of(instance, plan_of(model.instance, blocks), "expected")
    assert model.deadline - gained == pytest.approx(value, rel=1e-9)
    before = [model.block(group, part) for group, (_, part) in zip(members, pairs, strict=True)]
    kept = [block for block in before if block is not None]
    assert value <= value_of(instance, plan_of(model.instance, kept), "expected") * (1 + 1e-12)
