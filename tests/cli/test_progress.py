"""Progress of a search: what is shown, where, and in which unit."""

from __future__ import annotations

from rocoin_opt.cli.progress import showing_progress
from rocoin_opt.control import Progress


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    with showing_progress("title") as report:
        for seconds in (0.5, 1.5, 2.5, 7.0):
            report(Progress(seconds, 2.0, 1.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert lines[0] == "title: 2 s, value 2 s, bound 1 s, gap 50.00 % (Ctrl-C keeps the best plan)"


def test_progress_has_the_unit_of_the_objective(capsys):
    for objective in ("failure", "quantile"):
        with showing_progress("title", objective) as report:
            report(Progress(2.0, 2e-12, 1e-12))
    first, second = capsys.readouterr().err.splitlines()
    assert "value 2e-12, bound 1e-12, gap 50.00 %" in first
    assert "value 2e-12 s, bound 1e-12 s, gap 50.00 %" in second


def test_the_next_search_of_a_comparison_has_plain_lines_of_its_own(capsys):
    with showing_progress("title") as report:
        for seconds in (0.5, 61.0, 0.5, 1.5):
            report(Progress(seconds, 2.0, 1.0))
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == ["title: 61 s", "title: 2 s"]


def test_progress_is_a_live_line_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showing_progress("[odd] title") as report:
        report(Progress(0.1, None, None))
        report(Progress(3.0, None, 1.0))
        report(Progress(4.0, 2.0, 1.0))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "[odd] title" in captured.err
