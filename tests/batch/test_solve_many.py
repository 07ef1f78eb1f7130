"""``solve_many``: the results of ``solve``, from processes, as they finish."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from rocoin_opt.batch.items import GIVEN
from rocoin_opt.batch.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_results_are_those_of_solve(files: list[Path]) -> None:
    results = {(r.instance, r.method): r for r in ro.solve_many(files, ["greedy", "exact"], jobs=1)}
    assert len(results) == 6
    for file in files:
        instance = ro.read_instance(file)
        for method in ("greedy", "exact"):
            expected = ro.solve(instance, method)
            found = results[instance.name, method]
            assert found.plan == expected.plan
            assert found.termination == expected.termination
            assert found.objective_value == expected.objective_value
            assert found.lower_bound == expected.lower_bound
            assert found.gap == expected.gap
            assert found.trace[-1][1:] == (expected.objective_value, expected.lower_bound)
            assert found.failure is None


@pytest.mark.slow
def test_instances_need_no_files(tmp_path: Path) -> None:
    given = [ro.generate("paper", devices=4, seed=seed, filters=8, graph=True) for seed in range(2)]
    results = list(ro.solve_many(given, ["greedy"], jobs=1, out=tmp_path))
    assert {result.instance for result in results} == {instance.name for instance in given}
    assert all(result.plan is not None for result in results)
    assert sorted((tmp_path / GIVEN).glob("*/instance.json"))
    # A second call finds them done, with their plans.
    again = list(ro.solve_many(given, ["greedy"], jobs=1, out=tmp_path))
    assert sorted(again, key=lambda r: r.item) == sorted(results, key=lambda r: r.item)
    assert {r.item: r.plan for r in again} == {r.item: r.plan for r in results}


@pytest.mark.slow
def test_faults_of_items_are_results(files: list[Path]) -> None:
    files[0].write_text("{")
    results = {r.instance: r for r in ro.solve_many(files[:2], ["lp-rounding"], ["expected"], jobs=1)}
    assert results[files[0].stem].failure == "input"
    assert "valid JSON" in str(results[files[0].stem].error)
    assert results[files[0].stem].plan is None
    other = ro.read_instance(files[1]).name
    assert results[other].failure == "unsupported"


@pytest.mark.slow
def test_options_reach_the_search(files: list[Path]) -> None:
    (at_once,) = ro.solve_many(files[:1], ["local-search"], time_limit=0.0, jobs=1)
    assert at_once.termination in ("no_plan", "feasible", "optimal")
    assert at_once.options["time_limit"] == 0.0
    seeds = {r.seed: r.objective_value for r in ro.solve_many(files[:1], ["random"], seeds=[0, 1, 2, 3], jobs=1)}
    assert len(set(seeds.values())) > 1


@pytest.mark.parametrize(
    "options",
    [
        {"methods": ["guess"]},
        {"objectives": ["joy"]},
        {"seeds": []},
        {"jobs": 0},
        {"time_limit": -1.0},
        {"criterion": "taste"},
        {"memory_limit": 0},
    ],
)
def test_wrong_options_are_refused_at_once(files: list[Path], options: dict[str, object]) -> None:
    with pytest.raises(ro.InputError):
        ro.solve_many(files, **options)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_script_needs_no_guard(files: list[Path], tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import rocoin_opt as ro\nprint(len(list(ro.solve_many([{str(files[0])!r}], ['greedy', 'random']))))\n"
    )
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert ended.stdout == "2\n"


def test_importing_the_package_loads_no_database_and_no_solver() -> None:
    heavy = {"sqlite3", "distributed", "psutil", "scipy", "pyomo", "highspy"}
    code = f"import sys, rocoin_opt.cli.app, rocoin_opt.planning.solve; print({heavy} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "set()\n"


@pytest.mark.slow
def test_names_that_are_no_unicode_stop_no_run(files: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / "odd_\udcff.json"
    odd.write_bytes(files[0].read_bytes())
    half = tmp_path / "half.json"
    half.write_text('{"format": "rocoin-opt/instance", "version": 1, "name": "\\ud800"}')
    found = list(ro.solve_many([odd, half], ["greedy"], jobs=1, out=tmp_path / "run"))
    assert {(result.path, result.failure) for result in found} == {
        (str(tmp_path / "odd_\\udcff.json"), None),
        (str(half), "input"),
    }
    again = list(ro.solve_many([odd, half], ["greedy"], jobs=1, out=tmp_path / "run"))
    assert {result.item for result in again} == {result.item for result in found}


@pytest.mark.slow
def test_a_file_that_was_moved_counts_once(files: list[Path], tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_bytes(files[0].read_bytes())
    list(ro.solve_many([one], ["greedy"], jobs=1, out=tmp_path / "run"))
    one.rename(other)
    (new,) = ro.solve_many([other], ["greedy"], jobs=1, gap=0.5, out=tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        assert [row.item for row in store.rows()] == [new.item]
