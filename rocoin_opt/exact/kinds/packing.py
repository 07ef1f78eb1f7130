"""Integer packings by kinds: how often each group is taken, with no more devices of a kind than there are.

One column stands for all groups of devices with the same counts, so a packing of a thousand devices is one of some
thousand columns, in as many rows as there are kinds and sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.threshold import ListedColumns, pack_listed
from rocoin_opt.grouping import DUAL_SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold import Status
    from rocoin_opt.grouping import KindsProblem, ListedRelaxation
    from rocoin_opt.instance import IntArray


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
    status, times = pack_listed(_listed(problem, vectors, sizes), control.silent(), effort.nodes)
    if times is not None:
        taken = np.flatnonzero(times)
        return KindsPacking("packed", vectors[taken], times[taken])
    return KindsPacking("impossible" if status == "impossible" and len(rows) == count else "unknown")


def _listed(problem: KindsProblem, vectors: IntArray, sizes: IntArray) -> ListedColumns:
    levels, steps = problem.levels, np.unique(sizes)
    limits = np.array([levels.groups_of(step) for step in steps.tolist()])
    least = np.zeros_like(limits)
    least[0] = problem.instance.requirements.min_groups
    with np.errstate(divide="ignore", invalid="ignore"):
        most = np.where(vectors > 0, problem.counts // np.maximum(vectors, 1), np.iinfo(np.int64).max).min(axis=1)
    return ListedColumns(
        counts=sp.csc_array(vectors.T.astype(np.float64)),
        available=problem.counts,
        sizes=sizes,
        most=np.minimum(most, limits[np.searchsorted(steps, sizes)]),
        steps=steps,
        least=least,
        limits=limits,
        wanted=problem.wanted,
    )
