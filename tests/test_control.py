"""Limits, progress, and the two kinds of Ctrl-C."""

from __future__ import annotations

import math
import os
import signal
import threading
from typing import Any

import pytest

from rocoin_opt.control import Control, Progress, stopped_by_interrupt
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
