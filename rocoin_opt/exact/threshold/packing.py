"""Integer packing: whether disjoint groups at a threshold hold all filters, by showing them or by proof.

Enumerated columns, which leave zero-dual devices open, are packed by an integer program. No packing of columns: no
packing of groups. Otherwise a second, small program completes the columns to groups. Zero-dual devices that turn out to
be short are shared out like priced ones from then on, and the first program is solved again with the finer columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.threshold.column_list import ColumnList, fingerprints
from rocoin_opt.exact.threshold.completion import complete
from rocoin_opt.exact.threshold.enumeration import columns_of, enumerate_columns
from rocoin_opt.exact.threshold.listed_columns import AlikeColumns
from rocoin_opt.exact.threshold.listed_packing import FEW_COLUMNS, pack_listed
from rocoin_opt.exact.threshold.listed_packing import Counts as Counts
from rocoin_opt.exact.threshold.listed_packing import Status as Status
from rocoin_opt.grouping import COLUMN, Relaxation, SizePrices
from rocoin_opt.instance import SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.column_list import Column
    from rocoin_opt.grouping import PackingProblem, ThresholdProblem
    from rocoin_opt.instance import IntArray
    from rocoin_opt.plan import Members

PRICE_TOLERANCE = SAFETY
"""Price, in filters, from which on a device is shared out."""
REMEMBERED = 300_000
"""Columns up to which a try is remembered: more take more memory than another try takes time."""


@dataclass(frozen=True)
class Effort:
    """How much one integer packing may cost.

    Attributes
    ----------
    columns : int
        Largest number of columns.
    nodes : int or None
        Largest number of branch-and-bound nodes; None for no limit.
    dives : int
        Dives for a packing before its integer program is set up.
    few : int
        Columns that an integer program decides without any branching before it.
    groups : int
        Groups of linear programs up to which an integer program looks for a packing of these, without listing others.
    """

    columns: int
    nodes: int | None
    dives: int = 0
    few: int = FEW_COLUMNS
    groups: int = 0


@dataclass(frozen=True)
class Packing:
    """Answer of an integer packing.

    Attributes
    ----------
    status : str
        ``packed``, ``impossible`` (proven) or ``unknown`` (a limit came first).
    groups : list of tuples of int
        Device indices of the groups, when packed.
    listed : bool
        Whether there were few enough columns to try at all.
    """

    status: Status
    groups: list[Members] = field(default_factory=list)
    listed: bool = True


@dataclass(frozen=True, eq=False)
class _Tried:
    """Columns under limits on sizes, and the nodes that they were tried with: None for all it took."""

    columns: ColumnList
    marks: IntArray
    """Of the columns, which are sorted by them."""
    limits: dict[int, int]
    nodes: int | None = None

    @classmethod
    def of(cls, problem: ThresholdProblem, columns: ColumnList, nodes: int | None = None) -> _Tried:
        marks = fingerprints(columns.sizes, columns.members, columns.nobody)
        order = np.argsort(marks, kind="stable")
        limits = dict(zip(problem.levels.sizes.tolist(), problem.levels.limits.tolist(), strict=True))
        return cls(columns.only(order), marks[order], limits, nodes)

    def holds(self, other: _Tried) -> bool:
        """Whether all columns of the other one are among these, under the same limits."""
        if other.limits != self.limits or len(other.marks) > len(self.marks):
            return False
        place = np.searchsorted(self.marks, other.marks)
        if (place == len(self.marks)).any() or (self.marks[place] != other.marks).any():
            return False
        # Different columns may have the same mark: what is proven rests on the columns.
        width = max(self.columns.members.shape[1], other.columns.members.shape[1])
        same = (self.columns.padded(width)[place] == other.columns.padded(width)).all()
        return bool(same and (self.columns.sizes[place] == other.columns.sizes).all())


@dataclass
class Memory:
    """What packings at other thresholds have taught.

    Attributes
    ----------
    refuted : list
        Columns that make no packing under their limits on sizes; fewer of them cannot make one either.
    undecided : list
        Columns on which nodes were spent in vain.
    contested : IntArray
        Devices of no price that turned out to be short all the same.
    """

    refuted: list[_Tried] = field(default_factory=list)
    undecided: list[_Tried] = field(default_factory=list)
    contested: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def verdict(self, problem: ThresholdProblem, columns: ColumnList, effort: Effort) -> Status | None:
        """What is known of these columns already; None if they are worth a try.

        Parameters
        ----------
        problem : ThresholdProblem
            Instance, objective and threshold; its limits on sizes count.
        columns : ColumnList
            What a packing may consist of.
        effort : Effort
            What a new try may cost.
        """
        if len(columns) > REMEMBERED:
            return None
        asked = _Tried.of(problem, columns)
        if any(tried.holds(asked) for tried in self.refuted):
            return "impossible"
        for tried in self.undecided:
            was_enough = tried.nodes is None or (effort.nodes is not None and effort.nodes <= tried.nodes)
            if was_enough and len(tried.marks) == len(asked.marks) and tried.holds(asked):
                return "unknown"
        return None

    def learn(self, problem: ThresholdProblem, columns: ColumnList, effort: Effort, status: Status) -> None:
        """Remember how a try with these columns ended.

        Parameters
        ----------
        problem : ThresholdProblem
            Instance, objective and threshold; its limits on sizes count.
        columns : ColumnList
            What was tried.
        effort : Effort
            What the try was allowed to cost.
        status : {'packed', 'impossible', 'unknown'}
            How it ended; what is packed needs no remembering.
        """
        if status == "packed" or len(columns) > REMEMBERED:
            return
        tried = _Tried.of(problem, columns, effort.nodes)
        (self.refuted if status == "impossible" else self.undecided).append(tried)


def pack(
    problem: ThresholdProblem,
    relaxation: Relaxation,
    control: Control,
    effort: Effort,
    memory: Memory,
    counts: Counts | None = None,
) -> Packing:
    """Decide whether disjoint groups hold all filters within a threshold.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    relaxation : Relaxation
        Of the same problem.
    control : Control
        Limits. It is told of filters placed: give it a report that knows what to make of them, or none.
    effort : Effort
        What it may cost.
    memory : Memory
        Lessons of earlier packings; those of this one are added.
    counts : Counts, optional
        Numbers of groups of each size or more, for all sizes of the chains; those of the problem where absent. The
        relaxation's bound has to hold for these.

    Returns
    -------
    Packing
        Groups whose cover is true up to rounding; whoever makes a plan of them checks it.
    """
    # A packing of all filters wastes no more than the bound leaves, in reduced costs of its groups together.
    slack = relaxation.bound - problem.wanted
    # The mean over all exchanges of alike devices proves the same bound, and makes columns alike that are.
    kinds = problem.kind_of_device
    prices = (np.bincount(kinds, weights=relaxation.prices) / np.bincount(kinds))[kinds]
    relaxation = replace(relaxation, prices=prices)
    priced = np.union1d(np.flatnonzero(prices > PRICE_TOLERANCE), memory.contested)
    while True:
        priced = np.flatnonzero(np.isin(kinds, kinds[priced]))
        # Nothing stops the listing before it has so many.
        limit = int(min(effort.columns, control.remaining / COLUMN))
        columns = enumerate_columns(problem, relaxation, priced, slack, limit, control)
        if columns is None or control.exhausted:
            return Packing("unknown", listed=columns is not None)
        # What is known of columns holds for the numbers of groups that the problem allows.
        status = memory.verdict(problem, columns, effort) if counts is None else None
        chosen: list[Column] = []
        if status is None:
            status, chosen = pack_columns(problem, columns, control, effort, priced=priced, counts=counts)
            if counts is None:
                memory.learn(problem, columns, effort, status)
        if status != "packed":
            return Packing(status)
        completion = complete(problem, chosen, priced, control)
        if completion.groups is not None:
            return Packing("packed", completion.groups)
        # Nothing is left to refine: every device that could help is priced already.
        if len(completion.contested) == 0:
            return Packing("unknown")
        # Kept for other thresholds, where the same devices tend to be short.
        memory.contested = np.union1d(memory.contested, completion.contested)
        priced = np.union1d(priced, memory.contested)


def pack_alike_parts(problem: ThresholdProblem, control: Control, effort: Effort) -> Packing:
    """Decide whether disjoint groups hold all filters where all parts are alike, which is bin covering.

    A cover has shares of 1 or more together, so shares are prices that prove a bound without a linear program; that of
    Martello and Toth, "Knapsack Problems", 1990, chapter 8. Where little is to spare, few covers waste as little.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    control : Control
        Limits. It is told of filters placed.
    effort : Effort
        What it may cost.

    Returns
    -------
    Packing
        ``unknown`` too where parts differ or devices fail together.
    """
    parts = np.unique(problem.timely[problem.timely > 0])
    if len(parts) != 1 or problem.led or problem.coverage is not None:
        return Packing("unknown")
    prices = np.where(problem.timely.any(axis=1), problem.shares * float(parts[0]), 0.0)
    bound = float(prices.sum())
    relaxation = Relaxation(bound, prices, SizePrices(parts, np.zeros(2)), [], np.empty(0), bound, complete=True)
    if not relaxation.admits(problem.wanted):
        return Packing("impossible")
    return pack(problem, relaxation, control, effort, Memory())


def pack_groups(problem: ThresholdProblem, groups: list[Members], control: Control, nodes: int | None) -> Packing:
    """Look for a packing among given groups: it may be found, but not refuted.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    groups : list of tuples of int
        Device indices; those that do not cover are left out.
    control : Control
        Limits. It is told of filters placed: give it a report that knows what to make of them, or none.
    nodes : int or None
        Largest number of branch-and-bound nodes; None for no limit.

    Returns
    -------
    Packing
        ``packed`` or ``unknown``.
    """
    covers = [group for group, covers in zip(groups, problem.covering(groups).tolist(), strict=True) if covers]
    columns = columns_of(problem, covers)
    status, chosen = pack_columns(problem, columns, control, Effort(len(columns), nodes, few=len(columns)))
    return Packing("packed", [column.devices for column in chosen]) if status == "packed" else Packing("unknown")


def pack_columns(
    problem: PackingProblem,
    columns: ColumnList,
    control: Control,
    effort: Effort,
    *,
    priced: IntArray | None = None,
    counts: Counts | None = None,
) -> tuple[Status, list[Column]]:
    """Look for disjoint columns that hold all filters; ``impossible`` is proven for these columns alone.

    Parameters
    ----------
    problem : PackingProblem
        Instance, objective and threshold.
    columns : ColumnList
        What a packing may consist of.
    control : Control
        Limits. It is told of filters placed.
    effort : Effort
        Its nodes are the limit of branch and bound; columns are taken as they come.
    priced : IntArray, optional
        Devices that may stand for those of their kind; those of the columns where absent.
    counts : Counts, optional
        As for :func:`pack`.

    Returns
    -------
    status, list of Column
        ``packed`` with the columns chosen; else ``impossible`` or ``unknown``, and none. Where devices are alike, they
        may stand for each other.
    """
    if len(columns) == 0:
        return "impossible", []
    if not control.has_time_for(COLUMN * len(columns)):
        return "unknown", []
    alike = AlikeColumns(problem, columns, priced)
    listed = alike.listed() if counts is None else alike.listed().within(counts)
    if listed is None:
        return "impossible", []
    status, times = pack_listed(listed, control, effort.nodes, effort.few)
    return status, [] if times is None else alike.columns_of(times)
