"""Diving for a packing at a threshold: numbers of groups first, then the groups themselves.

How many groups hold each size or more is branched on until the relaxation takes whole numbers of them. For the first
such numbers, groups are made one after another; see :mod:`rocoin_opt.exact.threshold.demand_packing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.exact.threshold.count_tree import whole_numbers
from rocoin_opt.exact.threshold.demand_packing import DemandPacking
from rocoin_opt.exact.threshold.packing import Effort, Packing, pack_alike_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.plan import Members

ALIKE = Effort(20_000, 50)
"""What packing may cost where all parts are alike, before any dive."""
NODES, NUMBERS = 40, 2
"""Nodes of the tree of numbers, and numbers of groups that are dived for."""


def dive(problem: ThresholdProblem, groups: Sequence[Members], control: Control, dives: int) -> Packing:
    """Look for disjoint groups that hold all filters within a threshold.

    ``impossible`` is proven by the relaxation, or by shares; that dives find nothing proves nothing.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit and seed.
    dives : int
        Most dives for the same numbers of groups.

    Returns
    -------
    Packing
        Groups whose cover is true up to rounding; whoever makes a plan of them checks it.
    """
    packing = pack_alike_parts(problem, control, ALIKE)
    if packing.status != "unknown":
        return packing
    tried = 0
    for counts in whole_numbers(problem, groups, control, NODES):
        if counts is None:
            return Packing("unknown")
        found = DemandPacking(problem, counts, groups, control).dive(dives)
        tried += 1
        if found is not None:
            return Packing("packed", found)
        if control.exhausted or tried == NUMBERS:
            return Packing("unknown")
    return Packing("unknown" if tried else "impossible")
