"""``rocoin-opt evaluate``: exact and simulated figures, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
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
    assert document["failure_probability"] == pytest.approx(metrics.failure_probability, rel=1e-12)
    assert document["missing_share"] == pytest.approx(metrics.missing_share, rel=1e-12)
    assert document["quantile_seconds"] is None
    assert list(document["quantiles"]) == ["0.5", "0.9", "0.99"]
    assert set(document["simulated"]) == set(document) - {
        "simulated",
        "losses",
        "one_device_suffices",
        "redundancy_does_not_pay",
        "failure_probability",
        "missing_share",
        "quantile_seconds",
    }
    assert set(document["simulated"]["expected_seconds"]) == {"value", "low", "high"}
    assert set(document["simulated"]["quantiles"]["0.9"]) == {"value", "low", "high"}
    assert {"device", "group", "keeps_limit", "figures"} == set(document["losses"][0])
    _, plain, _ = run("evaluate", *files, "--json")
    assert "simulated" not in json.loads(plain)
    assert not {"losses", "replicas", "sensitivities"} & set(json.loads(plain))


def test_the_table_shows_figures_intervals_and_losses(files: list[str], run: Run) -> None:
    code, out, _ = run("evaluate", *files, "--trials", "2000", "--losses")
    assert code == 0
    for word in ("guaranteed", "success probability", "answered with probability 0.9", "95 % interval", "misses the"):
        assert word in out
    _, plain, _ = run("evaluate", *files)
    assert "interval" not in plain
    assert "without" not in plain


def test_replicas_and_sensitivities_are_shown_when_asked_for(files: list[str], run: Run) -> None:
    code, out, _ = run("evaluate", *files, "--json", "--replicas", "--sensitivity", "--deadline", "0.5")
    assert code == 0
    document, instance = json.loads(out), ro.read_instance(files[0])
    plan = ro.read_plan(files[1], instance)
    assert document["replicas"] == [asdict(value) for value in ro.replica_values(instance, plan, 0.5)]
    computed = json.loads(json.dumps([asdict(one) for one in ro.sensitivities(instance, plan, 0.5)]))
    assert document["sensitivities"] == computed
    code, out, _ = run("evaluate", *files, "--replicas", "--sensitivity")
    assert code == 0
    for words in ("one more replica: twin of", "if it gets 1 % worse", "crash probability", "same guarantee for"):
        assert words in out
    _, plain, _ = run("evaluate", *files)
    assert "replica" not in plain
    assert "worse" not in plain


def test_a_simulation_shows_a_bar_on_a_terminal_only(
    files: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, silent = run("evaluate", *files, "--trials", "2000")
    assert silent == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, _, shown = run("evaluate", *files, "--trials", "2000")
    assert "mcu-8-0, simulation" in shown
    assert "100%" in shown
    assert "mcu-8-0, what if" in shown


@pytest.mark.slow
def test_seed_deadline_and_workers_have_their_effect(files: list[str], run: Run) -> None:
    def simulated(*options: str) -> Any:
        return json.loads(run("evaluate", *files, "--json", "--trials", "3000", *options)[1])

    assert simulated("--seed", "1") != simulated("--seed", "2")
    assert simulated("--workers", "2") == simulated()
    assert simulated("--deadline", "0.1")["expected_seconds"] <= 0.1


@pytest.fixture
def traces(files: list[str], tmp_path: Path) -> str:
    """All devices of the instance ten times as slow in one request of three, and always up."""
    devices = [device.id for device in ro.read_instance(files[0]).devices]
    factors = np.repeat([[1.0], [1.0], [10.0]], len(devices), axis=1)
    path = tmp_path / "traces.npz"
    np.savez(path, devices=devices, compute=factors, link=factors, alive=np.ones(factors.shape, dtype=np.bool_))
    return str(path)


def test_traces_are_replayed_by_the_simulation_alone(files: list[str], traces: str, run: Run) -> None:
    code, out, _ = run("evaluate", *files, "--json", "--trials", "3000", "--traces", traces, "--deadline", "9")
    assert code == 0
    document, instance = json.loads(out), ro.read_instance(files[0])
    plan = ro.read_plan(files[1], instance)
    assert document["traces"] == {
        "requests": 3,
        "devices": [device.id for device in instance.devices],
        "measured": ["compute", "link", "alive"],
        "replayed_by": ["simulated"],
    }
    simulation = ro.simulate(instance, plan, 3000, deadline=9.0, traces=ro.read_traces(traces, instance))
    assert simulation.expected is not None
    assert document["simulated"]["expected_seconds"]["value"] == simulation.expected.value
    assert document["simulated"]["success_probability"]["value"] == 1.0
    assert document["simulated"]["worst_seconds"] is None
    plain = json.loads(run("evaluate", *files, "--json", "--trials", "3000", "--deadline", "9")[1])
    assert "traces" not in plain
    changed = {"traces", "simulated"}
    assert {k: v for k, v in document.items() if k not in changed} == {
        k: v for k, v in plain.items() if k not in changed
    }
    assert document["simulated"]["expected_seconds"]["low"] > plain["simulated"]["expected_seconds"]["high"]


def test_the_table_says_what_knows_the_traces(files: list[str], traces: str, run: Run) -> None:
    code, out, _ = run("evaluate", *files, "--trials", "3000", "--traces", traces)
    assert code == 0
    for words in (
        "exact, own laws",
        "simulated, traces",
        "simulated: 3 measured requests (compute, link, alive) replayed for",
        "the instance's own laws, not the traces",
    ):
        assert words in out
    assert "traces" not in run("evaluate", *files, "--trials", "3000")[1]


def test_traces_without_trials_or_with_faults_are_refused(
    files: list[str], traces: str, run: Run, tmp_path: Path
) -> None:
    code, out, err = run("evaluate", *files, "--traces", traces)
    assert (code, out) == (2, "")
    assert "options: --traces: found no --trials; allowed: --traces with --trials N" in err
    np.savez(tmp_path / "bad.npz", devices=["stranger"], link=np.ones((1, 1)))
    code, out, err = run("evaluate", *files, "--trials", "100", "--traces", str(tmp_path / "bad.npz"))
    assert (code, out) == (2, "")
    assert "bad.npz: devices[0]: found 'stranger'; allowed: an identifier of the instance" in err


@pytest.mark.parametrize(
    ("options", "named"),
    [(["--trials", "1"], "trials"), (["--deadline", "0"], "deadline"), (["--workers", "0"], "workers")],
)
def test_bad_options_are_named(options: list[str], named: str, files: list[str], run: Run) -> None:
    code, out, err = run("evaluate", *files, "--trials", "10", *options)
    assert (code, out) == (2, "")
    assert f"options: {named}: found" in err
