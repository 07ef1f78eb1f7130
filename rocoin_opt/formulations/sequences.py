"""Groups, students, sizes and the order on shared channels in one model, for guaranteed, nominal and worst latency.

The model is in ``docs/formulation/channels.md``. Replicas that are ready at one moment may go in either order in it, so
that its optimum is a lower bound where ties decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyomo.environ as pyo

from rocoin_opt.errors import UnsupportedError
from rocoin_opt.plan import IndexedGroup, plan_of, refused_channel

if TYPE_CHECKING:
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

MOST_DEVICES = 8
"""Devices that the model takes: every two on a channel have an order."""
SLACK = 1e-9
"""By how much the shares of a group may miss 1, of what is rounded."""


def require_sequences_model(instance: Instance) -> None:
    """Refuse what the model cannot state: many devices, failure domains and rules, ``min_success``, energy, a rate.

    Raises
    ------
    UnsupportedError
        Naming the obstacle.
    """
    given = instance.requirements
    if len(instance.devices) > MOST_DEVICES:
        raise refused_channel(
            instance, f"the model of sequences takes {MOST_DEVICES} devices, not {len(instance.devices)}"
        )
    if instance.is_restricted:
        raise UnsupportedError(f"{instance.name}: the model of sequences cannot state {instance.restricted_by}")
    for name in ("min_success", "max_energy_joules", "requests_per_second"):
        if getattr(given, name) is not None:
            raise UnsupportedError(f"{instance.name}: the model of sequences cannot state requirements.{name}")
    if instance.limits_energy:
        raise UnsupportedError(f"{instance.name}: the model of sequences cannot state max_joules")


def build(instance: Instance, objective: Objective, latest: float) -> pyo.ConcreteModel:
    """Build the model of sequences.

    Parameters
    ----------
    instance : Instance
        Few devices, constant latencies, shared channels.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    latest : float
        Seconds that a plan must keep.

    Returns
    -------
    ConcreteModel
        Minimises ``latency``, as a share of ``latest``.
    """
    arrays, total = instance.arrays, instance.knowledge.num_filters
    count = len(instance.devices)
    model = pyo.ConcreteModel(name=f"sequences-{objective}")
    model.N, model.J = pyo.RangeSet(0, count - 1), pyo.RangeSet(0, len(instance.students) - 1)
    model.K = pyo.RangeSet(0, min(instance.max_groups, count) - 1)
    model.runs = pyo.Var(model.K, model.J, within=pyo.Binary)
    model.size = pyo.Var(model.K, within=pyo.Integers, bounds=(0, total))
    triples = [(n, k, j) for n in model.N for k in model.K for j in model.J if arrays.largest[n, j] > 0]
    model.replica = pyo.Var(triples, within=pyo.Binary)
    model.part = pyo.Var(triples, within=pyo.NonNegativeReals)
    model.rows = pyo.ConstraintList()
    own = {n: [t for t in triples if t[0] == n] for n in model.N}
    for n, k, j in triples:
        model.rows.add(model.replica[n, k, j] <= model.runs[k, j])
        model.rows.add(model.part[n, k, j] <= int(arrays.largest[n, j]) * model.replica[n, k, j])
        model.rows.add(model.part[n, k, j] <= model.size[k])
        model.rows.add(model.part[n, k, j] >= model.size[k] - total * (1 - model.replica[n, k, j]))
    for n in model.N:
        model.rows.add(pyo.quicksum(model.replica[t] for t in own[n]) <= 1)
    for k in model.K:
        there = pyo.quicksum(model.runs[k, j] for j in model.J)
        inside = [t for t in triples if t[1] == k]
        model.rows.add(there <= 1)
        model.rows.add(model.size[k] <= total * there)
        model.rows.add(model.size[k] >= there)
        shares = pyo.quicksum(float(arrays.cover_share[t[0]]) * model.replica[t] for t in inside)
        model.rows.add(shares >= (1.0 - SLACK) * there)
        if k:
            model.rows.add(model.size[k] <= model.size[k - 1])
    model.rows.add(pyo.quicksum(model.size.values()) == total)
    runs = pyo.quicksum(model.runs.values())
    model.rows.add(runs >= instance.requirements.min_groups)
    _times(model, instance, own, latest)
    _counted(model, objective, triples)
    model.objective = pyo.Objective(expr=model.latency, sense=pyo.minimize)
    return model


def _times(
    model: pyo.ConcreteModel, instance: Instance, own: dict[int, list[tuple[int, int, int]]], latest: float
) -> None:
    r"""When replicas are ready and have answered, :math:`f_m \ge f_n + a_m` for whoever n goes before m.

    Parameters
    ----------
    model : ConcreteModel
        With replicas and parts.
    instance : Instance
        What was given.
    own : dict
        Replicas that each device can be.
    latest : float
        Unit of time, in seconds.
    """
    arrays = instance.arrays
    ready, air = {}, {}
    last = 0.0
    for n in model.N:
        overhead = instance.devices[n].overhead_seconds
        fixed = {j: (overhead + float(arrays.compute[n, j, 0])) / latest for j in model.J}
        slope = {j: float(arrays.compute[n, j, 1]) / latest for j in model.J}
        transfer = float(arrays.transfer[n]) / latest
        ready[n] = pyo.quicksum(fixed[t[2]] * model.replica[t] + slope[t[2]] * model.part[t] for t in own[n])
        air[n] = pyo.quicksum(transfer * model.part[t] for t in own[n])
        most = [
            fixed[j] + (slope[j] + transfer) * int(arrays.largest[n, j]) for j in model.J if arrays.largest[n, j] > 0
        ]
        last += max(most, default=0.0)
    model.far = pyo.Param(initialize=last)
    model.ends = pyo.Var(model.N, within=pyo.NonNegativeReals)
    for n in model.N:
        model.rows.add(model.ends[n] >= ready[n] + air[n])
    pairs = [(n, m) for members in instance.shared_channels.values() for n in members for m in members if n < m]
    model.before = pyo.Var(pairs, within=pyo.Binary)
    for n, m in pairs:
        first = model.before[n, m]
        for a, b, is_first in ((n, m, first), (m, n, 1 - first)):
            # A spare is ready at once, sends nothing, and so delays nobody.
            loose = (1 - is_first) + (1 - _used(model, own[b]))
            model.rows.add(ready[a] <= ready[b] + last * loose)
            model.rows.add(model.ends[b] >= model.ends[a] + air[b] - 2.0 * last * loose)


def _used(model: pyo.ConcreteModel, own: list[tuple[int, int, int]]) -> pyo.Expression:
    return pyo.quicksum(model.replica[t] for t in own)


def _counted(model: pyo.ConcreteModel, objective: Objective, triples: list[tuple[int, int, int]]) -> None:
    """The latency: of every replica, or for ``nominal`` of one leader in each group.

    Parameters
    ----------
    model : ConcreteModel
        With times.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    triples : list
        All replicas that there may be.
    """
    model.latency = pyo.Var(within=pyo.NonNegativeReals, bounds=(0.0, 1.0))
    far = 2.0 * pyo.value(model.far)
    if objective != "nominal":
        # A superfluous replica only delays: all that are there count.
        for n in model.N:
            used = _used(model, [t for t in triples if t[0] == n])
            model.rows.add(model.latency >= model.ends[n] - far * (1 - used))
        return
    model.leads = pyo.Var(triples, within=pyo.Binary)
    for t in triples:
        model.rows.add(model.leads[t] <= model.replica[t])
        model.rows.add(model.latency >= model.ends[t[0]] - far * (1 - model.leads[t]))
    for k in model.K:
        there = pyo.quicksum(model.runs[k, j] for j in model.J)
        model.rows.add(pyo.quicksum(model.leads[t] for t in triples if t[1] == k) == there)


def sequenced_plan(model: pyo.ConcreteModel, instance: Instance) -> Plan:
    """Read the plan from the values of the model's variables."""
    groups = []
    for (k, j), runs in model.runs.items():
        if runs.value and model.size[k].value:
            members = [n for (n, group, i), v in model.replica.items() if group == k and i == j and v.value]
            groups.append(IndexedGroup(tuple(members), j, round(model.size[k].value)))
    return plan_of(instance, groups)
