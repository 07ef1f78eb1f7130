"""Fleets of alike devices: latencies are proven by kinds first, and what that leaves open goes the usual way."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.grouping import Kinds
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.plan import CLOSED_GAP, THRESHOLD_OBJECTIVES, Outcome
from rocoin_opt.planning.methods.outcomes import gap_of, no_worse

if TYPE_CHECKING:
    from typing import Protocol

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

    class Run(Protocol):
        """A way to plan, from a start where there is one."""

        def __call__(
            self, instance: Instance, objective: Objective, control: Control, start: Plan | None = None
        ) -> Outcome:
            """Plan; see :class:`rocoin_opt.planning.methods.table.Method`."""


GREEDY_DEVICES = 200
"""Devices up to which greedy runs first: a tenth of a second, and where it meets the bound nothing is left to do."""


def by_kinds_first(run: Run, rounds: int | None) -> Run:
    """Make a way to plan that proves latencies by kinds first, where devices are alike.

    Parameters
    ----------
    run : callable
        ``run(instance, objective, control, start) -> Outcome`` for what that leaves open, and for all else.
    rounds : int or None
        Rounds of integer packings without a time limit; None for all.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        is_plain = objective in THRESHOLD_OBJECTIVES and not (instance.is_restricted or instance.has_random_latencies)
        if not is_plain or not Kinds.of(instance).are_few:
            return run(instance, objective, control, start)
        first = Outcome(start)
        if len(instance.devices) <= GREEDY_DEVICES:
            first = no_worse(instance, objective, greedy(instance, objective, control.silent()), start)
        if _is_settled(instance, objective, first, control):
            return first
        # HiGHS takes a while to import: only here.
        from rocoin_opt.exact import exact_by_kinds

        limit = None if control.remaining < math.inf else rounds
        alike = exact_by_kinds(instance, objective, control, first.plan, rounds=limit)
        if alike is None or (alike.plan is None and not alike.infeasible):
            return run(instance, objective, control, start)
        if alike.infeasible or control.exhausted or _is_settled(instance, objective, alike, control):
            return alike
        rest = run(instance, objective, control, alike.plan)
        return replace(rest, lower_bound=max(rest.lower_bound or 0.0, alike.lower_bound or 0.0))

    return found


def _is_settled(instance: Instance, objective: Objective, outcome: Outcome, control: Control) -> bool:
    """Whether a plan is as close to its bound as was asked for."""
    gap = gap_of(instance, objective, outcome)
    return gap is not None and gap <= max(control.gap, CLOSED_GAP)
