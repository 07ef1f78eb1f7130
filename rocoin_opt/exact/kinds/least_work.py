"""The least work by kinds among packings that fail as rarely: an integer program over groups and their students."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from rocoin_opt.highs import LinearModel, solve_linear
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from typing import Any

    from rocoin_opt.control import Control
    from rocoin_opt.exact.kinds.answer import KindsAnswer
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.plan import Plan

MAX_CHOICES = 4_000
"""Groups and students that an integer program takes."""
MAX_NODES = 500
"""Branch-and-bound nodes of it: a limit that is the same on every machine."""
ROW_SCALE = 1e4
"""Scale of the row that holds the failure probability, so that the solver's tolerance is as small."""


def least_work_by_kinds(packing: KindsAnswer, limit: float, control: Control) -> tuple[Plan | None, bool]:
    """Choose groups of least work whose cost is within a limit; the plan wants to be checked.

    Parameters
    ----------
    packing : KindsAnswer
        Groups by kinds, and their costs.
    limit : float
        Cost that the groups may have together.
    control : Control
        Limit and seed.

    Returns
    -------
    Plan or None, bool
        The plan, None where none was found; and whether no groups within the limit have less work, up to the tolerances
        of the solver.
    """
    sets, arrays = packing.sets, packing.kinds.arrays
    rows = packing.tied(limit)
    held, inside = sets.by_student[rows], sets.vectors[rows][:, :, None]
    # Of kinds without a device in the group times may be infinite, which no device makes no number.
    bases, slopes = (
        (inside * np.where(inside > 0, table[None, :, :], 0.0)).sum(axis=1) for table in (arrays.base, arrays.slope)
    )
    row, student = np.nonzero((held > 0) & ~_beaten(held, bases, slopes))
    if len(row) == 0 or len(row) > MAX_CHOICES:
        return None, False
    most, base, slope, row = held[row, student], bases[row, student], slopes[row, student], rows[row]
    vectors = sets.vectors[row]
    unit = float((base + slope).max()) or 1.0
    count, kinds = len(row), len(packing.kinds.counts)
    # Every group has one filter; further ones of all its copies together are a variable of their own.
    taken = np.column_stack([vectors, np.ones(count), np.ones(count), packing.costs[row] * ROW_SCALE]).T
    further: Any = sp.csc_array((np.ones(count), (np.full(count, kinds + 1), np.arange(count))), (kinds + 3, count))
    links: Any = sp.diags_array(-(most - 1.0), format="csc")
    matrix: Any = sp.block_array([[sp.csc_array(taken), further], [links, sp.eye_array(count)]], format="csc")
    counts = packing.kinds.counts.astype(np.float64)
    filters = float(packing.filters)
    copies = np.where(vectors > 0, packing.kinds.counts // np.maximum(vectors, 1), packing.most).min(axis=1)
    model = LinearModel(
        sense=1,
        offset=0.0,
        cost=np.concatenate([base + slope, slope]) / unit,
        lower=np.zeros(2 * count),
        upper=np.concatenate([copies.astype(np.float64), (most - 1.0) * copies]),
        row_lower=np.concatenate(
            [np.full(kinds, -math.inf), [packing.fewest, filters, -math.inf], np.full(count, -math.inf)]
        ),
        row_upper=np.concatenate([counts, [packing.most, filters, limit * ROW_SCALE], np.zeros(count)]),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.concatenate([np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)]),
    )
    alone = replace(control.silent(), threads=1, gap=0.0)
    # With so few rows, presolving takes longer than it saves.
    solution, values = solve_linear(model, alone, options={"mip_max_nodes": MAX_NODES, "presolve": "off"})
    if values is None:
        return None, False
    times = values[:count].astype(np.int64)
    chosen = np.repeat(np.arange(count), times)
    sizes = _sizes(most[chosen], slope[chosen], packing.filters)
    groups = [tuple(np.repeat(np.arange(kinds), vectors[c]).tolist()) for c in chosen.tolist()]
    members = packing.kinds.expanded(groups)
    served = [
        IndexedGroup(devices, int(student[c]), size)
        for devices, c, size in zip(members, chosen.tolist(), sizes, strict=True)
    ]
    return plan_of(packing.instance, served), solution.status == "optimal"


def _beaten(held: IntArray, bases: FloatArray, slopes: FloatArray) -> BoolArray:
    """Whether another student of the same group holds as much for no more work, C x J; of equal ones the first stays.

    Parameters
    ----------
    held : IntArray, C x J
        Largest parts.
    bases, slopes : FloatArray, C x J
        Device-seconds of a group, without and for each filter.
    """
    beaten = np.zeros(held.shape, dtype=bool)
    for j in range(held.shape[1]):
        for i in range(held.shape[1]):
            good, same = held[:, i] >= held[:, j], held[:, i] == held[:, j]
            for size in (np.ones(len(held)), np.maximum(held[:, j], 1)):
                one, other = (bases[:, k] + slopes[:, k] * size for k in (i, j))
                good &= one <= other
                same &= one == other
            beaten[:, j] |= good & ~same if i > j else good if i < j else False
    return beaten


def _sizes(most: IntArray, slope: Any, filters: int) -> list[int]:
    """Part sizes of least work: one filter each, the others where one costs least."""
    sizes, left = np.ones(len(most), dtype=np.int64), filters - len(most)
    for k in np.argsort(slope, kind="stable").tolist():
        more = min(left, int(most[k]) - 1)
        sizes[k] += more
        left -= more
    found: list[int] = sizes.tolist()
    return found
