"""The command solve: rules on the command line, why there is no plan, and a start that has to be repaired."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from rocoin_opt.instance.relaxations import relaxed
from samples import cases


@pytest.fixture(scope="module")
def fleet() -> ro.Instance:
    return ro.generate("mcu", devices=12, seed=10, domains=3)


@pytest.fixture
def path(tmp_path, fleet):
    ro.write_instance(tmp_path / "mcu.json", fleet)
    return tmp_path / "mcu.json"


def plan_of(out: str) -> list[set[str]]:
    return [set(group["devices"]) for group in json.loads(out)["groups"]]


def domains_of(fleet: ro.Instance, group: set[str]) -> int:
    return len({device.failure_domain for device in fleet.devices if device.id in group})


@pytest.fixture(scope="module")
def plain(fleet):
    """Groups of the plan without any rule."""
    return [set(group.devices) for group in ro.solve(fleet, latency_only=True).plan.groups]


@pytest.mark.parametrize("rule", cases(["spare"], ["spread", "apart", "use", "together"]))
def test_each_rule_has_its_effect(run, path, fleet, plain, rule):
    first, second = sorted(plain[0])[:2]
    other = sorted(plain[1])[0]
    everybody = {device.id for device in fleet.devices}
    value, is_kept = {
        "spare": (first, lambda groups: all(first not in group for group in groups)),
        "apart": (f"{first},{second}", lambda groups: all(not {first, second} <= group for group in groups)),
        "spread": (3, lambda groups: all(domains_of(fleet, group) >= 3 for group in groups)),
        "use": (",".join(everybody), lambda groups: set().union(*groups) == everybody),
        "together": (f"{first},{other}", lambda groups: all(len({first, other} & group) != 1 for group in groups)),
    }[rule]
    status, out, _ = run("solve", path, "--json", "--latency-only", f"--{rule}", value)
    assert status == 0
    assert is_kept(plan_of(out))
    assert rule in ("spread", "use") or not is_kept(plain)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--spare", "nobody"], "--spare: found 'nobody'; allowed: the id of a device"),
        (["--apart", "DEVICE"], "at least 2 devices"),
        (["--spread", 0], "--spread: found 0; allowed: a whole number from 1"),
        (["--use", "DEVICE", "--spare", "DEVICE"], "--spare: found 'DEVICE'"),
    ],
)
def test_what_is_no_rule_is_refused_by_option(run, path, fleet, options, message):
    name = fleet.devices[0].id
    status, _, err = run("solve", path, *(str(option).replace("DEVICE", name) for option in options))
    assert status == 2
    assert message.replace("DEVICE", name) in err


def test_the_plan_that_is_written_is_for_the_instance_with_the_rules(run, path, fleet, tmp_path):
    first = fleet.devices[0].id
    assert run("solve", path, "--spare", first, "--latency-only", "--out", tmp_path / "x.plan.json")[0] == 0
    ruled = fleet.with_rules(ro.Rule(spare=(first,)))
    assert json.loads((tmp_path / "x.plan.json").read_text())["instance"]["sha256"] == ruled.sha256 != fleet.sha256
    ro.write_instance(tmp_path / "ruled.json", ruled)
    assert run("check", tmp_path / "ruled.json", tmp_path / "x.plan.json")[0] == 0
    assert run("check", path, tmp_path / "x.plan.json")[0] == 1


def test_why_there_is_no_plan_stands_in_words_and_in_json(run, path, fleet, monkeypatch):
    # However busy the machine is.
    monkeypatch.setattr("rocoin_opt.planning.conflicts.why_not.MOST_SECONDS", 3600.0)
    five = ",".join(device.id for device in fleet.devices[:5])
    options = ("--use", five, "--apart", five)
    status, out, _ = run("solve", path, *options)
    assert status == 3
    assert "conflict: max_groups 4" in out
    assert "with max_groups 5 instead of 4 there is a plan" in out
    conflict = json.loads(run("solve", path, *options, "--json")[1])["conflict"]
    assert conflict["irreducible"]
    assert [member["path"] for member in conflict["members"]] == ["requirements.max_groups", "rules[0]", "rules[1]"]
    assert conflict["members"][0]["would_do"] == 5


@pytest.mark.slow
def test_a_start_that_breaks_limits_is_repaired_and_told(run, path, fleet, tmp_path):
    blind = ro.solve(relaxed(fleet)).plan
    assert ro.check(fleet, blind)
    document = json.loads(run("solve", path, "--json")[1])
    document["groups"] = [group.model_dump(mode="json", exclude_none=True) for group in blind.groups]
    document["spares"] = list(blind.spares)
    for key in ("metrics", "solve"):
        document.pop(key, None)
    (tmp_path / "blind.plan.json").write_text(json.dumps(document))
    status, out, _ = run("solve", path, "--start", tmp_path / "blind.plan.json", "--method", "local-search")
    assert status == 0
    assert "start: repaired, as it broke groups[" in out
    assert "changed from the start: " in out
    repair = json.loads(run("solve", path, "--start", tmp_path / "blind.plan.json", "--json")[1])["repair"]
    assert repair["repaired"]
    assert repair["violations"]
