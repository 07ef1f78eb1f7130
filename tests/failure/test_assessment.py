"""Figures of a plan under failure: against the evaluator, closed forms, and a simulation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from fleets import fleet
from rocoin_opt.errors import InputError
from rocoin_opt.failure.assessment import QUANTILES, Simulated, simulated

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = ["mcu/mcu-8-0", "paper/paper-8-0", "edge/edge-12-0"]


@pytest.mark.parametrize("name", SHIPPED)
def test_constant_latencies_have_the_figures_of_the_evaluator(name: str, repository: Path) -> None:
    instance = ro.read_instance(repository / "instances" / f"{name}.json")
    plan = ro.solve(instance, "greedy").plan
    assert plan is not None
    metrics, figures = ro.evaluate(instance, plan), ro.assess(instance, plan)
    for field in ("guaranteed_seconds", "nominal_seconds", "worst_seconds", "expected_seconds", "success_probability"):
        expected = getattr(metrics, field)
        assert getattr(figures, field) == (None if expected is None else pytest.approx(expected, rel=1e-12))
    distribution = ro.latency_distribution(instance, plan)
    for q, value in figures.quantiles.items():
        assert value == (None if math.isinf(distribution.quantile(q)) else distribution.quantile(q))


def test_random_latencies_are_guaranteed_by_the_slowest_group() -> None:
    instance, plan = fleet([0.1, 0.2, 0.1, 0.2], groups=2, laws=True)
    strict = instance.with_requirements(max_group_outage=0.05)
    figures = ro.assess(strict, plan)
    assert figures.nominal_seconds is None
    assert figures.worst_seconds is None
    assert figures.guaranteed_seconds is not None
    distribution = ro.latency_distribution(strict, plan)
    outages = [distribution.outage(k, figures.guaranteed_seconds) for k in range(2)]
    assert max(outages) == pytest.approx(0.05, rel=1e-6)
    # Any time will do where nothing is asked for.
    assert ro.assess(instance, plan).guaranteed_seconds == pytest.approx(0.0, abs=10.0)


def test_a_group_that_never_keeps_the_limit_has_no_guarantee() -> None:
    for laws in (False, True):
        instance, plan = fleet([0.1, 0.2], groups=2, laws=laws)
        assert ro.assess(instance.with_requirements(max_group_outage=0.05), plan).guaranteed_seconds is None


def test_the_deadline_of_the_call_counts() -> None:
    instance, plan = fleet([0.1, 0.2, 0.1, 0.2], groups=2)
    early, late = (ro.assess(instance, plan, deadline=seconds) for seconds in (4.0, 40.0))
    assert early.success_probability < late.success_probability
    assert early.expected_seconds is not None
    assert early.expected_seconds <= 4.0
    without = instance.with_requirements(deadline_seconds=None)
    assert ro.assess(without, plan).expected_seconds is None
    with pytest.raises(InputError, match=r"options: deadline: found -1\.0"):
        ro.assess(instance, plan, deadline=-1.0)


def test_each_device_lost_leaves_the_others_where_they_are() -> None:
    instance, plan = fleet([0.1, 0.2, 0.1, 0.2, 0.3], groups=2)
    strict = instance.with_requirements(max_group_outage=0.04)
    found = {loss.device: loss for loss in ro.losses(strict, plan)}
    assert set(found) == {device for group in plan.groups for device in group.devices}
    # Devices 0, 2 and 4 are one group, 1 and 3 the other: of these two neither may be missing.
    assert [found[f"d{n}"].keeps_limit for n in range(5)] == [True, False, True, False, True]
    without = found["d4"].figures
    assert without is not None
    # Both groups answer by the deadline of 12 s unless all of their devices fail.
    assert without.success_probability == pytest.approx((1 - 0.1 * 0.1) * (1 - 0.2 * 0.2))


def test_without_its_last_device_a_group_never_answers() -> None:
    instance, plan = fleet([0.1, 0.2], groups=2)
    assert [loss.figures for loss in ro.losses(instance, plan)] == [None, None]
    assert not any(loss.keeps_limit for loss in ro.losses(instance, plan))


@pytest.mark.parametrize("laws", [False, True])
def test_the_simulated_figures_agree_with_the_exact_ones(laws: bool) -> None:
    instance, plan = fleet([0.1, 0.2, 0.1, 0.2], groups=2, laws=laws, domains={"ap": 0.05}, member={0: "ap", 1: "ap"})
    strict = instance.with_requirements(max_group_outage=0.2)
    exact, found = ro.assess(strict, plan), simulated(strict, plan, 40_000, seed=1)
    for field in ("guaranteed_seconds", "expected_seconds", "success_probability"):
        estimate, value = found[field], getattr(exact, field)
        assert isinstance(estimate, Simulated)
        assert estimate.low is not None
        assert estimate.high is not None
        width = estimate.high - estimate.low
        assert estimate.low - width <= value <= estimate.high + width
    quantiles = found["quantiles"]
    assert isinstance(quantiles, dict)
    assert set(quantiles) == set(QUANTILES)
    if laws:
        assert found["nominal_seconds"] is None
    else:
        assert found["worst_seconds"] == Simulated(exact.worst_seconds, exact.worst_seconds, exact.worst_seconds)


def test_a_limit_of_1_is_kept_from_the_first_answer_on_that_comes() -> None:
    instance, plan = fleet([0.1, 0.2], groups=2)
    assert instance.requirements.max_group_outage == 1.0
    exact = ro.assess(instance, plan).guaranteed_seconds
    assert exact is not None
    assert simulated(instance, plan, 100)["guaranteed_seconds"] == Simulated(exact, 0.0, exact)
    never = instance.with_devices(d.model_copy(update={"failure_probability": 1 - 1e-9}) for d in instance.devices)
    assert simulated(never, plan, 100)["guaranteed_seconds"] == Simulated(None, 0.0, None)


def test_without_a_deadline_and_under_a_limit_of_0_there_is_nothing_to_simulate() -> None:
    instance, plan = fleet([0.0, 0.0], groups=2, deadline=None)
    strict = instance.with_requirements(max_group_outage=0.0)
    assert ro.assess(strict, plan).guaranteed_seconds is not None
    found = simulated(strict, plan, 100)
    assert found["guaranteed_seconds"] is None
    assert found["expected_seconds"] is None


def test_a_plan_that_breaks_more_than_requirements_is_refused() -> None:
    instance, plan = fleet([0.1, 0.2], groups=2)
    broken = plan.model_copy(update={"spares": ("nobody",)})
    for ask in (ro.assess, ro.losses):
        with pytest.raises(InputError, match=r"plan: spares.*nobody"):
            ask(instance, broken)
