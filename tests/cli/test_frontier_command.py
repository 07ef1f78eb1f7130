"""The command frontier and the option --criterion: exit status, what goes where, that every option has an effect."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from examples import two_pairs


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "sbc.json"
    ro.write_instance(path, ro.generate("sbc", devices=8, seed=1, filters=12, max_groups=3, graph=True))
    return path


@pytest.mark.slow
def test_the_table_has_a_row_for_each_point(run, given):
    status, out, _ = run("frontier", given)
    assert status == 0
    title, header, *rows = out.splitlines()
    assert "complete: every latency limit was searched" in title
    assert header.split() == ["latency", "limit", "groups", "filters", "ncut", "bound", "gap"]
    assert sum(row.endswith(" %") for row in rows) > 1


@pytest.mark.slow
def test_json_holds_plans_that_check_accepts(run, given, tmp_path):
    status, out, _ = run("frontier", given, "--json")
    assert status == 0
    document = json.loads(out)
    assert (document["format"], document["version"]) == ("rocoin-opt/frontier", 1)
    for number, point in enumerate(document["points"]):
        plan = tmp_path / f"{number}.plan.json"
        plan.write_text(json.dumps(point["plan"]))
        assert run("check", given, plan)[0] == 0
        assert point["plan"]["metrics"]["guaranteed_seconds"] == point["seconds"]
        assert point["plan"]["metrics"]["ncut"] == pytest.approx(point["partition_value"])
        assert point["partition_bound"] <= point["partition_value"]


@pytest.mark.slow
def test_options_of_frontier_reach_the_search(run, given):
    def searched(*options):
        return json.loads(run("frontier", given, "--json", *options)[1])

    everything = searched()
    assert everything["termination"] == "complete"
    assert len(everything["points"]) > 2
    two = searched("--points", "2")
    assert (two["termination"], len(two["points"])) == ("points", 2)
    assert searched("--objective", "nominal")["latency_bound"] < everything["latency_bound"]
    assert searched("--criterion", "cut")["criterion"] == "cut"
    assert searched("--seed", "5")["seed"] == 5
    assert searched("--threads", "2")["points"] == everything["points"]
    stopped = run("frontier", given, "--json", "--time-limit", "0")
    assert json.loads(stopped[1])["termination"] in ("limit", "no_plan")
    assert json.loads(run("frontier", given, "--json", "--polish", "0")[1])["termination"] == "limit"
    for wrong in (
        ["--points", "1"],
        ["--criterion", "best"],
        ["--objective", "fast"],
        ["--threads", "0"],
        ["--seed", "-1"],
    ):
        assert run("frontier", given, *wrong)[0] == 2


def test_a_frontier_needs_a_graph_and_an_objective_without_chance(run, given, tmp_path):
    path = tmp_path / "pairs.json"
    ro.write_instance(path, two_pairs())
    status, out, err = run("frontier", path)
    assert (status, out) == (2, "")
    assert "knowledge.graph is missing" in err
    status, out, err = run("frontier", given, "--objective", "expected")
    assert (status, out) == (2, "")
    assert "guaranteed, nominal, worst, not expected" in err
    for objective in ("failure", "missing", "quantile"):
        status, out, err = run("frontier", given, "--objective", objective)
        assert (status, out) == (2, "")
        assert f"not {objective}" in err


def test_an_infeasible_instance_has_status_3(run, tmp_path):
    instance = ro.generate("mcu", devices=4, seed=1, filters=12, graph=True).with_requirements(max_group_outage=1e-12)
    path = tmp_path / "lost.json"
    ro.write_instance(path, instance)
    status, out, _ = run("frontier", path)
    assert status == 3
    assert "infeasible: there is no plan" in out
    assert "reliability" in out
    status, out, err = run("frontier", path, "--json")
    assert status == 3
    assert json.loads(out)["points"] == []
    assert "reliability" in err


def test_no_time_without_a_plan_has_status_4(run, given, monkeypatch):
    from rocoin_opt.planning import frontier as tradeoff
    from rocoin_opt.planning.frontier import Frontier

    def no_plan(instance, objective, **options):
        return Frontier(instance, objective, options["criterion"], "no_plan", (), None, ("too short",), 0.0, 0)

    monkeypatch.setattr(tradeoff, "frontier", no_plan)
    status, out, _ = run("frontier", given)
    assert status == 4
    assert "no plan found" in out


@pytest.mark.slow
def test_the_criterion_of_solve_decides_between_equally_fast_plans(run, given):
    def solved(*options):
        return json.loads(run("solve", given, "--json", *options)[1])

    ncut, resilient = solved(), solved("--criterion", "resilient")
    assert ncut["solve"]["objective_value"] == resilient["solve"]["objective_value"]
    assert ncut["metrics"]["ncut"] < resilient["metrics"]["ncut"]
    status, out, err = run("solve", given, "--criterion", "best")
    assert (status, out) == (2, "")
    assert "one of ncut, cut, resilient" in err
