"""Performance profiles: how often each method is how close to the best.

References
----------
.. [1] E. D. Dolan, J. J. Moré. Benchmarking optimization software with performance profiles. Mathematical Programming
   91(2), 2002.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from rocoin_opt.instance import FloatArray
    from rocoin_opt.report.run_items import RunItems

Measure: TypeAlias = Literal["value", "seconds"]

GOOD = 0.01
"""Excess over the best value of the run up to which a search counts as successful when times are compared."""
CLOCK = 0.01
"""Seconds below which times count as equal: what starting up takes would decide."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The profile of one method: a step function that starts at 0.

    Attributes
    ----------
    ratios : FloatArray
        Where it rises: ratios to the best, ascending, at least 1.
    shares : FloatArray
        Share of all problems that the method solves within each ratio.
    """

    ratios: FloatArray
    shares: FloatArray

    def share(self, ratio: float) -> float:
        """Share of the problems solved within a ratio to the best."""
        place = int(np.searchsorted(self.ratios, ratio, side="right"))
        return float(self.shares[place - 1]) if place else 0.0


@dataclass(frozen=True, eq=False)
class PerformanceProfile:
    """The profiles of all methods for one objective.

    Attributes
    ----------
    objective : str
        Which objective.
    measure : str
        ``value``: objective values are compared. ``seconds``: search times are, of the searches whose value is
        within 1 % of the best of the run; times below 10 ms count as 10 ms.
    questions : int
        Number of problems: instance and seed. Those proven infeasible have no best and are left out.
    curves : dict of str to Curve
        By method. A method without a plan, or without an item, does not solve a problem.
    """

    objective: str
    measure: Measure
    questions: int
    curves: dict[str, Curve]


def performance_profiles(run: RunItems) -> tuple[PerformanceProfile, ...]:
    """Profiles by value and by time, for each objective of a run."""
    found = []
    infeasible = np.isin(run.problem, run.problem[run.infeasible])
    with np.errstate(invalid="ignore"):
        good = run.excess <= GOOD
    measures: tuple[tuple[Measure, FloatArray], ...] = (
        ("value", run.value),
        ("seconds", np.where(good, np.maximum(run.seconds, CLOCK), np.nan)),
    )
    for o, objective in enumerate(run.objectives):
        chosen = (run.objective == o) & ~infeasible
        questions, place = np.unique(run.question[chosen], return_inverse=True)
        methods = np.unique(run.method[run.objective == o])
        for measure, costs in measures:
            table = np.full((len(run.methods), len(questions)), np.inf)
            known = costs[chosen]
            table[run.method[chosen], place] = np.where(np.isnan(known), np.inf, known)
            ratios = _ratios(table)
            curves = {run.methods[m]: _curve(ratios[m]) for m in methods}
            found.append(PerformanceProfile(objective, measure, len(questions), curves))
    return tuple(found)


def _ratios(table: FloatArray) -> FloatArray:
    """Ratio of each cost to the least of its column; infinite where there is no cost."""
    if not table.size:
        return table
    best = table.min(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = table / best
    # 0 / 0: as good as the best.
    return np.where(np.isinf(table), np.inf, np.where(table == best, 1.0, ratios))


def _curve(ratios: FloatArray) -> Curve:
    steps, counts = np.unique(ratios[np.isfinite(ratios)], return_counts=True)
    return Curve(steps, np.cumsum(counts) / max(1, len(ratios)))
