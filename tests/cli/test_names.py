"""Options that take several names."""

from __future__ import annotations

import json

import pytest

import rocoin_opt as ro
from rocoin_opt.cli.options import listed


@pytest.mark.parametrize(
    ("values", "known", "names"),
    [
        (None, (), []),
        (["a, b,,c "], (), ["a", "b", "c"]),
        (["a", "b,c"], ("a", "b", "c"), ["a", "b", "c"]),
        # A whole match comes first, whatever its parts are.
        (["Pi 4, kitchen"], ("Pi 4, kitchen",), ["Pi 4, kitchen"]),
        (["Pi 4, kitchen"], ("Pi 4, kitchen", "Pi 4", "kitchen"), ["Pi 4, kitchen"]),
        (["Pi 4,kitchen"], ("Pi 4, kitchen", "Pi 4", "kitchen"), ["Pi 4", "kitchen"]),
        ([" door "], (" door ", "door"), [" door "]),
        ([" door "], ("door",), ["door"]),
        (["a, b"], ("a", "b", " b"), ["a", "b"]),
        (["a, b"], ("a", " b"), ["a", " b"]),
        (["a,nobody"], ("a",), ["a", "nobody"]),
        (["", " , "], ("a",), []),
    ],
)
def test_whole_names_first_then_commas(values, known, names):
    assert listed(values, known) == names


@pytest.mark.slow
def test_an_option_without_any_name_is_refused(run, odd, tmp_path):
    """As a script gives it whose variable is empty: a plan without any loss would look like a mended one."""
    for option in ("--lost", "--joined"):
        for value in ("", " , "):
            status, out, err = run("replan", *odd, option, value)
            assert (status, out) == (2, "")
            assert f"{option}: found {value!r}; allowed: at least one name" in err
    assert run("batch", odd[0], "--out", tmp_path / "run", "--methods", "greedy", "--quiet")[0] == 0
    status, _, err = run("report", tmp_path / "run", "--out", tmp_path / "page.html", "--show", "")
    assert (status, "--show: found ''; allowed: at least one name" in err) == (2, True)
    status, _, err = run("compare", odd[0], "--methods", "greedy", "--objective", "")
    assert (status, "--objective: found ''" in err) == (2, True)


@pytest.fixture
def odd(tmp_path):
    """An instance whose devices have odd names, one of them that of two others, and a plan of it."""
    given = ro.generate("mcu", devices=8, seed=0)
    names = ["Pi 4, kitchen", "Pi 4", "kitchen", " door ", "a,b,c", "d", "e", "f"]
    devices = tuple(device.model_copy(update={"id": name}) for device, name in zip(given.devices, names, strict=True))
    given = given.model_copy(update={"devices": devices})
    ro.write_instance(tmp_path / "odd.json", given)
    result = ro.solve(given, "greedy")
    ro.write_plan(tmp_path / "odd.plan.json", given, result)
    return tmp_path / "odd.json", tmp_path / "odd.plan.json"


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        (("--lost", "Pi 4, kitchen"), ["Pi 4, kitchen"]),
        (("--lost", "Pi 4,kitchen"), ["Pi 4", "kitchen"]),
        (("--lost", "Pi 4", "--lost", "kitchen"), ["Pi 4", "kitchen"]),
        (("--lost", " door ", "--lost", "d,e"), [" door ", "d", "e"]),
        (("--lost", "a,b,c"), ["a,b,c"]),
    ],
)
def test_replan_loses_the_devices_that_were_meant(run, odd, options, lost):
    status, out, _ = run("replan", *odd, *options, "--json")
    assert status in (0, 3)
    assert json.loads(out)["lost"] == lost


def test_joined_devices_are_named_in_the_same_way(run, odd):
    instance = ro.read_instance(odd[0])
    spare = ro.read_plan(odd[1], instance).spares
    assert len(spare) >= 1
    status, out, _ = run("replan", *odd, *(part for name in spare for part in ("--joined", name)), "--json")
    assert (status, json.loads(out)["joined"]) == (0, list(spare))


@pytest.mark.slow
def test_every_list_can_be_given_in_pieces(run, odd, tmp_path):
    status, out, _ = run("compare", odd[0], "--methods", "greedy", "--methods", "random,rocoin", "--json")
    methods = [document["solve"]["method"] for document in json.loads(out)]
    assert (status, list(dict.fromkeys(methods))) == (0, ["greedy", "random", "rocoin"])
    pieces = ("--methods", "greedy", "--methods", "random", "--objectives", "worst", "--objectives", "nominal")
    command = ("batch", odd[0], "--out", tmp_path / "run", *pieces, "--seeds", "0", "--seeds", "1,2", "--jobs", 1)
    status, out, _ = run(*command, "--json-lines", "--quiet")
    found = {(row["method"], row["objective"], row["seed"]) for row in map(json.loads, out.splitlines())}
    assert (status, len(found)) == (0, 12)
    assert {seed for *_, seed in found} == {0, 1, 2}


@pytest.mark.slow
def test_a_report_shows_instances_whose_names_have_commas(run, tmp_path, monkeypatch):
    # Pictures are not at issue, and take most of the time.
    empty = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda _, stream, **options: stream.write(empty))
    for seed, name in enumerate(("a, b", "a", "b")):
        given = ro.generate("edge", devices=4, seed=seed).model_copy(update={"name": name})
        (tmp_path / "in").mkdir(exist_ok=True)
        ro.write_instance(tmp_path / "in" / f"{seed}.json", given)
    assert run("batch", tmp_path / "in", "--out", tmp_path / "run", "--methods", "greedy", "--jobs", 1)[0] == 0

    def sections(*shown):
        assert run("report", tmp_path / "run", "--out", tmp_path / "x.html", *shown)[0] == 0
        page = (tmp_path / "x.html").read_text()
        return [name for name in ("a, b", "a", "b") if f"<h2>In detail: {name}</h2>" in page]

    assert sections("--show", "a, b") == ["a, b"]
    assert sections("--show", "a,b") == ["a", "b"]
    assert sections("--show", "a, b", "--show", "b") == ["a, b", "b"]
    assert run("report", tmp_path / "run", "--out", tmp_path / "x.html", "--show", "c")[0] == 2
