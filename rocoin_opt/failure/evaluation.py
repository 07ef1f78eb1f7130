"""The one evaluator of plans: every figure, whatever the laws of latency and failure are.

Where latencies are constant and devices independent, :mod:`rocoin_opt.plan.metrics` has the figures in closed form.
Everywhere else they come from the exact distribution of the answer time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.plan import (
    Metrics,
    group_timings,
    has_random_latency,
    metrics,
    ncut_of,
    nominal_seconds,
    require_computable,
    worst_seconds,
)

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution import LatencyDistribution
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan


def evaluate(instance: Instance, plan: Plan) -> Metrics:
    """Compute every figure of a plan exactly.

    Parameters
    ----------
    instance : Instance
        What was given, with any slowdown laws and failure domains.
    plan : Plan
        A plan with at least one group, none of them empty, whose devices and students are the instance's; no device may
        be in two. It need not keep the requirements.

    Returns
    -------
    Metrics
        In seconds, probabilities and cut; nominal and worst are None where a latency of the plan is random. Errors of
        random latencies are those of :func:`rocoin_opt.latency_distribution`.

    Raises
    ------
    InputError
        If the plan is not such a plan.
    UnsupportedError
        If too many failure domains tie groups together, or a law is too extreme.
    """
    require_computable(instance, plan)
    is_random = has_random_latency(instance, plan)
    if not (is_random or instance.has_shared_failures):
        return metrics.evaluate(instance, plan)
    distribution = _distribution(instance, plan)
    timings = None if is_random else group_timings(instance, plan)
    deadline = instance.requirements.deadline_seconds
    return Metrics(
        guaranteed_seconds=finite_or_none(distribution.guaranteed(instance.requirements.max_group_outage)),
        nominal_seconds=None if timings is None else nominal_seconds(timings),
        worst_seconds=None if timings is None else worst_seconds(timings),
        expected_seconds=None if deadline is None else distribution.expected(deadline),
        success_probability=distribution.success_probability(deadline),
        ncut=ncut_of(instance, plan),
    )


def value_of(instance: Instance, plan: Plan, objective: Objective) -> float:
    """Value of a plan in seconds; infinite where the objective does not apply. See :func:`evaluate`."""
    if not (has_random_latency(instance, plan) or instance.has_shared_failures):
        return metrics.value_of(instance, plan, objective)
    # One figure of a distribution is much cheaper than all of them.
    deadline = instance.requirements.deadline_seconds
    if objective == "guaranteed":
        return _distribution(instance, plan).guaranteed(instance.requirements.max_group_outage)
    if objective == "expected":
        return math.inf if deadline is None else _distribution(instance, plan).expected(deadline)
    value = evaluate(instance, plan).value(objective)
    return math.inf if value is None else value


def _distribution(instance: Instance, plan: Plan) -> LatencyDistribution:
    # SciPy's special functions take a while to import, and constants do without.
    from rocoin_opt.failure.distribution import latency_distribution

    return latency_distribution(instance, plan)


def finite_or_none(value: float) -> float | None:
    """None for an answer that may never come."""
    return value if math.isfinite(value) else None
