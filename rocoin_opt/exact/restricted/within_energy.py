"""An early plan within a limit on all energy, for fleets of which not all sets can be listed.

Within a threshold the least energy is a packing like the least work, and more time never takes more of it. So the
thresholds are searched by bisection, and at each the plan of least energy is held against the limit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rocoin_opt.exact.lexicographic.least_work import least_work
from rocoin_opt.failure import check, value_of
from rocoin_opt.grouping import Candidates, ThresholdProblem, latency_range
from rocoin_opt.plan import energy_joules, indexed_groups, plan_of

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

CLOSE = 1e-3
"""Relative difference of thresholds below which the search ends: each asks for some integer programs."""


def early_within_energy(instance: Instance, objective: Objective, first: Plan, control: Control) -> Plan | None:
    """Find an early plan that keeps the limit on all energy; None where none was found.

    Parameters
    ----------
    instance : Instance
        Constant latencies, no failure domains, and no rules but the limit on energy.
    objective : {'guaranteed', 'nominal', 'worst'}
        Which latency.
    first : Plan
        A plan that keeps all else, an early one: thresholds from its latency on are tried.
    control : Control
        Its limit ends the search with the best plan so far.
    """
    limits = latency_range(instance.arrays)
    if limits is None:
        return None
    served, earliest = indexed_groups(instance, first), value_of(instance, first, objective)
    candidates = Candidates(instance.arrays, math.nextafter(earliest, -math.inf), limits[1])
    best: Plan | None = None
    # The last one first: where even that takes too much energy, no other one takes less.
    low, high, position = 0, len(candidates), len(candidates) - 1
    while low < high and not control.exhausted:
        problem = ThresholdProblem(instance, objective, candidates[position], prefer="energy")
        lighter = least_work(problem, served, control.silent(), free_sizes=True)
        plans = [plan_of(instance, groups) for groups in lighter.steps]
        found = min(plans, key=lambda plan: energy_joules(instance, plan))
        if check(instance, found) or value_of(instance, found, objective) > problem.threshold:
            if best is None:
                return None
            low = candidates.behind(position)
        else:
            best = found
            high = candidates.first_from(value_of(instance, best, objective))
            control.tell(value_of(instance, best, objective), None)
            if high and candidates[min(high, len(candidates) - 1)] <= candidates[low] * (1.0 + CLOSE):
                break
        position = (low + high) // 2
    return best
