"""How a plan holds up, in figures: its latencies, its quantiles, and what the loss of each device would do to it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.failure.distribution import latency_distribution
from rocoin_opt.failure.evaluation import finite_or_none, metrics_of, metrics_with_queues
from rocoin_opt.failure.monte_carlo import simulate
from rocoin_opt.failure.queues import QueueAnswers
from rocoin_opt.instance import is_positive
from rocoin_opt.plan import (
    Plan,
    group_timings,
    guaranteed_seconds,
    has_queues,
    has_random_latency,
    nominal_seconds,
    plan_in,
    structural_violations,
    worst_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.failure.distribution import LatencyDistribution
    from rocoin_opt.failure.monte_carlo import Advance, Interval, Simulation, Traces
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan, StepDistribution

QUANTILES = (0.5, 0.9, 0.99)
"""Probabilities whose quantiles are given."""
LEVEL = 0.95
"""Level of the intervals of simulated figures."""
REQUIREMENTS = ("outage", "groups", "min_success")
"""Rules that a plan may break and still be assessed: its figures have a meaning, and may be what is asked for."""


@dataclass(frozen=True)
class Figures:
    """Figures of a plan, exact; None where one does not apply, or where the answer may never come.

    Attributes
    ----------
    guaranteed_seconds : float or None
        Smallest time by which every group's outage is within the limit.
        Where devices queue for a channel, the time if no device crashes: a crash may make it earlier, never later.
    nominal_seconds, worst_seconds : float or None
        Answer time if no device fails, and time of the slowest replica; None where latencies are random.
    expected_seconds : float or None
        E[min(X, D)]; None without a deadline.
    success_probability : float or None
        Probability of an answer by the deadline, or of any answer without one; None where it has to be simulated.
    quantiles : dict of float to float or None
        Seconds by which the answer has come with each of :data:`QUANTILES`.
    """

    guaranteed_seconds: float | None
    nominal_seconds: float | None
    worst_seconds: float | None
    expected_seconds: float | None
    success_probability: float | None
    quantiles: dict[float, float | None]


@dataclass(frozen=True)
class Simulated:
    """A simulated figure with its interval at :data:`LEVEL`; None where the answer may never come."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Loss:
    """A plan without one of its devices.

    Attributes
    ----------
    device : str
        Which one.
    group : int
        Its group, by its index in the plan.
    figures : Figures or None
        Figures of the plan without it; None if its group has no other device, so that no answer ever comes.
    keeps_limit : bool
        Whether the group still keeps the outage limit.
    """

    device: str
    group: int
    figures: Figures | None
    keeps_limit: bool


def assess(instance: Instance, plan: Plan | HasPlan, deadline: float | None = None) -> Figures:
    """Compute the figures of a plan exactly, random latencies and failure domains included.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan, Result or other holder of a plan
        A plan that is valid, except perhaps for the outage limit and the number of groups.
    deadline : float, optional
        Deadline in seconds; the instance's own where absent.

    Returns
    -------
    Figures
        Exact figures; None for those that do not apply, or if the answer may never come.

    Raises
    ------
    InputError
        If the plan breaks another rule, or the deadline is not positive and finite.
    UnsupportedError
        If too many failure domains or channels tie the groups together, or a law is too extreme; then simulate.

    Examples
    --------
    >>> round(ro.assess(instance, plan).success_probability, 4)
    0.9334
    """
    plan = plan_in(plan)
    require_assessable(instance, plan)
    return _figures(instance, plan, deadline_of(instance, deadline))


def assess_calm(instance: Instance, plan: Plan) -> Figures:
    """Figures that hold when nobody crashes, of a plan whose whole answer only trials tell; None for all others.

    Parameters
    ----------
    instance, plan
        As for :func:`rocoin_opt.assess`.
    """
    require_assessable(instance, plan)
    timings = None if has_random_latency(instance, plan) else group_timings(instance, plan)
    return Figures(
        guaranteed_seconds=None if timings is None else guaranteed_seconds(timings),
        nominal_seconds=None if timings is None else nominal_seconds(timings),
        worst_seconds=None if timings is None else worst_seconds(timings),
        expected_seconds=None,
        success_probability=None,
        quantiles=dict.fromkeys(QUANTILES),
    )


def losses(instance: Instance, plan: Plan | HasPlan, deadline: float | None = None) -> tuple[Loss, ...]:
    """Remove each device of a plan in turn, all others staying where they are.

    Parameters
    ----------
    instance, plan, deadline
        As for :func:`rocoin_opt.assess`.

    Returns
    -------
    tuple of Loss
        One per device, in the order of the plan.

    Raises
    ------
    InputError, UnsupportedError
        As for :func:`rocoin_opt.assess`.

    Examples
    --------
    >>> [loss.keeps_limit for loss in ro.losses(instance, plan)]
    [False, False, False, False]
    """
    plan = plan_in(plan)
    require_assessable(instance, plan)
    end = deadline_of(instance, deadline)
    found = []
    for k, group in enumerate(plan.groups):
        for device in group.devices:
            left = tuple(other for other in group.devices if other != device)
            figures, keeps = None, False
            if left:
                smaller = group._replace({"devices": left})
                groups = (*plan.groups[:k], smaller, *plan.groups[k + 1 :])
                # As it stands, not in canonical order: the group keeps the place that violations are told by.
                without = Plan(groups=groups, spares=(*plan.spares, device))
                figures = _figures(instance, without, end)
                where = f"groups[{k}]"
                broken = structural_violations(instance, without)
                keeps = not any(v.rule == "outage" and v.where.startswith(where) for v in broken)
            found.append(Loss(device, k, figures, keeps))
    return tuple(found)


def simulated(
    instance: Instance,
    plan: Plan,
    trials: int,
    *,
    seed: int = 0,
    deadline: float | None = None,
    workers: int = 1,
    advance: Advance | None = None,
    traces: Traces | None = None,
    cancel: bool = False,
) -> dict[str, Simulated | dict[float, Simulated] | None]:
    """Simulate the figures of :func:`assess`, each with its interval.

    Parameters
    ----------
    instance, plan, deadline
        As for :func:`assess`.
    trials, seed, workers, traces, cancel
        As for :func:`rocoin_opt.simulate`. What :func:`assess` computes knows nothing of traces.
    advance : callable, optional
        Told of the trials done and of the number of them all: of the plan, then of each group alone.

    Returns
    -------
    dict
        The fields of :class:`Figures` by name. ``nominal_seconds`` and ``worst_seconds`` are no matter of chance: their
        intervals are points; None stands where traces vary them. The interval of ``guaranteed_seconds`` holds for all
        groups at once; None stands for a limit of 0, which no number of draws shows to be kept.
    """
    require_assessable(instance, plan)
    end = deadline_of(instance, deadline)
    steps = _Steps(advance, 1 + len(plan.groups))
    draw = partial(simulate, instance, trials=trials, seed=seed, workers=workers, traces=traces, cancel=cancel)
    run = draw(plan, deadline=end, advance=steps.next())
    used = {device for group in plan.groups for device in group.devices}
    is_measured = traces is not None and traces.has_factors and not used.isdisjoint(traces.devices)
    # Both figures rest on latencies of the instance, and traces take the place of these.
    exact = (None, None) if is_measured else _fixed_figures(instance, plan)
    success = run.success_probability.interval(LEVEL)
    expected = run.expected
    return {
        "guaranteed_seconds": _simulated_guarantee(instance, plan, draw, steps),
        "nominal_seconds": _point(exact[0]),
        "worst_seconds": _point(exact[1]),
        "expected_seconds": None if expected is None else _with_interval(expected.value, expected.interval(LEVEL)),
        "success_probability": _with_interval(run.success_probability.value, success),
        "quantiles": {q: _with_interval(run.quantile(q).value, run.quantile(q).interval(LEVEL)) for q in QUANTILES},
    }


def _figures(instance: Instance, plan: Plan, deadline: float | None) -> Figures:
    distribution: LatencyDistribution | StepDistribution
    if has_queues(instance, plan):
        found = QueueAnswers(instance, plan)
        metrics, distribution = metrics_with_queues(instance, plan, deadline, found), found.distribution
    else:
        distribution = latency_distribution(instance, plan)
        metrics = metrics_of(distribution, instance, plan, deadline)
    return Figures(
        guaranteed_seconds=metrics.guaranteed_seconds,
        nominal_seconds=metrics.nominal_seconds,
        worst_seconds=metrics.worst_seconds,
        expected_seconds=metrics.expected_seconds,
        success_probability=metrics.success_probability,
        quantiles={q: finite_or_none(distribution.quantile(q)) for q in QUANTILES},
    )


def _simulated_guarantee(
    instance: Instance, plan: Plan, draw: Callable[..., Simulation], steps: _Steps
) -> Simulated | None:
    """The slowest group's quantile; its interval covers all groups at once, by Bonferroni's inequality."""
    # A limit of 1 is kept from the first answer on that may come: the quantile next to 0.
    met = max(1.0 - instance.requirements.max_group_outage, sys.float_info.min)
    if met == 1.0:
        return None
    level = 1.0 - (1.0 - LEVEL) / len(plan.groups)
    if has_queues(instance, plan):
        # The others send beside it.
        each = [draw(plan, group=k, advance=steps.next()).quantile(met) for k in range(len(plan.groups))]
    else:
        each = [draw(_alone(plan, k), advance=steps.next()).quantile(met) for k in range(len(plan.groups))]
    intervals = [estimate.interval(level) for estimate in each]
    return Simulated(
        finite_or_none(max(estimate.value for estimate in each)),
        finite_or_none(max(interval.low for interval in intervals)),
        finite_or_none(max(interval.high for interval in intervals)),
    )


def _fixed_figures(instance: Instance, plan: Plan) -> tuple[float | None, float | None]:
    """Nominal and worst latency in seconds; None where latencies are random."""
    if has_random_latency(instance, plan):
        return None, None
    timings = group_timings(instance, plan)
    return nominal_seconds(timings), worst_seconds(timings)


class _Steps:
    """Tells one listener of several simulations in a row as if they were one."""

    def __init__(self, advance: Advance | None, number: int) -> None:
        self.advance, self.number, self.begun = advance, number, 0

    def next(self) -> Advance | None:
        """What the next simulation tells of its trials."""
        listener, before = self.advance, self.begun
        self.begun += 1
        if listener is None:
            return None
        return lambda done, limit: listener(before * limit + done, self.number * limit)


def _alone(plan: Plan, k: int) -> Plan:
    """The plan with one of its groups only."""
    return Plan(groups=(plan.groups[k],), spares=())


def deadline_of(instance: Instance, deadline: float | None) -> float | None:
    """The deadline in seconds: the one given, or the instance's own.

    Raises
    ------
    InputError
        If it is not positive and finite.
    """
    if deadline is None:
        return instance.requirements.deadline_seconds
    if not is_positive(deadline):
        raise InputError("options", [Problem("deadline", repr(deadline), "a positive, finite number of seconds")])
    return float(deadline)


def require_assessable(instance: Instance, plan: Plan) -> None:
    """Refuse a plan that breaks a rule other than :data:`REQUIREMENTS`.

    Raises
    ------
    InputError
        Naming every violation.
    """
    problems = [
        Problem(f"{v.where}: {v.rule}", f"{v.found} {v.unit}".rstrip(), f"{v.allowed} {v.unit}".rstrip())
        for v in structural_violations(instance, plan)
        if v.rule not in REQUIREMENTS
    ]
    if problems:
        raise InputError("plan", problems)


def _with_interval(value: float, interval: Interval) -> Simulated:
    return Simulated(finite_or_none(value), finite_or_none(interval.low), finite_or_none(interval.high))


def _point(value: float | None) -> Simulated | None:
    return None if value is None else Simulated(value, value, value)
