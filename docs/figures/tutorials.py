"""Pictures of the tutorials: a search over time, figures against a limit, and plans after a failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocoin_opt.plan.terminal import seconds
from rocoin_opt.report.page.figures import (
    ACCENT,
    ALERT,
    GRID,
    SERIES,
    LegendEntry,
    Picture,
    drawn,
    legend_entry,
    plain_ticks,
)
from rocoin_opt.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rocoin_opt import Replan, Result


def trace_picture(result: Result, name: str) -> Picture:
    """Draw the best value and bound of a search over time, and what lies between them."""
    steps = [step for step in result.trace if step.value is not None and step.bound is not None]
    times = [step.seconds for step in steps]
    values, bounds = [step.value for step in steps], [step.bound for step in steps]

    def draw(axes: Axes) -> None:
        axes.fill_between(times, bounds, values, step="post", color=GRID)
        axes.step(times, values, where="post", color=ACCENT)
        axes.step(times, bounds, where="post", color=ALERT)
        axes.set(xlabel="seconds of search", ylabel="guaranteed latency in seconds", xlim=(0, times[-1]))

    return Picture(
        title="Value and bound during the search",
        svg=drawn(name, "Best value and lower bound over the seconds of a search", draw),
        caption="The optimum lies in the band between the curves at all times.",
        legend=(LegendEntry("value of the best plan so far", "accent"), LegendEntry("lower bound so far", "alert")),
    )


def limits_picture(limits: Sequence[float], results: Sequence[Result], name: str) -> Picture:
    """Draw three figures of the best plans against the outage limit that they keep."""
    figures = ("guaranteed", "expected", "nominal")

    def draw(axes: Axes) -> None:
        plain_ticks(axes, log_x=True)
        for number, figure in enumerate(figures):
            values = [getattr(result.metrics, f"{figure}_seconds") for result in results]
            axes.plot(limits, values, color=SERIES[number], marker="o", markersize=4)
        axes.set(xlabel="outage limit of a group, stricter to the right", ylabel="seconds", ylim=(0, None))
        axes.invert_xaxis()

    return Picture(
        title="The price of an outage limit",
        svg=drawn(name, "Guaranteed, expected and nominal latency against the outage limit", draw),
        caption="Every point is the proven optimum of the guaranteed latency for its limit.",
        legend=tuple(legend_entry(figure, number) for number, figure in enumerate(figures)),
    )


def changes_picture(before: float, mended: Sequence[Replan], name: str) -> Picture:
    """Draw what mended plans are worth, one bar each, beside the plan before the failure."""
    kept = [replan for replan in mended if replan.objective_value is not None]
    labels = [counted(len(replan.loads), "deployment") for replan in kept]

    def draw(axes: Axes) -> None:
        axes.barh(range(len(kept)), [replan.objective_value for replan in kept], color=SERIES[0], height=0.6)
        axes.axvline(before, color=ALERT, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(kept)), labels)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set(xlabel="guaranteed latency in seconds")

    shipped = "; ".join(
        f"{label}: {replan.shipped_bytes:,.0f} bytes" for label, replan in zip(labels, kept, strict=True)
    )
    return Picture(
        title="What a few changes buy",
        svg=drawn(name, "Guaranteed latency of repaired plans by the number of deployments", draw, (4.4, 2.2)),
        caption=f"{shipped}.",
        legend=(LegendEntry(f"before the failure, {seconds(before)}", "alert", "dashed"),),
    )
