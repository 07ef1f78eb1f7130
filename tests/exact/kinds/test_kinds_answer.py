"""Behind the latency of alike devices: failure and work as by all sets of devices."""

from __future__ import annotations

import random

import pytest

import rocoin_opt as ro
from packing_oracle import candidates, random_instance, with_alike_devices
from rocoin_opt.control import UNLIMITED
from rocoin_opt.exact.kinds.search import exact_by_kinds
from rocoin_opt.exact.lexicographic import least_failure as module
from rocoin_opt.failure import check
from rocoin_opt.failure.evaluation import value_of
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.instance.generate import generate
from rocoin_opt.plan.indexed import work_of
from rocoin_opt.planning.solve import solve


def problems(seeds):
    """Thresholds of small fleets, with deadlines mostly, each with a plan within."""
    for seed in seeds:
        instance, rng = with_alike_devices(random_instance(seed, most_devices=3), seed), random.Random(seed)
        thresholds = candidates(instance)
        if thresholds and rng.random() < 0.7:
            instance = instance.with_requirements(deadline_seconds=rng.choice(thresholds) or 1.0)
        objective = rng.choice(["guaranteed", "nominal", "worst"])
        plan = exact_by_kinds(instance, objective, UNLIMITED).plan
        if plan is not None:
            slack = rng.choice([1.0, 1.0, 1.3])
            yield ThresholdProblem(instance, objective, slack * value_of(instance, plan, objective)), plan


def test_failure_and_work_are_those_of_all_sets(monkeypatch):
    compared = 0
    for problem, plan in problems(range(16, 20)):
        instance = problem.instance
        found = module.least_failure(problem, plan, (), UNLIMITED)
        with monkeypatch.context() as patch:
            patch.setattr(module, "MAX_VECTORS", 0)
            other = module.least_failure(problem, plan, (), UNLIMITED)
        failure = value_of(instance, other.plan, "failure")
        assert value_of(instance, found.plan, "failure") == pytest.approx(failure, rel=1e-11)
        assert found.lower_bound == pytest.approx(failure, rel=1e-9)
        assert work_of(instance, found.plan) <= work_of(instance, other.plan) * (1.0 + 1e-9)
        assert value_of(instance, found.plan, problem.objective) <= problem.threshold
        assert check(instance, found.plan) == ()
        compared += 1
    assert compared > 2


def test_more_devices_than_sets_of_them_can_be_listed_are_proven():
    instance = generate("edge", devices=24, kinds=3, seed=4)
    result = solve(instance, "exact")
    gain = result.reinforcement
    assert gain.lower_bound == pytest.approx(result.metrics.failure_probability, rel=1e-9)


def test_alike_devices_that_all_answer_too_late_need_no_sets(monkeypatch):
    instance = ro.generate("edge", devices=15, kinds=3, seed=317, max_group_outage=0.01)
    monkeypatch.setattr("rocoin_opt.exact.lexicographic.least_failure.AnswerPacking", None)
    result = ro.solve(instance, "exact", explain=False)
    assert result.metrics.failure_probability == 1.0
    assert result.reinforcement.lower_bound == 1.0
