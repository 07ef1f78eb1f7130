"""Comparisons with other solvers: what a peer says is checked, and the tables say what was found."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from types import SimpleNamespace

import pytest

import examples
import rocoin_opt as ro

PEER = """#!{python}
import pathlib, sys
if sys.argv[1] == "-c":
    print("9.15")
else:
    print("a banner")
    print(pathlib.Path({answer!r}).read_text())
"""


@pytest.fixture
def modules(monkeypatch, repository):
    """The modules behind the script, imported as the script does."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    names = ("cases", "measure", "medians", "method_table", "run_records")
    yield SimpleNamespace(**{name: importlib.import_module(f"peers.{name}") for name in names})
    forget_peers()


def forget_peers():
    for name in [name for name in sys.modules if name.split(".")[0] == "peers"]:
        del sys.modules[name]


@pytest.fixture
def instance_file(tmp_path):
    path = tmp_path / "pairs.json"
    ro.write_instance(path, examples.pairs())
    return path


@pytest.fixture
def peer(tmp_path):
    """An interpreter that stands in for one with OR-Tools, and says whatever it is told to."""
    program, answer = tmp_path / "python", tmp_path / "answer.json"
    program.write_text(PEER.format(python=sys.executable, answer=str(answer)))
    program.chmod(0o755)
    best = ro.solve(examples.pairs(), "milp")
    said = {
        "value": 0.0,
        "bound": best.lower_bound,
        "status": "OPTIMAL",
        "seconds": 0.5,
        "build_seconds": 0.25,
        "version": "9.15",
        "plan": best.plan.model_dump(mode="json", exclude_none=True),
    }

    def says(**changes):
        answer.write_text(json.dumps(said | changes))
        return str(program)

    return SimpleNamespace(says=says, plan=said["plan"], value=best.objective_value)


def side_by_side(repository, *arguments):
    command = [sys.executable, str(repository / "benchmarks" / "side_by_side.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_peers_plan_is_checked_and_valued_anew(modules, peer, instance_file):
    limits = modules.measure.Limits(10.0)
    found = modules.measure.measure(instance_file, "cp-sat", "guaranteed", limits, peer.says())
    assert found.checked
    assert (found.termination, found.seconds, found.build_seconds) == ("optimal", 0.5, 0.25)
    assert found.value == peer.value
    assert found.gap == 0.0


@pytest.mark.parametrize("method", ["cp-sat", "scip", "linopy"])
def test_a_proof_needs_its_bound(modules, peer, instance_file, method):
    limits = modules.measure.Limits(10.0)
    near = peer.says(bound=0.999999 * peer.value)
    within = modules.measure.measure(instance_file, method, "guaranteed", limits, near)
    assert within.termination == "optimal"
    below = modules.measure.measure(instance_file, method, "guaranteed", limits, peer.says(bound=0.999 * peer.value))
    assert (below.termination, below.value, below.bound) == ("feasible", peer.value, 0.999 * peer.value)
    assert "claims" in below.note


def test_a_peers_invalid_plan_is_no_result(modules, peer, instance_file):
    groups = [{**group, "num_filters": group["num_filters"] + 1} for group in peer.plan["groups"]]
    python = peer.says(plan={**peer.plan, "groups": groups})
    found = modules.measure.measure(instance_file, "cp-sat", "guaranteed", modules.measure.Limits(10.0), python)
    assert (found.termination, found.value, found.bound, found.checked) == ("failed", None, None, False)
    assert "invalid plan" in found.note


def test_a_peer_without_a_plan_keeps_its_bound(modules, peer, instance_file):
    python = peer.says(plan=None, status="UNKNOWN", bound=0.25)
    found = modules.measure.measure(instance_file, "cp-sat", "guaranteed", modules.measure.Limits(10.0), python)
    assert (found.termination, found.value, found.bound, found.gap) == ("no plan", None, 0.25, None)


@pytest.mark.slow
def test_a_process_that_breaks_off_is_reported_with_its_last_line(modules, instance_file):
    limits = modules.measure.Limits(-1.0)
    found = modules.measure.measure(instance_file, "greedy", "guaranteed", limits, sys.executable)
    assert found.termination == "failed"
    assert "time_limit" in found.note or "time-limit" in found.note


@pytest.mark.slow
def test_methods_of_the_package_are_measured_by_their_command(modules, instance_file):
    found = modules.measure.measure(instance_file, "milp", "nominal", modules.measure.Limits(30.0), sys.executable)
    expected = ro.solve(examples.pairs(), "milp", "nominal")
    assert (found.termination, found.value, found.bound) == ("optimal", expected.objective_value, expected.lower_bound)
    assert found.checked


@pytest.mark.slow
def test_an_infeasible_instance_has_no_value(modules, repository):
    path = repository / "instances" / "infeasible" / "memory.json"
    found = modules.measure.measure(path, "greedy", "guaranteed", modules.measure.Limits(10.0), sys.executable)
    assert (found.termination, found.value, found.checked) == ("infeasible", None, False)


@pytest.mark.slow
def test_without_or_tools_the_peer_is_not_measured(repository, instance_file, tmp_path):
    python = tmp_path / "no-or-tools"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    out = tmp_path / "runs.json"
    done = side_by_side(
        repository, instance_file, "--methods", "greedy,cp-sat", "--peer-python", python, "--out", out, "--markdown"
    )
    assert done.returncode == 0, done.stderr
    assert "no-or-tools has no ortools (extra bench): it is not measured" in done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("|") and "not measured" in line]
    assert row.endswith("| not measured: no ortools |")
    runs = json.loads(out.read_text())["results"]["runs"]
    assert [run["termination"] for run in runs][1:] == ["not measured"]
    assert runs[0]["checked"]
    again = side_by_side(repository, "--from", out, "--markdown")
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout


@pytest.mark.slow
def test_what_was_measured_is_kept(repository, peer, instance_file, tmp_path):
    out = tmp_path / "runs.json"
    asked = [instance_file, "--methods", "scip", "--peer-python", peer.says(), "--out", out, "--resume"]
    assert side_by_side(repository, *asked).returncode == 0
    before = json.loads(out.read_text())["results"]["runs"]
    peer.says(seconds=7.0)
    assert side_by_side(repository, *asked).returncode == 0
    assert json.loads(out.read_text())["results"]["runs"] == before
    other = side_by_side(repository, *asked, "--time-limit", "5")
    assert other.returncode == 1
    assert "other settings" in other.stderr


@pytest.mark.slow
def test_a_bound_above_a_valid_plan_is_a_contradiction(repository, peer, instance_file):
    python = peer.says(bound=2.0 * peer.value)
    done = side_by_side(repository, instance_file, "--methods", "greedy,cp-sat", "--peer-python", python)
    assert done.returncode == 1
    assert "contradiction: pairs: cp-sat claims the bound" in done.stderr
    assert "plan, value" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--methods", "magic", "x.json"], id="method", marks=pytest.mark.slow),
        pytest.param(["--family", "edge"], id="no sizes", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_run_is_refused(repository, arguments):
    done = side_by_side(repository, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def run_of(modules, case, **fields):
    reference = modules.measure.Measurement("exact", "optimal", value=2.0, bound=2.0, seconds=1.0, checked=True)
    result = modules.measure.Measurement(**{"method": "exact", "termination": "optimal", **fields})
    return modules.medians.Run(case, 0, result, reference)


def case_of(modules, gap, seconds=10.0):
    return modules.cases.Case(None, "a", "edge", 30, modules.cases.Target(seconds, gap))


def proof(seconds):
    return {"value": 2.0, "bound": 2.0, "seconds": seconds, "checked": True}


def stopped(gap, seconds):
    return {"termination": "feasible", "value": 2.0, "bound": 2.0 * (1.0 - gap), "seconds": seconds, "checked": True}


@pytest.mark.parametrize(
    ("gap", "results", "holds"),
    [
        (0.0, [proof(1.0), proof(9.0), proof(50.0)], True),
        (0.0, [proof(1.0), proof(11.0), proof(50.0)], False),
        (0.0, [proof(1.0), stopped(0.0, 2.0), stopped(0.0, 2.0)], False),
        (0.25, [stopped(0.125, 10.1), stopped(0.25, 10.1), stopped(0.5, 10.1)], True),
        (0.25, [stopped(0.125, 10.1), stopped(0.375, 10.1), stopped(0.5, 10.1)], False),
        (0.25, [stopped(0.125, 10.3)], False),
        (math.inf, [stopped(0.9, 10.0)], True),
        (math.inf, [stopped(0.9, 10.0), {"termination": "no plan", "seconds": 1.0, "bound": 1.0}], False),
    ],
)
def test_targets_hold_for_the_median(modules, gap, results, holds):
    runs = [run_of(modules, case_of(modules, gap), **fields) for fields in results]
    (row,) = modules.medians.medians(runs, "exact")
    assert row.holds is holds


@pytest.mark.parametrize(("slowest", "holds"), [(50.0, True), (49.0, False)])
def test_a_target_for_the_slowest_run_holds_for_all(modules, slowest, holds):
    target = modules.cases.Target(9.0, slowest=slowest)
    case = modules.cases.Case(None, "a", "edge", 30, target)
    runs = [run_of(modules, case, **proof(seconds)) for seconds in (1.0, 9.0, 50.0)]
    (row,) = modules.medians.medians(runs, "exact")
    assert row.holds is holds
    assert str(target) == f"all proven within {slowest:g} s, median 9 s"
    assert target.limit == slowest


def test_medians_have_spread_and_ratios(modules):
    case = case_of(modules, 0.0)
    runs = [run_of(modules, case, method="cp-sat", **stopped(gap, 4.0 * gap)) for gap in (0.5, 0.25, 1.0)]
    runs.append(run_of(modules, case, method="cp-sat", termination="not measured"))
    (row,) = modules.medians.medians(runs, "exact")
    assert (row.measured, row.proven, row.holds) == (3, 0, None)
    assert row.gap == (0.5, 0.25, 1.0)
    assert row.seconds == row.seconds_ratio == (2.0, 1.0, 4.0)
    assert row.value_ratio == (1.0, 1.0, 1.0)


def test_a_proof_of_infeasibility_contradicts_a_plan(modules):
    case = case_of(modules, 0.0)
    runs = [run_of(modules, case, **proof(1.0)), run_of(modules, case, method="cp-sat", termination="infeasible")]
    assert modules.medians.contradictions(runs) == ["a: cp-sat says infeasible, exact has a valid plan"]
    assert modules.medians.contradictions(runs[:1]) == []


def test_preset_chooses_rows_by_family_and_size(modules, tmp_path):
    cases = list(modules.cases.preset_cases(tmp_path, "table", ["edge", "paper"], [8, 30], [0, 1]))
    assert [(case.family, case.devices) for case in cases] == [("paper", 8)] * 2 + [("edge", 8)] * 2 + [
        ("edge", 30)
    ] * 2
    assert [str(case.target) for case in cases[::2]] == ["proven within 1 s", "proven within 1 s", "proven within 5 s"]
    assert all(ro.read_instance(case.path).name == case.name for case in cases)
    assert [case.target.limit for case in cases[::2]] == [10.0, 10.0, 10.0]
    large = list(modules.cases.preset_cases(tmp_path, "table", ["edge"], [50, 100], None))
    assert large[0].target.limit == 15.0
    assert [case.name for case in large] == ["edge-50-0", "edge-50-1", "edge-50-2", "edge-100-0"]
    fresh = list(modules.cases.preset_cases(tmp_path, "fresh", ["lossy"], [24], [7, 8, 9]))
    assert [case.is_monolithic for case in fresh] == [True, True, False]


def sized(modules, devices, **fields):
    case = modules.cases.Case(None, f"edge-{devices}", "edge", devices, modules.cases.Target(5.0))
    return run_of(modules, case, method="scip", **fields)


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ([stopped(1.0, 9.0), stopped(0.99, 9.0), stopped(0.1, 9.0)], "gap 99 % with 30 devices"),
        ([stopped(1.0, 9.0), stopped(1.0, 9.0), proof(9.0)], ""),
        ([stopped(0.98, 9.0)], ""),
        ([{"termination": "no plan", "seconds": 9.0}], "no plan with 30 devices"),
        ([{"termination": "not measured", "note": "no pyscipopt"}], "no pyscipopt"),
    ],
)
def test_a_method_that_gets_nowhere_is_not_tried_on_larger_instances(modules, last, said):
    runs = [sized(modules, 8, **proof(1.0)), *(sized(modules, 30, **fields) for fields in last)]
    larger = modules.cases.Case(None, "edge-50", "edge", 50)
    assert modules.medians.hopeless(runs, larger, "scip") == said
    assert modules.medians.hopeless(runs, larger, "exact") == ""
    assert modules.medians.hopeless(runs, modules.cases.Case(None, "edge-30", "edge", 30), "scip") == ""


def test_a_row_a_size_and_a_column_a_method(modules):
    case = case_of(modules, 0.0)
    runs = [run_of(modules, case, **proof(seconds)) for seconds in (1.0, 20.0)]
    runs += [run_of(modules, case, method="scip", **{**stopped(0.5, 10.0), "value": 2.5, "bound": 1.25})]
    runs += [run_of(modules, case, method="linopy", termination="not measured", note="why")]
    rows = modules.medians.medians(runs, "exact")
    header, body = modules.method_table.method_table(rows, {("edge", 30): case.target})
    assert header == ["family", "devices", "target", "exact", "scip", "linopy"]
    assert body == [
        [
            *("edge", "30", "proven within 10 s"),
            "2/2 proven, 10 (1.00..20) s, target missed",
            "0/1 proven, >10 s, gap 50.00 %, value +25.00 %",
            "not measured: why",
        ]
    ]


def test_runs_survive_their_document(modules):
    case = modules.cases.Case(None, "a", "edge", 30, modules.cases.Target(10.0, math.inf, 20.0))
    results = [
        modules.measure.Measurement("exact", "optimal", 2.0, 2.0, 1.0, checked=True),
        modules.measure.Measurement("scip", "failed", note="why"),
    ]
    runs = [modules.medians.Run(case, 1, result, results[0]) for result in results]
    kept = json.loads(json.dumps([modules.run_records.record(run) for run in runs], allow_nan=False))
    again = modules.run_records.runs_of(kept)
    assert [(run.repeat, run.result, run.reference) for run in again] == [(1, result, results[0]) for result in results]
    assert {run.case.target for run in again} == {case.target}
