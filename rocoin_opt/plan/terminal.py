"""How results look on a terminal: one style of table, one set of words, text that no name in it can break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from rocoin_opt.wording import NOTHING, printable, search_time, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rocoin_opt.plan.latency import Objective

TERMINATION_WORDS = {
    "optimal": "optimal: no plan is better",
    "feasible": "a plan, not proven optimal",
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
WITHOUT_UNIT = frozenset({"failure", "missing"})
"""Objectives that are a probability or a share; all others are seconds."""


def plain_table(*columns: str, numbers: Iterable[str] = ()) -> Table:
    """Make an empty table without lines: columns of words, then columns of numbers, flush right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
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

    Two that follow each other stay two.
    """
    rows: dict[str, list[int]] = {}
    for name in names:
        stem, _, number = name.rpartition("-")
        if stem and number.isascii() and number.isdigit() and str(int(number)) == number:
            rows.setdefault(stem, []).append(int(number))
        else:
            rows[name] = []
    told = []
    for stem, numbers in rows.items():
        left = sorted(numbers)
        if not left:
            told.append(stem)
        while left:
            end = next((at for at in range(1, len(left)) if left[at] != left[at - 1] + 1), len(left))
            run, left = left[:end], left[end:]
            ends = [f"{stem}-{run[0]} to {stem}-{run[-1]}"] if len(run) > 2 else [f"{stem}-{n}" for n in run]
            told += ends
    return told


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
