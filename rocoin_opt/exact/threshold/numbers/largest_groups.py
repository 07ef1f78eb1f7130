"""The largest groups of a demand: whether they waste more than all its groups may.

They are few, and few are as large and waste as little, so that they are often listed where others are not; and as they
need the best devices, it is mostly they that parts of groups make and whole groups do not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.exact.threshold.packing import Counts, Effort
from rocoin_opt.exact.threshold.wasting import least_wasted, pack_wasting
from rocoin_opt.grouping import DUAL_SAFETY, Relaxation

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.numbers.demand import Supply
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import IntArray

LARGEST = Effort(2_000, 30, few=20)
"""What refuting the largest groups of a demand may cost for each number of levels; of few columns alone an integer
program decides, as it does not know what may be wasted."""
WASTING, WASTING_FULLY = Effort(800, 50), Effort(2_000, 50)
"""What finding out how much they waste may cost: of numbers that are one of many, and of those to be dived for."""
WASTED, LEAST_SPARE = (4.0, 2.0, 1.2), 0.25
"""Up to which multiples of what is to spare, and of at least so many filters, it is found out what these waste."""
WASTE_SAFETY = 1e-3
"""What an integer program says that they waste is taken for less: by so many filters, or by this part of it."""


def refuted_from(
    problem: ThresholdProblem, levels: IntArray, asked: IntArray, supply: Supply, control: Control
) -> int | None:
    """Refute a demand by its largest groups alone.

    What they waste together is no more than what all groups of the demand may.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    levels, asked : IntArray, R
        Sizes, ascending, and groups of each or more that are asked for.
    supply : Supply
        Of all devices.
    control : Control
        Limit.

    Returns
    -------
    int or None
        Place of the level from which on the largest groups of the demand cannot be made beside the others; None where
        they may be, or where there are too many to tell.
    """
    if not math.isfinite(supply.spare):
        return None
    spare = supply.spare + DUAL_SAFETY
    more = asked > np.append(asked[1:], 0)
    for first in np.flatnonzero(more)[::-1].tolist():
        own = problem.at_levels(levels[first:])
        # Devices that differ in smaller parts alone do not stand for each other: the smaller groups price them apart.
        own.kind_of_device = problem.kind_of_device
        bound = own.wanted + spare
        relaxation = Relaxation(bound, supply.prices, supply.worths, [], np.empty(0), bound, complete=True)
        # Of more groups as large, so many of the largest are enough.
        numbers = Counts(levels[first:], asked[first:], np.full(len(levels) - first, asked[first]))
        status = pack_wasting(own, relaxation, numbers, control.silent(), LARGEST)
        if status is None or control.exhausted:
            return None
        if status == "impossible":
            return int(first)
    return None


class Wasteful(NamedTuple):
    """The largest groups of a demand, of which so many waste more than all groups may.

    Attributes
    ----------
    first : int
        Place of the level from which on they are the largest.
    wasted : float
        What they waste, at least, in filters.
    """

    first: int
    wasted: float


def wasteful_largest(
    problem: ThresholdProblem, levels: IntArray, asked: IntArray, supply: Supply, control: Control, effort: Effort
) -> Wasteful | None:
    """Find the largest groups that waste more than all groups of a demand may, and how much more is proven.

    Like :func:`refuted_from`, but by an integer program of what they waste: of fewer columns, and with a bound that
    counts for other demands with as many of them, too.

    Parameters
    ----------
    problem, levels, asked, supply, control
        As for :func:`refuted_from`.
    effort : Effort
        What it may cost for each number of levels.

    Returns
    -------
    Wasteful or None
        None where they may be made beside the others, or where there are too many to tell.
    """
    if not math.isfinite(supply.spare):
        return None
    more = asked > np.append(asked[1:], 0)
    for first in np.flatnonzero(more)[::-1].tolist():
        own = problem.at_levels(levels[first:])
        # Devices that differ in smaller parts alone do not stand for each other: the smaller groups price them apart.
        own.kind_of_device = problem.kind_of_device
        # Of more groups as large, so many of the largest are enough.
        numbers = Counts(levels[first:], asked[first:], np.full(len(levels) - first, asked[first]))
        wasted: float | None = None
        # They may waste more than is to spare here: the more is proven, the more other demands are refuted.
        for multiple in WASTED:
            bound = own.wanted + multiple * max(supply.spare, LEAST_SPARE)
            relaxation = Relaxation(bound, supply.prices, supply.worths, [], np.empty(0), bound, complete=True)
            wasted = least_wasted(own, relaxation, numbers, control.silent(), effort)
            if wasted is not None or control.exhausted:
                break
        if wasted is None or control.exhausted:
            return None
        # Far more than the tolerances of solvers add up to.
        wasted -= WASTE_SAFETY * max(1.0, wasted)
        if wasted > supply.spare:
            return Wasteful(first, wasted)
    return None
