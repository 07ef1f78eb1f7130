"""The method ``milp`` for ``failure``: tangents from below, plans from above, until nothing is left between them.

The model has all plans that cost no more than the best known one, and a little more. Each of its plans is valued
exactly, its tangents are added, and all plans of the same cost are cut off. Once the model has no plan left, none is
better than the best known one: that does not rest on the last digits of a solver's objective. Where groups fail
together the scenario model has no tangents, and the rest is the same.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from pyomo.common.gc_manager import PauseGC

from rocoin_opt.exact.cover_cuts import CoverCuts, Formulation, add_cuts, is_over_energy
from rocoin_opt.failure import value_of
from rocoin_opt.formulations import failure, scenarios
from rocoin_opt.highs import Option, solve_model
from rocoin_opt.instance import ROUNDING, SOLVER_SAFETY, stretched
from rocoin_opt.plan import Outcome, indexed_groups, relative_gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pyomo.environ import ConcreteModel

    from rocoin_opt.control import Control, Progress, Report
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Plan

MOST_COST = 23.0
"""``-ln P`` beyond which a failure is as good as 1: a success of 1e-10 is below all that a relative gap can show."""
LEAST_VALUE = 1e-250
"""Failure below which nothing is proven: tangents of it are no doubles any more."""
CLOSED = 1e-10
"""Relative gap at which the search ends."""
MOST_ALIKE = 40
"""Costs closer to that of the best plan than the solver can tell that are cut off one by one, at most."""
FIRST_COSTS = 0.8 ** np.arange(36)
"""Costs of a group, in units of the known plan's, where the first tangents touch: between two of them they miss at most
a hundred and sixtieth."""


def milp_failure(
    instance: Instance, control: Control, start: Plan, *, building: float, options: Mapping[str, Option] | None = None
) -> Outcome:
    """Find a plan of least failure probability with the failure model, and prove it.

    Parameters
    ----------
    instance : Instance
        What was given: constant latencies, no failure domains.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan
        A valid plan.
    building : float
        Seconds that it takes to build a model.
    options : mapping, optional
        More HiGHS options, see :func:`rocoin_opt.highs.models.solve_model`.

    Returns
    -------
    Outcome
        The plan and a valid lower bound, equal to the plan's value but for rounding when it is proven optimal.

    Raises
    ------
    SolverError
        If HiGHS refuses an option or ends without an answer.
    """
    seconds = time_of_answer(instance)
    useful = failure.with_useful_students(instance, seconds)
    search = FailureSearch(
        instance,
        start,
        control,
        formulation=failure,
        build=lambda unit: failure.build(useful, seconds, unit),
        read=lambda model: failure.plan_of(model, useful),
        building=building,
        options=options or {},
    )
    return search.run()


def milp_scenarios(
    instance: Instance, control: Control, start: Plan, *, building: float, options: Mapping[str, Option] | None = None
) -> Outcome:
    """Find a plan of least failure probability with the scenario model, and prove it.

    Parameters
    ----------
    instance : Instance
        Constant latencies; failure domains of several devices, any rules.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    start : Plan
        A valid plan.
    building : float
        Seconds that it takes to build a joint model.
    options : mapping, optional
        More HiGHS options, see :func:`rocoin_opt.highs.models.solve_model`.

    Returns
    -------
    Outcome
        The plan and a valid lower bound, equal to the plan's value when it is proven optimal.

    Raises
    ------
    UnsupportedError
        If too many devices may fail.
    SolverError
        If HiGHS refuses an option or ends without an answer.
    """
    seconds = time_of_answer(instance)
    scenarios.require_few_scenarios(instance, seconds)
    useful = failure.with_useful_students(instance, seconds)
    best, value, bound = start, value_of(instance, start, "failure"), 0.0
    cuts, alike = CoverCuts(instance, "scenario"), dict[tuple[frozenset[int], ...], float]()
    while value > LEAST_VALUE and control.has_time_for(building):
        gap = relative_gap(value, bound)
        if gap is not None and gap <= control.gap:
            break
        unit = value
        near = [groups for groups, found in alike.items() if found <= unit * (1.0 + 2.0 * failure.CUTOFF)]
        with PauseGC():
            model = scenarios.build(useful, seconds, unit)
            add_cuts(model, scenarios, cuts.known)
            is_cut = all(scenarios.forbid_groups(model, groups) for groups in near)
        if len(near) > MOST_ALIKE or not is_cut:
            break

        def tell(progress: Progress, unit: float = unit, value: float = value, bound: float = bound) -> None:
            known = 0.0 if progress.bound is None else min(progress.bound, 1.0) * unit * (1.0 - SOLVER_SAFETY)
            control.tell(value, max(bound, min(known, value)))

        solution = solve_model(model, replace(control, report=tell), options=options or {})
        if solution.status == "infeasible":
            # Every plan that is no worse was in the model, or is cut off with one that was valued.
            bound = value
            break
        if solution.bound is not None:
            bound = max(bound, min(solution.bound, 1.0) * unit * (1.0 - SOLVER_SAFETY))
        if solution.objective is None or solution.status != "optimal":
            break
        plan, groups = scenarios.plan_of(model, useful), scenarios.groups_of(model)
        if is_over_energy(instance, plan) or groups in near:
            break
        if cuts.learn(plan, ()):
            continue
        found = value_of(instance, plan, "failure")
        alike[groups] = found
        if found < value:
            best, value = plan, found
        control.tell(value, min(bound, value))
    return Outcome(best, lower_bound=min(bound, value))


def time_of_answer(instance: Instance) -> float:
    """When replicas have to answer, in seconds: the deadline as answers are compared with it, or any time."""
    deadline = instance.requirements.deadline_seconds
    return math.inf if deadline is None else float(stretched(deadline))


class FailureSearch:
    """Best plan and bound so far, closing in on each other.

    Parameters
    ----------
    instance : Instance
        What was given.
    start : Plan
        A valid plan.
    control : Control
        Limits.
    formulation : module
        Can state cuts in the model.
    build : callable
        The model of all plans that cost no more than a known one, by the cost of that.
    read : callable
        The plan of a model's variables.
    building : float
        Seconds that it takes to build one.
    options : mapping
        More HiGHS options.
    is_known : bool
        Whether the model has the groups of a plan in the order of their weight, so that the start need not be found.
    """

    def __init__(
        self,
        instance: Instance,
        start: Plan,
        control: Control,
        *,
        formulation: Formulation,
        build: Callable[[float], ConcreteModel],
        read: Callable[[ConcreteModel], Plan],
        building: float,
        options: Mapping[str, Option],
        is_known: bool = True,
    ) -> None:
        self.instance, self.control, self.options = instance, control, options
        self.formulation, self.build, self.read, self.building = formulation, build, read, building
        self.best, self.value = start, value_of(instance, start, "failure")
        self.bound, self.stopped = 0.0, False
        self.cuts = CoverCuts(instance, "failure")
        # Replicas in time of plans that were valued, and their values. In the model every group has some.
        timely = list(self._in_time(start))
        self.valued: dict[failure.Counts, float] = {}
        if is_known and all(timely):
            self.valued[failure.counts_in(instance, timely)] = self.value

    def run(self) -> Outcome:
        """Solve models until value and bound meet, or a limit is reached."""
        while not (self.stopped or self._closed() or self.control.exhausted):
            self._improve()
        return Outcome(self.best, lower_bound=self.bound)

    def _closed(self) -> bool:
        if self.value < LEAST_VALUE:
            return True
        gap = relative_gap(self.value, self.bound)
        return gap is not None and gap <= max(self.control.gap, CLOSED)

    def _improve(self) -> None:
        """Solve the model of all plans that are no worse than the best one and were not valued yet."""
        if not self.control.has_time_for(self.building):
            self.stopped = True
            return
        unit = min(MOST_COST, -math.log1p(-self.value) if self.value < 1.0 else math.inf)
        alike = [counts for counts, value in self.valued.items() if self._is_alike(value, unit)]
        if len(alike) > MOST_ALIKE:
            self.stopped = True
            return
        with PauseGC():
            model = self._model(unit, alike)
        solution = solve_model(model, replace(self.control, report=self._teller(unit)), options=self.options)
        # A limit among the options, of nodes say, would stop the next solve just the same.
        self.stopped = solution.status not in ("optimal", "infeasible")
        if solution.bound is not None:
            self._raise_bound(solution.bound, unit)
        if solution.status == "infeasible":
            # Every better plan was in the model, or is cut off with one that was valued.
            self._raise_bound(1.0, unit)
            self.stopped = True
        elif solution.objective is not None:
            self._take(model)
        self.control.tell(self.value, self.bound)

    def _in_time(self, plan: Plan) -> Iterator[list[int]]:
        """Devices of each group that are in time with its part."""
        arrays, seconds = self.instance.arrays, time_of_answer(self.instance)
        for members, student, size in indexed_groups(self.instance, plan):
            yield [n for n in members if arrays.latency(n, student, size) <= seconds]

    def _model(self, unit: float, alike: list[failure.Counts]) -> ConcreteModel:
        model = self.build(unit)
        failure.add_tangents(model, FIRST_COSTS.tolist(), [counts for groups in self.valued for counts in groups])
        add_cuts(model, self.formulation, self.cuts.known)
        for counts in alike:
            failure.forbid_counts(model, counts)
        return model

    def _take(self, model: ConcreteModel) -> None:
        """Value a plan if it is valid; cut off the groups that only the solver's tolerance let through."""
        plan, counts = self.read(model), failure.counts_of(model)
        if is_over_energy(self.instance, plan):
            # The next solve would find it again.
            self.stopped = True
            return
        if self.cuts.learn(plan):
            return
        # The solver's tolerances may let in what was cut off, and that again and again.
        self.stopped = self.stopped or counts in self.valued
        value = value_of(self.instance, plan, "failure")
        self.valued[counts] = value
        if value < self.value:
            self.best, self.value = plan, value

    def _is_alike(self, value: float, unit: float) -> bool:
        """Whether a plan costs so little more than the best one that the model cannot leave it out."""
        return value < 1.0 and -math.log1p(-value) <= unit * (1.0 + 2.0 * failure.CUTOFF)

    def _raise_bound(self, cost: float, unit: float) -> None:
        """Take in a lower bound on the cost of all plans that are no worse than the best one."""
        raw = max(0.0, min(cost, 1.0)) * unit * (1.0 - ROUNDING)
        self.bound = max(self.bound, min(-math.expm1(-raw), self.value))

    def _teller(self, unit: float) -> Report:
        """Report progress of the present solve, as failure probability."""

        def report(progress: Progress) -> None:
            if progress.bound is not None:
                self._raise_bound(progress.bound, unit)
            self.control.tell(self.value, self.bound)

        return report
