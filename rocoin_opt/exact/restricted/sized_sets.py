"""Disjoint groups with parts of given sizes, for few devices under any rules, domains and limits on the whole plan.

For each size the sets that can take it stand in a table over all sets. A set stands there no longer where one within it
can do as much and no rule wants the devices that it saves. Where ``min_success`` is asked for, "as much" is to fail as
rarely; where energy is limited, each student has a table of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer import (
    MOST_DEVICES,
    MOST_STATES,
    Asked,
    Energy,
    JointRows,
    ServingSets,
    mask_of,
    members,
    plan_of_sets,
    plan_of_students,
    search_rows,
    set_tables,
)
from rocoin_opt.failure import allowed_failure, missed_success
from rocoin_opt.highs import LinearModel, solve_linear
from rocoin_opt.instance import ROUNDING, SOLVER_SAFETY, SharedFailures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import BoolArray, FloatArray, Instance, IntArray
    from rocoin_opt.plan import Plan

EFFORT = 20_000_000
"""Sets that one search looks at, times states and domains: some seconds, compiled."""
MOST_ROWS = 20_000
"""Sets up to which an integer program has its turn behind the search."""
NODES = 2_000
"""Branch-and-bound nodes of that program."""


class SizedSets:
    """Which sets of an instance's devices can take parts of given sizes; what does not depend on time is kept.

    Parameters
    ----------
    instance : Instance
        Constant latencies, any failure domains, rules and limits.
    control : Control
        Limit.
    is_sure : bool
        Whether failures count though nothing is asked of them.
    """

    def __init__(self, instance: Instance, control: Control, *, is_sure: bool = False) -> None:
        self.instance, self.control = instance, control
        self.shared = SharedFailures(instance)
        self.allowed = min(allowed_failure(instance), 1.0)
        # Which student a set runs decides who is in time, and where domains are shared no outage tells which is better.
        self.is_sure = is_sure or self.allowed < 1.0
        self.by_student = instance.limits_energy or (self.is_sure and len(self.shared.names) > 0)
        is_few = len(instance.devices) <= MOST_DEVICES and 1 << len(self.shared.names) <= MOST_STATES
        self.tables = set_tables(instance, control) if is_few else None

    @property
    def is_listed(self) -> bool:
        """Whether all sets are at hand."""
        return self.tables is not None

    def plan(self, reach: Reach, sizes: Sequence[int]) -> tuple[Plan | None, bool]:
        """A valid plan with parts of these sizes, and whether it is proven that there is none.

        Parameters
        ----------
        reach : Reach
            What the devices can do, and in what time.
        sizes : sequence of int
            Filters of each part, descending. Where they do not sum to M there is no plan, but perhaps a proof.
        """
        if self.tables is None or self.control.exhausted:
            return None, False
        counts = Counter(sizes)
        kinds, students = list(counts), range(reach.held.shape[1])
        if self.by_student:
            listed = [(i, j, *self.able(reach, size, [j])) for i, size in enumerate(kinds) for j in students]
        else:
            listed = [(i, -1, *self.able(reach, size, students)) for i, size in enumerate(kinds)]
        masks, counted, outage = (np.concatenate([part[column] for part in listed]) for column in (2, 3, 4))
        lengths = [len(part[2]) for part in listed]
        kind = np.repeat([part[0] for part in listed], lengths)
        student = np.repeat([part[1] for part in listed], lengths)
        # By their first devices, and those that fail least first: the order of the search.
        order = np.lexsort((outage, masks & -masks))
        masks, counted, outage, kind, student = (column[order] for column in (masks, counted, outage, kind, student))
        least = np.array(kinds, dtype=np.int64)[kind]
        if len(masks) == 0:
            return None, True
        rows, finished = self._packed(masks, counted, outage, kind, student, least, counts)
        if not rows:
            return None, finished
        if sum(sizes) != self.instance.knowledge.num_filters:
            return None, False
        sets = ServingSets(masks, counted, outage, least, reach, 0.0, complete=True)
        chosen = least[list(rows)].tolist()
        if self.by_student:
            plan = plan_of_students(self.instance, sets, student, rows, chosen)
        else:
            plan = plan_of_sets(self.instance, sets, rows, sorted(chosen, reverse=True), by_outage=False)
        is_missed = plan is not None and self.is_sure and missed_success(self.instance, plan) is not None
        return (None if is_missed else plan), False

    def able(self, reach: Reach, size: int, students: Sequence[int]) -> tuple[IntArray, IntArray, FloatArray]:
        """Sets that can take a part with one of some students: their devices, those in time, and their outage.

        Parameters
        ----------
        reach : Reach
            What the devices can do, and in what time.
        size : int
            Filters of the part.
        students : sequence of int
            The students.
        """
        assert self.tables is not None
        outage, keeps, fine = self.tables
        masks, possible = np.arange(len(keeps)), keeps & fine
        best, counted = np.full(len(keeps), np.inf), np.zeros(len(keeps), dtype=np.int64)

        def bits(table: IntArray, student: int) -> int:
            return mask_of(np.flatnonzero(table[:, student] >= size).tolist())

        for j in students:
            able: BoolArray = possible & (masks & ~bits(reach.held, j) == 0)
            if reach.covering is not None:
                able &= keeps[masks & bits(reach.covering, j)]
            if reach.leading is not None:
                able &= masks & bits(reach.leading, j) != 0
            timely = masks & bits(reach.counted, j)
            fails = outage[timely] if self.is_sure else np.ones(len(masks))
            better = able & (fails < best)
            best[better], counted[better] = fails[better], timely[better]
        kept = np.flatnonzero((best < self._best_within(best)) & (best <= self.allowed * (1.0 + 4.0 * ROUNDING)))
        return kept, counted[kept], best[kept]

    def _best_within(self, values: FloatArray) -> FloatArray:
        """Least value of the sets within each one, itself aside, that leave out no device that is to be used."""
        least, within = values.copy(), np.full(len(values), np.inf)
        masks = np.arange(len(values))
        for n in range(len(self.instance.devices)):
            if n in self.instance.restrictions.use:
                continue
            halves = least.reshape(-1, 2, 1 << n)
            np.minimum(halves[:, 1], halves[:, 0], out=halves[:, 1])
        for n in range(len(self.instance.devices)):
            if n not in self.instance.restrictions.use:
                has = masks >> n & 1 == 1
                within[has] = np.minimum(within[has], least[masks[has] ^ (1 << n)])
        return within

    def _packed(
        self,
        masks: IntArray,
        counted: IntArray,
        outage: FloatArray,
        kind: IntArray,
        student: IntArray,
        least: IntArray,
        counts: Counter[int],
    ) -> tuple[tuple[int, ...], bool]:
        """Rows of disjoint sets, as many of each kind as wanted, within all limits; and whether there are none.

        Parameters
        ----------
        masks, counted, outage, kind, student, least
            Sets, those in time and their outage; of which size each is, by number and in filters, and its student.
        counts : Counter of int
            How many parts of each size, in the order of the numbers.
        """
        instance, number = self.instance, sum(counts.values())
        energy, nothing = Energy.of(instance, masks, student), np.zeros(len(masks), dtype=np.int64)
        # All energy of a set with its part counts from the start: none of its filters is left to choice.
        spent = Energy(student, energy.first + energy.per_filter * (least - 1), np.zeros(len(masks)), energy.limit)
        rows = JointRows(masks, counted, outage, least, nothing, kind, nothing, spent)
        filters = sum(size * count for size, count in counts.items())
        must = instance.restrictions.used_bits
        asked = Asked(filters, (number, number), must, counts=tuple(counts.values()), is_any=True)
        is_sure = self.is_sure
        shared = self.shared if is_sure else None
        limit = max(self.allowed * (1.0 + 3.0 * ROUNDING), math.nextafter(0.0, 1.0)) if is_sure else math.inf
        found, _, _, finished = search_rows(rows, asked, shared, self.shared.failure, limit, self.control, EFFORT)
        if found or finished or is_sure or len(masks) > MOST_ROWS:
            return found, finished
        return self._solved(rows, list(counts.values()))

    def _solved(self, rows: JointRows, counts: list[int]) -> tuple[tuple[int, ...], bool]:
        """The same without ``min_success`` by an integer program."""
        count, used = len(self.instance.devices), self.instance.restrictions.use
        sets = [members(mask) for mask in rows.masks.tolist()]
        unit = rows.energy.limit if 0.0 < rows.energy.limit < math.inf else 1.0
        least = [1.0 if n in used else -math.inf for n in range(count)]
        wanted = [float(number) for number in counts]
        kinds = rows.kind.tolist()
        model = LinearModel(
            sense=1,
            offset=0.0,
            cost=rows.energy.fixed / unit,
            lower=np.zeros(len(sets)),
            upper=np.ones(len(sets)),
            row_lower=np.array([*least, *wanted]),
            row_upper=np.array([*([1.0] * count), *wanted]),
            starts=np.cumsum([0, *(len(own) + 1 for own in sets)]),
            rows=np.array([row for own, k in zip(sets, kinds, strict=True) for row in (*own, count + k)]),
            values=np.ones(sum(len(own) + 1 for own in sets)),
            integral=np.ones(len(sets), dtype=np.int64),
        )
        solution, values = solve_linear(model, self.control, options={"mip_max_nodes": NODES})
        if values is None:
            return (), solution.status == "infeasible"
        chosen = np.flatnonzero(values > 0.5)
        if rows.energy.fixed[chosen].sum() <= rows.energy.limit:
            return tuple(chosen.tolist()), False
        is_over = solution.bound is not None and solution.bound > rows.energy.limit / unit * (1.0 + SOLVER_SAFETY)
        return (), is_over
