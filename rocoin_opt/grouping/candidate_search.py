"""The least latency by bisection over candidates: what is refuted from below, and the best plan from above.

Only finitely many latencies can be optimal. Whether a plan answers within one of them is a packing problem, and its
relaxation rules out most of those below the optimum in milliseconds.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.grouping.relaxation import Pool, Relaxation, relax
from rocoin_opt.grouping.threshold_problem import ThresholdProblem
from rocoin_opt.grouping.thresholds import Candidates, latency_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance, InstanceArrays
    from rocoin_opt.plan import Objective, Plan


class CandidateSearch:
    """Candidates below ``low`` are refuted; the best plan has the value of candidate ``high``.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, independent devices.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limit, and the gap at which to stop. Improvements are told, to other processes as well that search beside.
    start : Plan or None
        A valid plan to begin with.
    bound : float or None
        Seconds that no plan betters; None where there is no plan.
    arrays : InstanceArrays, optional
        Owner of the latencies; where devices are alike, one of each kind has them all.
    """

    def __init__(
        self,
        instance: Instance,
        objective: Objective,
        control: Control,
        start: Plan | None,
        bound: float | None,
        arrays: InstanceArrays | None = None,
    ) -> None:
        arrays = arrays or instance.arrays
        self.instance, self.objective, self.control = instance, objective, control
        self.wanted = instance.knowledge.num_filters
        self.best, self.pool = start, Pool()
        self.value = math.inf if start is None else value_of(instance, start, objective)
        self.least = 0.0 if bound is None else bound
        limits = latency_range(arrays)
        first, last = (math.inf, math.inf) if bound is None or limits is None else (bound, min(self.value, limits[1]))
        # A plan may attain the bound: it is the first candidate.
        self.candidates = Candidates(arrays, math.nextafter(first, -math.inf), last)
        self.low, self.high = 0, len(self.candidates)
        if start is not None:
            self.high = self.candidates.first_from(self.value)
        known = control.exchange
        self.exchange = known if known is not None and known.is_about(instance, objective) else None

    @property
    def bound(self) -> float:
        """Valid lower bound in seconds."""
        # All are refuted: no plan betters the best one, or without a plan there is none.
        if self.low >= len(self.candidates):
            return self.value
        return min(max(self.least, self.candidates[self.low]), self.value)

    @property
    def open(self) -> bool:
        """Whether there is something left to find out, and time for it."""
        self._learn()
        if self.low >= self.high or self.control.exhausted:
            return False
        return self.best is None or self.value - self.bound > self.control.gap * self.value

    def problem(self, position: int) -> ThresholdProblem:
        """The instance at a candidate."""
        return ThresholdProblem(self.instance, self.objective, self.candidates[position])

    def relaxation(self, position: int, *, question: int | None = None) -> Relaxation | None:
        """The packing relaxation at a candidate, from the groups of the pool; None where the limit came first."""
        return relax(self.problem(position), self.pool, self.control, question=question)

    def admits(self, position: int) -> bool | None:
        """Whether the relaxation at a candidate leaves room for all filters; None where the limit came first."""
        relaxation = self.relaxation(position, question=self.wanted)
        return None if relaxation is None else relaxation.admits(self.wanted)

    def bracket(self) -> None:
        """Refute by the relaxation all that it can, by bisection."""
        high = self.high
        # In large fleets the counting bound is often all that there is to know, and each question takes long.
        middle = self.low
        while self.low < high and self.open:
            is_admitted = self.admits(middle)
            if is_admitted is None:
                return
            if is_admitted:
                high = middle
            else:
                self.refute(middle)
            middle = (self.low + high) // 2

    def climb(self, decide: Callable[[int], str]) -> None:
        """Ask ever larger candidates until one has a packing, which is mostly one of the first.

        Parameters
        ----------
        decide : callable
            Says ``packed``, ``impossible`` or ``unknown`` of a candidate by its position.
        """
        position, step = self.low, 1
        while position < self.high and self.open:
            status = decide(position)
            if status == "packed":
                return
            if status == "impossible":
                self.refute(position)
            elif position == self.high - 1:
                return
            position = max(self.candidates.behind(position), min(position + step, self.high - 1))
            step *= 2

    def prove(self, decide: Callable[[int], str], below: int | None = None) -> None:
        """Bisect for the last candidate that is refuted; what cannot be decided counts as reachable.

        Parameters
        ----------
        decide : callable
            As for :meth:`climb`.
        below : int, optional
            Candidate from which on none is asked.
        """
        high = self.high if below is None else min(self.high, below)
        while self.low < high and self.open:
            middle = (self.low + high) // 2
            if decide(middle) == "impossible":
                self.refute(middle)
            elif self.is_left(middle):
                high = middle
            # A packing may have made a plan that is earlier than the candidate asked for.
            high = min(high, self.high)

    def refute(self, position: int) -> None:
        """Take down that no plan answers within a candidate."""
        self.low = max(self.low, self.candidates.behind(position))
        if self.exchange is not None:
            self.exchange.lift(self.bound)
        self.tell()

    def improve(self, plan: Plan) -> bool:
        """Keep a valid plan if it is the best one; whether it is."""
        value = value_of(self.instance, plan, self.objective)
        if value >= self.value:
            return False
        self.best, self.value = plan, value
        self.high = self.candidates.first_from(value)
        if self.exchange is not None:
            self.exchange.offer(plan, value)
        self.tell()
        return True

    def is_left(self, position: int) -> bool:
        """Whether a candidate is neither refuted nor reached, by other processes as well."""
        self._learn()
        return self.low <= position < self.high

    def asking(self, position: int) -> AbstractContextManager[None]:
        """While a candidate is asked about, which ends as soon as other processes have found out."""
        return nullcontext() if self.exchange is None else self.exchange.asking(self.candidates[position])

    def tell(self) -> None:
        """Report value and bound."""
        self.control.tell(None if self.best is None else self.value, self.bound)

    def _learn(self) -> None:
        """Take over what other processes found: their plans are checked, their bounds proven."""
        if self.exchange is None:
            return
        self.exchange.look()
        if self.exchange.plan is not None and self.exchange.value < self.value:
            self.improve(self.exchange.plan)
        if self.exchange.bound > self.least:
            self.least = self.exchange.bound
            self.low = max(self.low, self.candidates.first_from(self.least))
