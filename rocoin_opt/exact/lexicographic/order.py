"""The order behind latency: of plans that answer equally early, the one that is better in what comes next.

First the partition where the instance has a graph. Then the least failure probability and the least work, or, where
work is preferred, the least work and the most spare reliability; see "The order behind latency" in
``docs/formulation/order.md``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rocoin_opt.exact.lexicographic.least_failure import least_failure
from rocoin_opt.exact.lexicographic.least_work import least_work
from rocoin_opt.exact.lexicographic.part_boxes import best_attainable
from rocoin_opt.exact.lexicographic.part_rules import sizes_at
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import ThresholdProblem
from rocoin_opt.heuristics import cheapest_student, descend_work, without_late
from rocoin_opt.instance import ROUNDING
from rocoin_opt.plan import (
    CLOSED_GAP,
    Outcome,
    Phase,
    Plan,
    energy_joules,
    indexed_groups,
    labels_of,
    plan_of,
    relative_gap,
    structural_violations,
    with_filters,
    work_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.lexicographic.part_boxes import Found
    from rocoin_opt.exact.lexicographic.part_rules import AllSets
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Preference

PARTITION_SHARE = 0.6
"""Part of the time that is left, where it is limited, that the partition may take: what comes next needs some too."""
DIGITS = 12
"""Significant digits to which plans are compared: the others are rounding, by which equal devices would differ."""


class Key(NamedTuple):
    """What comes behind latency, as a tuple to compare: smaller is better, each rounded to what is no rounding."""

    cut: float
    """The partition criterion: 0 without a graph, infinite where the filters are not explicit; ``cut`` as a share of
    the weight of all edges."""
    failure: float
    """Failure probability of the whole answer; 0 where work is preferred."""
    work: float
    """Device-seconds that all replicas together are busy with one request; joules where energy is preferred."""
    spare: float
    """Negative sum of the spares' cover shares."""


def lexicographic_key(
    instance: Instance, plan: Plan, parts: PartSearch | None, prefer: Preference = "reliability"
) -> Key:
    """What comes behind latency.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan
        A valid plan.
    parts : PartSearch or None
        What partitions are judged by; None without a graph.
    prefer : {'reliability', 'work', 'energy'}
        What comes next to the partition.
    """
    arrays, cut = instance.arrays, 0.0
    if parts is not None:
        labels = labels_of(instance, plan)
        cut = math.inf if labels is None else parts.rank(parts.value(labels))
    failure = value_of(instance, plan, "failure") if prefer == "reliability" else 0.0
    spare = math.fsum(float(arrays.cover_share[arrays.device_index[device]]) for device in plan.spares)
    work = energy_joules(instance, plan) if prefer == "energy" else work_of(instance, plan)
    return Key(cut, _significant(failure), _significant(work), _significant(-spare))


def _significant(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def least_busy(
    instance: Instance,
    objective: Objective,
    plan: Plan,
    control: Control,
    criterion: str = "ncut",
    prefer: Preference = "work",
) -> Outcome:
    """Find the plan of the best partition and the least work among those that answer as early as a given one.

    Without a graph the result is proven best where all minimal groups are listed
    (:data:`rocoin_opt.exact.lexicographic.least_work.MAX_GROUPS`) and the integer programs end within their nodes, as
    they do for tens of devices; beyond, it is improved without a proof. With a graph the partition is chosen over all
    part sizes that groups can have (see :func:`best_within`); the rest is as good as its part sizes allow.

    Parameters
    ----------
    instance : Instance
        What was given; its latencies are constant and its devices independent.
    objective : {'guaranteed', 'nominal', 'worst'}
        Whose value no plan may exceed.
    plan : Plan
        A valid plan.
    control : Control
        Limit and seed. Where the limit is reached the best plan so far is returned; without a limit the same arguments
        give the same plan, on any number of threads.
    criterion : {'ncut', 'cut', 'resilient'}
        What partitions are judged by, where the instance has a graph.
    prefer : {'work', 'energy'}
        What is least behind the partition: device-seconds, or joules.

    Returns
    -------
    Outcome
        A plan that is valid, with a value not above that of the given plan, and not after it in
        :func:`lexicographic_key`, and what is proven of it. Filters are explicit where the instance has a graph;
        without one they are dropped where the plan changes.
    """
    if control.exhausted or not _can_begin(instance, criterion, control):
        return Outcome(plan)
    problem = ThresholdProblem(instance, objective, value_of(instance, plan, objective), prefer=prefer)
    if instance.knowledge.graph is None:
        control = control.entering("work")
        lighter = least_work(problem, indexed_groups(instance, plan), control, free_sizes=True)
        found = [plan_of(instance, groups) for groups in lighter.steps]
        chosen = _best(problem, [plan, *found], None, prefer)
        phase = _work_phase(instance, chosen, found[-1], control, is_least=lighter.is_least, prefer=prefer)
        return Outcome(chosen, phases=(phase,))
    parts, best = _partitioned(problem, criterion, plan, control)
    control = control.entering("work")
    found, is_least = plans_of_less_work(problem, best, control)
    chosen = _best(problem, [plan, *found], parts, prefer)
    phase = _work_phase(instance, chosen, found[-1], control, is_least=is_least, prefer=prefer)
    return Outcome(chosen, phases=(_partition_phase(chosen, parts, best), phase))


def most_reliable(
    instance: Instance,
    objective: Objective,
    plan: Plan,
    control: Control,
    criterion: str = "ncut",
    effort: float = math.inf,
) -> Outcome:
    """Find the plan of the best partition and the least failure among those that answer as early as a given one.

    The partition is chosen as by :func:`least_busy`, and the groups for its part sizes.

    Parameters
    ----------
    instance, objective, plan, control, criterion
        As for :func:`least_busy`.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        The plan as for :func:`least_busy`, and a valid lower bound on the failure probability of every plan as early,
        with parts of these sizes where there is a graph; None where the time was too short for one.
    """
    problem = ThresholdProblem(instance, objective, value_of(instance, plan, objective))
    if control.exhausted or not _can_begin(instance, criterion, control):
        # The parts stay as they are; what takes a moment is done.
        control = control.entering("reliability")
        outcome, labels = least_failure(problem, plan, plan.sizes, control, effort), labels_of(instance, plan)
        quick = outcome.plan or plan
        quick = quick if labels is None else with_filters(instance, quick, labels)
        return _with_phases(outcome, _best(problem, [plan, quick], None, "reliability"), problem, control)
    # The same groups whatever gap is asked for.
    control = replace(control, gap=0.0)
    if instance.knowledge.graph is None:
        control = control.entering("reliability")
        outcome = least_failure(problem, plan, (), control, effort)
        best = _best(problem, [plan, outcome.plan or plan], None, "reliability")
        return _with_phases(outcome, best, problem, control)
    parts, found = _partitioned(problem, criterion, plan, control)
    start = plan_of_parts(problem, found)
    control = control.entering("reliability")
    outcome = least_failure(problem, start, found.cut.sizes, control, effort)
    # Parts and the groups of a plan both stand by descending size.
    placed = with_filters(instance, outcome.plan or start, found.cut.labels)
    chosen = _best(problem, [plan, start, placed], parts, "reliability")
    settled = _with_phases(outcome, chosen, problem, control)
    return replace(settled, phases=(_partition_phase(chosen, parts, found), *settled.phases))


def _partitioned(problem: ThresholdProblem, criterion: str, plan: Plan, control: Control) -> tuple[PartSearch, Found]:
    """Search for the partition, in its share of the time.

    Parameters
    ----------
    problem, plan, control
        As for :func:`best_within`.
    criterion : {'ncut', 'cut', 'resilient'}
        Criterion for partitions.
    """
    control = control.share(PARTITION_SHARE).entering("partition")
    parts = PartSearch(problem.instance, criterion, control)
    return parts, best_within(problem, parts, plan, control)


def _partition_phase(plan: Plan, parts: PartSearch, found: Found) -> Phase:
    """What is proven of the partition of a plan."""
    labels = labels_of(parts.instance, plan)
    is_proven = labels is not None and parts.rank(parts.value(labels)) <= parts.rank(found.bound)
    return Phase("partition", is_proven, was_cut=not is_proven and parts.control.exhausted)


def _with_phases(outcome: Outcome, plan: Plan, problem: ThresholdProblem, control: Control) -> Outcome:
    """The outcome of a search for reliability with the plan that was chosen, and what is proven of each phase.

    Parameters
    ----------
    outcome : Outcome
        Of the search: its plan, the bound, and what is proven of the work of that plan.
    plan : Plan
        The plan that was chosen.
    problem : ThresholdProblem
        Instance, objective and threshold.
    control : Control
        Limit.
    """
    instance = problem.instance
    gap = relative_gap(value_of(instance, plan, "failure"), outcome.lower_bound)
    is_proven = gap is not None and gap <= CLOSED_GAP
    phases = [Phase("reliability", is_proven, was_cut=not is_proven and control.exhausted)]
    if outcome.phases and outcome.plan is not None:
        # Where the reliability is not proven, other plans than the tied ones count.
        is_least = is_proven and outcome.phases[0].is_proven
        phases.append(_work_phase(instance, plan, outcome.plan, control, is_least=is_least, prefer="reliability"))
    return replace(outcome, plan=plan, phases=tuple(phases))


def _work_phase(
    instance: Instance, plan: Plan, last: Plan, control: Control, *, is_least: bool, prefer: Preference
) -> Phase:
    """What is proven of the work of a plan.

    Parameters
    ----------
    instance : Instance
        The instance.
    plan : Plan
        The plan that was chosen.
    last : Plan
        The last one of those of less work, with the part sizes for which it is proven.
    control : Control
        Limit.
    is_least : bool
        Whether no plan within the threshold has less work than the last one.
    prefer : {'reliability', 'work', 'energy'}
        What counts as work.
    """
    amount = energy_joules if prefer == "energy" else work_of
    reached = amount(instance, plan) <= amount(instance, last) * (1.0 + ROUNDING)
    has_sizes = instance.knowledge.graph is None or plan.sizes == last.sizes
    is_proven = is_least and reached and has_sizes
    return Phase("work", is_proven, was_cut=not is_proven and control.exhausted)


def _can_begin(instance: Instance, criterion: str, control: Control) -> bool:
    """Whether there is time to judge a partition, where one is to be judged."""
    if instance.knowledge.graph is None:
        return True
    return control.has_time_for(PartSearch.seconds_to_begin(instance, criterion))


def _best(problem: ThresholdProblem, plans: Sequence[Plan], parts: PartSearch | None, prefer: Preference) -> Plan:
    """The best one of a plan and others. Solvers have tolerances: only those that keep limit and threshold count."""
    first, instance = plans[0], problem.instance
    kept = [
        other
        for other in plans[1:]
        if not structural_violations(instance, other)
        and value_of(instance, other, problem.objective) <= problem.threshold
    ]
    return min([first, *kept], key=lambda other: lexicographic_key(instance, other, parts, prefer))


def best_within(
    problem: ThresholdProblem, parts: PartSearch, plan: Plan, control: Control, sets: AllSets | None = None
) -> Found:
    """Find groups and parts of the best partition within a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold; where all energy is limited, with joules for its costs.
    parts : PartSearch
        Criterion for partitions.
    plan : Plan
        A valid plan whose value is within the threshold.
    control : Control
        Limit and seed.
    sets : AllSets, optional
        All sets of devices, where minimal groups do not suffice: see
        :func:`rocoin_opt.exact.lexicographic.part_rules.all_sets`.

    Returns
    -------
    Found
        With a valid lower bound on the criterion over all plans within the threshold.
    """
    instance = problem.instance
    canonical = Plan.of(instance, plan.groups)
    served = indexed_groups(instance, canonical)
    if sets is None:
        # Sizes stay as they are: the labels that the search begins with go with them.
        # What groups can hold is asked of those in time, whether or not there is time for a descent.
        timely = [without_late(problem, group) for group in served]
        served = descend_work(problem, timely, control, free_sizes=False)
    groups = [group.members for group in served]
    vectors = sizes_at(problem, groups, canonical.sizes, control, sets)
    return best_attainable(vectors, parts, groups, labels_of(instance, canonical))


def plan_of_parts(problem: ThresholdProblem, found: Found) -> Plan:
    """Make a plan of groups that hold the parts of a partition, each with the student that makes it the least work."""
    groups = [
        cheapest_student(problem, members, size) for members, size in zip(found.groups, found.cut.sizes, strict=True)
    ]
    # Parts and the groups of a plan both stand by descending size.
    return with_filters(problem.instance, plan_of(problem.instance, groups), found.cut.labels)


def plans_of_less_work(problem: ThresholdProblem, found: Found, control: Control) -> tuple[list[Plan], bool]:
    """Plans of some parts with ever less work, each of which wants to be checked.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    found : Found
        Groups that hold the parts, and the partition that decides size and filters of each part.
    control : Control
        Limit and seed.

    Returns
    -------
    list of Plan, bool
        With explicit filters; the last one has the least work. And whether that is proven for these part sizes.
    """
    groups = indexed_groups(problem.instance, plan_of_parts(problem, found))
    lighter = least_work(problem, groups, control, free_sizes=False)
    plans = [
        with_filters(problem.instance, plan_of(problem.instance, served), found.cut.labels) for served in lighter.steps
    ]
    return plans, lighter.is_least
