"""``rocoin-opt evaluate``: exact and simulated figures, as a table and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

import rocoin_opt as ro

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run: TypeAlias = Callable[..., tuple[int, str, str]]


@pytest.fixture
def files(repository: Path, tmp_path: Path) -> list[str]:
    path = repository / "instances" / "mcu" / "mcu-8-0.json"
    instance = ro.read_instance(path)
    ro.write_plan(tmp_path / "plan.json", instance, ro.solve(instance, "greedy"))
    return [str(path), str(tmp_path / "plan.json")]


def test_json_has_the_figures(files: list[str], run: Run) -> None:
    code, out, _ = run("evaluate", *files, "--json", "--trials", "2000", "--losses")
    assert code == 0
    document = json.loads(out)
    instance = ro.read_instance(files[0])
    metrics = ro.evaluate(instance, ro.read_plan(files[1], instance))
    assert document["guaranteed_seconds"] == metrics.guaranteed_seconds
    assert document["expected_seconds"] == pytest.approx(metrics.expected_seconds)
    assert list(document["quantiles"]) == ["0.5", "0.9", "0.99"]
    assert set(document["simulated"]) == set(document) - {"simulated", "losses"}
    assert set(document["simulated"]["expected_seconds"]) == {"value", "low", "high"}
    assert set(document["simulated"]["quantiles"]["0.9"]) == {"value", "low", "high"}
    assert {"device", "group", "keeps_limit", "figures"} == set(document["losses"][0])
    _, plain, _ = run("evaluate", *files, "--json")
    assert "simulated" not in json.loads(plain)
    assert "losses" not in json.loads(plain)


def test_the_table_shows_figures_intervals_and_losses(files: list[str], run: Run) -> None:
    code, out, _ = run("evaluate", *files, "--trials", "2000", "--losses")
    assert code == 0
    for word in ("guaranteed", "success probability", "answered with probability 0.9", "95 % interval", "misses the"):
        assert word in out
    _, plain, _ = run("evaluate", *files)
    assert "interval" not in plain
    assert "without" not in plain


def test_seed_deadline_and_workers_have_their_effect(files: list[str], run: Run) -> None:
    def simulated(*options: str) -> Any:
        return json.loads(run("evaluate", *files, "--json", "--trials", "3000", *options)[1])

    assert simulated("--seed", "1") != simulated("--seed", "2")
    assert simulated("--workers", "2") == simulated()
    assert simulated("--deadline", "0.1")["expected_seconds"] <= 0.1


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--trials", "1"], "trials"), (["--deadline", "0"], "deadline"), (["--workers", "0"], "workers")],
)
def test_bad_options_are_named(options: list[str], named: str, files: list[str], run: Run) -> None:
    code, out, err = run("evaluate", *files, "--trials", "10", *options)
    assert (code, out) == (2, "")
    assert f"options: {named}: found" in err
