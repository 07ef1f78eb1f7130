"""Progress of a search on standard error: a live line on a terminal, a plain line now and then elsewhere.

A thread of its own shows it, so that a step of the search that takes long is no silence.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.status import Status

from rocoin_opt.cli.verbosity import is_quiet
from rocoin_opt.control import OBJECTIVE
from rocoin_opt.control import Progress as SearchProgress
from rocoin_opt.plan import Objective, aim_of, relative_gap, shown_value
from rocoin_opt.wording import percent, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rocoin_opt.control import Report
    from rocoin_opt.failure import Advance

PATIENCE = 1.0
"""Seconds of silence before the first plain line: short searches print their result only."""
LIVE_PATIENCE = 0.3
"""The same on a terminal, where the line goes away again."""
PLAIN_INTERVAL = 5.0
"""Seconds between plain lines."""
TICK = 0.1
"""Seconds between looks at the clock."""
HINT, HINT_WITHOUT_PLAN = " (Ctrl-C keeps the best plan)", " (Ctrl-C ends the search)"
PHASE_WORDS = {"conflict": "why there is no plan", "success": "a plan that is sure enough"}
PLANLESS = (OBJECTIVE, *PHASE_WORDS)
"""Phases in which no plan is known as long as no value is."""


@contextlib.contextmanager
def showing_progress(title: str, objective: Objective = "guaranteed") -> Iterator[Report]:
    """Yield a report function that shows what it is told, values in the unit of an objective."""
    if is_quiet():
        yield lambda progress: None  # noqa: ARG005 - silent, whatever it is told
        return
    console = Console(file=sys.stderr, highlight=False)
    display = (_Live if console.is_terminal else _Plain)(title, objective, console)
    with _ticking(display):
        try:
            yield display.show
        finally:
            display.close()


@contextlib.contextmanager
def showing_trials(title: str, what: str = "trials") -> Iterator[Advance]:
    """Yield a function that shows how many of all trials are done: a bar, gone at the end, or plain lines.

    Parameters
    ----------
    title : str
        What is under way.
    what : str
        What its trials are called.
    """
    console = Console(file=sys.stderr, highlight=False)
    if not console.is_terminal and not is_quiet():
        work = _Working(title, console, what)
        with _ticking(work):
            yield work.advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=is_quiet()) as bar:
        task = bar.add_task(_without_markup(printable(title)), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextlib.contextmanager
def showing_work(title: str) -> Iterator[None]:
    """Show that something without known steps is under way."""
    console = Console(file=sys.stderr, highlight=False)
    if is_quiet():
        yield
    elif console.is_terminal:
        with Status(_without_markup(printable(title)), console=console):
            yield
    else:
        with _ticking(_Working(title, console)):
            yield


def describe(title: str, objective: Objective, progress: SearchProgress) -> str:
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
    phase = aim_of(objective) if progress.phase == OBJECTIVE else PHASE_WORDS.get(progress.phase, progress.phase)
    gap = percent(relative_gap(progress.value, progress.bound))
    return (
        f"{printable(title)}: {phase}, {progress.seconds:.0f} s, "
        f"value {shown_value(objective, progress.value)}, bound {shown_value(objective, progress.bound)}, gap {gap}"
    )


def _hint(progress: SearchProgress) -> str:
    """What Ctrl-C does: a plan is promised only where there is one."""
    return HINT_WITHOUT_PLAN if progress.value is None and progress.phase in PLANLESS else HINT


@contextlib.contextmanager
def _ticking(display: _Display | _Working) -> Iterator[None]:
    """Let a display look at the clock now and then, beside what goes on here."""
    is_over = threading.Event()

    def tick() -> None:
        while not is_over.wait(TICK):
            display.look()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


class _Display:
    """What is known of a search, and since when."""

    def __init__(self, title: str, objective: Objective, console: Console) -> None:
        self.title, self.objective, self.console = title, objective, console
        self.latest, self.heard = SearchProgress(0.0, None, None), time.monotonic()
        self.lock = threading.Lock()

    def show(self, progress: SearchProgress) -> None:
        """Take in what the search tells, and show it if it is time."""
        with self.lock:
            known, self.latest, self.heard = self.latest, progress, time.monotonic()
            self.update(progress, known)

    def look(self) -> None:
        """Show what is known by now if it is time."""
        with self.lock:
            known = self.latest
            since = time.monotonic() - self.heard
            now = SearchProgress(known.seconds + since, known.value, known.bound, known.phase)
            self.update(now, known)

    def update(self, now: SearchProgress, before: SearchProgress) -> None:
        """Show the state of now, where it was another one before."""
        raise NotImplementedError

    def close(self) -> None:
        """End what is shown."""


class _Plain(_Display):
    def __init__(self, title: str, objective: Objective, console: Console) -> None:
        super().__init__(title, objective, console)
        self.next_line = PATIENCE

    def update(self, now: SearchProgress, before: SearchProgress) -> None:
        if now.seconds < before.seconds:
            # The next search of a comparison: its clock starts anew.
            self.next_line = PATIENCE
        if now.seconds >= self.next_line or (now.phase != before.phase and now.seconds >= PATIENCE):
            line = describe(self.title, self.objective, now) + _hint(now)
            self.console.print(line, markup=False, soft_wrap=True)
            self.next_line = now.seconds + PLAIN_INTERVAL


class _Live(_Display):
    status: Status | None = None

    def update(self, now: SearchProgress, before: SearchProgress) -> None:  # noqa: ARG002 - of no interest here
        if now.seconds < LIVE_PATIENCE:
            return
        line = describe(self.title, self.objective, now)
        # One line, so that it does not jump: the spinner takes two characters.
        hint = _hint(now)
        hint = hint if len(line) + len(hint) + 2 <= self.console.width else ""
        text = _without_markup(line + hint)
        if self.status is None:
            self.status = Status(text, console=self.console)
            self.status.start()
        else:
            self.status.update(text)

    def close(self) -> None:
        with self.lock:
            if self.status is not None:
                self.status.stop()


class _Working:
    """A plain line now and then."""

    def __init__(self, title: str, console: Console, what: str = "") -> None:
        self.title, self.console, self.started = printable(title), console, time.monotonic()
        self.next_line, self.what, self.steps = PATIENCE, what, ""

    def advance(self, done: int, total: int) -> None:
        """Take in how many steps are done, where there are any."""
        self.steps = f", {done} of {total} {self.what}"

    def look(self) -> None:
        """Print a line if it is time."""
        seconds = time.monotonic() - self.started
        if seconds >= self.next_line:
            self.console.print(f"{self.title}: {seconds:.0f} s{self.steps}", markup=False, soft_wrap=True)
            self.next_line = seconds + PLAIN_INTERVAL


def _without_markup(text: str) -> str:
    return text.replace("[", r"\[")
