"""The method ``milp`` for ``failure`` against the oracle and ``exact``, and at every end that a search can have."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

import oracle
import rocoin_opt as ro
from checked import value_of
from rocoin_opt.control import Control, Progress
from rocoin_opt.errors import SolverError, UnsupportedError
from rocoin_opt.exact import milp_failure as module
from rocoin_opt.exact.milp import milp
from rocoin_opt.grouping import durations
from rocoin_opt.heuristics.baselines.random_plan import random_plan
from samples import cases, trials
from strategies import instances

if TYPE_CHECKING:
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan
    from rocoin_opt.plan.result import Outcome

FAMILIES = ("edge", "lossy", "mcu", "paper", "sbc")


NEARLY_SURE = 1.0 - 1e-5
"""Failure probability from which on some plans end with a gap."""


def solved(instance: Instance, start: Plan | None = None) -> Outcome:
    return milp(instance, "failure", Control.starting_now(), start)


def some_plan(instance: Instance, seed: int = 0) -> Plan | None:
    return random_plan(instance, "failure", Control.starting_now(seed=seed)).plan


def assert_best(instance: Instance, start: Plan | None = None) -> None:
    """The best of all plans, proven; or proven that there is none."""
    outcome, best = solved(instance, start), oracle.best(instance, "failure")
    if best is None:
        assert (outcome.plan, outcome.infeasible, outcome.lower_bound) == (None, True, None)
        assert outcome.reasons
        return
    assert outcome.lower_bound is not None
    value = value_of(instance, outcome.plan, "failure")
    # Values near 0 keep their digits.
    assert value == pytest.approx(best[0], rel=1e-9, abs=0.0)
    assert outcome.lower_bound <= min(value, best[0])
    # Costs of failures this close to 1 differ by less than the slack of the model: there it may end with a gap.
    assert best[0] >= NEARLY_SURE or outcome.lower_bound >= best[0] * (1 - 1e-9)


@given(instances(max_devices=5, max_students=2, max_filters=4))
@trials(60)
def test_tiny_instances_are_solved_without_a_start(instance: Instance) -> None:
    assert_best(instance)


@given(instances(max_devices=5, max_students=2, max_filters=4))
@trials(40)
def test_tiny_instances_are_solved_from_any_start(instance: Instance) -> None:
    assert_best(instance, some_plan(instance))


@pytest.mark.slow
@given(instances(max_devices=5, max_students=3, max_filters=5))
@settings(max_examples=40)
def test_many_tiny_instances_are_solved(instance: Instance) -> None:
    assert_best(instance)


def alike(failures: list[float], *, filters: int = 2, largest: int = 1, **requirements: object) -> Instance:
    """Devices that differ in their failure probability alone, and one student."""
    device = {"flops_per_second": 1.0, "memory_bytes": 9, "uplink_bits_per_second": 1.0}
    return ro.Instance.model_validate(
        {
            "name": "alike",
            "devices": [{"id": f"d{n}", **device, "failure_probability": p} for n, p in enumerate(failures)],
            "students": [{"id": "s", "flops": 3.0, "memory_bytes": 1, "max_filters": largest}],
            "knowledge": {"num_filters": filters, "bits_per_filter": 1.0},
            "requirements": {"max_group_outage": 1.0, **requirements},
        }
    )


@pytest.mark.parametrize("outage", cases([0.0, 0.01], [0.0, 0.01, 0.1, 1.0]))
@pytest.mark.parametrize(("failure", "deadline"), [(0.0, 0.5), (0.1, None), (0.1, 4.0), (0.999999, 4.0)])
def test_ties_and_limits_at_their_ends(failure: float, outage: float, deadline: float | None) -> None:
    assert_best(alike([failure] * 4, max_group_outage=outage, min_groups=2, deadline_seconds=deadline))


@pytest.mark.parametrize(
    "failures",
    cases(
        [
            # Two of a kind are worth one of another.
            [0.1, 0.1, 0.01, 0.01],
            [1e-60, 1e-60],
        ],
        [
            # Coefficients that HiGHS takes for 0.
            [1 - 1e-10, 1 - 1e-10, 0.3, 0.4],
            [0.1, 0.1],
            [0.0, 0.3, 0.3, 0.2],
            [1e-3, 1e-4, 1e-5, 1e-6],
            [1e-30, 1e-20, 0.1, 0.2],
            [1 - 1e-12, 1 - 1e-8],
        ],
    ),
)
def test_failures_of_every_size_keep_their_digits(failures: list[float]) -> None:
    for largest in (1, 2):
        instance = alike(failures, largest=largest)
        for start in (None, some_plan(instance)):
            assert_best(instance, start)


@pytest.mark.parametrize("failures", [[1e-300, 1e-300], [1e-200, 1e-150, 1e-180]])
def test_what_no_tangent_can_tell_has_the_bound_zero(failures: list[float]) -> None:
    instance = alike(failures, largest=2)
    outcome = solved(instance)
    assert value_of(instance, outcome.plan, "failure") < module.LEAST_VALUE
    assert outcome.lower_bound == 0.0


def test_nobody_in_time_is_a_certain_failure() -> None:
    instance = alike([0.1] * 3, deadline_seconds=1.0)
    outcome = solved(instance)
    assert value_of(instance, outcome.plan, "failure") == 1.0
    assert outcome.lower_bound == pytest.approx(1.0, rel=1e-9)
    assert ro.solve(instance, "milp", "failure").termination == "optimal"


@pytest.mark.usefixtures("short_search")
@pytest.mark.parametrize("family", cases(["lossy"], ["edge"]))
def test_it_agrees_with_exact(family: str) -> None:
    instance = ro.generate(family, devices=6, seed=0)
    one, other = (ro.solve(instance, method, "failure") for method in ("exact", "milp"))
    assert one.termination == other.termination == "optimal"
    assert other.objective_value == pytest.approx(one.objective_value, rel=1e-9, abs=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_it_agrees_with_exact_on_many(family: str) -> None:
    instance = ro.generate(family, devices=7 if family == "paper" else 10, seed=1)
    one, other = (ro.solve(instance, method, "failure", latency_only=True) for method in ("exact", "milp"))
    assert one.termination == other.termination == "optimal"
    assert other.objective_value == pytest.approx(one.objective_value, rel=1e-9, abs=0.0)


@pytest.mark.slow
def test_the_bound_of_a_stopped_search_lies_below_the_optimum() -> None:
    instance = ro.generate("mcu", devices=8, seed=1)
    optimum = ro.solve(instance, "exact", "failure").objective_value
    assert optimum is not None
    bounds = []
    for nodes in (1, 20, 100):
        outcome = milp(
            instance, "failure", Control.starting_now(), some_plan(instance), options={"mip_max_nodes": nodes}
        )
        assert outcome.lower_bound is not None
        assert 0.0 <= outcome.lower_bound <= optimum <= value_of(instance, outcome.plan, "failure")
        bounds.append(outcome.lower_bound)
    assert bounds == sorted(bounds)


def test_without_time_the_start_is_kept() -> None:
    instance = ro.generate("paper", devices=8, seed=1)
    start = some_plan(instance)
    outcome = milp(instance, "failure", Control.starting_now(time_limit=0.0), start)
    assert (outcome.plan, outcome.lower_bound) == (start, 0.0)
    nothing = milp(instance, "failure", Control.starting_now(time_limit=0.0))
    assert (nothing.plan, nothing.infeasible, nothing.lower_bound) == (None, False, None)


@pytest.mark.slow
def test_it_begins_nothing_that_it_has_no_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    instance = ro.generate("edge", devices=8)
    start = some_plan(instance)
    monkeypatch.setattr(durations, "REPLICA", 1e6)
    outcome = milp(instance, "failure", Control.starting_now(time_limit=1e5), start)
    assert (outcome.plan, outcome.lower_bound) == (start, 0.0)
    monkeypatch.setattr("rocoin_opt.planning.methods.portfolio.import_of_models", lambda: 1e6)
    monkeypatch.setitem(sys.modules, "rocoin_opt.exact.milp", None)
    by_greedy = ro.solve(instance, "greedy", "failure", time_limit=1e5)
    assert ro.solve(instance, "milp", "failure", time_limit=1e5).plan == by_greedy.plan


@pytest.mark.slow
def test_a_stop_keeps_the_best_plan_and_a_valid_bound() -> None:
    instance = ro.generate("paper", devices=12, seed=2)
    told: list[Progress] = []

    def report(progress: Progress) -> None:
        told.append(progress)
        if progress.bound:
            control.stop.set()

    control = Control.starting_now(report=report, time_limit=1e5)
    start = some_plan(instance)
    outcome = milp(instance, "failure", control, start)
    assert control.elapsed < 5e4
    value = value_of(instance, outcome.plan, "failure")
    assert outcome.lower_bound is not None
    assert 0.0 < outcome.lower_bound <= value <= value_of(instance, start, "failure")
    assert all(p.value is not None and p.bound is not None and p.bound <= p.value for p in told)


@pytest.mark.slow
def test_the_search_may_stop_at_a_gap() -> None:
    instance = ro.generate("mcu", devices=8, seed=7)
    result = ro.solve(instance, "milp", "failure", gap=0.5)
    assert result.gap is not None
    assert 1e-9 < result.gap <= 0.5


@pytest.mark.slow
def test_more_ties_than_are_cut_off_end_with_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four devices of failures that differ by less than a solver can tell.
    instance = alike([0.1, 0.1 + 1e-9, 0.1 + 2e-9, 0.1 + 3e-9])
    assert_best(instance)
    monkeypatch.setattr(module, "MOST_ALIKE", 1)
    outcome = solved(instance)
    value = value_of(instance, outcome.plan, "failure")
    assert outcome.lower_bound is not None
    assert 1e-9 * value < value - outcome.lower_bound < 1e-4 * value
    assert ro.solve(instance, "milp", "failure").termination == "feasible"


def test_groups_that_miss_the_limit_by_a_hair_are_cut_off() -> None:
    # Shares of 1 - 1e-10 in all: a solver takes that for 1.
    instance = alike([0.1, 0.1, 0.1, 0.1], max_group_outage=0.01 * (1 - 1e-9), min_groups=1, largest=2)
    assert_best(instance)
    assert_best(instance.with_requirements(max_group_outage=0.01))


@pytest.mark.slow
def test_equal_seeds_give_equal_plans() -> None:
    instance = ro.generate("edge", devices=10, seed=5)
    first, second = (milp(instance, "failure", Control.starting_now(seed=7)) for _ in range(2))
    assert first == second
    assert math.isfinite(value_of(instance, first.plan, "failure"))


def test_what_the_model_cannot_state_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="law"):
        solved(ro.generate("edge", devices=6, slowdowns=True))
    with pytest.raises(SolverError, match="presolv"):
        milp(alike([0.1] * 4), "failure", Control.starting_now(), options={"presolv": "off"})
