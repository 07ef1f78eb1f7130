"""Whether disjoint groups hold all filters by a threshold under random latencies: shown, refuted, or left open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.control import TimeUp
from rocoin_opt.exact.cores import Core, cores_of_chains
from rocoin_opt.exact.packing import Packing, pack_cores
from rocoin_opt.exact.random_exchange import exchange
from rocoin_opt.exact.random_view import Intervals, RandomView
from rocoin_opt.exact.relaxation import Pool, diversify, relax

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.chains import Members
    from rocoin_opt.exact.packing import Effort, Status
    from rocoin_opt.exact.random_shares import RandomShares
    from rocoin_opt.exact.relaxation import Relaxation

SEARCHES = 4
"""Searches by exchange at one threshold, each with finer intervals than the last."""
LEAST_ATTEMPTED = 1_500
"""Groups of the pool that an integer packing is attempted with at least: what takes it seconds. A tenth of the cores of
an effort where that is more."""
LEAST_FRACTION = 1e-6
"""Fractions of a group below are the solver's rounding."""


@dataclass
class RandomPacking:
    """Packings of one instance at any threshold; what they learn is kept.

    Attributes
    ----------
    shares : RandomShares
        Owner of instance and shares.
    pool : Pool
        Groups of earlier linear programs.
    intervals : Intervals
        Intervals of part sizes, finer where a packing asked for it.
    """

    shares: RandomShares
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

    def decide(self, threshold: float, control: Control, effort: Effort) -> Packing:
        """Decide whether disjoint groups hold all filters within a threshold.

        Groups are those that cover by upper bounds on shares: ``impossible`` is proven, and a plan of ``packed`` groups
        wants to be valued.
        """
        try:
            return self._decide(threshold, control, effort)
        except TimeUp:
            return Packing("unknown")

    def _decide(self, threshold: float, control: Control, effort: Effort) -> Packing:
        while True:
            relaxed = self._relaxed(threshold, control, question=False)
            if isinstance(relaxed, str):
                return Packing(relaxed)
            view, relaxation = relaxed
            cores = self._cores(view, relaxation, effort.cores, control)
            if cores is None or control.exhausted:
                return Packing("unknown")
            status, chosen = pack_cores(view, cores, control, effort)
            if status != "packed":
                return Packing(status)
            if not self._split(threshold, [(core.devices, core.size) for core in chosen]):
                return Packing("packed", [core.devices for core in chosen])

    def search(self, threshold: float, groups: Sequence[Members], control: Control, steps: int) -> Packing:
        """Look for a packing by exchanges between groups; it may be found, but not refuted."""
        try:
            return self._search(threshold, groups, control, steps)
        except TimeUp:
            return Packing("unknown")

    def _search(self, threshold: float, groups: Sequence[Members], control: Control, steps: int) -> Packing:
        for seed in range(control.seed, control.seed + SEARCHES):
            view = RandomView(self.shares, threshold, self.intervals)
            groups, held = exchange(view, groups, control, steps, seed)
            if held >= view.wanted and len(groups) >= view.instance.requirements.min_groups:
                return Packing("packed", list(groups))
            # Finer where these groups are: they may deliver more than the beginning of an interval.
            for members in groups:
                for j in range(len(view.instance.students)):
                    size = self.shares.capacity(members, j, threshold)
                    if size > 1:
                        self.intervals.split(j, size - 1)
        return Packing("unknown")

    def attempt(self, threshold: float, control: Control, effort: Effort) -> Packing:
        """Look for a packing among the groups of the pool and some more: it may be found, but not refuted."""
        try:
            return self._attempt(threshold, control, effort)
        except TimeUp:
            return Packing("unknown")

    def _attempt(self, threshold: float, control: Control, effort: Effort) -> Packing:
        relaxed = self._relaxed(threshold, control, question=False)
        if isinstance(relaxed, str):
            return Packing(relaxed)
        view, relaxation = relaxed
        diversify(view, relaxation, self.pool, control)
        while not control.exhausted:
            groups = list(self.pool.groups)
            sizes = view.capacities(groups).tolist()
            cores = [Core(size, 0, group) for size, group in zip(sizes, groups, strict=True) if size > 0]
            # The groups that cost the least beyond what they hold are the likeliest to be in a packing.
            cores.sort(key=lambda core: _excess(relaxation, core))
            cores = cores[: max(LEAST_ATTEMPTED, effort.cores // 10)]
            status, chosen = pack_cores(view, cores, control, effort)
            if status != "packed":
                break
            if not self._split(threshold, [(core.devices, core.size) for core in chosen]):
                return Packing("packed", [core.devices for core in chosen])
            view = RandomView(self.shares, threshold, self.intervals)
        return Packing("unknown")

    def _relaxed(self, threshold: float, control: Control, *, question: bool) -> tuple[RandomView, Relaxation] | Status:
        """The relaxation, with intervals that are exact for the groups that it takes.

        With a ``question`` it may stop as soon as it is known to admit a plan. ``impossible`` where it does not admit
        one, ``unknown`` where a limit came first.
        """
        while not control.exhausted:
            view = RandomView(self.shares, threshold, self.intervals)
            if not view.admits_plan:
                return "impossible"
            relaxation = relax(view, self.pool, control, question=view.wanted if question else None)
            if relaxation is None:
                break
            if not relaxation.admits(view.wanted):
                return "impossible"
            # Groups that were priced last may not have been in the program any more.
            fractions = zip(relaxation.groups, relaxation.values.tolist(), strict=False)
            taken = [group for group, fraction in fractions if fraction > LEAST_FRACTION]
            if not self._split(threshold, zip(taken, view.capacities(taken).tolist(), strict=True)):
                return view, relaxation
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
        first, last = self.intervals.around(student, size)
        if last != size or not self.shares.covers(members, student, first, threshold, at_most=True):
            return False
        able = self.shares.capacity(members, student, threshold, least=first, at_most=True)
        return able < last and self.intervals.split(student, able)

    def _cores(self, view: RandomView, relaxation: Relaxation, limit: int, control: Control) -> list[Core] | None:
        """Groups that a packing can consist of, by their reduced costs; None if there are more than a limit."""
        slack = relaxation.bound - view.wanted
        everyone = np.ones(len(view.instance.devices), dtype=bool)
        found = cores_of_chains(relaxation, view.chains, everyone, slack, limit, control)
        if found is None:
            return None
        best: dict[Members, Core] = {}
        for core in found:
            if core.devices not in best or best[core.devices].size < core.size:
                best[core.devices] = core
        return [best[devices] for devices in sorted(best)]


def _excess(relaxation: Relaxation, core: Core) -> float:
    """What a group costs at the relaxation's prices beyond the filters that it holds."""
    paid = float(relaxation.prices[list(core.devices)].sum())
    return paid + relaxation.size_prices.of_one(core.size) - core.size
