"""Latency against partition: what a better partition of the knowledge costs in time, and the reverse.

Each point of the frontier answers two questions in turn, the epsilon-constraint method of bi-objective optimisation:
the best partition that some plan within a latency limit can have, and the least latency of a plan with its part sizes.

References
----------
.. [1] Y. Y. Haimes, L. S. Lasdon, D. A. Wismer. On a bicriterion formulation of the problems of integrated system
   identification and system optimization. IEEE Transactions on Systems, Man, and Cybernetics 1(3), 1971.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from rocoin_opt.control import Control, Recorder, Report, stopped_by_interrupt
from rocoin_opt.errors import CertificateError, InputError, Problem, UnsupportedError
from rocoin_opt.exact import PartSearch
from rocoin_opt.instance import given_instance
from rocoin_opt.plan import (
    OBJECTIVES,
    THRESHOLD_OBJECTIVES,
    labels_of,
    relative_gap,
    require_constant_latency,
    require_own_links,
)
from rocoin_opt.planning.request import Request, certified_bound, certified_value
from rocoin_opt.planning.solve import answer
from rocoin_opt.provenance import versions
from rocoin_opt.showing import Shown
from rocoin_opt.wording import counted, printable
from rocoin_opt.wording import seconds as shown_seconds

if TYPE_CHECKING:
    from pathlib import Path

    from rocoin_opt.exact import Point
    from rocoin_opt.instance import Instance
    from rocoin_opt.plan import Objective, Plan, Result

End: TypeAlias = Literal["complete", "points", "limit", "infeasible", "no_plan"]

UNJUDGED = "the time was up before the classes of the filters were guessed, by which partitions are judged"
POINTS = 10
"""Points of a frontier, at most, where nobody asks for another number."""


@dataclass(frozen=True)
class FrontierPoint:
    """A plan of a frontier: no plan found is better in both latency and partition.

    Attributes
    ----------
    plan : Plan
        A plan that keeps every rule, with explicit filters.
    seconds : float
        Its latency objective, as computed by the evaluator.
    partition_value : float
        Its partition criterion, computed from its filters.
    limit_seconds : float
        Latency limit that was searched: the plan has the best partition found within it.
    partition_bound : float
        Valid lower bound on the criterion over all plans within that limit.

    Examples
    --------
    >>> point = ro.FrontierPoint(plan, seconds=9.1, partition_value=1.0, limit_seconds=9.1, partition_bound=0.9)
    >>> round(point.partition_gap, 3)
    0.1
    """

    plan: Plan
    seconds: float
    partition_value: float
    limit_seconds: float
    partition_bound: float

    @property
    def partition_gap(self) -> float:
        """(partition_value - partition_bound) / partition_value; 0 where both are 0."""
        return relative_gap(self.partition_value, self.partition_bound) or 0.0


@dataclass(frozen=True, repr=False)
class Frontier(Shown):
    """The checked result of :func:`rocoin_opt.frontier`.

    Attributes
    ----------
    instance : Instance
        The instance.
    objective, criterion : str
        Latency objective and partition criterion.
    termination : str
        ``complete``: every latency limit was searched; ``points``: there may be more points than asked for; ``limit``:
        the time was up, or a stop was requested; ``infeasible`` (proven) or ``no_plan``: there are no points.
    points : tuple of FrontierPoint
        By ascending latency and descending criterion; none is at least as good as another one in both.
    latency_bound : float or None
        Valid lower bound in seconds on the latency of every plan.
    reasons : tuple of str
        Why there are no points.
    wall_seconds : float
        Time of the whole search.
    seed : int
        Seed of the search.
    versions : dict of str to str
        Versions of the package and its dependencies.

    Examples
    --------
    >>> found = ro.frontier(instance, "nominal", points=2)
    >>> len(found.to_frame()) == len(found.points)
    True
    """

    _shown_as: ClassVar[str] = "frontier"

    instance: Instance
    objective: Objective
    criterion: str
    termination: End
    points: tuple[FrontierPoint, ...]
    latency_bound: float | None
    reasons: tuple[str, ...]
    wall_seconds: float
    seed: int
    versions: dict[str, str] = field(default_factory=versions)

    def _told(self) -> str:
        """Tell how many points there are, and between which ends, in a line."""
        ends = "".join(
            f", {shown_seconds(point.seconds)} with {self.criterion} {point.partition_value:.4f}"
            for point in dict.fromkeys((*self.points[:1], *self.points[-1:]))
        )
        return printable(f"{self.instance.name}: {counted(len(self.points), 'point')}{ends} ({self.termination})")


def frontier(
    instance: Instance | str | Path,
    objective: Objective = "guaranteed",
    *,
    criterion: str = "ncut",
    points: int = POINTS,
    time_limit: float | None = None,
    seed: int = 0,
    threads: int = 1,
    polish: float | None = None,
    report: Report | None = None,
) -> Frontier:
    """Find what a better partition of the filters costs in latency.

    The left end is the plan of :func:`rocoin_opt.solve`: least latency, and the best partition at it. The right end has
    the best partition at any latency. Between them limits are searched that spread evenly over the latencies, from
    right to left. While fewer points than asked for are known, the gaps between them follow, by what is at stake in
    each: wide ones are halved, narrow ones searched just below the later point, until no gap is left.

    Parameters
    ----------
    instance : Instance, str or Path
        The instance, or the path of its file, with a filter graph.
    objective : {'guaranteed', 'nominal', 'worst'}
        Latency, in seconds.
    criterion : {'ncut', 'cut', 'resilient'}
        Criterion for partitions.
    points : int
        Largest number of points, at least 2.
    time_limit : float, optional
        Seconds after which the points so far are returned.
    seed : int
        Seed of every random choice.
    threads : int
        Threads of the mathematical programming solver.
    polish : float, optional
        Largest number of seconds for partitions at the least latency: half of them at the left end.
    report : callable, optional
        Called with a :class:`~rocoin_opt.control.Progress` from time to time: latency and bound of the left end.

    Returns
    -------
    Frontier
        With checked plans, or none and the reasons. Without a limit of time the same arguments give the same plans.

    Raises
    ------
    InputError
        If an option is outside of its range.
    UnsupportedError
        If the instance has no filter graph or random latencies, or the objective is no latency.
    CertificateError
        If a plan or bound turns out to be false, which is a defect.

    Examples
    --------
    >>> found = ro.frontier(instance, "nominal", points=2)
    >>> len(found.points)
    2
    """
    instance = given_instance(instance)
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise InputError("options", [Problem("points", repr(points), "a whole number, at least 2: the two ends")])
    if polish is not None and not polish >= 0.0:
        raise InputError("options", [Problem("polish", repr(polish), "a number of seconds, at least 0")])
    # What is no objective at all is refused as every option out of range is.
    if objective in OBJECTIVES and objective not in THRESHOLD_OBJECTIVES:
        known = ", ".join(THRESHOLD_OBJECTIVES)
        raise UnsupportedError(f"a frontier has a latency objective of {known}, not {objective}")
    if instance.knowledge.graph is None:
        raise UnsupportedError(f"{instance.name}: a frontier needs a filter graph, and knowledge.graph is missing")
    require_constant_latency(instance)
    require_own_links(instance, "frontier", instead="solve can")
    recorder = Recorder(report)
    control = Control.starting_now(time_limit=time_limit, seed=seed, threads=threads, report=recorder.report)
    with stopped_by_interrupt(control):
        # Under domains and rules nothing behind latency is weighed by the partition: the search below does.
        is_early = instance.has_shared_failures or instance.restrictions.of_groups
        half = None if polish is None else polish / 2
        asked = Request(instance, control, objective=objective, criterion=criterion, latency_only=is_early, polish=half)
        first = answer(asked)
        if first.plan is None:
            end: End = "infeasible" if first.termination == "infeasible" else "no_plan"
            found: tuple[FrontierPoint, ...] = ()
        else:
            end, found = _explored(first, first.plan, criterion, points, control.within(half))
        unjudged = first.plan is not None and end == "no_plan"
    return Frontier(
        instance=instance,
        objective=objective,
        criterion=criterion,
        termination=end,
        points=found,
        latency_bound=first.lower_bound,
        reasons=(UNJUDGED,) if unjudged else first.reasons,
        wall_seconds=control.elapsed,
        seed=seed,
    )


def _explored(
    first: Result, plan: Plan, criterion: str, points: int, control: Control
) -> tuple[End, tuple[FrontierPoint, ...]]:
    # HiGHS takes a while to import: only here.
    from rocoin_opt.exact import FrontierSearch

    instance, objective, control = first.instance, first.objective, control.entering("frontier")
    if criterion == "resilient" and not control.has_time_for(PartSearch.seconds_to_begin(instance, criterion)):
        # Without classes, given or guessed, not even the first point can be judged.
        return "no_plan", ()
    # Bounds are part of the answer, and so worth their full effort.
    parts = PartSearch(instance, criterion, control, bound_rounds=None)
    search = FrontierSearch(instance, objective, parts, plan, first.lower_bound or 0.0, control)
    end = search.run(points, lambda: control.tell(first.objective_value, first.lower_bound))
    return end, tuple(_certified(instance, objective, parts, point) for point in search.points)


def _certified(instance: Instance, objective: Objective, parts: PartSearch, point: Point) -> FrontierPoint:
    whose = "the frontier returned"
    seconds, labels = certified_value(whose, instance, point.plan, objective), labels_of(instance, point.plan)
    if labels is None or seconds > point.limit:
        raise CertificateError(f"a point of the frontier misses its latency limit of {point.limit!r} s, or its filters")
    value = parts.value(labels)
    # A criterion near 0 is rounded in proportion to its terms, not to itself.
    return FrontierPoint(point.plan, seconds, value, point.limit, certified_bound(whose, point.bound, value, scale=1.0))
