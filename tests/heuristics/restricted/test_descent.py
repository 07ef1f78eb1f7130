"""The search under failure domains and rules."""

from __future__ import annotations

import pytest

import rocoin_opt as ro
from restricted_solves import drawn, truth
from rocoin_opt.control import Control
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.heuristics.restricted.descent import Within, descend
from rocoin_opt.instance.relaxations import relaxed
from samples import cases


@pytest.mark.parametrize("seed", cases(range(0, 30, 4), range(0, 30, 2)))
def test_what_it_finds_is_valid_and_no_better_than_the_best(seed: int) -> None:
    instance = drawn(seed, 4)
    leveled = ("quantile",) if instance.requirements.success_level else ()
    for objective in ("guaranteed", "failure", "missing", *leveled):
        plan, least = descend(instance, objective, None, 150, Control()), truth(seed, 4, objective)
        if plan is not None:
            assert ro.check(instance, plan) == ()
            value = ro.evaluate(instance, plan).value(objective)
            assert value is None or value >= least * (1 - 1e-9) - 1e-15


def start_without_domains(instance: ro.Instance) -> ro.Plan | None:
    return greedy(relaxed(instance), "quantile", Control()).plan


@pytest.mark.parametrize(("family", "seed"), [("mcu", 4), ("lossy", 3), ("edge", 0)])
def test_a_quantile_comes_near_to_the_proven_one(family: str, seed: int) -> None:
    instance = ro.generate(family, devices=10, seed=seed, domains=3).with_requirements(success_level=0.9)
    plan = descend(instance, "quantile", start_without_domains(instance), 600, Control())
    best = ro.solve(instance, "exact", "quantile", latency_only=True)
    assert best.termination == "optimal"
    assert best.objective_value <= ro.evaluate(instance, plan).quantile_seconds <= 1.02 * best.objective_value


def test_a_level_that_the_start_never_reaches_is_reached() -> None:
    # Plans without a quantile are all alike to a search that looks at it alone.
    instance = ro.generate("edge", devices=40, seed=1, domains=12).with_requirements(success_level=0.95)
    start = start_without_domains(instance)
    assert ro.evaluate(instance, start).quantile_seconds is None
    told: list[float | None] = []
    control = Control(report=lambda progress: told.append(progress.value))
    plan = descend(instance, "quantile", start, 300, control)
    assert ro.check(instance, plan) == ()
    assert ro.evaluate(instance, plan).quantile_seconds == told[-1]
    assert told == sorted(told, reverse=True)


@pytest.mark.slow
def test_a_plan_that_breaks_rules_is_mended() -> None:
    free = ro.generate("edge", devices=8, seed=4)
    plan = ro.solve(free, "greedy").plan
    apart = max(plan.groups, key=lambda group: len(group.devices)).devices[:2]
    wanted = plan.spares[:1] or (plan.groups[0].devices[0],)
    ruled = free.model_copy(update={"rules": (ro.Rule(apart=apart), ro.Rule(use=wanted), ro.Rule(together=apart[:1]))})
    assert ro.check(ruled, plan)
    mended = descend(ruled, "guaranteed", plan, 500, Control())
    assert mended is not None
    assert ro.check(ruled, mended) == ()


def test_the_seed_alone_decides() -> None:
    instance = ro.generate("edge", devices=10, seed=4, domains=3)
    first, again = (descend(instance, "failure", None, 400, Control(seed=5)) for _ in range(2))
    assert first == again


def test_behind_a_latency_it_never_gets_later() -> None:
    instance = ro.generate("edge", devices=10, seed=4, domains=3)
    plan = ro.solve(instance, "exact", latency_only=True).plan
    seconds = ro.evaluate(instance, plan).guaranteed_seconds
    for prefer in ("reliability", "work"):
        found = descend(instance, "failure", plan, 300, Control(), within=Within("guaranteed", seconds, prefer))
        assert ro.evaluate(instance, found).guaranteed_seconds <= seconds


def test_without_steps_a_valid_plan_stays_and_a_broken_one_is_none() -> None:
    instance = ro.generate("edge", devices=10, seed=4)
    plan = ro.solve(instance, "greedy", "failure").plan
    assert descend(instance, "failure", plan, 0, Control()) == ro.Plan.of(instance, plan.groups)
    assert descend(instance, "failure", None, 0, Control()) is None
