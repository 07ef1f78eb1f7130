"""The least failure probability within a threshold, and then the least work.

Of up to some twenty devices all sets are packed (:mod:`rocoin_opt.exact.answer`), and the result is proven. Of more,
the groups descend, and the failure probability has the lower bound that it has without a threshold.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.exact.answer import MOST_DEVICES, AnswerPacking, can_serve, cheapest_plan, failure_bound, members
from rocoin_opt.exact.kinds import (
    MAX_VECTORS,
    MOST_OF_KINDS,
    KindsAnswer,
    least_work_by_kinds,
    number_of_vectors,
)
from rocoin_opt.exact.lexicographic.least_work import least_work
from rocoin_opt.exact.lexicographic.set_packing import Cost, Demand, choose
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import Choices, Kinds, Reach
from rocoin_opt.heuristics import descend_failure, descend_work
from rocoin_opt.instance import ROUNDING
from rocoin_opt.plan import IndexedGroup, Outcome, Phase, indexed_groups, plan_of, structural_violations, work_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

MOST_BOUNDED = 200
"""Devices up to which the failure is bounded; beyond, some seconds of column generation end with 0."""
SOON_PROVEN = 14
"""Devices up to which the failure is mostly proven in a second."""
AT_ONCE = 10_000
"""Devices times groups up to which a descent takes a quarter of a second."""
TIED_PACKINGS = 200
"""Packings of the least failure probability whose groups the least work is chosen from."""
TIED = 2e-13
"""Relative cost up to which packings are tied: less than half of the twelfth digit."""
ROW_SCALE = 1e4
"""Scale of the row that holds the failure probability, so that the solver's tolerance is as small."""
SURE = 1e-300
"""Failure probability in whose units packings of certain groups are looked for."""


class Tied(NamedTuple):
    """A plan of less work among tied ones, and whether none of these has less; up to the tolerances of the solver."""

    plan: Plan
    is_least: bool


class _Candidates(NamedTuple):
    """Plans of less work, which want to be checked, and whether no tied plan has less work than the last one."""

    plans: list[Plan]
    is_least: bool


def least_failure(
    problem: ThresholdProblem, plan: Plan, sizes: Sequence[int], control: Control, effort: float = math.inf
) -> Outcome:
    """Find the plan within a threshold that fails least, and of those the one of least work.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold. Success counts by the instance's deadline.
    plan : Plan
        A valid plan whose value is within the threshold.
    sizes : sequence of int
        Part sizes, where they are given; empty where they are free.
    control : Control
        Limit. Threads and gap do not matter: the same plan is found whatever they are.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        The plan, without filters, and a valid lower bound on the failure probability of every plan within the
        threshold (with these sizes). The phase that follows says whether of those that fail as rarely none has less
        work.
    """
    instance = problem.instance
    kinds = None if sizes else _few_kinds(instance)
    is_listed = kinds is not None or len(instance.devices) <= MOST_DEVICES
    descended = _descended(problem, plan, sizes, control, is_listed=is_listed)
    best = min(descended, key=lambda found: value_of(instance, found, "failure"))
    if kinds is not None and not control.exhausted and value_of(instance, best, "failure") > 0.0:
        return _by_kinds(problem, kinds, best, control, effort)
    if len(instance.devices) > MOST_BOUNDED or control.exhausted:
        return Outcome(best)
    if len(instance.devices) > MOST_DEVICES:
        value = value_of(instance, best, "failure")
        return Outcome(best, failure_bound(instance, value, control) if 0.0 < value < 1.0 else 0.0)
    reach = Reach.within(instance, problem.objective, problem.threshold)

    def problem_of(value: float) -> AnswerPacking:
        return AnswerPacking(instance, "failure", reach, value, control, effort, sizes)

    # A packing of many devices can take all the time, and refute nothing: a bound on all plans is better than none.
    value = value_of(instance, best, "failure")
    floor = failure_bound(instance, value, control) if len(instance.devices) > SOON_PROVEN else 0.0
    outcome, packing = cheapest_plan(instance, "failure", problem_of, best, control)
    outcome = replace(outcome, lower_bound=max(floor, outcome.lower_bound or 0.0))
    if outcome.plan is None or control.exhausted:
        return outcome
    value = value_of(instance, outcome.plan, "failure")
    if packing is None or packing.cost(value) < SURE:
        packing = problem_of(min(max(value, SURE), 1.0))
    control = control.entering("work")
    return _with_less_work(outcome, _of_least_work(problem, packing, outcome.plan, value, control), control)


def _with_less_work(outcome: Outcome, tied: Tied, control: Control) -> Outcome:
    """The outcome with the plan of less work. What is tied with a plan that is not proven best proves nothing."""
    assert outcome.plan is not None
    phase = Phase("work", tied.is_least, was_cut=not tied.is_least and control.exhausted)
    return replace(outcome, plan=tied.plan, phases=(phase,))


def _few_kinds(instance: Instance) -> Kinds | None:
    """The devices by kind, where they are alike and all groups by kinds can be listed."""
    if instance.is_restricted or len(instance.devices) > MOST_OF_KINDS:
        return None
    kinds = Kinds.of(instance)
    return kinds if kinds.are_few and number_of_vectors(kinds) <= MAX_VECTORS else None


def _by_kinds(problem: ThresholdProblem, kinds: Kinds, best: Plan, control: Control, effort: float) -> Outcome:
    """The same by kinds.

    Parameters
    ----------
    problem, control, effort
        As for :func:`least_failure`.
    kinds : Kinds
        The devices by kind.
    best : Plan
        The plan to improve on.
    """
    instance = problem.instance
    reach = Reach.within(instance, problem.objective, problem.threshold)

    def problem_of(known: float) -> KindsAnswer:
        return KindsAnswer(instance, kinds, reach, min(known, math.nextafter(1.0, 0.0)), control, effort)

    outcome, packing = cheapest_plan(instance, "failure", problem_of, best, control)
    if outcome.plan is None or packing is None or control.exhausted:
        return outcome
    control = control.entering("work")
    value = value_of(instance, outcome.plan, "failure")
    if value * (1.0 + TIED) >= 1.0:
        candidates = _of_any(problem, outcome.plan, control)
    else:
        found, is_least = least_work_by_kinds(packing, packing.cost(value) * (1.0 + TIED), control)
        candidates = _Candidates([] if found is None else [found], is_least)
    return _with_less_work(outcome, _least_of(problem, outcome.plan, candidates, value), control)


def _of_any(problem: ThresholdProblem, plan: Plan, control: Control, *, free_sizes: bool = True) -> _Candidates:
    """Plans of less work where no plan answers in time, but for what is rounding: all of them are tied."""
    served = indexed_groups(problem.instance, plan)
    found = least_work(problem, served, control, free_sizes=free_sizes)
    return _Candidates([plan_of(problem.instance, groups) for groups in found.steps], found.is_least)


def tied_of_least_work(problem: ThresholdProblem, plan: Plan, control: Control, effort: float = math.inf) -> Tied:
    """Find the plan of least work among those within a threshold that fail no more often than a given one.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold; infinite where the failure probability alone counts.
    plan : Plan
        A valid plan of the least failure probability.
    control : Control
        Limit.
    effort : float
        As for :func:`least_failure`.
    """
    value, instance = value_of(problem.instance, plan, "failure"), problem.instance
    if len(instance.devices) > MOST_DEVICES or control.exhausted:
        return Tied(plan, is_least=False)
    reach = Reach.within(instance, problem.objective, problem.threshold)
    packing = AnswerPacking(instance, "failure", reach, min(max(value, SURE), 1.0), control, effort)
    return _of_least_work(problem, packing, plan, value, control)


def _of_least_work(
    problem: ThresholdProblem, packing: AnswerPacking, plan: Plan, value: float, control: Control
) -> Tied:
    """The plan, or one of less work that fails as rarely."""
    if value * (1.0 + TIED) >= 1.0:
        tied = _of_any(problem, plan, control, free_sizes=not packing.wanted.sizes)
    else:
        tied = _chosen(problem, packing, value, control)
    return _least_of(problem, plan, tied, value)


def _least_of(problem: ThresholdProblem, plan: Plan, tied: _Candidates, value: float) -> Tied:
    """The plan, or one of others that has less work, where it is valid, as early, and fails as rarely.

    A solver has tolerances, so a candidate may turn out not to be tied. It still proves that no tied plan has less work
    than itself.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    plan : Plan
        A valid plan.
    tied : _Candidates
        Others.
    value : float
        Failure probability of the plan.
    """
    instance = problem.instance
    kept = [
        other
        for other in tied.plans
        if not structural_violations(instance, other)
        and value_of(instance, other, problem.objective) <= problem.threshold
        and value_of(instance, other, "failure") <= value * (1.0 + TIED)
    ]
    least = min([plan, *kept], key=lambda other: work_of(instance, other))
    # Nothing found proves nothing: the plan itself is tied.
    is_least = tied.is_least and bool(tied.plans)
    return Tied(least, is_least and work_of(instance, least) <= work_of(instance, tied.plans[-1]) * (1.0 + ROUNDING))


def _descended(
    problem: ThresholdProblem, plan: Plan, sizes: Sequence[int], control: Control, *, is_listed: bool
) -> list[Plan]:
    """The plan, and what descents from it and from groups of less work lead to; from it alone where the time is up.

    Parameters
    ----------
    problem, plan, sizes, control
        As for :func:`least_failure`.
    is_listed : bool
        Whether a search over all groups follows.
    """
    served, plans = indexed_groups(problem.instance, plan), [plan]
    starts: list[Callable[[], list[IndexedGroup]]] = [
        lambda: served,
        lambda: descend_work(problem, served, control, free_sizes=False),
    ]
    if not is_listed:
        # Nothing is proven then, and whoever adds spares to the plan of least work should not do better.
        starts.append(lambda: least_work(problem, served, control, free_sizes=not sizes).steps[-1])
    for number, start in enumerate(starts):
        is_quick = number == 0 and len(problem.weights) * len(served) <= AT_ONCE
        if control.exhausted and not is_quick:
            break
        # Idle devices join whatever the clock says, where that takes a moment.
        groups = descend_failure(problem, start(), replace(UNLIMITED, seed=control.seed) if is_quick else control)
        found = plan_of(problem.instance, groups)
        # Sums of weights are rounded: only plans that keep limit and threshold exactly are compared.
        is_early = value_of(problem.instance, found, problem.objective) <= problem.threshold
        if is_early and not structural_violations(problem.instance, found):
            plans.append(found)
    return plans


def _chosen(problem: ThresholdProblem, packing: AnswerPacking, value: float, control: Control) -> _Candidates:
    """Choose from the groups of tied packings the plan of least work; it wants to be checked."""
    limit = packing.cost(value) * (1.0 + TIED)
    tied = packing.ties(limit, TIED_PACKINGS)
    rows = np.unique(np.array([row for rows in tied.packings for row in rows], dtype=np.int64))
    if len(rows) == 0:
        return _Candidates([], is_least=False)
    choices, costs = _choices(problem, packing, rows)
    sizes = packing.wanted.sizes
    counts = list(Counter(sizes).values())
    instance, filters = problem.instance, float(problem.wanted)
    groups = (instance.requirements.min_groups, instance.max_groups)
    demand = (
        Demand.of_sizes(len(instance.devices), counts)
        if sizes
        else Demand.of_filters(problem, groups, (filters, filters))
    )
    work = choices.work(choices.least)
    unit = float(work.max(initial=0.0)) or 1.0
    at_most = (costs * ROW_SCALE, limit * ROW_SCALE)
    chosen, proven = choose(choices, demand, Cost(work / unit, choices.slope / unit), control, at_most=at_most)
    if chosen is None:
        return _Candidates([], is_least=False)
    taken, nobody = choices.taken(chosen), len(instance.devices)
    served = [
        IndexedGroup(tuple(sorted(n for n in row if n < nobody)), student, size)
        for row, student, size in zip(taken.members.tolist(), taken.student.tolist(), demand.sizes(taken), strict=True)
    ]
    return _Candidates([plan_of(instance, served)], is_least=proven and tied.finished)


def _choices(problem: ThresholdProblem, packing: AnswerPacking, rows: IntArray) -> tuple[Choices, FloatArray]:
    """Ways of some sets to serve, with any student that all can use, and what each costs."""
    arrays, sets, sizes = problem.arrays, packing.sets, packing.wanted.sizes
    kinds = {size: kind for kind, size in enumerate(Counter(sizes))}
    nobody, found = len(arrays.failure), []
    for row in rows.tolist():
        devices, outage = members(int(sets.masks[row])), float(sets.outage[row])
        for j in range(len(problem.instance.students)):
            largest = largest_served(problem.instance, sets.reach, devices, j, outage, int(sets.largest[row]))
            ranges = [(size, size, kind) for size, kind in kinds.items() if size <= largest]
            if not sizes and largest:
                ranges = [(1, largest, 0)]
            found += [(devices, row, j, *way) for way in ranges]
    width = max((len(devices) for devices, *_ in found), default=1)
    padded = [[*devices, *([nobody] * (width - len(devices)))] for devices, *_ in found]
    of_row, student, least, most, kind = np.array([way[1:] for way in found], dtype=np.int64).reshape(-1, 5).T
    base, slope = (
        np.array([table[devices, j].sum() for devices, _, j, *_ in found]) for table in (arrays.base, arrays.slope)
    )
    share = np.zeros(len(found))
    ways = Choices(np.array(padded).reshape(-1, width), student, least, most, base, slope, share, kind)
    return ways, packing.costs.fixed[of_row]


def largest_served(instance: Instance, reach: Reach, devices: list[int], student: int, outage: float, most: int) -> int:
    """Largest part that devices can serve with a student and fail no more than an outage, by bisection; 0 if none.

    Parameters
    ----------
    instance, reach, devices, student, outage
        As for :func:`rocoin_opt.exact.answer.plans.can_serve`.
    most : int
        Largest part that is looked at.
    """
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if can_serve(instance, reach, devices, student, middle, outage):
            low = middle
        else:
            high = middle - 1
    return low
