"""The method ``exact`` for the objectives ``failure`` and ``missing``: the cheapest packing of all sets of devices.

At a fixed time the outage ``q_S`` of a set of devices is known, so both objectives are sums over the groups,

    -ln(1 - failure)  =  sum of -ln(1 - q_k),        missing  =  sum of s_k q_k / M,

and a plan is a packing of least cost. Prices of the relaxation bound it; the packings that they leave below a target
are searched, with the target raised from the bound until a packing is found: that one is the best, and a search that
is stopped has refuted the last target.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer.packing import cheapest_packing
from rocoin_opt.exact.answer.plans import plan_of_sets
from rocoin_opt.exact.answer.relaxation import Costs, Wanted, relax_packing
from rocoin_opt.exact.answer.sets import serving_sets
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import STOPPED
from rocoin_opt.instance import ROUNDING, stretched
from rocoin_opt.plan import Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.exact.answer.sets import ServingSets
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Objective, Plan

RAISE = 1.3
"""Factor between two targets."""


def log_odds(failure: float) -> float:
    """``-ln(1 - failure)``: what the groups' outages add up to."""
    return -math.log1p(-failure) if failure < 1.0 else math.inf


def costs_of(objective: Objective, outage: FloatArray, filters: int) -> Costs:
    """Cost of each set as a group.

    Parameters
    ----------
    objective : {'failure', 'missing'}
        What is minimised.
    outage : FloatArray
        Probability that the set does not answer in time.
    filters : int
        M.
    """
    nothing = np.zeros(len(outage))
    if objective == "missing":
        return Costs(nothing, outage / filters)
    return Costs(-np.log1p(-outage), nothing)


def exact_answer(instance: Instance, objective: Objective, control: Control, start: Plan) -> Outcome:
    """Find a plan of least failure probability, or missing share, and prove it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, independent devices, at most
        :data:`~rocoin_opt.exact.answer.sets.MOST_DEVICES`.
    objective : {'failure', 'missing'}
        What to minimise.
    control : Control
        Limit; improvements are told.
    start : Plan
        A valid plan.

    Returns
    -------
    Outcome
        The plan and a valid lower bound.
    """
    value = value_of(instance, start, objective)
    if value == 0.0:
        return Outcome(start, 0.0)
    deadline = instance.requirements.deadline_seconds
    seconds = math.inf if deadline is None else stretched(deadline)
    # A group alone that is worse than the whole plan is in no better one.
    worst = min(1.0, value * instance.knowledge.num_filters) if objective == "missing" else value
    sets = serving_sets(instance, seconds, control, worst=worst * (1.0 + ROUNDING))
    search = _Search(instance, objective, sets, start, value, control)
    return search.run()


class _Search:
    """The best plan, and the least cost that is not refuted; costs in units of that of the first plan."""

    def __init__(
        self, instance: Instance, objective: Objective, sets: ServingSets, start: Plan, value: float, control: Control
    ) -> None:
        self.instance, self.objective, self.control = instance, objective, control
        self.best, self.value = start, value
        self.bound = 0.0
        requirements, filters = instance.requirements, instance.knowledge.num_filters
        self.wanted = Wanted(filters, requirements.min_groups, instance.max_groups)
        cost = self.cost(value)
        self.unit = cost if math.isfinite(cost) else 1.0
        # Only where costs are those of outages alone can they be compared with shared weight.
        self.sharing = self.unit if objective == "failure" else 0.0
        raw = costs_of(objective, sets.outage, filters)
        kept = np.flatnonzero(np.isfinite(raw.fixed))
        self.sets = sets.taken(kept)
        self.costs = Costs(raw.fixed[kept] / self.unit, raw.per_filter[kept] / self.unit)

    def cost(self, value: float) -> float:
        """What a value of the objective is as a sum over groups."""
        return log_odds(value) if self.objective == "failure" else value

    def worth(self, cost: float) -> float:
        """The value of a cost, in units, rounded down."""
        cost *= self.unit * (1.0 - ROUNDING)
        return -math.expm1(-cost) if self.objective == "failure" else cost

    def run(self) -> Outcome:
        """Raise the target until the best packing is below it."""
        if len(self.sets) == 0:
            # Where no set of devices is of use, nothing beats the plan that there is.
            return Outcome(self.best, self.value if self.sets.complete else None)
        if not self.control.exhausted:
            reduced = relax_packing(self.sets, self.costs, self.wanted, len(self.instance.devices), self.control)
            refuted = reduced.bound(self.wanted.most)
            while True:
                self.prove(refuted)
                goal = self.cost(self.value) / self.unit * (1.0 - ROUNDING)
                if refuted >= goal or self.control.exhausted:
                    break
                target = min(goal, refuted * RAISE) if refuted > 0.0 and math.isfinite(goal) else goal
                packed = cheapest_packing(
                    self.sets, self.costs, reduced, self.wanted, target, self.control, unit=self.sharing
                )
                if packed.rows and not self.take(packed.rows):
                    break
                if not packed.finished:
                    break
                # A packing below the target is the best of all.
                refuted = packed.cost if packed.rows else target
        return Outcome(self.best, self.bound, reasons=() if self.best else (STOPPED,))

    def prove(self, cost: float) -> None:
        """Raise the bound to the value of a cost that no packing is below, where all sets are listed."""
        if self.sets.complete:
            self.bound = max(self.bound, min(self.worth(cost), self.value))
            self.control.tell(self.value, self.bound)

    def take(self, rows: tuple[int, ...]) -> bool:
        """Make a plan of sets, and keep it where it is better; whether it is valid."""
        plan = plan_of_sets(self.instance, self.sets, rows, by_outage=self.objective == "missing")
        if plan is None:
            return False
        value = value_of(self.instance, plan, self.objective)
        if value < self.value:
            self.best, self.value = plan, value
            self.control.tell(self.value, self.bound)
        return True
