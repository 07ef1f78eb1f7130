"""Descent on a quantile: never later than the start, valid, reproducible, and as far as the level allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import given

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.failure.validity import check
from rocoin_opt.heuristics.expected.quantile import descend_quantile, most_weight
from samples import cases, trials
from strategies import instances


def start_of(instance, seed=0):
    return ro.solve(instance.with_requirements(success_level=None), "random", seed=seed).plan


@given(instances(max_devices=4, max_students=2, max_filters=4, level=True))
@trials(40)
def test_a_quantile_is_never_later_than_at_the_start_nor_below_the_best(instance):
    start, best = start_of(instance), oracle.best(instance, "quantile")
    if start is None:
        return
    found = descend_quantile(instance, start, 0, 60, Control())
    assert check(instance, found) == ()
    value = value_of(instance, found, "quantile")
    assert best[0] * (1 - 1e-12) <= value <= value_of(instance, start, "quantile")


@pytest.mark.slow
@pytest.mark.parametrize("family", cases(["edge"], ["paper", "sbc"]))
def test_the_descent_comes_near_to_the_proven_quantile(family):
    instance = ro.generate(family, devices=10, seed=1).with_requirements(success_level=0.6)
    start = start_of(instance)
    found = descend_quantile(instance, start, 0, 600, Control(), 0.05)
    best = ro.solve(instance, "exact", "quantile", latency_only=True).objective_value
    assert best <= value_of(instance, found, "quantile") <= 1.15 * best


def test_a_level_that_the_start_misses_is_reached_first():
    instance = pairs(requirements={"max_group_outage": 1.0, "success_level": 0.98})
    start = ro.Plan.of(instance, [ro.Group(devices=("d0",), student="s3", num_filters=5)])
    assert value_of(instance, start, "quantile") == math.inf
    found = descend_quantile(instance, start, 0, 50, Control())
    assert value_of(instance, found, "quantile") < math.inf


@pytest.mark.slow
def test_the_same_seed_takes_the_same_way_and_tells_it():
    instance = ro.generate("edge", devices=12, seed=3).with_requirements(success_level=0.7)
    start, told = start_of(instance), []
    control = Control(report=lambda progress: told.append(progress.value))
    plan = descend_quantile(instance, start, 5, 150, control, 0.05)
    assert told
    assert told == sorted(told, reverse=True)
    assert told[-1] == value_of(instance, plan, "quantile")
    assert descend_quantile(instance, start, 5, 150, Control(), 0.05) == plan


def test_a_limit_or_no_steps_keep_the_start():
    instance = ro.generate("edge", devices=12, seed=3).with_requirements(success_level=0.7)
    start = start_of(instance)
    assert descend_quantile(instance, start, 0, 0, Control()) == start
    assert descend_quantile(instance, start, 0, 50, Control(deadline=-math.inf)) == start
    with pytest.raises(ValueError, match="success level"):
        descend_quantile(instance.with_requirements(success_level=None), start, 0, 1, Control())


@pytest.mark.parametrize("level", [1e-15, 0.5, 0.999999999])
def test_the_weight_of_a_level_is_that_of_its_probability(level):
    weight = most_weight(level)
    assert math.exp(-weight) == pytest.approx(level, rel=1e-9, abs=2e-12)
    assert math.isfinite(weight)
