"""Derivatives of a plan's figures: against changed instances evaluated anew, and closed forms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rocoin_opt as ro
from failure_plans import replica, system
from fleets import fleet
from rocoin_opt.failure.assessment import REQUIREMENTS
from rocoin_opt.failure.what_if.differences import Derivative, log_derivative
from rocoin_opt.failure.what_if.guarantees import Reach, is_tied
from samples import cases, trials
from strategies import instances, structured_plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.failure.assessment import Figures
    from rocoin_opt.failure.what_if.sensitivity import Sensitivity, Slope
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan


def varied(instance: Instance, device: str, parameter: str, value: float) -> Instance:
    """The instance with one parameter of one device replaced."""
    devices = tuple(d.model_copy(update={parameter: value}) if d.id == device else d for d in instance.devices)
    return instance.model_copy(update={"devices": devices})


def figures_at(instance: Instance, plan: Plan, one: Sensitivity, value: float) -> Figures:
    return ro.assess(varied(instance, one.device, one.parameter, value), plan)


def assert_slope(slope: Slope, figure: Callable[[float], float | None], value: float, step: float) -> None:
    """One-sided differences of second order agree with the derivatives on either side."""
    for side, derivative in ((-1.0, slope.left), (1.0, slope.right)):
        near, next_to_it, here = figure(value + side * step), figure(value + 2.0 * side * step), figure(value)
        assert near is not None
        assert next_to_it is not None
        assert here is not None
        difference = side * (-3.0 * here + 4.0 * near - next_to_it) / (2.0 * step)
        slack = slope.error + 1e-4 * abs(derivative) + 1e-8 * abs(here) / step * 1e-3
        assert difference == pytest.approx(derivative, abs=slack)


@trials(30)
@given(st.data())
def test_derivatives_are_those_of_changed_instances(data: st.DataObject) -> None:
    instance = data.draw(instances(deadline=True, domains=True))
    plan = data.draw(structured_plans(instance))
    assume({violation.rule for violation in ro.check(instance, plan)} <= set(REQUIREMENTS))
    for one in ro.sensitivities(instance, plan):
        steps = {"failure_probability": 1e-3 * (1.0 - one.value)}
        step = steps.get(one.parameter, 1e-6 * one.value)
        if one.value - 2.0 * step < 0.0:
            continue

        def expected(value: float, one: Sensitivity = one) -> float | None:
            return figures_at(instance, plan, one, value).expected_seconds

        def failure(value: float, one: Sensitivity = one) -> float:
            changed = varied(instance, one.device, one.parameter, value)
            deadline = instance.requirements.deadline_seconds
            return ro.latency_distribution(changed, plan).failure_probability(deadline)

        assert one.expected is not None
        assert one.failure is not None
        assert one.expected.error == one.failure.error == 0.0
        assert_slope(one.expected, expected, one.value, step)
        # At the very deadline the failure probability jumps.
        if one.parameter == "failure_probability" or one.failure_range not in ((one.value, None), (0.0, one.value)):
            assert_slope(one.failure, failure, one.value, step)


@given(st.data())
def test_the_guarantee_stays_within_its_range_and_changes_outside(data: st.DataObject) -> None:
    instance = data.draw(instances(deadline=False, domains=True))
    plan = data.draw(structured_plans(instance))
    assume({violation.rule for violation in ro.check(instance, plan)} <= set(REQUIREMENTS))
    guarantee = ro.assess(instance, plan).guaranteed_seconds
    for one in ro.sensitivities(instance, plan):
        assert one.expected is None
        if guarantee is None:
            assert (one.guaranteed, one.guaranteed_range) == (None, None)
            continue
        assert one.guaranteed_range is not None
        low, high = one.guaranteed_range
        assert low <= one.value * (1.0 + 1e-9)
        assert high is None or one.value <= high * (1.0 + 1e-9)
        is_crash = one.parameter == "failure_probability"
        top = 1.0 if is_crash else math.inf
        end = top if high is None else high

        def at(value: float, one: Sensitivity = one) -> float | None:
            return figures_at(instance, plan, one, value).guaranteed_seconds

        if not is_crash and one.guaranteed_range == (one.value, one.value):
            assert_slope(one.guaranteed, lambda value: at(value), one.value, 1e-6 * one.value)  # type: ignore[arg-type]
            continue
        gap = 1e-7
        inside = [low + gap * (one.value - low), min(end, 1e6 * one.value) - gap * (min(end, 1e6) - one.value)]
        for value in inside:
            # Where the range ends at the value itself, rounding decides what is inside.
            if 0.0 < value < top and not math.isclose(value, one.value, rel_tol=1e-9):
                assert at(value) == pytest.approx(guarantee, rel=1e-5)
        if low > 1e-6 and low * (1.0 - 1e-3) < one.value:
            assert at(low * (1.0 - 1e-3)) != pytest.approx(guarantee, rel=1e-12)
        if high is not None and (beyond := high * (1.0 + 1e-3)) < top:
            assert at(beyond) != pytest.approx(guarantee, rel=1e-12)


def test_a_closed_form() -> None:
    """Two replicas, at 1 s and at 2 s, deadline 5 s: E = (1-p)(1) + p(1-q)(2) + pq(5)."""
    p, q = 0.2, 0.3
    instance, plan = system([replica(p, 1.0), replica(q, 2.0)], deadline_seconds=5.0)
    found = {(one.device, one.parameter): one for one in ro.sensitivities(instance, plan)}
    crash, rate = found["g0d0", "failure_probability"], found["g0d1", "flops_per_second"]
    assert crash.expected is not None
    assert crash.expected.left == crash.expected.right == pytest.approx(-1.0 + (1 - q) * 2.0 + q * 5.0)
    assert crash.failure is not None
    assert crash.failure.elasticity == pytest.approx((1.0, 1.0))
    # The second replica's answer counts if the first one crashed; its rate is 1/2, so 2 s change by -4 s per unit.
    assert rate.expected is not None
    assert rate.expected.right == pytest.approx(p * (1 - q) * -4.0)
    mean = (1 - p) + p * (1 - q) * 2.0 + p * q * 5.0
    assert rate.expected.elasticity == pytest.approx((-p * (1 - q) * 2.0 / mean,) * 2)
    assert rate.failure_range == pytest.approx((1.0 / 5.0, None))


def test_twins_have_two_derivatives() -> None:
    """Of two equal devices one that gets slower matters only if the other crashes; one that gets faster always."""
    instance, plan = system([replica(0.1, 1.0), replica(0.1, 1.0)], deadline_seconds=5.0)
    one = ro.sensitivities(instance, plan)[1]
    assert one.parameter == "flops_per_second"
    assert one.expected is not None
    assert one.expected.left == pytest.approx(-0.9 * 0.1)
    assert one.expected.right == pytest.approx(-0.9)


def test_a_replica_after_the_deadline_has_no_influence() -> None:
    instance, plan = system([replica(0.1, 1.0), replica(0.1, 9.0)], deadline_seconds=5.0)
    late = [one for one in ro.sensitivities(instance, plan) if one.device == "g0d1"]
    for one in late:
        assert one.expected is not None
        assert (one.expected.left, one.expected.right) == (0.0, 0.0)
    assert late[1].failure_range is not None
    assert late[1].failure_range == (0.0, pytest.approx(1.0 / 5.0))


@pytest.mark.parametrize(("crashes", "crash_limit"), cases([([0.1, 0.2, 0.1], 0.3)], [([0.1, 0.1, 0.1, 0.2], 0.05)]))
@pytest.mark.slow
def test_random_latencies_are_differentiated_within_the_stated_error(crashes: list[float], crash_limit: float) -> None:
    instance, plan = fleet(crashes, groups=2, laws=True)
    instance = instance.with_requirements(max_group_outage=crash_limit)
    for one in ro.sensitivities(instance, plan):
        is_crash = one.parameter == "failure_probability"
        step = 1e-3 * one.value
        assert one.expected is not None
        assert one.guaranteed is not None
        assert (one.expected.error == 0.0) == is_crash
        assert one.guaranteed_range is None

        def at(value: float, field: str, one: Sensitivity = one) -> float:
            figure: float = getattr(figures_at(instance, plan, one, value), field)
            return figure

        for slope, field in ((one.expected, "expected_seconds"), (one.guaranteed, "guaranteed_seconds")):
            difference = (at(one.value + step, field) - at(one.value - step, field)) / (2.0 * step)
            assert difference == pytest.approx(slope.left, rel=1e-3, abs=slope.error + 1e-6)


def test_a_guarantee_that_a_step_would_lose_has_no_derivative() -> None:
    """The limit is what the group keeps in the end: a little more crashes, or any less time, and it never does."""
    law: dict[str, Any] = {"compute_slowdown": {"law": "shifted_exponential", "rate": 1.0}}
    instance, plan = system([replica(0.1, 1.0, **law)], max_group_outage=0.1 + 1e-5)
    crash, rate, link = ro.sensitivities(instance, plan)
    assert crash.guaranteed is None
    assert rate.guaranteed is not None
    assert link.guaranteed is not None
    assert rate.guaranteed.left < 0.0


def test_a_limit_that_is_never_kept_has_no_guarantee_to_differentiate() -> None:
    law: dict[str, Any] = {"compute_slowdown": {"law": "shifted_exponential", "rate": 1.0}}
    instance, plan = system([replica(0.3, 1.0, **law)], max_group_outage=0.1)
    assert [one.guaranteed for one in ro.sensitivities(instance, plan)] == [None, None, None]


def test_a_random_group_that_others_outlast_does_not_move_the_guarantee() -> None:
    law: dict[str, Any] = {"compute_slowdown": {"law": "shifted_exponential", "rate": 9.0}}
    instance, plan = system([replica(0.0, 1.0, **law)], [replica(0.0, 50.0)], max_group_outage=0.1)
    for one in ro.sensitivities(instance, plan)[:3]:
        assert one.guaranteed is not None
        assert (one.guaranteed.left, one.guaranteed.right) == (0.0, 0.0)


def test_differences_own_up_to_kinks() -> None:
    smooth = log_derivative(lambda factor: factor**3, 0.0)
    assert smooth is not None
    assert smooth.left == pytest.approx(3.0, abs=1e-8)
    assert abs(smooth.left - 3.0) <= smooth.error < 1e-3
    kinked = log_derivative(lambda factor: max(factor, 1.0), 0.0)
    assert kinked is not None
    assert kinked.left - kinked.error <= 0.0 <= 1.0 <= kinked.left + kinked.error + 1e-5
    assert log_derivative(lambda factor: 1.0 if factor <= 1.0 else math.inf, 0.0) is None
    assert Derivative(1.0, 2.0, 0.5).times(-2.0) == Derivative(-4.0, -2.0, 1.0)


def test_a_replica_moves_the_guarantee_between_two_ends_only() -> None:
    reach = Reach(1.0, 3.0)
    assert [reach.slopes(latency) for latency in (0.5, 1.0, 2.0, 3.0, 4.0)] == [
        (0.0, 0.0),
        (0.0, 1.0),
        (1.0, 1.0),
        (1.0, 0.0),
        (0.0, 0.0),
    ]
    assert [reach.unchanged(latency) for latency in (1.0, 2.0, 3.0)] == [(0.0, 1.0), (2.0, 2.0), (3.0, math.inf)]
    assert Reach(2.0, 2.0).unchanged(2.0) == (0.0, math.inf)
    assert Reach(2.0, 2.0).slopes(2.0) == (0.0, 0.0)
    assert is_tied(math.inf, math.inf)
    assert not is_tied(1.0, math.inf)
