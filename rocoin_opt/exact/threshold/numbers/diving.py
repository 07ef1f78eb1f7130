"""Diving for a packing at a threshold: numbers of groups that leave most first, then the groups themselves.

Whole numbers come first, and all may be refuted at once; see
:mod:`rocoin_opt.exact.threshold.numbers.spacious_numbers`. For the best ones groups are made one after another; see
:mod:`rocoin_opt.exact.threshold.numbers.demand_packing`. Where a dive fails, it is found out at length what the
largest groups waste, and the groups of these numbers are listed, if they are few enough: what is refuted so leaves
others to be asked for. Of numbers that leave as much, one may have no packing and the next one many: so a few are dived
for in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.exact.threshold.numbers.count_tree import CountedProgram, has_too_many_kinds
from rocoin_opt.exact.threshold.numbers.demand_packing import DemandPacking
from rocoin_opt.exact.threshold.numbers.spacious_numbers import NumbersMemory, NumbersSearch
from rocoin_opt.exact.threshold.packing import Effort, Packing, pack_alike_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem

ALIKE = Effort(20_000, 50)
"""What packing may cost where all parts are alike, before any dive."""
BEGUN_A_DEVICE = 2
"""Groups that the program of all numbers begins with, in multiples of the devices."""
NUMBERS = 3
"""Numbers of groups that are dived for."""
A_NUMBER = 2
"""Dives for each of them before others are dived for."""
DECIDED = Effort(800_000, 60)
"""What deciding numbers may cost for which the first dive fails."""
DECIDING = 0.05
"""Part of the time that is left for that: with most columns its linear program alone can take a minute."""
REFUTED = 10
"""Numbers that are refuted after a dive, at most."""


def dive(
    problem: ThresholdProblem,
    groups: Sequence[tuple[int, ...]],
    control: Control,
    dives: int,
    memory: NumbersMemory | None = None,
) -> Packing:
    """Look for disjoint groups that hold all filters within a threshold.

    ``impossible`` is proven by the relaxation, by shares, or by rows of numbers and lists of the groups that numbers
    can have. That dives find nothing proves nothing.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : sequence of tuples of int
        Device indices of groups to begin with, the likeliest first.
    control : Control
        Limit and seed.
    dives : int
        Most dives, beside those for numbers that are refuted. With 0, whole numbers may be refuted, and parts that
        are all alike may be packed, but no dive is made.
    memory : NumbersMemory, optional
        Of the same instance and objective; what becomes known is added.

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
    program = CountedProgram(problem, groups[: BEGUN_A_DEVICE * len(problem.shares)], control)
    counts = program.counts
    if (counts.least > counts.limits).any():
        return Packing("impossible")
    found = program.solve(counts, None)
    if found is None:
        return Packing("unknown")
    if not found.relaxation.admits(problem.wanted):
        return Packing("impossible")
    search = NumbersSearch(problem, counts, found.groups, groups, control)
    memory = memory or NumbersMemory()
    memory.tell(problem.threshold, search.rows)
    if dives == 0:
        search.spacious()
        return Packing("impossible" if search.is_refuted else "unknown")
    return _dive_for_numbers(search, groups, dives, memory.times)


def _dive_for_numbers(search: NumbersSearch, groups: Sequence[tuple[int, ...]], dives: int, times: int) -> Packing:
    """Dive for the numbers that leave most, then for others, and in the end for all of these in turn."""
    control, failed, refuted = search.control, list[DemandPacking](), 0
    while dives > 0 and len(failed) < NUMBERS and refuted < REFUTED and not control.exhausted:
        best = search.spacious()
        if search.is_refuted:
            return Packing("impossible")
        if best is None:
            break
        demand = DemandPacking(search.problem, best.counts, [*best.groups, *groups], control, roughly=True, times=times)
        made = demand.dive(1)
        if made is None and not search.is_left(best):
            refuted += 1
            continue
        packing = demand.decide(DECIDED, control.share(DECIDING)) if made is None else Packing("packed", made)
        if packing.status == "unknown":
            made = demand.dive(min(A_NUMBER, dives) - 1)
            packing = packing if made is None else Packing("packed", made)
        if packing.status == "packed":
            return packing
        if packing.status == "impossible":
            refuted += 1
            search.refute(demand.levels, demand.asked)
        else:
            dives -= min(A_NUMBER, dives)
            failed.append(demand)
            search.avoid(demand.levels, demand.asked)
    for turn in range(dives if failed else 0):
        made = failed[turn % len(failed)].dive(1)
        if made is not None:
            return Packing("packed", made)
        if control.exhausted:
            break
    return Packing("unknown")
