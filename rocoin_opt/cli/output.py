"""What commands print with, and the exit status where there is no plan."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from rocoin_opt.errors import MendedWarning, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

INFEASIBLE, NO_PLAN = 3, 4
"""Exit status: proven infeasible, or a limit was reached without a plan."""


def console(width: int = 160) -> Console:
    """Standard output. A pipe or a file has no width: tables get the room that they need instead of 80 columns."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else width)


def tell_reasons(reasons: Iterable[str]) -> None:
    """Say on standard error why there is no plan, where standard output holds JSON."""
    for reason in reasons:
        print(printable(reason), file=sys.stderr)


def warning_line(message: Warning | str, category: type[Warning], *place: object, **_: object) -> str:
    """Say what was mended, without the line of our code that says so; any other warning concerns that line."""
    where = "" if issubclass(category, MendedWarning) else f"{place[0]}:{place[1]}: {category.__name__}: "
    return printable(f"rocoin-opt: {where}{message}") + "\n"


def exit_without_plan(*terminations: str) -> None:
    """End with the status that says why, unless one of the searches has something to show."""
    if all(termination in ("infeasible", "no_plan") for termination in terminations):
        raise typer.Exit(INFEASIBLE if "infeasible" in terminations else NO_PLAN)
