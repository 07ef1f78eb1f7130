"""How results look on a terminal: one style of table, one set of words, text that no name in it can break."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from rocoin_opt.wording import NOTHING, printable, search_time, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Column

    from rocoin_opt.plan.latency import Objective

WITHOUT_PLAN_WORDS = {
    "infeasible": "infeasible: there is no plan",
    "no_plan": "no plan found; one may exist",
}
OBJECTIVE_WORDS: dict[Objective, str] = {
    "guaranteed": "guaranteed latency",
    "expected": "expected latency by the deadline",
    "nominal": "nominal latency",
    "worst": "worst latency",
    "failure": "failure probability",
    "missing": "missing share of the answer",
    "quantile": "quantile of the answer time",
}
GAP = 2
"""Spaces between the columns of a table."""
LEAST_OF_WORDS = 20
"""Characters that a column of words has at least, where it has as many."""
WITHOUT_UNIT = frozenset({"failure", "missing"})
"""Objectives that are a probability or a share; all others are seconds."""


class PlainTable(Table):
    """A table without lines that loses no figure: words fold, and what does not fit goes into further tables below.

    Columns that stand flush right hold figures, which are never cut.

    Parameters
    ----------
    keys : int
        Columns that say what a row is about: each of the tables begins with them.
    """

    def __init__(self, keys: int = 1) -> None:
        super().__init__(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        self.keys = keys

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for column in self.columns:
            column.overflow = "fold"
            column.no_wrap = column.justify == "right"
        parts = self._parts(options.max_width)
        for place, part in enumerate(parts):
            if place:
                yield ""
            yield from super(PlainTable, part).__rich_console__(console, options)

    def _parts(self, width: int) -> list[PlainTable]:
        """The table itself, or several ones with some of its columns each."""
        needs = [self._needed(column) for column in self.columns]
        if sum(needs) + GAP * (len(needs) - 1) <= width:
            return [self]
        keys = self.columns[: self.keys]
        parts: list[list[Column]] = []
        room = 0
        for column, need in zip(self.columns[self.keys :], needs[self.keys :], strict=True):
            if not parts or room < GAP + need:
                parts.append(list(keys))
                room = width - sum(needs[: self.keys]) - GAP * (self.keys - 1)
            parts[-1].append(column)
            room -= GAP + need
        return [self._of(columns) for columns in parts] or [self]

    def _of(self, columns: Sequence[Column]) -> PlainTable:
        part = PlainTable(self.keys)
        part.columns = [replace(column, _index=place) for place, column in enumerate(columns)]
        for copied, column in zip(part.columns, columns, strict=True):
            copied._cells = list(column.cells)
        part.rows = self.rows
        return part

    @staticmethod
    def _needed(column: Column) -> int:
        """Characters that a column needs: all of its figures, or so many of its words that they can be read."""
        lengths = [cell_len(str(text)) for text in (column.header, *column.cells)]
        return max(lengths) if column.no_wrap else min(max(lengths), LEAST_OF_WORDS)


def plain_table(*columns: str, numbers: Iterable[str] = (), keys: int = 1) -> Table:
    """Make an empty table without lines.

    Parameters
    ----------
    *columns : str
        Headings of columns of words.
    numbers : iterable of str
        Headings of columns of numbers behind them, flush right.
    keys : int
        Columns, from the first one on, that say what a row is about; see :class:`PlainTable`.
    """
    table = PlainTable(keys)
    for name in columns:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def plain_text(text: str, style: str = "") -> Text:
    """Make a text of the characters that can be shown, none of them read as markup."""
    return Text(printable(text), style=style)


def in_runs(names: Iterable[str]) -> list[str]:
    """Names in their order, but numbered ones that follow each other as one: ``cam-1 to cam-5``.

    Two that follow each other stay two. A name that could be read as several, or whose ends could not be seen, stands
    in quotes: ``"Pi 4, kitchen"``.
    """
    rows: dict[tuple[str, bool], list[int]] = {}
    for name in names:
        stem, _, number = name.rpartition("-")
        if stem and number.isascii() and number.isdigit() and str(int(number)) == number:
            rows.setdefault((stem, True), []).append(int(number))
        else:
            rows[name, False] = []
    told: list[str] = []
    for (stem, is_numbered), numbers in rows.items():
        left = sorted(numbers)
        if not is_numbered:
            told.append(_quoted(stem))
        while left:
            end = next((at for at in range(1, len(left)) if left[at] != left[at - 1] + 1), len(left))
            run, left = left[:end], left[end:]
            first, last = (_quoted(f"{stem}-{n}") for n in (run[0], run[-1]))
            told += [f"{first} to {last}"] if len(run) > 2 else [_quoted(f"{stem}-{n}") for n in run]
    return told


def _quoted(name: str) -> str:
    return f'"{name}"' if "," in name or name != name.strip() else name


def some_of(names: Iterable[str], most: int) -> str:
    """Names told as in :func:`in_runs`, with the number of those beyond the first ones."""
    runs = in_runs(names)
    more = len(runs) - most
    return ", ".join(runs[:most]) + (f" and {more} more" if more > 0 else "")


def shown_value(objective: str, value: float | None) -> str:
    """A value of an objective, or a bound on it, for people: with a unit where it is a time."""
    if objective not in WITHOUT_UNIT:
        return seconds(value)
    return NOTHING if value is None else f"{value:.4g}"


def bound_alone(objective: Objective, lower_bound: float | None, wall_seconds: float) -> str:
    """A search without a plan in words: what no plan can beat, where that is known, and how long it took.

    Parameters
    ----------
    objective : {'guaranteed', 'expected', 'nominal', 'worst', 'failure', 'missing', 'quantile'}
        What was minimised.
    lower_bound : float, optional
        In the unit of the objective.
    wall_seconds : float
        How long the search took.
    """
    bound = shown_value(objective, lower_bound)
    known = "" if lower_bound is None else f"{OBJECTIVE_WORDS[objective]} at least {bound}; "
    return f"{known}{search_time(wall_seconds)} of search"
