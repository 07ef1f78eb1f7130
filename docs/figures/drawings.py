"""Pictures that teach: parts of the filters, single requests, what each objective reads off, value and bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt import evaluate, latency_distribution
from rocoin_opt.plan.filters import labels_of
from rocoin_opt.plan.latency import group_timings
from rocoin_opt.plan.terminal import seconds
from rocoin_opt.report.page.figures import (
    ACCENT,
    ALERT,
    GRID,
    INK,
    MUTED,
    SERIES,
    LegendEntry,
    Picture,
    drawn,
    legend_entry,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rocoin_opt import Instance, Plan, Result

ACROSS = 16
"""Filters in a row of the picture of parts."""
OBJECTIVES = ("nominal", "expected", "guaranteed", "worst")


def parts_picture(instance: Instance, plan: Plan, name: str) -> Picture:
    """Draw every filter as a square in the colour of its part."""
    labels = labels_of(instance, plan)
    if labels is None:
        raise ValueError("the plan names no filters")

    def draw(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        for number, label in enumerate(labels):
            row, column = divmod(number, ACROSS)
            axes.add_patch(Rectangle((column, row), 0.84, 0.84, color=SERIES[label], linewidth=0))
        axes.set(xlim=(0, ACROSS), ylim=(-(-len(labels) // ACROSS), 0), aspect="equal")
        axes.axis("off")

    return Picture(
        title="The filters of the teacher, and the part that each is in",
        svg=drawn(name, "Filters of the teacher as squares, coloured by part", draw, (4.4, 2.3)),
        caption=f"{len(labels)} filters, {len(plan.groups)} parts. Each filter is in exactly one part.",
        legend=tuple(
            legend_entry(f"group {number}: {group.num_filters} filters, {group.student}", number)
            for number, group in enumerate(plan.groups)
        ),
    )


def request_picture(
    instance: Instance, plan: Plan, name: str, *, seed: int | None = None, down: str | None = None
) -> Picture:
    """Draw one request: who crashed, who answered when, and whose answer came first in each group.

    Without a seed nobody crashes by itself; with a failure domain that is down, all of its devices are silent.
    """
    draws = (
        np.ones(len(instance.devices)) if seed is None else np.random.default_rng(seed).random(len(instance.devices))
    )
    crashed = {d.id for d, draw in zip(instance.devices, draws, strict=True) if draw < d.failure_probability}
    crashed |= {d.id for d in instance.devices if down is not None and d.failure_domain == down}
    timings = group_timings(instance, plan)
    firsts = [
        min((time for device, time in zip(t.devices, t.seconds, strict=True) if device not in crashed), default=None)
        for t in timings
    ]
    answer = None if None in firsts else max(first for first in firsts if first is not None)
    end = 1.08 * max(timing.seconds[-1] for timing in timings)

    def draw(axes: Axes) -> None:
        rows, row = [], 0
        for number, timing in enumerate(timings):
            for device, time in zip(timing.devices, timing.seconds, strict=True):
                rows.append((row, device))
                if device in crashed:
                    axes.plot([0.02 * end], [row], marker="x", color=ALERT, markersize=6, markeredgewidth=1.8)
                else:
                    is_first = time == firsts[number]
                    axes.plot([0, time], [row, row], color=SERIES[number], alpha=1.0 if is_first else 0.35)
                    axes.plot([time], [row], marker="o", color=SERIES[number], markersize=7 if is_first else 4)
                row += 1
            row += 0.6
        if answer is not None:
            axes.axvline(answer, color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set(xlim=(0, end), ylim=(row - 0.6, -0.6), xlabel="seconds since the request")
        axes.set_yticks([place for place, _ in rows], [device for _, device in rows])
        axes.grid(visible=False, axis="y")

    failed = [device for timing in timings for device in timing.devices if device in crashed]
    who = "Nobody crashes" if not failed else f"{', '.join(failed)} crash{'es' if len(failed) == 1 else ''}"
    if down is not None:
        who = f"{down} is down"
    silent = [str(number) for number, first in enumerate(firsts) if first is None]
    ending = (
        f"the answer is there after {seconds(answer)}."
        if answer is not None
        else f"group {' and '.join(silent)} never answers, and there is no answer."
    )
    return Picture(
        title="A request" if answer is not None else "A request that fails",
        svg=drawn(name, "Which device answers when in one request", draw, (4.4, 3.3)),
        caption=f"{who}; {ending} Large dots are first answers, crosses are crashes.",
    )


def objectives_picture(instance: Instance, plan: Plan, name: str) -> Picture:
    """Draw the distribution of the answer time with the four figures that the objectives minimise."""
    law, figures = latency_distribution(instance, plan), evaluate(instance, plan)
    places = {objective: getattr(figures, f"{objective}_seconds") for objective in OBJECTIVES}
    end = 1.08 * max(places.values())
    times = np.linspace(0.0, end, 2001)

    def draw(axes: Axes) -> None:
        axes.plot(times, [law.cdf(time) for time in times], color=MUTED)
        for number, place in enumerate(places.values()):
            axes.axvline(place, color=SERIES[number], linewidth=1.7)
        axes.set(xlim=(0, end), ylim=(0, 1.02), xlabel="seconds since the request", ylabel="probability of an answer")

    return Picture(
        title="Four figures of one plan",
        svg=drawn(name, "Distribution of the answer time with four figures marked", draw),
        caption="The curve is the probability that the whole answer is there by a time.",
        legend=tuple(
            legend_entry(f"{objective} {seconds(place)}", number)
            for number, (objective, place) in enumerate(places.items())
        ),
    )


def bounds_picture(results: Sequence[Result], name: str) -> Picture:
    """Draw value and lower bound of several methods, and the gap between the two."""

    def draw(axes: Axes) -> None:
        for row, result in enumerate(results):
            value, bound = result.objective_value, result.lower_bound
            axes.plot([bound, value], [row, row], color=GRID, linewidth=9, solid_capstyle="butt")
            axes.plot([bound], [row], marker="|", color=ALERT, markersize=17, markeredgewidth=2.2)
            axes.plot([value], [row], marker="o", color=ACCENT, markersize=7)
        axes.set(ylim=(len(results) - 0.4, -0.6), xlabel="guaranteed latency in seconds")
        axes.margins(x=0.08)
        axes.set_yticks(range(len(results)), [result.method for result in results])
        axes.grid(visible=False, axis="y")

    return Picture(
        title="Value, bound and gap",
        svg=drawn(name, "Value and lower bound of several methods", draw, (4.4, 2.4)),
        caption="; ".join(
            f"{result.method}: value {seconds(result.objective_value)}, bound {seconds(result.lower_bound)}, "
            f"gap {100 * (result.gap or 0.0):.3g} %"
            for result in results
        )
        + ".",
        legend=(LegendEntry("value of the plan (dot)", "accent"), LegendEntry("lower bound (stroke)", "alert")),
    )
