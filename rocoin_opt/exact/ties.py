"""The order behind latency: of plans that answer equally early, the one that is better in what comes next.

First the partition quality where the instance has a graph, then the fewest device-seconds of work, then the most spare
reliability; see the section "The order behind latency" in ``docs/formulation.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.least_work import least_work
from rocoin_opt.exact.minimal_groups import Serving
from rocoin_opt.exact.part_quality import NCUT_DIGITS, better_parts
from rocoin_opt.exact.thrift import plan_of, served_by, spend_less
from rocoin_opt.knowledge.criteria import ncut
from rocoin_opt.knowledge.spectral import spectral_partition
from rocoin_opt.plan.check import check
from rocoin_opt.plan.filters import labels_of, with_filters
from rocoin_opt.plan.metrics import evaluate
from rocoin_opt.plan.model import Plan

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance.arrays import FloatArray
    from rocoin_opt.instance.model import Instance
    from rocoin_opt.plan.latency import Objective

DIGITS = 12
"""Significant digits to which plans are compared: the others are rounding, by which equal devices would differ."""


def tie_order(instance: Instance, plan: Plan) -> tuple[float, float, float]:
    """What comes behind latency, as a tuple to compare: smaller is better.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A valid plan.

    Returns
    -------
    tuple of three floats
        The normalised cut (0 without a graph, infinite where the filters are not explicit), the device-seconds that all
        replicas together are busy with one request, and the negative sum of the spares' cover shares. Each is rounded
        to what floating point tells apart.
    """
    arrays, graph = instance.arrays, instance.knowledge.graph
    cut = 0.0
    if graph is not None:
        labels = labels_of(instance, plan)
        cut = (
            math.inf
            if labels is None
            else round(ncut(graph.dense(instance.knowledge.num_filters), labels), NCUT_DIGITS)
        )
    seconds = [
        float(seconds)
        for group in served_by(instance, plan)
        for seconds in arrays.latency(list(group.members), group.student, group.size)
    ]
    spare = math.fsum(float(arrays.cover_share[arrays.device_index[device]]) for device in plan.spares)
    return cut, _significant(math.fsum(seconds)), _significant(-spare)


def _significant(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def break_ties(instance: Instance, objective: Objective, plan: Plan, control: Control) -> Plan:
    """Find the plan that is best behind latency among those that answer as early as a given one.

    Without a graph the result is proven best where all minimal groups are listed
    (:data:`rocoin_opt.exact.least_work.MAX_GROUPS`) and the integer programs end within their nodes, as they do for
    tens of devices; beyond, it is improved without a proof. With a graph the partition is improved by a descent and not
    proven; the rest is as good as its part sizes allow.

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

    Returns
    -------
    Plan
        Valid, with a value not above that of the given plan, and not after it in :func:`tie_order`. Filters are
        explicit where the instance has a graph; without one they are dropped where the plan changes.
    """
    if control.exhausted:
        return plan
    value = _value(instance, objective, plan)
    serving, served = Serving(instance, objective, value), served_by(instance, plan)
    graph = instance.knowledge.graph
    if graph is None:
        found = [plan_of(instance, groups) for groups in least_work(serving, served, control, free_sizes=True)]
    else:
        found = _with_better_parts(serving, graph.dense(instance.knowledge.num_filters), plan, control)
    kept = [other for other in found if not check(instance, other) and _value(instance, objective, other) <= value]
    return min([plan, *kept], key=lambda other: tie_order(instance, other))


def _with_better_parts(serving: Serving, weights: FloatArray, plan: Plan, control: Control) -> list[Plan]:
    """Plans of the best partition found, with ever less work for its part sizes."""
    instance = serving.instance
    canonical = Plan.of(instance, plan.groups)
    labels = labels_of(instance, canonical)
    if labels is None:
        labels = spectral_partition(weights, canonical.sizes, len(canonical.sizes), control.seed)
    served = spend_less(serving, served_by(instance, canonical), control, free_sizes=False)
    better, cut = better_parts(serving, served, labels, weights, control)
    # Parts and the groups of a plan both stand by descending size.
    return [
        with_filters(instance, plan_of(instance, groups), cut.labels)
        for groups in least_work(serving, better, control, free_sizes=False)
    ]


def _value(instance: Instance, objective: Objective, plan: Plan) -> float:
    value = evaluate(instance, plan).value(objective)
    return math.inf if value is None else value
