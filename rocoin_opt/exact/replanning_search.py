"""The earliest plan that changes few loads of an older one: bisection over latencies, one integer program each.

Whether some plan answers within T with so many loads is a question without latencies in it: the continuation model at
T has whole numbers and cover shares alone, and *infeasible* refutes T. At the least T the same model asks for the
fewest bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from rocoin_opt.exact.cover_cuts import CoverCuts, add_cuts, is_over_energy
from rocoin_opt.exact.restricted.changed_sets import SureReplanning, neighbours
from rocoin_opt.failure import check, missed_success, value_of
from rocoin_opt.grouping import Candidates, import_of_models, joint_model, latency_range
from rocoin_opt.instance import SharedFailures
from rocoin_opt.plan import Group, Plan, continuation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.control import Control
    from rocoin_opt.highs import Option
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective

BYTES_NODES = 1_000
"""Branch-and-bound nodes that the fewest bytes are worth: latency comes first, and this limit needs no clock."""

FEW_DEVICES = 14
"""Devices up to which the least failure probability within a limit on loads is proven, however long that takes."""

FAILURE_NODES = 2_000
"""Branch-and-bound nodes of each model of more devices: some seconds, and the same bound on every machine."""

NO_TIME = 1_000
"""Loads times devices up to which idle loads are left out whatever the clock says: some hundredths of a second."""


@dataclass(frozen=True)
class Replanned:
    """What the search found.

    Attributes
    ----------
    plan : Plan or None
        The best plan within the limit on loads, without filters.
    lower_bound : float
        Value that no plan within the limit on loads betters.
    infeasible : bool
        Whether it is proven that no plan keeps the limit on loads.
    fewest_loads : int or None
        Lower bound on the number of loads of any plan, where it was asked for.
    fewest_loads_attained : bool
        Whether some plan has as few.
    bytes_bound : float
        Bytes that no plan ships less of, among those within the limit on loads that are as early as ``plan``.
    """

    plan: Plan | None
    lower_bound: float
    infeasible: bool = False
    fewest_loads: int | None = None
    fewest_loads_attained: bool = False
    bytes_bound: float = 0.0


class _Answer(NamedTuple):
    """Answer of one program: a valid plan, none (proven), or nothing; and a bound on its objective, in its units."""

    verdict: Literal["found", "none", "unknown"]
    plan: Plan | None = None
    bound: float | None = None
    unit: float = 1.0


class ReplanningSearch:
    """Best plan so far, and which latencies are refuted.

    Parameters
    ----------
    instance : Instance
        What is left: constant latencies; any failure domains, rules and limits.
    old : Plan
        The plan so far, without filters; it may name devices that the instance does not have any more.
    objective : {'guaranteed', 'nominal', 'worst', 'failure'}
        What to minimise.
    max_loads : int
        Devices that may be sent a student.
    control : Control
        Limits; at a limit the best plan and bound so far are returned.
    lower_bound : float
        Value that no plan betters, however many loads it has.
    """

    def __init__(
        self,
        instance: Instance,
        old: Plan,
        objective: Objective,
        max_loads: int,
        control: Control,
        *,
        lower_bound: float,
    ) -> None:
        self.instance, self.old, self.objective, self.max_loads = instance, old, objective, max_loads
        self.control, self.lower_bound = control, lower_bound
        # Whether any plan keeps the limit on loads has nothing to do with failures by a time.
        self.modelled: Objective = "guaranteed" if objective == "failure" else objective
        self.alive = replace(control, report=lambda _: self._tell())
        self.best: Plan | None = None
        self.value = self.shipped = math.inf
        self.cuts = CoverCuts(instance, "continuation")
        self.sure = SureReplanning(instance, old, objective, max_loads, control)

    def run(self, starts: Iterable[Plan]) -> Replanned:
        """Search from some valid plans, those that keep the limit on loads."""
        for start in starts:
            self._take(start)
        if self.sure.is_asked or (self.objective == "failure" and self.sure.is_better):
            return self._surely(starts)
        if self.best is None:
            # How few loads any plan needs says whether the limit on them can be kept at all.
            fewest = self._solve(None, len(self.instance.devices))
            if fewest.plan is not None:
                self._take(fewest.plan)
            if self.best is None:
                return self._without_plan(fewest)
        if self.objective == "failure":
            self._descend()
            self._prove_failure()
            return Replanned(self.best, self.lower_bound)
        self._bisect()
        return Replanned(self.best, self.lower_bound, bytes_bound=self._fewest_bytes())

    def _surely(self, starts: Iterable[Plan]) -> Replanned:
        """Search where ``min_success`` is asked for, or domains tie the failures of few devices together."""
        for start in () if self.best else starts:
            self._take(self.sure.surer(start))
        fewest = _Answer("unknown")
        if self.best is None:
            # The fewest loads of any plan, sure or not: a bound, and another plan to begin with.
            fewest = self._solve(None, len(self.instance.devices))
            if fewest.verdict == "none":
                return Replanned(None, self.lower_bound, infeasible=True)
            if fewest.plan is not None:
                self._take(self.sure.surer(fewest.plan))
        if self.best is None:
            plan, refuted = self.sure.any_plan(self.max_loads)
            if plan is not None:
                self._take(plan)
            if self.best is None:
                return self._without_sure_plan(fewest, refuted=refuted)
        if self.objective == "failure":
            self._descend()
            plan, bound = self.sure.least_failure(self.value)
            if plan is not None:
                self._take(plan)
            self._learn(bound)
            if not self.sure.is_better:
                self._prove_failure()
            return Replanned(self.best, self.lower_bound)
        self._bisect()
        return Replanned(self.best, self.lower_bound, bytes_bound=self._fewest_bytes())

    def _without_sure_plan(self, fewest: _Answer, *, refuted: bool) -> Replanned:
        """Say what is known of the loads that a sure plan needs."""
        least = 0 if fewest.bound is None else max(0, math.ceil(fewest.bound))
        if not refuted:
            return Replanned(None, self.lower_bound, least > self.max_loads, least)
        for loads in range(max(self.max_loads + 1, least), len(self.instance.devices) + 1):
            plan, refuted = self.sure.any_plan(loads)
            if plan is not None:
                return Replanned(None, self.lower_bound, True, loads, True)
            if not refuted:
                return Replanned(None, self.lower_bound, True, loads)
        return Replanned(None, self.lower_bound, infeasible=True)

    def _without_plan(self, fewest: _Answer) -> Replanned:
        if fewest.verdict == "none":
            return Replanned(None, self.lower_bound, infeasible=True)
        least = 0 if fewest.bound is None else max(0, math.ceil(fewest.bound))
        attained = fewest.plan is not None and least == len(continuation(self.instance, self.old, fewest.plan).loads)
        return Replanned(None, self.lower_bound, least > self.max_loads, least, attained)

    def _bisect(self) -> None:
        """Refute candidate latencies from below, find plans from above, until both meet."""
        limits = latency_range(self.instance.arrays)
        first = math.nextafter(max(self.lower_bound, 0.0 if limits is None else limits[0]), -math.inf)
        candidates = Candidates(self.instance.arrays, first, self.value)
        low, high = 0, candidates.first_from(self.value)
        while low < high and not self.control.exhausted:
            middle = (low + high) // 2
            answer = self._within(candidates[middle])
            if answer.verdict == "unknown":
                break
            if answer.plan is None:
                low = candidates.behind(middle)
            else:
                self._take(answer.plan)
                if self.sure.is_asked and self.value > candidates[middle]:
                    # Early enough, but not sure enough.
                    break
                high = min(middle, candidates.first_from(self.value))
            self.lower_bound = min(max(self.lower_bound, candidates[low]), self.value)
            self._tell()
        if low >= high:
            self.lower_bound = self.value

    def _within(self, threshold: float) -> _Answer:
        """Any plan within a threshold, or that there is none."""
        if self.sure.is_asked:
            plan, refuted = self.sure.within(threshold)
            if plan is not None or refuted:
                return _Answer("none" if plan is None else "found", plan)
        # Any plan within the candidate is an answer: the first one ends the solve.
        answer = self._solve(threshold, self.max_loads, {"mip_max_improving_sols": 1})
        if answer.plan is None or not self.sure.is_asked:
            return answer
        return answer._replace(plan=self.sure.surer(answer.plan, threshold))

    def _descend(self) -> None:
        """Take the best move of one device, or exchange of two, while the limit on loads allows one that helps."""
        while self.best is not None and self.lower_bound < self.value and not self.control.exhausted:
            before = self.value
            for plan in neighbours(self.instance, self.best):
                if self.control.exhausted:
                    break
                if value_of(self.instance, plan, "failure") < self.value and not check(self.instance, plan):
                    self._take(plan)
            if self.value >= before:
                break

    def _prove_failure(self) -> None:
        """Bound the failure probability by the model, and better the plan, where there is time for that."""
        best, groups = self.best, max(1, self.max_loads) + len(self.old.groups)
        building = joint_model(self.instance, groups)
        if best is None or self.lower_bound >= self.value or self.max_loads >= len(self.instance.devices):
            return
        if SharedFailures(self.instance).names:
            # Groups that fail together have no costs of their own: the bound without a limit on loads stays.
            return
        if not self.control.has_time_for(import_of_models() + building):
            return
        from rocoin_opt.exact.milp_failure import FailureSearch, time_of_answer
        from rocoin_opt.formulations import failure_replanning as formulation

        seconds = time_of_answer(self.instance)
        few = len(self.instance.devices) <= FEW_DEVICES
        search = FailureSearch(
            self.instance,
            best,
            replace(self.control, report=lambda progress: self._learn(progress.bound)),
            formulation=formulation,
            build=lambda unit: formulation.build(self.instance, self.old, seconds, unit, max_loads=self.max_loads),
            read=lambda model: formulation.plan_of(model, self.instance),
            building=building,
            options={} if few else {"mip_max_nodes": FAILURE_NODES},
            is_known=False,
        )
        found = search.run()
        if found.plan is not None:
            self._take(found.plan)
        self._learn(found.lower_bound)

    def _learn(self, bound: float | None) -> None:
        if bound is not None:
            self.lower_bound = max(self.lower_bound, min(bound, self.value))
        self._tell()

    def _fewest_bytes(self) -> float:
        """Look for fewer bytes at the same latency; a lower bound on them, that of plans less sure included."""
        # Bytes come behind latency: they are asked for once it is settled.
        if self.lower_bound < self.value or self.shipped == 0.0 or self.control.exhausted:
            return 0.0
        answer = self._solve(self.value, self.max_loads, {"mip_max_nodes": BYTES_NODES}, ship_less=True)
        if answer.plan is not None:
            self._take(answer.plan)
            if self.sure.is_asked:
                self._take(self.sure.surer(answer.plan, self.value))
        return 0.0 if answer.bound is None else min(max(0.0, answer.bound * answer.unit), self.shipped)

    def _solve(
        self,
        threshold: float | None,
        max_loads: int,
        options: dict[str, Option] | None = None,
        *,
        ship_less: bool = False,
    ) -> _Answer:
        """Solve the model at a threshold; groups that only the solver's tolerance lets through are cut off."""
        unit = 1.0
        building = joint_model(self.instance, max(1, max_loads) + len(self.old.groups))
        if not self.control.has_time_for(import_of_models() + building):
            return _Answer("unknown")
        # Pyomo and HiGHS take a while to import: only here.
        from pyomo.common.gc_manager import PauseGC

        from rocoin_opt.formulations import replanning as formulation
        from rocoin_opt.highs import solve_model

        with PauseGC():
            model = formulation.build(
                self.instance, self.old, self.modelled, upper_bound=threshold, max_loads=max_loads
            )
            if ship_less:
                unit = formulation.minimise_bytes(model, self.instance)
        add_cuts(model, formulation, self.cuts.known)
        if ship_less and self.best is not None:
            continued = continuation(self.instance, self.old, self.best).continued
            formulation.offer(model, self.instance, self.best, continued)
        while True:
            solution = solve_model(model, self.alive, options=options, warm_start=ship_less)
            if solution.status == "infeasible":
                return _Answer("none")
            if solution.objective is None:
                return _Answer("unknown", bound=solution.bound, unit=unit)
            plan = formulation.plan_of(model, self.instance)
            if is_over_energy(self.instance, plan):
                return _Answer("unknown", bound=solution.bound, unit=unit)
            cuts = self.cuts.learn(plan, formulation.covers_of(model))
            if not cuts:
                return _Answer("found", plan, solution.bound, unit)
            add_cuts(model, formulation, cuts)

    def _take(self, plan: Plan) -> None:
        """Keep a valid plan if it is within the limit on loads and better: earlier, or as early with fewer bytes."""
        # Idle loads go first: a device that leaves its group so may stay in the one where it ran.
        plan = self._with_survivors(self._without_idle_loads(plan))
        changed = continuation(self.instance, self.old, plan)
        value = value_of(self.instance, plan, self.objective)
        if missed_success(self.instance, plan) is not None:
            return
        if len(changed.loads) > self.max_loads or (value, changed.shipped_bytes) >= (self.value, self.shipped):
            return
        self.best, self.value, self.shipped = plan, value, changed.shipped_bytes
        self._tell()

    def _without_idle_loads(self, plan: Plan) -> Plan:
        """Leave out loads that neither the limit nor the value needs, largest first."""
        value = value_of(self.instance, plan, self.objective)
        loads = sorted(continuation(self.instance, self.old, plan).loads, key=lambda load: -load.size_bytes)
        takes_no_time = len(loads) * len(self.instance.devices) <= NO_TIME
        for load in loads:
            if self.control.exhausted and not takes_no_time:
                break
            groups = [
                group._replace({"devices": tuple(d for d in group.devices if d != load.device)})
                for group in plan.groups
            ]
            fewer = Plan.of(self.instance, groups)
            if not check(self.instance, fewer) and value_of(self.instance, fewer, self.objective) <= value:
                plan = fewer
        return plan

    def _with_survivors(self, plan: Plan) -> Plan:
        """Leave spare devices where they ran before: that costs nothing, and makes the group safer."""
        value, spares = value_of(self.instance, plan, self.objective), set(plan.spares)
        staying: list[tuple[int, str]] = []
        continued = continuation(self.instance, self.old, plan).continued
        for k, (group, g) in enumerate(zip(plan.groups, continued, strict=True)):
            own = [] if g is None else [d for d in self.old.groups[g].devices if d in spares]
            # Only ``worst`` waits for every replica.
            staying += [(k, d) for d in own if self.objective != "worst" or self._seconds(group, d) <= value]
        whole = self._with(plan, staying)
        is_free = not (self.instance.rules or self.instance.limits_energy)
        if is_free or not check(self.instance, whole):
            return whole
        # Rules, or the energy, may allow some of them.
        kept: list[tuple[int, str]] = []
        for place in staying:
            if not check(self.instance, self._with(plan, [*kept, place])):
                kept.append(place)
        return self._with(plan, kept)

    def _with(self, plan: Plan, places: Iterable[tuple[int, str]]) -> Plan:
        """The plan with some spare devices in groups, given by their positions."""
        groups = [
            group._replace({"devices": (*group.devices, *(d for g, d in places if g == k))})
            for k, group in enumerate(plan.groups)
        ]
        return Plan.of(self.instance, groups)

    def _seconds(self, group: Group, device: str) -> float:
        arrays = self.instance.arrays
        n, j = arrays.device_index[device], arrays.student_index[group.student]
        return float(arrays.latency(n, j, group.num_filters))

    def _tell(self) -> None:
        self.control.tell(None if self.best is None else self.value, self.lower_bound)
