"""The command replan: exit status, what goes where, that every option has an effect."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from rocoin_opt.planning.replan import without_devices


@pytest.fixture(scope="module")
def result():
    return ro.solve(ro.generate("mcu", devices=12, seed=0), prefer="work")


@pytest.fixture
def files(tmp_path, result):
    """Instance file, plan file, and a device whose loss costs something."""
    instance, plan = tmp_path / "mcu.json", tmp_path / "mcu.plan.json"
    ro.write_instance(instance, result.instance)
    ro.write_plan(plan, result.instance, result)
    return instance, plan, result.plan.groups[0].devices[0]


@pytest.mark.slow
def test_tables_say_what_to_load(run, files):
    instance, plan, lost = files
    status, out, _ = run("replan", instance, plan, "--lost", lost, "--max-loads", 1)
    assert status == 0
    assert "11 devices left, 1 lost, 0 joined; at most 1 device may be sent a student" in out
    assert "to send: 1 student, " in out
    assert "+" in out


def test_json_and_files_agree_and_check_accepts_the_plan(run, files, tmp_path):
    instance, plan, lost = files
    left, new = tmp_path / "left.json", tmp_path / "new.plan.json"
    options = ("--lost", lost, "--max-loads", 2, "--left", left, "--out", new, "--json")
    status, out, _ = run("replan", instance, plan, *options)
    assert status == 0
    document = json.loads(out)
    assert (document["format"], document["version"]) == ("rocoin-opt/replan", 1)
    assert document["plan"] == json.loads(new.read_text())
    assert len(document["loads"]) == 2
    assert document["shipped_bytes"] == sum(load["size_bytes"] for load in document["loads"])
    assert document["objective_value"] == document["plan"]["metrics"]["guaranteed_seconds"]
    assert run("check", left, new)[0] == 0
    assert lost not in {device.id for device in ro.read_instance(left).devices}


@pytest.mark.slow
def test_options_reach_the_search(run, files):
    instance, plan, lost = files

    def mended(*options):
        return json.loads(run("replan", instance, plan, "--lost", lost, "--json", *options)[1])

    one, free = mended("--max-loads", "1"), mended()
    assert one["objective_value"] > free["objective_value"]
    assert (one["max_loads"], free["max_loads"]) == (1, None)
    assert one["unrestricted_value"] == free["objective_value"]
    assert mended("--objective", "nominal")["objective_value"] < free["objective_value"]
    assert mended("--seed", "5")["seed"] == 5
    reliable = mended("--objective", "failure")
    assert reliable["objective_value"] == reliable["plan"]["metrics"]["failure_probability"]
    assert reliable["objective_value"] <= free["plan"]["metrics"]["failure_probability"]
    assert mended("--threads", "2")["objective_value"] == free["objective_value"]
    assert mended("--time-limit", "0")["termination"] in ("feasible", "optimal")
    for wrong in (
        ["--max-loads", "-1"],
        ["--objective", "fast"],
        ["--objective", "expected"],
        ["--objective", "missing"],
        ["--objective", "quantile"],
        ["--lost", "nobody"],
        ["--joined", lost],
        ["--seed", "-1"],
    ):
        assert run("replan", instance, plan, *wrong)[0] == 2


@pytest.mark.slow
def test_a_plan_from_before_devices_joined_is_taken(run, tmp_path, result):
    spare = result.plan.spares[0]
    before = without_devices(result.instance, [spare])
    instance, plan = tmp_path / "mcu.json", tmp_path / "mcu.plan.json"
    ro.write_instance(instance, result.instance)
    known = ro.solve(before, start=ro.Plan.of(before, result.plan.groups), prefer="work")
    ro.write_plan(plan, before, known)
    status, out, _ = run("replan", instance, plan, "--joined", spare, "--max-loads", 0, "--json")
    assert status == 0
    assert json.loads(out)["joined"] == [spare]
    status, _, err = run("replan", instance, plan)
    assert status == 2
    assert "instance.sha256" in err


def test_too_few_loads_have_status_3_and_the_number_that_would_do(run, files):
    instance, plan, lost = files
    status, out, _ = run("replan", instance, plan, "--lost", lost, "--max-loads", 0)
    assert status == 3
    assert "1 would do" in out
    status, out, err = run("replan", instance, plan, "--lost", lost, "--max-loads", 0, "--json")
    assert status == 3
    assert json.loads(out)["fewest_loads"] == 1
    assert "1 would do" in err


def test_a_plan_for_what_is_left_says_so(run, files, tmp_path):
    instance, _, lost = files
    given, changed = ro.read_instance(instance), tmp_path / "changed.plan.json"
    left = without_devices(given, [lost])
    ro.write_plan(changed, left, ro.solve(left, "greedy"))
    told = f"this plan is for {given.name} without {lost}; give the file of replan --left, or solve again"
    status, out, err = run("check", instance, changed)
    assert (status, f"found no {lost}" in out, err) == (1, True, f"rocoin-opt: {changed}: {told}\n")
    status, _, err = run("evaluate", instance, changed)
    assert (status, told in err) == (2, True)


def test_no_time_without_a_plan_has_status_4(run, files):
    instance, plan, lost = files
    status, out, _ = run("replan", instance, plan, "--lost", lost, "--max-loads", 0, "--time-limit", 0)
    assert status == 4
    assert "no plan found; one may exist" in out
