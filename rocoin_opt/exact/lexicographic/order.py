"""The order behind latency: of plans that answer equally early, the one that is better in what comes next.

First the partition where the instance has a graph, then the fewest device-seconds of work, then the most spare
reliability; see "The order behind latency" in ``docs/formulation/order.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.lexicographic.least_work import least_work
from rocoin_opt.exact.lexicographic.part_boxes import best_attainable
from rocoin_opt.exact.lexicographic.part_search import PartSearch
from rocoin_opt.exact.lexicographic.part_sizes import PartSizes
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import ThresholdProblem
from rocoin_opt.heuristics.work_descent import cheapest_student, descend_work
from rocoin_opt.plan import Plan, indexed_groups, labels_of, plan_of, structural_violations, with_filters

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.lexicographic.part_boxes import Found
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective

DIGITS = 12
"""Significant digits to which plans are compared: the others are rounding, by which equal devices would differ."""


def lexicographic_key(instance: Instance, plan: Plan, parts: PartSearch | None) -> tuple[float, float, float]:
    """What comes behind latency, as a tuple to compare: smaller is better.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A valid plan.
    parts : PartSearch or None
        What partitions are judged by; None without a graph.

    Returns
    -------
    tuple of three floats
        The partition criterion (0 without a graph, infinite where the filters are not explicit; ``cut`` as a share of
        the weight of all edges), the device-seconds that all replicas together are busy with one request, and the
        negative sum of the spares' cover shares. Each is rounded to what floating point tells apart.
    """
    arrays, cut = instance.arrays, 0.0
    if parts is not None:
        labels = labels_of(instance, plan)
        cut = math.inf if labels is None else parts.rank(parts.value(labels))
    seconds = [
        float(seconds)
        for group in indexed_groups(instance, plan)
        for seconds in arrays.latency(list(group.members), group.student, group.size)
    ]
    spare = math.fsum(float(arrays.cover_share[arrays.device_index[device]]) for device in plan.spares)
    return cut, _significant(math.fsum(seconds)), _significant(-spare)


def _significant(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def break_ties(instance: Instance, objective: Objective, plan: Plan, control: Control, criterion: str = "ncut") -> Plan:
    """Find the plan that is best behind latency among those that answer as early as a given one.

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

    Returns
    -------
    Plan
        Valid, with a value not above that of the given plan, and not after it in :func:`lexicographic_key`. Filters are
        explicit where the instance has a graph; without one they are dropped where the plan changes.
    """
    if control.exhausted:
        return plan
    value = value_of(instance, plan, objective)
    problem = ThresholdProblem(instance, objective, value)
    parts = None
    if instance.knowledge.graph is None:
        served = indexed_groups(instance, plan)
        found = [plan_of(instance, groups) for groups in least_work(problem, served, control, free_sizes=True)]
    elif not control.has_time_for(PartSearch.seconds_to_begin(instance, criterion)):
        return plan
    else:
        parts = PartSearch(instance, criterion, control)
        found = plans_of_less_work(problem, best_within(problem, parts, plan, control), control)
    # Solvers have tolerances: only plans that keep limit and threshold exactly are compared.
    kept = [
        other
        for other in found
        if not structural_violations(instance, other) and value_of(instance, other, objective) <= value
    ]
    return min([plan, *kept], key=lambda other: lexicographic_key(instance, other, parts))


def best_within(problem: ThresholdProblem, parts: PartSearch, plan: Plan, control: Control) -> Found:
    """Find groups and parts of the best partition within a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    parts : PartSearch
        What partitions are judged by.
    plan : Plan
        A valid plan whose value is within the threshold.
    control : Control
        Limit and seed.

    Returns
    -------
    Found
        With a valid lower bound on the criterion over all plans within the threshold.
    """
    instance = problem.instance
    canonical = Plan.of(instance, plan.groups)
    # Sizes stay as they are: the labels that the search begins with go with them.
    served = descend_work(problem, indexed_groups(instance, canonical), control, free_sizes=False)
    groups = [group.members for group in served]
    vectors = PartSizes(problem, groups, control)
    return best_attainable(vectors, parts, groups, labels_of(instance, canonical))


def plans_of_less_work(problem: ThresholdProblem, found: Found, control: Control) -> list[Plan]:
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
    list of Plan
        With explicit filters; the last one has the least work.
    """
    groups = [
        cheapest_student(problem, members, size) for members, size in zip(found.groups, found.cut.sizes, strict=True)
    ]
    # Parts and the groups of a plan both stand by descending size.
    return [
        with_filters(problem.instance, plan_of(problem.instance, served), found.cut.labels)
        for served in least_work(problem, groups, control, free_sizes=False)
    ]
