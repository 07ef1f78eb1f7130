"""Behind an objective that is no latency: the same value, the better partition, less work."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

import oracle
import rocoin_opt as ro
from examples import pairs
from rocoin_opt.control import Control
from rocoin_opt.exact.lexicographic.answer_ties import settle_answer
from rocoin_opt.exact.lexicographic.least_failure import work_of
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.plan.filters import labels_of
from samples import trials
from strategies import instances, valid_plans

pytestmark = pytest.mark.usefixtures("short_search")
OBJECTIVES = ("expected", "failure", "missing", "quantile")


@pytest.mark.parametrize("objective", OBJECTIVES)
@given(data=st.data(), instance=instances(max_devices=5, max_students=3, max_filters=5, deadline=True, level=True))
@trials(40)
def test_the_value_stays_and_the_work_does_not_grow(objective, data, instance):
    plan = data.draw(valid_plans(instance))
    found = settle_answer(instance, objective, plan, Control()).plan
    assert ro.check(instance, found) == ()
    assert value_of(instance, found, objective) <= value_of(instance, plan, objective) * (1 + 1e-12)
    assert work_of(instance, found) <= work_of(instance, plan) * (1 + 1e-12)


@given(instance=instances(max_devices=4, max_students=2, max_filters=4, deadline=True))
@trials(60, suppress_health_check=[HealthCheck.too_slow])
def test_of_the_plans_that_fail_least_none_has_less_work(instance):
    best = oracle.best(instance, "failure")
    assume(best is not None)
    found = ro.solve(instance, "exact", "failure").plan
    reference = oracle.oracle_of(instance)
    tied = [
        float(sum(oracle.latency(instance, n, block.student, block.size) for block in blocks for n in block.devices))
        for blocks in reference.decisions(feasible_only=True)
        if reference.value(blocks, "failure") <= best[0] * (1 + 1e-13)
    ]
    assert work_of(instance, found) == pytest.approx(min(tied), rel=1e-8, abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_partition_is_no_worse_and_within_what_groups_hold(objective):
    instance = ro.generate("sbc", devices=8, seed=1, filters=12, max_groups=3, graph=True)
    instance = instance.with_requirements(success_level=0.9)
    latest = ro.solve(instance, "exact", objective, latency_only=True).plan
    found = ro.solve(instance, "exact", objective).plan
    parts = PartSearch(instance, "ncut", Control())
    assert parts.value(labels_of(instance, found)) <= parts.value(labels_of(instance, latest)) + 1e-9
    same = value_of(instance, latest, objective)
    assert value_of(instance, found, objective) == pytest.approx(same, rel=1e-11)


def test_no_time_and_no_value_leave_the_plan_as_it_is():
    instance = pairs()
    plan = ro.solve(instance, "greedy").plan
    assert settle_answer(instance, "failure", plan, Control.starting_now(time_limit=0)).plan is plan
    assert settle_answer(instance, "quantile", plan, Control()).plan is plan
