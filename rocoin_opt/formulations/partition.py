"""Filters to parts under any criterion, for graphs of some sixteen filters: it proves partitions right or wrong.

A set-partitioning model with a column for every subset that may be a part. Symbols stand in ``docs/formulation.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr import LinearExpression

from rocoin_opt.knowledge import labels_of_parts, part_kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.knowledge import PartKind, SizeRanges


def build(additive: FloatArray, ranges: SizeRanges, bottleneck: FloatArray | None = None) -> pyo.ConcreteModel:
    """Build the partition model.

    Parameters
    ----------
    additive : FloatArray, 2**M or K x 2**M
        Cost of a part by mask, one row for each part where they differ; infinite where it must not be. See
        :func:`rocoin_opt.knowledge.subsets.part_costs`.
    ranges : SizeRanges
        Sizes that each of the K parts may have.
    bottleneck : FloatArray, 2**M, optional
        Finite, non-negative cost by mask of which only the largest one over all parts counts.

    Returns
    -------
    ConcreteModel
        Minimises the sum of the part costs, plus the largest bottleneck cost. With tens of thousands of columns a
        solver's presolve, which probes each of them, takes far longer than the solution; leave it out.

    Raises
    ------
    InputError
        If the costs are not those of K parts of M filters.
    """
    kinds = part_kinds(additive, ranges)
    model = pyo.ConcreteModel(name="partition")
    _sets(model, kinds, ranges)
    model.chosen = pyo.Var(model.C, domain=pyo.Binary)
    masks, kind = np.array(list(model.C), dtype=np.int64).reshape(-1, 2).T
    chosen = np.array(list(model.chosen.values()), dtype=object)
    costs = np.concatenate([kinds[r].costs[masks[kind == r]] for r in model.R])
    has_filter = (masks >> np.arange(ranges.total)[:, None]) & 1 == 1
    _one_part(model, chosen, has_filter)
    _part_count(model, chosen, kind)
    total = _linear(costs, chosen)
    if bottleneck is not None:
        _worst_part(model, chosen, has_filter, bottleneck[masks])
        total += model.worst
    model.objective = pyo.Objective(expr=total, sense=pyo.minimize)
    return model


def fix(model: pyo.ConcreteModel, labels: IntArray) -> bool:
    """Fix the parts to M labels, 0 to K - 1; False, and nothing fixed, where a part must not be what they say."""
    parts = {(int(np.sum(1 << np.flatnonzero(labels == k))), r) for r in model.R for k in model.parts[r]}
    if not parts <= set(model.C):
        return False
    for index, variable in model.chosen.items():
        variable.fix(int(index in parts))
    return True


def labels_of(model: pyo.ConcreteModel) -> IntArray:
    """Part of each filter, M labels, from the values of the model's variables.

    Parts that may stand for each other come in the order of their first filters.
    """
    chosen = [index for index, variable in model.chosen.items() if variable.value]
    return labels_of_parts(chosen, [model.parts[r] for r in model.R], len(model.M))


def _sets(model: pyo.ConcreteModel, kinds: Sequence[PartKind], ranges: SizeRanges) -> None:
    """Filters M, kinds R with their parts, and C: pairs of the mask of a subset and a kind that it may be."""
    model.M = pyo.RangeSet(0, ranges.total - 1)
    model.R = pyo.RangeSet(0, len(kinds) - 1)
    model.parts = pyo.Set(model.R, initialize={r: kind.parts for r, kind in enumerate(kinds)})
    allowed = [np.flatnonzero(np.isfinite(kind.costs)).tolist() for kind in kinds]
    model.C = pyo.Set(dimen=2, initialize=[(i, r) for r in model.R for i in allowed[r]])


def _one_part(model: pyo.ConcreteModel, chosen: Any, has_filter: BoolArray) -> None:
    r""":math:`\sum_{i \ni m, r} chosen_{ir} = 1` for every filter m."""

    def one_part(_: pyo.ConcreteModel, i: int) -> Any:
        columns = chosen[has_filter[i]]
        return _linear(np.ones(len(columns)), columns) == 1

    model.one_part = pyo.Constraint(model.M, rule=one_part)


def _part_count(model: pyo.ConcreteModel, chosen: Any, kind: IntArray) -> None:
    r""":math:`\sum_i chosen_{ir} = count_r`, the number of parts of kind r."""

    def part_count(m: pyo.ConcreteModel, r: int) -> Any:
        columns = chosen[kind == r]
        return _linear(np.ones(len(columns)), columns) == len(m.parts[r])

    model.part_count = pyo.Constraint(model.R, rule=part_count)


def _worst_part(model: pyo.ConcreteModel, chosen: Any, has_filter: BoolArray, bottleneck: FloatArray) -> None:
    r""":math:`worst \ge \sum_{i \ni m, r} bottleneck_i\, chosen_{ir}` for every filter m, which is in one part only."""
    model.worst = pyo.Var(bounds=(0.0, None))

    def worst_part(m: pyo.ConcreteModel, i: int) -> Any:
        columns = has_filter[i]
        return _linear(bottleneck[columns], chosen[columns]) - m.worst <= 0.0

    model.worst_part = pyo.Constraint(model.M, rule=worst_part)


def _linear(coefficients: FloatArray, variables: Any) -> Any:
    """A sum of products, stated at once: Pyomo takes much longer to add a hundred thousand of them up."""
    return LinearExpression(constant=0.0, linear_coefs=coefficients.tolist(), linear_vars=variables.tolist())
