"""The one evaluator of plans: every figure, whatever the laws of latency and failure are.

Where latencies are constant and devices independent, the figures have closed forms. Where devices queue for a channel
all states of who crashed are listed. Everywhere else they come from the exact distribution of the answer time.
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING

from rocoin_opt.failure.queues import QueueAnswers, are_listed
from rocoin_opt.instance import complement
from rocoin_opt.plan import (
    FIGURES,
    THRESHOLD_OBJECTIVES,
    Metrics,
    answer_distribution,
    energy_joules,
    group_timings,
    guaranteed_seconds,
    has_queues,
    has_random_latency,
    missing_share,
    ncut_of,
    nominal_seconds,
    plan_in,
    require_computable,
    worst_seconds,
)

MAX_VALUES = 64
"""Values that are remembered, of the last plans under slowdown laws or failure domains: each may take seconds."""
_VALUES: dict[tuple[int, Plan, Objective], tuple[weakref.ref[Instance], float]] = {}
"""By instance, plan and objective; the instance too, for its address may be that of another one once it is gone."""

if TYPE_CHECKING:
    from rocoin_opt.failure.distribution import LatencyDistribution
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import HasPlan, Objective, Plan


def evaluate(instance: Instance, plan: Plan | HasPlan) -> Metrics:
    """Compute every figure of a plan exactly.

    Parameters
    ----------
    instance : Instance
        What was given, with any slowdown laws and failure domains.
    plan : Plan, Result or other holder of a plan
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
        If the plan is not such a plan, or the instance is not valid.
    UnsupportedError
        If too many failure domains or channels tie groups together, a law is too extreme, or a device has one where
        others queue for a channel.

    Examples
    --------
    >>> round(ro.evaluate(instance, plan).guaranteed_seconds, 3)
    9.143
    """
    plan = plan_in(plan)
    require_computable(instance, plan)
    deadline = instance.requirements.deadline_seconds
    if has_queues(instance, plan):
        return metrics_with_queues(instance, plan, deadline)
    if _needs_distribution(instance, plan):
        timings = None if has_random_latency(instance, plan) else group_timings(instance, plan)
        # Values that a search has asked for are still known; the distribution would compute them anew.
        return Metrics(
            guaranteed_seconds=finite_or_none(value_of(instance, plan, "guaranteed")),
            nominal_seconds=None if timings is None else nominal_seconds(timings),
            worst_seconds=None if timings is None else worst_seconds(timings),
            expected_seconds=None if deadline is None else value_of(instance, plan, "expected"),
            success_probability=_distribution(instance, plan).success_probability(deadline),
            failure_probability=value_of(instance, plan, "failure"),
            missing_share=value_of(instance, plan, "missing"),
            quantile_seconds=finite_or_none(value_of(instance, plan, "quantile")),
            energy_joules=energy_of(instance, plan),
            ncut=ncut_of(instance, plan),
        )
    timings = group_timings(instance, plan)
    answers = answer_distribution(instance, timings)
    end, level = math.inf if deadline is None else deadline, instance.requirements.success_level
    return Metrics(
        guaranteed_seconds=guaranteed_seconds(timings),
        nominal_seconds=nominal_seconds(timings),
        worst_seconds=worst_seconds(timings),
        expected_seconds=None if deadline is None else answers.expected(deadline),
        success_probability=answers.cdf(end),
        failure_probability=answers.failure(end),
        missing_share=missing_share(plan.sizes, [timing.outage_by(end) for timing in timings]),
        quantile_seconds=None if level is None else finite_or_none(answers.quantile(level)),
        energy_joules=energy_of(instance, plan),
        ncut=ncut_of(instance, plan),
    )


def metrics_with_queues(
    instance: Instance, plan: Plan, deadline: float | None, found: QueueAnswers | None = None
) -> Metrics:
    """Compute the figures of a plan whose devices queue for channels; the first three are those when nobody crashes.

    Parameters
    ----------
    instance, plan
        As for :func:`evaluate`.
    deadline : float or None
        Deadline in seconds, the instance's own or another.
    found : QueueAnswers, optional
        What is known of its answers.
    """
    found = found or QueueAnswers(instance, plan)
    timings, level = group_timings(instance, plan), instance.requirements.success_level
    end, answers = math.inf if deadline is None else deadline, found.distribution
    return Metrics(
        guaranteed_seconds=guaranteed_seconds(timings),
        nominal_seconds=nominal_seconds(timings),
        worst_seconds=worst_seconds(timings),
        expected_seconds=None if deadline is None else answers.expected(deadline),
        success_probability=answers.cdf(end),
        failure_probability=answers.failure(end),
        missing_share=missing_share(plan.sizes, found.outages(end)),
        quantile_seconds=None if level is None else finite_or_none(answers.quantile(level)),
        energy_joules=energy_of(instance, plan),
        ncut=ncut_of(instance, plan),
    )


def metrics_of(distribution: LatencyDistribution, instance: Instance, plan: Plan, deadline: float | None) -> Metrics:
    """Read the figures of a plan, but for its cut, off the distribution of its answer time.

    Parameters
    ----------
    distribution : LatencyDistribution
        That of the plan.
    instance, plan
        As for :func:`evaluate`.
    deadline : float or None
        Deadline in seconds, the instance's own or another.
    """
    timings = None if has_random_latency(instance, plan) else group_timings(instance, plan)
    level = instance.requirements.success_level
    return Metrics(
        guaranteed_seconds=finite_or_none(distribution.guaranteed(instance.requirements.max_group_outage)),
        nominal_seconds=None if timings is None else nominal_seconds(timings),
        worst_seconds=None if timings is None else worst_seconds(timings),
        expected_seconds=None if deadline is None else distribution.expected(deadline),
        success_probability=distribution.success_probability(deadline),
        failure_probability=distribution.failure_probability(deadline),
        missing_share=distribution.missing_share(deadline),
        quantile_seconds=None if level is None else finite_or_none(distribution.first_with_failure(complement(level))),
        energy_joules=energy_of(instance, plan),
    )


def value_of(instance: Instance, plan: Plan, objective: Objective) -> float:
    """Value of a plan; infinite where the objective does not apply.

    In seconds, but for ``failure``, a probability, and ``missing``, a share of the filters.

    As :func:`evaluate` has it, without the other figures: they cost more, the cut of a large graph most of all.

    Parameters
    ----------
    instance, plan
        As for :func:`evaluate`, but nothing of the plan is checked.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        Which figure.
    """
    value: float | None
    if objective in ("nominal", "worst"):
        # On a channel, where nobody crashes.
        value = None if has_random_latency(instance, plan) else _closed_form(instance, plan, objective)
    elif objective in THRESHOLD_OBJECTIVES and has_queues(instance, plan):
        value = _closed_form(instance, plan, objective)
    elif objective in ("guaranteed", "missing") and not _is_tied(instance, plan):
        # Both ask each group alone, however many failure domains tie groups together.
        value = _closed_form(instance, plan, objective)
    elif _needs_distribution(instance, plan):
        # A search values a plan when it finds it, and whoever certifies it once more.
        value = known_value(instance, plan, objective)
        if value is None:
            value = _computed(instance, plan, objective)
            while len(_VALUES) >= MAX_VALUES:
                _VALUES.pop(next(iter(_VALUES)), None)
            _VALUES[id(instance), plan, objective] = weakref.ref(instance), value
    else:
        value = _closed_form(instance, plan, objective)
    return math.inf if value is None else value


def missed_by(instance: Instance, plan: Plan, seconds: float) -> float:
    """Probability that the whole answer of a plan is not there by a time.

    Parameters
    ----------
    instance, plan
        As for :func:`value_of`.
    seconds : float
        The time; infinite for an answer at any time.
    """
    if has_queues(instance, plan):
        return QueueAnswers(instance, plan).distribution.failure(seconds)
    return _distribution(instance, plan).failure_probability(seconds)


def is_untied(instance: Instance, plan: Plan) -> bool:
    """Whether so few failure domains and channels tie the groups together that the whole answer has exact figures."""
    if has_queues(instance, plan):
        return are_listed(instance, plan)
    if not instance.has_shared_failures:
        return True
    from rocoin_opt.failure.distribution import can_eliminate

    index = instance.arrays.device_index
    place = {domain.id: d for d, domain in enumerate(instance.failure_domains)}
    named = [[instance.devices[index[name]].failure_domain for name in group.devices] for group in plan.groups]
    return can_eliminate([{place[name] for name in names if name is not None} for names in named])


def has_exact_answer(instance: Instance, plan: Plan) -> bool:
    """Whether queues for channels are neither too long nor too random for exact figures of the whole answer.

    Parameters
    ----------
    instance, plan
        As for :func:`evaluate`.
    """
    require_computable(instance, plan)
    if not has_queues(instance, plan):
        return True
    return not has_random_latency(instance, plan) and are_listed(instance, plan)


def evaluate_known(instance: Instance, plan: Plan) -> Metrics:
    """The figures of a plan that can be told exactly: those of :func:`evaluate`, or those that ask each group alone.

    Parameters
    ----------
    instance, plan
        As for :func:`evaluate`.
    """
    if is_untied(instance, plan):
        return evaluate(instance, plan)
    require_computable(instance, plan)
    alone: tuple[Objective, ...] = THRESHOLD_OBJECTIVES
    if not has_queues(instance, plan):
        alone = (*alone, "missing")
    values = {FIGURES[objective]: value_of(instance, plan, objective) for objective in alone}
    return Metrics.model_validate({name: finite_or_none(value) for name, value in values.items()})


def known_value(instance: Instance, plan: Plan, objective: Objective) -> float | None:
    """Value of a plan under slowdown laws or failure domains if it was computed not long ago, in seconds.

    Parameters
    ----------
    instance : Instance
        What was given: the same object as then.
    plan : Plan
        A plan for it.
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        Which figure.
    """
    known = _VALUES.get((id(instance), plan, objective))
    return None if known is None or known[0]() is not instance else known[1]


def _computed(instance: Instance, plan: Plan, objective: Objective) -> float:
    """One figure of a distribution, which is much cheaper than all of them."""
    requirements = instance.requirements
    deadline, level = requirements.deadline_seconds, requirements.success_level
    if (objective == "expected" and deadline is None) or (objective == "quantile" and level is None):
        return math.inf
    if has_queues(instance, plan):
        return _of_queues(instance, plan, objective)
    answers = _distribution(instance, plan)
    if objective == "guaranteed":
        return answers.guaranteed(requirements.max_group_outage)
    if objective == "failure":
        return answers.failure_probability(deadline)
    if objective == "missing":
        return answers.missing_share(deadline)
    if objective == "quantile":
        return answers.first_with_failure(complement(level or 0.0))
    return answers.expected(deadline or math.inf)


def _of_queues(instance: Instance, plan: Plan, objective: Objective) -> float:
    """One figure of the whole answer where devices queue for channels."""
    found, end = QueueAnswers(instance, plan), instance.requirements.deadline_seconds or math.inf
    if objective == "missing":
        return missing_share(plan.sizes, found.outages(end))
    if objective == "failure":
        return found.distribution.failure(end)
    if objective == "quantile":
        return found.distribution.quantile(instance.requirements.success_level or 0.0)
    return found.distribution.expected(end)


def _closed_form(instance: Instance, plan: Plan, objective: Objective) -> float | None:
    """One figure where latencies are constant; those of the whole answer where devices are independent, too."""
    timings, requirements = group_timings(instance, plan), instance.requirements
    deadline, level = requirements.deadline_seconds, requirements.success_level
    end = math.inf if deadline is None else deadline
    if objective == "guaranteed":
        return guaranteed_seconds(timings)
    if objective == "nominal":
        return nominal_seconds(timings)
    if objective == "worst":
        return worst_seconds(timings)
    if objective == "missing":
        return missing_share(plan.sizes, [timing.outage_by(end) for timing in timings])
    answers = answer_distribution(instance, timings)
    if objective == "failure":
        return answers.failure(end)
    if objective == "quantile":
        return None if level is None else answers.quantile(level)
    return None if deadline is None else answers.expected(deadline)


def _is_tied(instance: Instance, plan: Plan) -> bool:
    """Whether a group's answer is no matter of the constant latencies of its own devices."""
    return has_random_latency(instance, plan) or has_queues(instance, plan)


def _needs_distribution(instance: Instance, plan: Plan) -> bool:
    return _is_tied(instance, plan) or instance.has_shared_failures


def _distribution(instance: Instance, plan: Plan) -> LatencyDistribution:
    # SciPy's special functions take a while to import, and constants do without.
    from rocoin_opt.failure.distribution import latency_distribution

    return latency_distribution(instance, plan)


def energy_of(instance: Instance, plan: Plan) -> float | None:
    """Joules of a request, as :func:`rocoin_opt.plan.energy_joules`; None where no device says what power it takes."""
    return energy_joules(instance, plan) if instance.has_powers else None


def finite_or_none(value: float) -> float | None:
    """None for an answer that may never come."""
    return value if math.isfinite(value) else None
