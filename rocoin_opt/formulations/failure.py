r"""Grouping, student assignment and part sizes in one model, for the least failure probability at one time.

``-ln P`` is the sum over the groups of ``c(W_k)``, ``c(W) = -ln(1 - e^-W)``, where ``W_k`` is the weight ``-ln p_n`` of
the replicas that are in time. ``c`` falls and is convex, so tangents bound it from below wherever they touch it. The
model is the joint one for ``nominal`` without latencies: its ``counted`` replicas are in time, ``extra`` ones only keep
the outage limit. Symbols are in ``docs/formulation.md``; every component has the name that it has there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyomo.environ as pyo

from rocoin_opt.formulations import joint
from rocoin_opt.formulations.group_costs import GroupCosts
from rocoin_opt.formulations.terms import failure_alone, require_failure_model
from rocoin_opt.instance import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.instance import Instance, IntArray

CUTOFF = 1e-5
"""Relative cost above that of the known plan up to which plans are in the model: ten times what a solver's tolerances
are worth, so that none below it is lost to them."""
STEEPEST = 1e4
"""Slope of a tangent, in units of cost and of the largest weight: steeper ones would drown in tolerances."""
DROPPED = 1e-9
"""Coefficient that a solver may take for 0."""

Counts: TypeAlias = tuple[tuple[int, ...], ...]
"""For each group, those of largest weight first, how many replicas of each failure probability are in time."""


def with_useful_students(instance: Instance, seconds: float) -> Instance:
    """Leave out students in whose place another one would do: every device delivers, and holds, as large a part of it.

    Where all energy is limited none is left out: another one may take more of it.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies.
    seconds : float
        The time by which replicas have to answer.
    """
    if instance.limits_energy:
        return instance
    parts = np.concatenate([_reach(instance, seconds), instance.arrays.largest])
    kept: list[int] = []
    # Whichever could stand in for another one has a larger sum, or is equal.
    for j in np.argsort(-parts.sum(axis=0), kind="stable").tolist():
        if not any((parts[:, j] <= parts[:, other]).all() for other in kept):
            kept.append(j)
    return instance._replace({"students": tuple(instance.students[j] for j in sorted(kept))})


class Slot(NamedTuple):
    """A group that there may be: its replicas that may be in time, by device, and whether it is there."""

    timely: Sequence[tuple[int, Any]]
    runs: Any


plan_of, forbid_cover, require_replicas = joint.plan_of, joint.forbid_cover, joint.require_replicas


def build(instance: Instance, seconds: float, unit: float) -> pyo.ConcreteModel:
    """Build the failure model: all plans that cost no more than the known one, but for :data:`CUTOFF`.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, no failure domain of several devices; any rules.
    seconds : float
        The time by which replicas have to answer; infinite where only crashes count.
    unit : float
        ``-ln P`` of the known plan: cost that counts as 1.

    Returns
    -------
    ConcreteModel
        Minimises the sum of ``cost``. It has no tangents yet, see :func:`add_tangents`.

    Raises
    ------
    UnsupportedError
        If the instance has random latencies, or a failure domain of several devices.
    """
    require_failure_model(instance)
    limit = seconds if math.isfinite(seconds) else None
    model = joint.build(with_affordable_groups(instance, seconds, unit), "nominal", upper_bound=limit)
    model.name = "failure"
    for component in (model.answers_in_time, model.objective, model.one_counts, model.groups_ordered):
        component.deactivate()
    minimise_failure(model, instance, seconds, unit, new_groups(model))
    return model


def with_affordable_groups(instance: Instance, seconds: float, unit: float) -> Instance:
    """Allow no more groups than cost no more than the known plan even if they share all weight evenly.

    Parameters
    ----------
    instance : Instance
        What was given.
    seconds : float
        The time by which replicas have to answer.
    unit : float
        ``-ln P`` of the known plan.
    """
    timely = failure_alone(instance)[_reach(instance, seconds).any(axis=1)]
    most = GroupCosts.of(failure_alone(instance), unit).most_groups(timely, 1.0 + CUTOFF, instance.max_groups)
    return instance.with_requirements(max_groups=max(instance.requirements.min_groups, most))


def new_groups(model: pyo.ConcreteModel) -> list[Slot]:
    """Slots of the groups of a joint model."""
    slots = []
    for k in model.K:
        timely = [(n, variable) for (n, group, _), variable in model.counted.items() if group == k]
        slots.append(Slot(timely, pyo.quicksum(model.runs[k, j] for j in model.J)))
    return slots


def minimise_failure(
    model: pyo.ConcreteModel, instance: Instance, seconds: float, unit: float, slots: list[Slot]
) -> None:
    r"""State what groups cost, and ask for the least sum.

    Parameters
    ----------
    model : ConcreteModel
        A joint model for ``nominal``, or what contains one.
    instance : Instance
        What was given.
    seconds : float
        The time by which replicas have to answer.
    unit : float
        ``-ln P`` of the known plan: cost that counts as 1.
    slots : list of Slot
        All groups that there may be; those of the joint model last.
    """
    costs = GroupCosts.of(failure_alone(instance), unit)
    model.of_groups = pyo.Param(initialize=costs, within=pyo.Any)
    model.slots = pyo.Param(initialize=slots, within=pyo.Any)
    model.S = pyo.RangeSet(0, len(slots) - 1)
    _late_replicas(model, instance, seconds)
    _some_in_time(model)
    _costs(model, costs, slots)
    model.tangents = pyo.ConstraintList()
    model.other_counts = pyo.ConstraintList()
    model.differs = pyo.VarList(domain=pyo.Binary)
    model.least_failure = pyo.Objective(expr=pyo.quicksum(model.cost.values()), sense=pyo.minimize)


def add_tangents(model: pyo.ConcreteModel, costs: Iterable[float], groups: Iterable[Sequence[int]] = ()) -> None:
    r"""State :math:`cost_k \ge (c(W) - c'(W)\, W) \sum_j runs_{kj} + c'(W)\, weight_k` for every group k.

    Tangents that would be too steep, and those beyond the last weight that matters, are moved to where that ends: a
    tangent is a bound wherever it touches.

    Parameters
    ----------
    model : ConcreteModel
        Of :func:`build`.
    costs : iterable of float
        Costs in units at which tangents touch.
    groups : iterable of sequence of int
        Groups at whose weight tangents touch: how many replicas of each kind are in time.
    """
    weights: GroupCosts = pyo.value(model.of_groups)
    places = [*map(weights.weight_of, costs), *map(weights.of_group, groups)]
    scale = weights.scale
    first = math.log1p(scale / (STEEPEST * weights.unit))
    for place in sorted({min(max(place, first), weights.last) for place in places}):
        slope = weights.slope(place)
        height = weights.cost(place) - slope * place
        # Rounded down: both terms have some ulps.
        height -= ROUNDING * abs(height)
        for k, slot in enumerate(pyo.value(model.slots)):
            model.tangents.add(model.cost[k] >= height * slot.runs + slope * scale * model.weight[k])


def forbid_counts(model: pyo.ConcreteModel, counts: Counts) -> None:
    r"""Cut off all plans whose groups have just these replicas in time: they cost the same.

    With :math:`x_{k\tau}` replicas of kind :math:`\tau` in time in group k, and :math:`v_{k\tau}` in the groups given,
    one :math:`x_{k\tau}` has to be another number. Where there is one device of a kind this needs no further variable,
    elsewhere two of ``differs``: one for more replicas, one for fewer.
    """
    weights, slots = pyo.value(model.of_groups), pyo.value(model.slots)
    if any(map(any, counts[len(slots) :])):
        return
    other = []
    for k, slot in enumerate(slots):
        wanted = counts[k] if k < len(counts) else (0,) * len(weights.of_kind)
        for kind, count in enumerate(wanted):
            here = [variable for n, variable in slot.timely if weights.kind[n] == kind]
            most = weights.kind.count(kind)
            if most == 1:
                other.append(1 - pyo.quicksum(here) if count else pyo.quicksum(here))
                continue
            if count < most:
                more = model.differs.add()
                model.other_counts.add(pyo.quicksum(here) >= (count + 1) * more)
                other.append(more)
            if count > 0:
                fewer = model.differs.add()
                model.other_counts.add(pyo.quicksum(here) <= most - (most - count + 1) * fewer)
                other.append(fewer)
    model.other_counts.add(pyo.quicksum(other) >= 1)


def counts_of(model: pyo.ConcreteModel) -> Counts:
    """How many replicas of each kind are in time in each group, from the values of the variables."""
    weights, slots = pyo.value(model.of_groups), pyo.value(model.slots)
    found = [[0] * len(weights.of_kind) for _ in slots]
    for counts, slot in zip(found, slots, strict=True):
        for n, variable in slot.timely:
            counts[weights.kind[n]] += round(variable.value)
    return tuple(map(tuple, found))


def counts_in(instance: Instance, timely: Iterable[Iterable[int]]) -> Counts:
    """How many replicas of each kind there are in groups of given devices in time, groups of more weight first."""
    weights, found = GroupCosts.of(failure_alone(instance), 1.0), []
    for members in timely:
        counts = [0] * len(weights.of_kind)
        for n in members:
            counts[weights.kind[n]] += 1
        found.append(tuple(counts))
    return tuple(sorted(found, key=weights.of_group, reverse=True))


def _reach(instance: Instance, seconds: float) -> IntArray:
    """Largest part that each device delivers by a time."""
    return instance.arrays.largest if math.isinf(seconds) else instance.arrays.largest_part(seconds)


def _late_replicas(model: pyo.ConcreteModel, instance: Instance, seconds: float) -> None:
    """Leave no choice to replicas that are in time with every part that they hold: they count."""
    largest, reach = instance.arrays.largest, _reach(instance, seconds)
    for (n, _, j), variable in model.extra.items():
        if reach[n, j] == largest[n, j]:
            variable.fix(0)


def _some_in_time(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_n counted_{nkj} \ge runs_{kj}` for every group k and student j: without any the failure is 1."""

    def some_in_time(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        here = [m.counted[n, k, j] for n in m.N if (n, k, j) in m.counted]
        return pyo.quicksum(here) >= m.runs[k, j]

    model.some_in_time = pyo.Constraint(model.K, model.J, rule=some_in_time)


def _costs(model: pyo.ConcreteModel, weights: GroupCosts, slots: list[Slot]) -> None:
    r"""Weight and cost of each group, heavier groups first, and the limit on the sum of costs.

    :math:`weight_k = \sum_{n,j} w_n\, counted_{nkj}` in units of the largest :math:`w_n`,
    :math:`weight_k \ge weight_{k+1}` for those of the joint model, :math:`\sum_k cost_k \le 1 + 10^{-5}`, and no group
    alone costs more: :math:`weight_k \ge c^{-1}(1 + 2 \cdot 10^{-5}) \sum_j runs_{kj}`.
    """
    scale, old = weights.scale, len(slots) - len(model.K)

    def in_group(_: pyo.ConcreteModel, k: int) -> Any:
        return pyo.quicksum(weights.of_device(n) / scale * variable for n, variable in slots[k].timely)

    model.weight = pyo.Expression(model.S, rule=in_group)
    model.cost = pyo.Var(model.S, bounds=(0.0, 1.0 + CUTOFF))

    def heavier_first(m: pyo.ConcreteModel, k: int) -> Any:
        return m.weight[old + k] >= m.weight[old + k + 1] if k + 1 in m.K else pyo.Constraint.Skip

    model.heavier_first = pyo.Constraint(model.K, rule=heavier_first)
    model.no_costlier = pyo.Constraint(expr=pyo.quicksum(model.cost.values()) <= 1.0 + CUTOFF)
    # HiGHS takes coefficients below DROPPED for 0.
    least = weights.weight_of(1.0 + 2.0 * CUTOFF) / scale - DROPPED * len(model.N)

    def least_weight(m: pyo.ConcreteModel, k: int) -> Any:
        return m.weight[k] >= least * slots[k].runs

    model.least_weight = pyo.Constraint(model.S, rule=least_weight)
