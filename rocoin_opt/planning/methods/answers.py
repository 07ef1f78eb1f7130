"""What ``auto`` and ``exact`` run for the objectives of the whole answer: a search, then a proof or a bound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.failure import value_of
from rocoin_opt.heuristics.local_search import local_search
from rocoin_opt.plan import Outcome
from rocoin_opt.planning.methods.outcomes import searched_on

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

SEARCH_SHARE = 0.4
"""Share of the time left that local search may take before the proof."""
BOUND_SHARE = 0.5
"""Share of the time left then that the bound on more devices may take; the rest is for better plans."""
OTHER_SCALE = 1.5
"""Multiple of the known value at which the failure is bounded once more: in some scales column generation stalls."""
FEW_STEPS = 60  # Steps of local search before the proof for few devices: some hundredths of a second.
NODES, FEW_NODES, MOST_BRANCHED = 1_000, 30, 64
"""Programs that bound the failure of more devices, with a limit of time and without; and devices up to which then."""
FEW_DEVICES_OF_SETS = 14
"""Devices up to which all sets are packed at once, in some tenths of a second."""


def prove_answer(
    instance: Instance, objective: Objective, control: Control, start: Plan, *, effort: float = math.inf
) -> Outcome:
    """Prove a plan where all sets of devices can be listed; else improve it by a search, and bound it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, independent devices.
    objective : {'failure', 'missing', 'quantile'}
        What is minimised.
    control : Control
        Limits, seed and reports.
    start : Plan
        A valid plan.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.
    """
    if control.exhausted:
        return Outcome(start)
    # The proof for few devices takes less time than a search.
    is_small = len(instance.devices) <= FEW_DEVICES_OF_SETS
    steps = FEW_STEPS if is_small else None
    improved = searched_answer(instance, objective, control, start, steps)
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import MOST_DEVICES, exact_answer, exact_quantile, failure_bound, quantile_bound

    if len(instance.devices) <= MOST_DEVICES:
        if objective == "quantile":
            return exact_quantile(instance, control, improved, effort=effort)
        return exact_answer(instance, objective, control, improved, effort=effort)

    def again(seeded: Control, plan: Plan) -> Plan | None:
        return local_search(instance, objective, seeded, plan).plan

    # The missing share of so many devices has no bound but 0 yet.
    if objective == "missing":
        return searched_on(instance, objective, control, Outcome(improved), again)
    value = value_of(instance, improved, objective)
    if objective == "quantile":
        found = Outcome(improved, quantile_bound(instance, value, control.share(BOUND_SHARE)))
        return searched_on(instance, objective, control, found, again)
    nodes = NODES if control.is_timed else FEW_NODES if len(instance.devices) <= MOST_BRANCHED else 1
    limited = control.share(BOUND_SHARE)
    bound = failure_bound(instance, value, limited.share(0.5), nodes=nodes)
    if control.is_timed and value * OTHER_SCALE < 1.0:
        # What no plan below a larger value can have is a bound as well.
        bound = max(bound, min(value, failure_bound(instance, value * OTHER_SCALE, limited, nodes=nodes)))
    return searched_on(instance, objective, control, Outcome(improved, bound), again)


def searched_answer(
    instance: Instance, objective: Objective, control: Control, start: Plan, iterations: int | None = None
) -> Plan:
    """The plan that local search makes of another one.

    Parameters
    ----------
    instance, objective, control, start
        As for :func:`prove_answer`.
    iterations : int, optional
        Steps after which to stop.
    """
    shared = control.share(SEARCH_SHARE)
    return local_search(instance, objective, shared, start, iterations=iterations).plan or start
