"""Failure by way of the missing share, for searches that change one group or two at a time.

The whole answer is as rare as the rarest of its parts: a search for few failures that makes a group less or more loses
on the way. The missing share is a sum over the filters that falls at each step, and plans of a small share fail rarely.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from rocoin_opt.failure import check, is_untied, value_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Outcome, Plan

    Run: TypeAlias = Callable[[Instance, Objective, Control, Plan | None], Outcome]

SHARE = 0.4
"""Share of the time left that the search for the missing share may take."""


def by_share_first(run: Run) -> Run:
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
