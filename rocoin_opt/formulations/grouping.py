"""Devices to groups under the outage limit: as many groups as possible, or a number of groups in balance.

A stand-alone look at redundancy, without parts, and without students unless they are asked for; bin covering in the
terms of ``docs/formulation.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.formulations.group_rows import Place, add_rules, covered
from rocoin_opt.formulations.outage_shares import OutageShares
from rocoin_opt.formulations.terms import COVER_SLACK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance


def build(instance: Instance, num_groups: int | None = None, *, with_students: bool = False) -> pyo.ConcreteModel:
    """Build the grouping model over the devices that can hold a student.

    Parameters
    ----------
    instance : Instance
        What was given, with any failure domains and rules; latencies do not matter.
    num_groups : int, optional
        Number of groups to balance: the model then maximises ``weakest``, the smallest group's share of the compute
        rate of all devices. Without it the model maximises the number of groups, up to the instance's limit.
    with_students : bool
        Whether each group needs a student of which all of its devices can hold a filter.

    Returns
    -------
    ConcreteModel
        With the binary variables ``member`` and ``used``, and ``runs`` where students are asked for.

    Raises
    ------
    InputError
        If ``num_groups`` lies outside of 1 .. N.
    """
    if num_groups is not None and not 1 <= num_groups <= len(instance.devices):
        raise InputError("options", [Problem("num_groups", repr(num_groups), f"1 to {len(instance.devices)}")])
    model = pyo.ConcreteModel(name="grouping")
    _sets(model, instance, num_groups)
    _variables(model)
    _one_group(model)
    _outage_limit(model, instance)
    add_rules(model, instance, _places(model))
    if with_students:
        _common_student(model, instance)
    if num_groups is None:
        _groups_ordered(model)
        model.objective = pyo.Objective(expr=pyo.quicksum(model.used.values()), sense=pyo.maximize)
    else:
        model.used.fix(1)
        _weakest_group(model, instance)
        model.objective = pyo.Objective(expr=model.weakest, sense=pyo.maximize)
    return model


def fix(model: pyo.ConcreteModel, groups: Sequence[Sequence[int]]) -> bool:
    """Fix the groups to sets of device indices; False, and nothing fixed, where the model cannot state them."""
    if len(groups) > len(model.K) or any(n not in model.N for group in groups for n in group):
        return False
    for k in model.K:
        members = set(groups[k]) if k < len(groups) else set()
        # Balanced groups are all used from the start.
        if not model.used[k].fixed:
            model.used[k].fix(int(k < len(groups)))
        for n in model.N:
            model.member[n, k].fix(int(n in members))
    return True


def _sets(model: pyo.ConcreteModel, instance: Instance, num_groups: int | None) -> None:
    """Devices N that can hold a student, and groups K: no more than the sum of all shares allows."""
    useful = np.flatnonzero(instance.arrays.largest.max(axis=1))
    possible = math.floor(float(OutageShares.of(instance).alone[useful].sum()) + COVER_SLACK)
    model.N = pyo.Set(initialize=useful.tolist())
    model.K = pyo.RangeSet(0, (min(instance.max_groups, possible) if num_groups is None else num_groups) - 1)


def _variables(model: pyo.ConcreteModel) -> None:
    """Which device is in which group, and which groups there are."""
    model.member = pyo.Var(model.N, model.K, domain=pyo.Binary)
    model.used = pyo.Var(model.K, domain=pyo.Binary)


def _one_group(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_k member_{nk} \le 1` for every device n; the others are spares."""

    def one_group(m: pyo.ConcreteModel, n: int) -> Any:
        return pyo.quicksum(m.member[n, k] for k in m.K) <= 1 if len(m.K) else pyo.Constraint.Skip

    model.one_group = pyo.Constraint(model.N, rule=one_group)


def _places(model: pyo.ConcreteModel) -> list[Place]:
    return [Place({n: model.member[n, k] for n in model.N}, model.used[k]) for k in model.K]


def _outage_limit(model: pyo.ConcreteModel, instance: Instance) -> None:
    r""":math:`\sum_n share_n\, member_{nk} \ge used_k` for every group k; for domains see :func:`covered`."""
    shares, places = OutageShares.of(instance), _places(model)

    def outage_limit(m: pyo.ConcreteModel, k: int) -> Any:
        return covered(m, shares, places[k]) >= (1.0 - COVER_SLACK) * m.used[k]

    model.outage_limit = pyo.Constraint(model.K, rule=outage_limit)


def _common_student(model: pyo.ConcreteModel, instance: Instance) -> None:
    r""":math:`\sum_j runs_{kj} \le 1` and :math:`member_{nk} \le \sum_{j: n \text{ holds } j} runs_{kj}`."""
    able = instance.arrays.largest > 0
    model.J = pyo.RangeSet(0, able.shape[1] - 1)
    model.runs = pyo.Var(model.K, model.J, domain=pyo.Binary)

    def one_student(m: pyo.ConcreteModel, k: int) -> Any:
        return pyo.quicksum(m.runs[k, j] for j in m.J) <= 1

    def held(m: pyo.ConcreteModel, n: int, k: int) -> Any:
        return m.member[n, k] <= pyo.quicksum(m.runs[k, j] for j in m.J if able[n, j])

    model.one_student = pyo.Constraint(model.K, rule=one_student)
    model.held = pyo.Constraint(model.N, model.K, rule=held)


def _groups_ordered(model: pyo.ConcreteModel) -> None:
    r""":math:`used_k \ge used_{k+1}`: the groups there are come first."""

    def groups_ordered(m: pyo.ConcreteModel, k: int) -> Any:
        return m.used[k] >= m.used[k + 1] if k + 1 in m.K else pyo.Constraint.Skip

    model.groups_ordered = pyo.Constraint(model.K, rule=groups_ordered)


def _weakest_group(model: pyo.ConcreteModel, instance: Instance) -> None:
    r""":math:`weakest \le \sum_n c_n\, member_{nk} / \sum_n c_n` for every group k.

    Groups are ordered by this share, which is one of their equivalent orders.
    """
    rates = {n: float(instance.arrays.rate[n]) for n in model.N}
    total = sum(rates.values())
    model.weakest = pyo.Var(bounds=(0.0, 1.0))
    model.rate_share = pyo.Expression(
        model.K,
        rule=lambda m, k: pyo.quicksum(rates[n] / total * m.member[n, k] for n in m.N),
    )

    def weakest_group(m: pyo.ConcreteModel, k: int) -> Any:
        return m.weakest <= (m.rate_share[k + 1] if k + 1 in m.K else m.rate_share[k])

    model.weakest_group = pyo.Constraint(model.K, rule=weakest_group)

    def groups_ordered(m: pyo.ConcreteModel, k: int) -> Any:
        return m.rate_share[k] >= m.rate_share[k + 1] if k + 1 in m.K else pyo.Constraint.Skip

    model.groups_ordered = pyo.Constraint(model.K, rule=groups_ordered)
