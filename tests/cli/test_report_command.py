"""The commands report and compare over plans and runs: what they write, what they refuse."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from runs import row, solved, stored
from samples import cases


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Instance file and plan file, with a filter graph."""
    folder = tmp_path_factory.mktemp("files")
    instance, plan = folder / "mcu.json", folder / "mcu.plan.json"
    # So few filters that the frontier ends by itself.
    given = ro.generate("sbc", devices=8, seed=1, filters=12, max_groups=3, graph=True)
    ro.write_instance(instance, given)
    ro.write_plan(plan, given, ro.solve(given, "greedy", "expected"))
    return instance, plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory, files):
    """Folder of a run."""
    return stored(
        tmp_path_factory.mktemp("runs") / "run",
        [*solved(files[0], ("greedy", "random")), row("/elsewhere/b/x.json", "greedy", 1.0)],
    )


def test_a_page_of_a_plan(run, files, tmp_path) -> None:
    out = tmp_path / "plan.html"
    status, text, _ = run("report", files[1], "--instance", files[0], "--out", out)
    assert status == 0
    assert str(out) in text
    page = out.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "objective expected, seed 0" in page
    assert "What a better partition costs" not in page


@pytest.mark.slow
def test_a_page_with_the_frontier(run, files, tmp_path) -> None:
    out = tmp_path / "plan.html"
    options = ("--instance", files[0], "--out", out, "--frontier")
    assert run("report", files[1], *options)[0] == 0
    # The expected objective has no frontier: it is that of the guarantee.
    assert "Objective guaranteed" in out.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "drawn"), cases([("failure", "guaranteed")], [("nominal", "nominal")]))
def test_the_frontier_is_that_of_the_objective_or_of_the_guarantee(run, files, tmp_path, objective, drawn) -> None:
    given, plan, out = ro.read_instance(files[0]), tmp_path / "one.plan.json", tmp_path / "plan.html"
    ro.write_plan(plan, given, ro.solve(given, "rocoin", objective))
    options = ("--instance", files[0], "--out", out, "--frontier")
    assert run("report", plan, *options)[0] == 0
    assert f"Objective {drawn}" in out.read_text()


@pytest.mark.slow
def test_a_page_of_a_plan_without_a_record(run, files, tmp_path) -> None:
    document = json.loads(files[1].read_text())
    del document["solve"]
    bare, out = tmp_path / "bare.plan.json", tmp_path / "plan.html"
    bare.write_text(json.dumps(document))
    options = ("--instance", files[0], "--out", out, "--frontier")
    assert run("report", bare, *options)[0] == 0
    assert "lower bound</dt>" not in out.read_text()


@pytest.mark.slow
def test_a_page_of_a_run(run, folder, tmp_path) -> None:
    out = tmp_path / "run.html"
    assert run("report", folder, "--out", out)[0] == 0
    assert "<h2>In detail: x</h2>" in out.read_text()
    assert run("report", folder, "--out", out, "--show", "x")[0] == 0
    assert out.read_text().count("In detail") == 1
    assert run("report", folder, "--out", out, "--frontier")[0] == 0
    assert "What a better partition costs" in out.read_text()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("PLAN",), "--instance"),
        (("PLAN", "--instance", "INSTANCE", "--show", "x"), "--show"),
        (("PLAN", "--instance", "INSTANCE", "--time-limit", "5"), "--time-limit"),
        (("RUN", "--instance", "INSTANCE"), "--instance"),
        (("RUN", "--show", "nobody"), "nobody"),
        (("EMPTY",), "run.sqlite"),
        (("INSTANCE", "--instance", "INSTANCE"), "rocoin-opt/plan"),
        (("INSTANCE",), 'found "rocoin-opt/instance"; allowed: "rocoin-opt/plan"'),
    ],
)
def test_what_would_have_no_effect_is_refused(run, files, folder, tmp_path, options, told) -> None:
    (tmp_path / "empty").mkdir()
    given = {"PLAN": files[1], "INSTANCE": files[0], "RUN": folder, "EMPTY": tmp_path / "empty"}
    out = tmp_path / "out.html"
    status, _, error = run("report", *(given.get(option, option) for option in options), "--out", out)
    assert status == 2
    assert told in error
    assert not out.exists()


def test_compare_sums_a_run_up(run, folder) -> None:
    status, out, _ = run("compare", folder)
    assert status == 0
    assert "profile by value" in out
    assert "shifted by 1 s" in out
    _, out, _ = run("compare", folder, "--shift", 10)
    assert "shifted by 10 s" in out


def test_compare_of_a_run_as_json(run, folder) -> None:
    status, out, _ = run("compare", folder, "--json", "--shift", 2)
    document = json.loads(out)
    assert status == 0
    assert (document["format"], document["version"]) == ("rocoin-opt/comparison", 1)
    assert (document["items"], document["shift_seconds"]) == (3, 2.0)


def test_compare_of_an_instance_as_json(run, files) -> None:
    status, out, _ = run("compare", files[0], "--methods", "greedy,random", "--seed", 3, "--json")
    assert status == 0
    assert [found["solve"]["method"] for found in json.loads(out)] == ["greedy", "random"]
    assert json.loads(out)[1]["solve"]["seed"] == 3


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        ("RUN", ("--methods", "greedy"), "--methods"),
        ("RUN", ("--objective", "nominal"), "--objective"),
        ("RUN", ("--time-limit", 1), "--time-limit"),
        ("RUN", ("--seed", 0), "--seed"),
        ("RUN", ("--threads", 1), "--threads"),
        ("RUN", ("--shift", -1), "--shift"),
        ("INSTANCE", (), "--methods"),
        ("INSTANCE", ("--methods", "greedy", "--shift", 1), "--shift"),
        ("INSTANCE", ("--methods", "greedy", "--objective", "soon"), "--objective"),
        ("INSTANCE", ("--methods", "greedy", "--threads", 0), "threads"),
    ],
)
def test_compare_refuses_what_would_have_no_effect(run, files, folder, source, options, told) -> None:
    status, _, error = run("compare", folder if source == "RUN" else files[0], *options)
    assert status == 2
    assert told in error


def test_a_source_that_is_not_there_is_told(run, tmp_path) -> None:
    for command in (("compare", tmp_path / "no"), ("report", tmp_path / "no", "--out", tmp_path / "page.html")):
        status, _, told = run(*command)
        assert status == 2
        assert "no such file or folder" in told
