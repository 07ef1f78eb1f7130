"""Integer packing: whether disjoint groups at a threshold hold all filters, by showing them or by proof.

Enumerated columns, which leave zero-dual devices open, are packed by an integer program. No packing of columns: no
packing of groups. Otherwise a second, small program completes the columns to groups. Zero-dual devices that turn out to
be short are shared out like priced ones from then on, and the first program is solved again with the finer columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy.sparse as sp

from rocoin_opt.exact.threshold.completion import complete
from rocoin_opt.exact.threshold.enumeration import Column, columns_of, enumerate_columns
from rocoin_opt.exact.threshold.listed_packing import ListedColumns, pack_listed
from rocoin_opt.exact.threshold.listed_packing import Status as Status
from rocoin_opt.grouping import COLUMN
from rocoin_opt.instance import SAFETY

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import PackingProblem, Relaxation, ThresholdProblem
    from rocoin_opt.instance import IntArray
    from rocoin_opt.plan import Members

PRICE_TOLERANCE = SAFETY
"""Price, in filters, from which on a device is shared out."""


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
    """

    columns: int
    nodes: int | None
    dives: int = 0


@dataclass(frozen=True)
class Packing:
    """Answer of an integer packing.

    Attributes
    ----------
    status : str
        ``packed``, ``impossible`` (proven) or ``unknown`` (a limit came first).
    groups : list of tuples of int
        Device indices of the groups, when packed.
    """

    status: Status
    groups: list[Members] = field(default_factory=list)


_Names: TypeAlias = frozenset[tuple[int, "Members"]]


@dataclass
class Memory:
    """What packings at other thresholds have taught.

    Attributes
    ----------
    refuted : list of (columns, limits)
        Columns that make no packing under these limits on sizes; fewer of them cannot make one either.
    undecided : dict
        Most nodes that were spent in vain on a set of columns under its limits; None for all it took.
    contested : IntArray
        Devices of no price that turned out to be short all the same.
    """

    refuted: list[tuple[_Names, dict[int, int]]] = field(default_factory=list)
    undecided: dict[tuple[_Names, tuple[int, ...]], int | None] = field(default_factory=dict)
    contested: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def verdict(self, problem: ThresholdProblem, columns: list[Column], effort: Effort) -> Status | None:
        """What is known of these columns already; None if they are worth a try.

        Parameters
        ----------
        problem : ThresholdProblem
            Instance, objective and threshold; its limits on sizes count.
        columns : list of Column
            What a packing may consist of.
        effort : Effort
            What a new try may cost.
        """
        names, limits = _names(columns), _limits(problem)
        if any(limits == known and names <= larger for larger, known in self.refuted):
            return "impossible"
        nodes = self.undecided.get((names, tuple(limits.values())), 0)
        return "unknown" if nodes is None or (effort.nodes is not None and effort.nodes <= nodes) else None

    def learn(self, problem: ThresholdProblem, columns: list[Column], effort: Effort, status: Status) -> None:
        """Remember how a try with these columns ended.

        Parameters
        ----------
        problem : ThresholdProblem
            Instance, objective and threshold; its limits on sizes count.
        columns : list of Column
            What was tried.
        effort : Effort
            What the try was allowed to cost.
        status : {'packed', 'impossible', 'unknown'}
            How it ended; what is packed needs no remembering.
        """
        names, limits = _names(columns), _limits(problem)
        if status == "impossible":
            self.refuted.append((names, limits))
        elif status == "unknown":
            self.undecided[names, tuple(limits.values())] = effort.nodes


def _names(columns: list[Column]) -> _Names:
    return frozenset((column.size, column.devices) for column in columns)


def _limits(problem: ThresholdProblem) -> dict[int, int]:
    return dict(zip(problem.levels.sizes.tolist(), problem.levels.limits.tolist(), strict=True))


def pack(
    problem: ThresholdProblem, relaxation: Relaxation, control: Control, effort: Effort, memory: Memory
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

    Returns
    -------
    Packing
        Groups whose cover is true up to rounding; whoever makes a plan of them checks it.
    """
    # A packing of all filters wastes no more than the bound leaves, in reduced costs of its groups together.
    slack = relaxation.bound - problem.wanted
    priced = np.union1d(np.flatnonzero(relaxation.prices > PRICE_TOLERANCE), memory.contested)
    while True:
        columns = enumerate_columns(problem, relaxation, priced, slack, effort.columns, control)
        if columns is None or control.exhausted:
            return Packing("unknown")
        status = memory.verdict(problem, columns, effort)
        chosen: list[Column] = []
        if status is None:
            status, chosen = pack_columns(problem, columns, control, effort)
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
    status, chosen = pack_columns(problem, columns, control, Effort(len(columns), nodes))
    return Packing("packed", [column.devices for column in chosen]) if status == "packed" else Packing("unknown")


def pack_columns(
    problem: PackingProblem, columns: list[Column], control: Control, effort: Effort
) -> tuple[Status, list[Column]]:
    """Look for disjoint columns that hold all filters; ``impossible`` is proven for these columns alone.

    Parameters
    ----------
    problem : PackingProblem
        Instance, objective and threshold.
    columns : list of Column
        What a packing may consist of.
    control : Control
        Limits. It is told of filters placed.
    effort : Effort
        Its nodes are the limit of branch and bound; columns are taken as they come.

    Returns
    -------
    status, list of Column
        ``packed`` with the columns chosen; else ``impossible`` or ``unknown``, and none.
    """
    if not columns:
        return "impossible", []
    if not control.has_time_for(COLUMN * len(columns)):
        return "unknown", []
    status, times = pack_listed(_listed(problem, columns), control, effort.nodes)
    if times is None:
        return status, []
    return status, [column for column, count in zip(columns, times.tolist(), strict=True) for _ in range(count)]


def _listed(problem: PackingProblem, columns: list[Column]) -> ListedColumns:
    """The columns as a matrix: every priced device once or not at all, no more groups of a size than possible."""
    devices = np.array([n for column in columns for n in column.devices], dtype=np.int64)
    used, rows = np.unique(devices, return_inverse=True)
    starts = np.cumsum([0, *(len(column.devices) for column in columns)])
    sizes = np.array([column.size for column in columns])
    steps = np.unique(sizes)
    limits = np.array([problem.levels.groups_of(step) for step in steps.tolist()])
    least = np.zeros_like(limits)
    least[0] = problem.instance.requirements.min_groups
    return ListedColumns(
        counts=sp.csc_array((np.ones(len(rows)), rows, starts), shape=(len(used), len(columns))),
        available=np.ones(len(used), dtype=np.int64),
        sizes=sizes,
        # Without any priced device nothing else keeps a column from being taken again.
        most=np.where(np.diff(starts) > 0, 1, limits[0]),
        steps=steps,
        least=least,
        limits=limits,
        wanted=problem.wanted,
    )
