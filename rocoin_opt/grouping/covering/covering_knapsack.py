"""Covering knapsacks: the cheapest cover at every level, and every cover within a budget.

A cover is a set of devices whose shares sum to the need. For costs that a linear program hands out, the cheapest one is
a knapsack with the inequality turned round. The recursion runs over whole *units*, ``1 / resolution`` of a need of 1,
with every share rounded up: all covers stay covers, so what it calls the cheapest cost is never above the true one.
The enumeration tests true shares and uses the recursion only to prune.

With Numba present the same recursions run compiled; the order of the floating-point operations is the same, so are the
results.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.grouping.tolerances import COST_TOLERANCE, SHARE_TOLERANCE, UNIT_TOLERANCE, UNREACHABLE
from rocoin_opt.instance import SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

MIN_COMPILED_DEVICES = 40
"""Devices from which on the compiled recursion saves more than the half second that Numba takes to import."""

RESOLUTIONS = ((1_000, 16_384), (2_000, 2_048), (10**9, 512))
"""Units of the covering knapsacks, by number of devices: many devices make large tables, and short covers."""
MAX_UNITS = 100_000
"""Units up to which shares are looked at as whole numbers of a common unit."""
MAX_CELLS = 20_000_000
"""Largest table of a recursion in such units, devices times units: 160 MB."""
ENDLESS = sys.maxsize
"""Steps where they are not limited."""
STEPS_A_SECOND = {True: 40_000_000, False: 4_000_000}
"""Devices that a listing of covers tries in a second at least, compiled and not."""
PAIRS = 500_000
"""Devices that are tried at once where it is not compiled."""

COMPILED = "rocoin_opt.grouping.covering.covering_knapsack_compiled"
COMPILED_FUNCTIONS = ("cheapest_covers", "cheapest_before", "covers_within")
IMPORT_SECONDS, COMPILING_SECONDS = 1.2, 10.0
"""Seconds to import Numba and load what it compiled before, and to compile it for the first time on a machine."""


@dataclass(frozen=True, eq=False)
class Covers:
    """Sets of devices, by their positions in a chain.

    Attributes
    ----------
    members : IntArray, C x L
        Positions, descending, filled up with -1.
    levels : IntArray, C
        Index of the level at which the set was found.
    """

    members: IntArray
    levels: IntArray


def use_compiled(devices: int, control: Control = UNLIMITED) -> bool:
    """Whether the compiled recursions are there, and worth their import, or at first their compilation."""
    if devices < MIN_COMPILED_DEVICES or importlib.util.find_spec("numba") is None:
        return False
    # A function is compiled, or loaded, when it is first called: one of them may be missing.
    module = sys.modules.get(COMPILED)
    if module is not None and all(getattr(module, name).signatures for name in COMPILED_FUNCTIONS):
        return True
    stem, cache = COMPILED.rpartition(".")[2], Path(__file__).parent / "__pycache__"
    is_cached = all(any(cache.glob(f"{stem}.{name}-*.nbi")) for name in COMPILED_FUNCTIONS)
    return control.has_time_for(IMPORT_SECONDS if is_cached else COMPILING_SECONDS)


def steps_within(control: Control, *, compiled: bool) -> int:
    """Devices that a listing of covers may try in the time that is left.

    Parameters
    ----------
    control : Control
        Limit.
    compiled : bool
        Whether it runs compiled.
    """
    return ENDLESS if math.isinf(control.remaining) else int(max(control.remaining, 0.0) * STEPS_A_SECOND[compiled])


def resolution_for(devices: int) -> int:
    """Units of a covering knapsack over so many devices of any shares."""
    return next(units for limit, units in RESOLUTIONS if devices <= limit)


def resolution_of(shares: FloatArray) -> int:
    """Units of a covering knapsack over some shares.

    Where all shares are whole numbers of a common unit, the knapsack runs in these units and rounds nothing: it tells
    covers that just reach the need from sets that just miss it.
    """
    devices = len(shares)
    most, units = min(MAX_UNITS, MAX_CELLS // (devices + 1)), 1
    for share in np.unique(shares).tolist():
        units = math.lcm(units, Fraction(share).limit_denominator(max(most, 1)).denominator)
        if units > most:
            return resolution_for(devices)
    return resolution_for(devices) if _whole(shares * units) is None else units


def units_of(shares: FloatArray, resolution: int) -> IntArray:
    """Shares as whole units, rounded up: a relaxation."""
    scaled = shares * resolution
    whole = _whole(scaled)
    if whole is not None:
        return whole
    # Far less than a need is rounded down by: the sum over a large group counts.
    return np.ceil(scaled - UNIT_TOLERANCE / 10_000).astype(np.int64)


def _whole(values: FloatArray) -> IntArray | None:
    """Values that are all whole but for their rounding, as integers; None where one is not.

    A sum of integers that misses the need misses it by a whole unit, far more than the rounding of all values.
    """
    nearest = np.rint(values)
    return nearest.astype(np.int64) if np.abs(values - nearest).max(initial=0.0) <= SAFETY else None


def units_needed(need: float, resolution: int) -> int:
    """The need as whole units: no set whose shares reach it has fewer."""
    return max(0, math.ceil(need * resolution - UNIT_TOLERANCE))


def cheapest_covers(units: IntArray, costs: FloatArray, resolution: int, *, compiled: bool) -> FloatArray:
    """Cheapest cost to gather u units from the first i devices, for all i and u.

    Parameters
    ----------
    units : IntArray, L
        Share of each device in units, at least 0.
    costs : FloatArray, L
        Cost of each device, at least 0.
    resolution : int
        Units of a need of 1.
    compiled : bool
        Whether to run compiled; the result is the same.

    Returns
    -------
    FloatArray, (L + 1) x (resolution + 1)
        :data:`UNREACHABLE` and above where there is no such set. Non-increasing down each column.
    """
    if compiled:
        from rocoin_opt.grouping.covering.covering_knapsack_compiled import cheapest_covers as run

        return run(units, costs, resolution)
    table = np.empty((len(units) + 1, resolution + 1))
    table[0, 0], table[0, 1:] = 0.0, UNREACHABLE
    for i, (unit, cost) in enumerate(zip(np.minimum(units, resolution).tolist(), costs.tolist(), strict=True)):
        before, after = table[i], table[i + 1]
        # With fewer units wanted than the device has, it is enough alone.
        after[:unit] = np.minimum(before[:unit], cost)
        after[0] = 0.0
        np.minimum(before[unit:], before[: resolution + 1 - unit] + cost, out=after[unit:])
    return table


def cheapest_members(table: FloatArray, units: IntArray, last: int, need: int) -> list[int]:
    """Positions of a cheapest set with ``need`` units among the devices before ``last``, descending.

    Parameters
    ----------
    table : FloatArray, (L + 1) x (resolution + 1)
        :func:`cheapest_covers` of the same devices.
    units : IntArray, L
        Share of each device in units.
    last : int
        How many devices, the first of the chain, there are to choose from.
    need : int
        Units to gather; the table has a cover of so many among these devices.
    """
    members = []
    while need > 0:
        column = table[: last + 1, need]
        # The first prefix that is as cheap ends with a device of the set.
        last = int(np.argmax(column <= column[last])) - 1
        members.append(last)
        need = max(0, need - int(units[last]))
    return members


def covers_within(
    table: FloatArray,
    shares: FloatArray,
    costs: FloatArray,
    prefixes: IntArray,
    needs: FloatArray,
    budgets: FloatArray,
    limit: int,
    *,
    compiled: bool,
    repeats: BoolArray | None = None,
    steps: int = ENDLESS,
) -> Covers | None:
    """List every minimal cover within its level's budget.

    At level v a cover consists of the first ``prefixes[v]`` devices, reaches ``needs[v]`` and costs at most
    ``budgets[v]``. Every branch that the recursion does not prune ends in a cover of the relaxed units, so
    the work follows the size of the output.

    Parameters
    ----------
    table : FloatArray, (L + 1) x (resolution + 1)
        :func:`cheapest_covers` of the same devices.
    shares, costs : FloatArray, L
        True shares, and costs.
    prefixes : IntArray, V
        Non-decreasing.
    needs, budgets : FloatArray, V
        The empty set is a cover where the need is 0 or less.
    limit : int
        Largest number of covers.
    compiled : bool
        Whether to run compiled; the covers are the same, in another order.
    repeats : BoolArray, L, optional
        Which devices have the share and the cost of the one behind them, at the same levels. Of covers that differ in
        nothing else only the one is listed that takes the last of alike devices.
    steps : int
        Largest number of devices that are tried, in all covers together. Compiled and not, they are tried in another
        order.

    Returns
    -------
    Covers or None
        None if there are more than ``limit``, or the steps were not enough.
    """
    if repeats is None:
        repeats = np.zeros(len(shares), dtype=bool)
    if compiled:
        from rocoin_opt.grouping.covering.covering_knapsack_compiled import covers_within as run

        longest = _longest(shares, float(needs.max(initial=0.0)))
        count, members, levels = run(table, shares, costs, prefixes, needs, budgets, repeats, longest, limit, steps)
        return None if count < 0 else Covers(members[:count], levels[:count])
    found: list[tuple[IntArray, IntArray]] = []
    total = 0
    for level in range(len(prefixes)):
        sets, tried = _covers_of_level(
            table, shares, costs, level, prefixes, needs, budgets, repeats, limit - total, steps
        )
        if sets is None:
            return None
        total, steps = total + len(sets), steps - tried
        found.append((sets, np.full(len(sets), level)))
    width = max((members.shape[1] for members, _ in found), default=0)
    padded = [np.pad(m, ((0, 0), (0, width - m.shape[1])), constant_values=-1) for m, _ in found]
    if not padded:
        return Covers(np.empty((0, 0), dtype=np.int64), np.empty(0, dtype=np.int64))
    return Covers(np.concatenate(padded), np.concatenate([levels for _, levels in found]))


def _longest(shares: FloatArray, need: float) -> int:
    """Largest number of devices in a minimal cover: as many of the smallest as reach the need, and one for rounding."""
    return min(int(np.searchsorted(np.cumsum(np.sort(shares)), need)) + 1, len(shares)) + 1


def _covers_of_level(
    table: FloatArray,
    shares: FloatArray,
    costs: FloatArray,
    level: int,
    prefixes: IntArray,
    needs: FloatArray,
    budgets: FloatArray,
    repeats: BoolArray,
    limit: int,
    steps: int,
) -> tuple[IntArray | None, int]:
    """Breadth first: all sets of one size, each extended by devices before its last one; and how many were tried."""
    resolution, budget = table.shape[1] - 1, float(budgets[level]) + COST_TOLERANCE
    need, prefix = float(needs[level]), int(prefixes[level])
    empty = np.empty((1, 0), dtype=np.int64)
    if need <= SHARE_TOLERANCE:
        if budget < 0.0:
            return empty[:0], 0
        return (None if limit <= 0 else empty), 0
    sets, last = empty, np.array([prefix])
    rest, cost = np.array([need]), np.zeros(1)
    done: list[IntArray] = []
    total = tried = 0
    while len(sets):
        longer: list[tuple[IntArray, IntArray, FloatArray, FloatArray]] = []
        # Blocks of sets, lest all pairs of a set and a device before its last one fill the memory.
        ends = np.searchsorted(np.cumsum(last), np.arange(PAIRS, int(last.sum()) + PAIRS, PAIRS), side="left") + 1
        for block in np.split(np.arange(len(sets)), np.unique(ends.clip(max=len(sets)))[:-1]):
            tried += int(last[block].sum())
            if tried > steps:
                return None, tried
            parent = np.repeat(block, last[block])
            firsts = np.cumsum(last[block]) - last[block]
            device = np.arange(len(parent)) - np.repeat(firsts, last[block])
            # The last of alike devices stand for all others, one more for each that is wanted.
            alone = repeats[device] & (device + 1 < prefix) & (device + 1 != last[parent])
            parent, device = parent[~alone], device[~alone]
            left, paid = rest[parent] - shares[device], cost[parent] + costs[device]
            units = np.maximum(np.ceil(left * resolution - UNIT_TOLERANCE), 0.0).astype(np.int64)
            # The table never overrates the rest of a cover, so none within the budget is lost.
            kept = np.flatnonzero(paid + table[device, units] <= budget)
            parent, device, left, paid = parent[kept], device[kept], left[kept], paid[kept]
            more = np.column_stack([sets[parent], device])
            covers = left <= SHARE_TOLERANCE
            # Where not even the smallest share can be spared, none can.
            minimal = covers & (left + shares[more].min(axis=1, initial=np.inf) > SHARE_TOLERANCE)
            total += int(minimal.sum())
            if total > limit:
                return None, tried
            done.append(more[minimal])
            longer.append((more[~covers], device[~covers], left[~covers], paid[~covers]))
        sets, last = (np.concatenate([block[k] for block in longer]) for k in (0, 1))
        rest, cost = (np.concatenate([block[k] for block in longer]) for k in (2, 3))
    width = max(members.shape[1] for members in done)
    padded = [np.pad(m, ((0, 0), (0, width - m.shape[1])), constant_values=-1) for m in done]
    return np.concatenate(padded), tried
