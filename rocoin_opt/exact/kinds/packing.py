"""Integer packings by kinds: how often each group is taken, with no more devices of a kind than there are.

One column stands for all groups of devices with the same counts, so a packing of a thousand devices is an integer
program over some thousand columns in as many rows as there are kinds and limits on sizes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.grouping import DUAL_SAFETY
from rocoin_opt.highs import LinearModel, solve_linear

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import KindsProblem, ListedRelaxation
    from rocoin_opt.instance import FloatArray, IntArray

    Status: TypeAlias = Literal["packed", "impossible", "unknown"]


class KindsPacking(NamedTuple):
    """Whether disjoint groups hold all filters, and if so which: the counts of each, and how often it is taken."""

    status: Status
    vectors: IntArray | None = None
    times: IntArray | None = None


class Effort(NamedTuple):
    """What an integer packing may cost: columns, those that waste least, and branch-and-bound nodes; None: all."""

    columns: int | None
    nodes: int | None


def pack_kinds(
    problem: KindsProblem, relaxation: ListedRelaxation, vectors: IntArray, control: Control, effort: Effort
) -> KindsPacking:
    """Decide whether disjoint groups hold all filters within a threshold.

    Parameters
    ----------
    problem : KindsProblem
        Instance, objective and threshold.
    relaxation : ListedRelaxation
        Of the same problem; it admits all filters.
    vectors : IntArray, C x I
        All groups without a superfluous device, as counts of each kind.
    control : Control
        Limit and seed.
    effort : Effort
        What it may cost.

    Returns
    -------
    KindsPacking
        ``impossible`` is proven, as the groups are all that matter. Whether a cover is true but for rounding is for
        whoever makes a plan of the groups.
    """
    sizes = relaxation.sizes
    # A packing of all filters wastes no more than the bound leaves, in all of its groups together.
    spare = relaxation.bound - problem.wanted + DUAL_SAFETY
    rows = np.flatnonzero((sizes > 0) & (relaxation.wasted <= spare))
    if len(rows) == 0:
        return KindsPacking("impossible")
    count = len(rows)
    rows = rows[np.argsort(relaxation.wasted[rows], kind="stable")[: effort.columns]]
    vectors, sizes = vectors[rows], sizes[rows]
    model = _model(problem, vectors, sizes)
    options: dict[str, int | float] = {"objective_target": float(problem.wanted)}
    if effort.nodes is not None:
        options["mip_max_nodes"] = effort.nodes
    solution, values = solve_linear(model, control.silent(), options=options)
    if values is not None:
        times = values.astype(np.int64)
        taken = np.flatnonzero(times)
        return KindsPacking("packed", vectors[taken], times[taken])
    return KindsPacking("impossible" if solution.status == "infeasible" and len(rows) == count else "unknown")


def _model(problem: KindsProblem, vectors: IntArray, sizes: IntArray) -> LinearModel:
    """``max sum v x`` over whole x: kinds, limits on sizes, all filters placed."""
    levels = problem.levels
    of_levels = sizes[:, None] >= levels.sizes
    matrix: Any = sp.csc_array(np.column_stack([vectors, of_levels, sizes]).T.astype(np.float64))
    limits = levels.limits.astype(np.float64)
    least = np.full(len(limits), -math.inf)
    least[0] = problem.instance.requirements.min_groups
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(vectors > 0, problem.counts // np.maximum(vectors, 1), np.iinfo(np.int64).max).min(axis=1)
    upper: FloatArray = np.minimum(most, limits[np.maximum(of_levels.sum(axis=1) - 1, 0)]).astype(np.float64)
    return LinearModel(
        sense=-1,
        offset=0.0,
        cost=sizes.astype(np.float64),
        lower=np.zeros(len(sizes)),
        upper=upper,
        # Sizes are whole: half a filter less asks for the same and leaves no room for tolerances.
        row_lower=np.concatenate([np.full(len(problem.counts), -math.inf), least, [problem.wanted - 0.5]]),
        row_upper=np.concatenate([problem.counts.astype(np.float64), limits, [math.inf]]),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.ones(len(sizes), dtype=np.int64),
    )
