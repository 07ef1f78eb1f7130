"""The least quantile of few devices; under ``min_success`` by plans that are likely enough by each of two times.

Under ``min_success`` a quantile asks for that: so much success by its own time, so much by the deadline. A set has an
outage by each of the times, and stands with every part from which on more of its devices are in time for one of them.
Without domains prices of either cost prove that there is no packing, and the dearer one leads the search; with them the
failure by both times is carried along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.exact.answer import (
    MOST_ROWS,
    MOST_STATES,
    Asked,
    Costs,
    Energy,
    JointRows,
    ServingSets,
    Wanted,
    cheapest_packing,
    earliest,
    in_proportion,
    lightest_outage,
    mask_of,
    packed_at,
    plan_of_students,
    relax_packing,
    search_rows,
    set_tables,
)
from rocoin_opt.failure import allowed_failure, missed_success, value_of
from rocoin_opt.grouping import Reach, latency_range
from rocoin_opt.instance import ROUNDING, SharedFailures, complement, stretched
from rocoin_opt.plan import SMALLEST_OUTAGE, Outcome

if TYPE_CHECKING:
    from rocoin_opt.control import Control
    from rocoin_opt.instance import Instance, IntArray
    from rocoin_opt.plan import Plan

MIXTURES = ((1.0, 0.0), (0.0, 1.0), (0.5, 0.5))
"""Weights of the costs by the two times, each in units of what is allowed, whose relaxations may refute."""
OUT_OF_REACH = "success_level: no plan answers with a probability of {:g}, however long one waits"
NOT_SURELY = ", and keeps min_success by the deadline"


def exact_quantile(
    instance: Instance, control: Control, start: Plan, *, bound: float | None = None, effort: float = math.inf
) -> Outcome:
    """Find a plan with the least quantile of the answer time, and prove it.

    Parameters
    ----------
    instance : Instance
        Constant latencies, any failure domains and rules, a success level, at most
        :data:`~rocoin_opt.exact.answer.sets.MOST_DEVICES`.
    control : Control
        Limit, and the gap at which to stop; improvements are told.
    start : Plan
        A valid plan. Where it keeps ``min_success``, so does the one that is returned.
    bound : float, optional
        A valid lower bound in seconds.
    effort : float
        Sets that one search for a packing looks at, at most, for an end without a clock.

    Returns
    -------
    Outcome
        The plan and a valid lower bound in seconds; ``infeasible`` where no plan reaches the level.
    """
    level, limits = instance.requirements.success_level, latency_range(instance.arrays)
    if level is None or limits is None:
        raise ValueError("a quantile needs a success level, and devices that can hold a student")
    best, value, bound = start, value_of(instance, start, "quantile"), max(limits[0], bound or 0.0)
    failure, allowed = min(stretched(complement(level)), 1.0), min(allowed_failure(instance), 1.0)
    is_sure = allowed < 1.0 and missed_success(instance, start) is None
    deadline = instance.requirements.deadline_seconds
    last = math.inf if deadline is None else stretched(deadline)

    def at(seconds: float) -> tuple[Plan | None, bool]:
        early, late = Reach.by(instance, seconds), Reach.by(instance, last)
        if not is_sure or (seconds <= last and failure <= allowed):
            return packed_at(instance, early, failure, control, effort)
        if seconds >= last and allowed <= failure:
            return packed_at(instance, late, allowed, control, effort)
        # What is best by the one time need not be best by the other.
        return packed_twice(instance, (early, late), (failure, allowed), control, effort)

    if math.isinf(value):
        plan, refuted = at(math.inf)
        if refuted:
            return Outcome(None, infeasible=True, reasons=((OUT_OF_REACH + NOT_SURELY * is_sure).format(level),))
        if plan is None:
            return Outcome(best, bound)
        if is_sure and missed_success(instance, plan) is not None:
            return Outcome(best, bound)
        best, value = plan, value_of(instance, plan, "quantile")
    return earliest(instance, "quantile", at, control, Outcome(best, bound))


def packed_twice(
    instance: Instance, reaches: tuple[Reach, Reach], failures: tuple[float, float], control: Control, effort: float
) -> tuple[Plan | None, bool]:
    """Find a plan that fails rarely enough by two times, and tell whether it is proven that there is none.

    Parameters
    ----------
    instance : Instance
        Constant latencies, any failure domains, rules and limits, at most
        :data:`~rocoin_opt.exact.answer.sets.MOST_DEVICES`.
    reaches : pair of Reach
        What devices can do, each with another time that answers count by, the one earlier than the other.
    failures : pair of float
        Failure probability that is allowed by each time; the whole answer has to be possible by the first.
    control : Control
        Limit.
    effort : float
        Sets to look at for an end without a clock.
    """
    shared = SharedFailures(instance)
    if 1 << len(shared.names) > MOST_STATES or control.exhausted:
        return None, False
    rows = _Rows.of(instance, reaches, failures, control)
    if rows is None:
        return None, False
    if len(rows.student) == 0:
        return None, True
    if shared.names or instance.limits_energy:
        chosen, sizes, finished = _joined(instance, shared, rows, control, effort)
    else:
        chosen, finished = _priced(instance, rows, control, effort)
        largest = rows.sets[0].largest[list(chosen)]
        sizes = tuple(in_proportion(largest, instance.knowledge.num_filters).tolist()) if chosen else ()
    if not chosen:
        return None, finished
    return plan_of_students(instance, rows.sets[0], rows.student, chosen, sizes), False


@dataclass(frozen=True, eq=False)
class _Rows:
    """Listed sets as they are by each of two times, with a student each, and the failure allowed by each time."""

    sets: tuple[ServingSets, ServingSets]
    student: IntArray
    failures: tuple[float, float]

    @classmethod
    def of(
        cls, instance: Instance, reaches: tuple[Reach, Reach], failures: tuple[float, float], control: Control
    ) -> _Rows | None:
        """List them; None where there are too many, or the time is up."""
        tables = set_tables(instance, control)
        if tables is None:
            return None
        outage, keeps, fine = tables
        possible = keeps & fine
        worst = [min(failure, 1.0) * (1.0 + 4.0 * ROUNDING) for failure in failures]
        found: list[tuple[IntArray, IntArray, IntArray, IntArray, IntArray]] = []
        count, seen = 0, np.zeros((2, len(keeps)), dtype=np.int64)
        for size, j in _steps(instance, reaches):
            if control.exhausted or count > MOST_ROWS:
                return None
            if j < 0:
                # Energy tells students apart: what one can do replaces nothing of another one.
                seen[:] = 0
                continue
            held = mask_of(np.flatnonzero(reaches[0].held[:, j] >= size).tolist())
            timely = [mask_of(np.flatnonzero(reach.counted[:, j] >= size).tolist()) for reach in reaches]
            masks = np.flatnonzero(possible)
            masks = masks[(masks & ~held == 0) & (masks & timely[0] != 0)]
            for bits, most in zip(timely, worst, strict=True):
                masks = masks[outage[masks & bits] <= most]
            for n in range(len(instance.devices)):
                # Late for both times, and needed by no limit and no rule.
                if not (timely[0] | timely[1]) >> n & 1 and n not in instance.restrictions.use:
                    masks = masks[(masks >> n & 1 == 0) | ~possible[masks & ~(1 << n)]]
            # With a smaller part a set is of use where others of its devices are in time.
            masks = masks[(masks & timely[0] & ~seen[0, masks] != 0) | (masks & timely[1] & ~seen[1, masks] != 0)]
            seen[0, masks], seen[1, masks] = masks & timely[0], masks & timely[1]
            student, part = np.full(len(masks), j), np.full(len(masks), size)
            found.append((masks, masks & timely[0], masks & timely[1], part, student))
            count += len(masks)
        empty = np.zeros(0, dtype=np.int64)
        masks, first, second, largest, student = (
            (np.concatenate([empty, *column]) for column in zip(*found, strict=True)) if found else (empty,) * 5
        )
        # By their first devices, and those that fail least first: the order of the search that carries failures along.
        order = np.lexsort((outage[first], masks & -masks))
        masks, largest = masks[order], largest[order]
        sets = (
            ServingSets(masks, counted, outage[counted], largest, reach, _weight(instance, reach), complete=True)
            for counted, reach in zip((first[order], second[order]), reaches, strict=True)
        )
        return cls((next(sets), next(sets)), student[order], failures)


def _steps(instance: Instance, reaches: tuple[Reach, Reach]) -> list[tuple[int, int]]:
    """Parts at which what a set can do changes, and students, from the largest on; a student of -1 between students."""
    wanted, students = instance.knowledge.num_filters, range(len(instance.students))
    steps = {
        (min(size, wanted), j)
        for reach in reaches
        for table in (reach.held, reach.counted)
        for j in students
        for size in table[:, j].tolist()
        if size > 0
    }
    if not instance.limits_energy:
        return sorted(steps, reverse=True)
    return [
        step for own in students for step in ((0, -1), *sorted(((s, j) for s, j in steps if j == own), reverse=True))
    ]


def _weight(instance: Instance, reach: Reach) -> float:
    """``-ln`` of the outage of all devices in time with some part, or more."""
    timely = reach.counted.max(axis=1) > 0
    weights = -np.log(np.maximum(lightest_outage(instance)[timely], SMALLEST_OUTAGE))
    return float(weights.sum()) * (1.0 + ROUNDING)


def _joined(
    instance: Instance, shared: SharedFailures, rows: _Rows, control: Control, effort: float
) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    """Rows of a packing with their sizes, the failure by both times carried along; and whether there is none else.

    Parameters
    ----------
    instance, shared, control, effort
        What was given.
    rows : _Rows
        The sets.
    """
    sets, later = rows.sets
    nothing = np.zeros(len(sets), dtype=np.int64)
    energy = Energy.of(instance, sets.masks, rows.student)
    listed = JointRows(
        sets.masks, sets.counted, sets.outage, nothing + 1, sets.largest - 1, nothing, nothing, energy, later.counted
    )
    limits = [failure * (1.0 + 3.0 * ROUNDING) if failure < 1.0 else math.inf for failure in rows.failures]
    asked = Asked(
        instance.knowledge.num_filters,
        (instance.requirements.min_groups, instance.max_groups),
        instance.restrictions.used_bits,
        failure=limits[1],
        is_any=True,
    )
    fails = np.stack([np.where(own.reach.counted.max(axis=1) > 0, shared.failure, 1.0) for own in rows.sets])
    limit = max(limits[0], math.nextafter(0.0, 1.0))
    chosen, sizes, _, finished = search_rows(listed, asked, shared, fails, limit, control, effort)
    return chosen, sizes, finished


def _priced(instance: Instance, rows: _Rows, control: Control, effort: float) -> tuple[tuple[int, ...], bool]:
    """Rows of a packing of independent groups, by the prices of the dearer cost; and whether there is none.

    Parameters
    ----------
    instance, control, effort
        What was given.
    rows : _Rows
        The sets.
    """
    wanted = Wanted(instance.knowledge.num_filters, instance.requirements.min_groups, instance.max_groups)
    units, dues = [], []
    for sets, failure in zip(rows.sets, rows.failures, strict=True):
        # Where any answer will do, no cost is too high.
        units.append(max(-math.log1p(-failure), SMALLEST_OUTAGE) if failure < 1.0 else math.inf)
        with np.errstate(divide="ignore"):
            dues.append(-np.log1p(-sets.outage))
    kept = np.flatnonzero(np.isfinite(dues[0]) & np.isfinite(dues[1]))
    if len(kept) == 0:
        return (), True
    costs = [due[kept] / unit for due, unit in zip(dues, units, strict=True)]
    limit, best = 1.0 + 3.0 * ROUNDING, []
    for weights in MIXTURES:
        mixed = sum(weight * cost for weight, cost in zip(weights, costs, strict=True))
        own = Costs(np.asarray(mixed, dtype=np.float64), np.zeros(len(kept)))
        reduced = relax_packing(rows.sets[0].taken(kept), own, wanted, len(instance.devices), control)
        if reduced.bound(wanted.most) >= limit:
            return (), True
        best.append(reduced)
    leading = 0 if best[0].bound(wanted.most) >= best[1].bound(wanted.most) else 1
    packed = cheapest_packing(
        rows.sets[leading].taken(kept),
        Costs(costs[leading], np.zeros(len(kept))),
        best[leading],
        wanted,
        limit if math.isfinite(units[leading]) else math.inf,
        control,
        unit=units[leading] if math.isfinite(units[leading]) else 1.0,
        most=effort,
        most_failure=units[1 - leading] * (1.0 + 4.0 * ROUNDING),
        dues=dues[1 - leading][kept],
        must=instance.restrictions.used_bits,
    )
    return tuple(kept[list(packed.rows)].tolist()), packed.finished
