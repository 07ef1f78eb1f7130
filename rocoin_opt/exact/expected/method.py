"""The method ``exact`` for the expected answer time: a bound from the relaxation, then branch and bound.

The relaxation bounds fleets of any size within seconds, but leaves a gap. Branch and bound closes it for a dozen or two
devices, and for fifty where few of them are fast.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rocoin_opt.exact.expected.bound import expected_bound
from rocoin_opt.exact.expected.branch_and_bound import prove_expected
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import RELAX, STOPPED, ExpectedModel
from rocoin_opt.plan import Outcome, relative_gap

if TYPE_CHECKING:
    from rocoin_opt.control import Control, Progress
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

FEW_DEVICES = 10
"""Devices up to which branch and bound is done before the relaxation has its first bound."""
MANY_DEVICES = 100
"""Devices beyond which branch and bound was never seen to better the relaxation's bound."""
SHARE = 0.15
"""Share of the time left that the relaxation may take before branch and bound, whose levelled bound is soon better."""
NO_PLAN = (
    "together: no disjoint groups whose devices hold the same student and keep the outage limit have room for all "
    f"filters. {RELAX}"
)
NODES = 2_000_000
"""Nodes of branch and bound without a time limit: one to three minutes."""


def exact_expected(instance: Instance, control: Control, start: Plan | None, *, nodes: int | None = None) -> Outcome:
    """Find a plan of least expected answer time, and prove it or bound it.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, independent devices, a deadline.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on.
    nodes : int, optional
        Nodes of branch and bound where there is no time limit.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds; ``infeasible`` if there is no plan.
    """
    nodes = NODES if nodes is None else nodes
    model = ExpectedModel(instance)
    value = math.inf if start is None else value_of(instance, start, "expected")
    least: float | None = None

    def tell(progress: Progress) -> None:
        bound = None if progress.bound is None else max(progress.bound, least or 0.0)
        control.tell(progress.value if progress.value is not None else value, bound)

    heard = replace(control, report=tell)
    devices = len(instance.devices)
    if devices > FEW_DEVICES:
        # Without branch and bound behind it the relaxation may have all the time.
        share = 1.0 if devices > MANY_DEVICES else SHARE
        least = expected_bound(model, replace(heard, deadline=time.perf_counter() + share * control.remaining))
        if least is None:
            return Outcome(None, infeasible=True, reasons=(NO_PLAN,))
    gap = relative_gap(value, least) if start else None
    if devices > MANY_DEVICES or (gap is not None and gap <= control.gap) or control.exhausted:
        reasons = () if start else (STOPPED,)
        return Outcome(start, least, reasons=reasons)
    outcome = prove_expected(model, heard, start, nodes=nodes if math.isinf(control.remaining) else math.inf)
    if outcome.infeasible:
        return replace(outcome, reasons=(NO_PLAN,))
    return replace(outcome, lower_bound=max(outcome.lower_bound or 0.0, least or 0.0))
