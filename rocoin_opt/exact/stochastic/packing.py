"""Whether disjoint groups hold all filters by a threshold under random latencies: shown, refuted, or left open."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

import numpy as np

from rocoin_opt.control import TimeUp
from rocoin_opt.exact.threshold import Packing, columns_of, columns_of_chains, pack_columns
from rocoin_opt.grouping import LEAST_FRACTION, Intervals, Pool, StochasticProblem, diversify, relax
from rocoin_opt.heuristics.stochastic_exchange import exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold import ColumnList, Effort, Status
    from rocoin_opt.grouping import Relaxation, StochasticShares
    from rocoin_opt.plan import Members

Arguments = ParamSpec("Arguments")

SEARCHES = 4
"""Searches by exchange at one threshold, each with finer intervals than the last."""
LEAST_ATTEMPTED = 1_500
"""Groups of the pool that an integer packing is attempted with at least: what takes it seconds. A tenth of the columns
of an effort where that is more."""


def _unless_time_is_up(look: Callable[Arguments, Packing]) -> Callable[Arguments, Packing]:
    """Let a search for a packing say ``unknown`` where time is up in the midst of a share."""

    @wraps(look)
    def looked(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Packing:
        try:
            return look(*args, **kwargs)
        except TimeUp:
            return Packing("unknown")

    return looked


@dataclass
class StochasticPacking:
    """Packings of one instance at any threshold; what they learn is kept.

    Attributes
    ----------
    shares : StochasticShares
        Owner of instance and shares.
    pool : Pool
        Groups of earlier linear programs.
    intervals : Intervals
        Intervals of part sizes, finer where a packing asked for it.
    """

    shares: StochasticShares
    pool: Pool = field(default_factory=Pool)
    intervals: Intervals = field(init=False)

    def __post_init__(self) -> None:
        """Begin with coarse intervals."""
        self.intervals = Intervals(self.shares.instance)

    def refutes(self, threshold: float, control: Control) -> bool:
        """Whether the relaxation proves that no plan keeps a threshold."""
        try:
            return self._relaxed(threshold, control, question=True) == "impossible"
        except TimeUp:
            return False

    @_unless_time_is_up
    def decide(self, threshold: float, control: Control, effort: Effort) -> Packing:
        """Decide whether disjoint groups hold all filters within a threshold.

        Groups are those that cover by upper bounds on shares: ``impossible`` is proven, and a plan of ``packed`` groups
        wants to be valued.

        Parameters
        ----------
        threshold : float
            T in seconds.
        control : Control
            Limit; where it comes first the answer is ``unknown``.
        effort : Effort
            Largest number of columns and of branch-and-bound nodes.

        Returns
        -------
        Packing
            ``packed``, ``impossible`` or ``unknown``.
        """
        while True:
            relaxed = self._relaxed(threshold, control, question=False)
            if isinstance(relaxed, str):
                return Packing(relaxed)
            problem, relaxation = relaxed
            columns = self._columns(problem, relaxation, effort.columns, control)
            if columns is None or control.exhausted:
                return Packing("unknown")
            status, chosen = pack_columns(problem, columns, control, effort)
            if status != "packed":
                return Packing(status)
            # Intervals overrate groups: a packing counts once it takes none of these for more than it delivers.
            if not self._split(threshold, [(column.devices, column.size) for column in chosen]):
                return Packing("packed", [column.devices for column in chosen])

    @_unless_time_is_up
    def search(self, threshold: float, groups: Sequence[Members], control: Control, steps: int) -> Packing:
        """Look for a packing by exchanges between groups; it may be found, but not refuted.

        Parameters
        ----------
        threshold : float
            T in seconds.
        groups : sequence of Members
            Groups to begin with, by device indices.
        control : Control
            Limit and seed.
        steps : int
            Exchanges that each search may try.

        Returns
        -------
        Packing
            ``packed`` or ``unknown``.
        """
        for seed in range(control.seed, control.seed + SEARCHES):
            problem = StochasticProblem(self.shares, threshold, self.intervals)
            groups, held = exchange(problem, groups, control, steps, seed)
            if held >= problem.wanted and len(groups) >= problem.instance.requirements.min_groups:
                return Packing("packed", list(groups))
            # Finer where these groups are: they may deliver more than the beginning of an interval.
            for members in groups:
                for j in range(len(problem.instance.students)):
                    size = self.shares.capacity(members, j, threshold)
                    if size > 1:
                        self.intervals.split(j, size - 1)
        return Packing("unknown")

    @_unless_time_is_up
    def attempt(self, threshold: float, control: Control, effort: Effort) -> Packing:
        """Look for a packing among the groups of the pool and some more: it may be found, but no search refutes it.

        Parameters
        ----------
        threshold : float
            T in seconds.
        control : Control
            Limit and seed.
        effort : Effort
            Largest number of columns and of branch-and-bound nodes.

        Returns
        -------
        Packing
            ``packed`` or ``unknown``; ``impossible`` where the relaxation alone refutes the threshold.
        """
        relaxed = self._relaxed(threshold, control, question=False)
        if isinstance(relaxed, str):
            return Packing(relaxed)
        problem, relaxation = relaxed
        diversify(problem, relaxation, self.pool, control)
        while not control.exhausted:
            columns = columns_of(problem, list(self.pool.groups))
            # The groups that cost the least beyond what they hold are the likeliest to be in a packing.
            excess = columns.priced(relaxation.prices) + relaxation.size_prices.of(columns.sizes) - columns.sizes
            cheapest = np.argsort(excess, kind="stable")
            columns = columns.only(cheapest[: max(LEAST_ATTEMPTED, effort.columns // 10)])
            status, chosen = pack_columns(problem, columns, control, effort)
            if status != "packed":
                break
            if not self._split(threshold, [(column.devices, column.size) for column in chosen]):
                return Packing("packed", [column.devices for column in chosen])
            problem = StochasticProblem(self.shares, threshold, self.intervals)
        return Packing("unknown")

    def _relaxed(
        self, threshold: float, control: Control, *, question: bool
    ) -> tuple[StochasticProblem, Relaxation] | Status:
        """The relaxation, with intervals that are exact for the groups that it takes.

        With a ``question`` it may stop as soon as it is known to admit a plan. ``impossible`` where it does not admit
        one, ``unknown`` where a limit came first.
        """
        while not control.exhausted:
            problem = StochasticProblem(self.shares, threshold, self.intervals)
            if not problem.admits_plan:
                return "impossible"
            relaxation = relax(problem, self.pool, control, question=problem.wanted if question else None)
            if relaxation is None:
                break
            if not relaxation.admits(problem.wanted):
                return "impossible"
            # Groups that were priced last may not have been in the program any more.
            fractions = zip(relaxation.groups, relaxation.values.tolist(), strict=False)
            taken = [group for group, fraction in fractions if fraction > LEAST_FRACTION]
            if not self._split(threshold, zip(taken, problem.capacities(taken).tolist(), strict=True)):
                return problem, relaxation
        return "unknown"

    def _split(self, threshold: float, groups: Iterable[tuple[Members, int]]) -> bool:
        """Split the intervals that overrate a group; whether there were any."""
        found = False
        for members, size in groups:
            for j in range(len(self.shares.instance.students)):
                found |= self._split_for(threshold, members, j, size)
        return found

    def _split_for(self, threshold: float, members: Members, student: int, size: int) -> bool:
        """Split the interval in which a group counts as able to deliver a size with a student, if it is not."""
        if not 1 <= size <= self.shares.instance.arrays.largest[:, student].max():
            return False
        # Only an interval that ends with this size can have made the group count for it.
        first, last = self.intervals.around(student, size)
        if last != size or not self.shares.covers(members, student, first, threshold, at_most=True):
            return False
        able = self.shares.capacity(members, student, threshold, least=first, at_most=True)
        return able < last and self.intervals.split(student, able)

    def _columns(
        self, problem: StochasticProblem, relaxation: Relaxation, limit: int, control: Control
    ) -> ColumnList | None:
        """Groups that a packing can consist of, by their reduced costs; None if there are more than a limit."""
        slack = relaxation.bound - problem.wanted
        # All devices are shared out: completing columns takes one share a device, and here it depends on the chain.
        everyone = np.ones(len(problem.instance.devices), dtype=bool)
        found = columns_of_chains(relaxation, problem.chains, everyone, slack, limit, control)
        if found is None:
            return None
        # Chains of one student differ by the interval of sizes: a group counts with the largest that it covers.
        falling = found.only(np.argsort(-found.sizes, kind="stable"))
        return falling.distinct(by=np.zeros(len(falling), dtype=np.int64))
