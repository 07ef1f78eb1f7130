"""Tables of a run's page: the methods by family, and the items."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rocoin_opt.report.page.tables import (
    Cell,
    Column,
    Table,
    name_cell,
    number_cell,
    percent_cell,
    seconds_cell,
    shown_name,
    value_cell,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rocoin_opt.instance import IntArray
    from rocoin_opt.report import MethodFigures, RunItems

MAX_ROWS = 2000
"""Items that a page shows: more would make it slow to open."""


def figures_table(figures: Sequence[MethodFigures], shift: float) -> Table:
    """One row a family and method."""
    columns = (
        Column("family", is_number=False, hint="folder of the instance file"),
        Column("method", is_number=False),
        Column("items"),
        Column("failed", hint="ended with an error"),
        Column("solved", hint="with a plan, or with a proof that there is none"),
        Column("proven", hint="optimal, or infeasible"),
        Column("mean gap", hint="(value - bound) / value, by the best bound of the run"),
        Column("worst gap"),
        Column("mean excess", hint="(value - best) / best, by the best value of the run"),
        Column("worst excess"),
        Column("time", hint=f"geometric mean of search times, shifted by {shift:g} s"),
        Column("wins", hint="problems with the best value of all methods"),
    )
    rows = [
        (
            name_cell(entry.family),
            name_cell(entry.method),
            *(number_cell(count, "d") for count in (entry.items, entry.failed, entry.solved, entry.proven)),
            *map(percent_cell, (entry.mean_gap, entry.worst_gap, entry.mean_excess, entry.worst_excess)),
            seconds_cell(entry.seconds),
            number_cell(entry.wins, "d"),
        )
        for entry in figures
    ]
    return Table(columns, rows)


def items_table(run: RunItems, csv: str) -> Table:
    """One row an item; of very many, those where something is left to be wished for.

    Parameters
    ----------
    run : RunItems
        All items.
    csv : str
        Where to find those that are left out.
    """
    columns = (
        Column("instance", is_number=False),
        Column("family", is_number=False),
        Column("method", is_number=False),
        Column("objective", is_number=False),
        Column("seed"),
        Column("ended", is_number=False),
        Column("value"),
        Column("bound"),
        Column("gap", hint="(value - bound) / value, by the best bound of the run"),
        Column("excess", hint="(value - best) / best, by the best value of the run"),
        Column("time"),
        Column("error", is_number=False),
    )
    left_out = len(run.items) - MAX_ROWS
    note = ""
    if left_out > 0:
        note = (
            f"{MAX_ROWS} of {len(run.items)} items: those that failed, those without a plan, then the widest gaps. "
            f"{left_out} are left out here; all of them are in {shown_name(csv)}."
        )
    return Table(columns, [_row(run, int(place)) for place in _shown(run)], note)


def _row(run: RunItems, place: int) -> tuple[Cell, ...]:
    objective = run.objectives[run.objective[place]]
    return (
        name_cell(run.instances[place]),
        name_cell(run.families[run.family[place]]),
        name_cell(run.methods[run.method[place]]),
        name_cell(objective),
        number_cell(int(run.seeds[place]), "d"),
        name_cell(run.terminations[place].replace("_", " ") or "failed"),
        value_cell(objective, _known(run.value[place])),
        value_cell(objective, _known(run.bound[place])),
        percent_cell(_known(run.gap[place])),
        percent_cell(_known(run.excess[place])),
        seconds_cell(float(run.seconds[place])),
        name_cell(run.errors[place]),
    )


def _shown(run: RunItems) -> IntArray:
    """Places of the items that are shown: all in order, or the worst of many."""
    count = len(run.items)
    if count <= MAX_ROWS:
        return np.arange(count)
    gap = np.where(np.isnan(run.gap), 0.0, run.gap)
    return np.asarray(np.lexsort((-gap, run.solved, ~run.failed))[:MAX_ROWS])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
