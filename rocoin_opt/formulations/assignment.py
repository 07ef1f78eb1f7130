"""Students and part sizes for given groups, for guaranteed, nominal and worst latency.

The joint model with its groups decided: ``counted`` says which replicas of a group decide when it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

from rocoin_opt.errors import InputError, Problem
from rocoin_opt.formulations.terms import (
    COVER_SLACK,
    Terms,
    counted_devices,
    require_groups_model,
    require_independent_groups,
)
from rocoin_opt.plan import IndexedGroup
from rocoin_opt.plan import plan_of as plan_of_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Group, Objective, Plan


def build(instance: Instance, groups: Sequence[Sequence[int]], objective: Objective) -> pyo.ConcreteModel:
    """Build the assignment model.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, neither failure domains nor rules on groups.
    groups : sequence of sequences of int
        Device indices of each group, disjoint and not empty. Every group gets a part.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.

    Returns
    -------
    ConcreteModel
        Minimises ``latency``, in units of ``unit`` seconds.

    Raises
    ------
    InputError
        If a group is empty, or there is none.
    UnsupportedError
        If the instance has failure domains, rules on groups or random latencies, or for the objective ``expected``.
    """
    require_groups_model(instance, objective)
    require_independent_groups(instance)
    if not groups or not all(groups):
        raise InputError("options", [Problem("groups", "no group, or an empty one", "groups of at least one device")])
    terms = Terms.of(instance, objective, 0.0, None)
    model = pyo.ConcreteModel(name=f"assignment-{objective}")
    model.minimised = pyo.Param(initialize=objective, within=pyo.Any)
    _sets(model, instance, groups)
    _variables(model, terms)
    _one_student(model)
    _part_size(model)
    _all_filters(model, instance)
    _counted(model, terms, objective)
    _answers_in_time(model, terms)
    model.objective = pyo.Objective(expr=model.latency, sense=pyo.minimize)
    return model


def fix(model: pyo.ConcreteModel, instance: Instance, plan: Plan) -> bool:
    """Fix all variables but ``latency`` to a plan; False, and nothing fixed, if its groups are not the model's.

    Parameters
    ----------
    model : ConcreteModel
        Of :func:`build`; it is changed.
    instance : Instance
        What the model was built of.
    plan : Plan
        A plan for it.
    """
    arrays = instance.arrays
    chosen: dict[int, Group] = {}
    for group in plan.groups:
        members = frozenset(arrays.device_index[device] for device in group.devices)
        chosen.update({k: group for k in model.K if frozenset(model.members[k]) == members})
    if len(chosen) != len(model.K) or len(plan.groups) != len(model.K):
        return False
    for k, group in chosen.items():
        counted = counted_devices(instance, group, pyo.value(model.minimised))
        student = arrays.student_index[group.student]
        for j in model.J:
            model.runs[k, j].fix(int(j == student))
            model.size[k, j].fix(group.num_filters if j == student else 0, skip_validation=True)
            for n in model.members[k]:
                model.counted[n, k, j].fix(int(j == student and instance.devices[n].id in counted))
    return True


def plan_of(model: pyo.ConcreteModel, instance: Instance) -> Plan:
    """Read the plan from the values of an assignment model's variables."""
    return plan_of_groups(
        instance,
        [
            IndexedGroup(tuple(model.members[k]), j, model.size[k, j].value)
            for (k, j), runs in model.runs.items()
            if runs.value
        ],
    )


def _sets(model: pyo.ConcreteModel, instance: Instance, groups: Sequence[Sequence[int]]) -> None:
    """Groups K with their members, and students J."""
    model.K = pyo.RangeSet(0, len(groups) - 1)
    model.J = pyo.RangeSet(0, len(instance.students) - 1)
    model.members = pyo.Set(model.K, initialize={k: sorted(group) for k, group in enumerate(groups)})
    model.replicas = pyo.Set(
        dimen=3, initialize=[(n, k, j) for k in model.K for n in model.members[k] for j in model.J]
    )


def _variables(model: pyo.ConcreteModel, terms: Terms) -> None:
    """What is decided; a part is no larger than what the weakest member of the group holds."""
    model.held = pyo.Param(
        model.K,
        model.J,
        initialize=lambda m, k, j: int(min(terms.hold[n, j] for n in m.members[k])),
        within=pyo.NonNegativeIntegers,
    )
    model.unit = pyo.Param(initialize=terms.unit)
    model.counted = pyo.Var(model.replicas, domain=pyo.Binary)
    model.runs = pyo.Var(model.K, model.J, domain=pyo.Binary)
    model.size = pyo.Var(model.K, model.J, domain=pyo.NonNegativeIntegers, bounds=lambda m, k, j: (0, m.held[k, j]))
    model.latency = pyo.Var(bounds=(0.0, 1.0))


def _one_student(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_j runs_{kj} = 1` for every group k."""

    def one_student(m: pyo.ConcreteModel, k: int) -> Any:
        return pyo.quicksum(m.runs[k, j] for j in m.J) == 1

    model.one_student = pyo.Constraint(model.K, rule=one_student)


def _part_size(model: pyo.ConcreteModel) -> None:
    r""":math:`runs_{kj} \le size_{kj} \le held_{kj}\, runs_{kj}` for every group k and student j."""

    def part_not_empty(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        return m.runs[k, j] <= m.size[k, j]

    model.part_not_empty = pyo.Constraint(model.K, model.J, rule=part_not_empty)

    def part_if_run(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        return m.size[k, j] <= m.held[k, j] * m.runs[k, j]

    model.part_if_run = pyo.Constraint(model.K, model.J, rule=part_if_run)


def _all_filters(model: pyo.ConcreteModel, instance: Instance) -> None:
    r""":math:`\sum_{k,j} size_{kj} = M`."""
    model.all_filters = pyo.Constraint(expr=pyo.quicksum(model.size.values()) == instance.knowledge.num_filters)


def _counted(model: pyo.ConcreteModel, terms: Terms, objective: Objective) -> None:
    r"""Which replicas decide when a group answers.

    All for ``worst``, :math:`counted_{nkj} = runs_{kj}`; one for ``nominal``, :math:`\sum_n counted_{nkj} = runs_{kj}`;
    enough for the outage limit for ``guaranteed``, :math:`\sum_n share_n\, counted_{nkj} \ge runs_{kj}`. The limit is
    kept by the group as a whole in any case: :math:`\sum_{n \in G_k} share_n \ge 1`.
    """

    def outage_limit(m: pyo.ConcreteModel, k: int, j: int) -> Any:
        counted = [
            float(terms.share[n]) * (m.counted[n, k, j] if objective == "guaranteed" else m.runs[k, j])
            for n in m.members[k]
        ]
        return pyo.quicksum(counted) >= (1.0 - COVER_SLACK) * m.runs[k, j]

    model.outage_limit = pyo.Constraint(model.K, model.J, rule=outage_limit)

    def counts_if_run(m: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
        counted, runs = m.counted[n, k, j], m.runs[k, j]
        return counted == runs if objective == "worst" else counted <= runs

    model.counts_if_run = pyo.Constraint(model.replicas, rule=counts_if_run)

    if objective == "nominal":

        def one_counts(m: pyo.ConcreteModel, k: int, j: int) -> Any:
            return pyo.quicksum(m.counted[n, k, j] for n in m.members[k]) == m.runs[k, j]

        model.one_counts = pyo.Constraint(model.K, model.J, rule=one_counts)


def _answers_in_time(model: pyo.ConcreteModel, terms: Terms) -> None:
    r"""A counted replica answers by ``latency``.

    :math:`latency \ge slope_{nj} (size_{kj} - held_{kj}\, runs_{kj}) + (base_{nj} + slope_{nj} held_{kj})
    counted_{nkj}`: where n counts this is its latency, elsewhere at most 0.
    """

    def answers_in_time(m: pyo.ConcreteModel, n: int, k: int, j: int) -> Any:
        base, slope, held = float(terms.base[n, j]), float(terms.slope[n, j]), m.held[k, j]
        unused = slope * (m.size[k, j] - held * m.runs[k, j])
        return m.latency >= unused + (base + slope * held) * m.counted[n, k, j]

    model.answers_in_time = pyo.Constraint(model.replicas, rule=answers_in_time)
