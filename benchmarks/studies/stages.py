"""What the sequential pipeline loses, step by step: its groups, its part sizes, its matching."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

import rocoin_opt as ro
from rocoin_opt.grouping.assignment import assign_sizes
from rocoin_opt.heuristics.baselines.groups import common_room
from rocoin_opt.plan import group_of
from rocoin_opt.plan.latency import group_timing
from studies.columns import packed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studies.columns import Floats
    from studies.plans import Answers


def staged(instances: Sequence[ro.Instance], answers: Answers) -> dict[str, str]:
    """Value of the pipeline's plans, and what is left of it when later steps are done as well as can be.

    Returns
    -------
    dict of str to str
        Columns of guaranteed latencies in seconds. ``pipeline``: as planned. ``matching``: its groups and part sizes,
        matched so that the slowest group is fastest. ``sizes``: its groups, with the best students and part sizes.
        ``ncut``: the normalised cut of its plan, where there is a graph.
    """
    columns: dict[str, list[float | None]] = {"pipeline": [], "matching": [], "sizes": [], "ncut": []}
    for instance in instances:
        result = answers[instance.name]
        plan = result.plan
        row = (None, None, None, None) if plan is None else (result.objective_value, *_improved(instance, plan))
        for name, value in zip(columns, row, strict=True):
            columns[name].append(value)
    return {name: packed(values) for name, values in columns.items()}


def _improved(instance: ro.Instance, plan: ro.Plan) -> tuple[float | None, float | None, float | None]:
    index = instance.arrays.device_index
    groups = [[index[device] for device in group.devices] for group in plan.groups]
    assigned = assign_sizes(instance, groups, "guaranteed")
    sizes = None if assigned is None else assigned[1]
    return bottleneck(latencies(instance, groups, plan.sizes)), sizes, ro.evaluate(instance, plan).ncut


def latencies(instance: ro.Instance, groups: Sequence[Sequence[int]], sizes: Sequence[int]) -> Floats:
    """Guaranteed latency of each group with its best student for each part, K x K; infinite where none serves."""
    found = np.full((len(groups), len(sizes)), np.inf)
    for k, members in enumerate(groups):
        room = common_room(instance.arrays, members)
        for size in set(sizes):
            times = [
                group_timing(instance, group_of(instance, members, int(j), size)).guaranteed_seconds
                for j in np.flatnonzero(room >= size)
            ]
            found[k, np.array(sizes) == size] = min((time for time in times if time is not None), default=np.inf)
    return found


def bottleneck(seconds: Floats) -> float:
    """Smallest time within which every row can be matched to a column of its own."""
    times = np.unique(seconds[np.isfinite(seconds)])
    low, high = 0, len(times) - 1
    while low < high:
        middle = (low + high) // 2
        late = seconds > times[middle]
        if late[linear_sum_assignment(late)].any():
            low = middle + 1
        else:
            high = middle
    return float(times[low])
