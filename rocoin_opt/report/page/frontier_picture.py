"""What a better partition costs in latency, as a picture and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.report import END_WORDS
from rocoin_opt.report.page.figures import MUTED, SERIES, LegendEntry, Picture, drawn, time_axis
from rocoin_opt.report.page.rendering import Section
from rocoin_opt.report.page.tables import Cell, Column, Table, number_cell, percent_cell, seconds_cell
from rocoin_opt.wording import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rocoin_opt.planning.frontier import Frontier

CRITERION_WORDS = {"ncut": "normalised cut", "cut": "cut", "resilient": "resilient criterion"}


def frontier_section(frontier: Frontier, name: str) -> Section:
    """Show a frontier: a picture and a table where it has points, and why where it has none."""
    title = "Latency against partition"
    words = END_WORDS[frontier.termination]
    if not frontier.points:
        return Section(title, text=(f"{words[0].upper()}{words[1:]}.", *frontier.reasons))
    notes = (
        f"{words[0].upper()}{words[1:]}. No plan is faster than {seconds(frontier.latency_bound)}. "
        f"Objective {frontier.objective}; seed {frontier.seed}.",
    )
    return Section(
        title, pictures=(points_picture(frontier, name),), tables=(_table(frontier),), notes=notes, is_beside=True
    )


def points_picture(frontier: Frontier, name: str) -> Picture:
    """Draw the points of a frontier, at least one, and the bounds on them."""
    points = frontier.points
    criterion = CRITERION_WORDS.get(frontier.criterion, frontier.criterion)
    latencies = np.array([point.seconds for point in points])
    values = np.array([point.partition_value for point in points])
    limits = np.array([point.limit_seconds for point in points])
    bounds = np.array([point.partition_bound for point in points])

    def draw(axes: Axes) -> None:
        reach = max(limits[-1], latencies[-1])
        room = 0.06 * (reach - latencies[0]) or 0.05 * reach
        axes.plot(
            np.append(latencies, reach + room), np.append(values, values[-1]), drawstyle="steps-post", color=SERIES[0]
        )
        axes.plot(latencies, values, "o", color=SERIES[0], markersize=5)
        axes.plot(limits, bounds, "_", color=MUTED, markersize=10, markeredgewidth=1.8)
        axes.set(
            xlim=(latencies[0] - room, reach + room),
            xlabel=f"{frontier.objective} latency in {time_axis(axes.xaxis, reach)}",
            ylabel=f"{criterion}, smaller is better",
        )

    return Picture(
        title="What a better partition costs",
        svg=drawn(name, "Partition criterion against latency", draw),
        draw=draw,
        caption="Each point is a plan. A bar is a lower bound: no plan within its latency limit is better cut.",
        legend=(LegendEntry("plans", "s0"), LegendEntry("lower bound", "muted")),
    )


def _table(frontier: Frontier) -> Table:
    columns = (
        Column("latency"),
        Column("limit", hint="latency limit that was searched"),
        Column("groups"),
        Column("filters", is_number=False, hint="sizes of the parts"),
        Column(frontier.criterion),
        Column("bound", hint="no plan within the limit has a smaller criterion"),
        Column("gap"),
    )
    rows = [
        (
            seconds_cell(point.seconds),
            seconds_cell(point.limit_seconds),
            number_cell(len(point.plan.groups), "d"),
            Cell(" ".join(map(str, point.plan.sizes))),
            number_cell(point.partition_value, ".4f"),
            number_cell(point.partition_bound, ".4f"),
            percent_cell(point.partition_gap),
        )
        for point in frontier.points
    ]
    return Table(columns, rows)
