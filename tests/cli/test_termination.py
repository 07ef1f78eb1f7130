"""SIGTERM, as schedulers send it: commands keep what they have found, and leave nothing else behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import rocoin_opt as ro
from examples import pairs
from executed_plans import ended, fleet
from rocoin_opt.batch.store import Store
from rocoin_opt.documents import readable_json
from rocoin_opt.plan.files import plan_document
from samples import cases

PROGRAM = [sys.executable, "-c", "from rocoin_opt.cli import main; main()"]
PATIENCE = 300.0


@contextmanager
def started(*arguments, **options):
    """Start a command; it is gone in the end."""
    command = [*PROGRAM, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def children(process):
    return [child.pid for child in psutil.Process(process.pid).children()]


def catches(pid, number):
    caught = Path(f"/proc/{pid}/status").read_text().split("SigCgt:")[1].split()[0]
    return int(caught, 16) >> (number - 1) & 1


def waited_for(process, look):
    """Wait until there is something to see, while the command runs."""
    while not (found := look()):
        assert process.poll() is None
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def edge(tmp_path_factory):
    """An instance that the model of all decisions does not prove in minutes."""
    path = tmp_path_factory.mktemp("edge") / "edge.json"
    ro.write_instance(path, ro.generate("edge", devices=60, seed=0))
    return path


def searching(process):
    """Wait for a line of progress, which tells that a search is under way, however slow the machine is."""
    assert "(Ctrl-C " in process.stderr.readline()


@pytest.mark.slow
def test_solve_keeps_its_best_plan(edge, tmp_path):
    out = tmp_path / "out.plan.json"
    with started("solve", edge, "--method", "milp", "--json", "--out", out) as process:
        searching(process)
        # As GNU timeout does.
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        said, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    assert json.loads(said)["solve"]["termination"] in ("feasible", "optimal")
    assert json.loads(said) == json.loads(out.read_text())


@pytest.mark.slow
def test_compare_shows_what_it_has_and_begins_nothing_new(edge):
    with started("compare", edge, "--methods", "milp,greedy,random", "--json") as process:
        searching(process)
        process.send_signal(signal.SIGTERM)
        said, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told
    assert [found["solve"]["method"] for found in json.loads(said)] == ["milp"]
    assert told.splitlines()[-1] == "ended by SIGTERM before greedy, random"


@pytest.mark.slow
def test_frontier_and_replan_keep_what_they_have(edge, tmp_path):
    given = ro.generate("edge", devices=30, seed=0, graph=True)
    instance, plan = tmp_path / "graph.json", tmp_path / "edge.plan.json"
    ro.write_instance(instance, given)
    large = ro.read_instance(edge)
    result = ro.solve(large, "greedy")
    ro.write_plan(plan, large, result)
    lost = result.plan.groups[0].devices[0]
    for command in (("frontier", instance, "--points", 60), ("replan", edge, plan, "--lost", lost, "--max-loads", 7)):
        with started(*command, "--json") as process:
            searching(process)
            process.send_signal(signal.SIGTERM)
            said, told = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, told
        assert json.loads(said)["termination"] in ("limit", "feasible", "complete", "points", "optimal")


@pytest.mark.slow
def test_a_parent_that_ignores_it_has_its_way(edge):
    command = ("solve", edge, "--method", "milp")
    with started(*command, preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)) as process:
        searching(process)
        process.send_signal(signal.SIGTERM)
        # It goes on until somebody else stops it.
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, told


@pytest.mark.slow
def test_batch_says_how_far_it_came_and_goes_on_from_there(tmp_path):
    instance, run = tmp_path / "i.json", tmp_path / "run"
    ro.write_instance(instance, ro.generate("edge", devices=4, seed=0))
    seeds = ",".join(map(str, range(2000)))
    with started("batch", instance, "--out", run, "--methods", "random", "--seeds", seeds, "--json-lines") as process:
        json.loads(process.stdout.readline())
        workers = children(process)
        process.send_signal(signal.SIGTERM)
        said, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    (line,) = told.splitlines()[-1:]
    assert line.startswith("rocoin-opt: terminated after ")
    assert line.endswith(" of 2000 items; the same command continues the run")
    assert ended(workers)
    with Store.open(run) as store:
        assert len(list(store.rows())) >= 1 + len(said.splitlines())


@pytest.mark.slow
def test_a_worker_that_is_sent_it_too_answers_with_no_shortened_search(edge, tmp_path):
    run = tmp_path / "run"
    command = ("batch", edge, "--out", run, "--methods", "milp", "--jobs", 1, "--quiet", "--time-limit", 600)
    with started(*command) as process:
        (worker,) = first = waited_for(process, lambda: children(process))
        # Before it takes work, it takes the signal.
        waited_for(process, lambda: catches(worker, signal.SIGTERM))
        os.kill(worker, signal.SIGTERM)
        assert ended([worker], PATIENCE)
        # Its item is begun again by another one.
        waited_for(process, lambda: set(children(process)) - set(first))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    with Store.open(run) as store:
        assert list(store.rows()) == []


@pytest.mark.parametrize("number", cases([signal.SIGKILL], [signal.SIGTERM]))
@pytest.mark.slow
def test_a_run_leaves_no_process_and_no_file_behind(tmp_path, number):
    instance, plan = fleet([[0.06], [0.06]])
    ro.write_instance(tmp_path / "i.json", instance)
    (tmp_path / "p.json").write_text(readable_json(plan_document(instance, plan, None)))
    (tmp_path / "temporary").mkdir()
    command = ("run", tmp_path / "i.json", tmp_path / "p.json", "--requests", 100_000)
    with started(*command, env={**os.environ, "TMPDIR": str(tmp_path / "temporary")}) as process:
        replicas = waited_for(process, lambda: found if len(found := children(process)) == 2 else [])
        process.send_signal(number)
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert all(line.startswith("run, run: ") for line in told.splitlines())  # Its progress, and no more.
    assert ended(replicas)
    assert list((tmp_path / "temporary").iterdir()) == []


WRITING = """
import os, signal, sys
from pathlib import Path
from rocoin_opt.cli import main

replace = Path.replace
def terminated(self, target):
    os.kill(os.getpid(), signal.SIGTERM)
    return replace(self, target)
Path.replace = terminated
sys.argv[0] = "rocoin-opt"
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["generate", "solve", "report", "replan"])
def test_a_write_that_it_breaks_off_leaves_no_half_of_a_file(tmp_path, command):
    instance, plan = tmp_path / "i.json", tmp_path / "p.json"
    given = pairs()
    ro.write_instance(instance, given)
    ro.write_plan(plan, given, ro.solve(given))
    before = sorted(tmp_path.iterdir())
    out = tmp_path / "out.json"
    arguments: dict[str, list[object]] = {
        "solve": [instance, "--out", out],
        "report": [plan, "--instance", instance, "--out", out],
        "replan": [instance, plan, "--lost", given.devices[0].id, "--left", out],
        "generate": ["edge", "--graph", "--out", out],
    }
    words = [command, "--quiet", *map(str, arguments[command])]
    found = subprocess.run([sys.executable, "-c", WRITING, *words], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (143, "")
    assert sorted(tmp_path.iterdir()) == before
