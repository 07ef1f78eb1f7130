"""Pictures of a run: performance profiles, and value and bound over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.report import CLOCK, GOOD
from rocoin_opt.report.page.figures import LegendEntry, Picture, curve_style, drawn, legend_entry, overlaid, plain_ticks
from rocoin_opt.report.page.tables import shown_name, value_heading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from rocoin_opt.report import PerformanceProfile

POINTS = 400
"""Points of a profile's curve."""
FARTHEST = 1e4
"""Ratio to the best beyond which a profile is not drawn."""
WIDE = 10.0
"""Ratio of the ends of an axis from which on it is logarithmic."""
NARROW = 100.0
"""Ratio of the ends of an axis up to which it needs ticks between the powers of ten."""
TALL = 3.0
"""Ratio of the values of a trace from which on their axis is logarithmic."""
CLOSE = 1e-6
"""Relative difference below which plans or times are equal."""
LOGARITHMIC = ", logarithmic"
"""What the name of such an axis ends with."""
WIDTHS = (1.8, 3.1, 4.4)
"""Points of the lines of a trace, from the last method to the first: what lies below shows on both sides."""
EARLIEST = 1e-3
"""Seconds at which a logarithmic axis of time begins."""

Trace = tuple[tuple[float, float | None, float | None], ...]
"""Seconds, best value and bound."""


def is_flat(profile: PerformanceProfile) -> bool:
    """Whether all that methods answer they answer as well as the best, so that no curve ever rises."""
    return all(float(curve.ratios[-1]) <= 1.0 + CLOSE for curve in profile.curves.values() if len(curve.ratios))


def flat_words(profile: PerformanceProfile) -> str:
    """What a flat profile would show, see :func:`is_flat`."""
    shares = ", ".join(
        f"{shown_name(method)} {100 * (float(curve.shares[-1]) if len(curve.shares) else 0.0):.3g} %"
        for method, curve in profile.curves.items()
    )
    if profile.measure == "value":
        return (
            f"Every plan is as good as the best of its problem; the methods found one for this share of them: {shares}."
        )
    return (
        f"No search with a plan within {100 * GOOD:g} % of the best was slower than another one, times below "
        f"{1000 * CLOCK:g} ms counting as equal; share of problems with such a search: {shares}."
    )


def profile_picture(profile: PerformanceProfile, name: str) -> Picture:
    """Draw the profiles of all methods for one objective and measure."""
    last = max((float(curve.ratios[-1]) for curve in profile.curves.values() if len(curve.ratios)), default=1.0)
    is_wide = last > WIDE
    end = min(FARTHEST, last**1.05) if is_wide else 1.0 + 1.05 * max(last - 1.0, 0.05)
    grid = np.geomspace(1.0, end, POINTS) if is_wide else np.linspace(1.0, end, POINTS)
    heights = [
        np.append(0.0, curve.shares)[np.searchsorted(curve.ratios, grid, side="right")]
        for curve in profile.curves.values()
    ]
    over = overlaid(heights)

    def draw(axes: Axes) -> None:
        if is_wide:
            plain_ticks(axes, log_x=True, is_narrow=end <= NARROW)
        for number, shares in enumerate(heights):
            colour, dash = curve_style(number, over[number])
            axes.plot(grid, shares, color=colour, linestyle=dash, drawstyle="steps-post")
        what = "value" if profile.measure == "value" else "time"
        scale = LOGARITHMIC if is_wide else ""
        axes.set(
            xlim=(1.0, end), ylim=(0.0, 1.02), xlabel=f"ratio to the best {what}{scale}", ylabel="share of problems"
        )

    caption = "How often a method's plan is within a ratio of the best plan."
    if profile.measure == "seconds":
        caption = (
            f"How often a method is within a ratio of the fastest; it counts where its plan is within "
            f"{100 * GOOD:g} % of the best, and times below {1000 * CLOCK:g} ms count as equal."
        )
    return Picture(
        title="Profile by value" if profile.measure == "value" else "Profile by time",
        svg=drawn(name, f"Performance profile by {profile.measure}", draw),
        draw=draw,
        caption=f"{caption} Higher is better; problems: {profile.questions}.",
        legend=tuple(
            legend_entry(shown_name(method), number, over[number]) for number, method in enumerate(profile.curves)
        ),
    )


def trace_picture(traces: Sequence[tuple[str, Trace]], name: str, objective: str) -> Picture | None:
    """Draw best value and bound over time, a method each; None where no search got any further than its first news.

    Parameters
    ----------
    traces : sequence of (str, trace)
        Each with its label in the legend.
    name : str
        Name of the figure, unique in its page.
    objective : str
        What was minimised, for the unit.
    """
    told = [row for _, trace in traces for row in trace if row[1] is not None or row[2] is not None]
    if all(len({row[column] for row in trace} - {None}) < 2 for _, trace in traces for column in (1, 2)):
        return None
    last = max(row[0] for row in told)
    first = max(EARLIEST, min(row[0] for row in told))
    is_wide = last > WIDE * first
    heights = [height for row in told for height in row[1:] if height is not None and height > 0.0]
    is_tall = bool(heights) and max(heights) > TALL * min(heights)

    def draw(axes: Axes) -> None:
        if is_wide:
            plain_ticks(axes, log_x=True, is_narrow=last <= NARROW * first)
        if is_tall:
            plain_ticks(axes, log_y=True, is_narrow=max(heights) <= NARROW * min(heights))
        for number, (_, trace) in enumerate(traces):
            colour, _ = curve_style(number)
            width = WIDTHS[min(len(traces) - 1 - number, len(WIDTHS) - 1)]
            for column, dash, marker in ((1, "solid", "o"), (2, (0, (3, 1.5)), "s")):
                points = [(max(row[0], EARLIEST), row[column]) for row in trace if row[column] is not None]
                if points:
                    times, values = zip(*points, strict=True)
                    axes.plot(times, values, color=colour, linestyle=dash, linewidth=width, drawstyle="steps-post")
                    axes.plot(times[-1:], values[-1:], marker, color=colour, markersize=width + 3.0)
        start = 0.8 * first if is_wide else 0.0
        height = f"{value_heading(objective)}{LOGARITHMIC if is_tall else ''}"
        axes.set(xlim=(start, (1.25 if is_wide else 1.04) * max(last, EARLIEST)), ylabel=height)
        axes.set_xlabel(f"seconds of search{LOGARITHMIC if is_wide else ''}")

    return Picture(
        title="Value and bound over time",
        svg=drawn(name, "Best value and lower bound over time", draw),
        draw=draw,
        caption=(
            "Solid: the best plan so far. Dashed: the lower bound so far. A dot or square ends a search. "
            "A wide line below a narrow one is another method at the same value."
        ),
        legend=tuple(
            LegendEntry(shown_name(label), legend_entry(label, number).role) for number, (label, _) in enumerate(traces)
        ),
    )
