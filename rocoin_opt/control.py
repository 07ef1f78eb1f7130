"""How long and how hard to search, and how to be stopped: what every method is given beside the instance."""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from rocoin_opt.errors import InputError, Problem

if TYPE_CHECKING:
    from rocoin_opt.exchange import Exchange

LOGGER = logging.getLogger("rocoin_opt")
"""The one logger: each phase of a search as INFO, each better value or bound as DEBUG."""
LOGGER.addHandler(logging.NullHandler())
MAX_THREADS = 64
"""Threads beyond which a solver is busier with them than with its work."""
TERMINATED = 128 + signal.SIGTERM
"""Exit status of a program that SIGTERM ended, as shells have it."""
OBJECTIVE = "objective"
"""Name of the first phase of a search, which is after the objective."""
ROUNDING = 1e-6
"""Relative distance up to which what a search told differs from what is certified by a solver's tolerances only."""


class TimeUp(Exception):  # noqa: N818 - no error: it never leaves the search that it ends
    """The time is up in the middle of something; whoever began it goes on with what was known before."""


@dataclass(frozen=True)
class Progress:
    """State of a search at one moment.

    Attributes
    ----------
    seconds : float
        Since the search began.
    value : float or None
        Objective value of the best plan so far, in the unit of the objective.
    bound : float or None
        Valid lower bound so far, in the same unit.
    phase : str
        What is searched for: ``objective`` first, then what comes behind it, ``partition``, ``reliability`` and
        ``work``, the ``frontier``, or a ``conflict`` where there is no plan. Value and bound stay the objective's.

    Examples
    --------
    >>> heard = []
    >>> result = ro.solve(instance, "greedy", report=heard.append)
    >>> result.trace[-1].value == result.objective_value
    True
    """

    seconds: float
    value: float | None
    bound: float | None
    phase: str = OBJECTIVE


Report: TypeAlias = Callable[[Progress], None]


class Recorder:
    """What a search told, best so far, in rows that are as few as its steps forward.

    Parameters
    ----------
    listener : callable, optional
        Told of every report too, as the best value and bound so far.
    """

    def __init__(self, listener: Report | None = None) -> None:
        self._listener = listener
        self._rows: list[Progress] = []

    def report(self, progress: Progress) -> None:
        """Take a report in: a larger value, a smaller bound and what is not finite change nothing."""
        known = self._rows[-1] if self._rows else Progress(0.0, None, None)
        value, bound = known.value, known.bound
        # What is weighed in a later phase is no value of the objective.
        if progress.phase == OBJECTIVE:
            value = _best(min, value, progress.value)
            bound = _best(max, bound, progress.bound)
        if (value, bound) != (known.value, known.bound):
            self._rows.append(Progress(progress.seconds, value, bound))
            LOGGER.debug("%.2f s: value %s, bound %s", progress.seconds, value, bound)
        if self._listener is not None:
            self._listener(Progress(progress.seconds, value, bound, progress.phase))

    def certified(self, seconds: float, value: float | None, bound: float | None) -> tuple[Progress, ...]:
        """Return the course of the search in the light of its certified end.

        Parameters
        ----------
        seconds : float
            When the search ended.
        value, bound : float or None
            Value and lower bound that it ended with, in the unit of the objective, as checked.

        Returns
        -------
        tuple of Progress
            Values never rise, bounds never fall, and every row tells something new but for the last, which is the
            end. What a solver told a rounding error too well is corrected. What was told and then not kept, a plan
            that turned out invalid say, is left out.
        """
        course: list[Progress] = []
        known = Progress(0.0, None, None)
        for row in self._rows:
            borne_value = _best(min, known.value, _borne_out(row.value, value, 1.0))
            borne_bound = _best(max, known.bound, _borne_out(row.bound, bound, -1.0))
            if (borne_value, borne_bound) != (known.value, known.bound):
                known = Progress(row.seconds, borne_value, borne_bound)
                course.append(known)
        return (*course, Progress(seconds, value, bound))


@dataclass(frozen=True)
class Control:
    """Limits, seed and reporting of a search.

    Attributes
    ----------
    seed : int
        Seed of every random choice.
    threads : int
        Threads that the mathematical programming solver may use.
    gap : float
        Relative gap at which the search may stop.
    deadline : float
        Moment of :func:`time.perf_counter` at which the search must stop; infinite for no limit.
    stop : threading.Event
        Set from outside to stop the search early.
    report : callable or None
        Called with a :class:`Progress` from time to time.
    phase : str
        What the search is working on, see :class:`Progress`.
    is_timed : bool
        Whether the whole search has a time limit. Without one, effort is the limit, so that the same arguments give
        the same plan on every machine, even where a deadline cuts a phase short.
    exchange : object or None
        What parallel searches share: the best plan and the best bound.

    Examples
    --------
    >>> control = ro.Control.starting_now(time_limit=60.0)
    >>> control.exhausted
    False
    """

    seed: int = 0
    threads: int = 1
    gap: float = 0.0
    deadline: float = math.inf
    stop: threading.Event = field(default_factory=threading.Event)
    report: Report | None = None
    phase: str = OBJECTIVE
    is_timed: bool = False
    started: float = field(default_factory=time.perf_counter)
    exchange: Exchange | None = None

    @classmethod
    def starting_now(
        cls,
        *,
        time_limit: float | None = None,
        gap: float = 0.0,
        seed: int = 0,
        threads: int = 1,
        report: Report | None = None,
    ) -> Control:
        """Start the clock.

        Parameters
        ----------
        time_limit : float, optional
            Seconds that the search may take; no limit where left out.
        gap : float
            Relative gap at which it may stop.
        seed : int
            Seed of every random choice, below 2^31.
        threads : int
            Threads that the mathematical programming solver may use.
        report : callable, optional
            Called with a :class:`Progress` from time to time.

        Raises
        ------
        InputError
            If an option is outside of its range.
        """
        _require("time_limit", time_limit, time_limit is None or time_limit >= 0, "a number of seconds, at least 0")
        _require("gap", gap, 0 <= gap <= sys.float_info.max, "a finite number, at least 0")
        _require("seed", seed, 0 <= seed < 2**31, "a whole number from 0 to 2147483647")
        _require("threads", threads, 1 <= threads <= MAX_THREADS, f"a whole number from 1 to {MAX_THREADS}")
        now = time.perf_counter()
        deadline = math.inf if time_limit is None else now + min(time_limit, sys.float_info.max)
        return cls(
            seed=seed,
            threads=threads,
            gap=gap,
            deadline=deadline,
            report=report,
            is_timed=time_limit is not None,
            started=now,
        )

    @property
    def elapsed(self) -> float:
        """Seconds since the search began."""
        return time.perf_counter() - self.started

    @property
    def remaining(self) -> float:
        """Seconds left, at least 0; infinite without a limit."""
        return max(0.0, self.deadline - time.perf_counter())

    @property
    def exhausted(self) -> bool:
        """Whether the time is up, a stop was requested, or another process has settled the search."""
        return self.stopped or time.perf_counter() >= self.deadline

    @property
    def stopped(self) -> bool:
        """The same, regardless of the time."""
        return self.stop.is_set() or (self.exchange is not None and self.exchange.is_over)

    def has_time_for(self, seconds: float) -> bool:
        """Whether there is time for a step of about this duration that cannot be stopped."""
        return not self.exhausted and seconds <= self.remaining

    def tell(self, value: float | None, bound: float | None) -> None:
        """Report the state of the search."""
        if self.report is not None:
            self.report(Progress(self.elapsed, value, bound, self.phase))

    def entering(self, phase: str) -> Control:
        """Return the control for the next phase of the search, and report that it begins."""
        control = replace(self, phase=phase)
        LOGGER.info("%.2f s: %s", control.elapsed, phase)
        control.tell(None, None)
        return control

    def within(self, seconds: float | None) -> Control:
        """Return a control that ends at most so many seconds from now; None sets no further limit."""
        if seconds is None:
            return self
        return replace(self, deadline=min(self.deadline, time.perf_counter() + seconds))

    def share(self, part: float) -> Control:
        """Return a control that ends when a share of the remaining time has passed; the same one without a limit."""
        return self.within(part * self.remaining) if self.remaining < math.inf else self

    def a_moment_longer(self, seconds: float) -> Control:
        """Return a control for work that may be late: it ends so many seconds after the limit, or after a stop."""
        end = time.perf_counter() if self.stop.is_set() else self.deadline
        return replace(self, deadline=end + seconds, stop=threading.Event(), report=None, exchange=None)

    def silent(self) -> Control:
        """Return the same control without reports, for a search inside a search."""
        return replace(self, report=None)


def require_time(control: Control) -> None:
    """Break off what cannot be used half done.

    Raises
    ------
    TimeUp
        If the time is up or somebody asked to stop.
    """
    if control.exhausted:
        raise TimeUp


UNLIMITED = Control()
"""For what is searched without a clock."""


@contextlib.contextmanager
def stopped_by_interrupt(control: Control) -> Iterator[None]:
    """Let the first Ctrl-C, or SIGTERM, stop the search gently, and a second Ctrl-C break it off.

    SIGTERM is taken only where it would end the program at once: a program that ignores it, or handles it itself, goes
    on to do so. It stops the last search of the program: whatever begins another one afterwards ends, by SystemExit
    with the status :data:`TERMINATED`. Outside of the main thread, where Python cannot handle signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    interrupted = False

    def on_interrupt(number: int, frame: Any) -> None:
        nonlocal interrupted
        # The flag of our own comes first: see below on events.
        if interrupted or control.stop.is_set():
            signal.default_int_handler(number, frame)
        interrupted = True
        control.stop.set()

    def on_termination(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of a handler
        # Some send it twice in a row, GNU timeout for one; who means it harder has SIGKILL. A second one in the middle
        # of setting an event would wait for the event's lock for good, as this very thread holds it.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _terminated.set()
        control.stop.set()

    # Of searches within each other the outermost takes it, and the others share its event.
    with _termination_handled(on_termination) as is_outermost:
        if is_outermost and terminated():
            raise SystemExit(TERMINATED)
        previous = signal.signal(signal.SIGINT, on_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


def terminated() -> bool:
    """Whether SIGTERM stopped a search of this program: no other one will begin."""
    return _terminated.is_set()


@contextlib.contextmanager
def ended_by_termination() -> Iterator[None]:
    """Let SIGTERM end the program as Ctrl-C does, by way of every ``finally``: by SystemExit, with :data:`TERMINATED`.

    For work that is no single search: searches in it are broken off too. Where SIGTERM has stopped a search already,
    what is left is to show its result, and another one changes nothing. Where a program ignores SIGTERM or handles it
    itself, and outside of the main thread, nothing changes either.
    """

    def on_termination(number: int, frame: Any) -> None:  # noqa: ARG001 - the signature of a handler
        if terminated():
            return
        # A second one must not break off what the first one tidies up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _termination_handled(on_termination):
        yield


@contextlib.contextmanager
def _termination_handled(handler: Callable[[int, Any], None]) -> Iterator[bool]:
    """Handle SIGTERM if it would end the program at once; yield whether that is so."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield False
        return
    signal.signal(signal.SIGTERM, handler)
    try:
        yield True
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


_terminated = threading.Event()


def _best(choose: Callable[[float, float], float], known: float | None, told: float | None) -> float | None:
    if told is None or not math.isfinite(told):
        return known
    return told if known is None else choose(known, told)


def _borne_out(told: float | None, certified: float | None, worse: float) -> float | None:
    """What was told as far as the certified end bears it out; ``worse`` is the sign of the worse direction."""
    if told is None or certified is None:
        return None
    excess = (certified - told) * worse
    if excess <= 0.0:
        return told
    return certified if excess <= ROUNDING * abs(certified) else None


def _require(name: str, value: object, holds: bool, allowed: str) -> None:
    if not holds:
        raise InputError("options", [Problem(name, repr(value), allowed)])
