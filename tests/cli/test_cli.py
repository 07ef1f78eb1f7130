"""The command line: exit status, what goes where, and that every option has an effect."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys

import pytest

import rocoin_opt as ro
from examples import pairs
from rocoin_opt.cli import main
from samples import cases


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "pairs.json"
    ro.write_instance(path, pairs())
    return path


def test_solve_writes_a_plan_that_check_accepts(run, given, tmp_path):
    plan = tmp_path / "pairs.plan.json"
    status, out, _ = run("solve", given, "--out", plan)
    assert status == 0
    assert "guaranteed latency" in out
    assert "optimal" in out
    assert "binding: group" in out
    status, out, _ = run("check", given, plan)
    assert status == 0
    assert "a valid plan" in out


def test_solve_prints_the_plan_as_json_and_nothing_else(run, given, tmp_path):
    plan = tmp_path / "pairs.plan.json"
    status, out, _ = run("solve", given, "--json", "--method", "greedy", "--out", plan)
    assert status == 0
    assert json.loads(out) == json.loads(plan.read_text())
    assert json.loads(out)["solve"]["method"] == "greedy"


def test_options_of_solve_reach_the_search(run, given):
    def solved(*options):
        return json.loads(run("solve", given, "--json", *options)[1])

    assert solved("--objective", "nominal")["solve"]["objective"] == "nominal"
    assert solved("--seed", "5", "--method", "random")["solve"]["seed"] == 5
    assert "filters" in solved("--filters")["groups"][0]
    assert "filters" not in solved()["groups"][0]
    assert solved("--method", "milp", "--gap", "0.9", "--threads", "2")["solve"]["gap"] <= 0.9
    assert run("solve", given, "--gap", "-1")[0] == 2
    assert run("solve", given, "--threads", "0")[0] == 2


def test_a_search_starts_from_a_plan_file(run, tmp_path):
    instance, poor = tmp_path / "paper.json", tmp_path / "poor.plan.json"
    ro.write_instance(instance, ro.generate("paper", seed=1))
    run("solve", instance, "--method", "random", "--seed", "3", "--out", poor)
    start = json.loads(poor.read_text())
    at_once = ("--time-limit", "0", "--latency-only")
    stopped = json.loads(run("solve", instance, "--start", poor, *at_once, "--json")[1])
    assert stopped["groups"] == start["groups"]
    status, out, _ = run("solve", instance, "--start", poor, "--json")
    assert status == 0
    assert json.loads(out)["solve"]["termination"] == "optimal"
    assert json.loads(out)["solve"]["objective_value"] < start["solve"]["objective_value"]


@pytest.mark.parametrize("command", cases([["solve", "--method", "greedy"]], [["frontier", "--points", "2"]]))
def test_estimated_classes_are_told(run, tmp_path, command):
    instance = ro.generate("paper", devices=5, seed=0, filters=8, graph=True)
    knowledge = instance.knowledge.model_copy(update={"class_affinity": None})
    ro.write_instance(tmp_path / "i.json", instance.model_copy(update={"knowledge": knowledge}))
    arguments = [command[0], tmp_path / "i.json", *command[1:], "--criterion"]
    assert "classes are estimated from the filter graph" in run(*arguments, "resilient")[2]
    assert "estimated" not in run(*arguments, "ncut")[2]


def test_a_name_that_people_try_leads_to_the_command_that_does_it(run, given):
    status, _, err = run("plan", given)
    assert (status, "No such command 'plan'. Did you mean 'solve', or 'replan' after a failure?" in err) == (2, True)
    assert "Did you mean 'solve'?" in run("slove", given)[2]
    assert 'add a line such as "success_level": 0.99 to' in run("solve", given, "--objective", "quantile")[2]


@pytest.mark.parametrize("options", [(), ("--latency-only",)])
def test_latency_only_reaches_the_search(run, given, monkeypatch, options):
    from rocoin_opt.planning import methods

    seen = []

    def break_ties(instance, objective, plan, control, criterion):
        seen.append(objective)
        return plan

    settling = dataclasses.replace(methods.METHODS["greedy"], break_ties=break_ties)
    monkeypatch.setitem(methods.METHODS, "greedy", settling)
    assert run("solve", given, "--method", "greedy", *options)[0] == 0
    assert seen == ([] if options else ["guaranteed"])


def test_a_start_that_cannot_be_used_has_status_2(run, given, tmp_path):
    plan, other = tmp_path / "p.plan.json", tmp_path / "other.json"
    run("solve", given, "--out", plan)
    status, out, err = run("solve", given, "--start", plan, "--method", "greedy")
    assert (status, out) == (2, "")
    assert "greedy cannot start from a plan; auto" in err
    ro.write_instance(other, pairs(name="other"))
    status, out, err = run("solve", other, "--start", plan)
    assert (status, out) == (2, "")
    assert f"{plan}: instance.sha256: found a plan for pairs" in err
    document = json.loads(plan.read_text())
    document["groups"][0]["num_filters"] += 1
    document["spares"] = ["stranger"]
    plan.write_text(json.dumps(document))
    status, out, err = run("solve", given, "--start", plan)
    assert (status, out) == (2, "")
    assert f"rocoin-opt: {plan}: groups: cover: found 6 filters; allowed: 5 filters\n" in err
    assert f"rocoin-opt: {plan}: spares[0]: known: found stranger; allowed: a device of the instance\n" in err
    assert run("solve", given, "--start", tmp_path / "missing.json")[0] == 2


def test_a_search_starts_from_a_plan_of_an_earlier_state_of_the_instance(run, given, tmp_path):
    plan, changed = tmp_path / "p.plan.json", tmp_path / "changed.json"
    run("solve", given, "--out", plan)
    # One device more, and a limit that the plan misses.
    larger = pairs(requirements={"max_group_outage": 0.005})
    more = larger.devices[0].model_copy(update={"id": "more"})
    ro.write_instance(changed, larger.with_devices([*larger.devices, more]))
    status, out, err = run("solve", changed, "--start", plan)
    assert status == 0
    assert f"{plan}: pairs has changed since this plan was made; the search starts from its groups\n" in err
    assert "guaranteed latency" in out
    # What the instance has no more cannot be started from.
    ro.write_instance(changed, larger.with_devices(larger.devices[:3]))
    status, out, err = run("solve", changed, "--start", plan)
    assert (status, out) == (2, "")
    assert "known: found d3; allowed: a device of the instance" in err


def test_a_limit_without_a_plan_has_status_4(run, given):
    status, out, _ = run("solve", given, "--method", "greedy", "--time-limit", "0")
    assert status == 4
    assert "no plan found" in out
    status, out, err = run("solve", given, "--method", "greedy", "--time-limit", "0", "--json")
    assert status == 4
    assert json.loads(out)["solve"]["termination"] == "no_plan"
    assert json.loads(out)["groups"] is None
    assert "limit" in err


@pytest.mark.parametrize("cause", ["memory", "reliability", "capacity", "groups"])
def test_infeasible_has_status_3_and_says_why(run, repository, tmp_path, cause):
    plan = tmp_path / "none.plan.json"
    status, out, err = run("solve", repository / "instances" / "infeasible" / f"{cause}.json", "--out", plan)
    assert f"{plan} is not written: there is no plan" in err
    assert not plan.exists()
    assert status == 3
    assert f"{cause}:" in out
    status, out, _ = run("compare", repository / "instances" / "infeasible" / f"{cause}.json", "--methods", "greedy")
    assert status == 3
    assert "infeasible" in out


def test_bad_input_has_status_2_and_one_message(run, given, tmp_path):
    status, out, err = run("solve", tmp_path / "missing.json")
    assert (status, out) == (2, "")
    assert "missing.json: found no such file" in err
    document = json.loads(given.read_text())
    document["devices"][3]["flops_per_second"] = -1
    given.write_text(json.dumps(document))
    status, out, err = run("solve", given)
    assert (status, out) == (2, "")
    assert f"{given}: devices[3].flops_per_second: found -1; allowed: a number of at least 1e-15" in err
    assert "Traceback" not in err


def test_bad_usage_has_status_2(run, given):
    for arguments, word in [
        (("solve",), "INSTANCE"),
        (("solve", given, "--method", "magic"), "method"),
        (("solve", given, "--objective", "best"), "--objective"),
        (("solve", given, "--method", "milp", "--objective", "expected"), "not expected"),
        (("solve", given, "--method", "milp", "--objective", "quantile"), "not quantile"),
        (("solve", given, "--method", "rocoin", "--objective", "quantile"), "requirements.success_level"),
        (("compare", given, "--methods", "rocoin,milp", "--objective", "missing"), "not missing"),
        (("schema", "menu"), "DOCUMENT"),
        (("generate", "zoo", "--out", "x.json"), "family"),
        (("explode",), "explode"),
    ]:
        status, _, err = run(*arguments)
        assert status == 2, arguments
        assert word in err
        assert "Traceback" not in err


def test_an_unwritable_file_has_status_2(run, given, tmp_path):
    status, _, err = run("solve", given, "--out", tmp_path / "no" / "such" / "x.json")
    assert status == 2
    assert "found No such file or directory; allowed: a writable file" in err


def test_check_prints_every_violation_on_a_line(run, given, tmp_path):
    plan = tmp_path / "p.plan.json"
    run("solve", given, "--out", plan)
    document = json.loads(plan.read_text())
    document["groups"][0]["num_filters"] += 1
    document["spares"] = ["stranger"]
    plan.write_text(json.dumps(document))
    status, out, _ = run("check", given, plan)
    assert status == 1
    lines = out.splitlines()
    assert any(line.startswith("groups: cover: found 6 filters, allowed 5 filters") for line in lines)
    assert any(line.startswith("spares[0]: known") for line in lines)


def test_check_refutes_false_claims(run, given, tmp_path):
    plan = tmp_path / "p.plan.json"
    run("solve", given, "--out", plan)
    document = json.loads(plan.read_text())
    document["metrics"]["guaranteed_seconds"] *= 0.5
    plan.write_text(json.dumps(document))
    status, out, _ = run("check", given, plan)
    assert status == 1
    assert out.startswith("metrics.guaranteed_seconds: claim")


def test_compare_shows_one_row_a_method(run, given):
    status, out, _ = run("compare", given, "--methods", "milp,greedy,rocoin,nonn", "--objective", "worst")
    assert status == 0
    rows = [line.split()[0] for line in out.splitlines()[2:] if line]
    assert rows[:5] == ["milp", "greedy", "rocoin", "nonn", "nonn*"]
    assert "scored without the outage limit" in out
    assert run("compare", given, "--methods", "milp,magic")[0] == 2
    assert run("compare", given, "--methods", ",")[0] == 2


def test_objectives_of_the_whole_answer_are_taken(run, given):
    for objective, name in (("failure", "failure_probability"), ("missing", "missing_share")):
        status, out, _ = run("solve", given, "--method", "rocoin", "--objective", objective, "--json")
        assert status == 0
        document = json.loads(out)
        assert document["solve"]["objective"] == objective
        assert document["solve"]["objective_value"] == document["metrics"][name]
        status, out, _ = run("compare", given, "--methods", "rocoin,random", "--objective", objective)
        assert status == 0
        assert f"objective {objective}" in out
    assert "failure" in run("methods")[1]


def test_check_compares_the_name_and_says_when_nothing_is_claimed(run, given, tmp_path):
    plan = tmp_path / "p.plan.json"
    run("solve", given, "--out", plan)
    document = json.loads(plan.read_text())
    plan.write_text(json.dumps({**document, "instance": {**document["instance"], "name": "other"}}))
    assert run("check", given, plan)[:2] == (1, "instance.name: claim: found other, allowed pairs\n")
    bare = {key: document[key] for key in ("format", "version", "instance", "groups", "spares")}
    plan.write_text(json.dumps(bare))
    status, out, _ = run("check", given, plan)
    assert status == 0
    assert "it states no figures" in out


def test_violations_stay_on_their_lines_whatever_the_names(run, given, tmp_path):
    plan = tmp_path / "p.plan.json"
    run("solve", given, "--out", plan)
    document = json.loads(plan.read_text())
    document["spares"] = ["a\nb\x1b[31m"]
    plan.write_text(json.dumps(document))
    status, out, _ = run("check", given, plan)
    assert status == 1
    assert "\x1b" not in out
    assert all(": " in line for line in out.splitlines())


def test_a_defect_has_a_status_of_its_own(run, given, monkeypatch):
    def broken(*arguments, **options):
        raise ro.CertificateError("the bound is wrong")

    monkeypatch.setattr("rocoin_opt.planning.solve.solve", broken)
    status, _, err = run("solve", given)
    assert status == 70
    assert "please report it" in err


PROGRAM = f"{sys.executable} -c 'from rocoin_opt.cli import main; main()'"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (f"PYTHONIOENCODING=ascii {PROGRAM} solve {{}} --method greedy", 0, ""),
        (f"{PROGRAM} solve {{}} --method greedy > /dev/full", 2, "cannot write the output"),
        (f"PYTHONIOENCODING=ascii {PROGRAM} solve {{}} --method greedy --json", 0, ""),
    ],
)
def test_no_traceback_whatever_the_output_is(tmp_path, command, status, message):
    path = tmp_path / "named.json"
    ro.write_instance(path, pairs(name="Gerät 🛰"))
    ended = subprocess.run(["bash", "-c", command.format(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_interrupt_while_loading_ends_without_a_traceback(monkeypatch):
    monkeypatch.setitem(sys.modules, "rocoin_opt.cli.app", None)

    class Interrupting:
        def find_spec(self, name, path=None, target=None):
            if name == "rocoin_opt.cli.app":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "rocoin_opt.cli.app")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130


def test_generate_is_reproducible_and_its_options_tell(run, tmp_path):
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    options = ["--devices", "9", "--seed", "4", "--filters", "40", "--max-groups", "3", "--max-group-outage", "0.1"]
    for path in (one, two):
        assert run("generate", "edge", *options, "--deadline", "3", "--out", path)[0] == 0
    assert one.read_bytes() == two.read_bytes()
    instance = ro.read_instance(one)
    assert (len(instance.devices), instance.knowledge.num_filters) == (9, 40)
    assert instance.requirements.model_dump() == {
        "min_groups": 1,
        "max_groups": 3,
        "max_group_outage": 0.1,
        "deadline_seconds": 3.0,
    }
    assert run("generate", "mcu", "--graph", "--classes", "4", "--out", one)[0] == 0
    assert ro.read_instance(one).knowledge.class_affinity.values.shape[0] == 4


def test_methods_schema_and_versions(run):
    status, out, _ = run("methods")
    assert status == 0
    assert set(ro.METHODS) <= set(out.split())
    assert json.loads(run("schema")[1]) == ro.instance_schema()
    assert json.loads(run("schema", "plan")[1]) == ro.plan_schema()
    assert f"rocoin-opt {ro.versions()['rocoin-opt']}" in run("versions")[1]


def test_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['rocoin-opt', '--help']\n"
        "from rocoin_opt.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('HEAVY', sorted({'numpy', 'pydantic', 'pyomo', 'highspy', 'scipy'} & set(sys.modules)))\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in ("solve", "check", "compare", "generate", "methods", "schema", "versions"):
        assert command in out
    assert "HEAVY []" in out


def test_an_interrupt_outside_of_a_search_ends_without_a_traceback(run, given, monkeypatch):
    def interrupted(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("rocoin_opt.instance.read_instance", interrupted)
    status, _, err = run("solve", given)
    assert status == 130
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_long_search_can_be_interrupted_and_keeps_its_plan(tmp_path):
    path = tmp_path / "edge.json"
    ro.write_instance(path, ro.generate("edge", devices=60, seed=0))
    program = [sys.executable, "-c", "from rocoin_opt.cli import main; main()"]
    search = subprocess.Popen(
        [*program, "solve", str(path), "--method", "milp", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # The first line of progress tells that there is a plan, however slow the machine is.
        assert "(Ctrl-C " in search.stderr.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            search.wait(0.1)
        search.send_signal(signal.SIGINT)
        out, err = search.communicate(timeout=300)
    finally:
        search.kill()
    assert search.returncode == 0, err
    assert json.loads(out)["solve"]["termination"] in ("feasible", "optimal")
    assert "Traceback" not in err
