"""The big-M model of ``big_m.py``, stated in Pyomo: what it takes to state, beside linopy and PySCIPOpt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

if TYPE_CHECKING:
    from peers.big_m import BigM


def pyomo_model(numbers: BigM) -> pyo.ConcreteModel:
    """State the model for ``guaranteed`` and ``worst``; the numbers in comments are those of ``big_m.py``."""
    m = pyo.ConcreteModel()
    devices, students = numbers.hold.shape
    m.N, m.K, m.J = (pyo.RangeSet(0, count - 1) for count in (devices, numbers.groups, students))
    m.x = pyo.Var(m.N, m.K, domain=pyo.Binary)
    m.y = pyo.Var(m.K, m.J, domain=pyo.Binary)
    m.z = pyo.Var(m.K, m.J, domain=pyo.NonNegativeIntegers, bounds=lambda _, _k, j: (0, int(numbers.longest[j])))
    m.T = pyo.Var(bounds=(numbers.earliest, numbers.latest))
    used = {k: pyo.quicksum(m.y[k, j] for j in m.J) for k in m.K}
    filters = {k: pyo.quicksum(m.z[k, j] for j in m.J) for k in m.K}
    m.one_student = pyo.Constraint(m.K, rule=lambda _, k: used[k] <= 1)  # 1
    m.part_not_empty = pyo.Constraint(m.K, m.J, rule=lambda m, k, j: m.y[k, j] <= m.z[k, j])  # 2
    m.part_if_run = pyo.Constraint(m.K, m.J, rule=lambda m, k, j: m.z[k, j] <= int(numbers.longest[j]) * m.y[k, j])
    m.all_filters = pyo.Constraint(expr=pyo.quicksum(m.z.values()) == numbers.instance.knowledge.num_filters)
    m.enough_groups = pyo.Constraint(expr=pyo.quicksum(m.y.values()) >= numbers.instance.requirements.min_groups)
    later = range(1, numbers.groups)
    m.sizes_ordered = pyo.Constraint(later, rule=lambda _, k: filters[k - 1] >= filters[k])  # 3
    m.uses_ordered = pyo.Constraint(later, rule=lambda _, k: used[k - 1] >= used[k])
    m.one_group = pyo.Constraint(m.N, rule=lambda m, n: pyo.quicksum(m.x[n, k] for k in m.K) <= 1)  # 4

    def outage_limit(m: pyo.ConcreteModel, k: int) -> Any:
        return pyo.quicksum(float(numbers.share[n]) * m.x[n, k] for n in m.N) >= used[k]

    m.outage_limit = pyo.Constraint(m.K, rule=outage_limit)  # 5
    held_by = {n: [j for j in m.J if numbers.hold[n, j] > 0] for n in m.N}

    def held(m: pyo.ConcreteModel, n: int, k: int) -> Any:
        return m.x[n, k] <= pyo.quicksum(m.y[k, j] for j in held_by[n])

    m.held = pyo.Constraint(m.N, m.K, rule=held)  # 6

    def replica_holds(m: pyo.ConcreteModel, n: int, k: int) -> Any:
        too_large = float(numbers.too_large[n])
        if not too_large:
            return pyo.Constraint.Skip
        room = pyo.quicksum(int(numbers.hold[n, j] or numbers.longest[j]) * m.y[k, j] for j in m.J)
        return filters[k] <= room + too_large * (1 - m.x[n, k])

    m.replica_holds = pyo.Constraint(m.N, m.K, rule=replica_holds)  # 7

    def answers_in_time(m: pyo.ConcreteModel, n: int, k: int) -> Any:
        too_late = float(numbers.too_late[n])
        if not too_late:
            return pyo.Constraint.Skip
        answer = pyo.quicksum(
            float(numbers.base[n, j] - numbers.earliest) * m.y[k, j] + float(numbers.slope[n, j]) * m.z[k, j]
            for j in held_by[n]
        )
        return m.T - numbers.earliest >= answer - too_late * (1 - m.x[n, k])

    m.answers_in_time = pyo.Constraint(m.N, m.K, rule=answers_in_time)  # 8
    m.objective = pyo.Objective(expr=m.T)
    return m
