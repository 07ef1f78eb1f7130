"""The method ``milp``: one mixed-integer model for grouping, students and sizes, solved to proof by HiGHS."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pyomo.common.gc_manager import PauseGC

from rocoin_opt.errors import SolverError
from rocoin_opt.exact.cover_cuts import CoverCuts, add_cuts, is_over_energy
from rocoin_opt.exact.milp_failure import milp_failure, milp_scenarios, time_of_answer
from rocoin_opt.failure import value_of
from rocoin_opt.formulations import (
    grouping,
    joint,
    needs_late_replicas,
    require_failure_model,
    require_few_scenarios,
    require_groups_model,
)
from rocoin_opt.grouping import (
    RELAX,
    STOPPED,
    combinatorial_bound,
    grouping_model,
    joint_model,
    latency_range,
    next_latency,
    reasons_for_infeasibility,
    room_for,
)
from rocoin_opt.highs import Option, solve_model
from rocoin_opt.instance import SharedFailures
from rocoin_opt.plan import Outcome, relative_gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyomo.environ import ConcreteModel

    from rocoin_opt.control import Control, Progress, Report
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan

GROUPING_NODES = 500
"""Branch-and-bound nodes that the largest number of groups is worth."""
UNPRESOLVED: dict[str, Option] = {"presolve": "off"}
"""Options of a second opinion on whether there is any plan."""
COUNTING_NODES = 2_000
"""Branch-and-bound nodes that the number of filters without a place is worth, where there is no plan."""


def milp(
    instance: Instance,
    objective: Objective,
    control: Control,
    start: Plan | None = None,
    *,
    options: Mapping[str, Option] | None = None,
) -> Outcome:
    """Find a plan of least latency with the joint model, and prove it.

    The model only admits plans that are better than the best one known, which keeps it small, and it is solved again
    until none is left: the last answer, *infeasible*, rests on integers and cover shares and not on the solver's
    arithmetic with latencies. Usually the first solve's bound already equals the value, because both are rounded to
    the finite set of latencies. For ``failure`` see :mod:`rocoin_opt.exact.milp_failure`.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, any failure domains, rules and limit on energy; for ``failure`` few devices
        where several share a domain.
    objective : {'guaranteed', 'nominal', 'worst', 'failure'}
        What to minimise.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan, optional
        A valid plan to improve on.
    options : mapping, optional
        More HiGHS options, see :func:`rocoin_opt.highs.models.solve_model`.

    Returns
    -------
    Outcome
        The plan and a valid lower bound, equal to the plan's value when it is proven optimal (but for rounding, if that
        is a failure probability); ``infeasible`` if the model without any upper bound has no plan.

    Raises
    ------
    SolverError
        If HiGHS refuses an option or ends without an answer.
    UnsupportedError
        If the instance has random latencies or, for ``failure``, a failure domain of several devices and too many of
        them, and for any other objective.
    """
    if objective == "failure":
        is_tied = bool(SharedFailures(instance).names)
        if is_tied:
            require_few_scenarios(instance, time_of_answer(instance))
        else:
            require_failure_model(instance)
        if start is None:
            # Any plan will do, and whether there is one has nothing to do with failures.
            first = milp(instance, "guaranteed", replace(control.silent(), gap=1.0), options=options)
            if first.plan is None:
                return replace(first, lower_bound=None)
            start = first.plan
        solve = milp_scenarios if is_tied else milp_failure
        return solve(instance, control, start, building=joint_model(instance), options=options)
    require_groups_model(instance, objective)
    search = _Search(instance, objective, control, options or {}, start)
    return search.run()


class _Search:
    """Best plan and bound so far, closing in on each other."""

    def __init__(
        self,
        instance: Instance,
        objective: Objective,
        control: Control,
        options: Mapping[str, Option],
        start: Plan | None,
    ) -> None:
        self.instance = instance
        self.objective = objective
        self.control = control
        self.options = options
        self.best = start
        self.value = math.inf if start is None else self._value(start)
        bound = combinatorial_bound(instance, objective)
        self.infeasible = bound is None and start is None
        self.bound = 0.0 if bound is None else bound
        self.cuts = CoverCuts(instance, "joint")
        self.reasons: tuple[str, ...] = ()
        self.stopped = False
        known = control.exchange
        self.exchange = known if known is not None and known.is_about(instance, objective) else None

    def run(self) -> Outcome:
        self._learn()
        if not (self.infeasible or self._closed() or self.control.exhausted):
            self._limit_groups()
            self._learn()
        while not (self.infeasible or self.stopped or self._closed() or self.control.exhausted):
            self._improve()
            self._learn()
        if self.infeasible:
            return Outcome(None, infeasible=True, reasons=self._reasons())
        stopped = () if self.best else (STOPPED,)
        return Outcome(self.best, lower_bound=self.bound, reasons=stopped)

    def _learn(self) -> None:
        """Take over what other processes found before the next solve begins."""
        if self.exchange is None:
            return
        self.exchange.look()
        if self.exchange.value < self.value:
            self.best, self.value = self.exchange.plan, self.exchange.value
        self.bound = max(self.bound, self.exchange.bound)

    def _share(self, bound: float) -> None:
        """Let other processes know."""
        if self.exchange is not None:
            self.exchange.lift(bound)
            if self.best is not None:
                self.exchange.offer(self.best, self.value)

    def _closed(self) -> bool:
        if self.best is None:
            return False
        gap = relative_gap(self.value, self.bound)
        return gap is not None and gap <= self.control.gap

    def _limit_groups(self) -> None:
        """Allow no more groups than can keep the outage limit at all, where the best plan has fewer than allowed."""
        allowed, least = self.instance.max_groups, self.instance.requirements.min_groups
        if self.best is not None and len(self.best.groups) == allowed:
            return
        if not self.control.has_time_for(grouping_model(self.instance)):
            return
        # Limited by nodes and not by time, so that the search stays the same on every machine.
        options: dict[str, Option] = {**self.options, "mip_max_nodes": GROUPING_NODES}
        solution = solve_model(grouping.build(self.instance), self.control.silent(), options=options)
        possible = allowed if solution.bound is None else math.floor(solution.bound)
        if possible < allowed and self.best is None:
            # Presolve has lost plans where a cover misses the limit by a hair: what says that there is none is
            # asked twice.
            again = solve_model(grouping.build(self.instance), self.control.silent(), options=options | UNPRESOLVED)
            possible = max(possible, allowed if again.bound is None else math.floor(again.bound))
        if possible < least:
            self.infeasible = True
            self.reasons = (
                f"groups: whole devices form at most {possible} groups that keep the outage limit; min_groups asks "
                f"for {least}. Add devices, raise max_group_outage, or lower min_groups.",
            )
        elif possible < allowed:
            # Fewer groups make a smaller model, and the counting bound may rise with it.
            self.instance = self.instance.with_requirements(max_groups=possible)
            bound = combinatorial_bound(self.instance, self.objective)
            self.infeasible = bound is None
            self.bound = self.bound if bound is None else max(self.bound, bound)

    def _reasons(self) -> tuple[str, ...]:
        """Say why there is no plan: by a simple proof where there is one, else by how many filters find a place."""
        simple = self.reasons or reasons_for_infeasibility(self.instance)
        if simple:
            return simple
        if not self.control.has_time_for(joint_model(self.instance)):
            return (f"together: no groups keep all limits at once. {RELAX}",)
        model = joint.build(self.instance, self.objective)
        joint.maximise_filters(model)
        solution = solve_model(model, self.control.silent(), options={**self.options, "mip_max_nodes": COUNTING_NODES})
        wanted, least = self.instance.knowledge.num_filters, self.instance.requirements.min_groups
        if solution.status == "infeasible":
            kept = (
                ", the outage limit and the rules" if self.instance.restrictions.of_groups else " and the outage limit"
            )
            found = f"no {least} groups can keep memory, capacity{kept} at once"
        else:
            placed = wanted - 1 if solution.bound is None else min(math.floor(solution.bound), wanted - 1)
            found = room_for(placed, wanted)
        return (f"together: {found}. {RELAX}",)

    def _improve(self) -> None:
        """Solve the model of all plans better than the best one, where there is time to build it."""
        if not self.control.has_time_for(joint_model(self.instance)):
            self.stopped = True
            return
        with PauseGC():
            model = self._model()
        unit = float(model.unit.value)
        solution = solve_model(model, replace(self.control, report=self._teller(unit)), options=self.options)
        if solution.status == "infeasible" and self.best is None:
            # As above, on this verdict hangs whether there is a plan.
            solution = solve_model(model, self.control.silent(), options={**self.options, **UNPRESOLVED})
        if solution.status == "infeasible":
            self._exhausted_plans()
            return
        # A limit among the options, of nodes say, would stop the next solve just the same.
        self.stopped = solution.status != "optimal"
        if solution.bound is not None:
            self.bound = max(self.bound, self._lifted(solution.bound * unit))
        if solution.objective is not None:
            self._take(joint.plan_of(model, self.instance), joint.covers_of(model))
        self._share(self.bound)
        self.control.tell(None if self.best is None else self.value, self.bound)

    def _model(self) -> ConcreteModel:
        # Plans as early as the best one are none: latencies are compared exactly.
        better = None if self.best is None else math.nextafter(self.value, 0.0)
        model = joint.build(self.instance, self.objective, lower_bound=self.bound, upper_bound=better)
        if self.objective != "nominal" and not needs_late_replicas(self.instance):
            # Replicas that the objective does not wait for cannot make it better.
            model.extra.fix(0)
        add_cuts(model, joint, self.cuts.known)
        return model

    def _exhausted_plans(self) -> None:
        if self.best is None:
            self.infeasible = True
        else:
            # The model had every better plan in it.
            self.bound = self.value
            self._share(self.bound)

    def _take(self, plan: Plan, covers: Iterable[frozenset[int]]) -> None:
        """Keep a plan that is valid; cut off the groups that only the solver's tolerance let through."""
        if is_over_energy(self.instance, plan):
            # The next solve would find it again.
            self.stopped = True
        elif not self.cuts.learn(plan, covers):
            self.best, self.value = plan, self._value(plan)

    def _value(self, plan: Plan) -> float:
        value = value_of(self.instance, plan, self.objective)
        if math.isinf(value):
            raise SolverError(f"a plan without a value for the objective {self.objective}")
        return value

    def _lifted(self, bound: float) -> float:
        """The smallest value that the objective can take from a bound on: values are latencies l(n, j, s)."""
        limits = latency_range(self.instance.arrays)
        if limits is None or bound <= limits[0]:
            return bound
        # From just below, so that a latency that equals the bound is found.
        found = next_latency(self.instance.arrays, math.nextafter(bound, 0.0))
        return min(bound, self.value) if found is None or found > self.value else found

    def _teller(self, unit: float) -> Report:
        """Report progress of the present solve, in seconds and in the light of all that is known already."""

        def report(progress: Progress) -> None:
            found = self.value if progress.value is None else min(self.value, progress.value * unit)
            bound = self.bound if progress.bound is None else max(self.bound, min(progress.bound * unit, found))
            if self.exchange is not None and progress.bound is not None:
                self.exchange.lift(min(progress.bound * unit, self.value))
            self.control.tell(None if found == math.inf else found, bound)

        return report
