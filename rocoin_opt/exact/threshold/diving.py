"""Diving for a packing at a threshold: numbers of groups that leave most first, then the groups themselves.

Many numbers of groups of each size hold all filters, and near the best threshold most of them waste what little there
is: one more group of the largest size, and devices are short everywhere else. What numbers ``c`` leave is concave in
them, and the prices that prove it for some numbers limit it for all (see :mod:`rocoin_opt.exact.threshold.demand`)::

    spare(c') <= sum pi - sum c'_s sigma_s

So whole numbers are asked for that leave most by all such limits so far, and what they truly leave adds a limit; after
Kelley, "The cutting-plane method for solving convex programs", Journal of SIAM 8, 1960. They stay close to what the
linear program of all numbers takes, which holds most filters. Where numbers are refuted by their largest groups, fewer
of these are asked for. For the best of the others groups are made one after another; see
:mod:`rocoin_opt.exact.threshold.demand_packing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.threshold.count_tree import CountedProgram, has_too_many_kinds
from rocoin_opt.exact.threshold.demand import FIRST_A_DEVICE, DemandProgram, Left
from rocoin_opt.exact.threshold.demand_packing import SHORT, DemandPacking, refuted_from
from rocoin_opt.exact.threshold.packing import Effort, Packing, pack_alike_parts
from rocoin_opt.grouping import LEAST_FRACTION
from rocoin_opt.highs import LinearModel, solve_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.packing import Counts
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import FloatArray, IntArray

ALIKE = Effort(20_000, 50)
"""What packing may cost where all parts are alike, before any dive."""
NUMBERS = 2
"""Numbers of groups that are dived for."""
ROUNDS = 40
"""Numbers that are tried."""
NEAR = 2
"""Groups of each size or more by which they differ from the linear program's, at most."""
RENEWED = 4
"""Groups in a linear program, in multiples of the devices, from which on it is set up anew for the next numbers."""
ENOUGH = 0.003
"""Part of all filters that is enough to leave."""
CLOSE = 0.1
"""Part of what numbers leave by which others would have to better them."""
DIGITS = 6
"""Digits of prices behind the point."""
MOST_SPARE = 1e4
"""Spare filters that no numbers are taken to leave: without it the first integer programs would have no bound."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of groups, and what they leave.

    Attributes
    ----------
    counts : Counts
        Its ``least`` is asked for.
    spare : float
        Upper limit of what the linear program leaves of devices for more groups like these, in filters, within
        :data:`~rocoin_opt.exact.threshold.demand.TAIL` of it; of levels that no numbers so far could exceed it asks for
        no more.
    groups : list of tuples of int
        Device indices of the groups that the linear program takes.
    """

    counts: Counts
    spare: float
    groups: list[tuple[int, ...]]


def dive(problem: ThresholdProblem, groups: Sequence[tuple[int, ...]], control: Control, dives: int) -> Packing:
    """Look for disjoint groups that hold all filters within a threshold.

    ``impossible`` is proven by the relaxation, or by shares; that dives find nothing proves nothing.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : sequence of tuples of int
        Device indices of groups to begin with, the likeliest first.
    control : Control
        Limit and seed.
    dives : int
        Most dives for the same numbers of groups; with one, only the best numbers are dived for.

    Returns
    -------
    Packing
        Groups whose cover is true up to rounding; whoever makes a plan of them checks it.
    """
    packing = pack_alike_parts(problem, control, ALIKE)
    if packing.status != "unknown":
        return packing
    if has_too_many_kinds(problem):
        return Packing("unknown")
    program = CountedProgram(problem, groups[: FIRST_A_DEVICE * len(problem.shares)], control)
    counts = program.counts
    if (counts.least > counts.limits).any():
        return Packing("impossible")
    found = program.solve(counts, None)
    if found is None:
        return Packing("unknown")
    if not found.relaxation.admits(problem.wanted):
        return Packing("impossible")
    for numbers in spacious_numbers(problem, counts, found.groups, groups, control)[: min(NUMBERS, dives)]:
        made = DemandPacking(problem, numbers.counts, [*numbers.groups, *groups], control, roughly=True).dive(dives)
        if made is not None:
            return Packing("packed", made)
        if control.exhausted:
            break
    return Packing("unknown")


def spacious_numbers(
    problem: ThresholdProblem, counts: Counts, taken: FloatArray, groups: Sequence[tuple[int, ...]], control: Control
) -> list[Numbers]:
    """Find whole numbers of groups that hold all filters, those that leave most first.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    counts : Counts
        Numbers that are allowed, of each size that a group can have.
    taken : FloatArray, one a size
        Groups of each size or more that a linear program takes: they hold all filters.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit.

    Returns
    -------
    list of Numbers
        None of which is refuted, and parts of groups make all of them; there may be others.
    """
    widths = np.diff(counts.sizes, prepend=0)
    # As many filters as are wanted, in the same proportions.
    ideal = taken * min(problem.wanted / float(widths @ taken), 1.0)
    least = np.maximum(np.floor(ideal).astype(np.int64) - NEAR, counts.least)
    near = counts._replace(least=least, limits=np.minimum(np.ceil(ideal).astype(np.int64) + NEAR, counts.limits))
    program = DemandProgram(problem, counts.sizes, groups, control)
    asked: IntArray | None = _rounded(ideal, widths, problem.wanted, near)
    found: list[Numbers] = []
    cuts: list[tuple[FloatArray, float]] = []
    refuted: list[IntArray] = []
    best, most = -math.inf, math.inf
    for _ in range(ROUNDS):
        if asked is None:
            break
        program.ask(asked, like_before=True)
        supply = program.solve(Left(program.all, asked), roughly=True)
        if supply is None:
            break
        prices = np.diff(supply.worths.totals)
        # HiGHS fails on programs with traces of prices, and no proof hangs on these limits.
        cuts.append((np.round(prices, DIGITS), supply.spare + float(prices @ asked)))
        # What parts of groups do not make, groups do not, though the prices may not prove it.
        is_made = not supply.is_refuted and supply.made >= 1.0 - SHORT
        first = refuted_from(problem, counts.sizes, asked, supply, control) if is_made else None
        if first is not None:
            # With fewer of the smaller groups they might be made: what is asked for no more is a choice, and no proof.
            refuted.append(np.where(np.arange(len(asked)) >= first, asked, 0))
        elif is_made:
            found.append(Numbers(counts._replace(least=asked), supply.spare, program.taken(supply)))
            best = max(best, supply.spare)
        if best >= ENOUGH * problem.wanted:
            break
        if len(program.groups) > RENEWED * len(problem.shares):
            program = program.renewed(supply)
        asked, most = _numbers(cuts, refuted, widths, problem.wanted, near, control)
        if most - best <= CLOSE * best:
            break
    return sorted(found, key=lambda numbers: -numbers.spare)


def _rounded(ideal: FloatArray, widths: IntArray, wanted: int, near: Counts) -> IntArray | None:
    """Round numbers down, then raise what matters least in proportion until all filters are held."""
    numbers = np.maximum(np.floor(ideal + LEAST_FRACTION).astype(np.int64), near.least)
    while widths @ numbers < wanted:
        below = np.append(math.inf, numbers[:-1])
        can = (numbers < near.limits) & (numbers < below)
        if not can.any():
            return None
        more = np.where(can, (numbers + 1 - ideal) / np.maximum(ideal, LEAST_FRACTION), math.inf)
        numbers[int(np.argmin(more))] += 1
    return numbers


def _numbers(
    cuts: Sequence[tuple[FloatArray, float]],
    refuted: Sequence[IntArray],
    widths: IntArray,
    wanted: int,
    near: Counts,
    control: Control,
) -> tuple[IntArray | None, float]:
    """Whole numbers that leave most by all cuts, and how much; None if there are none that may leave anything.

    Parameters
    ----------
    cuts : sequence of FloatArray, R, and float
        Prices of numbers, and what these and what is left are worth together, at most.
    refuted : sequence of IntArray, R
        Numbers of which some, where more than 0, have to be smaller.
    widths : IntArray, R
        Filters by which each size exceeds the one below it.
    wanted : int
        Filters to hold.
    near : Counts
        Numbers that are allowed.
    control : Control
        Limit.
    """
    count = len(widths)
    of_cuts = np.array([[*prices, 1.0] for prices, _ in cuts])
    # Of a larger size there are no more groups.
    steps = np.eye(count - 1, count + 1) - np.eye(count - 1, count + 1, k=1)
    rows = np.vstack([of_cuts, np.append(widths, 0), steps])
    infinite = np.full(len(cuts), math.inf)
    row_lower = np.concatenate([-infinite, [wanted - 0.5], np.zeros(count - 1)])
    row_upper = np.concatenate([[most for _, most in cuts], np.full(count, math.inf)])
    # One variable for each number that may be the smaller one: where it is 1, the number is.
    places = [
        (k, at) for k, numbers in enumerate(refuted) for at in np.flatnonzero(numbers > np.append(numbers[1:], 0))
    ]
    smaller = np.zeros((len(places), count + 1 + len(places)))
    one_of = np.zeros((len(refuted), count + 1 + len(places)))
    for i, (k, at) in enumerate(places):
        slack = max(int(near.limits[at]) - int(refuted[k][at]) + 1, 0)
        smaller[i, at], smaller[i, count + 1 + i] = 1.0, slack
        one_of[k, count + 1 + i] = 1.0
    most_of = [max(int(near.limits[at]), int(refuted[k][at]) - 1) for k, at in places]
    matrix: Any = sp.csc_array(np.vstack([np.hstack([rows, np.zeros((len(rows), len(places)))]), smaller, one_of]))
    model = LinearModel(
        sense=-1,
        offset=0.0,
        cost=np.concatenate([np.zeros(count), [1.0], np.zeros(len(places))]),
        lower=np.concatenate([near.least, np.zeros(1 + len(places))]).astype(np.float64),
        upper=np.concatenate([near.limits, [MOST_SPARE], np.ones(len(places))]).astype(np.float64),
        row_lower=np.concatenate([row_lower, np.full(len(places), -math.inf), np.ones(len(refuted))]),
        row_upper=np.concatenate([row_upper, most_of, np.full(len(refuted), math.inf)]),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.concatenate([np.ones(count), [0], np.ones(len(places))]).astype(np.int64),
    )
    _, values = solve_linear(model, control.silent())
    if values is None:
        return None, -math.inf
    return np.rint(values[:count]).astype(np.int64), float(values[count])
