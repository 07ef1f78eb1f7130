"""The least latency of few devices under any rules and failure domains: thresholds, and a packing of sets at each.

All sets of devices are at hand, so whatever a rule asks of a group decides which sets stand there, and what it asks of
the fleet is a row of the packing. A set is left out only where a smaller one holds as much and no rule wants the
devices that it saves. Where energy is limited every set stands there with each student that it can run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer import (
    Asked,
    Energy,
    JointRows,
    ServingSets,
    members,
    plan_of_sets,
    plan_of_students,
    possible_parts,
    search_rows,
    set_tables,
)
from rocoin_opt.exact.restricted.leanest import leanest_packing
from rocoin_opt.failure import value_of
from rocoin_opt.grouping import STOPPED, Candidates, Reach, latency_range
from rocoin_opt.highs import LinearModel, solve_linear
from rocoin_opt.plan import Outcome, structural_violations

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Objective, Plan

EFFORT = 20_000_000
"""Sets that the search looks at, compiled, before the integer program has its turn."""
NO_PACKING = "together: no groups that keep all limits and rules hold all filters at once"
NO_ENERGY = "energy: no plan keeps max_energy_joules {:g}; without that limit there are plans"


def exact_restricted(
    instance: Instance, objective: Objective, control: Control, start: Plan | None, bound: float | None = None
) -> Outcome:
    """Find a plan of least latency, and prove it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, any failure domains, rules and limit on energy, at most
        :data:`~rocoin_opt.exact.answer.sets.MOST_DEVICES`; ``min_success`` is not looked at.
    objective : {'guaranteed', 'nominal', 'worst'}
        What to minimise.
    control : Control
        Limit, and the gap at which to stop; improvements are told.
    start : Plan, optional
        A valid plan.
    bound : float, optional
        A valid lower bound in seconds.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds; ``infeasible`` where no sets hold all filters.
    """
    limits = latency_range(instance.arrays)
    if limits is None:
        return Outcome(None, infeasible=True, reasons=(NO_PACKING,))
    packing = _Packing(instance, objective, control)
    if not packing.is_listed:
        return Outcome(start, bound, reasons=() if start else (STOPPED,))
    best, value = start, math.inf if start is None else value_of(instance, start, objective)
    low_value = max(limits[0], bound or 0.0)
    candidates = Candidates(instance.arrays, math.nextafter(low_value, -math.inf), min(value, limits[1]))
    low, high = 0, candidates.first_from(value) if value < math.inf else len(candidates)
    if best is None:
        # Whether there is a plan at all comes first.
        plan, refuted = packing.at(limits[1])
        if refuted:
            return Outcome(None, infeasible=True, reasons=(_why_none(instance, objective, control, limits[1]),))
        if plan is None:
            return Outcome(None, bound, reasons=(STOPPED,))
        best, value = plan, value_of(instance, plan, objective)
        high = candidates.first_from(value)
    while low < high and value - candidates[low] > control.gap * value and not control.exhausted:
        middle = (low + high) // 2
        plan, refuted = packing.at(candidates[middle])
        if refuted:
            low = candidates.behind(middle)
        elif plan is None or (found := value_of(instance, plan, objective)) >= value:
            break
        else:
            best, value = plan, found
            high = candidates.first_from(value)
        control.tell(value, min(value, candidates[low] if low < len(candidates) else value))
    proven = candidates[low] if low < high else value
    return Outcome(best, min(proven, value))


def _why_none(instance: Instance, objective: Objective, control: Control, threshold: float) -> str:
    """Whether it is the limit on energy that leaves no plan, or all limits and rules together."""
    most = instance.requirements.max_energy_joules
    if most is None:
        return NO_PACKING
    free = _Packing(instance.with_requirements(max_energy_joules=None), objective, control)
    return NO_PACKING if not free.is_listed or free.at(threshold)[0] is None else NO_ENERGY.format(most)


class _Packing:
    """Sets of devices that can be groups, and packings of them at thresholds."""

    def __init__(self, instance: Instance, objective: Objective, control: Control) -> None:
        self.instance, self.objective, self.control = instance, objective, control
        tables = set_tables(instance, control)
        self.is_listed = tables is not None
        if tables is not None:
            self.outage, self.keeps, fine = tables
            self.possible = self.keeps & fine

    def at(self, threshold: float) -> tuple[Plan | None, bool]:
        """A plan within a threshold in seconds, and whether it is proven that there is none."""
        # When success is counted does not matter here: as if there were no deadline.
        reach = Reach.within(self.instance.with_requirements(deadline_seconds=None), self.objective, threshold)
        wanted = self.instance.knowledge.num_filters
        students = range(len(self.instance.students)) if self.instance.limits_energy else [-1]
        listed = []
        for j in students:
            own = reach if j < 0 else reach.with_student(j)
            parts = np.where(self.possible, possible_parts(own, self.keeps, wanted), 0)
            kept = self._undominated(parts)
            listed.append((kept, parts[kept], np.full(len(kept), j)))
        masks, parts, student = (np.concatenate(column) for column in zip(*listed, strict=True))
        if len(masks) == 0:
            return None, True
        # By their first devices, the largest parts of each first: the order of the search.
        order = np.lexsort((-parts, masks & -masks))
        masks, parts = masks[order], parts[order]
        sets = ServingSets(masks, masks, self.outage[masks], parts, reach, 0.0, complete=True)
        energy = Energy.of(self.instance, masks, student[order])
        rows, sizes, finished = self._searched(masks, parts, energy)
        if not rows and not finished and self.instance.limits_energy:
            rows, sizes, finished = leanest_packing(self.instance, masks, parts, energy, self.control)
        elif not rows and not finished:
            rows, finished = self._solved(masks, parts)
        if not rows:
            return None, finished
        if self.instance.limits_energy:
            return plan_of_students(self.instance, sets, energy.student, rows, sizes), False
        plan = plan_of_sets(self.instance, sets, rows, by_outage=False)
        return (None if plan is None or structural_violations(self.instance, plan) else plan), False

    def _searched(self, masks: IntArray, parts: IntArray, energy: Energy) -> tuple[list[int], list[int], bool]:
        """Rows of a packing with sizes, by trying all of them within an effort; and whether there is none else."""
        instance, nothing = self.instance, np.zeros(len(masks), dtype=np.int64)
        rows = JointRows(masks, masks, np.zeros(len(masks)), nothing + 1, parts - 1, nothing, nothing, energy)
        requirements = instance.requirements
        asked = Asked(
            instance.knowledge.num_filters,
            (requirements.min_groups, instance.max_groups),
            instance.restrictions.used_bits,
        )
        # As if no set ever failed: the first packing that there is ends the search.
        nobody = np.zeros(len(instance.devices))
        found, sizes, _, finished = search_rows(rows, asked, None, nobody, math.inf, self.control, EFFORT)
        return list(found), list(sizes), finished

    def _solved(self, masks: IntArray, parts: IntArray) -> tuple[list[int], bool]:
        """Rows of a packing, by integer programming; and whether there is none."""
        wanted = float(self.instance.knowledge.num_filters)
        options: dict[str, int | float] = {"objective_target": wanted}
        solution, values = solve_linear(self._model(masks, parts), self.control, options=options)
        if values is None:
            return [], solution.status == "infeasible"
        return np.flatnonzero(values > 0.5).tolist(), False

    def _undominated(self, parts: IntArray) -> IntArray:
        """Sets that hold more than every possible set within them that leaves no device out that is to be used."""
        best, free = parts.copy(), [n for n in range(len(self.instance.devices)) if n not in self._used]
        masks = np.arange(len(parts))
        for n in free:
            halves = best.reshape(-1, 2, 1 << n)
            np.maximum(halves[:, 1], halves[:, 0], out=halves[:, 1])
        within = np.zeros_like(parts)
        for n in free:
            has = masks >> n & 1 == 1
            within[has] = np.maximum(within[has], best[masks[has] ^ (1 << n)])
        return np.flatnonzero(parts > within)

    @property
    def _used(self) -> frozenset[int]:
        return self.instance.restrictions.use

    def _model(self, masks: IntArray, parts: IntArray) -> LinearModel:
        """``max sum v x``: every device once at most, or exactly where it is to be used; enough groups and filters."""
        instance = self.instance
        count, sets = len(instance.devices), [members(mask) for mask in masks.tolist()]
        rows = np.array([row for devices in sets for row in (*devices, count, count + 1)])
        # Each set takes its devices, counts as one group and holds its part.
        entries = [([1.0] * (len(devices) + 1), size) for devices, size in zip(sets, parts.tolist(), strict=True)]
        values = np.array([value for ones, size in entries for value in (*ones, size)], dtype=np.float64)
        starts = np.cumsum([0, *(len(devices) + 2 for devices in sets)])
        least = [1.0 if n in self._used else -math.inf for n in range(count)]
        wanted = instance.knowledge.num_filters
        return LinearModel(
            sense=-1,
            offset=0.0,
            cost=parts.astype(np.float64),
            lower=np.zeros(len(masks)),
            upper=np.ones(len(masks)),
            # Sizes are whole: half a filter less asks for the same and leaves no room for tolerances.
            row_lower=np.array([*least, float(instance.requirements.min_groups), wanted - 0.5]),
            row_upper=np.array([*([1.0] * count), float(instance.max_groups), math.inf]),
            starts=starts,
            rows=rows,
            values=values,
            integral=np.ones(len(masks), dtype=np.int64),
        )
