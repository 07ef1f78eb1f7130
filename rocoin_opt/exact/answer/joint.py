"""Packings of listed sets that fail least as a whole, where failure domains tie the groups together.

Given the state of every domain the groups are independent, so a packing's failure probability is a mean over the
states. The search takes the sets in the order of their first devices and carries the failure in each state along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rocoin_opt.exact.answer.joint_search import joint_start, search_jointly
from rocoin_opt.exact.answer.packing import compiled_by_numba
from rocoin_opt.exact.answer.plans import Energy, plan_of_sets, plan_of_students, serving_sets_by_student
from rocoin_opt.instance import ROUNDING, SharedFailures

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.grouping import Reach
    from rocoin_opt.instance import FloatArray, Instance, IntArray
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
        filters, of_share = instance.knowledge.num_filters, most_failure is not None
        failure = np.where(sets.reach.counted.max(axis=1) > 0, self.shared.failure, 1.0)
        asked = Asked(
            filters,
            (instance.requirements.min_groups, instance.max_groups),
            instance.restrictions.used_bits,
            failure=math.inf if most_failure is None else most_failure,
            of_share=of_share,
        )
        nothing = np.zeros(len(sets), dtype=np.int64)
        rows = JointRows(
            sets.masks, sets.counted, sets.outage, nothing + 1, sets.largest - 1, nothing, nothing, self.energy
        )
        best = limit * filters if of_share else limit
        found, self.sizes, least, ended = search_rows(
            rows, asked, self.shared, failure, best, self.control, self.effort
        )
        return found, least / (filters if of_share else 1), ended and sets.complete

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


@dataclass(frozen=True, eq=False)
class JointRows:
    """Sets of devices as the search takes them, C of them, by their first devices.

    Attributes
    ----------
    masks, counted : IntArray
        The devices as bits, and those in time. Bits of ``masks`` beyond the devices are what sets cannot share either.
    outage : FloatArray
        Probability that nobody in time answers.
    least, spare : IntArray
        Fewest filters, and how many more.
    kind, loads : IntArray
        Of which kind each set is, and how many of its devices must be sent a student.
    energy : Energy
        Joules, with the least filters and for each further one.
    later : IntArray, optional
        The devices in time for a second time, as bits.
    """

    masks: IntArray
    counted: IntArray
    outage: FloatArray
    least: IntArray
    spare: IntArray
    kind: IntArray
    loads: IntArray
    energy: Energy
    later: IntArray | None = None


@dataclass(frozen=True)
class Asked:
    """What a packing has to keep.

    Attributes
    ----------
    filters : int
        How many its sets hold together.
    groups : pair of int
        Fewest and most sets.
    must : int
        Devices that are in some set, as bits.
    counts : tuple of int
        How many sets of each kind, at most; empty where kinds do not matter.
    loads, failure : int or float
        How many loads and which failure probability it may have, by the second time where there are two.
    of_share : bool
        Whether its cost is the missing share, times M, and not the failure probability.
    is_any : bool
        Whether any packing below the limit will do, and not the cheapest alone.
    """

    filters: int
    groups: tuple[int, int]
    must: int
    counts: tuple[int, ...] = ()
    loads: int = np.iinfo(np.int64).max
    failure: float = math.inf
    of_share: bool = False
    is_any: bool = False


def search_rows(
    rows: JointRows,
    asked: Asked,
    shared: SharedFailures | None,
    failure: FloatArray,
    limit: float,
    control: Control,
    effort: float,
) -> tuple[tuple[int, ...], tuple[int, ...], float, bool]:
    """Find the cheapest packing below a limit: its rows, their sizes, a bound on all costs, and if all were tried.

    Parameters
    ----------
    rows : JointRows
        Sets to choose from, at least one.
    asked : Asked
        What is asked of them together.
    shared : SharedFailures or None
        Which failures tie groups together; None where no set ever fails, so that the first packing ends the search.
    failure : FloatArray, N or 2 x N
        Crash probability of each device while its domain is up; 1 of those that are never in time. With two times one
        row for each.
    limit : float
        What the packing has to be below.
    control : Control
        Limit.
    effort : float
        Sets to look at, times states and domains, for an end without a clock.
    """
    failure = np.atleast_2d(failure)
    times, count, most, filters = *failure.shape, asked.groups[1], asked.filters
    if shared is None:
        alone, inside = np.zeros((1, len(rows.masks))), np.zeros((1, len(rows.masks), 0))
        down, chance, domain = np.zeros((1, 0), dtype=bool), np.ones(1), np.full(count, -1)
    else:
        in_time = [rows.counted] if rows.later is None else [rows.counted, rows.later]
        outages = [_outages(counted, own, shared) for counted, own in zip(in_time, failure, strict=True)]
        alone, inside = (np.stack(tables) for tables in zip(*outages, strict=True))
        down, chance, domain = shared.down, shared.chance, shared.domain
    width = times * len(chance) * max(down.shape[1], 1)
    first = np.searchsorted(rows.masks & -rows.masks, [1 << n for n in range(count + 1)])
    energy = rows.energy
    run: Any = compiled_by_numba(search_jointly, len(rows.masks) >= MIN_COMPILED_SETS, control)
    slower = SLOWER if run is search_jointly else 1
    per_call = max(EFFORT_A_CALL // (width * slower), 100)
    stack, depth, best, seen = joint_start(most, times, len(chance)), 0, limit, 0
    sets = rows.masks, first, rows.least, rows.spare, rows.kind, rows.loads
    fails = alone, inside, down, chance, failure, domain, rows.outage
    counts = np.array(asked.counts, dtype=np.int64)
    limits = energy.first, energy.per_filter, energy.limit, counts, asked.loads, asked.failure, asked.of_share
    while depth >= 0 and not control.exhausted and seen * width <= effort:
        depth, best, looked = run(
            *sets, *fails, *limits, asked.must, filters, asked.groups[0], most, stack, depth, best, per_call
        )
        # Without Numba the same effort would take hours.
        seen += looked * slower
        if asked.is_any and stack.found[0] >= 0:
            break
    found = tuple(stack.found[stack.found >= 0].tolist())
    sizes = tuple(stack.sizes[: len(found)].tolist())
    return found, sizes, min(float(best), float(stack.open[0])), depth < 0


def _outages(counted: IntArray, failure: FloatArray, shared: SharedFailures) -> tuple[FloatArray, FloatArray]:
    """Outage of each set's devices in time outside of the domains, C, and within each of them, C x D."""
    alone, inside = np.ones(len(counted)), np.ones((len(counted), len(shared.names)))
    for n, d in enumerate(shared.domain.tolist()):
        factor = np.where(counted >> n & 1 == 1, failure[n], 1.0)
        if d < 0:
            alone *= factor
        else:
            inside[:, d] *= factor
    return alone, inside
