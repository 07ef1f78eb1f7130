"""Packings of listed sets that fail least as a whole, where failure domains tie the groups together.

Given the state of every domain the groups are independent, so a packing's failure probability is a mean over the
states. The search takes the sets in the order of their first devices and carries the failure in each state along.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.exact.answer.energy import Energy, plan_of_students, serving_sets_by_student
from rocoin_opt.exact.answer.joint_search import joint_start, search_jointly
from rocoin_opt.exact.answer.packing import compiled_by_numba
from rocoin_opt.exact.answer.plans import plan_of_sets
from rocoin_opt.instance import ROUNDING, SharedFailures

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Plan

MOST_STATES = 256
"""States of the domains up to which packings are searched: eight domains of several devices."""
EFFORT_A_CALL = 2_000_000
"""Sets to look at, compiled, between two looks at the clock, times states and domains: some tenths of a second."""
SLOWER = 200
"""Factor by which the search takes longer where it is not compiled."""
MIN_COMPILED_SETS = 200
"""Sets from which on a compiled search saves more than the seconds that it takes to compile, at first, or to load."""


class JointPacking:
    """The packing problem of the whole answer at one time, under failure domains.

    Parameters
    ----------
    instance : Instance
        Constant latencies, any failure domains and rules, at most
        :data:`~rocoin_opt.exact.answer.sets.MOST_DEVICES`.
    reach : Reach
        What devices can do, and in what time.
    value : float
        Outage of a set above which it is of no interest.
    control : Control
        Limit.
    effort : float
        Sets to look at, times states and domains, for an end without a clock.
    """

    def __init__(
        self, instance: Instance, reach: Reach, value: float, control: Control, effort: float = math.inf
    ) -> None:
        self.instance, self.control, self.effort = instance, control, effort
        self.shared = SharedFailures(instance)
        self.is_possible = 1 << len(self.shared.names) <= MOST_STATES
        if not self.is_possible:
            return
        sets, student = serving_sets_by_student(instance, reach, control, min(value, 1.0) * (1.0 + ROUNDING))
        lowest = sets.masks & -sets.masks
        # Those that fail least first among the sets of one first device.
        order = np.lexsort((sets.outage, lowest))
        self.sets = sets.taken(order)
        self.energy = Energy.of(instance, self.sets.masks, student[order])

    def search(self, limit: float, *, most_failure: float | None = None) -> tuple[tuple[int, ...], float, bool]:
        """The packing of least failure below a limit, a bound on that of all, and whether the search has ended.

        The bound is the failure of the packing, or the limit without one; less than that where too many ways to share
        out the filters within an energy were left. Rounding may decide between packings that are equal to 15 digits.

        Parameters
        ----------
        limit : float
            What the packing has to be below.
        most_failure : float, optional
            Failure probability that is allowed: the least missing share under it is looked for, not the least failure.
        """
        if not self.is_possible or len(self.sets) == 0:
            return (), limit, self.is_possible and self.sets.complete
        instance, sets = self.instance, self.sets
        shared, count = self.shared, len(instance.devices)
        width = len(shared.chance) * max(len(shared.names), 1)
        failure = np.where(sets.reach.counted.max(axis=1) > 0, shared.failure, 1.0)
        alone, inside = self._outages(failure)
        lowest = np.array([mask & -mask for mask in sets.masks.tolist()])
        first = np.searchsorted(lowest, [1 << n for n in range(count + 1)])
        most, filters = instance.max_groups, instance.knowledge.num_filters
        of_share = most_failure is not None
        purse = math.inf if most_failure is None else most_failure
        tables = sets.masks, first, sets.largest - 1, alone, inside, shared.down, shared.chance, failure, shared.domain
        run: Any = compiled_by_numba(search_jointly, len(sets) >= MIN_COMPILED_SETS, self.control)
        per_call = EFFORT_A_CALL // width if run is not search_jointly else EFFORT_A_CALL // (width * SLOWER)
        stack, depth, best, seen = joint_start(most, len(shared.chance)), 0, limit, 0
        best *= filters if of_share else 1
        while depth >= 0 and not self.control.exhausted and seen * width <= self.effort:
            depth, best, looked = run(
                *tables,
                sets.outage,
                self.energy.first,
                self.energy.per_filter,
                self.energy.limit,
                purse,
                of_share,
                instance.restrictions.used_bits,
                filters,
                instance.requirements.min_groups,
                most,
                stack,
                depth,
                best,
                max(per_call, 100),
            )
            # Without Numba the same effort would take hours.
            seen += looked * (1 if run is not search_jointly else SLOWER)
        rows = tuple(stack.found[stack.found >= 0].tolist())
        self.sizes = tuple(stack.sizes[: len(rows)].tolist())
        least = min(float(best), float(stack.open[0]))
        return rows, least / (filters if of_share else 1), depth < 0 and sets.complete

    def answer(self, value: float) -> tuple[Plan | None, bool]:
        """A plan of a failure probability or less, and whether it is proven that there is none."""
        limit = value * (1.0 + 3.0 * ROUNDING) if value < 1.0 else math.inf
        rows, _, finished = self.search(limit)
        return (self.plan(rows), False) if rows else (None, finished)

    def plan(self, rows: tuple[int, ...], *, of_share: bool = False) -> Plan | None:
        """A valid plan of a packing, the missing share made small if asked; None where rounding decides against it."""
        if self.instance.limits_energy:
            return plan_of_students(self.instance, self.sets, self.energy.student, rows, self.sizes)
        return plan_of_sets(self.instance, self.sets, rows, by_outage=of_share)

    def _outages(self, failure: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Outage of each set's devices in time outside of the domains, C, and within each of them, C x D."""
        alone, inside = np.ones(len(self.sets)), np.ones((len(self.sets), len(self.shared.names)))
        for n, d in enumerate(self.shared.domain.tolist()):
            factor = np.where(self.sets.counted >> n & 1 == 1, failure[n], 1.0)
            if d < 0:
                alone *= factor
            else:
                inside[:, d] *= factor
        return alone, inside
