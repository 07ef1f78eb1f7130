"""Tables of a page, cells with a text to read and a value to sort by; and the words below an axis of bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rocoin_opt.plan import WITHOUT_UNIT, shown_value
from rocoin_opt.wording import NOTHING, printable, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_CHARACTERS = 120
"""Characters of a name that are shown: names come from files."""

MOST_TICKS = 4
"""Intervals of the axis below bars, at most: their words have to fit a phone."""
TINY_SHARE = 1e-5
"""Shares below are said to be, and no more: they come of rounding, mostly."""


@dataclass(frozen=True)
class Column:
    """A column: its heading, whether it holds numbers, and what the heading means."""

    heading: str
    is_number: bool = True
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, and the number to sort by; None sorts last."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table that can be sorted by a click on a heading.

    Attributes
    ----------
    columns : tuple of Column
        Its columns.
    rows : sequence of tuple of Cell
        One cell for each column.
    note : str
        How to read it, or what was left out.
    is_sortable : bool
        Whether its headings sort it.
    """

    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""
    is_sortable: bool = True


def name_cell(text: str) -> Cell:
    """A cell that sorts by its text."""
    return Cell(shown_name(text))


def seconds_cell(value: float | None) -> Cell:
    """A time, given in seconds."""
    return Cell(seconds(value), value)


def value_cell(objective: str, value: float | None) -> Cell:
    """A value of an objective, or a bound on it, in the unit of the objective."""
    return Cell(shown_value(objective, value), value)


def value_heading(objective: str) -> str:
    """What an axis of values of an objective is called."""
    return "objective value" if objective in WITHOUT_UNIT else "objective value in seconds"


def number_cell(value: float | None, form: str = ".4g") -> Cell:
    """A number, or a dash where there is none."""
    return Cell(NOTHING if value is None else format(value, form), value)


def percent_cell(value: float | None) -> Cell:
    """A share in per cent, or a dash where there is none."""
    return Cell(percent(value), value)


def percent(value: float | None) -> str:
    """A share in per cent for people."""
    if value is None:
        return NOTHING
    if 0.0 < value < TINY_SHARE:
        return f"<{100.0 * TINY_SHARE:g} %"
    return f"{100.0 * value:.0f} %" if value >= 1.0 else f"{100.0 * value:.3g} %"


def shown_name(text: str) -> str:
    """A name on one line and of a bearable length, control characters escaped."""
    plain = printable(text)
    return plain if len(plain) <= MAX_CHARACTERS else plain[: MAX_CHARACTERS - 1] + "…"


def ticks_of(end: float) -> tuple[tuple[float, str], ...]:
    """Round times below an axis of bars: places in per cent of its width, and words."""
    rough = end / MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1.0 - 1e-9))
    count = math.floor(end / step + 1e-9)
    return tuple((round(100.0 * n * step / end, 2), seconds(n * step) if n else "0") for n in range(count + 1))
