"""A run in figures, by objective, family and method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from rocoin_opt.instance import BoolArray, FloatArray
    from rocoin_opt.report.run_items import RunItems

SHIFT = 1.0
"""Seconds that are added before, and taken off after, the geometric mean of times."""
ALL = "all"
"""Name of all families together."""


@dataclass(frozen=True)
class MethodFigures:
    """What one method came to on one family, for one objective.

    Attributes
    ----------
    objective, family, method : str
        Of which items.
    items : int
        Number of items.
    failed : int
        Those that ended with an error.
    solved : int
        Those with a plan, or with a proof that there is none.
    proven : int
        Those that ended as ``optimal`` or ``infeasible``.
    mean_gap, worst_gap : float or None
        Of (value - L) / value, L being the best lower bound that any item of the run proved for the same instance and
        objective: over all items with a plan and such a bound. None where there are none.
    mean_excess, worst_excess : float or None
        Of (value - V) / V, V being the best value of the run for the same instance and objective: over all items with
        a plan.
    seconds : float or None
        Shifted geometric mean of search times, over all items that did not fail. A search that a limit ended counts
        with the time that it took.
    wins : int
        Items with the best value of all methods for the same instance, objective and seed; ties are wins of all.
    """

    objective: str
    family: str
    method: str
    items: int
    failed: int
    solved: int
    proven: int
    mean_gap: float | None
    worst_gap: float | None
    mean_excess: float | None
    worst_excess: float | None
    seconds: float | None
    wins: int


def method_figures(run: RunItems, shift: float = SHIFT) -> tuple[MethodFigures, ...]:
    """Figures by objective, family and method; with several families, those of all together come last.

    Parameters
    ----------
    run : RunItems
        The items.
    shift : float
        Shift of the geometric mean of times, in seconds.

    Raises
    ------
    InputError
        If the shift is not positive and finite.
    """
    if not 0.0 < shift < math.inf:
        raise InputError("options", [Problem("--shift", repr(shift), "a positive, finite number of seconds")])
    found = []
    wins = run.wins
    for o, objective in enumerate(run.objectives):
        asked = run.objective == o
        families: list[tuple[str, BoolArray]] = [
            (name, asked & (run.family == f)) for f, name in enumerate(run.families)
        ]
        if sum(bool(chosen.any()) for _, chosen in families) > 1:
            families.append((ALL, asked))
        for family, chosen in families:
            found += [
                _figures(run, objective, family, int(m), chosen & (run.method == m), wins, shift)
                for m in np.unique(run.method[chosen])
            ]
    return tuple(found)


def shifted_geometric_mean(seconds: FloatArray, shift: float = SHIFT) -> float | None:
    """exp(mean(ln(t + s))) - s: a mean that neither the longest nor the shortest times decide; None of no times."""
    if not len(seconds):
        return None
    return max(0.0, float(np.exp(np.mean(np.log(seconds + shift))) - shift))


def _figures(
    run: RunItems, objective: str, family: str, method: int, chosen: BoolArray, wins: BoolArray, shift: float
) -> MethodFigures:
    mean_gap, worst_gap = _mean_and_worst(run.gap[chosen])
    mean_excess, worst_excess = _mean_and_worst(run.excess[chosen])
    return MethodFigures(
        objective=objective,
        family=family,
        method=run.methods[method],
        items=int(chosen.sum()),
        failed=int((chosen & run.failed).sum()),
        solved=int((chosen & run.solved).sum()),
        proven=int((chosen & run.proven).sum()),
        mean_gap=mean_gap,
        worst_gap=worst_gap,
        mean_excess=mean_excess,
        worst_excess=worst_excess,
        seconds=shifted_geometric_mean(run.seconds[chosen & ~run.failed], shift),
        wins=int((chosen & wins).sum()),
    )


def _mean_and_worst(values: FloatArray) -> tuple[float | None, float | None]:
    known = values[np.isfinite(values)]
    return (float(known.mean()), float(known.max())) if len(known) else (None, None)
