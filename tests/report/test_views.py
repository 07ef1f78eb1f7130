"""What results show of themselves in Python: text, plain data, frames, drawings, HTML and one line."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rocoin_opt as ro
from examples import pairs
from runs import row, stored
from samples import cases

if TYPE_CHECKING:
    from pathlib import Path

NASTY = "<b>[red]pairs[/]</b>"


@cache
def graphed() -> ro.Instance:
    filters = pairs().knowledge.num_filters
    weights = np.ones((filters, filters)) - np.eye(filters)
    return pairs().with_fields(name=NASTY).with_knowledge(graph=ro.FilterGraph.from_weights(weights))


@cache
def shown() -> dict[str, Any]:
    instance = graphed()
    result = ro.solve(instance, "greedy", latency_only=True)
    assert result.plan is not None
    lost = result.plan.groups[-1].devices[:1]
    point = ro.FrontierPoint(result.plan, 0.2656, 1.99, 0.3, 1.5)
    frontier = ro.Frontier(instance, "guaranteed", "ncut", "limit", (point,), 0.2, (), 1.0, 0)
    return {
        "result": result,
        "plan": result.plan,
        "comparison": ro.compare(instance, ["greedy", "nonn"]),
        "frontier": frontier,
        "replan": ro.replan(instance, result.plan, lost, time_limit=0.2),
        "run": ro.RunResults([row("/i/a.json", "greedy", 1.0, 0.5), row("/i/a.json", "exact", 0.9, 0.9)]),
    }


KINDS = ("result", "plan", "comparison", "frontier", "replan", "run")


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_told_in_words_in_a_line_and_as_data(kind: str) -> None:
    value = shown()[kind]
    line = repr(value)
    assert line.startswith(f"<{type(value).__name__}: ")
    assert "\n" not in line
    assert len(line) < 200
    assert value.summary().endswith("\n")
    html = value._repr_html_()
    assert html.startswith("<pre")
    assert "<b>" not in html
    assert isinstance(json.loads(json.dumps(value.to_dict())), dict)


@pytest.mark.parametrize(
    ("kind", "rows", "columns"),
    [
        ("plan", 2, {"group", "student", "devices"}),
        ("result", 2, {"group", "num_filters", "outage"}),
        ("comparison", 3, {"method", "objective_value", "gap", "guaranteed_seconds", "is_unlimited"}),
        ("frontier", 1, {"seconds", "partition_value", "partition_gap", "sizes"}),
        ("run", 2, {"instance", "method", "objective_value", "wall_seconds"}),
    ],
)
def test_a_frame_has_a_row_for_each_part(kind: str, rows: int, columns: set[str]) -> None:
    frame = shown()[kind].to_frame()
    assert len(frame) == rows
    assert columns <= set(frame.columns)


def test_frames_agree_with_what_they_show() -> None:
    found = shown()
    frame = found["comparison"].to_frame()
    values = [float("nan") if r.objective_value is None else r.objective_value for r in found["comparison"]]
    assert frame.objective_value.tolist() == pytest.approx(values, nan_ok=True)
    assert frame.is_unlimited.tolist() == [False, False, True]
    replan = found["replan"]
    frame = replan.to_frame()
    assert set(frame[frame.is_load].device) == {load.device for load in replan.loads}
    assert frame.size_bytes.sum() == replan.shipped_bytes
    empty = ro.solve(pairs().with_requirements(max_group_outage=0.0), "greedy").to_frame()
    assert (len(empty), "outage" in empty) == (0, True)


@pytest.mark.parametrize(
    ("kind", "pictures"), cases([("comparison", 1)], [("plan", 3), ("result", 3), ("frontier", 1), ("run", 2)])
)
def test_the_pictures_of_the_pages_are_drawn_in_colours(kind: str, pictures: int) -> None:
    value = shown()[kind]
    figure = value.plot(graphed()) if kind == "plan" else value.plot()
    assert len(figure.axes) == pictures
    svg = figure._repr_svg_()
    assert svg.lstrip().startswith("<?xml")
    # Colours that stand for roles would be shades of black.
    assert "#0a0a0" not in svg
    assert "#010101" not in svg


def test_there_must_be_something_to_draw() -> None:
    for value in (ro.RunResults(), ro.solve(pairs().with_requirements(max_group_outage=0.0), "greedy")):
        with pytest.raises(ro.InputError, match="nothing to draw"):
            value.plot()
    with pytest.raises(ro.InputError, match="the instance that the plan is for"):
        shown()["plan"].plot()


def test_the_folder_of_a_run_is_read(tmp_path: Path) -> None:
    items = tuple(shown()["run"])
    found = ro.RunResults.read(stored(tmp_path, items))
    assert sorted(item.method for item in found) == ["exact", "greedy"]
    assert repr(found) == "<RunResults: 2 items, 1 optimal, 1 feasible>"


def test_a_comparison_is_a_tuple_of_results() -> None:
    found = shown()["comparison"]
    assert [result.method for result in found] == ["greedy", "nonn", "nonn"]
    assert found[0].plan == found[:1][0].plan
    assert found == tuple(found)
    assert found.instance is graphed()


@pytest.mark.slow
def test_showing_loads_nothing_before_it_is_asked_for() -> None:
    code = (
        "import sys, rocoin_opt as ro;"
        "r = ro.solve('instances/mcu/mcu-12-0.json', 'greedy', latency_only=True, time_limit=0.1);"
        "repr(r); r.summary(); print(*sorted({'pandas', 'matplotlib', 'networkx', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
