"""The command ``batch``."""

from __future__ import annotations

import csv
import json
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

import rocoin_opt as ro
from rocoin_opt.batch.solving import State
from rocoin_opt.batch.store import Store
from rocoin_opt.cli import batch_progress
from rocoin_opt.cli.batch_progress import Clock, showing_batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two small instances and a file that is none."""
    made = tmp_path / "instances"
    made.mkdir()
    for seed in range(2):
        ro.write_instance(made / f"edge-{seed}.json", ro.generate("edge", devices=4, seed=seed))
    (made / "notes.json").write_text("{}")
    return made


def table(run: Path) -> list[dict[str, str]]:
    with (run / "results.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_instance_by_every_method(folder: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "run"
    arguments = ("batch", folder, "--out", out, "--methods", "greedy,random", "--objectives", "guaranteed,worst")
    status, said, told = run(*arguments, "--seeds", "0,1", "--time-limit", 20, "--jobs", 1)
    assert (status, said) == (0, f"{out}/results.csv: 16 items, 0 failed\n")
    assert "passed over" in told
    assert "notes.json" in told
    rows = table(out)
    assert len(rows) == 16
    assert {(row["method"], row["objective"], row["seed"]) for row in rows} == {
        (m, o, s) for m in ("greedy", "random") for o in ("guaranteed", "worst") for s in ("0", "1")
    }
    with Store.open(out) as store:
        (first, *_) = store.rows()
        assert (first.options["time_limit"], first.options["grace"]) == (20.0, 10.0)
        plan = ro.read_plan(out / str(first.plan_file), ro.read_instance(first.path))
        assert ro.check(ro.read_instance(first.path), plan) == ()
    # Once more: nothing is left to do, and the table stands.
    assert run(*arguments, "--seeds", "0,1", "--time-limit", 20, "--json-lines", "--quiet") == (0, "", "")
    assert table(out) == rows


@pytest.mark.slow
def test_objectives_of_the_whole_answer_are_taken_or_refused_by_name(folder: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "run"
    arguments = (
        "batch",
        folder,
        "--out",
        out,
        "--methods",
        "rocoin,milp",
        "--objectives",
        "failure,missing",
        "--jobs",
        1,
    )
    assert run(*arguments, "--quiet")[0] == 1
    rows = table(out)
    assert {(row["method"], row["objective"], row["error"].rpartition(", ")[2]) for row in rows} == {
        ("rocoin", "failure", ""),
        ("rocoin", "missing", ""),
        ("milp", "failure", ""),
        ("milp", "missing", "not missing"),
    }
    # Bare numbers, and no time: no deadline of theirs is below a second.
    assert all(0.0 < float(row["objective_value"]) < 1.0 for row in rows if row["method"] == "rocoin")


@pytest.mark.slow
def test_failures_have_a_status_of_their_own(folder: Path, tmp_path: Path, run: Run) -> None:
    (folder / "broken.json").write_text("{")
    out, exported = tmp_path / "run", tmp_path / "all.json"
    arguments = ("batch", folder, "--out", out, "--methods", "greedy", "--quiet", "--export", exported)
    status, said, told = run(*arguments, "--json-lines", "--jobs", 1)
    assert (status, told) == (1, "")
    lines = [json.loads(line) for line in said.splitlines()]
    assert {line["instance"]: line["failure"] for line in lines if line["failure"]} == {"broken": "input"}
    assert len(json.loads(exported.read_text())["items"]) == 3
    # Mended, it is another item, and the old failure is no longer of this run.
    (folder / "broken.json").write_bytes((folder / "edge-0.json").read_bytes().replace(b"edge-4-0", b"edge-4-9"))
    assert run(*arguments, "--jobs", 1)[:2] == (0, f"{out}/results.csv: 3 items, 0 failed\n")


@pytest.mark.slow
def test_options_are_part_of_an_item(folder: Path, tmp_path: Path, run: Run) -> None:
    options = {
        "--grace": ("7", "grace", 7.0),
        "--memory-limit": ("900", "memory_limit", 900_000_000),
        "--gap": ("0.5", "gap", 0.5),
        "--threads": ("2", "threads", 2),
        "--criterion": ("cut", "criterion", "cut"),
    }
    given = [part for name, (value, *_) in options.items() for part in (name, value)]
    instance = folder / "edge-0.json"
    assert run("batch", instance, "--out", tmp_path / "run", "--methods", "greedy", "--latency-only", *given)[0] == 0
    with Store.open(tmp_path / "run") as store:
        (row,) = store.rows()
    assert {field: row.options[field] for _, field, _ in options.values()} == {
        field: value for _, field, value in options.values()
    }
    assert row.options["latency_only"] is True


@pytest.mark.slow
def test_what_is_done_can_be_done_again(folder: Path, tmp_path: Path, run: Run) -> None:
    arguments = ("batch", folder / "edge-0.json", folder / "notes.json", "--out", tmp_path / "run", "--jobs", 1)
    arguments = (*arguments, "--methods", "greedy", "--json-lines", "--quiet")
    assert len(run(*arguments)[1].splitlines()) == 2
    assert len(run(*arguments)[1].splitlines()) == 0
    assert len(run(*arguments, "--force")[1].splitlines()) == 2
    assert [json.loads(line)["instance"] for line in run(*arguments, "--retry-failed")[1].splitlines()] == ["notes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--methods", "guess"), "methods: found 'guess'"),
        (("--objectives", ""), "objectives: found none"),
        (("--seeds", "x"), "--seeds: found 'x'"),
        (("--jobs", "0"), "jobs: found 0"),
        (("--time-limit", "inf"), "time_limit: found inf"),
        (("--memory-limit", "nan"), "--memory-limit: found nan"),
        (("--memory-limit", "inf"), "--memory-limit: found inf"),
        (("--export", "all.txt"), "a name ending in"),
        (("--scheduler", "nonsense://x:1"), "no Dask scheduler answers at nonsense://x:1: unknown address scheme"),
        (("--scheduler", "nowhere"), "no Dask scheduler answers at nowhere: missing port number"),
        (("--scheduler", "tls://127.0.0.1:1"), "needs certificates in the configuration of Dask"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_usage(folder: Path, tmp_path: Path, run: Run, arguments: tuple[str, ...], words: str) -> None:
    status, _, told = run("batch", folder, "--out", tmp_path / "run", "--methods", "greedy", *arguments)
    assert status == 2
    assert words in told


def test_a_run_in_use_and_a_missing_path_are_bad_input(folder: Path, tmp_path: Path, run: Run) -> None:
    with Store.writer(tmp_path / "run"):
        status, _, told = run("batch", folder, "--out", tmp_path / "run")
    assert status == 2
    assert "another process is at work on this run" in told
    assert run("batch", folder / "nothing", "--out", tmp_path / "run")[0] == 2


@pytest.mark.slow
def test_ctrl_c_says_how_far_it_came(folder: Path, tmp_path: Path) -> None:
    seeds = ",".join(map(str, range(2000)))
    code = "from rocoin_opt.cli import main; main()"
    command = [sys.executable, "-c", code, "batch", folder, "--out", tmp_path / "run", "--methods", "random"]
    process = subprocess.Popen([*command, "--seeds", seeds, "--json-lines"], stdout=-1, stderr=-1, text=True)
    assert process.stdout is not None
    json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert re.search(r"interrupted after \d+ of 4000 items; the same command continues the run", told)


CLUSTER = """
import sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_told_in_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cluster.py").write_text(CLUSTER)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, tmp_path / "cluster.py"], text=True, **pipes) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        code = "from rocoin_opt.cli import main; main()"
        command = [sys.executable, "-c", code, "batch", folder, "--out", tmp_path / "run", "--methods", "random"]
        options = ["--scheduler", address, "--seeds", ",".join(map(str, range(2000))), "--json-lines", "--quiet"]
        with subprocess.Popen([*command, *options], stdout=-1, stderr=-1, text=True) as process:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            cluster.kill()
            _, told = process.communicate()
    assert process.returncode == 2
    # What Dask has to say about it, tracebacks too, is for its developers.
    assert re.fullmatch(r"rocoin-opt: .*; the same command continues the run\n", told)


def test_an_interrupt_is_no_traceback(folder: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told_of: list[State] = []

    def interrupted(asked: object, files: object, out: object, observe: Callable[[State], None]) -> list[object]:
        told_of.extend(State(total=9, done=done, failed=0, earlier=0, running=1) for done in range(3))
        for state in told_of if len(told_of) == 3 else ():
            observe(state)
        raise KeyboardInterrupt

    monkeypatch.setattr("rocoin_opt.batch.run_batch", interrupted)
    arguments = ("batch", folder, "--out", tmp_path / "run", "--quiet")
    words = "; the same command continues the run\n"
    assert run(*arguments) == (130, "", f"rocoin-opt: interrupted after 2 of 9 items{words}")
    assert run(*arguments) == (130, "", f"rocoin-opt: interrupted{words}")


def test_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(batch_progress, "PLAIN_INTERVAL", 0.0)
    with showing_batch(False) as show:
        show(State(total=10, done=4, failed=1, earlier=4, running=2))
        show(State(total=10, done=10, failed=1, earlier=4, running=0))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "4 of 10 items done, 1 failed, 2 running, end unknown"
    assert lines[1] == "10 of 10 items done, 1 failed, 0 running, at the end"
    with showing_batch(True) as show:
        show(State(10, 4, 1, 4, 2))
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with showing_batch(False) as show:
        show(State(total=10, done=4, failed=1, earlier=0, running=2))
    assert "4/10" in capsys.readouterr().err


def test_the_end_is_estimated_from_what_this_command_did(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock()
    now[0] = 110.0
    assert clock.left(State(total=100, done=60, failed=0, earlier=50, running=2)) == "0:00:40 left"
