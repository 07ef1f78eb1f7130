"""Completion of packed columns: which zero-dual device joins which group, or which of them are too few.

A column stands for groups up to the devices of dual price 0, and a packing of columns leaves these open. Each of them
may join one group. Who joins whom is a small integer program, as the shares that groups lack differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.grouping import (
    COVER_TOLERANCE,
    ROUNDING_UNITS,
    UNREACHABLE,
    cheapest_covers,
    cheapest_members,
    resolution_of,
    units_needed,
    units_of,
    use_compiled,
)
from rocoin_opt.highs import LinearModel, solve_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.column_list import Column
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import BoolArray, FloatArray, IntArray

MAX_NODES = 50
"""Branch-and-bound nodes that completing columns is worth: one mostly suffices. Else more devices are priced."""
MOST_JOINING = 1_000
"""Pairs of a device and a group that it may join, up to which an integer program is tried where filling up fails: it
seldom tells anything of more within a minute."""
MOST_ABLE = 200
"""Devices from which a group is filled up."""
MAX_CUTS = 20
"""Completions that are tried where devices fail together, each without the false covers of those before."""


@dataclass(frozen=True, eq=False)
class Completion:
    """Completed groups, or the devices to look at more closely.

    Attributes
    ----------
    groups : list of tuples of int or None
        The columns with the devices that joined them; None if these did not suffice.
    contested : IntArray
        Devices that are too few for the columns, none of them priced; empty when there are groups.
    """

    groups: list[tuple[int, ...]] | None
    contested: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))


@dataclass(frozen=True, eq=False)
class _Want:
    """What a column lacks to be a group.

    Attributes
    ----------
    position : int
        Which column.
    share : float
        Share that is missing.
    leaders : IntArray or None
        Free devices of which one has to join, because nobody answers in time yet; None where somebody does.
    able : IntArray
        Free devices that may join, ascending.
    gains : FloatArray
        Share that each of them adds at most: what it adds to the column alone.
    """

    position: int
    share: float
    leaders: IntArray | None
    able: IntArray
    gains: FloatArray


def complete(problem: ThresholdProblem, columns: Sequence[Column], priced: IntArray, control: Control) -> Completion:
    """Complete columns to groups with devices that none of them has.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    columns : sequence of Column
        Disjoint.
    priced : IntArray
        The devices that are shared out among columns. One that no column took may join as zero-dual devices do.
    control : Control
        Limits.

    Returns
    -------
    Completion
        With groups, or with contested devices: some, unless every device that could help is priced.
    """
    free = np.ones(len(problem.shares), dtype=bool)
    free[[n for column in columns for n in column.devices]] = False
    wants = [want for want in (_want(problem, k, column, free) for k, column in enumerate(columns)) if want is not None]
    groups = [list(column.devices) for column in columns]
    if wants and not _join(problem, wants, groups, control):
        return Completion(None, _contested(problem, wants, priced))
    return Completion([tuple(sorted(group)) for group in groups])


def _want(problem: ThresholdProblem, position: int, column: Column, free: BoolArray) -> _Want | None:
    devices, j = list(column.devices), column.student
    share = _lacking(problem, devices)
    led = not problem.led or bool((problem.timely[devices, j] >= column.size).any())
    if share <= COVER_TOLERANCE and led:
        return None
    able = np.flatnonzero(free & (problem.allowed[:, j] >= column.size))
    leaders = None if led else able[problem.timely[able, j] >= column.size]
    return _Want(position, share, leaders, able, _gains(problem, devices, able))


def _lacking(problem: ThresholdProblem, devices: list[int]) -> float:
    """Share that devices lack to cover; 0 where they do and it is known without rounding."""
    if problem.coverage is None:
        return 1.0 - float(problem.shares[devices].sum())
    if problem.coverage.keeps_limit(devices):
        return 0.0
    return 1.0 - float(problem.coverage.shares(problem.coverage.products(np.array([devices], dtype=np.int64)))[0])


def _gains(problem: ThresholdProblem, devices: list[int], able: IntArray) -> FloatArray:
    """Share that each of some devices alone adds to a set of others."""
    coverage = problem.coverage
    if coverage is None:
        return np.asarray(problem.shares[able])
    before = coverage.products(np.tile(np.array(devices, dtype=np.int64), (len(able), 1)))
    return np.maximum(coverage.shares(coverage.joined(before, able)) - coverage.shares(before), 0.0)


def _join(problem: ThresholdProblem, wants: list[_Want], groups: list[list[int]], control: Control) -> bool:
    """Let free devices join the groups, each at most one; False if they do not suffice or a limit came first."""
    if control.exhausted or any(len(want.able) == 0 for want in wants):
        return False
    if problem.coverage is None and not problem.led:
        filled = _fill(problem, wants, control)
        if filled is not None:
            for want, joined in zip(wants, filled, strict=True):
                groups[want.position] += joined
            return True
        if sum(len(want.able) for want in wants) > MOST_JOINING:
            return False
    owner = np.repeat(np.arange(len(wants)), [len(want.able) for want in wants])
    device = np.concatenate([want.able for want in wants])
    used, device_row = np.unique(device, return_inverse=True)
    led = [k for k, want in enumerate(wants) if want.leaders is not None]
    leads = np.concatenate(
        [
            np.isin(want.able, want.leaders) if want.leaders is not None else np.zeros(len(want.able), dtype=bool)
            for want in wants
        ]
    )
    leader_row = np.full(len(wants), -1)
    leader_row[led] = len(wants) + len(used) + np.arange(len(led))
    # Variable by variable: the group that the device joins, the device itself, and the leader that the group may lack.
    entries = np.column_stack([owner, len(wants) + device_row, leader_row[owner]])
    gains = np.concatenate([want.gains for want in wants])
    weights = np.column_stack([gains, np.ones(len(device)), np.ones(len(device))])
    present = np.column_stack([np.ones((len(device), 2), dtype=bool), leads])
    least = [*(want.share for want in wants), *([-math.inf] * len(used)), *([1.0] * len(led))]
    most = [*([math.inf] * len(wants)), *([1.0] * len(used)), *([math.inf] * len(led))]
    for _ in range(1 if problem.coverage is None else MAX_CUTS):
        model = LinearModel(
            sense=1,
            offset=0.0,
            cost=problem.shares[device],
            lower=np.zeros(len(device)),
            upper=np.ones(len(device)),
            row_lower=np.array(least),
            row_upper=np.array(most),
            starts=np.concatenate([[0], np.cumsum(present.sum(axis=1))]),
            rows=entries[present],
            values=weights[present],
            integral=np.ones(len(device), dtype=np.int64),
        )
        # Any solution will do: the gap keeps the solver from looking for the one that takes the least share.
        _, values = solve_linear(model, replace(control.silent(), gap=1.0), options={"mip_max_nodes": MAX_NODES})
        if values is None:
            return False
        joining: list[list[int]] = [[] for _ in wants]
        for k, n in zip(owner[values > 0.5].tolist(), device[values > 0.5].tolist(), strict=True):
            joining[k].append(n)
        together = [[*groups[want.position], *joined] for want, joined in zip(wants, joining, strict=True)]
        # Where devices fail together they may add less than each of them alone.
        false = [] if problem.coverage is None else np.flatnonzero(~problem.covering(together)).tolist()
        if not false:
            for want, joined in zip(wants, joining, strict=True):
                groups[want.position] += joined
            return True
        for k in false:
            # Whatever else joins adds to these no more than the sum of what each adds alone.
            row, own = len(least), owner == k
            least.append(_lacking(problem, together[k]))
            most.append(math.inf)
            entries = np.column_stack([entries, np.full(len(device), row)])
            weights = np.column_stack([weights, np.where(own, _gains(problem, together[k], device), 0.0)])
            present = np.column_stack([present, own & ~np.isin(device, joining[k])])
    return False


def _fill(problem: ThresholdProblem, wants: list[_Want], control: Control) -> list[list[int]] | None:
    """Let devices join one group after another, those with the fewest to choose from first, with as little to spare.

    An integer program tells hardly anything of many groups that are short of the same devices; that they fill up, one
    knapsack for each shows at once. That they do not proves nothing.
    """
    shares = problem.shares
    resolution, compiled = resolution_of(shares), use_compiled(len(shares), control)
    is_free = np.ones(len(shares), dtype=bool)
    filled: list[list[int]] = [[] for _ in wants]
    for k in sorted(range(len(wants)), key=lambda k: (len(wants[k].able), -wants[k].share, k)):
        able = wants[k].able[is_free[wants[k].able]]
        # Those that most others can use too are not needed to choose from.
        able = able[np.argsort(problem.timely[able].max(axis=1), kind="stable")[:MOST_ABLE]]
        need = units_needed(wants[k].share, resolution)
        units = units_of(shares[able], resolution)
        table = cheapest_covers(units, shares[able], need + ROUNDING_UNITS, compiled=compiled)
        for wanted in (need, need + ROUNDING_UNITS):
            if table[-1, wanted] >= UNREACHABLE:
                return None
            chosen = able[cheapest_members(table, units, len(able), wanted)]
            if float(shares[chosen].sum()) >= wants[k].share - COVER_TOLERANCE:
                break
        else:
            return None
        is_free[chosen] = False
        filled[k] = chosen.tolist()
    return filled


def _contested(problem: ThresholdProblem, wants: list[_Want], priced: IntArray) -> IntArray:
    """The smallest set of zero-dual devices, by who can use them, that is too small by number or by share.

    Where no such set shows it, those that the pickiest column can use.
    """
    is_free = np.ones(len(problem.shares), dtype=bool)
    is_free[priced] = False
    # The pickiest columns first: where a small set is short, few devices join the priced ones.
    pools = sorted(
        (pool for pool in (_zero_dual(want, is_free) for want in wants) if len(pool)),
        key=lambda pool: (len(pool), pool.tolist()),
    )
    if not pools:
        return np.empty(0, dtype=np.int64)
    union = pools[0]
    for pool in pools:
        union = np.union1d(union, pool)
        if _is_short(problem, wants, union):
            return union
    return pools[0]


def _zero_dual(want: _Want, is_free: BoolArray) -> IntArray:
    pool = want.able if want.leaders is None else want.leaders
    free: IntArray = pool[is_free[pool]]
    return free


def _is_short(problem: ThresholdProblem, wants: list[_Want], pool: IntArray) -> bool:
    """Whether the columns need more of these devices than there are, after all others that they can use have helped."""
    share, number = 0.0, 0
    for want in wants:
        inside = np.isin(want.able, pool)
        # Outside devices count for each column that can use them: a shortage within the pool is then a true one.
        rest = want.share - float(want.gains[~inside].sum())
        if rest <= COVER_TOLERANCE:
            continue
        share += rest
        gathered = np.cumsum(np.sort(want.gains[inside])[::-1])
        number += int(np.searchsorted(gathered, rest - COVER_TOLERANCE)) + 1
    return share > float(problem.shares[pool].sum()) or number > len(pool)
