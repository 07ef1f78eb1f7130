"""The method ``exact``: thresholds bracketed by the packing relaxation, closed in on by integer packings.

Whether a plan answers within T is a packing problem; the smallest such T among the candidate latencies is the optimum.
The relaxation rules out most candidates below it in milliseconds. Integer packings decide the rest, cheap ones first:
each round dives at the bound of the relaxation, allows more columns and nodes than the last, proves what it can from
below and improves the plan from above.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rocoin_opt.exact.threshold.numbers import NumbersMemory, anneal, dive, pack_by_counts
from rocoin_opt.exact.threshold.packing import Effort, Memory, pack, pack_alike_parts, pack_groups
from rocoin_opt.grouping import (
    DUAL_SAFETY,
    RELAX,
    STOPPED,
    CandidateSearch,
    combinatorial_bound,
    diversify,
    import_of_models,
    plan_with_best_sizes,
    reasons_for_infeasibility,
    relax,
    room_for,
)
from rocoin_opt.heuristics.construction import varied_packings
from rocoin_opt.plan import Outcome, members_of, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold.packing import Status
    from rocoin_opt.grouping import Relaxation
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Members, Objective, Plan

EFFORTS = (
    Effort(60_000, 50),
    Effort(500_000, 400, dives=2, groups=5_000),
    Effort(6_000_000, None, dives=30, groups=20_000),
)
"""Rounds of integer packings, each several times dearer than the last."""
FIRST_DIVES = 100
"""Dives for a first plan, where no heuristic found one."""
BEGINNING = 0.05
"""Part of the time that may be spent on groups to begin with."""
FIRST_ANNEALED = 4
"""Annealings at each candidate that is bisected for before any linear program."""
ANNEALED = (16, 32, 128)
"""The same in each of these rounds."""
NUMBERED = 0.15
"""Part of the time that may be spent on refuting candidates by whole numbers alone, in fleets of many devices."""
MANY_DEVICES = 300
"""Devices from which on that is tried: dives for a packing of fewer take hardly longer. Plans of such fleets are mostly
annealed before, and may be optimal: so the last candidate before them is asked about before dives bisect."""
LOW_DIVES = (1, 0, 20)
"""Dives at the bound of the relaxation before each of these rounds."""
DOWN_DIVES = (2, 6, 20)
"""Dives at each candidate that is bisected for then, in each of these rounds."""
MAX_JOINT = 1_000
"""Devices x groups up to which the joint model is tried on what the packings leave open."""
FEW_JOINT = 32
"""Devices x groups up to which it is tried where the rounds are limited: it is solved in well under a second."""


def exact(
    instance: Instance,
    objective: Objective,
    control: Control,
    start: Plan | None = None,
    *,
    rounds: int | None = None,
) -> Outcome:
    """Find a plan of least latency, and prove it.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on.
    rounds : int, optional
        How many of the rounds :data:`EFFORTS` to try, for an end without a clock; all of them where absent, and then
        the joint model where it is small enough.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds, equal to the plan's value when it is proven optimal; ``infeasible``
        if no threshold has a packing.
    """
    return _Search(instance, objective, control, start).run(rounds)


class _Search(CandidateSearch):
    def __init__(self, instance: Instance, objective: Objective, control: Control, start: Plan | None) -> None:
        super().__init__(instance, objective, control, start, combinatorial_bound(instance, objective))
        # What a packing tells is no latency: only that it is alive.
        self.alive = replace(control, report=lambda _: self.tell())
        self.memory = Memory()
        self.numbers = NumbersMemory()
        self.left_open: dict[int, Effort] = {}
        """Candidates that were asked in vain, and the most that they were asked with."""
        self.unlisted: set[int] = set()
        """Those of them that had too many columns."""
        self.dived: set[int] = set()
        """Candidates that were dived for."""

    def run(self, rounds: int | None) -> Outcome:
        # With the most time there is most room. Where not even that has a plan, the search would begin with nothing.
        if self.open and self.best is None and self._dive(len(self.candidates) - 1, FIRST_DIVES) == "impossible":
            self.refute(len(self.candidates) - 1)
        if self.open:
            self._anneal_down(FIRST_ANNEALED)
        if self.open:
            self._begin()
            self.bracket()
        has_many_devices = len(self.instance.devices) >= MANY_DEVICES
        for effort, tries, dives, down in zip(EFFORTS[:rounds], ANNEALED, LOW_DIVES, DOWN_DIVES, strict=False):
            if self.open:
                self._anneal_down(tries)
            if self.open and has_many_devices and effort is EFFORTS[0]:
                self._refute_up()
            if self.open and dives and self.best is not None:
                self._dive_low(dives)
            if self.open and has_many_devices:
                self._prove_best(effort)
            if self.open and self.best is not None:
                self._dive_down(down)
            if self.open:
                self._prove_best(effort)
            if self.open:
                self._close_in(effort)
            if self.open and effort.dives:
                self._improve(effort)
        most = MAX_JOINT if rounds is None else FEW_JOINT
        is_small = len(self.instance.devices) * self.instance.max_groups <= most
        if self.open and is_small and self.control.has_time_for(import_of_models()):
            return self._solve_jointly()
        if self.best is None and self.low >= len(self.candidates):
            return Outcome(None, infeasible=True, reasons=self._reasons())
        reasons = () if self.best else (STOPPED,)
        return Outcome(self.best, self.bound, reasons=reasons)

    def _anneal_down(self, tries: int) -> None:
        """Bisect for the first candidate that an annealing reaches: in large fleets long before any dive does."""
        low = self.low
        while low < self.high and self.open:
            middle = (low + self.high) // 2
            self.tell()
            with self.asking(middle):
                groups = anneal(self.problem(middle), self.alive, tries, middle + tries)
            if groups is None or not self._take(groups, middle):
                low = self.candidates.behind(middle)

    def _refute_up(self) -> None:
        """Bisect for the last candidate that whole numbers of groups refute: dives fail there too, and take longer."""
        high, control = self.high, self.alive.share(NUMBERED)
        while self.low < high and self.open and not control.exhausted:
            middle = (self.low + high) // 2
            with self.asking(middle):
                problem = self.problem(middle)
                packing = dive(problem, self.pool.likely(problem), control, 0, self.numbers)
            if packing.status == "impossible":
                self.refute(middle)
            elif packing.status != "packed" or not self._take(packing.groups, middle):
                # Other processes may have refuted it meanwhile, and then those above are still to be asked about.
                high = middle if self.is_left(middle) else high
            high = min(high, self.high)

    def _begin(self) -> None:
        """Take groups into the pool that go together: the relaxation would need many rounds to find such ones."""
        control, threshold = self.control.share(BEGINNING), self.candidates[self.low]
        if self.best is not None:
            self.pool.add(members_of(self.instance, self.best))
        for groups in varied_packings(
            self.instance, threshold, self.objective, control.seed, lambda: control.exhausted
        ):
            self.pool.add([tuple(sorted(group)) for group in groups])

    def _dive_low(self, dives: int) -> None:
        """Look for a plan at the bound of the relaxation: it is proven at once, however far away the best plan is."""
        position = self.low
        with self.asking(position):
            status = self._dive(position, dives)
        if status == "impossible":
            self.refute(position)

    def _dive_down(self, dives: int) -> None:
        """Bisect for the first candidate that a dive reaches: far from the bound one is soon found, and is no proof."""
        low = self.low
        while low < self.high - 1 and self.open:
            middle = (low + self.high) // 2
            with self.asking(middle):
                status = self._dive(middle, dives)
            if status == "impossible":
                self.refute(middle)
            if status != "packed":
                low = self.candidates.behind(middle)

    def _solve_jointly(self) -> Outcome:
        """Leave what is open to the joint model: too many columns, or covers that only rounding decides."""
        from rocoin_opt.exact.milp import milp

        outcome = milp(self.instance, self.objective, self.control, self.best)
        if outcome.infeasible:
            return outcome
        # What the packings refuted holds for every plan, whatever the model proves.
        return replace(outcome, lower_bound=max(outcome.lower_bound or 0.0, self.bound))

    def _prove_best(self, effort: Effort) -> None:
        """Refute the last candidate before the plan, which proves it: often it is the best one long before that."""
        position = self.high - 1
        if self.best is not None and self._decide(position, effort) == "impossible":
            self.refute(position)

    def _close_in(self, effort: Effort) -> None:
        """Refute from below in steps that double, up to the first packing or question that is left open; then bisect.

        The optimum is mostly among the first candidates, where little may be wasted and few columns are listed.
        """
        decide = partial(self._decide, effort=effort)
        position, step, left_open = self.low, 1, len(self.candidates)
        while position < self.high and self.open:
            status = decide(position)
            if status == "packed":
                break
            if status == "impossible":
                self.refute(position)
            elif self.is_left(position):
                left_open = min(left_open, position)
                # Where it may waste more, there are more columns still.
                if position in self.unlisted or position == self.high - 1:
                    break
            position = max(self.candidates.behind(position), min(position + step, self.high - 1), self.low)
            step *= 2
        self.prove(decide, below=left_open)

    def _improve(self, effort: Effort) -> None:
        """Bisect for the first candidate that groups of the pool reach; what they do not, counts as out of reach."""
        low = self.low
        while low < self.high and self.open:
            middle = (low + self.high) // 2
            if not self._reach(middle, effort):
                low = self.candidates.behind(middle)

    def _reach(self, position: int, effort: Effort) -> bool:
        with self.asking(position):
            return self._found(position, effort)

    def _found(self, position: int, effort: Effort) -> bool:
        status = self._packed(position, effort)
        if status == "impossible":
            self.refute(position)
        if status != "unknown":
            return status == "packed"
        if self._dive(position, effort.dives) == "packed":
            return True
        if len(self.pool.groups) > effort.groups:
            return False
        problem = self.problem(position)
        relaxation = relax(problem, self.pool, self.control)
        if relaxation is None or not relaxation.admits(self.wanted):
            return False
        diversify(problem, relaxation, self.pool, self.control)
        packing = pack_groups(problem, list(self.pool.groups), self.alive, effort.nodes)
        return packing.status == "packed" and self._take(packing.groups, position)

    def _dive(self, position: int, dives: int) -> Status:
        problem = self.problem(position)
        packing = dive(problem, self.pool.likely(problem), self.alive, dives, self.numbers)
        self.dived.add(position)
        return "unknown" if packing.status == "packed" and not self._take(packing.groups, position) else packing.status

    def relaxation(self, position: int, *, question: int | None = None) -> Relaxation | None:
        """The relaxation at a candidate; with very many devices it takes so long that a sign of life is due."""
        self.tell()
        return super().relaxation(position, question=question)

    def _decide(self, position: int, effort: Effort) -> str:
        with self.asking(position):
            return self._packed(position, effort)

    def _packed(self, position: int, effort: Effort) -> str:
        if self.left_open.get(position) is effort:
            return "unknown"
        problem = self.problem(position)
        packing = pack_alike_parts(problem, self.alive, effort)
        if packing.status == "unknown":
            relaxation = relax(problem, self.pool, self.control)
            if relaxation is None:
                return "unknown"
            if not relaxation.admits(self.wanted):
                return "impossible"
            packing = pack(problem, relaxation, self.alive, effort, self.memory)
            if not packing.listed and position not in self.dived:
                # All numbers of groups are refuted at once sooner than one after another.
                status = self._dive(position, 1)
                if status != "unknown":
                    return status
            # In the first round there are other candidates, for which dives cost less than this tree.
            if not packing.listed and effort.dives:
                packing = pack_by_counts(problem, relaxation.groups, self.alive, effort, self.memory)
        if packing.status == "packed" and self._take(packing.groups, position):
            return "packed"
        if packing.status == "impossible":
            return "impossible"
        self.left_open[position] = effort
        self.unlisted.discard(position)
        if not packing.listed:
            self.unlisted.add(position)
        return "unknown"

    def _take(self, groups: list[Members], position: int) -> bool:
        """Make a plan of packed groups; False if it misses the candidate, or covers only up to rounding."""
        plan = plan_with_best_sizes(self.instance, groups, self.objective)
        if plan is None or structural_violations(self.instance, plan):
            return False
        self.pool.add(groups)
        self.improve(plan)
        return self.high <= position

    def _reasons(self) -> tuple[str, ...]:
        """Say why there is no plan: by a simple proof where there is one, else by how many filters find a place."""
        simple = reasons_for_infeasibility(self.instance)
        if simple:
            return simple
        relaxation = self.relaxation(len(self.candidates) - 1) if len(self.candidates) else None
        wanted = self.wanted
        # The search proved that not all find a place, though the relaxation may have room for them.
        placed = wanted - 1 if relaxation is None else min(wanted - 1, math.floor(relaxation.bound + DUAL_SAFETY))
        rest = f"or there are fewer of them than min_groups asks for. {RELAX}"
        return (f"together: {room_for(placed, wanted)}, {rest}",)
