"""Pictures of a plan under failure: when it answers, and how long each of its groups may stay silent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.failure import BY, LATER, NEVER, QueueAnswers, latency_distribution
from rocoin_opt.plan import has_queues
from rocoin_opt.report.page.figures import (
    ALERT,
    MUTED,
    SERIES,
    LegendEntry,
    Picture,
    curve_style,
    drawn,
    legend_entry,
    overlaid,
    plain_ticks,
    time_axis,
)
from rocoin_opt.report.page.queue_curves import QueueCurves
from rocoin_opt.wording import given_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rocoin_opt.failure import LatencyDistribution
    from rocoin_opt.instance import FloatArray, Instance
    from rocoin_opt.plan import Plan

GRID_POINTS = 400
"""Times that a smooth curve is drawn through."""
MAX_JUMPS_DRAWN = 2000
"""Jumps beyond which a curve is drawn through its grid alone: they are finer than the picture."""
FAR_SHARE = 0.99
"""Share of the answers that a picture of random latencies has room for."""
MARGIN = 1.08
NEAR = 2.0
"""A deadline later than so many times the last answer is told and not drawn."""
TINY = 1e-300
"""An outage of 0 has no logarithm."""
MET = "The guarantee is met once every curve is below the limit."
QUEUED = "The guarantee uses the times when no device crashes, so curves may fall below the limit before it."
LOWEST = 1e-9
"""Outages below leave the picture at its floor."""


def latency_picture(instance: Instance, plans: Sequence[tuple[str, Plan]], name: str) -> Picture:
    """Draw the exact distribution of the answer time of plans for one instance.

    Parameters
    ----------
    instance : Instance
        What the plans are for.
    plans : sequence of (str, Plan)
        Each with its label in the legend.
    name : str
        Name of the figure, unique in its page.

    Raises
    ------
    UnsupportedError
        Where a distribution has no exact figures.
    """
    laws = [_law(instance, plan) for _, plan in plans]
    deadline = instance.requirements.deadline_seconds
    last = max(map(_horizon, laws))
    is_near = deadline is not None and deadline <= NEAR * last
    end = MARGIN * (max(last, deadline or 0.0) if is_near else last)

    over = overlaid([_answered(law, np.linspace(0.0, end, GRID_POINTS)) for law in laws])

    def draw(axes: Axes) -> None:
        for number, law in enumerate(laws):
            colour, dash = curve_style(number, over[number])
            times = _times(law, end)
            axes.plot(times, _answered(law, times), color=colour, linestyle=dash)
        if deadline is not None and is_near:
            axes.axvline(deadline, color=ALERT, linewidth=1.2, linestyle=(0, (4, 3)))
        unit = time_axis(axes.xaxis, end)
        axes.set(
            xlim=(0.0, end), ylim=(0.0, 1.02), xlabel=f"{unit} since the request", ylabel="probability of an answer"
        )

    legend = [legend_entry(label, number, over[number]) for number, (label, _) in enumerate(plans)]
    if is_near:
        legend.append(LegendEntry(f"deadline {given_seconds(deadline)}", "alert", "dashed"))
    later = (
        f" The deadline of {given_seconds(deadline)} lies further right."
        if deadline is not None and not is_near
        else ""
    )
    return Picture(
        title="When the answer comes",
        svg=drawn(name, "Probability of an answer over time", draw),
        draw=draw,
        caption=f"Exact probability that every group has answered by a time.{later}",
        legend=tuple(legend),
    )


def outage_picture(instance: Instance, plan: Plan, name: str) -> Picture:
    """Draw the outage of each group over time, q_k(t): the probability that it is still without an answer.

    Parameters
    ----------
    instance : Instance
        What was given.
    plan : Plan
        A plan for it.
    name : str
        Of the picture, unique on the page.

    Raises
    ------
    UnsupportedError
        Where the distribution has no exact figures.
    """
    law = _law(instance, plan)
    limit = instance.requirements.max_group_outage
    end = MARGIN * _horizon(law)
    times = _times(law, end)
    curves = [_silent(law, number, times) for number in range(len(plan.groups))]
    lowest = min(float(curve[-1]) for curve in curves)
    floor = max(LOWEST, 10.0 ** math.floor(math.log10(min(lowest, limit or 1.0)) - 0.3))
    is_numbered, is_queued = len(curves) <= len(SERIES), isinstance(law, QueueCurves)
    evenly = np.linspace(0.0, end, GRID_POINTS)
    over = overlaid([_silent(law, number, evenly) for number in range(len(curves))]) if is_numbered else []

    def draw(axes: Axes) -> None:
        plain_ticks(axes, log_y=True)
        for number, curve in enumerate(curves):
            colour, dash = curve_style(number, over[number]) if is_numbered else (MUTED, "solid")
            axes.plot(times, curve, color=colour, linestyle=dash, alpha=1.0 if is_numbered else 0.6)
        if limit > 0.0:
            axes.axhline(limit, color=ALERT, linewidth=1.2, linestyle=(0, (4, 3)))
        unit = time_axis(axes.xaxis, end)
        axes.set(xlim=(0.0, end), ylim=(floor, 1.5), xlabel=f"{unit} since the request", ylabel="outage of a group")

    legend = [legend_entry(f"group {number}", number, place) for number, place in enumerate(over)]
    if not is_numbered:
        legend = [LegendEntry(f"each of the {len(curves)} groups", "muted")]
    if limit > 0.0:
        legend.append(LegendEntry(f"limit {limit:g}", "alert", "dashed"))
    return Picture(
        title="How long a group may stay silent",
        svg=drawn(name, "Outage of each group over time", draw),
        draw=draw,
        caption="Exact probability that a group has not answered by a time. " + (QUEUED if is_queued else MET),
        legend=tuple(legend),
    )


def _law(instance: Instance, plan: Plan) -> LatencyDistribution | QueueCurves:
    if has_queues(instance, plan):
        return QueueCurves(QueueAnswers(instance, plan))
    return latency_distribution(instance, plan)


def _answered(law: LatencyDistribution | QueueCurves, times: FloatArray) -> FloatArray:
    return law.answered(times) if isinstance(law, QueueCurves) else np.asarray(law.groups.system(times)[BY])


def _silent(law: LatencyDistribution | QueueCurves, number: int, times: FloatArray) -> FloatArray:
    """Probability that a group has not answered, never 0.

    Parameters
    ----------
    law : LatencyDistribution or QueueCurves
        Of the plan.
    number : int
        The group's place in it.
    times : FloatArray
        When, in seconds.
    """
    if isinstance(law, QueueCurves):
        return np.asarray(np.maximum(law.silent(number, times), TINY))
    outcomes = law.groups.group(number, times)
    return np.asarray(np.maximum(outcomes[LATER] + outcomes[NEVER], TINY))


def _horizon(law: LatencyDistribution | QueueCurves) -> float:
    """Seconds by which all answers have come, or most of them where they come at any time."""
    if isinstance(law, QueueCurves):
        return law.horizon
    latest = max(replica.response.farthest for replica in law.groups.replicas)
    if all(replica.response.is_step for replica in law.groups.replicas):
        return latest
    answered = law.success_probability()
    far = law.quantile(FAR_SHARE * answered) if answered > 0.0 else math.inf
    return min(far, latest) if math.isfinite(min(far, latest)) else law.groups.replicas[0].response.earliest


def _times(law: LatencyDistribution | QueueCurves, end: float) -> FloatArray:
    """Times that a curve is drawn through: both sides of every jump, and a grid where it is smooth."""
    every = [law.jumps] if isinstance(law, QueueCurves) else [replica.response.jumps for replica in law.groups.replicas]
    jumps = np.unique(np.concatenate(every))
    jumps = jumps[jumps <= end]
    if len(jumps) > MAX_JUMPS_DRAWN:
        jumps = jumps[:0]
    smooth = not (isinstance(law, QueueCurves) or all(replica.response.is_step for replica in law.groups.replicas))
    grid = np.linspace(0.0, end, GRID_POINTS) if smooth or not len(jumps) else np.array([0.0, end])
    return np.unique(np.concatenate([grid, jumps, np.nextafter(jumps, 0.0)]))
