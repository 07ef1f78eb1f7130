"""The method ``exact`` for random latencies: the smallest threshold that a packing keeps, between bound and plan.

Latencies take a continuum of values, so the search halves an interval: below its lower end no plan answers, at its
upper end the best plan does. Once the interval is short, what lies just below the best plan is refuted at one go.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.exact.stochastic.packing import StochasticPacking
from rocoin_opt.exact.threshold import Effort
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import NO_GUARANTEE, StochasticShares, plan_within, reasons_for_infeasibility, valuation
from rocoin_opt.plan import Outcome, members_of, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.threshold import Packing
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

EFFORTS = (Effort(5_000, 100), Effort(60_000, 2_000), Effort(150_000, None))
"""Rounds of integer packings, each several times dearer than the last."""
COARSE = 1e-3
"""Relative width up to which the relaxation alone closes in, and below which the best plan is tried to be proven."""
PRECISIONS = (5e-10, 1e-8, 1e-7, 1e-6)
"""Relative steps below the best plan at which a better one is refuted, the first of them within rounding. Where
numerical errors of a law leave the first one open, the next are tried."""
STEPS_A_GROUP = 300
"""Steps of an exchange search, for each group that there may be: some tenths of a second for 50 devices."""
SMALLEST, LARGEST = 1e-12, 1e290
"""Thresholds in seconds beyond which there is no search."""


def exact_stochastic(
    instance: Instance, control: Control, start: Plan | None = None, *, rounds: int | None = None
) -> Outcome:
    """Find a plan of least guaranteed latency where latencies are random, and prove it.

    Parameters
    ----------
    instance : Instance
        What was given: slowdown laws on some devices or all, no failure domains.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on.
    rounds : int, optional
        How many of the rounds :data:`EFFORTS` to try; all of them where absent.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds: within a relative 1e-9 of the plan's value where every law has a
        closed form, within 1e-6 where a convolution limits what can be said, unless a limit came first.
    """
    return _Search(instance, control, start).run(rounds)


class _Search:
    """No plan answers within ``low``; the best plan answers within ``value``."""

    def __init__(self, instance: Instance, control: Control, start: Plan | None) -> None:
        self.instance, self.control = instance, control
        # What a packing tells is no latency: only that it is alive.
        self.alive = replace(control, report=lambda _: self._tell())
        self.shares = StochasticShares(instance, control)
        self.packing = StochasticPacking(self.shares)
        self.best, self.low, self.value = start, 0.0, math.inf
        if start is not None:
            self.value = value_of(instance, start, "guaranteed")
            self.packing.pool.add(members_of(instance, start))

    def run(self, rounds: int | None) -> Outcome:
        if self.value == math.inf:
            self._find_any()
        if self.value < math.inf:
            self._bracket()
            self._exchange()
            for effort in EFFORTS[:rounds]:
                self._close_in(effort)
                self._prove(effort)
        if self.value == math.inf:
            return self._without_guarantee()
        return Outcome(self.best, self.low)

    def _without_guarantee(self) -> Outcome:
        """Say what is known where no plan was found that ever keeps the outage limit."""
        if self.low >= LARGEST:
            # Beyond there is no time, and a bound that large would say nothing.
            limit = self.instance.requirements.max_group_outage
            never = NO_GUARANTEE if limit == 0.0 else f"no guarantee: no plan keeps the outage limit by {LARGEST:g} s"
            return Outcome(None, infeasible=True, reasons=reasons_for_infeasibility(self.instance) or (never,))
        if self.best is not None:
            return Outcome(self.best)
        stopped = "the limit was reached before a plan was found"
        left = "no plan was found, however long an answer may take"
        return Outcome(None, self.low or None, reasons=(stopped if self.control.exhausted else left,))

    @property
    def open(self) -> bool:
        """Whether there is something left to find out, and time for it."""
        return self.value - self.low > self.control.gap * self.value and not self.control.exhausted

    def _find_any(self) -> None:
        """Raise the threshold until a packing is found, ever faster: tails may be heavy."""
        threshold, step = SMALLEST, 2.0**10
        while self.value == math.inf and not self.control.exhausted:
            packing = self.packing.decide(threshold, self.alive, EFFORTS[0])
            if packing.status == "unknown":
                packing = self.packing.attempt(threshold, self.alive, EFFORTS[0])
            self._try(threshold, packing)
            if threshold == LARGEST:
                break
            threshold, step = min(threshold * step, LARGEST), step * 2.0

    def _bracket(self) -> None:
        """Refute by the relaxation what it can, by halving in relative terms."""
        high, factor = self.value, 2.0
        while self.low == 0.0 and high > SMALLEST and self.open:
            high, factor = high / factor, factor * 2.0
            if self.packing.refutes(high, self.alive):
                self._refute(high)
        # One step back: that threshold was not refuted.
        high = min(high * factor / 2.0, self.value)
        while self.low > 0.0 and high > self.low * (1.0 + COARSE) and self.open:
            middle = _middle(self.low, high)
            if self.packing.refutes(middle, self.alive):
                self._refute(middle)
            else:
                high = middle

    def _exchange(self) -> None:
        """Improve the best plan by exchanges between groups; where they find no packing counts as out of reach."""
        low = self.low
        while low > 0.0 and self.value > low * (1.0 + COARSE) and self.open and self.best is not None:
            middle = _middle(low, self.value)
            groups = members_of(self.instance, self.best)
            steps = STEPS_A_GROUP * self.instance.max_groups
            if not self._try(middle, self.packing.search(middle, groups, self.control, steps)):
                low = middle

    def _close_in(self, effort: Effort) -> None:
        """Try thresholds by integer packings; what they leave open counts as out of reach for now.

        The relaxation's threshold is rarely far below the optimum: steps up from there grow until a packing is found,
        and the rest is halved.
        """
        low, step = self.low, 2.0 * COARSE
        while low > 0.0 and self.value > low * (1.0 + COARSE) and self.open:
            middle = min(low * (1.0 + step), _middle(low, self.value))
            step *= 4.0
            packing = self.packing.decide(middle, self.alive, effort)
            if packing.status == "unknown":
                packing = self.packing.attempt(middle, self.alive, effort)
            if not self._try(middle, packing):
                low = middle

    def _prove(self, effort: Effort) -> None:
        """Refute what lies just below the best plan, or find a better one; then close in from below on what is open."""
        for precision in PRECISIONS:
            while self.value * (1.0 - precision) > self.low and self.open:
                threshold = self.value * (1.0 - precision)
                if not self._try(threshold, self.packing.decide(threshold, self.alive, effort)):
                    break
                # Better plans may lie close together: half of the interval goes with each.
                middle = _middle(self.low, self.value)
                self._try(middle, self.packing.decide(middle, self.alive, effort))
        # Just below the best plan all has been tried: what may be left to refute lies before.
        high = self.value * (1.0 - PRECISIONS[-1])
        while self.low > 0.0 and high > self.low * (1.0 + COARSE / 10.0) and self.open:
            middle = _middle(self.low, high)
            # Neither refuted nor a better plan: out of reach for this effort.
            if not self._try(middle, self.packing.decide(middle, self.alive, effort)) and self.low < middle:
                high = middle
            high = min(high, self.value)

    def _try(self, threshold: float, packing: Packing) -> bool:
        """Learn from a packing; whether it made a better plan."""
        if packing.status == "impossible":
            self._refute(threshold)
        if packing.status != "packed":
            return False
        # Groups cover by upper bounds on their shares: the very threshold may be a rounding error too early.
        plan = plan_within(self.shares, packing.groups, threshold * (1.0 + PRECISIONS[-1]))
        if plan is None or structural_violations(self.instance, plan):
            return False
        self.packing.pool.add(packing.groups)
        if not self.control.has_time_for(valuation(self.instance, plan, "guaranteed")):
            return False
        value = value_of(self.instance, plan, "guaranteed")
        if value >= self.value:
            return False
        self.best, self.value = plan, value
        self._tell()
        return True

    def _refute(self, threshold: float) -> None:
        self.low = max(self.low, threshold)
        self._tell()

    def _tell(self) -> None:
        self.control.tell(None if self.best is None else self.value, self.low)


def _middle(low: float, high: float) -> float:
    """Geometric mean; the product of two thresholds may be too large for a double."""
    return math.sqrt(low) * math.sqrt(high)
