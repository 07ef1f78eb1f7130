"""Limits, progress, and the two kinds of Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from rocoin_opt.control import Control, Progress, Recorder, stopped_by_interrupt
from rocoin_opt.errors import InputError


def test_without_limits_nothing_ends() -> None:
    control = Control.starting_now()
    assert not control.exhausted
    assert control.remaining == math.inf
    assert control.elapsed >= 0.0


def test_a_time_limit_of_zero_is_over_at_once() -> None:
    control = Control.starting_now(time_limit=0.0)
    assert control.exhausted
    assert control.remaining == 0.0


def test_a_time_limit_runs_down() -> None:
    control = Control.starting_now(time_limit=1000.0)
    assert not control.exhausted
    assert 900.0 < control.remaining <= 1000.0


def test_a_limit_that_no_float_holds_is_none() -> None:
    assert not Control.starting_now(time_limit=10**400).exhausted
    with pytest.raises(InputError, match="gap: found 1000"):
        Control.starting_now(gap=10**400)


def test_a_stop_from_outside() -> None:
    control = Control.starting_now()
    control.stop.set()
    assert control.exhausted


def test_progress_is_told_unless_silent() -> None:
    told: list[Progress] = []
    control = Control.starting_now(report=told.append)
    control.tell(2.0, None)
    control.silent().tell(1.0, 1.0)
    assert [(progress.value, progress.bound) for progress in told] == [(2.0, None)]
    assert told[0].seconds >= 0.0


def test_a_silent_control_keeps_limits_and_stop() -> None:
    control = Control.starting_now(time_limit=1000.0, seed=7, threads=2, gap=0.1)
    silent = control.silent()
    assert (silent.seed, silent.threads, silent.gap, silent.deadline) == (7, 2, 0.1, control.deadline)
    control.stop.set()
    assert silent.exhausted


def told(*states: tuple[float | None, float | None]) -> tuple[Recorder, list[Progress]]:
    """A recorder that was told states at the seconds 1, 2, ..., and what its listener heard."""
    heard: list[Progress] = []
    recorder = Recorder(heard.append)
    for moment, state in enumerate(states, 1):
        recorder.report(Progress(float(moment), *state))
    return recorder, heard


def test_the_listener_hears_the_best_so_far_at_every_report() -> None:
    _, heard = told((None, 1.0), (5.0, None), (6.0, 0.5), (4.0, 2.0))
    assert heard == [
        Progress(1.0, None, 1.0),
        Progress(2.0, 5.0, 1.0),
        Progress(3.0, 5.0, 1.0),
        Progress(4.0, 4.0, 2.0),
    ]


def test_a_record_has_a_row_for_each_step_forward_and_its_end() -> None:
    recorder, _ = told((None, None), (5.0, 1.0), (5.0, 1.0), (6.0, 0.5), (4.0, 1.0), (4.0, None), (None, 2.0))
    steps = (Progress(2.0, 5.0, 1.0), Progress(5.0, 4.0, 1.0), Progress(7.0, 4.0, 2.0))
    assert recorder.certified(9.0, 4.0, 2.0) == (*steps, Progress(9.0, 4.0, 2.0))
    assert recorder.certified(9.0, 3.0, 2.5) == (*steps, Progress(9.0, 3.0, 2.5))


def test_a_search_that_tells_nothing_has_its_end_only() -> None:
    assert Recorder().certified(9.0, 4.0, 2.0) == (Progress(9.0, 4.0, 2.0),)
    assert Recorder().certified(9.0, None, None) == (Progress(9.0, None, None),)


def test_what_is_not_finite_tells_nothing() -> None:
    recorder, heard = told((math.inf, -math.inf), (math.nan, math.nan))
    assert heard == [Progress(1.0, None, None), Progress(2.0, None, None)]
    assert recorder.certified(3.0, 4.0, 2.0) == (Progress(3.0, 4.0, 2.0),)


def test_a_rounding_error_of_a_solver_is_corrected() -> None:
    recorder, _ = told((4.0 - 1e-9, 2.0 + 1e-9))
    assert recorder.certified(9.0, 4.0, 2.0) == (Progress(1.0, 4.0, 2.0), Progress(9.0, 4.0, 2.0))


def test_what_was_told_and_not_kept_is_left_out() -> None:
    recorder, _ = told((6.0, 1.0), (3.0, 1.5), (3.0, 2.5))
    assert recorder.certified(9.0, 4.0, 2.0) == (
        Progress(1.0, 6.0, 1.0),
        Progress(2.0, 6.0, 1.5),
        Progress(9.0, 4.0, 2.0),
    )
    # Without a plan no value was kept, and of an infeasible instance no bound.
    assert recorder.certified(9.0, None, None) == (Progress(9.0, None, None),)


def test_figures_of_zero_are_kept() -> None:
    recorder, _ = told((0.0, 0.0))
    assert recorder.certified(9.0, 0.0, 0.0) == (Progress(1.0, 0.0, 0.0), Progress(9.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time_limit": -1.0}, "options: time_limit: found -1.0; allowed: a number of seconds, at least 0"),
        ({"time_limit": math.nan}, "options: time_limit: found nan; allowed: a number of seconds, at least 0"),
        ({"gap": -0.1}, "options: gap: found -0.1; allowed: a finite number, at least 0"),
        ({"gap": math.inf}, "options: gap: found inf; allowed: a finite number, at least 0"),
        ({"seed": -1}, "options: seed: found -1; allowed: a whole number from 0 to 2147483647"),
        ({"seed": 2**31}, "options: seed: found 2147483648; allowed: a whole number from 0 to 2147483647"),
        ({"threads": 0}, "options: threads: found 0; allowed: a whole number from 1 to 64"),
        ({"threads": 65}, "options: threads: found 65; allowed: a whole number from 1 to 64"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Control.starting_now(**options)
    assert str(caught.value) == message


def test_the_first_interrupt_stops_gently_and_the_second_breaks_off() -> None:
    control = Control.starting_now()
    before = signal.getsignal(signal.SIGINT)

    def interrupted_twice() -> None:
        with stopped_by_interrupt(control):
            os.kill(os.getpid(), signal.SIGINT)
            assert control.exhausted
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted_twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_handler_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopped_by_interrupt(Control.starting_now()):
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    entered: list[bool] = []

    def work() -> None:
        with stopped_by_interrupt(Control.starting_now()):
            entered.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [True]


PREFACE = """
import os, signal, sys, threading
from rocoin_opt.control import Control, ended_by_termination, stopped_by_interrupt, terminated
TERM, control = signal.SIGTERM, Control.starting_now()
def term(): os.kill(os.getpid(), TERM)
"""


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (
            # GNU timeout sends it twice, which must not break anything off.
            "with stopped_by_interrupt(control):\n    term(); term(); print(control.exhausted)\n"
            "print(signal.getsignal(TERM) is signal.SIG_DFL, terminated())",
            0,
            "True\nTrue True\n",
        ),
        (
            # The outermost of searches within each other takes it, as they share its event.
            "with stopped_by_interrupt(control):\n"
            "    with stopped_by_interrupt(control): term()\n"
            "    with stopped_by_interrupt(control): print(control.exhausted)",
            0,
            "True\n",
        ),
        (
            # It was the last search: a program with many of them ends.
            "with stopped_by_interrupt(control): term()\nprint('kept')\n"
            "with stopped_by_interrupt(Control.starting_now()): print('not begun')",
            143,
            "kept\n",
        ),
        ("with stopped_by_interrupt(control): pass\nterm()", -signal.SIGTERM, ""),
        (
            "signal.signal(TERM, signal.SIG_IGN)\n"
            "with stopped_by_interrupt(control), ended_by_termination(): term(); print(control.exhausted)\n"
            "print(signal.getsignal(TERM) is signal.SIG_IGN)",
            0,
            "False\nTrue\n",
        ),
        (
            "mine = lambda *_: print('mine')\nsignal.signal(TERM, mine)\n"
            "with stopped_by_interrupt(control), ended_by_termination(): term(); print(control.exhausted)\n"
            "print(signal.getsignal(TERM) is mine)",
            0,
            "mine\nFalse\nTrue\n",
        ),
        (
            # By way of every finally, even if it comes once more there.
            "with ended_by_termination():\n    try: term()\n    finally: term(); print('tidied')",
            143,
            "tidied\n",
        ),
        (
            "with ended_by_termination(), stopped_by_interrupt(control):\n"
            "    try: term()\n    finally: print(control.exhausted)",
            143,
            "False\n",
        ),
        (
            # What is left of a search that it stopped is shown, however often it comes.
            "with stopped_by_interrupt(control): term()\nwith ended_by_termination(): term(); term(); print('shown')",
            0,
            "shown\n",
        ),
        ("with ended_by_termination(): pass\nprint(signal.getsignal(TERM) is signal.SIG_DFL)", 0, "True\n"),
        (
            "def work():\n    with stopped_by_interrupt(control), ended_by_termination():\n"
            "        print(signal.getsignal(TERM) is signal.SIG_DFL)\n"
            "thread = threading.Thread(target=work); thread.start(); thread.join()",
            0,
            "True\n",
        ),
    ],
)
def test_sigterm(code: str, status: int, said: str) -> None:
    found = subprocess.run([sys.executable, "-c", PREFACE + code], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (status, said, "")
