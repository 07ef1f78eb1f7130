"""Columns of a packing by their reduced costs, with the devices of dual price 0 aggregated.

In an optimum of the packing relaxation many devices have price 0: there are more of them than are needed. Groups that
differ only in such *zero-dual devices* are alike to the bound, and they are most of all groups. A column stands for all
of them: priced devices that can cover with every zero-dual device of the chain that allows the part. Packing columns
relaxes packing groups, since zero-dual devices are not shared out. Columns that no group of a good enough packing can
have are left out by their reduced cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import UNLIMITED
from rocoin_opt.exact.threshold.column_list import Column, ColumnList
from rocoin_opt.grouping import (
    COST_TOLERANCE,
    SHARE_TOLERANCE,
    blocks_of,
    cheapest_covers,
    covers_within,
    nested_covers_within,
    resolution_for,
    steps_within,
    sums_at_least,
    units_of,
    use_compiled,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Chain, Coverage, PackingProblem, Relaxation, ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray
    from rocoin_opt.plan import Members


AT_ONCE = 200_000
"""Columns that are compared with other students at a time."""


def columns_of(problem: PackingProblem, groups: Sequence[Members]) -> ColumnList:
    """Columns of given groups that serve, with all of their devices; which student is left open, and stands as 0."""
    sizes = problem.capacities(groups).tolist()
    serving = [Column(size, 0, group) for size, group in zip(sizes, groups, strict=True) if size > 0]
    return ColumnList.of(serving, len(problem.instance.devices))


def enumerate_columns(
    problem: ThresholdProblem,
    relaxation: Relaxation,
    priced: IntArray,
    slack: float,
    limit: int,
    control: Control = UNLIMITED,
) -> ColumnList | None:
    """List the columns whose cost exceeds their size by no more than a slack.

    With a slack of ``bound - M`` these are all that a packing of M filters can consist of: the bound less what it holds
    is the sum of what its groups cost beyond their sizes, and of the prices of what it leaves unused. A group with its
    capacity as size is listed as a column of the same size with the same priced devices or fewer.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    relaxation : Relaxation
        Owner of the prices.
    priced : IntArray
        Indices of the devices that are shared out, all those of positive price among them.
    slack : float
        In filters.
    limit : int
        Largest number of columns, before equal ones are merged.
    control : Control
        Its limit ends the enumeration.

    Returns
    -------
    ColumnList or None
        Each size and set of priced devices once; None if there are more than ``limit``, or time is up.
    """
    is_priced = np.zeros(len(problem.shares), dtype=bool)
    is_priced[priced] = True
    kinds = problem.kind_of_device
    found = columns_of_chains(relaxation, problem.chains, is_priced, slack, limit, control, kinds=kinds)
    if found is None:
        return None
    columns = found.distinct()
    # For ``nominal`` the other student would have to have a leader too: nothing is left out.
    if problem.coverage is not None:
        columns = _largest(problem, columns)
        return columns if problem.led else _undominated_together(problem, problem.coverage, columns, is_priced)
    return columns if problem.led else _undominated(problem, columns, is_priced)


def columns_of_chains(
    relaxation: Relaxation,
    chains: Iterable[Chain],
    is_priced: BoolArray,
    slack: float,
    limit: int,
    control: Control = UNLIMITED,
    *,
    kinds: IntArray | None = None,
) -> ColumnList | None:
    """List the columns of each chain whose cost exceeds their size by no more than a slack; equal ones may recur.

    Parameters
    ----------
    relaxation : Relaxation
        Owner of the prices.
    chains : iterable of Chain
        Chains of the problem that was relaxed.
    is_priced : BoolArray, N
        Which devices are shared out; all others may serve in every column.
    slack : float
        By how much a column may cost more than its size, in filters.
    limit : int
        Largest number of columns, equal ones counted as often as they are met.
    control : Control
        Its limit ends the enumeration.
    kinds : IntArray, N, optional
        Kind of each device. Of columns that differ only in devices of one kind and price one is listed.

    Returns
    -------
    ColumnList or None
        None if there are more than ``limit``, or time is up.
    """
    parts: list[ColumnList] = []
    count = 0
    for chain in chains:
        if control.exhausted:
            return None
        found = _columns_of_chain(relaxation, chain, is_priced, slack, limit - count, control, kinds)
        if found is None or count + len(found) > limit:
            return None
        count += len(found)
        parts.append(found)
    return ColumnList.joined(parts, len(is_priced))


def _columns_of_chain(
    relaxation: Relaxation,
    chain: Chain,
    is_priced: BoolArray,
    slack: float,
    limit: int,
    control: Control,
    kinds: IntArray | None,
) -> ColumnList | None:
    """The columns of one chain; the parameters are those of :func:`columns_of_chains`."""
    paid = 0.0
    leader: Members = ()
    if chain.leader is not None:
        paid += float(relaxation.prices[chain.leader])
        leader = (chain.leader,) if is_priced[chain.leader] else ()
        # A leader that covers alone makes one column: whoever joined it would be superfluous.
        if chain.need <= SHARE_TOLERANCE:
            surplus = chain.leader_size - relaxation.size_prices.of_one(chain.leader_size) - paid + slack
            alone = [Column(chain.leader_size, chain.student, leader)] if surplus >= -COST_TOLERANCE else []
            return ColumnList.of(alone, len(is_priced))
    if len(chain.devices) == 0:
        return ColumnList.of((), len(is_priced))
    # Devices of no share make no cover: to try all sets of them would take for ever.
    mask = is_priced[chain.devices] & (chain.shares > SHARE_TOLERANCE)
    # All covers of one size are listed at once: the last device of each size ends a level.
    ends = np.append(np.flatnonzero(np.diff(chain.sizes)), len(chain.sizes) - 1)
    sizes = chain.sizes[ends]
    budgets = sizes - relaxation.size_prices.of(sizes) - paid + slack
    worth = budgets >= -COST_TOLERANCE
    ends, sizes, budgets = ends[worth], sizes[worth], budgets[worth]
    if chain.coverage is not None:
        return _columns_together(chain, mask, relaxation.prices, (ends, sizes, budgets), leader, limit, control)
    prefixes = np.cumsum(mask)[ends]
    chosen = np.flatnonzero(mask)
    if kinds is not None:
        # Alike devices side by side; the levels stay what they are.
        chosen = chosen[np.lexsort((kinds[chain.devices[chosen]], -chain.sizes[chosen]))]
    devices, shares = chain.devices[chosen], chain.shares[chosen]
    costs = relaxation.prices[devices]
    # Zero-dual devices are not shared out, so all that allow the size count, in every column.
    fill = np.cumsum(np.where(mask, 0.0, chain.shares))[ends]
    needs = chain.need - fill
    resolution, compiled = chain.resolution, use_compiled(len(is_priced), control)
    units = units_of(shares, resolution)
    table = cheapest_covers(units, costs, resolution, compiled=compiled)
    repeats = np.zeros(len(devices), dtype=bool)
    if kinds is not None:
        repeats[:-1] = (np.diff(kinds[devices]) == 0) & (np.diff(costs) == 0.0)
    steps = steps_within(control, compiled=compiled)
    covers = covers_within(
        table, shares, costs, prefixes, needs, budgets, limit, compiled=compiled, repeats=repeats, steps=steps
    )
    if covers is None:
        return None
    # The last place stands for nobody: positions are filled up with -1.
    members = np.append(devices, len(is_priced)).astype(np.int32)[covers.members]
    return _listed(members, leader, sizes[covers.levels], chain.student, len(is_priced))


def _listed(members: NDArray[Any], leader: Members, sizes: IntArray, student: int, nobody: int) -> ColumnList:
    """Columns of one student with a leader each, where there is one."""
    if leader:
        members = np.column_stack([members, np.full(len(members), leader[0], dtype=np.int32)])
    students = np.full(len(sizes), student, dtype=np.int64)
    return ColumnList(sizes, students, np.sort(members.astype(np.int32, copy=False), axis=1), nobody)


def _columns_together(
    chain: Chain,
    mask: BoolArray,
    prices: FloatArray,
    levels: tuple[IntArray, IntArray, FloatArray],
    leader: Members,
    limit: int,
    control: Control,
) -> ColumnList | None:
    """The columns of a chain whose devices fail together, level by level: true covers with all that is not priced.

    Parameters
    ----------
    chain : Chain
        What groups are made of.
    mask : BoolArray, L
        Which of its devices are shared out.
    prices : FloatArray, N
        Of all devices.
    levels : tuple of arrays
        Of each level, the last position, the size, and what a cover may cost.
    leader : tuple of int
        The chain's leader where it is shared out, too.
    limit : int
        Largest number of columns.
    control : Control
        Its limit ends the enumeration.
    """
    assert chain.coverage is not None
    parts: list[ColumnList] = []
    count = 0
    for end, size, budget in zip(*(level.tolist() for level in levels), strict=True):
        if control.exhausted:
            return None
        within = np.arange(len(mask)) <= end
        devices, fill = chain.devices[mask & within], chain.devices[~mask & within].tolist()
        fixed = [*fill, *(() if chain.leader is None else (chain.leader,))]
        blocks = blocks_of(chain.coverage, devices, fixed)
        found = nested_covers_within(blocks, prices[devices], budget, resolution_for(len(prices)), limit - count)
        if found is None:
            return None
        # The last place stands for nobody.
        members = np.append(devices, len(prices))[found]
        is_needed = chain.coverage.covers(members, fixed)
        for place in range(members.shape[1]):
            less = members.copy()
            less[:, place] = len(prices)
            is_needed &= (members[:, place] == len(prices)) | ~chain.coverage.covers(less, fixed)
        kept = members[is_needed]
        parts.append(_listed(kept, leader, np.full(len(kept), size), chain.student, len(prices)))
        count += len(kept)
    return ColumnList.joined(parts, len(prices))


def _undominated(problem: ThresholdProblem, columns: ColumnList, is_priced: BoolArray) -> ColumnList:
    """Leave out columns for which another student does with fewer of the same devices, in a column of that size.

    A larger one would not do: it may count under one more limit on sizes, and it may have cost too much to be listed.
    """
    # A device that stands for none: no share, no part.
    shares = np.append(problem.shares, 0.0)
    timely = np.vstack([problem.timely, np.zeros((1, problem.timely.shape[1]), dtype=np.int64)])
    dominated = np.zeros(len(columns), dtype=bool)
    # Some at a time: a row of figures for each of millions would take all memory.
    for start in range(0, len(columns), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        members, sizes, lengths = columns.members[some], columns.sizes[some], columns.lengths[some]
        for j in range(timely.shape[1]):
            # Sizes of a chain are those of its devices: only there has the other student a column of this size.
            rows = np.flatnonzero(np.isin(sizes, problem.timely[:, j]) & ~dominated[some])
            own = members[rows]
            able = timely[own, j] >= sizes[rows, None]
            fill = sums_at_least(problem.timely[~is_priced, j], problem.shares[None, ~is_priced], sizes[rows])[0]
            gathered = np.where(able, shares[own], 0.0).sum(axis=1) + fill
            smallest = np.where(able, shares[own], np.inf).min(axis=1, initial=np.inf)
            # Covers beyond doubt: no rounding may have kept the better column off the list.
            able_count = able.sum(axis=1)
            fewer = (able_count < lengths[rows]) & (gathered >= 1.0 + SHARE_TOLERANCE)
            spare = (lengths[rows] > 0) & (gathered - smallest >= 1.0 + SHARE_TOLERANCE)
            dominated[start + rows[fewer | spare]] = True
    return columns.only(~dominated) if dominated.any() else columns


def _largest(problem: ThresholdProblem, columns: ColumnList) -> ColumnList:
    """Of columns with the same devices that count under the same limits on sizes, the largest."""
    falling = columns.only(np.argsort(-columns.sizes, kind="stable"))
    return falling.distinct(by=np.searchsorted(problem.levels.sizes, falling.sizes, side="right"))


def _undominated_together(
    problem: ThresholdProblem, coverage: Coverage, columns: ColumnList, is_priced: BoolArray
) -> ColumnList:
    """Leave out columns for which another student does with fewer of the same devices, where devices fail together."""
    members, sizes, nobody = columns.members, columns.sizes, columns.nobody
    if members.size == 0:
        return columns
    timely = np.vstack([problem.timely, np.zeros((1, problem.timely.shape[1]), dtype=np.int64)])
    dominated = np.zeros(len(columns), dtype=bool)
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        # Sizes of a chain are those of its devices: only there has another student a column of this size.
        for j in np.flatnonzero((problem.timely == size).any(axis=0)).tolist():
            fill = np.flatnonzero(~is_priced & (problem.timely[:, j] >= size)).tolist()
            own = np.where(timely[members[rows], j] >= size, members[rows], nobody)
            fewer = (own != members[rows]).any(axis=1) & coverage.covers(own, fill)
            for place in range(own.shape[1]):
                less = own.copy()
                less[:, place] = nobody
                fewer |= (members[rows, place] < nobody) & coverage.covers(less, fill)
            dominated[rows] |= fewer
            rows = rows[~fewer]
    return columns.only(~dominated)
