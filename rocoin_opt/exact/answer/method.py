"""The method ``exact`` for the objectives of the whole answer: the cheapest packing of all sets of devices.

At a fixed time the outage ``q_S`` of a set of devices is known, so both objectives are sums over the groups,

    -ln(1 - failure)  =  sum of -ln(1 - q_k),        missing  =  sum of s_k q_k / M,

and a plan is a packing of least cost (:mod:`rocoin_opt.exact.answer.problem`). Prices of the relaxation bound it; the
packings that they leave below a target are searched, with the target raised from the bound until a packing is found:
that one is the best, and a search that is stopped has refuted the last target. A ``quantile`` is the least time at
which the cost can be that of the success level: a bisection over the times at which an answer can come.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from rocoin_opt.exact.answer.joint import JointPacking
from rocoin_opt.exact.answer.problem import AnswerPacking, PackingProblem
from rocoin_opt.failure import allowed_failure, missed_success, value_of
from rocoin_opt.grouping import Candidates, Reach, latency_range
from rocoin_opt.instance import ROUNDING, SharedFailures, stretched
from rocoin_opt.plan import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

FAR_BELOW = 0.1
"""Cost of the best plan, in units of an earlier one, below which it becomes the unit."""
RAISE = 1.3
"""Factor between two targets."""
SomePacking = TypeVar("SomePacking", bound=PackingProblem)


def exact_answer(
    instance: Instance, objective: Objective, control: Control, start: Plan, *, effort: float = math.inf
) -> Outcome:
    """Find a plan of least failure probability, or missing share, and prove it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, any failure domains and rules, at most :data:`~rocoin_opt.exact.answer.sets.MOST_DEVICES`.
    objective : {'failure', 'missing'}
        What to minimise.
    control : Control
        Limit; improvements are told.
    start : Plan
        A valid plan. Where it keeps ``min_success``, so does the plan that is returned.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        The plan and a valid lower bound.
    """
    deadline = instance.requirements.deadline_seconds
    reach = Reach.by(instance, math.inf if deadline is None else stretched(deadline))
    is_limited = objective == "missing" and missed_success(instance, start) is None
    most_failure = min(allowed_failure(instance), 1.0) if is_limited else 1.0
    # Where domains tie groups together, no sum over them is the failure of the whole answer.
    is_joint = SharedFailures(instance).names and (objective == "failure" or most_failure < 1.0)
    if is_joint or instance.limits_energy:
        return _least_joint(instance, reach, control, start, effort, most_failure if objective == "missing" else None)

    def problem_of(value: float) -> AnswerPacking:
        return AnswerPacking(instance, objective, reach, value, control, effort, most_failure=most_failure)

    return cheapest_plan(instance, objective, problem_of, start, control)[0]


def surest_within(
    instance: Instance,
    objective: Objective,
    seconds: float,
    control: Control,
    start: Plan,
    *,
    effort: float = math.inf,
) -> Outcome:
    """Find a plan of least failure probability whose latency is within a threshold, and prove it.

    Parameters
    ----------
    instance, control, effort
        As for :func:`exact_answer`.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    seconds : float
        Threshold.
    start : Plan
        A valid plan within it.

    Returns
    -------
    Outcome
        The plan, which wants to be valued, and a valid lower bound on the failure probability.
    """
    reach = Reach.within(instance, objective, seconds)
    if SharedFailures(instance).names or instance.limits_energy:
        return _least_joint(instance, reach, control, start, effort)

    def problem_of(value: float) -> AnswerPacking:
        return AnswerPacking(instance, "failure", reach, value, control, effort)

    return cheapest_plan(instance, "failure", problem_of, start, control)[0]


def _least_joint(
    instance: Instance, reach: Reach, control: Control, start: Plan, effort: float, most_failure: float | None = None
) -> Outcome:
    """Find a plan of least failure, or missing share, where domains or a limit on energy tie groups together.

    Parameters
    ----------
    instance, control, start, effort
        As for :func:`exact_answer`.
    reach : Reach
        What devices can do, and in what time.
    most_failure : float, optional
        Failure probability that is allowed, where the missing share is to be small.
    """
    of_share = most_failure is not None
    objective: Objective = "missing" if of_share else "failure"
    value = value_of(instance, start, objective)
    if value == 0.0 or control.exhausted:
        return Outcome(start, 0.0)
    packing = JointPacking(instance, reach, 1.0 if of_share else value, control, effort)
    allowed = None if most_failure is None else most_failure * (1.0 + 3.0 * ROUNDING)
    rows, least, finished = packing.search(value * (1.0 - ROUNDING), most_failure=allowed)
    plan = packing.plan(rows, of_share=of_share) if rows else start
    is_sure = most_failure is None or most_failure >= 1.0 or missed_success(instance, plan or start) is None
    if plan is None or not is_sure:
        return Outcome(start)
    best = min((start, plan), key=lambda found: value_of(instance, found, objective))
    return Outcome(best, min(least, value) * (1.0 - ROUNDING) if finished else None)


def packed_at(
    instance: Instance, reach: Reach, failure: float, control: Control, effort: float
) -> tuple[Plan | None, bool]:
    """A plan of a failure probability or less, and whether it is proven that there is none.

    Parameters
    ----------
    instance, control, effort
        As for :func:`exact_answer`.
    reach : Reach
        What devices can do, and in what time.
    failure : float
        Failure probability that is allowed.
    """
    if SharedFailures(instance).names or instance.limits_energy:
        return JointPacking(instance, reach, failure, control, effort).answer(failure)
    return AnswerPacking(instance, "failure", reach, failure, control, effort).answer()


def sure_plan(instance: Instance, control: Control, *, effort: float = math.inf) -> tuple[Plan | None, bool]:
    """Find any plan that keeps ``min_success``, or prove that there is none.

    Parameters
    ----------
    instance : Instance
        As for :func:`exact_answer`, with a ``min_success`` below 1.
    control : Control
        Limit.
    effort : float
        Sets that the search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Plan or None, bool
        A plan that may miss the limit by rounding, and whether it is proven that there is none.
    """
    deadline = instance.requirements.deadline_seconds
    reach = Reach.by(instance, math.inf if deadline is None else stretched(deadline))
    return packed_at(instance, reach, min(allowed_failure(instance), 1.0), control, effort)


def cheapest_plan(
    instance: Instance,
    objective: Objective,
    problem_of: Callable[[float], SomePacking],
    start: Plan,
    control: Control,
) -> tuple[Outcome, SomePacking | None]:
    """Raise targets from the bound until a packing is found, or the known plan is proven.

    Parameters
    ----------
    instance : Instance
        What was given.
    objective : {'failure', 'missing'}
        What to minimise.
    problem_of : callable
        The packing problem in units of a known value.
    start : Plan
        A valid plan, whose groups are a packing of the problem.
    control : Control
        Limit, and the gap at which to stop; improvements are told.

    Returns
    -------
    Outcome, PackingProblem or None
        The plan and a valid lower bound; and the last problem, None where none was needed.
    """
    best, value, proven = start, value_of(instance, start, objective), 0.0
    is_sure = objective == "missing" and missed_success(instance, start) is None
    if value == 0.0 or control.exhausted:
        return Outcome(best, proven), None
    problem = problem_of(value)
    refuted = problem.bound
    while value > 0.0:
        if problem.cost(value) < FAR_BELOW:
            # In units of a plan that is far worse the solver's tolerances are too coarse.
            problem = problem_of(value)
            refuted = problem.bound
        proven = max(proven, min(problem.value(refuted), value))
        control.tell(value, proven)
        goal = problem.cost(value) * (1.0 - ROUNDING)
        if refuted >= goal or value - proven <= control.gap * value or control.exhausted:
            break
        target = min(goal, refuted * RAISE) if refuted > 0.0 else goal
        packed, before = problem.search(target), value
        if packed.rows:
            plan = problem.plan(packed.rows)
            # A limit is kept here up to rounding only, and not at all where domains tie groups together.
            is_missed = plan is not None and objective == "missing" and missed_success(instance, plan) is not None
            if plan is None or (is_missed and is_sure):
                break
            found = value_of(instance, plan, objective)
            if found >= value:
                # Next to an outage of 1 costs have fewer digits than values: what is cheapest is no better plan.
                proven = max(proven, min(problem.value(packed.cost), value)) if packed.finished else proven
                break
            best, value = plan, found
        if not packed.finished:
            break
        # A packing below the target is the best of all.
        raised = packed.cost if packed.rows else target
        if raised <= refuted and value == before:
            # Next to a failure of 1 costs and values round apart: nothing would change from here on.
            break
        refuted = raised
    return Outcome(best, proven), problem


def exact_sure_latency(
    instance: Instance, objective: Objective, control: Control, start: Outcome, *, effort: float = math.inf
) -> Outcome:
    """Find a plan of least latency among those that keep ``min_success``, and prove it.

    Parameters
    ----------
    instance : Instance
        As for :func:`exact_answer`, with ``min_success``.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limit, and the gap at which to stop; improvements are told.
    start : Outcome
        A plan that keeps ``min_success``, and a valid lower bound in seconds, if one is known.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds.
    """
    limits, failure = latency_range(instance.arrays), min(allowed_failure(instance), 1.0)
    if start.plan is None or limits is None:
        raise ValueError("a plan that keeps min_success is needed")
    bound = limits[0] if start.lower_bound is None else max(limits[0], start.lower_bound)

    def at(seconds: float) -> tuple[Plan | None, bool]:
        return packed_at(instance, Reach.within(instance, objective, seconds), failure, control, effort)

    return earliest(instance, objective, at, control, replace(start, lower_bound=bound))


def earliest(
    instance: Instance,
    objective: Objective,
    at: Callable[[float], tuple[Plan | None, bool]],
    control: Control,
    start: Outcome,
) -> Outcome:
    """Bisect the times at which an answer can come for the least one at which there is a plan.

    Parameters
    ----------
    instance, objective, control
        As for :func:`exact_sure_latency`, or the objective ``quantile``.
    at : callable
        A plan whose value is a time in seconds or less, and whether it is proven that there is none.
    start : Outcome
        A plan and a lower bound. Where the plan keeps ``min_success``, so does the one that is returned.
    """
    assert start.plan is not None
    assert start.lower_bound is not None
    best, bound = start.plan, start.lower_bound
    value, is_sure = value_of(instance, best, objective), missed_success(instance, best) is None
    candidates = Candidates(instance.arrays, math.nextafter(bound, -math.inf), value)
    low, high = 0, candidates.first_from(value)
    while low < high and (value - candidates[low]) > control.gap * value and not control.exhausted:
        middle = (low + high) // 2
        plan, refuted = at(candidates[middle])
        if refuted:
            low = candidates.behind(middle)
        elif (
            plan is None
            or (is_sure and missed_success(instance, plan) is not None)
            or (found := value_of(instance, plan, objective)) >= value
        ):
            break
        else:
            best, value = plan, found
            high = candidates.first_from(value)
        bound = candidates[low] if low < len(candidates) else value
        control.tell(value, min(bound, value))
    return Outcome(best, min(bound, value) if low < high else value)
