"""What ``solve`` says of no plan, rules on its command line, and starts that break something."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from examples import pairs
from samples import cases


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "pairs.json"
    ro.write_instance(path, pairs())
    return path


def test_a_conflict_is_told_and_printed_as_json(run, tmp_path):
    path = tmp_path / "strict.json"
    ro.write_instance(path, pairs(requirements={"min_groups": 3}))
    status, out, _ = run("solve", path)
    assert status == 3
    assert "conflict: max_group_outage 0.02 and min_groups 3 cannot hold together; each of them is needed" in out
    assert "remedy: with min_groups 2 instead of 3 there is a plan" in out
    status, out, err = run("solve", path, "--json")
    conflict = json.loads(out)["conflict"]
    assert (status, conflict["irreducible"]) == (3, True)
    assert [member["path"] for member in conflict["members"]] == [
        "requirements.max_group_outage",
        "requirements.min_groups",
    ]
    assert [member["would_do"] for member in conflict["members"]] == [0.1, 2]
    assert "remedy: with max_group_outage 0.1 instead of 0.02 there is a plan" in err
    assert ro.Conflict.model_validate(conflict) == ro.why_not(ro.read_instance(path))
    # Baselines plan blind, and a plan needs no reason.
    assert "conflict" not in json.loads(run("solve", path, "--json", "--method", "rocoin")[1])


def test_there_is_nothing_to_tell_where_there_is_a_plan(run, given):
    assert ro.why_not(pairs()) is None
    document = json.loads(run("solve", given, "--json")[1])
    assert "conflict" not in document
    assert "repair" not in document


def test_without_time_nothing_is_claimed():
    instance = pairs(rules=[{"apart": ["d0", "d1", "d2", "d3"]}])
    conflict = ro.why_not(instance, time_limit=0)
    assert (conflict.members, conflict.irreducible) == ((), False)
    assert conflict.sentences == ("conflict: whether there is a plan was not decided in time",)
    assert ro.solve(instance, explain=False).conflict is None


@pytest.mark.parametrize(
    ("options", "rules"),
    cases(
        [(["--together", "d0,d1", "--spread", "2"], [{"together": ["d0", "d1"]}, {"spread": 2}])],
        [
            (["--spare", "d3"], [{"spare": ["d3"]}]),
            (["--use", "d0,d1", "--use", "d2"], [{"use": ["d0", "d1"]}, {"use": ["d2"]}]),
            (["--apart", "d0,d1", "--apart", "d2,d3"], [{"apart": ["d0", "d1"]}, {"apart": ["d2", "d3"]}]),
        ],
    ),
)
def test_rules_of_the_command_line_are_kept_and_recorded(run, given, tmp_path, options, rules):
    plan = tmp_path / "p.plan.json"
    options = ("--latency-only", *options)
    status, _, err = run("solve", given, "--out", plan, *options)
    note = (
        "is for pairs with the rules of the command line: check, report and others need them in the instance file, and "
        "--left FILE writes it"
    )
    assert status == 0
    # On a busy machine lines of progress stand before it.
    assert err.endswith(f"rocoin-opt: {plan} {note}\n")
    status, _, err = run("check", given, plan)
    assert (status, "pairs has changed since, or options of solve added rules to it" in err) == (1, True)
    left = tmp_path / "left.json"
    assert run("solve", given, "--out", plan, "--left", left, *options)[0] == 0
    assert run("check", left, plan)[0] == 0
    document = json.loads(plan.read_text())
    asked = ro.read_instance(given).with_rules(*map(ro.Rule.model_validate, rules))
    assert ro.check(asked, ro.read_plan(plan, asked)) == ()
    assert document["solve"]["objective_value"] == ro.solve(asked, latency_only=True).objective_value
    # It can be started from with these rules as it is, and without them as a plan of another state of the instance.
    for others, is_changed in ((options, False), (("--latency-only",), True)):
        status, _, err = run("solve", given, "--start", plan, *others)
        assert status == 0
        assert ("has changed since this plan was made" in err) == is_changed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--spare", "d9"], "--spare: found 'd9'; allowed: the id of a device: d0, d1, d2, d3"),
        (["--use", "d0,d0"], "--use: found 'd0'; allowed: each device once, of: d0, d1, d2, d3"),
        (["--apart", "d0"], "--apart: found 'd0'; allowed: at least 2 devices, as ID,ID"),
        (["--together", ","], "--together: found ','; allowed: at least one name, or no such option"),
        (["--spread", "0"], "--spread: found 0; allowed: a whole number from 1 to 1000000"),
        (["--spare", "d1", "--use", "d1"], "--spare: found 'd1'; allowed: a device that no other rule or option wants"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(run, given, options, message):
    status, out, err = run("solve", given, *options)
    assert (status, out) == (2, "")
    assert err.startswith(f"rocoin-opt: options: {message}")


def test_contradicting_rules_are_named(run, given):
    status, out, _ = run("solve", given, "--together", "d0,d1", "--apart", "d0,d1", "--use", "d0")
    assert status == 3
    assert "rules[0] (use d0), rules[1] (apart d0, d1) and rules[2] (together d0, d1) cannot hold together" in out
    assert "remedy: without rules[1] (apart d0, d1) there is a plan" in out


def test_a_start_that_breaks_a_rule_is_repaired_and_the_changes_told(run, given, tmp_path):
    plan, new = tmp_path / "p.plan.json", tmp_path / "n.plan.json"
    run("solve", given, "--out", plan)
    used = json.loads(plan.read_text())["groups"][0]["devices"][0]
    options = ("--start", plan, "--spare", used)
    status, out, _ = run("solve", given, *options, "--out", new)
    assert status == 0
    assert "start: repaired, as it broke groups[0].devices: spare" in out
    assert f"{used} is idle" in out
    repair = json.loads(new.read_text())["repair"]
    assert (repair["repaired"], repair["idle"]) == (True, [used])
    assert used in json.loads(new.read_text())["spares"]
    working = {device for group in json.loads(new.read_text())["groups"] for device in group["devices"]}
    assert {load["device"] for load in repair["loads"]} <= working
    asked = ro.read_instance(given).with_rules(ro.Rule(spare=(used,)))
    ro.write_instance(given, asked)
    assert run("check", given, new)[0] == 0


@pytest.mark.slow
def test_a_start_of_wrong_sizes_is_repaired():
    instance = pairs()
    start = ro.Plan.of(instance, [ro.Group(devices=("d0", "d1"), student="s1", num_filters=5)])
    for method in ("auto", "local-search", "milp"):
        result = ro.solve(instance, method, start=start)
        assert ro.check(instance, result.plan) == ()
        assert result.repair.repaired
        assert "capacity" in result.repair.violations[0]
        assert "start: repaired" in result.summary()


def test_a_start_without_time_to_repair_is_set_aside():
    instance = pairs()
    start = ro.Plan.of(instance, [ro.Group(devices=("d0",), student="s3", num_filters=5)])
    result = ro.solve(instance, start=start, time_limit=0)
    assert result.repair is None or not result.repair.repaired or ro.check(instance, result.plan) == ()
    assert "start: could not be repaired, and was set aside: groups[0]: outage" in result.summary()


def test_a_valid_start_has_nothing_to_tell():
    plan = ro.solve(pairs()).plan
    assert ro.solve(pairs(), start=plan).repair is None


def test_what_is_known_where_no_plan_was_found():
    """Too many devices for a proof, and rules that leave no plan."""
    fleet = ro.generate("edge", devices=24, seed=0)
    names = [device.id for device in fleet.devices]
    asked = fleet.with_rules(ro.Rule(apart=tuple(names)))
    result = ro.solve(asked, "greedy", latency_only=True)
    assert (result.plan, result.termination) == (None, "no_plan")
    assert any(reason.startswith("known: without the rules there is a plan") for reason in result.reasons)
