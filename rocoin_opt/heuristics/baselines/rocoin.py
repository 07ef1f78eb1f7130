"""Baseline ``rocoin``: grouping, partition and matching one after another, as RoCoIn does.

References
----------
.. [1] L. Wang, L. Li, L. Xu, X. Peng, A. Fei. Failure-resilient distributed inference with model compression over
   heterogeneous edge devices. arXiv 2406.14185, 2024.
.. [2] H. W. Kuhn. The Hungarian method for the assignment problem. Naval Research Logistics Quarterly 2, 1955.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.heuristics.baselines.follow_the_leader import follow_the_leader
from rocoin_opt.heuristics.baselines.groups import common_room
from rocoin_opt.knowledge import level_sizes, ncut_parts
from rocoin_opt.plan import Outcome, Plan, group_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.instance import FloatArray, Instance, IntArray
    from rocoin_opt.plan import Objective


def rocoin(instance: Instance, objective: Objective, control: Control) -> Outcome:
    """Plan in RoCoIn's three steps: follow-the-leader grouping, normalised cut, Kuhn-Munkres matching [1]_.

    Groups whose devices share no student are dissolved; all others get a part. If the sizes of the normalised cut leave
    no complete matching, or if there is no graph, the sizes are as equal as the groups can hold. Then a matching exists
    whenever the groups can hold all filters, and fewer groups could hold no more.

    Parameters
    ----------
    instance : Instance
        What was given. With a graph the plan names the filters of each part.
    objective : str
        Decides what the matching takes for a group's latency: the fastest replica for ``nominal``, else the slowest.
    control : Control
        Its seed is that of the spectral clustering. Its limit ends grouping
        and clustering; filters are then dealt out in their order.

    Returns
    -------
    Outcome
        A plan, or the reason why none was found. Nothing is proved.
    """
    total, graph = instance.knowledge.num_filters, instance.knowledge.graph
    groups = [group for group in follow_the_leader(instance, control) if common_room(instance.arrays, group).max() > 0]
    limits = [int(common_room(instance.arrays, group).max()) for group in groups]
    reason = _too_small(instance, limits)
    if reason is None and control.exhausted:
        reason = "stopped by the limit before the filters were partitioned"
    if reason is not None:
        return Outcome(None, reasons=(reason,))
    if graph is None:
        sizes = level_sizes(total, limits)
        return Outcome(_matched_plan(instance, groups, sizes, None, objective))
    weights = graph.dense(total)
    labels = ncut_parts(weights, len(groups), None, control.seed, control)
    sizes = tuple(np.bincount(labels, minlength=len(groups)).tolist())
    plan = _matched_plan(instance, groups, sizes, labels, objective)
    if plan is None:
        sizes = level_sizes(total, limits)
        labels = ncut_parts(weights, len(groups), sizes, control.seed, control)
        plan = _matched_plan(instance, groups, sizes, labels, objective)
    return Outcome(plan)


def match_parts(
    instance: Instance, groups: Sequence[Sequence[int]], sizes: Sequence[int], objective: Objective
) -> list[tuple[int, int]] | None:
    """Match parts and groups so that the groups' latencies have the smallest sum, by Kuhn-Munkres [2]_.

    Parameters
    ----------
    instance : Instance
        What was given.
    groups : sequence of sequences of int
        Device indices of each group, K groups.
    sizes : sequence of int
        Filters of each part, K parts.
    objective : str
        A group's latency is that of its fastest replica for ``nominal``, of its slowest otherwise.

    Returns
    -------
    list of (part, student index) or None
        One pair a group, with the student that serves the part fastest among those that can learn it and that fit on
        all devices of the group; None if no complete matching exists.
    """
    # SciPy takes a while to import: only here.
    from scipy.optimize import linear_sum_assignment

    pairs = [_best_students(instance, members, np.asarray(sizes), objective) for members in groups]
    seconds = np.array([pair[0] for pair in pairs])
    try:
        _, parts = linear_sum_assignment(seconds)
    except ValueError:
        # SciPy's way to say that every complete matching holds an infinite cost.
        return None
    return [(int(part), int(pairs[k][1][part])) for k, part in enumerate(parts)]


def _too_small(instance: Instance, limits: Sequence[int]) -> str | None:
    """Why groups whose largest parts are given cannot carry a plan; None if they can."""
    total, requirements = instance.knowledge.num_filters, instance.requirements
    if len(limits) < requirements.min_groups:
        return (
            f"follow-the-leader grouping forms {len(limits)} of at least {requirements.min_groups} groups that keep "
            f"the outage limit {requirements.max_group_outage:g} and share a student"
        )
    if sum(limits) < total:
        return (
            f"the {len(limits)} follow-the-leader groups can hold parts of {sum(limits)} filters in all, {total} must "
            "be held"
        )
    return None


def _matched_plan(
    instance: Instance,
    groups: Sequence[Sequence[int]],
    sizes: Sequence[int],
    labels: IntArray | None,
    objective: Objective,
) -> Plan | None:
    matching = match_parts(instance, groups, sizes, objective)
    if matching is None:
        return None
    return Plan.of(
        instance,
        [
            group_of(instance, members, j, sizes[part], None if labels is None else np.flatnonzero(labels == part))
            for members, (part, j) in zip(groups, matching, strict=True)
        ],
    )


def _best_students(
    instance: Instance, members: Sequence[int], sizes: IntArray, objective: Objective
) -> tuple[FloatArray, IntArray]:
    """Latency of a group with its best student for each part, and that student; infinite where none serves."""
    arrays = instance.arrays
    by_replica = arrays.latency(np.array(members)[:, None, None], np.arange(len(instance.students)), sizes[:, None])
    latency = by_replica.min(axis=0) if objective == "nominal" else by_replica.max(axis=0)
    latency[common_room(arrays, members) < sizes[:, None]] = np.inf
    best: IntArray = latency.argmin(axis=1)
    return latency.min(axis=1), best
