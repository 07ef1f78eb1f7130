"""The least quantile under ``min_success``: equal to brute force where all plans are looked at, else None."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, assume, given

import oracle
import rocoin_opt as ro
from rocoin_opt.control import Control
from rocoin_opt.exact.answer.enumeration import least_sure_quantile
from rocoin_opt.failure.evaluation import value_of
from samples import trials
from strategies import instances


@given(instance=instances(max_devices=5, max_students=2, max_filters=5, deadline=True, level=True, success=True))
@trials(60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_the_least_quantile_is_that_of_brute_force(instance):
    best = oracle.best(instance, "quantile")
    assume(best is not None and math.isfinite(best[0]))
    surest = oracle.best(instance, "failure")
    found = least_sure_quantile(instance, Control(), surest[1])
    assert found.lower_bound == pytest.approx(best[0], rel=1e-9)
    assert value_of(instance, found.plan, "quantile") == found.lower_bound
    assert ro.check(instance, found.plan) == ()


def test_too_many_plans_are_not_looked_at_and_no_time_is_no_proof():
    instance = ro.generate("edge", devices=8, seed=0).with_requirements(success_level=0.5, min_success=0.5)
    plan = ro.solve(instance, "exact", "failure").plan
    assert least_sure_quantile(instance, Control(), plan) is None
    few = ro.generate("edge", devices=4, seed=0, filters=6).with_requirements(
        success_level=0.5, min_success=0.5, max_group_outage=1.0
    )
    plan = ro.solve(few, "exact", "failure").plan
    assert least_sure_quantile(few, Control.starting_now(time_limit=0), plan) is None
    assert least_sure_quantile(few, Control(), plan) is not None
