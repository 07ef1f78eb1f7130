"""The comparison table: every figure in its column, marks where a limit was dropped."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

import rocoin_opt as ro
from examples import two_pairs
from rocoin_opt.report.comparison import print_comparison


def test_rows_hold_the_figures_of_the_results():
    instance = two_pairs().with_requirements(deadline_seconds=9.0)
    results = ro.compare(instance, ["greedy", "nonn"])
    stream = io.StringIO()
    print_comparison(instance, results, Console(file=stream, width=160, color_system=None))
    title, header, greedy, nonn, unlimited, footnote, reason = stream.getvalue().splitlines()
    assert title == "two pairs, objective guaranteed"
    assert header.split()[:4] == ["method", "termination", "value", "bound"]
    assert greedy.split()[:7] == ["greedy", "optimal", "5", "s", "5", "s", "0.00"]
    assert nonn.split()[:4] == ["nonn", "no", "plan", "-"]
    assert unlimited.split()[0] == "nonn*"
    assert "limit of 0.01" in footnote
    assert reason.startswith("nonn: ")


@pytest.mark.parametrize(
    ("objective", "value"), [("failure", ["0.0199", "0.002"]), ("quantile", ["5", "s", "2", "ms"])]
)
def test_values_have_the_unit_of_the_objective(objective, value):
    instance = two_pairs().with_requirements(success_level=0.98)
    stream = io.StringIO()
    results = [replace(ro.solve(instance, "rocoin", objective), lower_bound=0.002, termination="feasible")]
    print_comparison(instance, results, Console(file=stream, width=160, color_system=None))
    title, header, row = stream.getvalue().splitlines()
    assert title == f"two pairs, objective {objective}"
    assert header.split()[-2:] == ["groups", "search"]
    assert row.split()[: 2 + len(value)] == ["rocoin", "feasible", *value]
    assert header.split()[5] == "failure"
    assert "  0.0199  " in row
    assert row.split()[-3] == "2"
