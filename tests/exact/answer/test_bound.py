"""Bounds where there are too many sets of devices to list: never above the best plan, with digits near 0."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.answer.bound import failure_bound, quantile_bound
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.planning.methods.answers import prove_answer
from samples import cases, trials
from strategies import instances


@given(instances(max_devices=5, max_students=2, max_filters=5))
@trials(60)
def test_no_plan_fails_less_often_than_the_bound(instance):
    best = oracle.best(instance, "failure")
    assume(best is not None)
    for factor, nodes in ((1.0, 1), (2.0, 1), (1.0, 20), (1.5, 20)):
        bound = failure_bound(instance, min(1.0, factor * best[0]), Control(), nodes=nodes)
        assert 0.0 <= bound <= best[0] * (1 + 1e-9)


@pytest.mark.parametrize(("bounds", "kept"), [((0.1, 0.2), 0.2), ((0.2, 0.1), 0.2), ((0.1, 1.2), None)])
def test_the_better_bound_of_two_scales_is_kept(monkeypatch, bounds, kept):
    instance, scales = ro.generate("edge", devices=21, seed=0), []
    start = ro.solve(instance, "greedy", "failure").plan
    value = value_of(instance, start, "failure")

    def bounded(_instance, scale, control, *, nodes):
        scales.append(scale)
        control.stop.set()
        return bounds[len(scales) - 1] * value

    monkeypatch.setattr("rocoin_opt.exact.failure_bound", bounded)
    monkeypatch.setattr("rocoin_opt.planning.methods.answers.searched_answer", lambda *_: start)
    outcome = prove_answer(instance, "failure", Control.starting_now(time_limit=1e6), start)
    assert scales == [value, pytest.approx(1.5 * value)]
    assert outcome.lower_bound == (value if kept is None else kept * value)


@given(instances(max_devices=5, max_students=2, max_filters=5, level=True))
@trials(60)
def test_no_plan_reaches_the_level_before_the_bound(instance):
    best = oracle.best(instance, "quantile")
    assume(best is not None)
    for value in (best[0], math.inf):
        assert 0.0 <= quantile_bound(instance, value, Control()) <= best[0] * (1 + 1e-12)


def reliable(failure, count=24):
    """Equal devices in two groups at most, which all answer in time."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0, "failure_probability": failure}
    return ro.Instance.model_validate(
        {
            "name": "reliable",
            "devices": [{"id": f"d{n}", **device} for n in range(count)],
            "students": [{"id": "s", "flops": 1.0, "memory_bytes": 1, "max_filters": 1}],
            "knowledge": {"num_filters": 2, "bits_per_filter": 1.0},
            "requirements": {
                "max_group_outage": 1.0,
                "max_groups": 2,
                "deadline_seconds": 10.0,
                "success_level": 0.999,
            },
        }
    )


@pytest.mark.parametrize("failure", cases([0.1], [0.5]))
@pytest.mark.slow
def test_a_failure_near_0_keeps_its_digits(failure):
    instance = reliable(failure)
    # Twelve devices in each of the two groups.
    least = -math.expm1(2 * math.log1p(-(failure**12)))
    bound = failure_bound(instance, least, Control())
    assert least * 0.75 < bound <= least * (1 + 1e-9)
    found = ro.solve(instance, "exact", "failure")
    assert found.objective_value == pytest.approx(least, rel=1e-9, abs=0.0)
    assert found.gap < 0.25
    assert found.lower_bound <= least


def test_values_at_their_ends_have_no_bound():
    instance = reliable(0.1)
    for value in (0.0, 1.0):
        assert failure_bound(instance, value, Control()) == 0.0
    assert quantile_bound(instance.with_requirements(success_level=None), 5.0, Control()) == 0.0


def test_a_quantile_that_nothing_undercuts_is_its_own_bound():
    instance = reliable(0.1)
    assert quantile_bound(instance, 2.0, Control()) == 2.0
    assert quantile_bound(instance, math.inf, Control()) == 2.0


@pytest.mark.slow
@pytest.mark.parametrize("objective", cases(["quantile"], ["failure"]))
def test_many_devices_get_a_plan_and_a_bound_within_a_limit(objective, monkeypatch):
    asked = itertools.count()
    monkeypatch.setattr(Control, "exhausted", property(lambda _: next(asked) > 500))
    instance = ro.generate("edge", devices=24, seed=2).with_requirements(success_level=0.9)
    result = ro.solve(instance, "exact", objective, latency_only=True)
    assert ro.check(instance, result.plan) == ()
    assert 0.0 <= result.lower_bound <= result.objective_value == value_of(instance, result.plan, objective)


def test_no_time_is_no_bound_that_is_wrong():
    instance, over = reliable(0.1), Control(deadline=-math.inf)
    assert 0.0 <= failure_bound(instance, 3e-12, over) <= 2e-12
    assert quantile_bound(instance, 2.0, over) <= 2.0
