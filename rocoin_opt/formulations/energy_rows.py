"""The row that a limit on all energy asks for: what every replica takes with its student and the size of its part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyomo.environ as pyo

from rocoin_opt.instance import SOLVER_SAFETY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.instance import Instance

ENERGY_SLACK = SOLVER_SAFETY
"""Share of the limit that a model lets plans exceed it by, so that none is lost to rounding: whoever solves the model
checks the energy of its plan."""


def add_energy_limit(model: pyo.ConcreteModel, instance: Instance, old: Iterable[tuple[float, Any]] = ()) -> None:
    r"""State the limit on all energy over the groups of a joint model, where there is one; again instead of before.

    With what device n takes for student j without and per filter, :math:`A_{nj}` and :math:`B_{nj}`, and
    :math:`x_{nkj} = counted_{nkj} + extra_{nkj}`: :math:`\sum A_{nj} x_{nkj} + B_{nj} filters_{nkj} \le E` with
    :math:`filters_{nkj} \ge x_{nkj}` and :math:`filters_{nkj} \ge size_{kj} - longest_j (runs_{kj} - x_{nkj})`.
    Replicas that take more than E with one filter are in no group.

    Parameters
    ----------
    model : ConcreteModel
        A joint model, or what contains one.
    instance : Instance
        Whose limit it is.
    old : iterable of (float, expression)
        Replicas besides them: the joules of each, and whether it is there.
    """
    most = instance.requirements.max_energy_joules
    if most is None:
        return
    for name in ("energy_limit", "replica_filters", "filters"):
        model.del_component(name)
    energy, allowed = instance.arrays.energy, most * (1.0 + ENERGY_SLACK)
    model.filters = pyo.VarList(domain=pyo.NonNegativeReals)
    model.replica_filters = pyo.ConstraintList()
    # In shares of the limit, whatever that is.
    spent = []
    for n, k, j in model.replicas:
        own = [kind[n, k, j] for kind in (model.counted, model.extra) if (n, k, j) in kind]
        fixed, slope = energy[n, j].tolist()
        if fixed + slope > allowed:
            for variable in own:
                variable.fix(0)
        elif slope > 0.0:
            filters, member = model.filters.add(), pyo.quicksum(own)
            model.replica_filters.add(filters >= member)
            size = model.size[k, j]
            model.replica_filters.add(filters >= size - size.ub * (model.runs[k, j] - member))
            spent.append((fixed / most) * member + (slope / most) * filters)
        elif fixed > 0.0:
            spent.append((fixed / most) * pyo.quicksum(own))
    model.energy_limit = pyo.ConstraintList()
    for joules, there in old:
        if joules > allowed:
            model.energy_limit.add(there <= 0)
        elif joules > 0.0:
            spent.append((joules / most) * there)
    if spent:
        model.energy_limit.add(pyo.quicksum(spent) <= 1.0 + ENERGY_SLACK)
