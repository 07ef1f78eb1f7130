"""Archives of skiving stock: both layouts are read, and items become devices whose groups are the same."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys

import pytest

import rocoin_opt as ro

ITEMS = {"A1-5_10_1-1": ((10, 6, 4, 5, 5, 3, 8), 3), "A1-5_10_1-2": ((10, 9, 9, 9, 2), 2)}
"""Length and items by name, and the most groups. The length stands first."""


@pytest.fixture
def skiving(monkeypatch, repository):
    """The module that reads archives, imported as the script does."""
    monkeypatch.syspath_prepend(repository / "benchmarks")
    yield importlib.import_module("peers.skiving")
    for name in [name for name in sys.modules if name.split(".")[0] == "peers"]:
        del sys.modules[name]


@pytest.fixture
def with_results(tmp_path):
    """A tiny archive in the layout with published values."""
    data, results = tmp_path / "data" / "SSP" / "A1", tmp_path / "results" / "SSP"
    data.mkdir(parents=True)
    results.mkdir(parents=True)
    rows = []
    for name, ((length, *items), most) in ITEMS.items():
        (data / name).write_text("\n".join(map(str, [len(items), length, *items])) + "\n")
        rows.append(f"{name},{most},{most}.5,0.25,OPT,1,0")
    (results / "A1.log").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def with_sets(tmp_path):
    """The same instances, item by item, in the layout of sets."""
    folder = tmp_path / "sets" / "data" / "A1"
    folder.mkdir(parents=True)
    lines = ["\t".join(map(str, [*given, *[1] * (len(given) - 1)])) for given, _ in ITEMS.values()]
    (folder / "5_10_1.dat").write_text("\n".join([str(len(lines)), *lines]) + "\n")
    return tmp_path / "sets"


def test_both_layouts_hold_the_same(skiving, with_results, with_sets):
    told, plain = (
        {(stock.length, stock.items): stock for stock in skiving.sampled(archive, "A1", 9, 0)}
        for archive in (with_results, with_sets)
    )
    assert set(told) == set(plain) == {(length, tuple(items)) for (length, *items), _ in ITEMS.values()}
    assert all(stock.published is None and not stock.is_proven for stock in plain.values())
    for stock in told.values():
        assert (stock.published, stock.is_proven, stock.seconds) == (ITEMS[stock.name][1], True, 0.25)
    assert len(skiving.sampled(with_results, "A1", 1, 0)) == 1


def test_the_fleet_of_an_instance_has_its_groups(skiving, with_results):
    for stock in skiving.sampled(with_results, "A1", 9, 0):
        found = ro.max_groups(skiving.fleet_of(stock, 1))
        assert (found.number, found.termination) == (stock.published, "optimal")
        assert ro.solve(skiving.fleet_of(stock, stock.published), "exact", "worst").termination == "optimal"
        assert ro.solve(skiving.fleet_of(stock, stock.published + 1), "exact", "worst").termination == "infeasible"


def test_a_folder_without_the_class_is_refused(skiving, tmp_path):
    with pytest.raises(SystemExit, match="holds no instances of A1"):
        skiving.sampled(tmp_path, "A1", 1, 0)


@pytest.mark.slow
def test_the_script_measures_and_finds_contradictions(repository, with_results, tmp_path):
    def run(*arguments):
        command = [sys.executable, str(repository / "benchmarks" / "archives.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    stored = tmp_path / "found.json"
    done = run(with_results, "--quick", "--out", stored)
    assert done.returncode == 0, done.stderr
    assert "2 of 2" in done.stdout
    document = json.loads(stored.read_text())
    assert sorted(row["groups"] for row in document["results"]) == [2, 3]
    assert with_results.as_posix() not in document["command"]
    document["results"][0]["published"] -= 1
    stored.write_text(json.dumps(document))
    done = run("--from", stored)
    assert done.returncode == 1
    assert "are published as the most" in done.stderr
    assert run("--quick").returncode == 1
