"""How the study's figures look: no background, and colours that can be read on a light and on a dark page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

INK, LINES = "#777777", "#77777755"
COLOURS = {
    "rocoin": "#d9534f",
    "nonn": "#c774b2",
    "het-nonn": "#9467bd",
    "random": "#8c8c8c",
    "greedy": "#2ca6c9",
    "lp-rounding": "#d99a00",
    "local-search": "#2e9e5b",
    "exact": "#3f7fe0",
}
WIDTH = 4.9
"""Inches: some 470 pixels, so that the text can still be read where a telephone scales the figure down."""
SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": LINES,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.linewidth": 1.8,
}


def panels(heights: Sequence[float], draw: Callable[[Figure, list[Axes]], None], *, share_x: bool = True) -> Figure:
    """Draw panels one below the other.

    Parameters
    ----------
    heights : sequence of float
        Height of each panel in inches.
    draw : callable
        Draws into the figure and its axes, from the top.
    share_x : bool
        Whether all panels have the horizontal axis of the last one.
    """
    with rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained", facecolor="none")
        axes = figure.subplots(
            len(heights), 1, sharex=share_x, squeeze=False, gridspec_kw={"height_ratios": list(heights)}
        )
        drawn = [axis for row in axes for axis in row]
        for axis in drawn:
            axis.set_facecolor("none")
        draw(figure, drawn)
        # What is laid out later would be laid out in other fonts.
        figure.draw_without_rendering()
    return figure


def legend(figure: Figure, names: Sequence[str], colours: Sequence[str], columns: int = 4, **style: Any) -> None:
    """A legend above all panels."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, **style) for colour in colours]
    figure.legend(handles, names, loc="outside upper center", ncols=columns, columnspacing=1.0, handlelength=1.4)


def boxes(
    axis: Axes, values: Sequence[Any], places: Sequence[float], colours: Sequence[str], *, points: bool = True
) -> None:
    """Horizontal boxes from quartile to quartile, whiskers from the 5th to the 95th percentile.

    Beyond the whiskers are points; without them the whiskers reach to the ends.
    """
    for value, place, colour in zip(values, places, colours, strict=True):
        if not len(value):
            continue
        axis.boxplot(
            [value],
            positions=[place],
            widths=0.62,
            orientation="horizontal",
            whis=(5, 95) if points else (0, 100),
            manage_ticks=False,
            patch_artist=True,
            boxprops={"facecolor": f"{colour}66", "edgecolor": colour},
            medianprops={"color": colour, "linewidth": 2.2},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            flierprops={
                "marker": "o",
                "markersize": 2.5,
                "markerfacecolor": colour,
                "markeredgecolor": "none",
                "alpha": 0.6,
            },
        )
