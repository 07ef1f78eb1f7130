"""Whether groups within a limit on all energy hold all filters: columns by their reduced costs, and an integer program.

With a price of energy every device costs something, so that few groups cost no more beyond their size than the
relaxation leaves. These are listed, each with its student and the largest part that it holds, and an integer program
chooses the ones of least energy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.sparse as sp

from rocoin_opt.grouping import DUAL_SAFETY, cheapest_covers, covers_within, steps_within
from rocoin_opt.highs import LinearModel, solve_linear
from rocoin_opt.instance import SOLVER_SAFETY
from rocoin_opt.plan import IndexedGroup, plan_of

if TYPE_CHECKING:
    from typing import Any, Literal, TypeAlias

    from rocoin_opt.control import Control
    from rocoin_opt.exact.restricted.energy_relaxation import EnergyProblem, EnergyRelaxation
    from rocoin_opt.instance import FloatArray, IntArray
    from rocoin_opt.plan import Members, Plan

    Status: TypeAlias = Literal["packed", "impossible", "unknown"]
    Ways: TypeAlias = dict[tuple[Members, int], None]

SHARES = (0.5, 0.25, 0.1, 0.03, 0.01)
"""Shares of what the relaxation leaves, within which groups are listed where there are too many of all."""
NODES = 5_000
"""Branch-and-bound nodes where groups are missing, so that nothing can be refuted."""


class Effort(NamedTuple):
    """What an integer packing may cost: columns, and branch-and-bound nodes."""

    columns: int
    nodes: int | None


def pack_within_energy(
    energy: EnergyProblem, relaxation: EnergyRelaxation, pool: Ways, control: Control, effort: Effort
) -> tuple[Status, Plan | None]:
    """Decide whether disjoint groups within the energy hold all filters at a threshold.

    Parameters
    ----------
    energy : EnergyProblem
        Groups at a threshold.
    relaxation : EnergyRelaxation
        Of the same problem; it admits all filters.
    pool : dict
        Groups with their students that are tried where there are too many to list.
    control : Control
        Limit and seed.
    effort : Effort
        What it may cost.

    Returns
    -------
    status, Plan or None
        ``impossible`` is proven. A plan wants to be checked: covers, and the energy, keep their limits up to rounding.
    """
    slack = relaxation.bound - energy.problem.wanted + DUAL_SAFETY
    listed = _ways_within(energy, relaxation, slack, effort.columns, control)
    if listed is not None:
        return _packed(energy, list(listed), control, effort.nodes)
    # Nothing can be refuted; a packing may be found among the groups that cost least.
    for share in SHARES:
        listed = _ways_within(energy, relaxation, share * slack, effort.columns, control)
        if listed is not None:
            break
    tried = dict.fromkeys([*pool, *(listed or ())])
    status, plan = _packed(energy, list(tried), control, effort.nodes or NODES)
    return ("unknown" if status == "impossible" else status), plan


def _ways_within(
    energy: EnergyProblem, relaxation: EnergyRelaxation, slack: float, limit: int, control: Control
) -> Ways | None:
    """All groups with their students that cost no more than a slack beyond their size, with some part.

    Parameters
    ----------
    energy, relaxation, control
        As for :func:`pack_within_energy`.
    slack : float
        In filters.
    limit : int
        Largest number, equal ones counted as often as they are met.

    Returns
    -------
    dict or None
        None where there are more, or the time was up.
    """
    found: Ways = {}
    left = limit
    for student, sizes in enumerate(energy.sizes):
        for size in sizes.tolist():
            if control.exhausted:
                return None
            serving = energy.serving(student, size)
            budget = size - relaxation.by_size.of_one(size) + slack
            if budget < 0.0 or len(serving.leaders) == 0:
                continue
            costs = relaxation.prices[serving.kinds] + relaxation.per_joule * serving.joules
            table = cheapest_covers(serving.units, costs, energy.resolution, compiled=energy.compiled)
            needs = 1.0 - serving.shares[serving.leaders]
            budgets = budget - costs[serving.leaders]
            worth = np.flatnonzero(budgets >= 0.0)
            if len(worth) == 0:
                continue
            levels = serving.before[worth], needs[worth], budgets[worth]
            steps = steps_within(control, compiled=energy.compiled)
            covers = covers_within(table, serving.shares, costs, *levels, left, compiled=energy.compiled, steps=steps)
            if covers is None:
                return None
            left -= len(covers.levels)
            last = serving.kinds[serving.leaders[worth[covers.levels]]]
            # The last place stands for nobody.
            rest = np.append(serving.kinds, -1)[covers.members]
            groups = np.sort(np.column_stack([rest, last]), axis=1)
            for row in np.unique(groups, axis=0).tolist():
                found[tuple(kind for kind in row if kind >= 0), student] = None
    return found


def _packed(
    energy: EnergyProblem, ways: list[tuple[Members, int]], control: Control, nodes: int | None
) -> tuple[Status, Plan | None]:
    """Choose the groups of least energy that hold all filters, and judge it by the limit.

    Parameters
    ----------
    energy, control
        As for :func:`pack_within_energy`.
    ways : list
        Groups by kinds, each with a student.
    nodes : int or None
        Largest number of branch-and-bound nodes; None for no limit.
    """
    problem = energy.problem
    groups = _Groups.of(energy, ways)
    if len(groups.held) == 0:
        return "impossible", None
    options: dict[str, int | float] = {"objective_target": energy.most / energy.unit}
    if nodes is not None:
        options["mip_max_nodes"] = nodes
    solution, values = solve_linear(_model(energy, groups), control.silent(), options=options)
    if values is None:
        return ("impossible" if solution.status == "infeasible" else "unknown"), None
    if solution.bound is not None and solution.bound > energy.most / energy.unit + SOLVER_SAFETY:
        return "impossible", None
    count = len(groups.held)
    times, further = (np.rint(part).astype(np.int64) for part in (values[:count], values[count:]))
    chosen = np.repeat(np.arange(count), times).tolist()
    members = problem.kinds.expanded([groups.members[c] for c in chosen])
    served = []
    for c, devices in zip(chosen, members, strict=True):
        more = min(int(groups.held[c]) - 1, int(further[c]))
        further[c] -= more
        served.append(IndexedGroup(devices, int(groups.student[c]), 1 + more))
    return "packed", plan_of(problem.instance, served)


class _Groups(NamedTuple):
    """Groups by kinds, each with its student, what it can hold, and its joules without and per filter."""

    members: list[Members]
    student: IntArray
    held: IntArray
    fixed: FloatArray
    per_filter: FloatArray

    @classmethod
    def of(cls, energy: EnergyProblem, ways: list[tuple[Members, int]]) -> _Groups:
        """Take those that can serve, without a student that another one of the same group makes needless.

        Parameters
        ----------
        energy : EnergyProblem
            Owner of parts and energies.
        ways : list
            Groups by kinds, each with a student.
        """
        problem = energy.problem
        if not ways:
            return cls([], np.empty(0, int), np.empty(0, int), np.empty(0), np.empty(0))
        members, student = [group for group, _ in ways], np.array([student for _, student in ways])
        padded = problem.padded(members)
        held = problem.by_student(padded)[np.arange(len(ways)), student]
        table: Any = np.concatenate([problem.arrays.energy, np.zeros((1, *problem.arrays.energy.shape[1:]))])
        fixed, per_filter = table[padded, student[:, None]].sum(axis=1).T
        by_group: dict[Members, list[int]] = {}
        # Whoever holds more, and takes less for it, stands first.
        order = np.lexsort((student, fixed + per_filter * held, -held))
        for row in order[held[order] > 0].tolist():
            kept = by_group.setdefault(members[row], [])
            ends = np.array([1, held[row]])
            beaten = (
                (fixed[other] + per_filter[other] * ends <= fixed[row] + per_filter[row] * ends).all() for other in kept
            )
            if not any(beaten):
                kept.append(row)
        rows = np.array([row for kept in by_group.values() for row in kept], dtype=np.int64)
        return cls([members[row] for row in rows.tolist()], student[rows], held[rows], fixed[rows], per_filter[rows])


def _model(energy: EnergyProblem, groups: _Groups) -> LinearModel:
    """``min sum A x + B y``: x times a group with one filter each, ``y <= (v - 1) x`` further filters of these."""
    problem, count, held = energy.problem, len(groups.held), groups.held
    instance, levels, kinds = problem.instance, problem.levels, len(problem.counts)
    vectors = np.zeros((count, kinds))
    for row, group in zip(vectors, groups.members, strict=True):
        np.add.at(row, list(group), 1.0)
    # How many disjoint groups can hold so much, whatever they do hold.
    of_levels = held[:, None] >= levels.sizes
    taken: Any = sp.csc_array(np.column_stack([vectors, of_levels, np.ones(count)]).T.astype(np.float64))
    rows = taken.shape[0] - 1
    further: Any = sp.csc_array((np.ones(count), (np.full(count, rows), np.arange(count))), taken.shape)
    links: Any = sp.diags_array(-(held - 1.0), format="csc")
    matrix: Any = sp.block_array([[taken, further], [links, sp.eye_array(count)]], format="csc")
    with np.errstate(divide="ignore", invalid="ignore"):
        copies = np.where(vectors > 0, problem.counts // np.maximum(vectors, 1), math.inf).min(axis=1)
    copies = np.minimum(copies, instance.max_groups)
    least = np.full(len(levels.sizes), -math.inf)
    least[0] = instance.requirements.min_groups
    filters = float(problem.wanted)
    return LinearModel(
        sense=1,
        offset=0.0,
        cost=np.concatenate([groups.fixed + groups.per_filter, groups.per_filter]) / energy.unit,
        lower=np.zeros(2 * count),
        upper=np.concatenate([copies, (held - 1.0) * copies]),
        row_lower=np.concatenate([np.full(kinds, -math.inf), least, [filters], np.full(count, -math.inf)]),
        row_upper=np.concatenate([problem.counts, levels.limits, [filters], np.zeros(count)]).astype(np.float64),
        starts=matrix.indptr,
        rows=matrix.indices,
        values=matrix.data,
        integral=np.ones(2 * count, dtype=np.int64),
    )
