"""Progress of a search: what is shown, where, and in which unit."""

from __future__ import annotations

import time

import pytest
from rich.console import Console

from rocoin_opt.cli import progress, verbosity
from rocoin_opt.cli.progress import showing_progress, showing_work
from rocoin_opt.control import Progress


@pytest.fixture(autouse=True)
def nobody_looks_at_the_clock(monkeypatch):
    """Only what is told is shown: a busy machine changes nothing."""
    monkeypatch.setattr(progress, "TICK", 3600.0)


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    with showing_progress("title") as report:
        for seconds in (0.5, 1.5, 2.5, 7.0):
            report(Progress(seconds, 2.0, 1.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert lines[0] == "title: latency, 2 s, value 2 s, bound 1 s, gap 50.00 % (Ctrl-C keeps the best plan)"


def test_no_plan_is_promised_while_there_is_none(capsys):
    for bound, phase in ((1.0, "objective"), (None, "success"), (None, "reliability")):
        with showing_progress("title") as report:
            report(Progress(2.0, None, bound, phase))
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == "title: latency, 2 s, value -, bound 1 s, gap - (Ctrl-C ends the search)"
    assert second.startswith("title: a plan that is sure enough, 2 s")
    assert second.endswith("(Ctrl-C ends the search)")
    assert third.endswith("(Ctrl-C keeps the best plan)")


def test_progress_has_the_unit_of_the_objective(capsys):
    for objective in ("failure", "quantile"):
        with showing_progress("title", objective) as report:
            report(Progress(2.0, 2e-12, 1e-12))
    first, second = capsys.readouterr().err.splitlines()
    assert "value 2e-12, bound 1e-12, gap 50.00 %" in first
    assert "value 0.002 ns, bound 0.001 ns, gap 50.00 %" in second
    assert first.startswith("title: failure probability, 2 s")


def test_the_next_search_of_a_comparison_has_plain_lines_of_its_own(capsys):
    with showing_progress("title") as report:
        for seconds in (0.5, 61.0, 0.5, 1.5):
            report(Progress(seconds, 2.0, 1.0))
    assert [line.split(",")[1] for line in capsys.readouterr().err.splitlines()] == [" 61 s", " 2 s"]


def test_progress_is_a_live_line_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showing_progress("[odd] title") as report:
        report(Progress(0.1, None, None))
        report(Progress(3.0, None, 1.0))
        report(Progress(4.0, 2.0, 1.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "[odd] title" in captured.err


def test_each_phase_has_its_name_when_it_begins(capsys):
    with showing_progress("title") as report:
        for seconds, phase in (
            (0.5, "objective"),
            (2.0, "partition"),
            (2.5, "reliability"),
            (3.0, "work"),
            (3.5, "work"),
        ):
            report(Progress(seconds, 2.0, 2.0, phase))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["title: partition", "title: reliability", "title: work"]


def test_a_long_step_that_tells_nothing_is_no_silence(capsys):
    display = progress._Plain("title", "guaranteed", Console(stderr=True))
    display.show(Progress(0.5, 2.0, 1.0))
    display.heard = time.monotonic() - 60.0
    display.look()
    display.look()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("title: latency, 6")


def test_work_without_steps_is_told_now_and_then(capsys):
    working = progress._Working("[odd] title", Console(stderr=True))
    working.look()
    working.started -= 7.0
    working.look()
    assert capsys.readouterr().err.startswith("[odd] title: 7 s")


def test_trials_are_counted_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "TICK", 0.001)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with progress.showing_trials("[odd] title", "requests") as advance:
        advance(3, 40)
        while not (said := capsys.readouterr().err):
            time.sleep(0.001)
    assert said.startswith("[odd] title: 0 s")
    working = progress._Working("title", Console(stderr=True), "requests")
    working.advance(3, 40)
    working.look()
    assert capsys.readouterr().err.endswith("title: 0 s, 3 of 40 requests\n")


def test_somebody_looks_at_the_clock(capsys, monkeypatch):
    monkeypatch.setattr(progress, "TICK", 0.001)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    for showing in (showing_progress, showing_work):
        with showing("title"):
            while not (said := capsys.readouterr().err):
                time.sleep(0.001)
        assert said.startswith("title: ")


def test_quiet_commands_show_nothing(capsys, monkeypatch):
    monkeypatch.setitem(verbosity._state, "quiet", True)
    with showing_progress("title") as report, showing_work("title"), progress.showing_trials("title") as advance:
        advance(1, 2)
        report(Progress(100.0, 2.0, 1.0, "partition"))
    assert capsys.readouterr().err == ""
