"""Progress of a batch run on standard error: a live bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rocoin_opt.cli.progress import PLAIN_INTERVAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.batch import Observe, State


@contextlib.contextmanager
def showing_batch(quiet: bool) -> Iterator[Observe]:
    """Yield a function that shows how far a run is."""
    console = Console(file=sys.stderr, highlight=False)
    if quiet:
        yield lambda state: None  # noqa: ARG005 - silent, whatever it is told
    elif console.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("")
            clock = Clock()
            yield lambda state: bar.update(
                task, completed=state.done, total=state.total, description=f"{counts(state)}, {clock.left(state)}"
            )
    else:
        yield _Plain(console).show


class Clock:
    """When a run will end, going by what it has done since it began."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def left(self, state: State) -> str:
        """Say how long the rest will take."""
        through = state.done - state.earlier
        if state.done == state.total:
            return "at the end"
        if not through:
            return "end unknown"
        seconds = (time.monotonic() - self._started) / through * (state.total - state.done)
        return f"{timedelta(seconds=round(seconds))} left"


def counts(state: State) -> str:
    """Say what is failed and at work."""
    return f"{state.failed} failed, {state.running} running"


class _Plain:
    def __init__(self, console: Console) -> None:
        self._console, self._clock = console, Clock()
        self._next = time.monotonic() + PLAIN_INTERVAL

    def show(self, state: State) -> None:
        if time.monotonic() >= self._next:
            line = f"{state.done} of {state.total} items done, {counts(state)}, {self._clock.left(state)}"
            self._console.print(line, markup=False, soft_wrap=True)
            self._next = time.monotonic() + PLAIN_INTERVAL
