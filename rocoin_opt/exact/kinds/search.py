"""The least latency of a fleet of alike devices: thresholds as for any fleet, packings by kinds.

All groups without a superfluous device are listed once, as counts of each kind. At each threshold a linear program over
them bounds what disjoint groups hold, and an integer program decides whether they hold all filters. Neither grows with
the number of devices: see statement S69 in ``docs/formulation.md``.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.kinds.packing import Effort, pack_kinds
from rocoin_opt.exact.kinds.plans import plan_of_kinds
from rocoin_opt.exact.threshold import dive
from rocoin_opt.grouping import (
    DUAL_SAFETY,
    RELAX,
    STOPPED,
    CandidateSearch,
    Kinds,
    KindsProblem,
    ThresholdProblem,
    combinatorial_bound,
    covers_by_kinds,
    plan_with_best_sizes,
    relax_listed,
    room_for,
    with_leaders,
)
from rocoin_opt.plan import Outcome, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold import Status
    from rocoin_opt.grouping import ListedRelaxation
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective, Plan

MAX_COLUMNS = 150_000
"""Groups by kinds up to which all are listed: a second or two for each linear program."""
FIRST_DIVES = 100
"""Dives for a first plan, where no heuristic found one."""
EFFORTS = (Effort(1_000, 100), Effort(5_000, 1_000), Effort(20_000, 10_000), Effort(None, None))
"""Rounds of integer packings, each several times dearer than the last."""


def exact_by_kinds(
    instance: Instance,
    objective: Objective,
    control: Control,
    start: Plan | None = None,
    *,
    rounds: int | None = None,
) -> Outcome | None:
    """Find a plan of least latency, and prove it, where devices are alike.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, no failure domains, no rules of groups.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on.
    rounds : int, optional
        How many of the rounds :data:`EFFORTS` to try, for an end without a clock; all of them where absent.

    Returns
    -------
    Outcome or None
        The plan and a valid lower bound in seconds; ``infeasible`` if no threshold has a packing. None where there are
        too many groups to list: nothing was searched then.
    """
    kinds = Kinds.of(instance)
    everything = KindsProblem(instance, kinds, objective, math.inf)
    vectors = covers_by_kinds(everything, MAX_COLUMNS, control)
    if vectors is None:
        return None
    if everything.led:
        if len(vectors) * len(kinds.counts) > MAX_COLUMNS:
            return None
        vectors = with_leaders(everything, vectors)
    return _Search(instance, objective, control, start, kinds, vectors).run(rounds)


class _Search(CandidateSearch):
    def __init__(
        self,
        instance: Instance,
        objective: Objective,
        control: Control,
        start: Plan | None,
        kinds: Kinds,
        vectors: IntArray,
    ) -> None:
        bound = combinatorial_bound(instance, objective)
        super().__init__(instance, objective, control, start, bound, kinds.arrays)
        self.kinds, self.vectors = kinds, vectors
        self.known = np.zeros(len(vectors), dtype=bool)

    def problem(self, position: int) -> KindsProblem:
        """The instance at a candidate."""
        return KindsProblem(self.instance, self.kinds, self.objective, self.candidates[position])

    def run(self, rounds: int | None) -> Outcome:
        if self.open and self.best is None:
            self._dive()
        self.bracket()
        for effort in EFFORTS[:rounds]:
            self.climb(partial(self._decide, effort=effort))
            self.prove(partial(self._decide, effort=effort))
        if self.best is None and self.low >= len(self.candidates):
            return Outcome(None, infeasible=True, reasons=self._reasons())
        return Outcome(self.best, self.bound, reasons=() if self.best else (STOPPED,))

    def _dive(self) -> None:
        """Look for a first plan where there is most time: with many kinds an integer program takes long to find one."""
        problem = ThresholdProblem(self.instance, self.objective, self.candidates[len(self.candidates) - 1])
        packing = dive(problem, [], self.control.silent(), FIRST_DIVES)
        if packing.status == "impossible":
            self.refute(len(self.candidates) - 1)
        elif packing.status == "packed":
            plan = plan_with_best_sizes(self.instance, packing.groups, self.objective)
            if plan is not None and not structural_violations(self.instance, plan):
                self.improve(plan)

    def admits(self, position: int) -> bool | None:
        """Whether the relaxation by kinds leaves room for all filters; None where the limit came first."""
        relaxation = self._listed(self.problem(position), self.wanted)
        return None if relaxation is None else relaxation.admits(self.wanted)

    def _decide(self, position: int, effort: Effort) -> Status:
        self.tell()
        problem = self.problem(position)
        relaxation = self._listed(problem, None)
        if relaxation is None:
            return "unknown"
        if not relaxation.admits(self.wanted):
            return "impossible"
        with self.asking(position):
            packing = pack_kinds(problem, relaxation, self.vectors, self.control, effort)
        if packing.vectors is None or packing.times is None:
            return packing.status
        plan = plan_of_kinds(problem, packing.vectors, packing.times)
        if structural_violations(self.instance, plan):
            # The cover of a group was only true up to rounding.
            return "unknown"
        self.improve(plan)
        return "packed"

    def _listed(self, problem: KindsProblem, question: int | None) -> ListedRelaxation | None:
        return relax_listed(problem, self.vectors, self.known, self.control, question=question)

    def _reasons(self) -> tuple[str, ...]:
        """Say why there is no plan: by how many filters find a place at most."""
        placed = self.wanted - 1
        if len(self.candidates):
            relaxation = self._listed(self.problem(len(self.candidates) - 1), None)
            if relaxation is not None:
                placed = min(placed, math.floor(relaxation.bound + DUAL_SAFETY))
        rest = f"or there are fewer of them than min_groups asks for. {RELAX}"
        return (f"together: {room_for(placed, self.wanted)}, {rest}",)
