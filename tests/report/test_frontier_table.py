"""The frontier's table and JSON: every figure in its place."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

import rocoin_opt as ro
from rocoin_opt.planning.frontier import frontier
from rocoin_opt.report.frontier import END_WORDS, frontier_document, print_frontier
from rocoin_opt.wording import seconds


@pytest.fixture(scope="module")
def found():
    return frontier(ro.generate("mcu", devices=8, seed=1, filters=12, max_groups=3, graph=True))


def shown(found):
    stream = io.StringIO()
    print_frontier(found, Console(file=stream, width=160, color_system=None, highlight=False))
    return stream.getvalue().splitlines()


def test_rows_hold_the_figures_of_the_points(found):
    title, _, *rows = shown(found)
    assert title == f"mcu-8-1, objective guaranteed, criterion ncut: {END_WORDS['complete']}"
    assert len(rows) == len(found.points) + 2
    for row, point in zip(rows, found.points, strict=False):
        latency, unit, limit, unit_of_limit, *rest = row.removesuffix(" %").split()
        assert f"{latency} {unit}" == seconds(point.seconds)
        assert f"{limit} {unit_of_limit}" == seconds(point.limit_seconds)
        groups, *sizes, value, bound, gap = rest
        assert int(groups) == len(point.plan.groups)
        assert tuple(map(int, sizes)) == point.plan.sizes
        assert [float(value), float(bound)] == pytest.approx([point.partition_value, point.partition_bound], abs=1e-4)
        assert float(gap) == pytest.approx(100 * point.partition_gap, abs=0.01)
    assert rows[-2].startswith(f"no plan is faster than {seconds(found.latency_bound)}")


def test_without_points_there_are_reasons(found):
    nothing = dataclasses.replace(found, termination="infeasible", points=(), reasons=("memory: [none]",))
    assert shown(nothing) == [
        "mcu-8-1, objective guaranteed, criterion ncut: infeasible: there is no plan",
        "  memory: [none]",
    ]


def test_the_document_holds_every_figure(found):
    document = frontier_document(found)
    assert list(document) == [
        *("format", "version", "instance", "objective", "criterion", "termination", "latency_bound", "points"),
        *("reasons", "wall_seconds", "seed", "versions"),
    ]
    assert document["instance"] == {"name": "mcu-8-1", "sha256": found.instance.sha256}
    assert [point["seconds"] for point in document["points"]] == [point.seconds for point in found.points]
    for entry, point in zip(document["points"], found.points, strict=True):
        assert entry["partition_gap"] == point.partition_gap
        assert entry["plan"]["groups"][0]["filters"] == list(point.plan.groups[0].filters)
