"""The fewest device-seconds within a threshold, and then the most spare reliability.

Both are integer programs over minimal groups. Prices of the linear relaxation leave out nearly all of them first: a
group that costs more than what the best known plan exceeds the relaxation by is in no better plan, nor in one as good.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rocoin_opt.exact.lexicographic.set_packing import Cost, Demand, choose, price_choices
from rocoin_opt.grouping import (
    CHOICE,
    EXTENSION,
    Choices,
    chosen_before,
    free_choices,
    minimal_groups,
    sized_choices,
    stacked,
)
from rocoin_opt.heuristics import descend_work
from rocoin_opt.instance import ROUNDING, SOLVER
from rocoin_opt.plan import IndexedGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.control import Control
    from rocoin_opt.exact.lexicographic.set_packing import Optimum
    from rocoin_opt.grouping import ThresholdProblem
    from rocoin_opt.instance import IntArray

MAX_GROUPS = 100_000
"""Minimal groups up to which all of them are listed; beyond, those near to the known ones."""
NEAR_ROUNDS = 3
"""How often the neighbourhood is searched anew."""
MAX_NEAR = 50_000
"""Groups near to the known ones, the cheapest of which are listed."""
MAX_MODEL = 2_000
"""Choices that one integer program takes where all of them are listed."""
MAX_NEAR_MODEL = 500
"""Choices that one integer program takes where only some are listed, and no proof is in sight."""
TOLERANCE = SOLVER
"""Relative work by which prices may be wrong: a hundred times the tolerances of the linear program."""
LEAST_SPARE = 1e-8
"""Sum of shares by which a plan has to leave more spare; ten times the tolerance of the integer program."""


class Lighter(NamedTuple):
    """Groups of ever less work.

    ``steps`` are groups in the order in which they were found, each of which wants to be checked and compared;
    ``is_least`` tells whether no groups within the threshold have less work than the last ones.
    """

    steps: list[list[IndexedGroup]]
    is_least: bool


def least_work(
    problem: ThresholdProblem, served: Sequence[IndexedGroup], control: Control, *, free_sizes: bool
) -> Lighter:
    """Look for groups of less work within the threshold, and for ones of the same work that leave more spare.

    Where all minimal groups can be listed and the integer programs end by themselves, the last one found has the least
    work of all, up to the tolerances of the solver, and by these the most spare reliability.

    Parameters
    ----------
    problem : ThresholdProblem
        Instance, objective and threshold.
    served : sequence of IndexedGroup
        Groups of a valid plan whose value is within the threshold.
    control : Control
        Limit and seed.
    free_sizes : bool
        Whether part sizes may change; otherwise there are as many parts of each size as now.

    Returns
    -------
    Lighter
        What was found, and what is proven of it.
    """
    found = [descend_work(problem, served, control, free_sizes=free_sizes)]
    groups = minimal_groups(problem, MAX_GROUPS, control)
    if groups is not None:
        better = _steps(problem, found[-1], groups, control, free_sizes=free_sizes, complete=True)
        return Lighter(found + better.steps, better.is_least)
    for _ in range(NEAR_ROUNDS):
        if not control.has_time_for(EXTENSION * MAX_NEAR):
            break
        groups = _near(problem, found[-1])
        better = _steps(problem, found[-1], groups, control, free_sizes=free_sizes, complete=False)
        if not better.steps:
            break
        found += better.steps
    return Lighter(found, is_least=False)


def _steps(
    problem: ThresholdProblem,
    served: Sequence[IndexedGroup],
    groups: IntArray,
    control: Control,
    *,
    free_sizes: bool,
    complete: bool,
) -> Lighter:
    """What less work and then more spare lead to, where they lead anywhere."""
    instance, counts = problem.instance, Counter(group.size for group in served)
    kinds = len(problem.arrays.base[0]) if free_sizes else len(counts)
    if not control.has_time_for(CHOICE * len(groups) * kinds):
        return Lighter([], is_least=False)
    if free_sizes:
        total = float(instance.knowledge.num_filters)
        demand = Demand.of_filters(problem, (instance.requirements.min_groups, instance.max_groups), (total, total))
        own, other = chosen_before(problem, served, None), free_choices(problem, groups)
    else:
        demand = Demand.of_sizes(len(problem.weights), list(counts.values()))
        own, other = chosen_before(problem, served, list(counts)), sized_choices(problem, groups, list(counts))
    search = _Search(
        Choices.joined([own, other], demand.devices), demand, np.arange(len(own)), control, complete=complete
    )
    steps = [search.served() for step in (search.less_work, search.more_spare) if step()]
    return Lighter(steps, search.is_least)


class _Search:
    """The best groups so far, the prices, and which choices are left by them."""

    def __init__(self, choices: Choices, demand: Demand, start: IntArray, control: Control, *, complete: bool) -> None:
        self.complete = complete
        self.choices, self.demand, self.best, self.control = choices, demand, start, control
        work = self._work(start)
        # Costs near 1, whatever the seconds are: the tolerances of the solver are absolute.
        unit = work if work > 0.0 else 1.0
        self.cost = Cost(choices.work(choices.least) / unit, choices.slope / unit)
        self.unit, self.value = unit, work / unit
        self.priced = price_choices(choices, demand, self.cost, start, control)
        self.is_least = False

    def less_work(self) -> bool:
        """Choose groups of less work; whether there are any."""
        before = self.value
        # Where the relaxation meets the known work, that is proven least.
        if self.priced is None or before - self.priced.bound <= ROUNDING:
            self.is_least = self.priced is not None and self.complete
            return False
        rows = self._left(self.priced)
        if len(rows) > len(self.priced.rows):
            # A better plan first, which then leaves fewer choices.
            self._improve(np.union1d(self.priced.rows, self.best))
            rows = self._left(self.priced)
        # Of a list that was cut the best groups need not be the best of all.
        self.is_least = self._improve(rows) and self.complete and len(rows) < MAX_MODEL
        return self.value < before

    def more_spare(self) -> bool:
        """Choose groups of the same work that leave more spare; whether there are any.

        The least work of all groups with more spare is asked for: that is a program as tight as the one before, where a
        limit on the work would make a loose one. It is asked anew until the answer is more work.
        """
        found = False
        while self.priced is not None:
            rows = self._left(self.priced)
            choices = self.choices.taken(rows)
            limit = float(self.choices.share[self.best].sum()) - LEAST_SPARE
            chosen = choose(
                choices,
                self.demand,
                self._cost(rows),
                self.control,
                at_most=(choices.share, limit),
                useful=self.value,
            ).rows
            if chosen is None or self._work(rows[chosen]) / self.unit > self.value * (1.0 + ROUNDING):
                break
            self.best, found = rows[chosen], True
        return found

    def served(self) -> list[IndexedGroup]:
        """The best groups with their sizes."""
        choices = self.choices.taken(self.best)
        nobody = self.demand.devices
        return [
            IndexedGroup(tuple(sorted(n for n in members if n < nobody)), student, size)
            for members, student, size in zip(
                choices.members.tolist(), choices.student.tolist(), self.demand.sizes(choices), strict=True
            )
        ]

    def _work(self, rows: IntArray) -> float:
        chosen = self.choices.taken(rows)
        return float(chosen.work(np.array(self.demand.sizes(chosen))).sum())

    def _cost(self, rows: IntArray) -> Cost:
        return Cost(self.cost.fixed[rows], self.cost.further[rows])

    def _left(self, priced: Optimum) -> IntArray:
        """Ascending rows of the choices that a plan as good as the best one can have, and of its own.

        Where the choices are not all there are, nothing can be proved, and those that the prices came from are enough.
        """
        rows, limit = priced.rows, MAX_NEAR_MODEL
        if self.complete:
            rows, limit = np.flatnonzero(priced.excess <= self.value - priced.bound + TOLERANCE), MAX_MODEL
        # Beyond the limit the proof is given up, and the choices that cost least beyond the bound are the likeliest.
        rows = rows[np.argsort(priced.excess[rows], kind="stable")[:limit]]
        return np.union1d(rows, self.best)

    def _improve(self, rows: IntArray) -> bool:
        """Choose among some rows, the best ones so far among them; whether what is best then is the best of them."""
        start = np.searchsorted(rows, self.best)
        chosen, proven = choose(self.choices.taken(rows), self.demand, self._cost(rows), self.control, start=start)
        if chosen is None:
            return False
        value = self._work(rows[chosen]) / self.unit
        if value < self.value:
            self.best, self.value = rows[chosen], value
        return proven


def _near(problem: ThresholdProblem, served: Sequence[IndexedGroup]) -> IntArray:
    """Groups that differ from a given one in one device, the cheapest ones where there are too many."""
    nobody = len(problem.weights)
    room = MAX_NEAR // sum(len(group.members) for group in served)
    near = []
    for group in served:
        able = np.flatnonzero(problem.allowed.max(axis=1) > 0)
        costs = problem.costs.latency(able, group.student, group.size)
        able = able[np.argsort(costs, kind="stable")]
        able = able[~np.isin(able, group.members)]
        for n in group.members:
            others = np.array([m for m in group.members if m != n], dtype=np.int64)
            joining = able[problem.weights[others].sum() + problem.weights[able] >= problem.need][:room]
            near.append(np.column_stack([np.tile(others, (len(joining), 1)), joining]))
    return stacked(near, nobody)
