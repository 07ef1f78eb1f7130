"""What has no figures is refused, by every function that computes some, and extreme numbers are no reason to fail."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rocoin_opt as ro
from failure_plans import replica, system
from fleets import fleet
from rocoin_opt.failure.distribution.laws import DiscreteFactor, factor_of
from rocoin_opt.instance.slowdown import Empirical, Gamma, LogNormal, Pareto, ShiftedExponential, Weibull
from samples import cases

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.model import Plan

FUNCTIONS: dict[str, Callable[[Instance, Plan], object]] = {
    "evaluate": ro.evaluate,
    "assess": ro.assess,
    "losses": ro.losses,
    "latency_distribution": ro.latency_distribution,
    "parts_arrived": lambda instance, plan: ro.parts_arrived(ro.latency_distribution(instance, plan)),
    "replica_values": ro.replica_values,
    "sensitivities": ro.sensitivities,
    "failure_probability": ro.failure_probability,
    "simulate": lambda instance, plan: ro.simulate(instance, plan, 100),
    "simulate_arrivals": lambda instance, plan: ro.simulate_arrivals(instance, plan, 100),
    "simulate_difference": lambda instance, plan: ro.simulate_difference(instance, plan, plan, 100),
}
PLANS: dict[str, tuple[tuple[tuple[tuple[str, ...], str, int], ...], str]] = {
    "no groups": ((), "groups"),
    "no devices": (((("d0",), "s", 1), ((), "s", 1)), r"groups\[1\]"),
    "no filters": (((("d0",), "s", 2), (("d1",), "s", 0)), r"groups\[1\]"),
    "unknown device": (((("d0", "nobody"), "s", 2),), "nobody"),
    "unknown student": (((("d0",), "nothing", 2),), "nothing"),
    "in two groups": (((("d0",), "s", 1), (("d0",), "s", 1)), "d0"),
    "twice in a group": (((("d0", "d0"), "s", 2),), "d0"),
}


@pytest.mark.parametrize("laws", [False, True])
@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_plan_without_figures_is_refused_by_name(function: str, name: str, laws: bool) -> None:
    instance, _ = fleet([0.1, 0.2], groups=2, laws=laws)
    groups, named = PLANS[name]
    used = {device for devices, _, _ in groups for device in devices}
    plan = ro.Plan(
        groups=tuple(ro.Group(devices=devices, student=student, num_filters=n) for devices, student, n in groups),
        spares=tuple(device.id for device in instance.devices if device.id not in used),
    )
    with pytest.raises(ro.InputError, match=named):
        FUNCTIONS[function](instance, plan)


@pytest.mark.parametrize("transfer", [1e-15, 1e-20, 1e-13])
def test_a_term_below_the_last_digit_has_its_slope(transfer: float) -> None:
    # The first of two groups is the slower one, and its transfer is lost in two seconds.
    instance, plan = system([replica(0.1, 2.0, transfer=transfer)], [replica(0.1, 1.0)], bits=1.0, deadline_seconds=9.0)
    one = ro.sensitivities(instance, plan)[2]
    assert (one.device, one.parameter) == ("g0d0", "uplink_bits_per_second")
    rate = 1.0 / transfer
    assert one.guaranteed is not None
    assert one.guaranteed.left == one.guaranteed.right == pytest.approx(-transfer / rate)
    assert one.guaranteed_range == pytest.approx((rate, rate))
    # As slow as to take seven seconds more, it is in time.
    assert one.failure_range == (pytest.approx(rate * transfer / 7.0, rel=1e-9), None)


@pytest.mark.parametrize(
    ("group", "others", "domains"),
    [
        # Beside a sure one.
        ([replica(0.0), replica(0.1, 2.0)], [], ()),
        # Beside a sure one behind the same access point, or one that never fails.
        ([replica(0.0, failure_domain=0), replica(0.1, 2.0, failure_domain=0)], [], (0.3,)),
        ([replica(0.0, failure_domain=0), replica(0.1, 2.0)], [], (0.0,)),
        # The other group is behind the access point without which it would matter.
        ([replica(0.0, failure_domain=0), replica(0.1, 2.0)], [replica(0.2, failure_domain=0)], (0.3,)),
        # The other group is late anyway.
        ([replica(0.3), replica(0.1, 2.0)], [replica(0.2, 99.0)], ()),
    ],
)
def test_where_a_replica_never_matters_no_rate_does(
    group: list[dict[str, Any]], others: list[dict[str, Any]], domains: tuple[float, ...]
) -> None:
    instance, plan = system(group, *([others] if others else []), domains=domains, deadline_seconds=9.0)
    crash, rate, link = (one for one in ro.sensitivities(instance, plan) if one.device == "g0d1")
    assert crash.failure is not None
    assert crash.failure.left == 0.0
    assert rate.failure_range == link.failure_range == (0.0, None)


def test_a_replica_that_matters_ever_so_little_has_its_range_and_slope() -> None:
    instance, plan = system([replica(1e-30), replica(0.1, 2.0)], [replica(0.5)], deadline_seconds=9.0)
    crash, rate, _ = (one for one in ro.sensitivities(instance, plan) if one.device == "g0d1")
    assert rate.failure_range == (pytest.approx(1.0 / 9.0), None)
    assert crash.failure is not None
    # No difference of two probabilities near 1/2 would tell.
    assert crash.failure.left == pytest.approx(0.5e-30)


EXTREME = (
    [ShiftedExponential(rate=rate) for rate in (1e-15, 1e24)]
    + [LogNormal(sigma=sigma) for sigma in (1e-15, 50.0, 1e24)]
    + [Gamma(shape=shape) for shape in (1e-15, 1e-4, 1e15)]
    + [Weibull(shape=shape) for shape in (1e-15, 1e-3, 1e24)]
    + [Pareto(alpha=alpha) for alpha in (1e-15, 1e24)]
    + [Empirical(values=values) for values in ((1e-15, 1e24), (1e-15,), (1.0, 1e24, 1e24))]
)


def numbers_in(figures: object) -> list[float]:
    """All numbers in a result."""
    if isinstance(figures, float):
        return [figures]
    if isinstance(figures, dict):
        return [number for value in figures.values() for number in numbers_in(value)]
    if isinstance(figures, tuple | list):
        return [number for value in figures for number in numbers_in(value)]
    return numbers_in(vars(figures)) if hasattr(figures, "__dict__") else []


LONG = (Gamma(shape=1e-15), Gamma(shape=1e-4), Weibull(shape=1e-15))
"""Laws whose figures take more than a second."""


@pytest.mark.parametrize("law", cases([law for law in EXTREME if law not in LONG][::2], EXTREME), ids=str)
def test_extreme_laws_have_figures_or_are_refused(law: Any) -> None:
    first, second = replica(0.1), replica(0.2, 0.5)
    instance, plan = system([{**first, "compute_slowdown": law}, second], deadline_seconds=3.0, max_group_outage=0.5)
    for name in ("evaluate", "assess", "losses", "replica_values", "sensitivities", "failure_probability"):
        assert not any(map(math.isnan, numbers_in(FUNCTIONS[name](instance, plan))))
    exact = ro.assess(instance, plan)
    factor = factor_of(law)
    by = (
        float(factor.weights[factor.values <= 3.0].sum())
        if isinstance(factor, DiscreteFactor)
        else float(factor.cdf(np.array([3.0]))[0])
    )
    # The second one answers after half a second.
    assert exact.success_probability == pytest.approx(1.0 - 0.2 * (1.0 - 0.9 * by), rel=1e-9)
    try:
        run = ro.simulate(instance, plan, 20_000)
    except ro.UnsupportedError:
        return
    low, high = run.success_probability.interval(0.9999)
    assert low <= exact.success_probability <= high
    assert run.expected is not None
    assert exact.expected_seconds is not None
    low, high = run.expected.interval(0.9999)
    assert low * (1.0 - 1e-5) <= exact.expected_seconds <= high * (1.0 + 1e-5)


PLANNED = (
    *(("auto", "guaranteed"), ("exact", "expected"), ("nonn", "guaranteed")),
    *(("greedy", "expected"), ("rocoin", "expected"), ("random", "guaranteed")),
)


@pytest.mark.parametrize(
    ("law", "method", "objective"),
    # Each law by one way, and by another one that is slow.
    cases(
        [(law, *PLANNED[n % 3]) for n, law in enumerate(EXTREME) if n % 3 != n // 3 % 3],
        [(law, *PLANNED[n % 3 + later]) for n, law in enumerate(EXTREME) for later in (0, 3)],
    ),
)
def test_extreme_laws_can_be_planned_for(law: Any, method: str, objective: Any) -> None:
    devices = [{**replica(0.1), "compute_slowdown": law}, {**replica(0.2, 2.0), "link_slowdown": law}]
    instance, _ = system(devices, deadline_seconds=9.0, max_group_outage=0.5)
    try:
        result = ro.solve(instance, method, objective)
    except ro.UnsupportedError:
        return
    if result.plan is not None:
        assert not ro.check(instance, result.plan)


def test_a_factor_beyond_all_numbers_is_late_and_not_never() -> None:
    slow = {**replica(0.0, 1e9), "compute_slowdown": Pareto(alpha=1e-15)}
    instance, plan = system([slow])
    run = ro.simulate(instance, plan, 1000)
    assert run.success_probability.value == 1.0
    assert ro.assess(instance, plan).success_probability == 1.0


ENDLESS = 10**400
"""A whole number, and above 0, that no float holds."""


@pytest.mark.parametrize(
    "deadline", [ENDLESS, -ENDLESS, math.inf, math.nan, 0.0, -1.0], ids=lambda number: f"{number}"[:5]
)
@pytest.mark.parametrize(
    "function",
    [
        ro.assess,
        ro.losses,
        ro.replica_values,
        ro.sensitivities,
        ro.simplifications,
        ro.failure_probability,
        partial(ro.simulate, trials=100),
        partial(ro.simulate_arrivals, trials=100),
        lambda instance, plan, deadline: ro.latency_distribution(instance, plan).expected(deadline),
    ],
)
def test_a_deadline_that_is_no_time_is_refused(function: Callable[..., object], deadline: float) -> None:
    with pytest.raises(ro.InputError, match="deadline: found"):
        function(*fleet([0.1, 0.2], groups=2), deadline=deadline)


def test_a_deadline_may_be_any_whole_number_that_floats_hold() -> None:
    instance, plan = fleet([0.1, 0.2], groups=2)
    for figures in (ro.replica_values, ro.assess):
        assert figures(instance, plan, 2**64) == figures(instance, plan, float(2**64))


def test_times_and_limits_that_are_none_are_refused() -> None:
    law = ro.latency_distribution(*fleet([0.1, 0.2], groups=2))
    for seconds in (ENDLESS, math.nan):
        for ask in (law.cdf, law.success_probability, law.failure_probability, lambda t: law.outage(0, t)):
            with pytest.raises(ro.InputError, match="seconds: found"):
                ask(seconds)
        with pytest.raises(ro.InputError, match="seconds: found"):
            ro.parts_arrived(law, seconds)
    assert law.cdf(-math.inf) == 0.0
    assert law.cdf(math.inf) == law.success_probability()
    for limit in (math.nan, -0.1, 1.1, ENDLESS):
        with pytest.raises(ro.InputError, match="max_group_outage: found"):
            law.guaranteed(limit)
