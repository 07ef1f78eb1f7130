"""Plans of many instances by many methods, through the package's own batches, and what each plan is worth."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import rocoin_opt as ro
from studies.cases import EXPECTED, LONE, METHODS, SUREST, without_limit
from studies.columns import packed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from rocoin_opt.plan.latency import Objective

ENDS = {"optimal": "o", "feasible": "f", "no_plan": "n", "infeasible": "i"}
"""How an item ended, as a letter."""
FIGURES = {"guaranteed": 6, "nominal": 5, "expected": 6, "success": 5, "failure": 6, "share": 5}
"""What is kept of a plan's worth, and to how many digits."""
NOTHING = (None,) * len(FIGURES)
SHARE = ro.LinearAccuracy(full=1.0, none=0.0)
"""The linear model with these ends is the expected share of the filters that arrive."""

Columns: TypeAlias = dict[str, str]
Answers: TypeAlias = "dict[str, ro.ItemResult]"
Fleets: TypeAlias = "Mapping[str, Sequence[ro.Instance]]"


@dataclass(frozen=True)
class Site:
    """Where and how items are worked on.

    Attributes
    ----------
    folder : Path
        The run: what is done in it is not done again.
    jobs : int
        Processes at the same time.
    time_limit : float
        Seconds for each item.
    tell : callable
        Told what is being done, in a line.
    """

    folder: Path
    jobs: int
    time_limit: float
    tell: Callable[[str], None]

    def answers(
        self, instances: Sequence[ro.Instance], methods: Sequence[str], objective: Objective = "guaranteed"
    ) -> dict[str, Answers]:
        """Solve instances of different names; return the results by method, then by name of the instance."""
        self.tell(f"{instances[0].name} and {len(instances) - 1} more: {', '.join(methods)}, {objective}")
        found: dict[str, Answers] = {method: {} for method in methods}
        for result in ro.solve_many(
            instances, methods, (objective,), jobs=self.jobs, time_limit=self.time_limit, out=self.folder
        ):
            found[result.method][result.instance] = result
        return found


def scored(instances: Sequence[ro.Instance], answers: Answers) -> Columns:
    """What the plans of a method are worth on instances, which need not be the ones that they were made for.

    Every figure is computed from the plan and the instance; a plan that breaks the instance's outage limit has no
    guaranteed latency. ``ended`` has a letter for each item.
    """
    found = [answers[instance.name] for instance in instances]
    failed = [f"{result.instance}, {result.method}: {result.error}" for result in found if result.failure is not None]
    if failed:
        sys.exit("; ".join(failed))
    plans = [result.plan for result in found]
    rows = [NOTHING if plan is None else figures(i, plan) for i, plan in zip(instances, plans, strict=True)]
    return {
        "ended": "".join(ENDS[str(result.termination)] for result in found),
        **{
            name: packed(column, digits)
            for (name, digits), column in zip(FIGURES.items(), zip(*rows, strict=True), strict=True)
        },
    }


def timed(instances: Sequence[ro.Instance], answers: Answers) -> Columns:
    """:func:`scored`, with the gap and the seconds of each search."""
    found = [answers[instance.name] for instance in instances]
    return {
        **scored(instances, answers),
        "gap": packed((result.gap for result in found), 3),
        "seconds": packed((round(result.wall_seconds, 4) for result in found), 3),
    }


def figures(instance: ro.Instance, plan: ro.Plan) -> tuple[float | None, ...]:
    """A plan's guaranteed, nominal and expected latency, success, failure and expected share of filters in time."""
    metrics = ro.evaluate(instance, plan)
    deadline = instance.requirements.deadline_seconds
    share = ro.expected_accuracy(ro.latency_distribution(instance, plan), SHARE, deadline)
    return (
        metrics.guaranteed_seconds,
        metrics.nominal_seconds,
        metrics.expected_seconds,
        metrics.success_probability,
        metrics.failure_probability,
        share,
    )


def compared(site: Site, fleets: Fleets, *, expected: bool) -> tuple[dict[str, Any], Mapping[str, Answers]]:
    """Run every method on the instances of some families.

    Returns
    -------
    dict, mapping
        Deadlines and columns by run, for each fleet; the results for guaranteed latency.
    """
    instances = [instance for fleet in fleets.values() for instance in fleet]
    answers = site.answers(instances, METHODS)
    runs = {f"{method} guaranteed": answers[method] for method in METHODS}
    relaxed = site.answers([without_limit(instance) for instance in instances], LONE)
    runs |= {f"{method} no limit": relaxed[method] for method in LONE}
    if expected:
        planned = site.answers(instances, EXPECTED, "expected")
        runs |= {f"{method} expected": planned[method] for method in EXPECTED}
    surest = site.answers(instances, SUREST, "failure")
    runs |= {f"{method} failure": surest[method] for method in SUREST}
    found = {
        name: {
            "deadline": packed(instance.requirements.deadline_seconds for instance in fleet),
            "runs": {run: timed(fleet, results) for run, results in runs.items()},
        }
        for name, fleet in fleets.items()
    }
    return found, answers
