"""What comes before the usual way: latencies of alike devices by kinds, and failure by way of the missing share.

The whole answer is as rare as the rarest of its parts: a search for few failures that makes a group less or more loses
on the way. The missing share is a sum over the filters that falls at each step, and plans of a small share fail rarely.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.failure import check, is_untied, value_of
from rocoin_opt.grouping import Kinds
from rocoin_opt.heuristics.greedy import greedy
from rocoin_opt.plan import THRESHOLD_OBJECTIVES, Outcome
from rocoin_opt.planning.methods.outcomes import is_closed, no_worse

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

    AnyRun: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]

    class Run(Protocol):
        """A way to plan, from a start where there is one."""

        def __call__(
            self, instance: Instance, objective: Objective, control: Control, start: Plan | None = None
        ) -> Outcome:
            """Plan; see :class:`rocoin_opt.planning.methods.table.Method`."""


GREEDY_DEVICES = 200
"""Devices up to which greedy runs first: a tenth of a second, and where it meets the bound nothing is left to do."""


SHARE = 0.4
"""Share of the time left that the search for the missing share may take."""


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
        if is_closed(instance, objective, first, control.gap):
            return first
        # HiGHS takes a while to import: only here.
        from rocoin_opt.exact import exact_by_kinds

        limit = None if control.remaining < math.inf else rounds
        alike = exact_by_kinds(instance, objective, control, first.plan, rounds=limit)
        if alike is None or (alike.plan is None and not alike.infeasible):
            return run(instance, objective, control, start)
        if alike.infeasible or control.exhausted or is_closed(instance, objective, alike, control.gap):
            return alike
        rest = run(instance, objective, control, alike.plan)
        return replace(rest, lower_bound=max(rest.lower_bound or 0.0, alike.lower_bound or 0.0))

    return found


def by_share_first(run: AnyRun) -> AnyRun:
    """Make a way to plan that looks for a small missing share before it looks for few failures.

    Parameters
    ----------
    run : callable
        ``run(instance, objective, control, start) -> Outcome``: a search that keeps a valid start unless it finds a
        better plan.
    """

    def found(instance: Instance, objective: Objective, control: Control, start: Plan | None = None) -> Outcome:
        if objective != "failure" or instance.has_random_latencies or control.exhausted:
            return run(instance, objective, control, start)
        limit = time.perf_counter() + SHARE * control.remaining
        first = run(instance, "missing", replace(control.silent(), deadline=limit), start)
        if first.infeasible:
            return first
        plans = [plan for plan in (start, first.plan) if plan is not None and _has_failure(instance, plan)]
        begin = min(plans, key=lambda plan: value_of(instance, plan, "failure"), default=start)
        return run(instance, objective, control, begin)

    return found


def _has_failure(instance: Instance, plan: Plan) -> bool:
    return is_untied(instance, plan) and not check(instance, plan)
