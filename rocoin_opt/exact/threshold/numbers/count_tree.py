"""Integer packing by branching on how many groups there are of a size or more, with groups priced at every node.

Where a threshold leaves much to waste, too many columns are within it to be listed. But most of what the relaxation
promises there are fractions of groups of a size: three and a half large ones, where four need devices that there are
not. Once their numbers are whole the bound falls by as much as hundreds of thousands of columns were listed for, mostly
below what is wanted; and where it does not, few columns are left to waste so little, and an integer program packs them.
After Vanderbeck, "Branching in branch-and-price: a generic scheme", Mathematical Programming 130, 2011.

Groups are priced as in the relaxation: a number that is limited from above makes large groups dearer, one that is
limited from below makes them cheaper, and the knapsack over a chain prices every size of it all the same. For *any*
prices ``pi >= 0`` of devices and ``sigma`` of sizes, with ``mu(v)`` the sum of ``sigma_s`` over ``s <= v``, a packing
with ``c_s`` groups of size s or more, ``least_s <= c_s <= limit_s``, holds at most

    sum pi + sum limit_s sigma_s^+ - sum least_s sigma_s^- + limit_1 max_G (v_G - sum of pi over G - mu(v_G))^+

filters. Groups that cover only up to the rounding of units are columns too: without them this would be no bound.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from rocoin_opt.exact.threshold.numbers.demand_packing import DemandPacking
from rocoin_opt.exact.threshold.packing import Counts, Effort, Memory, Packing, pack
from rocoin_opt.grouping import (
    DUAL_SAFETY,
    LEAST_FRACTION,
    PRICING_TOLERANCE,
    GroupPricer,
    Pricing,
    Relaxation,
    SizePrices,
    generate_columns,
)
from rocoin_opt.highs import RestrictedMaster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import ThresholdProblem

    Group: TypeAlias = tuple[int, ...]
    FloatArray: TypeAlias = NDArray[np.float64]
    IntArray: TypeAlias = NDArray[np.int64]

SMOOTHING = (0.5, 0.0)
"""Weights of the best prices so far where groups are priced."""
MOST_KINDS = 2_000
"""Kinds of devices up to which numbers of groups are branched on: with more, setting a program up takes seconds."""
LISTED = 20_000
"""Columns up to which a node is listed while its numbers of groups can still be branched on."""


class _Node(NamedTuple):
    """Numbers of groups, and prices to begin with."""

    counts: Counts
    prices: FloatArray | None


def pack_by_counts(
    problem: ThresholdProblem, groups: Sequence[Group], control: Control, effort: Effort, memory: Memory
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
    if problem.coverage is not None or has_too_many_kinds(problem):
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
        packing = Packing("unknown")
        if not parts:
            packing, parts = _pack_numbers(problem, node.counts, found, groups, control, effort)
        if packing.status == "unknown":
            # Numbers that are open cost a node each, and so may be listed for less.
            own = replace(effort, columns=min(effort.columns, LISTED)) if parts else effort
            packing = pack(problem, found.relaxation, control, own, memory, node.counts)
            parts = () if packing.status == "impossible" else parts
        if packing.status == "packed":
            return packing
        decided = decided and (packing.status == "impossible" or bool(parts))
        stack += [_Node(part, found.prices) for part in parts]
    return Packing("impossible" if decided else "unknown", listed=decided)


def _pack_numbers(
    problem: ThresholdProblem, counts: Counts, found: Bounded, groups: Sequence[Group], control: Control, effort: Effort
) -> tuple[Packing, tuple[Counts, ...]]:
    """Decide on whole numbers of groups by themselves: packed, or what is left once they are refuted."""
    asked = found.numbers(counts)
    # Rounded, they may hold a filter less: that they are packed, or cannot be, would tell nothing.
    if int(np.diff(asked.sizes, prepend=0) @ asked.least) < problem.wanted:
        return Packing("unknown"), ()
    numbers = DemandPacking(problem, asked, groups, control)
    packing = numbers.decide(effort)
    if packing.status == "impossible":
        return packing, _without(counts, numbers.levels, numbers.asked)
    made = numbers.dive(effort.dives) if packing.status == "unknown" else None
    return packing if made is None else Packing("packed", made), ()


def has_too_many_kinds(problem: ThresholdProblem) -> bool:
    """Whether setting a program of numbers up would take too long.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    """
    return int(problem.kind_of_device.max()) >= MOST_KINDS


def _without(counts: Counts, levels: IntArray, groups: IntArray) -> tuple[Counts, ...]:
    """Numbers of which one, of some levels, is smaller than so many groups: disjoint, by the largest such level."""
    parts: list[Counts] = []
    least = counts.least
    for level, number in zip(levels[::-1].tolist(), groups[::-1].tolist(), strict=True):
        limits = np.where(counts.sizes >= level, np.minimum(counts.limits, number - 1), counts.limits)
        if (least <= limits).all():
            parts.append(counts._replace(least=least, limits=limits))
        least = np.where(counts.sizes <= level, np.maximum(least, number), least)
    return tuple(parts)


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


class Bounded(NamedTuple):
    """What a node's program proves.

    Attributes
    ----------
    relaxation : Relaxation
        Bound and prices; without groups.
    prices : FloatArray
        The same prices by rows, to begin with at the nodes behind it.
    groups : FloatArray, R
        How many groups of each size or more the program takes.
    """

    relaxation: Relaxation
    prices: FloatArray
    groups: FloatArray

    def numbers(self, counts: Counts) -> Counts:
        """The numbers of groups that the program takes, as the fewest, where they are whole.

        Parameters
        ----------
        counts : Counts
            Of the node: where groups are missing, and made up for, no fewer than these are asked for.
        """
        return counts._replace(least=np.maximum(np.rint(self.groups).astype(np.int64), counts.least))


class CountedProgram:
    """One linear program for all nodes: groups stay in it, only limits of rows change.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold; no devices that fail together.
    groups : sequence of tuples of int
        Device indices of groups to begin with.
    control : Control
        Limit.

    Attributes
    ----------
    counts : Counts
        Numbers of groups that the problem itself allows, of each size that a group can have or that has a limit.
    """

    def __init__(self, problem: ThresholdProblem, groups: Sequence[Group], control: Control) -> None:
        self.problem, self.control = problem, control
        self._of_device = problem.kind_of_device
        self._available = np.bincount(self._of_device)
        self._chains = problem.different_chains
        sizes = np.unique(np.concatenate([problem.levels.sizes, *(chain.sizes for chain in self._chains)]))
        leaders = [chain.leader_size for chain in self._chains if chain.leader is not None]
        sizes = np.union1d(sizes, np.array(leaders, dtype=np.int64))
        sizes = sizes[sizes > 0]
        least = np.zeros_like(sizes)
        least[0] = problem.instance.requirements.min_groups
        limits = np.array([problem.levels.groups_of(size) for size in sizes.tolist()])
        self.counts = Counts(sizes, least, limits)
        self._pricer = GroupPricer(len(self._of_device), control)
        self._sizes = np.empty(0, dtype=np.int64)
        self._known: set[tuple[bytes, int]] = set()
        kinds, rows = len(self._available), len(self._available) + len(sizes)
        self._master = RestrictedMaster(np.full(rows, -math.inf), np.full(rows, math.inf), control)
        # Groups that a size has too few of are made up for, one for more than it could ever hold.
        missing = np.full(len(sizes), -float(problem.wanted))
        self._master.add(missing, np.arange(len(sizes) + 1), np.arange(kinds, rows), np.ones(len(sizes)))
        self._add(list(zip(groups, problem.capacities(groups).tolist(), strict=True)))

    def solve(self, counts: Counts, centre: FloatArray | None) -> Bounded | None:
        """Bound the packings with some numbers of groups.

        Parameters
        ----------
        counts : Counts
            Numbers of groups for the sizes of :attr:`counts`.
        centre : FloatArray or None
            Prices of a node before, to begin with.

        Returns
        -------
        Bounded or None
            Its groups are those of the optimum, unless the bound has fallen below what is wanted, which ends the
            program. None where the limit came first.
        """
        wanted = self.problem.wanted
        least, limits = counts.least.astype(np.float64), counts.limits.astype(np.float64)
        # Of several limits that ask for the same, one row is enough: prices are told apart then.
        limits[1:][limits[1:] >= limits[:-1]] = math.inf
        least[:-1][least[:-1] <= least[1:]] = -math.inf
        free = np.full(len(self._available), -math.inf)
        columns = np.full(len(counts.sizes) + len(self._sizes), math.inf)
        self._master.limit(np.concatenate([self._available, limits]), columns, lower=np.concatenate([free, least]))
        found: Bounded | None = None
        for step in generate_columns(
            self._master.solve,
            lambda prices, own: self._price(prices, own, counts),
            self.control,
            smoothing=SMOOTHING,
            centre=centre,
        ):
            values = step.solution.values[len(counts.sizes) :]
            row = np.searchsorted(counts.sizes, self._sizes[: len(values)])
            of_size = np.bincount(row, weights=values, minlength=len(counts.sizes))
            of_devices = step.prices[: len(self._available)][self._of_device]
            by_size = self._size_prices(step.prices)
            relaxation = Relaxation(
                step.bound, of_devices, by_size, [], np.empty(0), step.solution.objective, complete=step.complete
            )
            found = Bounded(relaxation, step.prices, np.asarray(np.cumsum(of_size[::-1])[::-1]))
            if step.bound + DUAL_SAFETY < wanted or step.complete:
                return found
        return None

    def _price(self, prices: FloatArray, own: FloatArray, counts: Counts) -> Pricing | None:
        """Add groups worth more than they cost, and raise prices until none is, which makes them a bound."""
        kinds = len(self._available)
        raised, own = prices.copy(), own.copy()
        raised[:kinds], own[:kinds] = np.maximum(prices[:kinds], 0.0), np.maximum(own[:kinds], 0.0)
        found: list[tuple[Group, int]] = []
        by_size, of_devices, excess = self._size_prices(raised), raised[:kinds][self._of_device], 0.0
        for chain in self._chains:
            if self.control.exhausted:
                return None
            excess = max(excess, self._pricer.price(chain, of_devices, by_size, found))
        # Every group counts in the first limit on sizes, so raising that one is enough.
        raised[kinds] += excess
        of_sizes = raised[kinds:]
        limit = np.where(of_sizes > 0.0, counts.limits, counts.least)
        own_devices, own_sizes = own[:kinds][self._of_device], self._size_prices(own)
        worth = [
            (group, size)
            for group, size in found
            if size - float(own_devices[list(group)].sum()) - own_sizes.of_one(size) > PRICING_TOLERANCE
        ]
        return Pricing(self._add(worth), raised, float(raised[:kinds] @ self._available + of_sizes @ limit))

    def _add(self, priced: list[tuple[Group, int]]) -> bool:
        """Add groups to the program; whether any was new."""
        kinds = len(self._available)
        new: list[tuple[IntArray, int]] = []
        for members, size in priced:
            of_kinds = np.bincount(self._of_device[list(members)], minlength=kinds)
            key = (of_kinds.tobytes(), size)
            if size > 0 and key not in self._known:
                self._known.add(key)
                new.append((of_kinds, size))
        if not new:
            return False
        sizes = np.array([size for _, size in new])
        entries = np.hstack([np.array([of_kinds for of_kinds, _ in new]), sizes[:, None] >= self.counts.sizes])
        of_column, rows = np.nonzero(entries)
        starts = np.searchsorted(of_column, np.arange(len(new) + 1))
        self._master.add(sizes.astype(np.float64), starts, rows, entries[of_column, rows].astype(np.float64))
        self._sizes = np.concatenate([self._sizes, sizes])
        return True

    def _size_prices(self, prices: FloatArray) -> SizePrices:
        return SizePrices(self.counts.sizes, np.concatenate([[0.0], np.cumsum(prices[len(self._available) :])]))
