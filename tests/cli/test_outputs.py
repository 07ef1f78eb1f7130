"""Files that commands write: looked at before the work, and no reason to lose a result when they fail in the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

import rocoin_opt as ro
from examples import pairs
from executed_plans import fleet
from rocoin_opt.cli.output import delivering, require_matrices, require_outputs
from rocoin_opt.documents import readable_json
from rocoin_opt.errors import InputError, RocoinError
from rocoin_opt.plan.files import plan_document

MISSING = "missing/file"


@pytest.fixture
def files(tmp_path):
    """Instance and plan of a small case."""
    instance, plan = tmp_path / "pairs.json", tmp_path / "pairs.plan.json"
    ro.write_instance(instance, pairs())
    ro.write_plan(plan, pairs(), ro.solve(pairs()))
    return instance, plan


@pytest.fixture
def full(tmp_path):
    """A place for each kind of file that can be opened, and takes nothing."""

    def place(name):
        path = tmp_path / name
        path.symlink_to("/dev/full")
        return path

    return place


@pytest.mark.parametrize(
    "command",
    [
        ("solve", "no.json", "--out", MISSING),
        ("replan", "no.json", "no.plan.json", "--out", MISSING),
        ("replan", "no.json", "no.plan.json", "--left", MISSING),
        ("report", "no.plan.json", "--out", MISSING),
        ("generate", "no-family", "--out", MISSING),
        ("profile", "no-net", "--data", "no", "--students", "no", "--devices", "no.json", "--out", MISSING),
        ("run", "no.json", "no.plan.json", "--plot", f"{MISSING}.png"),
        ("batch", "no.json", "--out", "run", "--export", f"{MISSING}.json"),
        ("batch", "no.json", "--out", "occupied/run"),
        ("demo", "--data", "no", "--out", "occupied"),
    ],
)
def test_a_place_that_is_none_is_refused_before_anything_is_read(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "occupied").write_text("mine")
    status, out, err = run(*command)
    assert (status, out) == (2, "")
    # None of the inputs is there, which would have been told if somebody had looked.
    assert err.startswith(f"rocoin-opt: {command[-1]}: found ")
    assert "writable" in err
    assert [path.name for path in tmp_path.iterdir()] == ["occupied"]
    assert (tmp_path / "occupied").read_text() == "mine"


def test_a_folder_that_will_be_written_into_is_looked_at_inside(run, tmp_path):
    for command, table in ((("batch", "no.json"), "results.csv"), (("demo", "--data", "no"), "results.md")):
        (tmp_path / "run" / table).mkdir(parents=True)
        status, _, err = run(*command, "--out", tmp_path / "run")
        assert (status, f"{table}: found a folder" in err) == (2, True)
        (tmp_path / "run" / table).rmdir()


def test_looking_changes_nothing(run, tmp_path, files):
    out, new = tmp_path / "out.json", tmp_path / "new.json"
    out.write_text("an older plan")
    before = out.stat()
    for place in (out, new):
        assert run("solve", tmp_path / "no.json", "--out", place)[0] == 2
    assert out.stat() == before
    assert out.read_text() == "an older plan"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, *(file.name for file in files)])


def test_two_results_have_two_files(run, tmp_path, files):
    options = ("--out", tmp_path / "x.json", "--left", f"{tmp_path}/./x.json")
    status, _, err = run("replan", *files, *options)
    assert (status, "two results for one file" in err) == (2, True)
    assert not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_plan_that_cannot_be_written_is_printed(run, files, full, options):
    for command in (("solve", files[0]), ("replan", *files, "--max-loads", 9)):
        out = full("full.json")
        status, text, err = run(*command, "--out", out, *options)
        assert status == 2
        # On a busy machine a line of progress comes before it.
        assert err.endswith(f"rocoin-opt: {out}: found No space left on device; allowed: a writable file\n")
        shown, _, document = text.partition("{\n")
        assert bool(shown) == (not options)
        # All of the plan, not what people want to see of it.
        found = json.loads("{" + document)
        assert found.get("plan", found)["groups"] == json.loads(files[1].read_text())["groups"]
        out.unlink()


def test_an_instance_that_cannot_be_written_does_not_cost_the_plan(run, files, full, tmp_path):
    out = tmp_path / "new.plan.json"
    status, text, err = run("replan", *files, "--left", full("left.json"), "--out", out)
    assert (status, "left.json: found No space" in err) == (2, True)
    assert "guaranteed" in text
    assert ro.read_plan(out, pairs()).groups


@pytest.mark.slow
def test_a_fault_of_writing_is_worse_than_no_plan(run, tmp_path, full):
    instance, plan = tmp_path / "i.json", tmp_path / "p.json"
    given = ro.generate("mcu", devices=12, seed=0)
    result = ro.solve(given)
    ro.write_instance(instance, given)
    ro.write_plan(plan, given, result)
    lost = result.plan.groups[0].devices[0]
    command = ("replan", instance, plan, "--lost", lost, "--max-loads", 0)
    assert run(*command)[0] == 3
    status, out, _ = run(*command, "--left", full("left.json"))
    assert (status, "would do" in out) == (2, True)


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_printed(run, files, full):
    status, out, err = run("report", files[1], "--instance", files[0], "--out", full("p.html"))
    assert (status, "p.html: found No space" in err) == (2, True)
    assert out.startswith("<!DOCTYPE html>")


@pytest.mark.slow
def test_results_that_cannot_be_exported_are_counted_all_the_same(run, files, full, tmp_path):
    places = [full(f"full-{number}.json") for number in range(2)]
    good = tmp_path / "good.json"
    exports = [part for file in (places[0], good, places[1]) for part in ("--export", file)]
    command = ("batch", files[0], "--out", tmp_path / "run", "--methods", "greedy", "--jobs", 1, "--quiet", *exports)
    status, out, err = run(*command)
    assert (status, out) == (2, f"{tmp_path}/run/results.csv: 1 item, 0 failed\n")
    assert [line.split(": ")[1] for line in err.splitlines()] == list(map(str, places))
    assert len(json.loads(good.read_text())["items"]) == 1


@pytest.mark.slow
def test_a_picture_that_cannot_be_drawn_costs_no_figures(run, full, tmp_path):
    instance, plan = fleet([[0.06]])
    ro.write_instance(tmp_path / "i.json", instance)
    (tmp_path / "p.json").write_text(readable_json(plan_document(instance, plan, None)))
    command = ("run", tmp_path / "i.json", tmp_path / "p.json", "--requests", 2, "--plot", full("x.png"))
    status, out, err = run(*command)
    assert (status, "x.png: found" in err) == (2, True)
    assert "mean of min(X, D)" in out


def test_faults_are_told_at_the_end_and_together(tmp_path):
    def broken(word):
        raise OSError(word)

    told = []

    def command():
        with delivering() as deliver:
            told.extend([deliver(broken, "one"), deliver(told.append, "in between"), deliver(broken, "two")])
            raise typer.Exit(3)

    with pytest.raises(RocoinError, match="one\ntwo"):
        command()
    assert told == ["in between", False, True, False]
    with pytest.raises(InputError, match="a writable file"):
        require_outputs(None, tmp_path)
    # A device can take both.
    require_outputs(tmp_path / "a", None, tmp_path / "b", Path("/dev/null"), Path("/dev/null"))


@pytest.fixture
def graph_files(tmp_path):
    """Instance, plan and matrices of a case with a graph and affinities in one file."""
    instance, plan = tmp_path / "graph.json", tmp_path / "graph.plan.json"
    made = ro.generate("edge", devices=5, filters=12, graph=True)
    ro.write_instance(instance, made)
    ro.write_plan(plan, made, ro.solve(made, "greedy"))
    return instance, plan, tmp_path / "graph.npz"


def test_no_result_replaces_what_the_command_reads(run, graph_files):
    instance, plan, matrices = graph_files
    link = instance.with_name("link.svg")
    link.symlink_to(plan)
    before = [file.read_bytes() for file in graph_files]
    lost = ro.read_plan(plan, ro.read_instance(instance)).groups[0].devices[0]
    commands = [
        ("solve", instance, "--out", instance),
        ("solve", instance, "--out", matrices),
        ("report", plan, "--instance", instance, "--out", plan),
        ("report", plan, "--instance", instance, "--out", instance),
        ("report", plan, "--instance", instance, "--out", matrices),
        ("run", instance, plan, "--plot", link),
        *(
            ("replan", instance, plan, "--lost", lost, option, file)
            for option in ("--out", "--left")
            for file in graph_files
        ),
    ]
    for command in commands:
        status, out, err = run(*command)
        assert (status, out) == (2, ""), command
        assert f"{command[-1]}: found a file that the command reads" in err
    assert [file.read_bytes() for file in graph_files] == before


@pytest.fixture
def read_files(tmp_path, monkeypatch):
    """Files under names that a result beside another result, or inside of a folder, would take."""
    monkeypatch.chdir(tmp_path)
    for name in ("shapes.npz", "students/weights.pt", "students/ensemble.json", "demo/seed-0/mine.json", "p/a/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    return {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}


NETWORK = ("profile", "no-net", "--students", "no", "--devices", "no.json")
WEIGHTS = ("--weights", "students/weights.pt")
STUDENTS = ("no.json", "no.plan.json", "--students", "students", "--data")


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ((*NETWORK, "--data", "shapes.npz", "--out", "shapes.json"), "matrices that would go to shapes.npz, which the"),
        ((*NETWORK, "--data", "no", "--out", "shapes.json"), "matrices that would go to shapes.npz, where something"),
        ((*NETWORK, "--data", "no", "--out", "new.npz"), "matrices that would go to new.npz, where another result"),
        ((*NETWORK, "--data", "shapes.npz", "--out", "shapes.npz"), "a file that the command reads"),
        (("generate", "edge", "--graph", "--out", "shapes.json"), "matrices that would go to shapes.npz, where some"),
        (("train", "no-net", "--data", "shapes.npz", "--out", "shapes.npz"), "a file that the command reads"),
        (("accuracy", *STUDENTS, "no", "--out", "students/ensemble.json"), "a file that the command reads"),
        (("run", *STUDENTS, "p", "--plot", "p/a/x.png"), "a file that the command reads"),
        (
            ("distil", "no.json", "no.plan.json", "--teacher", "no", *WEIGHTS, "--data", "no", "--out", "students"),
            "a file that the command reads",
        ),
        (("demo", "--data", "digits", "--fleet", "demo/seed-0/mine.json", "--out", "demo"), "may be replaced"),
    ],
)
def test_no_file_beside_a_result_replaces_what_nobody_named(run, read_files, monkeypatch, command, fault):
    if command[0] == "demo":
        monkeypatch.setattr("rocoin_opt.profiling.experiment.settings.fleet_of", lambda *_: None)
    status, out, err = run(*command)
    assert (status, out, fault in err) == (2, "", True), err
    assert {path: path.read_text() for path in Path().absolute().rglob("*") if path.is_file()} == read_files


def test_matrices_replace_their_own_and_no_others(run, graph_files, tmp_path):
    instance, plan, matrices = graph_files
    given = ro.read_instance(instance)
    left = ("replan", instance, plan, "--lost", given.devices[0].id, "--left", tmp_path / "there" / "left.json")
    (tmp_path / "there").mkdir()
    status, _, err = run(*left, "--out", tmp_path / "there" / "graph.npz")
    assert (status, "where another result goes" in err) == (2, True)
    (tmp_path / "there" / "graph.npz").write_bytes(b"of another instance")
    status, _, err = run(*left)
    assert (status, "where something else stands" in err) == (2, True)
    (tmp_path / "there" / "graph.npz").unlink()
    ro.write_instance(left[-1], given)
    require_matrices(left[-1], given)
    estimated = ("estimate", "no.csv", "--devices", instance, "--out", tmp_path / "e.json", "--traces", matrices)
    status, _, err = run(*estimated)
    assert (status, "graph.npz: found a file that the command reads" in err) == (2, True)
    before = matrices.read_bytes()
    status, out, _ = run("generate", "edge", "--devices", 5, "--filters", 9, "--graph", "--out", instance)
    assert (status, out.rstrip().endswith(f"matrices in {matrices}")) == (0, True)
    assert matrices.read_bytes() != before
    assert ro.read_instance(instance).knowledge.num_filters == 9


@pytest.mark.slow
def test_a_page_about_a_run_does_not_replace_its_store(run, files, tmp_path):
    instance, _ = files
    assert run("batch", instance, "--out", tmp_path / "run", "--methods", "greedy", "--quiet")[0] == 0
    status, out, err = run("report", tmp_path / "run", "--out", tmp_path / "run" / "run.sqlite")
    assert (status, out, "a file that the command reads" in err) == (2, "", True)
    assert run("compare", tmp_path / "run")[0] == 0
    status, _, err = run("batch", instance, "--out", tmp_path / "other", "--export", instance)
    assert (status, "a file that the command reads" in err) == (2, True)


def test_a_plan_that_is_improved_on_may_give_way(run, files):
    instance, plan = files
    assert run("solve", instance, "--start", plan, "--out", plan)[0] == 0
    assert run("check", instance, plan)[0] == 0
