"""The pages of results: tables are what stored documents render to, and every document says where it is from."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

REPRODUCE = "reproduce.py"


@pytest.fixture
def modules(monkeypatch, repository):
    """Modules of the scripts, imported as the scripts do."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    before = set(sys.modules)
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in ("measurement", "reproduce", "script")})
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(repository / "benchmarks")):
            del sys.modules[name]


def stored(repository):
    return sorted((repository / "benchmarks" / "results").glob("*.json"))


def texts_of(figure):
    """What a figure says: its lines may differ in their last digits from machine to machine."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", figure)


@pytest.mark.slow
def test_every_fragment_is_what_its_document_renders_to(modules, repository, tmp_path):
    folder = repository / "docs" / "results"
    rendered = {}
    for study in modules.reproduce.STUDIES:
        document = repository / "benchmarks" / "results" / f"{study.name}.json"
        if document.exists():
            _, rendered[f"{study.name}.md"] = modules.reproduce.rendered(study, document, tmp_path)
    assert {path.name for path in folder.glob("*.md")} == set(rendered)
    for name, text in rendered.items():
        assert (folder / name).read_text(encoding="utf-8") == text, f"{name}: run benchmarks/reproduce.py --render"
    assert {path.name for path in folder.glob("*.svg")} == {path.name for path in tmp_path.glob("*.svg")}
    for path in tmp_path.glob("*.svg"):
        shown = (folder / path.name).read_text(encoding="utf-8")
        assert texts_of(shown) == texts_of(path.read_text(encoding="utf-8"))
        assert texts_of(shown)


def test_every_document_says_where_it_is_from(modules, repository):
    studies = {study.name: study for study in modules.reproduce.STUDIES}
    found = stored(repository)
    assert found
    for path in found:
        document = json.loads(path.read_text(encoding="utf-8"))
        assert document["benchmark"] == studies[path.stem].script
        script = f"python benchmarks/{studies[path.stem].script}.py"
        assert document["command"].startswith(script)
        assert not re.search(r"(^|[ =])/", document["command"]), "a path of one machine"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", document["measured"])
        assert document["versions"]["rocoin-opt"]
        fragment = (repository / "docs" / "results" / f"{path.stem}.md").read_text(encoding="utf-8")
        assert modules.measurement.provenance(document) in fragment


def test_the_shipped_capacities_are_those_of_the_document(repository):
    document = json.loads((repository / "benchmarks" / "results" / "capacity.json").read_text(encoding="utf-8"))
    shipped = json.loads((repository / "rocoin_opt" / "profiling" / "capacity.json").read_text(encoding="utf-8"))
    assert document["results"]["rows"] == shipped["rows"]
    assert document["results"]["threshold"] == shipped["threshold"]


def test_the_page_on_benchmarks_has_no_table_of_its_own(repository):
    page = (repository / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert not re.search(r"^\s*\|", page, re.MULTILINE)


def test_every_fragment_and_figure_is_on_a_page(repository):
    docs = repository / "docs"
    pages = "".join(path.read_text(encoding="utf-8") for path in docs.glob("*.md"))
    for path in (docs / "results").iterdir():
        assert f"results/{path.name}" in pages, path.name
    for name in re.findall(r"results/([\w-]+\.(?:md|svg))", pages):
        assert (docs / "results" / name).exists(), name


def reproduce(repository, *arguments):
    command = [sys.executable, str(repository / "benchmarks" / REPRODUCE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_list_names_every_study(modules, repository):
    done = reproduce(repository, "--list")
    assert done.returncode == 0, done.stderr
    for study in modules.reproduce.STUDIES:
        assert re.search(rf"^{study.name} +", done.stdout, re.MULTILINE)
        assert (repository / "benchmarks" / f"{study.script}.py").exists()


def test_an_unknown_study_is_refused(repository):
    done = reproduce(repository, "--only", "magic")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def tree(repository):
    folders = (repository / "benchmarks" / "results", repository / "docs" / "results")
    return {path: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}


@pytest.mark.slow
def test_a_quick_round_measures_renders_and_touches_nothing(repository):
    before = tree(repository)
    done = reproduce(repository, "--quick", "--only", "expected_plans,partition-network,archives")
    assert done.returncode == 0, done.stderr
    assert "expected_plans: measured after" in done.stdout
    assert "partition-network: left out, it needs --graph" in done.stdout
    assert "archives: left out, it needs --archive" in done.stdout
    assert tree(repository) == before


def study(modules, **fields):
    return modules.reproduce.Study(**{"name": "heuristics", "makes": "", "script": "heuristics", **fields})


@pytest.fixture
def rounds(modules, monkeypatch, tmp_path):
    """Run studies in a quick round; return what went wrong and the names of what was made."""

    def rounds(*studies):
        options = SimpleNamespace(
            quick=True, render=False, graph=None, archive=None, data=None, folder=None, key="weights"
        )
        wrong = modules.reproduce.reproduce(list(studies), options, tmp_path, tmp_path)
        return wrong, {path.name for path in tmp_path.iterdir()}

    return rounds


@pytest.mark.slow
def test_a_study_that_fails_does_not_stop_the_others(modules, rounds):
    fails = study(modules, name="fails", script="no_such_script")
    wrong, made = rounds(fails, study(modules, quick=("--methods", "greedy", "--time-limit", "0.5")))
    assert wrong == {"fails": "ended with status 2"}
    assert made == {"heuristics.json", "heuristics.md"}
    assert modules.reproduce.report(wrong) == 1


@pytest.mark.slow
def test_what_contradicts_itself_is_shown_and_fails(modules, repository, tmp_path):
    document = {
        "benchmark": "heuristics",
        "command": "python benchmarks/heuristics.py",
        "measured": "2026-01-01",
        "machine": {"cores": 2, "memory_gib": 4, "system": "Linux", "architecture": "x86_64"},
        "versions": {"rocoin-opt": "0.1.0", "absent": None},
        "settings": {"time_limit": 1.0, "seeds": [0]},
        "results": [
            {"instance": "i", "objective": "worst", "method": "greedy", "seed": 0, "value": value, "wall_seconds": 0.1}
            | {"best_known": 2.0, "best_bound": 2.0}
            for value in (1.0, 3.0, None)
        ],
    }
    path = tmp_path / "d.json"
    path.write_text(json.dumps(document))
    status, text = modules.reproduce.rendered(study(modules), path, tmp_path)
    assert status == 1
    assert "| greedy | worst | 2 of 3 | 1 | 1.0000 (0.5000..1.5000) | i, seed 0 | 0.1 |" in text
    assert text.endswith("(Linux, x86_64): rocoin-opt 0.1.0.\n")
    path.write_text(json.dumps(document | {"benchmark": "batch"}))
    assert modules.reproduce.rendered(study(modules), path, tmp_path) == (1, "")


def test_paths_of_a_machine_are_not_kept(modules, repository, tmp_path):
    assert modules.measurement.portable(str(tmp_path / "net.npz")) == "net.npz"
    assert modules.measurement.portable(str(repository / "instances" / "a.json")) == "instances/a.json"
    assert modules.measurement.portable("--seeds") == "--seeds"
    assert modules.measurement.settings_of({"graph": tmp_path / "net.npz", "out": 1}, ["out"]) == {"graph": "net.npz"}


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4 s"), (99.0, "99 s"), (120.0, "2 min"), (7200.0, "2.0 h")])
def test_durations_in_words(modules, seconds, text):
    assert modules.measurement.duration_text(seconds) == text
