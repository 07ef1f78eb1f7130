"""Filters to parts of prescribed sizes with the least cut weight: for small graphs, to prove heuristics right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyomo.environ as pyo

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance.arrays import FloatArray, IntArray


def build(weights: FloatArray, sizes: Sequence[int]) -> pyo.ConcreteModel:
    """Build the partition model.

    Parameters
    ----------
    weights : FloatArray, M x M
        Symmetric, non-negative adjacency matrix of the filter graph.
    sizes : sequence of int
        Size of each part, at least 1, with the sum M.

    Returns
    -------
    ConcreteModel
        Minimises the weight of the edges between parts, each edge counted once.

    Raises
    ------
    InputError
        If the sizes are not parts of M filters.
    """
    if min(sizes, default=0) < 1 or sum(sizes) != len(weights):
        allowed = f"whole numbers of at least 1 with the sum {len(weights)}"
        raise InputError("options", [Problem("sizes", repr(tuple(sizes)), allowed)])
    model = pyo.ConcreteModel(name="partition")
    model.M = pyo.RangeSet(0, len(weights) - 1)
    model.K = pyo.RangeSet(0, len(sizes) - 1)
    model.E = pyo.Set(dimen=2, initialize=[(int(a), int(b)) for a, b in np.argwhere(np.triu(weights, 1) > 0)])
    _variables(model)
    _one_part(model)
    _prescribed_size(model, sizes)
    _edge_is_cut(model)
    _parts_ordered(model, sizes)
    model.objective = pyo.Objective(
        expr=pyo.quicksum(float(weights[a, b]) * model.cut[a, b] for a, b in model.E), sense=pyo.minimize
    )
    return model


def fix(model: pyo.ConcreteModel, labels: IntArray) -> None:
    """Fix the parts to a vector of M part indices."""
    for (m, k), variable in model.part.items():
        variable.fix(int(labels[m] == k))


def labels_of(model: pyo.ConcreteModel) -> IntArray:
    """Part of each filter, M integers, from the values of the model's variables."""
    return np.array([next(k for k in model.K if model.part[m, k].value) for m in model.M], dtype=np.int64)


def _variables(model: pyo.ConcreteModel) -> None:
    """Which filter is in which part, and which edges run between parts."""
    model.part = pyo.Var(model.M, model.K, domain=pyo.Binary)
    model.cut = pyo.Var(model.E, bounds=(0.0, 1.0))


def _one_part(model: pyo.ConcreteModel) -> None:
    r""":math:`\sum_k part_{mk} = 1` for every filter m."""

    def one_part(m: pyo.ConcreteModel, i: int) -> Any:
        return pyo.quicksum(m.part[i, k] for k in m.K) == 1

    model.one_part = pyo.Constraint(model.M, rule=one_part)


def _prescribed_size(model: pyo.ConcreteModel, sizes: Sequence[int]) -> None:
    r""":math:`\sum_m part_{mk} = size_k` for every part k."""

    def prescribed_size(m: pyo.ConcreteModel, k: int) -> Any:
        return pyo.quicksum(m.part[i, k] for i in m.M) == sizes[k]

    model.prescribed_size = pyo.Constraint(model.K, rule=prescribed_size)


def _edge_is_cut(model: pyo.ConcreteModel) -> None:
    r""":math:`cut_{ab} \ge part_{ak} - part_{bk}` for every edge (a, b) and part k.

    An edge between two parts has an end in one of them, so one direction is enough.
    """

    def edge_is_cut(m: pyo.ConcreteModel, a: int, b: int, k: int) -> Any:
        return m.cut[a, b] >= m.part[a, k] - m.part[b, k]

    model.edge_is_cut = pyo.Constraint(model.E, model.K, rule=edge_is_cut)


def _parts_ordered(model: pyo.ConcreteModel, sizes: Sequence[int]) -> None:
    r""":math:`part_{m,k+1} \le \sum_{i < m} part_{ik}` where parts k and k + 1 have the same size.

    Among parts of the same size, the one with the smallest filter comes first.
    """

    def parts_ordered(m: pyo.ConcreteModel, i: int, k: int) -> Any:
        if k + 1 not in m.K or sizes[k] != sizes[k + 1]:
            return pyo.Constraint.Skip
        return m.part[i, k + 1] <= pyo.quicksum(m.part[before, k] for before in range(i))

    model.parts_ordered = pyo.Constraint(model.M, model.K, rule=parts_ordered)
