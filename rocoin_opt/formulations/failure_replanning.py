"""Plans of least failure probability that change few loads of an older plan: the continuation model with costs.

Groups that go on stand first among the slots, then the new ones. Symbols are in ``docs/formulation.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

from rocoin_opt.formulations import failure, replanning

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

plan_of, forbid_cover, require_replicas = replanning.plan_of, replanning.forbid_cover, replanning.require_replicas


def build(instance: Instance, old: Plan, seconds: float, unit: float, *, max_loads: int) -> pyo.ConcreteModel:
    """Build the continuation model of all plans that cost no more than a known one, but for a little.

    Parameters
    ----------
    instance : Instance
        What is left: constant latencies, no failure domains.
    old : Plan
        The plan so far, which may name devices that the instance does not have any more.
    seconds : float
        The time by which replicas have to answer; infinite where only crashes count.
    unit : float
        ``-ln P`` of the known plan: cost that counts as 1.
    max_loads : int
        Devices that may be sent a student.

    Returns
    -------
    ConcreteModel
        Minimises the sum of ``cost``. It has no tangents yet, see :func:`rocoin_opt.formulations.failure.add_tangents`.
    """
    limit = seconds if math.isfinite(seconds) else None
    limited = failure.with_affordable_groups(instance, seconds, unit)
    model = replanning.build(limited, old, "nominal", upper_bound=limit, max_loads=max_loads)
    for component in (model.one_counts, model.groups_ordered, model.one_stays, model.fewest_loads):
        component.deactivate()
    for n, g in model.able:
        if (n, g) in model.timely:
            # Who is in time counts.
            model.holds[n, g].fix(0)
    _some_stay(model)
    going_on = [
        failure.Slot([(n, model.stays[n, g]) for n in model.N if (n, g) in model.timely], model.continues[g])
        for g in model.G
    ]
    failure.minimise_failure(model, instance, seconds, unit, [*going_on, *failure.new_groups(model)])
    return model


def _some_stay(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_n stays_{ng} \ge continues_g` for every old group g: without anybody in time the failure is 1."""

    def some_stay(m: pyo.ConcreteModel, g: int) -> Any:
        return pyo.quicksum(m.stays[n, g] for n in m.N if (n, g) in m.timely) >= m.continues[g]

    model.some_stay = pyo.Constraint(model.G, rule=some_stay)
