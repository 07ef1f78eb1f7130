"""Integer packing by branching on how many groups there are of a size or more, with groups priced at every node.

Where a threshold leaves much to waste, too many columns are within it to be listed. But most of what the relaxation
promises there are fractions of groups of a size: three and a half large ones, where four need devices that there are
not. Once their numbers are whole the bound falls by as much as hundreds of thousands of columns were listed for, mostly
below what is wanted; and where it does not, few columns are left to waste so little, and an integer program packs them.
After Vanderbeck, "Branching in branch-and-price: a generic scheme", Mathematical Programming 130, 2011.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.exact.threshold.counted_program import CountedProgram
from rocoin_opt.exact.threshold.packing import Effort, Memory, Packing, pack
from rocoin_opt.grouping import LEAST_FRACTION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.listed_columns import Counts
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray
    from rocoin_opt.plan import Members

LISTED = 20_000
"""Columns up to which a node is listed while its numbers of groups can still be branched on."""


class _Node(NamedTuple):
    """Numbers of groups, and prices to begin with."""

    counts: Counts
    prices: FloatArray | None


def pack_by_counts(
    problem: ThresholdProblem, groups: Sequence[Members], control: Control, effort: Effort, memory: Memory
) -> Packing:
    """Decide whether disjoint groups hold all filters within a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limits.
    effort : Effort
        What it may cost: nodes of this tree, and columns and nodes of each packing at its leaves.
    memory : Memory
        Lessons of earlier packings; those of this one are added.

    Returns
    -------
    Packing
        Groups whose cover is true up to rounding; ``unknown`` too where devices fail together.
    """
    if problem.coverage is not None:
        return Packing("unknown", listed=False)
    program = CountedProgram(problem, groups, control)
    if (program.counts.least > program.counts.limits).any():
        return Packing("impossible")
    stack, solved, decided = [_Node(program.counts, None)], 0, True
    while stack:
        if control.exhausted or (effort.nodes is not None and solved >= effort.nodes):
            return Packing("unknown", listed=False)
        node = stack.pop()
        solved += 1
        found = program.solve(node.counts, node.prices)
        if found is None:
            return Packing("unknown", listed=False)
        if not found.relaxation.admits(problem.wanted):
            continue
        parts = _split(node.counts, found.groups)
        columns = min(effort.columns, LISTED) if parts else effort.columns
        leaf = replace(effort, columns=columns)
        packing = pack(problem, found.relaxation, control, leaf, memory, node.counts)
        if packing.status == "packed":
            return packing
        if packing.status == "impossible":
            continue
        if not parts:
            decided = False
            continue
        stack += [_Node(part, found.prices) for part in parts]
    return Packing("impossible" if decided else "unknown", listed=decided)


def _split(counts: Counts, groups: FloatArray) -> tuple[Counts, ...]:
    """Numbers on both sides of one that is not whole; none where all are.

    Parameters
    ----------
    counts : Counts
        Numbers of groups of a node.
    groups : FloatArray, R
        How many groups of each size or more its program takes.
    """
    # Where groups are missing, and made up for in the program, a limit below them would part nothing.
    is_within = (counts.least < groups) & (groups < counts.limits)
    off = np.where(is_within, np.abs(groups - np.rint(groups)), 0.0)
    at = int(np.argmax(off))
    if off[at] <= LEAST_FRACTION:
        return ()
    below, above = counts.limits.copy(), counts.least.copy()
    # Of a larger size there are no more groups, and of a smaller one no fewer.
    below[at:] = np.minimum(below[at:], math.floor(groups[at]))
    above[: at + 1] = np.maximum(above[: at + 1], math.ceil(groups[at]))
    return counts._replace(limits=below), counts._replace(least=above)
