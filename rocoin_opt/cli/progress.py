"""Progress of a search on standard error: a live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.status import Status

from rocoin_opt.plan import relative_gap, shown_value
from rocoin_opt.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Progress as SearchProgress
    from rocoin_opt.control import Report
    from rocoin_opt.failure import Advance

PATIENCE = 1.0
"""Seconds of silence before the first word: short searches print their result only."""
PLAIN_INTERVAL = 5.0
"""Seconds between plain lines."""


@contextlib.contextmanager
def showing_progress(title: str, objective: str = "guaranteed") -> Iterator[Report]:
    """Yield a report function that shows what it is told, values in the unit of an objective."""
    console = Console(file=sys.stderr, highlight=False)
    display = (_Live if console.is_terminal else _Plain)(title, objective, console)
    try:
        yield display.show
    finally:
        display.close()


@contextlib.contextmanager
def showing_trials(title: str) -> Iterator[Advance]:
    """Yield a function that shows, on a terminal, how many of all trials are done: a bar, gone at the end."""
    console = Console(file=sys.stderr, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(printable(title).replace("[", r"\["), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def showing_work(title: str) -> Iterator[None]:
    """Show on a terminal that something without known steps is under way."""
    console = Console(file=sys.stderr, highlight=False)
    if not console.is_terminal:
        yield
        return
    with Status(printable(title).replace("[", r"\["), console=console):
        yield


def describe(title: str, objective: str, progress: SearchProgress) -> str:
    """Say in one line how far a search is.

    Parameters
    ----------
    title : str
        What is searched for.
    objective : str
        What is minimised, for the unit of value and bound.
    progress : Progress
        How far the search is.
    """
    gap = relative_gap(progress.value, progress.bound)
    shown = "-" if gap is None else f"{100 * gap:.2f} %"
    return (
        f"{printable(title)}: {progress.seconds:.0f} s, value {shown_value(objective, progress.value)}, "
        f"bound {shown_value(objective, progress.bound)}, gap {shown} (Ctrl-C keeps the best plan)"
    )


class _Plain:
    def __init__(self, title: str, objective: str, console: Console) -> None:
        self.title, self.objective, self.console = title, objective, console
        self.next_line = PATIENCE
        self.seconds = 0.0

    def show(self, progress: SearchProgress) -> None:
        if progress.seconds < self.seconds:
            # The next search of a comparison: its clock starts anew.
            self.next_line = PATIENCE
        self.seconds = progress.seconds
        if progress.seconds >= self.next_line:
            self.console.print(describe(self.title, self.objective, progress), markup=False, soft_wrap=True)
            self.next_line = progress.seconds + PLAIN_INTERVAL

    def close(self) -> None:
        """Nothing is left open."""


class _Live:
    def __init__(self, title: str, objective: str, console: Console) -> None:
        self.title, self.objective, self.console = title, objective, console
        self.status: Status | None = None

    def show(self, progress: SearchProgress) -> None:
        if progress.seconds < PATIENCE:
            return
        text = describe(self.title, self.objective, progress).replace("[", r"\[")
        if self.status is None:
            self.status = Status(text, console=self.console)
            self.status.start()
        else:
            self.status.update(text)

    def close(self) -> None:
        if self.status is not None:
            self.status.stop()
